//! Hosts that are left behind for now, and tried again as long as the run goes on without them.

use std::time::Duration;

use phalanx_events::{Failure, FailureKind};
use tokio::time::Instant;

use crate::resume::Begin;

/// The first pause before a host is tried again, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// A host that was left behind.
#[derive(Debug)]
pub(crate) struct Late {
    /// When it is tried again; none: its executor tries by itself to reach it.
    pub(crate) at: Option<Instant>,
    /// The task that failed there, and how it goes on.
    pub(crate) failed: Option<(usize, Begin)>,
    /// What is said of the tasks that it does not come to.
    pub(crate) reason: String,
}

/// The pause before a host is tried again that was left behind so often before.
pub(crate) fn pause(times: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << times.min(8))
        .min(LONGEST_PAUSE)
}

/// The pause after this one.
pub(crate) fn longer(pause: Duration) -> Duration {
    (pause * 2).min(LONGEST_PAUSE)
}

/// Whether time alone may mend it. What a check has found, a login that is refused, a reboot that did not
/// come about and a job of which nobody knows what became of it wait for the operator.
pub(crate) fn may_pass(failure: &Failure) -> bool {
    !failure.lasts
        && matches!(
            failure.kind,
            FailureKind::Unreachable
                | FailureKind::Script
                | FailureKind::TimedOut
                | FailureKind::Spool
                | FailureKind::Put
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_at_five_minutes() {
        let seconds: Vec<u64> = (0..6).map(|times| pause(times).as_secs()).collect();
        assert_eq!(seconds, [30, 60, 120, 240, 300, 300]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
        assert_eq!(longer(pause(1)), pause(2));
    }
}
