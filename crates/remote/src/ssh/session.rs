//! One connection, logged in: runs commands, and knows when it is lost.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use russh::client::{Config, Handle, connect_stream};
use russh::{Disconnect, Pty, SshId};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout;

use super::algorithms::preferred;
use super::auth::log_in;
use super::channel::SshChannel;
use super::dial::{Dialled, dial};
use super::handler::{Ending, HandlerError, HostHandler, SharedSeen, ended};
use super::handshake_limit::HandshakeLimit;
use super::keys::KeyFiles;
use super::known_hosts::{HostName, algorithms};
use super::known_hosts_files::{KnownHost, KnownHosts};
use super::pinned_keys::PinnedKeys;
use super::target::SshTarget;
use crate::error::{ConnectError, LostError};
use crate::exec::{Exec, ExecChannel};
use crate::port::Greeting;

/// How many questions for a sign of life may go unanswered.
const KEEPALIVES: u32 = 3;

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// How long a server may take to notice that a login is over.
const SETTLE: Duration = Duration::from_secs(10);

/// What a raw terminal does not do: so it passes all 8 bits, both ways.
const RAW: [(Pty, u32); 12] = [
    (Pty::ECHO, 0),
    (Pty::ICANON, 0),
    (Pty::ISIG, 0),
    (Pty::OPOST, 0),
    (Pty::ICRNL, 0),
    (Pty::INLCR, 0),
    (Pty::IGNCR, 0),
    (Pty::IXON, 0),
    (Pty::IXOFF, 0),
    (Pty::IEXTEN, 0),
    (Pty::ISTRIP, 0),
    (Pty::INPCK, 0),
];

/// One SSH connection to one host, without the job protocol. Dropping it cuts the connection.
pub struct SshSession {
    handle: Arc<Handle<HostHandler>>,
    ending: Ending,
    greeting: Greeting,
    /// We said goodbye.
    closing: AtomicBool,
    /// How long a channel may take to open.
    open_within: Duration,
    /// Cuts the connection when it goes; whatever the session was doing.
    _cut: oneshot::Sender<Infallible>,
}

impl SshSession {
    /// Connects and logs in.
    pub(crate) async fn open(
        target: &SshTarget,
        limit: &HandshakeLimit,
        keys: &KeyFiles,
        known_hosts: &Arc<KnownHosts>,
        pinned: &Arc<PinnedKeys>,
    ) -> Result<Self, ConnectError> {
        // Before the host is called: a large file takes time that is not the login's.
        let name = HostName::new(&target.address, target.port);
        let known = known_hosts.about(name, &target.known_hosts).await?;
        let dialled = dial(target, limit).await?;
        let address = target.endpoint();
        let within = target.auth_timeout;
        timeout(
            within,
            Self::handshake(target, dialled, keys, known, pinned),
        )
        .await
        .map_err(|_elapsed| ConnectError::AuthTimeout { address, within })?
    }

    async fn handshake(
        target: &SshTarget,
        Dialled {
            stream,
            cut,
            permit,
        }: Dialled,
        keys: &KeyFiles,
        known: KnownHost,
        pinned: &Arc<PinnedKeys>,
    ) -> Result<Self, ConnectError> {
        let address = target.endpoint();
        let mut first = algorithms(&known.keys);
        first.extend(pinned.algorithm(&known.name));
        let config = Arc::new(config(target, &first));
        let host = known.name.as_str().to_owned();
        let policy = target.host_keys;
        let (handler, seen, ending) = HostHandler::new(host, known, policy, pinned.clone());

        let mut handle = connect_stream(config, stream, handler)
            .await
            .map_err(|error| refusal(&address, &seen, error))?;
        Box::pin(log_in(&mut handle, target, keys, &seen)).await?;

        drop(permit.all);
        let handle = Arc::new(handle);
        hold_until_settled(permit.endpoint, Arc::clone(&handle));
        let greeting = seen.lock().greeting();
        Ok(Self {
            handle,
            ending,
            greeting,
            closing: AtomicBool::new(false),
            open_within: target.stall_timeout,
            _cut: cut,
        })
    }

    /// What was learned while connecting.
    pub fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// Returns when the connection is no more.
    pub async fn lost(&self) -> LostError {
        let lost = ended(&self.ending).await;
        if self.closing.load(Ordering::Relaxed) {
            // What the host did then was only an answer.
            return LostError {
                reason: "it was closed here".into(),
            };
        }
        lost
    }

    /// Says goodbye, and waits a moment for it to be over.
    pub async fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        let goodbye = async {
            let said = self
                .handle
                .disconnect(Disconnect::ByApplication, "", "")
                .await;
            if said.is_ok() {
                self.lost().await;
            }
        };
        // A session that is stuck is cut when it is dropped.
        let _ = timeout(GOODBYE, goodbye).await;
    }
}

#[async_trait]
impl Exec for SshSession {
    async fn open(&self, command: &str, tty: bool) -> Result<Box<dyn ExecChannel>, LostError> {
        let opening = async {
            let channel = match self.handle.channel_open_session().await {
                Ok(channel) => channel,
                Err(russh::Error::ChannelOpenFailure(why)) => {
                    let reason = format!("the host opens no channel ({why:?})");
                    return Err(LostError { reason });
                }
                Err(_) => return Err(self.lost().await),
            };
            // Nobody waits for the answers here: they come with the output, and the input can
            // already go.
            let mut asked = Vec::new();
            let sent = async {
                if tty {
                    asked.push("give a terminal");
                    channel
                        .request_pty(true, "dumb", 80, 24, 0, 0, &RAW)
                        .await?;
                }
                asked.push("run a command");
                channel.exec(true, command).await
            };
            match sent.await {
                Ok(()) => Ok(SshChannel::new(channel, asked, self.ending.clone())),
                Err(_) => Err(self.lost().await),
            }
        };
        match timeout(self.open_within, opening).await {
            Ok(opened) => opened.map(|channel| Box::new(channel) as Box<dyn ExecChannel>),
            Err(_elapsed) => {
                let within = crate::error::human(self.open_within);
                Err(LostError {
                    reason: format!("no channel was opened within {within}"),
                })
            }
        }
    }
}

fn config(target: &SshTarget, first: &[String]) -> Config {
    let ask = (!target.keepalive.is_zero()).then_some(target.keepalive);
    Config {
        client_id: SshId::Standard(concat!("SSH-2.0-phalanx_", env!("CARGO_PKG_VERSION")).into()),
        preferred: preferred(first),
        keepalive_interval: ask,
        keepalive_max: KEEPALIVES as usize,
        // Answers to keepalives reset this. It ends a session that is stuck in a write, which asks
        // for no sign of life.
        inactivity_timeout: ask.map(|ask| ask * (KEEPALIVES + 2)),
        nodelay: true,
        ..Config::default()
    }
}

/// Why a key exchange failed.
fn refusal(address: &str, seen: &SharedSeen, error: HandlerError) -> ConnectError {
    let mut seen = seen.lock();
    if let Some(refusal) = seen.refusal.take() {
        return refusal;
    }
    let address = address.to_owned();
    let HandlerError::Ssh(error) = error else {
        return ConnectError::Handshake {
            address,
            reason: "its host key was refused".into(),
        };
    };
    match error {
        russh::Error::Disconnect | russh::Error::HUP | russh::Error::IO(_) => {
            match seen.farewell.take() {
                Some(said) => ConnectError::Handshake {
                    address,
                    reason: format!("it says: {said}"),
                },
                None => ConnectError::ClosedEarly { address },
            }
        }
        russh::Error::NoCommonAlgo { kind, theirs, .. } => ConnectError::Handshake {
            address,
            reason: format!(
                "it offers no {} that is known here, only {}",
                match kind {
                    russh::AlgorithmKind::Kex => "key exchange",
                    russh::AlgorithmKind::Key => "kind of host key",
                    russh::AlgorithmKind::Cipher => "cipher",
                    russh::AlgorithmKind::Compression => "compression",
                    russh::AlgorithmKind::Mac => "MAC",
                },
                theirs.join(", ")
            ),
        },
        russh::Error::Version => ConnectError::Handshake {
            address,
            reason: "it does not speak SSH 2".into(),
        },
        other => ConnectError::Handshake {
            address,
            reason: other.to_string(),
        },
    }
}

/// Keeps the permit until the server counts this login no longer as one in progress. That is some
/// milliseconds after the client knows that it is in: only the part of an sshd that runs after the
/// login answers a ping.
fn hold_until_settled(permit: OwnedSemaphorePermit, handle: Arc<Handle<HostHandler>>) {
    tokio::spawn(async move {
        let _ = timeout(SETTLE, handle.send_ping()).await;
        drop(permit);
    });
}
