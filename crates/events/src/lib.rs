//! What happened.
//!
//! The engine tells everything as [`Event`]s; the journal keeps them, one [`journal`] line each;
//! [`RunState`] folds them into what a display or a later run needs to know. The journal is the
//! stream: there is one format.

pub mod control;
pub mod event;
pub mod journal;
pub mod outcome;
pub mod schema;
pub mod state;

pub use control::Control;
pub use event::{
    CancelLevel, Event, EventKind, Origin, RebootPhase, RunResumed, RunStarted, TaskEnd,
};
pub use outcome::{Failure, FailureKind, Outcome, ReportedProblem, ReportedSeverity, RunOutcome};
pub use state::{HostState, HostStatus, RunState, TaskState, TaskStatus};
