//! A hostile SSH server whose malice is data: what it does on a channel is a list of acts.
//!
//! Requests that no trick is meant for are answered as a good host does, though nothing runs anywhere.
#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "every test file uses its own part of this"
)]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use phalanx_lab::{KeyFormat, KeyKind, KeyPair};
use russh::keys::{PrivateKey, load_secret_key};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, Session, VerifiedPublicKey, run_stream,
};
use russh::{Channel, ChannelId, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// One thing that the server does. In texts, `{n}` is the request's nonce and `{i}` counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Waits for the whole request; without it, acts begin at once, and the nonce is not known.
    Read,
    /// Says something.
    Say(&'static str),
    /// Says something so many times.
    Repeat(usize, &'static str),
    /// Says something for ever.
    Forever(&'static str),
    /// Tells an exit status for ever.
    ExitForever,
    /// Waits until so many bytes have come since the request.
    Await(usize),
    /// Does nothing any more, and keeps the channel.
    Wait,
    /// Closes the channel.
    Close,
    /// Cuts the connection.
    Cut,
}

/// What is asked of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Any,
    Boot,
    Hold,
    Beat,
    Release,
    Facts,
    Probe,
    Job,
    Cancel,
    Collect,
    Put,
    Reboot,
}

/// What it does when it is asked for that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trick {
    pub(crate) name: &'static str,
    pub(crate) when: Asked,
    pub(crate) acts: &'static [Act],
}

/// So many bytes it takes of what is sent, and about as many more.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Takes {
    All,
    About(u32),
}

pub(crate) struct HostileServer {
    pub(crate) address: SocketAddr,
    pub(crate) key: PathBuf,
    pub(crate) connections: Arc<AtomicUsize>,
    folder: tempfile::TempDir,
    _serving: JoinSet<()>,
}

impl HostileServer {
    /// Begins to serve in this process, with these tricks; the first that fits a request counts.
    pub(crate) async fn start(tricks: &[Trick], takes: Takes) -> Self {
        Self::start_with(tricks, takes, 1).await
    }

    /// The same with so many host keys: each connection is shown the next one.
    pub(crate) async fn start_with(tricks: &[Trick], takes: Takes, keys: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = |name: &str| {
            let path = folder.path().join(name);
            KeyPair::generate(&path, KeyKind::Ed25519, KeyFormat::OpenSsh).unwrap();
            path
        };
        let host_keys: Vec<PrivateKey> = (0..keys)
            .map(|number| load_secret_key(key(&format!("host{number}")), None).unwrap())
            .collect();
        let login = key("login");
        let listener = TcpListener::bind((Ipv4Addr::new(127, 9, 8, 7), 0))
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (counter, tricks) = (connections.clone(), Arc::new(tricks.to_vec()));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut sessions = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let number = counter.fetch_add(1, Ordering::Relaxed);
                let mut config = Config {
                    keys: vec![host_keys[number % host_keys.len()].clone()],
                    nodelay: true,
                    ..Config::default()
                };
                if let Takes::About(bytes) = takes {
                    config.window_size = bytes;
                }
                let (cut, is_cut) = mpsc::channel(1);
                let host = Host {
                    tricks: tricks.clone(),
                    takes,
                    cut,
                    opened: None,
                };
                sessions.spawn(serve(config, stream, host, is_cut));
            }
        });
        Self {
            address,
            key: login,
            connections,
            folder,
            _serving: serving,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

async fn serve(
    config: Config,
    stream: tokio::net::TcpStream,
    host: Host,
    mut is_cut: mpsc::Receiver<()>,
) {
    if let Ok(session) = run_stream(Arc::new(config), stream, host).await {
        let handle = session.handle();
        tokio::select! {
            _ = session => {}
            Some(()) = is_cut.recv() => {
                let bye = russh::Disconnect::ByApplication;
                let _ = handle.disconnect(bye, String::new(), String::new()).await;
            }
        }
    }
}

/// One connection.
struct Host {
    tricks: Arc<Vec<Trick>>,
    takes: Takes,
    cut: mpsc::Sender<()>,
    opened: Option<oneshot::Sender<String>>,
}

impl Handler for Host {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _: &str,
        _: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        let (opened, command) = oneshot::channel();
        self.opened = Some(opened);
        let (tricks, cut) = (self.tricks.clone(), self.cut.clone());
        tokio::spawn(async move {
            if let Ok(command) = command.await {
                act(channel, command, &tricks, &cut).await;
            }
        });
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)?;
        if let Some(opened) = self.opened.take() {
            let _ = opened.send(String::from_utf8_lossy(command).into_owned());
        }
        Ok(())
    }

    fn adjust_window(&mut self, _: ChannelId, current: u32) -> u32 {
        match self.takes {
            Takes::All => current,
            Takes::About(_) => 0,
        }
    }
}

/// Reads the request while it acts.
async fn act(channel: Channel<Msg>, command: String, tricks: &[Trick], cut: &mpsc::Sender<()>) {
    let (read, write) = channel.split();
    let (request, mut whole) = mpsc::channel(1);
    let (counter, mut came) = watch::channel(0);
    let reading = tokio::spawn(read_all(read, command, request, counter));
    let mut known = None;
    let at_once = tricks
        .iter()
        .find(|trick| trick.when == Asked::Any && !matches!(trick.acts.first(), Some(Act::Read)));
    let acts = match at_once {
        Some(trick) => trick.acts,
        None => {
            let Some((nonce, text)) = whole.recv().await else {
                return;
            };
            let asked = asked(&text);
            known = Some(nonce);
            tricks
                .iter()
                .find(|trick| trick.when == asked || trick.when == Asked::Any)
                .map_or_else(|| well(asked), |trick| trick.acts)
        }
    };
    for act in acts {
        let said = match act {
            Act::Read => {
                if known.is_none() {
                    known = whole.recv().await.map(|(nonce, _)| nonce);
                }
                Ok(())
            }
            Act::Say(text) => say(&write, &known, text, 1).await,
            Act::Repeat(times, text) => say(&write, &known, text, *times).await,
            Act::Forever(text) => say(&write, &known, text, usize::MAX).await,
            Act::ExitForever => loop {
                if write.exit_status(7).await.is_err() {
                    break Err(());
                }
            },
            Act::Await(bytes) => {
                let wanted = |came: &usize| came >= bytes;
                came.wait_for(wanted).await.map(drop).map_err(drop)
            }
            Act::Wait => std::future::pending().await,
            Act::Close => write.close().await.map_err(drop),
            Act::Cut => {
                let _ = cut.send(()).await;
                Ok(())
            }
        };
        if said.is_err() {
            return;
        }
    }
    let _ = write.exit_status(0).await;
    let _ = write.close().await;
    reading.abort();
}

/// Says a text so many times, in large pieces.
async fn say(
    write: &ChannelWriteHalf<Msg>,
    nonce: &Option<String>,
    text: &str,
    mut times: usize,
) -> Result<(), ()> {
    let text = text.replace("{n}", nonce.as_deref().unwrap_or_default());
    let counts = text.contains("{i}");
    let together = if text.len() == 1 {
        1
    } else {
        (30_000 / text.len()).max(1)
    };
    let same = Bytes::from(text.repeat(together));
    let mut number = 0;
    while times > 0 {
        let now = together.min(times);
        let piece = if counts {
            let texts = (number..number + now).map(|i| text.replace("{i}", &i.to_string()));
            Bytes::from(texts.collect::<String>())
        } else {
            same.slice(..now * text.len())
        };
        number += now;
        times -= now;
        write.data_bytes(piece).await.map_err(drop)?;
    }
    Ok(())
}

/// Takes what comes, and hands on the request once it is whole.
async fn read_all(
    mut read: ChannelReadHalf,
    command: String,
    request: mpsc::Sender<(String, String)>,
    came: watch::Sender<usize>,
) {
    let length = command
        .split_once("head -c ")
        .and_then(|(_, rest)| rest.split(')').next()?.parse::<usize>().ok());
    let mut text = Vec::new();
    let mut told = false;
    while let Some(message) = read.wait().await {
        let ChannelMsg::Data { data } = message else {
            continue;
        };
        if told {
            came.send_modify(|came| *came += data.len());
            continue;
        }
        text.extend_from_slice(&data);
        let is_whole = match length {
            Some(length) => text.len() >= length,
            None => text.ends_with(b"\nexit 0\n}\n"),
        };
        if is_whole {
            let text = String::from_utf8_lossy(&text).into_owned();
            let nonce = text.split_once("px_nonce=").unwrap().1;
            let nonce = nonce.get(..32).unwrap().to_owned();
            let _ = request.send((nonce, text)).await;
            told = true;
        }
    }
}

fn asked(request: &str) -> Asked {
    let signs = [
        ("verb='hold'", Asked::Hold),
        ("verb='beat'", Asked::Beat),
        ("verb='release'", Asked::Release),
        ("verb='start'", Asked::Job),
        ("verb='attach'", Asked::Job),
        ("\nbring\n", Asked::Put),
        ("\nprefix=", Asked::Collect),
        ("\ngrace=", Asked::Cancel),
        ("systemctl reboot", Asked::Reboot),
        ("PX_STAGE=", Asked::Probe),
        ("px_script=", Asked::Facts),
    ];
    let found = signs.iter().find(|(sign, _)| request.contains(sign));
    found.map_or(Asked::Boot, |(_, asked)| *asked)
}

/// What a good host answers.
fn well(asked: Asked) -> &'static [Act] {
    use Act::Say;
    const END: Act = Say("\n@{n} end rc=0 from=1.00 to=1.10\n\n@{n} done\n");
    match asked {
        Asked::Any | Asked::Boot => &[Say("@{n} head boot=hostile.1\n")],
        Asked::Hold => &[Say("@{n} head held fence=1\n")],
        Asked::Beat | Asked::Release | Asked::Collect => &[Say("@{n} head\n")],
        Asked::Cancel => &[Say("@{n} head over\n")],
        Asked::Facts | Asked::Probe => &[Say("@{n} head boot=hostile.1\n"), END],
        Asked::Job => &[
            Say("@{n} head mark={n}\n"),
            Say("\n@{n} end ended rc=0 cancel=0 term=0 left=0 full=0 from=1.00 to=1.10 boot=x\n"),
            Say("\n@{n} done\n"),
        ],
        Asked::Put => &[Say("@{n} head\n\n@{n} file have\n"), END],
        Asked::Reboot => &[Say("@{n} head\n"), END],
    }
}
