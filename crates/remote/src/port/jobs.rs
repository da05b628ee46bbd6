//! Jobs: scripts that outlive the connection that started them.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use super::Script;
use crate::error::JobError;

/// A host's jobs.
#[async_trait]
pub trait HostJobs: Send + Sync {
    /// Starts a job, or attaches to it, and follows it to its end. Output from `call.offset` on
    /// goes to `watch`. [`Lost`](crate::RequestError::Lost) means that the job goes on without us: connect again and
    /// attach at the offset reached.
    async fn job(&self, call: JobCall<'_>, watch: &mut dyn JobWatch) -> Result<JobEnd, JobError>;

    /// Ends a job's whole process tree, politely first; after `grace` by force. Succeeds when the
    /// job is over, however it ended, and when there is no such job.
    async fn cancel_job(&self, id: &JobId, fence: u64, grace: Duration) -> Result<(), JobError>;

    /// Removes everything that the ended jobs of a run left in the spool. Jobs still running stay.
    async fn collect_jobs(&self, run: &str, fence: u64) -> Result<(), JobError>;
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
