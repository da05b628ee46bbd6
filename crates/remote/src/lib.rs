//! How to reach a host.
//!
//! [`Transport`] and [`Connection`] are the port that the engine works through; the real ones speak
//! SSH (`ssh`), the engine's tests bring scripted ones. Jobs (`job`) outlive the connection that
//! started them. Nothing here knows a plan or a recipe, and nothing here prints.

mod answer;
pub mod error;
pub mod exec;
pub mod host_protocol;
pub mod port;
pub mod result;
pub mod ssh;

pub use error::{ConnectError, JobError, LostError, ProbeError, PutError, SudoError};
pub use host_protocol::{HostOptions, HostProtocol, JobKeeper};
pub use port::{
    BootIdentity, Connection, Content, FileToPut, Greeting, Hold, HolderWords, JobCall, JobEnd,
    JobId, JobStart, JobState, JobWatch, OutputSink, ProbeEnd, PutOutcome, Script, Transport,
};
pub use result::{ReportedProblem, ResultLines, Severity, parse_result};
pub use ssh::{
    HostKeyPolicy, SshOptions, SshSession, SshTarget, SshTransport, is_public_key, raise_fd_limit,
};
