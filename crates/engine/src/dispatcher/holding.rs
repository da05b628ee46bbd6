//! Hosts that are held: when the run may begin, and what follows where somebody else has one.

use phalanx_events::{CancelLevel, EventKind, Failure, FailureKind, TaskEnd};
use phalanx_remote::Stance;
use tokio::sync::watch;

use super::Dispatcher;
use crate::settling::{Claim, Settling};

impl Dispatcher {
    /// The same, of a run that first takes its hosts. `begin` tells executors that it has.
    pub(crate) fn taking(mut self, settling: Settling, begin: watch::Sender<Stance>) -> Self {
        self.settling = settling;
        self.stance = begin;
        self
    }

    /// Lets the run begin once it has its hosts.
    pub(super) fn settle(&mut self) {
        if self.cancel.is_none() && self.settling.settle() {
            self.stance.send_replace(Stance::Working);
            self.look_at.extend(0..self.plan.hosts.len());
        }
    }

    pub(super) fn taken(&mut self, host: usize) {
        self.settling.note(host, Claim::Held);
    }

    /// An answer that was under way when the operator left the host out claims nothing.
    pub(super) fn contended(&mut self, host: usize) {
        if !self.board.is_left_out(host) {
            self.settling.note(host, Claim::Contended);
        }
    }

    /// A host that came late was lost again. Where another run had it before we began, nobody knows any more what
    /// that one does there.
    pub(super) fn away(&mut self, host: usize) -> std::io::Result<()> {
        let was = self.settling.claim(host);
        if self.settling.is_settled() || was != Claim::Contended {
            return Ok(());
        }
        self.settling.note(host, Claim::Out);
        self.stop_for_another()
    }

    /// Two runs take their hosts at the same moment, and the lot fell on the other one. Who has begun stays:
    /// the other one can't begin as long as it wants a host of ours.
    pub(super) fn yields(&mut self, host: usize, failure: Failure) -> std::io::Result<()> {
        if self.settling.is_settled() || self.held || self.board.is_left_out(host) {
            return Ok(());
        }
        self.gone(host, failure)
    }

    /// A host is given up.
    pub(super) fn gone(&mut self, host: usize, mut failure: Failure) -> std::io::Result<()> {
        let Some(planned) = self.plan.hosts.get(host) else {
            return Ok(());
        };
        let name = planned.name.clone();
        let was = self.settling.claim(host);
        self.settling.note(host, Claim::Out);
        if self.board.is_left_out(host) {
            // Whoever has it is no matter of this run's.
        } else if !self.settling.is_settled() {
            if was == Claim::Contended && failure.kind != FailureKind::Held {
                failure
                    .message
                    .push_str("; another run was at work here when it was last heard of");
            }
            // Somebody else works on hosts of ours: we do not begin, not even on the others.
            if was == Claim::Contended || failure.kind == FailureKind::Held {
                self.stop_for_another()?;
            }
        } else if failure.kind == FailureKind::Held && !self.settling.holds_most() {
            self.stop_for_another()?;
        }
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
            self.give_up(host, &reason)?;
        }
        // An executor that gave up with a task in hand will not say how that ended.
        if let Some(index) = self.board.running_on(host)
            && let Some(task) = self.plan.tasks.get(index)
        {
            let (task, stage) = (task.id.clone(), task.stage);
            self.settle_task(index, stage, host, false);
            self.board.note_failure(&self.plan, index);
            let end = TaskEnd::failed(failure.clone());
            self.tell(EventKind::TaskEnded {
                task,
                attempt: 0,
                end,
            })?;
        }
        self.look_at.insert(host);
        self.tell(EventKind::HostFailed {
            host: name.clone(),
            failure,
        })?;
        if parked {
            self.tell_parked(name)?;
        }
        Ok(())
    }

    /// Another run has taken a host of ours over. While most are ours, it can be no run of all of them, and
    /// the others go on.
    pub(super) fn taken_over(&mut self, host: usize) -> std::io::Result<()> {
        self.settling.note(host, Claim::Out);
        self.held = true;
        match self.settling.holds_most() {
            true => Ok(()),
            false => self.stop_for_another(),
        }
    }

    /// Two hosts turn out to be one machine, as which of them the plan does not know: a run that has not begun
    /// does not begin, not even on the others. Where it has, the other one of the two is at work.
    pub(super) fn one_machine(
        &mut self,
        host: usize,
        other: usize,
        failure: Failure,
    ) -> std::io::Result<()> {
        let left_out = [host, other].map(|host| self.board.is_left_out(host));
        if !self.settling.is_settled() && !left_out.contains(&true) {
            if self.board.host_stopped(other).is_none() {
                self.gone(other, failure.clone())?;
            }
            self.amiss = true;
            self.begin_nothing()?;
        }
        self.gone(host, failure)
    }

    /// What is under way ends; nothing more begins anywhere, and nobody is waited for.
    fn stop_for_another(&mut self) -> std::io::Result<()> {
        self.held = true;
        self.begin_nothing()
    }

    fn begin_nothing(&mut self) -> std::io::Result<()> {
        self.cancel = self.cancel.max(Some(CancelLevel::NoNewTasks));
        self.raise_all(CancelLevel::NoNewTasks);
        self.refuse_withheld()
    }
}
