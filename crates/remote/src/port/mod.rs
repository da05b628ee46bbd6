//! The port to a host: what can be asked of a connection, and what comes back.
//!
//! It is cut by what it serves, so that whoever is handed a part of it can do no more than that: [`HostJobs`],
//! [`HostFiles`], [`HostHold`]. A [`Connection`] is all of them.

mod files;
mod hold;
mod jobs;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::{ConnectError, LostError, ProbeError, RequestError};
pub use files::{Content, FileToPut, HostFiles, PutOutcome};
pub use hold::{Hold, HolderWords, HostHold, LeftJob, Stance};
pub(crate) use jobs::is_plain_name;
pub use jobs::{HostJobs, JobCall, JobEnd, JobId, JobStart, JobState, JobWatch};

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
pub trait Connection: HostJobs + HostFiles + HostHold {
    /// What was learned while connecting.
    fn greeting(&self) -> &Greeting;

    /// Runs a script on a direct channel: no job, nothing left on the host, lost with the
    /// connection. Stdout and stderr go to `output` as they come.
    async fn probe(
        &self,
        script: &Script,
        output: &mut dyn OutputSink,
    ) -> Result<ProbeEnd, ProbeError>;

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
