//! Doing it.
//!
//! [`run()`] takes every host of a plan through its stages as fast as the gates allow. One
//! dispatcher meets the world: it orders events, writes the journal, decides gates and answers
//! executors. One executor a host does the work and tells the dispatcher. Displays are told
//! afterwards, and cannot harm the run.

mod cluster_lock;
mod control_call;
mod dispatcher;
mod earlier_run;
mod executor;
mod home;
mod journal;
mod late;
mod message;
pub mod plain_file;
mod process_token;
mod run;
mod run_folder;
mod run_id;
mod schedule;
mod succession;
mod telling;

pub use cluster_lock::{ClusterLock, Holder, LockError};
pub use control_call::{ControlCall, Said};
pub use earlier_run::earlier_run;
pub use home::{HomeError, check_home, prepare_home};
pub use journal::JournalWriter;
pub use run::{EngineError, Resume, RunRequest, run};
pub use run_folder::{RunFolder, RunFolderError};
pub use run_id::RunId;
pub use schedule::{Begin, Decision, Reason, Resumption};
#[doc(hidden)] // for the bench, which is a crate of its own
pub use schedule::{Course, CourseEnd};
pub use telling::Told;
