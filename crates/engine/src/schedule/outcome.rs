//! How the run ended.

use phalanx_events::{FailureKind, HostStatus, Outcome, RunOutcome, TaskEnd, TaskState};

use super::Schedule;

impl Schedule {
    /// How the run ends, as things stand.
    pub(crate) fn outcome(&self) -> RunOutcome {
        let state = self.record.state();
        let ends = || state.tasks.values().filter_map(TaskState::end);
        let is_failed = |status: &HostStatus| matches!(status, HostStatus::Failed(_));
        let is_host_gone = state.hosts.values().any(|host| is_failed(&host.status))
            || self
                .plan
                .host_ixs()
                .any(|host| self.board.is_left_out(host));
        let is_complete = self.all_ended() && !is_host_gone;
        if is_complete && ends().all(|end| end.outcome.is_done()) {
            return RunOutcome::Done;
        }
        if self.holding.is_contested() {
            return RunOutcome::Held;
        }
        if self.holding.is_amiss() {
            return RunOutcome::Failed;
        }
        if self.cancel().is_some() {
            return RunOutcome::Interrupted;
        }
        // Only checks that found something, and no task changed anything.
        let has_found_problems = |end: &TaskEnd| {
            let failure = end.failure.as_ref();
            failure.is_some_and(|failure| failure.kind == FailureKind::Problems)
        };
        let mut failed = ends().filter(|end| end.outcome == Outcome::Failed);
        match is_complete && !self.changed && failed.all(has_found_problems) {
            true => RunOutcome::ProblemsFound,
            false => RunOutcome::Failed,
        }
    }
}
