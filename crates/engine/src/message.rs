//! What executors say to the dispatcher.

use phalanx_events::{EventKind, Failure, TaskEnd};
use phalanx_plan::{HostIx, TaskIx};
use tokio::sync::oneshot;

use crate::schedule::Step;

/// An executor to the dispatcher.
pub(crate) enum Report {
    /// Something happened that changes nothing.
    Progress(Box<EventKind>),
    /// Something is about to happen that has to be on disk before; `done` is answered when it is.
    First {
        kind: Box<EventKind>,
        done: oneshot::Sender<()>,
    },
    /// A task that was ordered is not begun after all: somebody wants to stop.
    Withdrawn { task: TaskIx },
    /// The host is ours, as far as the run is one that holds hosts.
    Taken { host: HostIx },
    /// Somebody else has the host, or runs a script there; that may pass.
    Contended { host: HostIx },
    /// A host that came late was lost again before it was ours.
    Away { host: HostIx },
    /// Somebody else takes hosts at the same moment as we do, this one among them, and stays by the lot that
    /// each has drawn: we give way, unless we have begun.
    Yields { host: HostIx, failure: Failure },
    /// Both hosts turn out to be one machine.
    OneMachine {
        host: HostIx,
        other: HostIx,
        failure: Failure,
    },
    /// The host is connected and has told its facts: it takes tasks.
    Ready { host: HostIx },
    /// The host is given up.
    Gone { host: HostIx, failure: Failure },
    /// An attempt wants to begin. It may, once `go` is answered: then it is written down. A `go`
    /// that is dropped is a refusal.
    Announce {
        task: TaskIx,
        attempt: u32,
        job: Option<String>,
        step: Step,
        go: oneshot::Sender<()>,
    },
    /// An attempt is over, and with it the task, unless `end.again`.
    Ended {
        task: TaskIx,
        attempt: u32,
        end: Box<TaskEnd>,
    },
}
