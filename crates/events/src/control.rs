//! What the operator may say to a run that is under way.

use phalanx_plan::{HostName, TaskId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator wants of a run that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "control", rename_all = "kebab-case")]
pub enum Control {
    /// No task begins until [`Control::Continue`]; those under way go on.
    Pause,
    /// Tasks begin again.
    Continue,
    /// What failed on a host is begun again, and a host that was given up is tried again.
    Retry {
        /// Which.
        host: HostName,
    },
    /// A task counts as done, without having been done: the operator answers for it.
    Skip {
        /// Which.
        task: TaskId,
    },
    /// A host takes no further part: nobody waits for it any more.
    Drop {
        /// Which.
        host: HostName,
    },
}
