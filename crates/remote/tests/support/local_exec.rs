use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use phalanx_remote::LostError;
use phalanx_remote::exec::{Exec, ExecChannel, FromHost};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::process::Command;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// Runs commands on this machine as an SSH server would run them: by a login shell, with pipes or
/// with a raw terminal.
#[derive(Clone)]
pub(crate) struct LocalExec {
    shell: String,
    /// A folder whose programs come before all others.
    pub(crate) programs: Option<PathBuf>,
    /// The connection is lost after so many bytes of stdout.
    pub(crate) cut_after: Option<usize>,
    /// The connection is lost before so many bytes of stdin went out.
    pub(crate) cut_input_after: Option<usize>,
    /// What the login does before the command.
    pub(crate) noise: String,
    /// A cgroup folder that the commands run in.
    pub(crate) cgroup: Option<PathBuf>,
    /// A process in whose mount namespace the commands run; they have no terminal then.
    pub(crate) mounts_of: Option<u32>,
    /// How many channels were opened, and how many of them with a terminal.
    pub(crate) opened: Arc<AtomicUsize>,
    pub(crate) terminals: Arc<AtomicUsize>,
}

impl LocalExec {
    pub(crate) fn new(shell: &str) -> Self {
        Self {
            shell: shell.to_owned(),
            programs: None,
            cut_after: None,
            cut_input_after: None,
            noise: String::new(),
            cgroup: None,
            mounts_of: None,
            opened: Arc::default(),
            terminals: Arc::default(),
        }
    }

    fn command(&self, command: &str, tty: bool) -> Command {
        let enter = match &self.cgroup {
            Some(folder) => format!("echo $$ >{}/cgroup.procs; ", folder.display()),
            None => String::new(),
        };
        let mut child = if tty {
            // The terminal becomes the controlling one, so that its end is a hangup.
            let mut child = Command::new("setsid");
            child.args(["--ctty", "--wait", &self.shell]);
            child
        } else if let Some(process) = self.mounts_of {
            let mut child = Command::new("nsenter");
            child.args([&format!("--target={process}"), "--mount", "--", &self.shell]);
            child
        } else {
            Command::new(&self.shell)
        };
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let programs = self
            .programs
            .iter()
            .map(|folder| format!("{}:", folder.display()));
        child
            .arg("-c")
            .arg(format!("{enter}{}\n{command}", self.noise))
            .env_clear()
            .env("PATH", programs.collect::<String>() + path)
            .env("HOME", "/nowhere")
            .env("SSH_CLIENT", "127.0.0.1 1 2")
            .env("LANG", "de_DE.UTF-8");
        child
    }
}

#[async_trait]
impl Exec for LocalExec {
    async fn open(&self, command: &str, tty: bool) -> Result<Box<dyn ExecChannel>, LostError> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let mut child = self.command(command, tty);
        let (sender, receiver) = unbounded_channel();
        let mut tasks = JoinSet::new();
        let stdin = if tty {
            self.terminals.fetch_add(1, Ordering::Relaxed);
            let (ours, theirs) = raw_terminal();
            let [one, two] = [(); 2].map(|()| theirs.try_clone().expect("a descriptor"));
            child.stdin(one).stdout(two).stderr(theirs);
            let mut process = child.spawn().expect("setsid starts");
            drop(child);
            let output = Receiver::from_owned_fd_unchecked(ours.try_clone().expect("a descriptor"))
                .expect("it can be waited for");
            let input = Sender::from_owned_fd_unchecked(ours).expect("it can be waited for");
            tasks.spawn(async move {
                forward(output, FromHost::Stdout, &sender).await;
                let _ = sender.send(ending(process.wait().await.expect("it is ours")));
            });
            Some(Box::new(input) as Input)
        } else {
            child
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut process = child.spawn().expect("the shell starts");
            let stdout = process.stdout.take().expect("it is piped");
            let stderr = process.stderr.take().expect("it is piped");
            let stdin = process.stdin.take().map(|stdin| Box::new(stdin) as Input);
            tasks.spawn(async move {
                tokio::join!(
                    forward(stdout, FromHost::Stdout, &sender),
                    forward(stderr, FromHost::Stderr, &sender)
                );
                let _ = sender.send(ending(process.wait().await.expect("it is ours")));
            });
            stdin
        };
        let (left, input_left) = (self.cut_after, self.cut_input_after);
        Ok(Box::new(LocalChannel {
            stdin,
            terminal: tty,
            receiver,
            tasks,
            left,
            input_left,
        }))
    }
}

type Input = Box<dyn AsyncWrite + Send + Unpin>;

struct LocalChannel {
    /// For a terminal as for a pipe; `None` once it has ended.
    stdin: Option<Input>,
    terminal: bool,
    receiver: UnboundedReceiver<FromHost>,
    tasks: JoinSet<()>,
    left: Option<usize>,
    input_left: Option<usize>,
}

#[async_trait]
impl ExecChannel for LocalChannel {
    async fn send(&mut self, bytes: &[u8]) -> Result<(), LostError> {
        let mut bytes = bytes.to_vec();
        let cut = self.input_left.is_some_and(|left| left < bytes.len());
        if let Some(left) = &mut self.input_left {
            bytes.truncate(*left);
            *left -= bytes.len();
        }
        if let Some(stdin) = &mut self.stdin {
            // As with sshd: what a command does not read any more is dropped.
            let _ = stdin.write_all(&bytes).await;
        }
        if cut { Err(self.lose().await) } else { Ok(()) }
    }

    async fn end_input(&mut self) -> Result<(), LostError> {
        // A raw terminal has no end of input.
        if !self.terminal {
            self.stdin = None;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<FromHost>, LostError> {
        if self.left == Some(0) {
            return Err(self.lose().await);
        }
        let mut next = self.receiver.recv().await;
        if let (Some(left), Some(FromHost::Stdout(bytes))) = (&mut self.left, &mut next) {
            bytes.truncate(*left);
            *left -= bytes.len();
        }
        Ok(next)
    }

    async fn close(&mut self) {
        self.lose().await;
    }
}

impl LocalChannel {
    async fn lose(&mut self) -> LostError {
        self.stdin = None;
        self.tasks.shutdown().await;
        self.receiver.close();
        LostError {
            reason: "cut by the test".into(),
        }
    }
}

async fn forward(
    mut from: impl AsyncRead + Unpin,
    kind: impl Fn(Bytes) -> FromHost,
    to: &UnboundedSender<FromHost>,
) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        let _ = to.send(kind(Bytes::copy_from_slice(&buffer[..n])));
    }
}

fn ending(status: std::process::ExitStatus) -> FromHost {
    use std::os::unix::process::ExitStatusExt as _;
    match status.code() {
        Some(code) => FromHost::Exit(code),
        None => FromHost::Killed(status.signal().unwrap_or(0)),
    }
}

fn raw_terminal() -> (OwnedFd, File) {
    let ours =
        openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&ours).expect("it is ours");
    unlockpt(&ours).expect("it is ours");
    let name = ptsname(&ours, Vec::new()).expect("it has a name");
    let theirs = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().expect("ASCII"));
    let theirs = theirs.expect("it opens");
    let mut modes = tcgetattr(&theirs).expect("it is a terminal");
    modes.make_raw();
    tcsetattr(&theirs, OptionalActions::Now, &modes).expect("it is a terminal");
    rustix::io::ioctl_fionbio(&ours, true).expect("it can");
    (ours, theirs)
}
