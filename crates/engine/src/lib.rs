//! Doing it.
//!
//! [`run()`] takes every host of a plan through its stages as fast as the gates allow. One
//! dispatcher meets the world: it orders events, writes the journal, decides gates and answers
//! executors. One executor a host does the work and tells the dispatcher. Displays are told
//! afterwards, and cannot harm the run.

mod cluster_lock;
mod control_call;
mod disk_reserve;
mod dispatcher;
mod earlier_run;
mod executor;
mod failure;
mod hold;
mod home;
mod host_loop;
mod journal;
mod last_lines;
mod late;
mod link;
mod log_file;
mod log_times_file;
mod message;
mod notices;
mod one_machine;
mod password_hash;
mod permits;
pub mod plain_file;
mod prepared;
mod process_token;
mod put_step;
mod reboot;
mod resume;
mod run;
mod run_folder;
mod run_id;
mod run_step;
mod schedule;
mod succession;
mod taken_facts;
mod telling;
mod told_facts;
mod until_step;

pub use cluster_lock::{ClusterLock, Holder, LockError};
pub use control_call::{ControlCall, Said};
pub use earlier_run::earlier_run;
pub use home::{HomeError, check_home, prepare_home};
pub use journal::JournalWriter;
pub use resume::{Begin, Decision, Reason, Resumption};
pub use run::{EngineError, Resume, RunRequest, run};
pub use run_folder::{RunFolder, RunFolderError};
pub use run_id::RunId;
#[doc(hidden)] // for the bench, which is a crate of its own
pub use schedule::{Course, CourseEnd};
pub use telling::Told;
