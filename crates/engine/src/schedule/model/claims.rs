//! Who has the hosts, as far as they have answered: what a run that holds them has to wait for.

use std::collections::BTreeSet;
use std::time::Duration;

use phalanx_events::FailureKind;
use phalanx_plan::{HostIx, HostName, PreparedPlan};

use super::super::Input;

/// How long hosts are waited for that have not answered, where most of the others are held.
const GRACE: Duration = Duration::from_secs(3);

/// The books on the hosts of a run that holds them.
#[derive(Clone, Debug)]
pub(super) struct Claims {
    hosts: usize,
    held: BTreeSet<HostIx>,
    contended: BTreeSet<HostIx>,
    out: BTreeSet<HostIx>,
    /// Hosts that have taken tasks, or could have.
    ready: BTreeSet<HostIx>,
    is_settled: bool,
    /// Whether another run was met in a way after which nothing begins.
    is_over: bool,
}

impl Claims {
    pub(super) fn new(plan: &PreparedPlan) -> Self {
        Self {
            hosts: plan.hosts.len(),
            held: BTreeSet::new(),
            contended: BTreeSet::new(),
            out: BTreeSet::new(),
            ready: BTreeSet::new(),
            is_settled: false,
            is_over: false,
        }
    }

    /// What this says of the hosts, before anything follows from it.
    pub(super) fn note(
        &mut self,
        input: &Input,
        left_out: &BTreeSet<HostName>,
        plan: &PreparedPlan,
    ) {
        let is_left_out = |host: &HostIx| left_out.contains(&plan.host(*host).name);
        match input {
            Input::Taken(host) => self.take(*host),
            Input::Ready(host) => {
                self.ready.insert(*host);
            }
            Input::Contended(host) if !is_left_out(host) => {
                self.forget(*host);
                self.contended.insert(*host);
            }
            Input::Away(host) if !self.is_settled && self.contended.contains(host) => {
                self.lose(*host);
                self.is_over = true;
            }
            Input::Yields(host, _) if !self.is_settled && !is_left_out(host) => {
                self.is_over = true;
                self.lose(*host);
            }
            Input::OneMachine(host, other, _) => {
                self.is_over |= !self.is_settled && !is_left_out(host) && !is_left_out(other);
                self.lose(*host);
            }
            Input::Gone(host, failure) => {
                let is_held = failure.kind == FailureKind::Held;
                let was_contended = self.contended.contains(host);
                self.lose(*host);
                let is_lost = match self.is_settled {
                    true => is_held && !self.holds_most(),
                    false => is_held || was_contended,
                };
                self.is_over |= is_lost && !is_left_out(host);
            }
            Input::Ended(task, _, end) => {
                let failure = end.failure.as_ref();
                if failure.is_some_and(|failure| failure.kind == FailureKind::Fenced) {
                    self.lose(plan.task(*task).host);
                    self.is_over |= !self.holds_most();
                }
            }
            _ => {}
        }
    }

    /// The operator leaves the host out: whoever has it, it is no matter of the run's.
    pub(super) fn leave_out(&mut self, host: HostIx) {
        self.lose(host);
    }

    /// The operator takes a host in again: where it was ready before, it was ours all the time.
    pub(super) fn take_in(&mut self, host: HostIx) {
        if self.ready.contains(&host) {
            self.take(host);
        }
    }

    /// The run says that it has its hosts.
    pub(super) fn settle(&mut self, now: Duration) {
        let is_answered = self.held.len() + self.out.len() == self.hosts;
        let is_enough = is_answered || self.holds_most() && now >= GRACE;
        assert!(
            self.contended.is_empty() && is_enough,
            "it settles with {self:?}"
        );
        assert!(!self.is_settled, "it settles twice");
        self.is_settled = true;
    }

    /// Something begins on a host.
    pub(super) fn begin(&self) {
        assert!(self.is_settled, "it begins with {self:?}");
        assert!(
            !self.is_over,
            "it begins though another run is at work: {self:?}"
        );
    }

    fn holds_most(&self) -> bool {
        self.held.len() * 2 > self.hosts
    }

    fn take(&mut self, host: HostIx) {
        self.forget(host);
        self.held.insert(host);
    }

    fn lose(&mut self, host: HostIx) {
        self.forget(host);
        self.out.insert(host);
    }

    fn forget(&mut self, host: HostIx) {
        self.held.remove(&host);
        self.contended.remove(&host);
        self.out.remove(&host);
    }
}
