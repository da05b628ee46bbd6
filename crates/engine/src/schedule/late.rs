//! Hosts that are left behind for now, and tried again as long as the run goes on without them: parked, tried
//! again, given up.

use std::time::Duration;

use phalanx_events::{EventKind, Failure, FailureKind};
use phalanx_plan::{HostIx, TaskIx};

use super::Schedule;
use crate::late;

/// A host that was left behind.
#[derive(Debug)]
pub(super) struct Late {
    /// When it is tried again; none: its executor tries by itself to reach it.
    pub(super) at: Option<Duration>,
    /// The task that failed there.
    pub(super) failed: Option<TaskIx>,
    /// What is said of the tasks that it does not come to.
    pub(super) reason: String,
}

/// Whether time alone may mend it. What a check has found, a login that is refused, a reboot that did not
/// come about and a job of which nobody knows what became of it wait for the operator.
pub(super) fn may_pass(failure: &Failure) -> bool {
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

impl Schedule {
    /// Leaves a host behind for now, if everybody else can go on without it.
    pub(super) fn park(&mut self, host: HostIx, reason: &str, failed: Option<TaskIx>) -> bool {
        // The task that failed counts as missing already; that must not be too much either.
        let is_bearable = failed.is_none_or(|task| self.board.can_do_without(task));
        if self.cancel().is_some() || !is_bearable || !self.board.park(host) {
            return false;
        }
        let times = &mut self.contacts[host].times_late;
        let pause = failed.is_some().then(|| late::pause(*times));
        *times += 1;
        let late = Late {
            at: pause.map(|pause| self.record.elapsed() + pause),
            failed,
            reason: reason.to_owned(),
        };
        self.late.insert(host, late);
        true
    }

    pub(super) fn tell_parked(&mut self, host: HostIx) {
        let text = "left behind for now; it is tried again as long as the run goes on".to_owned();
        let host = self.plan.host(host).name.clone();
        self.tell(EventKind::HostNotice { host, text });
    }

    /// Hosts whose time has come go on where they failed.
    pub(super) fn try_late(&mut self) {
        let now = self.record.elapsed();
        let is_due = |late: &Late| late.at.is_some_and(|at| at <= now);
        let due = self.late.iter().filter(|(_, late)| is_due(late));
        let due: Vec<HostIx> = due.map(|(host, _)| *host).collect();
        for host in due {
            let failed = self.late.remove(&host).and_then(|late| late.failed);
            self.board.unpark(host, failed);
            if let Some(task) = failed {
                let begin = self.begins_again(task);
                self.board.decide_begin(task, Some(begin));
            }
            self.board.mark(host);
        }
    }

    /// The host takes tasks.
    pub(super) fn ready(&mut self, host: HostIx) {
        self.contacts[host].is_ready = true;
        if self.late.remove(&host).is_some() {
            self.board.unpark(host, None);
        }
        self.board.mark(host);
    }

    /// Nobody waits for this host any more.
    pub(super) fn give_up(&mut self, host: HostIx, reason: &str) {
        self.board.stop_host(host, reason);
        if let Some(late) = self.late.remove(&host) {
            self.end_parked(host, &late.reason);
        }
    }

    /// What was left behind with a host is not run any more.
    pub(super) fn end_parked(&mut self, host: HostIx, reason: &str) {
        for task in self.board.parked_of(host) {
            self.end_not_run(task, reason.to_owned());
        }
    }
}
