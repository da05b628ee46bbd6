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
    #[expect(
        dead_code,
        reason = "the engine takes no lock yet; the code is promised"
    )]
    Locked = 4,
    /// Interrupted; it can be taken up again.
    Interrupted = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<RunOutcome> for Exit {
    fn from(outcome: RunOutcome) -> Self {
        match outcome {
            RunOutcome::Done => Self::Done,
            RunOutcome::Failed => Self::HostFailed,
            RunOutcome::ProblemsFound => Self::ProblemsFound,
            RunOutcome::Interrupted => Self::Interrupted,
        }
    }
}
