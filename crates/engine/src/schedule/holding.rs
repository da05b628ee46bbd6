//! Hosts that are held: when the run may begin, and what follows where somebody else has one.

use std::time::Duration;

use phalanx_events::{CancelLevel, EventKind, Failure, FailureKind, TaskEnd};
use phalanx_plan::{HostIx, PreparedPlan};

use super::Schedule;
use super::effect::Effect;
use super::settling::{Claim, Settling};

/// What other runs want of our hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Others {
    /// Nothing, as far as we know.
    Nothing,
    /// They have taken hosts over, but most are ours: the run goes on without those.
    HaveSome,
    /// They hold hosts of ours: nothing more begins.
    Hold,
}

/// Whether the hosts are ours.
#[derive(Debug)]
pub(super) struct Holding {
    settling: Settling,
    others: Others,
    /// Whether two hosts are one machine, found out before anything began.
    is_amiss: bool,
}

impl Holding {
    pub(super) fn new(plan: &PreparedPlan, holds: bool) -> Self {
        Self {
            settling: Settling::new(plan, holds),
            others: Others::Nothing,
            is_amiss: false,
        }
    }

    /// Whether the run has its hosts, so that something may begin.
    pub(super) fn is_settled(&self) -> bool {
        self.settling.is_settled()
    }

    /// When to look again though nothing was heard.
    pub(super) fn due(&self, now: Duration) -> Option<Duration> {
        self.settling.due(now)
    }

    /// Whether nothing more is to begin, whatever the operator wants.
    pub(super) fn begins_nothing(&self) -> bool {
        self.others == Others::Hold || self.is_amiss
    }

    /// Whether another run holds a host, or has taken one over.
    pub(super) fn is_contested(&self) -> bool {
        self.others != Others::Nothing
    }

    /// Whether nothing may begin, since the plan is not of the hosts that are there.
    pub(super) fn is_amiss(&self) -> bool {
        self.is_amiss
    }

    /// The operator has left the host out: it is no matter of ours who has it.
    pub(super) fn leave_out(&mut self, host: HostIx) {
        self.settling.note(host, Claim::Out);
    }

    /// The host is ours, or was all the time.
    pub(super) fn take(&mut self, host: HostIx) {
        self.settling.note(host, Claim::Held);
    }
}

impl Schedule {
    /// Lets the run begin once it has its hosts.
    pub(super) fn settle(&mut self) {
        if self.holding.settling.settle(self.record.elapsed()) {
            self.record.want(Effect::Work);
            self.board.mark_all();
        }
    }

    pub(super) fn taken(&mut self, host: HostIx) {
        self.holding.take(host);
    }

    /// An answer that was under way when the operator left the host out claims nothing.
    pub(super) fn contended(&mut self, host: HostIx) {
        if !self.board.is_left_out(host) {
            self.holding.settling.note(host, Claim::Contended);
        }
    }

    /// A host that came late was lost again. Where another run had it before we began, nobody knows any more what
    /// that one does there.
    pub(super) fn away(&mut self, host: HostIx) {
        let settling = &mut self.holding.settling;
        if !settling.is_settled() && settling.claim(host) == Claim::Contended {
            settling.note(host, Claim::Out);
            self.stop_for_another();
        }
    }

    /// Two runs take their hosts at the same moment, and the lot fell on the other one. Who has begun stays:
    /// the other one can't begin as long as it wants a host of ours.
    pub(super) fn yields(&mut self, host: HostIx, failure: Failure) {
        let has_ended = self.holding.is_settled() || self.holding.is_contested();
        if !has_ended && !self.board.is_left_out(host) {
            self.gone(host, failure);
        }
    }

    /// A host is given up.
    pub(super) fn gone(&mut self, host: HostIx, mut failure: Failure) {
        self.claim_gone(host, &mut failure);
        let name = self.plan.host(host).name.clone();
        let reason = match failure.kind {
            FailureKind::Unreachable => format!("{name} could not be reached"),
            FailureKind::Login | FailureKind::Sudo => format!("the login on {name} failed"),
            FailureKind::Held => format!("another run holds {name}"),
            _ => format!("{name} was given up"),
        };
        let parked = failure.kind == FailureKind::Unreachable
            && !self.board.is_left_out(host)
            && self.park(host, &reason, None);
        if !parked {
            self.give_up(host, &reason);
        }
        // An executor that gave up with a task in hand will not say how that ended.
        if let Some(task) = self.board.running_on(host) {
            self.end_task(task, 0, TaskEnd::failed(failure.clone()));
        }
        self.board.mark(host);
        self.tell(EventKind::HostFailed {
            host: name,
            failure,
        });
        if parked {
            self.tell_parked(host);
        }
    }

    /// Whether somebody else has the host that was given up, and what follows.
    fn claim_gone(&mut self, host: HostIx, failure: &mut Failure) {
        let settling = &mut self.holding.settling;
        let was = settling.claim(host);
        settling.note(host, Claim::Out);
        if self.board.is_left_out(host) {
            return; // whoever has it is no matter of this run's
        }
        let is_held = failure.kind == FailureKind::Held;
        if settling.is_settled() {
            if is_held && !settling.holds_most() {
                self.stop_for_another();
            }
            return;
        }
        if was == Claim::Contended && !is_held {
            failure
                .message
                .push_str("; another run was at work here when it was last heard of");
        }
        // Somebody else works on hosts of ours: we do not begin, not even on the others.
        if was == Claim::Contended || is_held {
            self.stop_for_another();
        }
    }

    /// Another run has taken a host of ours over. While most are ours, it can be no run of all of them, and
    /// the others go on.
    pub(super) fn taken_over(&mut self, host: HostIx) {
        let holding = &mut self.holding;
        holding.settling.note(host, Claim::Out);
        holding.others = holding.others.max(Others::HaveSome);
        if !holding.settling.holds_most() {
            self.stop_for_another();
        }
    }

    /// Two hosts turn out to be one machine, as which of them the plan does not know: a run that has not begun
    /// does not begin, not even on the others. Where it has, the other one of the two is at work.
    pub(super) fn one_machine(&mut self, host: HostIx, other: HostIx, failure: Failure) {
        let is_left_out = [host, other].map(|host| self.board.is_left_out(host));
        if !self.holding.is_settled() && !is_left_out.contains(&true) {
            if self.board.host_stopped(other).is_none() {
                self.gone(other, failure.clone());
            }
            self.holding.is_amiss = true;
            self.begin_nothing();
        }
        self.gone(host, failure);
    }

    /// What is under way ends; nothing more begins anywhere, and nobody is waited for.
    fn stop_for_another(&mut self) {
        self.holding.others = Others::Hold;
        self.begin_nothing();
    }

    fn begin_nothing(&mut self) {
        self.record.want(Effect::StopAll(CancelLevel::NoNewTasks));
        self.refuse_withheld(|_| true);
    }
}
