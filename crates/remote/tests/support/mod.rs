//! A host to try the host protocol on: this machine, without SSH.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests say what they expect by unwrapping"
)]
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

mod local_exec;
mod recorder;
mod small_disk;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use phalanx_remote::{
    HostOptions, HostProtocol, JobCall, JobEnd, JobError, JobId, JobKeeper, JobStart, Script,
};
use tempfile::TempDir;

pub(crate) use local_exec::LocalExec;
pub(crate) use recorder::Recorder;
pub(crate) use small_disk::{Mounts, SmallDisk};

/// How long anything may take before a test has failed.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A host with a spool of its own, and one shell that plays `/bin/sh`.
pub(crate) struct Host {
    pub(crate) shell: String,
    pub(crate) folder: TempDir,
    pub(crate) exec: LocalExec,
}

impl Host {
    fn new(program: &str) -> Self {
        // Not below the project: who runs the tests as root may have that in another user's home, where
        // no spool may be.
        let folder = tempfile::tempdir().expect("a folder");
        // Under this name bash behaves as it does where it is /bin/sh.
        let shell = folder.path().join("sh");
        std::os::unix::fs::symlink(program, &shell).expect("a link");
        let shell = shell.to_str().expect("UTF-8").to_owned();
        Self {
            exec: LocalExec::new(&shell),
            shell,
            folder,
        }
    }

    /// One host for each shell that hosts have as `/bin/sh`.
    pub(crate) fn each() -> Vec<Self> {
        ["/bin/dash", "/bin/bash"].map(Self::new).into()
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    pub(crate) fn job_folder(&self, id: &JobId) -> PathBuf {
        self.spool().join("j").join(id.as_str())
    }

    pub(crate) fn options(&self) -> HostOptions {
        HostOptions {
            sudo: false,
            spool: self.spool().to_str().expect("UTF-8").to_owned(),
            jobs: JobKeeper::Session,
            stall_timeout: LIMIT,
        }
    }

    pub(crate) fn protocol(&self) -> HostProtocol {
        self.protocol_over(self.exec.clone(), self.options())
    }

    pub(crate) fn protocol_over(&self, exec: LocalExec, options: HostOptions) -> HostProtocol {
        HostProtocol::new(Arc::new(exec), options)
            .with_shell(&self.shell)
            .with_root(rustix::process::geteuid().as_raw())
    }

    /// Starts a job and follows it to its end.
    pub(crate) async fn run(&self, id: &JobId, text: &str) -> (JobEnd, Recorder) {
        let mut recorder = Recorder::default();
        let end = start(&self.protocol(), id, text, &mut recorder)
            .await
            .expect("the job is told");
        (end, recorder)
    }

    /// A named pipe in the host's folder: `read line <PIPE` in a script waits for it.
    pub(crate) fn pipe(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).expect("a pipe");
        path
    }

    /// The processes that the host runs for us, jobs and requests: its shell is nobody else's.
    pub(crate) fn processes(&self) -> Vec<String> {
        processes_with(&self.shell)
    }

    /// The process that watches over a job.
    pub(crate) fn wrapper(&self, id: &JobId) -> i32 {
        let text = std::fs::read_to_string(self.job_folder(id).join("pid")).expect("it runs");
        text.split(' ')
            .next()
            .and_then(|pid| pid.parse().ok())
            .expect("a number")
    }

    /// Waits until nothing of ours runs any more.
    pub(crate) async fn idle(&self) {
        until("all is over", || self.processes().is_empty()).await;
    }

    /// Waits until nobody follows the job any more; it may go on.
    pub(crate) async fn unfollowed(&self, id: &JobId) {
        let tail = format!("--pid={} ", self.wrapper(id));
        let serving = || self.processes().iter().any(|line| line.contains("-c eval"));
        until("nobody follows", || {
            !serving() && processes_with(&tail).is_empty()
        })
        .await;
    }
}

/// The command lines that hold this text.
pub(crate) fn processes_with(text: &str) -> Vec<String> {
    std::fs::read_dir("/proc")
        .expect("it is there")
        .flatten()
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(text))
        .collect()
}

pub(crate) fn id(name: &str) -> JobId {
    JobId::new("run1", name, "host1", 1)
}

pub(crate) fn script(text: &str) -> Script {
    Script {
        text: text.to_owned(),
        ..Script::default()
    }
}

pub(crate) fn call<'a>(id: &'a JobId, start: Option<&'a Script>) -> JobCall<'a> {
    let start = start.map(|script| JobStart {
        script,
        secrets: None,
    });
    JobCall {
        id,
        fence: 0,
        start,
        offset: 0,
    }
}

pub(crate) async fn start(
    protocol: &HostProtocol,
    id: &JobId,
    text: &str,
    recorder: &mut Recorder,
) -> Result<JobEnd, JobError> {
    let script = script(text);
    within(protocol.job(call(id, Some(&script)), recorder)).await
}

pub(crate) async fn attach(
    protocol: &HostProtocol,
    id: &JobId,
    offset: u64,
    recorder: &mut Recorder,
) -> Result<JobEnd, JobError> {
    within(protocol.job(
        JobCall {
            offset,
            ..call(id, None)
        },
        recorder,
    ))
    .await
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future)
        .await
        .expect("it takes too long")
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < LIMIT, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Writes a line into a named pipe, once somebody reads it.
pub(crate) async fn release(pipe: PathBuf) {
    within(tokio::task::spawn_blocking(move || {
        std::fs::write(pipe, "go\n")
    }))
    .await
    .expect("it does not panic")
    .expect("it is read");
}

/// Writes a program.
pub(crate) fn program(folder: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join(name);
    std::fs::write(&path, text).expect("it can be written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
}
