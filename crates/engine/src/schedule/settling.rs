//! Whether a run that holds its hosts may begin: first it takes them, and only then anything is done on any.
//!
//! A run settles when every host is answered for: it is held, or given up. Hosts that have not answered at all
//! are not waited for longer than [`GRACE`] by a run that holds most of its hosts: no other run of the same
//! hosts can hold most of them as well. It never settles while somebody else has a host of it.

use std::time::Duration;

use phalanx_plan::{HostIx, PreparedPlan, Table};

/// How long hosts that have not answered are waited for by a run that holds most of the others.
const GRACE: Duration = Duration::from_secs(3);

/// What is known of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It has not answered.
    Unanswered,
    /// It is ours.
    Held,
    /// Somebody else has it, or runs a script there.
    Contended,
    /// It is given up, or was taken from us.
    Out,
}

/// What a run knows of its hosts while it takes them.
#[derive(Debug)]
pub(super) struct Settling {
    claims: Table<HostIx, Claim>,
    counts: [usize; 4],
    is_settled: bool,
}

impl Settling {
    /// Of this plan's hosts. A run that does not hold them is settled from the start.
    pub(super) fn new(plan: &PreparedPlan, holds: bool) -> Self {
        let mut counts = [0; 4];
        counts[Claim::Unanswered as usize] = plan.hosts.len();
        Self {
            claims: Table::of_hosts(plan, |_| Claim::Unanswered),
            counts,
            is_settled: !holds,
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.is_settled
    }

    pub(super) fn claim(&self, host: HostIx) -> Claim {
        self.claims[host]
    }

    pub(super) fn note(&mut self, host: HostIx, claim: Claim) {
        let before = std::mem::replace(&mut self.claims[host], claim);
        self.counts[before as usize] -= 1;
        self.counts[claim as usize] += 1;
    }

    /// Whether more than half of the hosts are ours.
    pub(super) fn holds_most(&self) -> bool {
        self.count(Claim::Held) * 2 > self.counts.iter().sum()
    }

    /// When to look again though nothing was heard, at this time since the start.
    pub(super) fn due(&self, now: Duration) -> Option<Duration> {
        (!self.is_settled && now < GRACE).then_some(GRACE)
    }

    /// Settles if that may be by now. True at that moment, and only then.
    pub(super) fn settle(&mut self, now: Duration) -> bool {
        let may = match (self.count(Claim::Contended), self.count(Claim::Unanswered)) {
            (1.., _) => false,
            (0, 0) => true,
            (0, _) => self.holds_most() && now >= GRACE,
        };
        let at_last = may && !self.is_settled;
        self.is_settled |= may;
        at_last
    }

    fn count(&self, claim: Claim) -> usize {
        self.counts[claim as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::plan_of;
    use super::*;

    fn of(claims: &[Claim]) -> Settling {
        let plan = plan_of(claims.len());
        let mut settling = Settling::new(&plan, true);
        for (host, claim) in plan.host_ixs().zip(claims) {
            settling.note(host, *claim);
        }
        settling
    }

    #[test]
    fn a_run_begins_when_every_host_is_answered_for_or_most_are_held_after_a_while() {
        use Claim::{Contended, Held, Out, Unanswered};
        let early = GRACE - Duration::from_millis(1);
        // At once, and after a while.
        for (claims, expected) in [
            (&[Held, Held, Held][..], [true, true]),
            (&[Held, Out, Out], [true, true]),
            (&[Out, Out], [true, true]),
            (&[], [true, true]),
            (&[Held, Held, Unanswered], [false, true]),
            (&[Held, Unanswered], [false, false]),
            (&[Held, Out, Unanswered], [false, false]),
            (&[Held, Held, Contended], [false, false]),
            (&[Held, Held, Held, Contended, Unanswered], [false, false]),
        ] {
            let mut at_once = of(claims);
            let mut later = of(claims);
            assert_eq!(at_once.settle(early), expected[0], "{claims:?}");
            assert_eq!(later.due(early), Some(GRACE), "{claims:?}");
            assert_eq!(later.settle(GRACE), expected[1], "{claims:?}");
            assert_eq!(later.is_settled(), expected[1]);
            assert_eq!(later.due(GRACE), None, "it is not looked again and again");
            assert!(!later.settle(GRACE), "only once");
        }
    }

    #[test]
    fn who_holds_nothing_waits_for_nobody() {
        assert!(Settling::new(&plan_of(3), false).is_settled());
    }
}
