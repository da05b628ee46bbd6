//! What the command's exit code says.

use std::process::ExitCode;

use phalanx_events::RunOutcome;

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked for is done.
    Done = 0,
    /// A host failed or is missing.
    HostFailed = 1,
    /// The input is bad; nothing was contacted.
    BadInput = 2,
    /// Checks found problems; nothing was changed.
    ProblemsFound = 3,
    /// Another run holds the cluster.
    Locked = 4,
    /// Interrupted; it can be taken up again.
    Interrupted = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// What another process of this program meant by its exit code.
    pub(crate) fn from_code(code: Option<i32>) -> Option<Self> {
        [
            Self::Done,
            Self::HostFailed,
            Self::BadInput,
            Self::ProblemsFound,
            Self::Locked,
            Self::Interrupted,
        ]
        .into_iter()
        .find(|exit| Some(*exit as i32) == code)
    }
}

impl From<RunOutcome> for Exit {
    fn from(outcome: RunOutcome) -> Self {
        match outcome {
            RunOutcome::Done => Self::Done,
            RunOutcome::Failed => Self::HostFailed,
            RunOutcome::ProblemsFound => Self::ProblemsFound,
            RunOutcome::Interrupted => Self::Interrupted,
            RunOutcome::Held => Self::Locked,
        }
    }
}
