//! How to reach a host.
//!
//! [`Transport`] and [`Connection`] are the port that the engine works through; the real ones speak
//! SSH (`ssh`), the engine's tests bring scripted ones. Jobs (`job`) outlive the connection that
//! started them. Nothing here knows a plan or a recipe, and nothing here prints.

pub mod error;
pub mod port;

pub use error::{ConnectError, JobError, LostError, ProbeError, PutError, SudoError};
pub use port::{
    BootIdentity, Connection, FileToPut, Greeting, JobCall, JobEnd, JobId, JobStart, JobState,
    JobWatch, OutputSink, ProbeEnd, PutOutcome, Script, Transport,
};
