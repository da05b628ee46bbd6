//! How to reach a host.
//!
//! [`Transport`] and [`Connection`] are the port that the engine works through; the real ones speak
//! SSH (`ssh`), the engine's tests bring scripted ones. Jobs (`job`) outlive the connection that
//! started them. Nothing here knows a plan or a recipe, and nothing here prints.

mod answer;
pub mod error;
pub mod exec;
#[doc(hidden)]
pub mod fuzzing;
pub mod host_protocol;
pub mod port;
pub mod refusal;
pub mod result;
mod same_machine;
pub mod ssh;

pub use error::{
    ConnectError, FenceError, JobError, LostError, ProbeError, PutError, RequestError,
    is_out_of_files,
};
pub use host_protocol::{HostOptions, HostProtocol, JobKeeper};
pub use port::{
    BootIdentity, Connection, Content, FileToPut, Greeting, Hold, HolderWords, HostFiles, HostHold,
    HostJobs, JobCall, JobEnd, JobId, JobStart, JobState, JobWatch, LeftJob, OutputSink, ProbeEnd,
    PutOutcome, Script, Stance, Transport,
};
pub use refusal::{LoginError, Said, SudoError, UnsafeSpoolError};
pub use result::{
    RECORDS_KEPT, RESULT_KEPT, ReportedProblem, ResultLines, Severity, TEXT_KEPT, parse_result,
};
pub use same_machine::is_same_machine;
pub use ssh::{
    HostKeyPolicy, SshOptions, SshSession, SshTarget, SshTransport, is_public_key, raise_fd_limit,
};
