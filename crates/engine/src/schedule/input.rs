//! What the schedule is told, and when.

use std::time::Duration;

use jiff::Timestamp;
use phalanx_events::{CancelLevel, Control, EventKind, Failure, TaskEnd};
use phalanx_plan::{HostIx, TaskIx};

/// The time of an input. The schedule has no clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// The wall clock, for people; nothing is decided by it.
    pub(crate) wall: Timestamp,
    /// Since this process began to work on the run, by a clock that never jumps.
    pub(crate) elapsed: Duration,
}

/// Where an attempt stands among its task's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The first that this process makes.
    First,
    /// Another one, after one that failed.
    Next,
    /// One that an earlier process has begun.
    GoOn,
}

/// An attempt that wants to begin. Task and attempt name it.
#[derive(Clone, Debug)]
pub(crate) struct Announcement {
    pub(crate) task: TaskIx,
    pub(crate) attempt: u32,
    /// The job's id, where it is a job.
    pub(crate) job: Option<String>,
    pub(crate) step: Step,
}

/// One thing that has happened, or is wanted.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// The run begins, or goes on, with this event.
    Begin(EventKind),
    /// Something to be written down, from which nothing follows here.
    Progress(EventKind),
    /// The host is ours, as far as the run is one that holds hosts.
    Taken(HostIx),
    /// Somebody else has the host, or runs a script there; that may pass.
    Contended(HostIx),
    /// A host that came late was lost again before it was ours.
    Away(HostIx),
    /// Somebody else takes hosts at the same moment, this one among them, and the lot fell on them.
    Yields(HostIx, Failure),
    /// Both hosts turn out to be one machine: the first of them is given up.
    OneMachine(HostIx, HostIx, Failure),
    /// The host is connected and has told its facts: it takes tasks.
    Ready(HostIx),
    /// The host is given up.
    Gone(HostIx, Failure),
    /// Nobody is left who could work on the host: no order reaches it.
    Deaf(HostIx),
    /// An attempt wants to begin: followed by [`Effect::Go`](super::Effect::Go) or
    /// [`Effect::Refuse`](super::Effect::Refuse), in a pause much later.
    Announce(Announcement),
    /// A task that was ordered is not begun after all: somebody wants to stop.
    Withdrawn(TaskIx),
    /// An attempt is over, and with it the task, unless `end.again`.
    Ended(TaskIx, u32, Box<TaskEnd>),
    /// The operator wants this: followed by one [`Effect::Reply`](super::Effect::Reply).
    Control(Control),
    /// The operator wants to stop, so urgently.
    Cancel(CancelLevel),
    /// The run is over: nothing begins any more, and nobody is waited for.
    Close,
}
