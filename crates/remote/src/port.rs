//! The port to a host: what can be asked of a connection, and what comes back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::{ConnectError, JobError, LostError, ProbeError, PutError, RequestError};

/// Opens connections to hosts. Knows each host by its name in the cluster file.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Connects and logs in, within the host's own time limits. One call is one attempt: whether
    /// and when to try again is the caller's business, by [`ConnectError::is_transient`].
    async fn connect(&self, host: &str) -> Result<Box<dyn Connection>, ConnectError>;
}

/// One connection to one host, kept for the whole run. All methods may be called at the same time:
/// each takes a channel of its own.
#[async_trait]
pub trait Connection: Send + Sync {
    /// What was learned while connecting.
    fn greeting(&self) -> &Greeting;

    /// Runs a script on a direct channel: no job, nothing left on the host, lost with the
    /// connection. Stdout and stderr go to `output` as they come.
    async fn probe(
        &self,
        script: &Script,
        output: &mut dyn OutputSink,
    ) -> Result<ProbeEnd, ProbeError>;

    /// Starts a job, or attaches to it, and follows it to its end. Output from `call.offset` on
    /// goes to `watch`. [`RequestError::Lost`] means that the job goes on without us: connect again and
    /// attach at the offset reached.
    async fn job(&self, call: JobCall<'_>, watch: &mut dyn JobWatch) -> Result<JobEnd, JobError>;

    /// Ends a job's whole process tree, politely first; after `grace` by force. Succeeds when the
    /// job is over, however it ended, and when there is no such job.
    async fn cancel_job(&self, id: &JobId, fence: u64, grace: Duration) -> Result<(), JobError>;

    /// Removes everything that the ended jobs of a run left in the spool. Jobs still running stay.
    async fn collect_jobs(&self, run: &str, fence: u64) -> Result<(), JobError>;

    /// Takes the host for a run, where nobody else holds it. `seen` is a holder that was found before and
    /// is known to be dead: it is taken from that one, if nothing has changed since.
    async fn hold(&self, me: &HolderWords, seen: Option<&HolderWords>) -> Result<Hold, JobError>;

    /// Gives a sign of life to whoever else would take the host.
    async fn beat(&self, me: &HolderWords, fence: u64) -> Result<(), JobError>;

    /// Lets the host go. Collecting does so as well.
    async fn release(&self, fence: u64) -> Result<(), JobError>;

    /// Brings files to the host, in order: each complete or not at all, and not at all where it is
    /// there already. What came of each goes to `done`, also where a later one fails. Gives how long the
    /// host worked on it, by its own clock.
    async fn put_all(
        &self,
        files: &[FileToPut],
        fence: u64,
        done: &mut Vec<PutOutcome>,
    ) -> Result<Duration, PutError>;

    /// Which boot of the host this is.
    async fn boot_identity(&self) -> Result<BootIdentity, RequestError>;

    /// Asks the host to reboot. Returns once the host has taken the request; the connection is then
    /// lost at some moment.
    async fn request_reboot(&self, fence: u64) -> Result<(), RequestError>;

    /// Returns when the connection is no more.
    async fn lost(&self) -> LostError;

    /// Says goodbye.
    async fn close(&self);
}

/// Who holds a host. All texts are single words on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HolderWords {
    /// The process, so named that no other has this name, ever and anywhere.
    pub process: String,
    /// How often it has given a sign of life.
    pub beats: u64,
    /// Whether it works already.
    pub stance: Stance,
    /// Who stays where two take hosts at the same time: the higher one. Drawn once by each process.
    pub rank: u64,
    /// The run.
    pub run: String,
    /// Who started it.
    pub owner: String,
    /// On which machine.
    pub machine: String,
    /// Since when, by that machine's clock: for people.
    pub since: String,
    /// What that run calls this host.
    pub host: String,
}

/// How far whoever holds a host has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stance {
    /// It takes its hosts, and has begun nothing anywhere.
    Taking,
    /// It may have scripts at work.
    #[default]
    Working,
}

/// What became of taking a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It is ours.
    Taken {
        /// The number that our requests carry from now on: all others are refused.
        fence: u64,
    },
    /// Somebody else has it.
    Busy {
        /// Who.
        them: HolderWords,
        /// How long ago they gave their last sign of life, by the clock of the host that counts from its boot.
        /// None: not known, the host was rebooted since.
        quiet_for: Option<Duration>,
    },
    /// Nobody has it, and these jobs of other runs still run there.
    Jobs(Vec<LeftJob>),
    /// This very process holds it already, under another name: two hosts of the plan are one machine.
    Twice {
        /// The other name.
        host: String,
    },
}

/// A job of another run that still runs on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftJob {
    /// Which.
    pub id: JobId,
    /// Whether the spool knows nothing of it: its folder was removed under it.
    pub folder_gone: bool,
}

/// What was learned while connecting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Greeting {
    /// How the server named itself, such as `SSH-2.0-OpenSSH_6.6.1`.
    pub server: String,
    /// Things the operator should know, each said once: a host key that was new, a weak signature.
    pub notices: Vec<String>,
}

/// A POSIX sh script and what it is given. `changed`, `already`, `fact`, `problem` and `px_facts` and
/// the like are defined before its first line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Its text.
    pub text: String,
    /// Environment: names are `[A-Za-z_][A-Za-z0-9_]*`, values any text without NUL. What is too long
    /// for a variable is beside it: `px_facts` and the like print it.
    pub env: Vec<(String, String)>,
    /// More of it: texts that many hosts are given, and that may be long.
    pub shared: Vec<(String, Arc<str>)>,
}

/// Takes a host's output as it comes.
pub trait OutputSink: Send {
    /// The next bytes. An error ends the call that produced them.
    fn output(&mut self, bytes: &[u8]) -> std::io::Result<()>;
}

impl OutputSink for Vec<u8> {
    fn output(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// How a probe ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeEnd {
    /// Its exit status; 128 and the signal's number where a signal ended it.
    pub status: i32,
    /// The result lines it wrote (see `docs/design/script-contract.md`).
    pub result: String,
    /// Which boot of the host it ran in.
    pub boot: BootIdentity,
    /// How long it ran by the host's own clock, in hundredths of a second; nothing where the script
    /// ended the shell that it ran in.
    pub took: Option<Duration>,
}

/// Names a job: unique for run, task and attempt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(String);

impl JobId {
    /// `RUN.STAGE.HOST.ATTEMPT`; every part is a plain name (letters, digits, `_`, `-`, `.`), so
    /// that the id is safe as a file's and a systemd unit's name.
    pub fn new(run: &str, stage: &str, host: &str, attempt: u32) -> Self {
        Self(format!("{run}.{stage}.{host}.{attempt}"))
    }

    /// An id that somebody told; none where it could not be one. It is safe in a command then.
    pub fn told(text: &str) -> Option<Self> {
        is_plain_name(text).then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The run that the job is of.
    pub fn run(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Letters, digits, `.`, `_` and `-`, not beginning with a dot or a dash, at most 200: safe as a file's and a
/// unit's name.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let begins_well = |b: u8| !matches!(b, b'.' | b'-');
    name.len() <= 200 && name.bytes().all(plain) && name.bytes().next().is_some_and(begins_well)
}

/// What to do about a job.
#[derive(Clone, Debug)]
pub struct JobCall<'a> {
    /// Which job.
    pub id: &'a JobId,
    /// The fencing number of the run on this host: a host refuses every number but the one that it gave
    /// last. 0 is a run that only looks, and is not refused.
    pub fence: u64,
    /// Given: start the job unless it exists. Not given: only attach.
    pub start: Option<JobStart<'a>>,
    /// How many bytes of its output are held already.
    pub offset: u64,
}

/// What a job is started with.
#[derive(Clone, Debug)]
pub struct JobStart<'a> {
    /// The script.
    pub script: &'a Script,
    /// Content of the file that `PX_SECRETS` names: `NAME='value'` lines for sh. Not given: no such
    /// file. It is removed with the job's end.
    pub secrets: Option<&'a str>,
}

/// Follows a job.
pub trait JobWatch: Send {
    /// The host has the job: it will run to its end whatever becomes of the connection.
    fn accepted(&mut self);

    /// The next bytes of its output. An error ends the following, not the job.
    fn output(&mut self, bytes: &[u8]) -> std::io::Result<()>;
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobEnd {
    /// What became of it.
    pub state: JobState,
    /// How many bytes of output it made in all.
    pub size: u64,
    /// The result lines it wrote.
    pub result: String,
    /// How long it ran, by the host's clock; unknown where the host could not tell.
    pub took: Option<Duration>,
    /// How many processes it left running, which were then ended.
    pub left: u32,
    /// What some of them are called, each a plain name.
    pub left_names: Vec<String>,
    /// Whether the host had no room left at the end, so that output may be missing.
    pub full: bool,
}

/// What became of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// The script ended with this status (128 and the signal's number where a signal ended it).
    Ended(i32),
    /// It was cancelled.
    Cancelled,
    /// A reboot cut it short.
    Interrupted,
    /// The process that watched over it was killed; its exit status is not known.
    Died,
    /// It could not be started, for this reason.
    NotStarted(String),
}

/// A file on its way to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileToPut {
    /// Absolute path on the host. Missing folders are made, 0755.
    pub path: String,
    /// The content.
    pub content: Content,
    /// Permission bits.
    pub mode: u32,
    /// `user` or `user:group`; root where not given.
    pub owner: Option<String>,
}

/// What a file is to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What the file at this path of this machine holds, however large it is.
    Local(std::path::PathBuf),
}

/// What a put did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// The file is new or was replaced.
    Written,
    /// Content was right; mode or owner was mended.
    Mended,
    /// It was all there.
    Already,
}

/// Which boot of a host it is: two of them differ exactly when the host was rebooted in between.
///
/// The kernel's boot id, and the start tick of process 1, which tells a container's restart where
/// the boot id is the machine's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootIdentity(pub String);

impl fmt::Display for BootIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
