//! Whether a run that holds its hosts may begin: first it takes them, and only then anything is done on any.
//!
//! A run settles when every host is answered for: it is held, or given up. Hosts that have not answered at all
//! are not waited for longer than [`GRACE`] by a run that holds most of its hosts: no other run of the same
//! hosts can hold most of them as well. It never settles while somebody else has a host of it.

use std::time::Duration;

use tokio::time::Instant;

/// How long hosts that have not answered are waited for by a run that holds most of the others.
const GRACE: Duration = Duration::from_secs(3);

/// What is known of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
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
pub(crate) struct Settling {
    claims: Vec<Claim>,
    is_settled: bool,
    /// Until when hosts that do not answer are waited for in any case.
    until: Instant,
}

impl Settling {
    /// Of so many hosts. A run that does not hold them is settled from the start.
    pub(crate) fn new(hosts: usize, holds: bool) -> Self {
        Self {
            claims: vec![Claim::Unanswered; hosts],
            is_settled: !holds,
            until: Instant::now() + GRACE,
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.is_settled
    }

    pub(crate) fn claim(&self, host: usize) -> Claim {
        self.claims.get(host).copied().unwrap_or(Claim::Out)
    }

    pub(crate) fn note(&mut self, host: usize, claim: Claim) {
        if let Some(known) = self.claims.get_mut(host) {
            *known = claim;
        }
    }

    /// Whether more than half of the hosts are ours.
    pub(crate) fn holds_most(&self) -> bool {
        self.count(Claim::Held) * 2 > self.claims.len()
    }

    /// When to look again though nothing was heard.
    pub(crate) fn look_at(&self) -> Option<Instant> {
        (!self.is_settled && Instant::now() < self.until).then_some(self.until)
    }

    /// Settles if that may be by now. True at that moment, and only then.
    pub(crate) fn settle(&mut self) -> bool {
        let may = match (self.count(Claim::Contended), self.count(Claim::Unanswered)) {
            (1.., _) => false,
            (0, 0) => true,
            (0, _) => self.holds_most() && Instant::now() >= self.until,
        };
        let now = may && !self.is_settled;
        self.is_settled |= may;
        now
    }

    fn count(&self, claim: Claim) -> usize {
        self.claims.iter().filter(|known| **known == claim).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(claims: &[Claim]) -> Settling {
        let mut settling = Settling::new(claims.len(), true);
        for (host, claim) in claims.iter().enumerate() {
            settling.note(host, *claim);
        }
        settling
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_begins_when_every_host_is_answered_for_or_most_are_held_after_a_while() {
        use Claim::{Contended, Held, Out, Unanswered};
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
            assert_eq!(at_once.settle(), expected[0], "{claims:?}");
            assert_eq!(later.look_at().is_some(), !later.is_settled());
            tokio::time::advance(GRACE).await;
            assert_eq!(later.settle(), expected[1], "{claims:?}");
            assert_eq!(later.is_settled(), expected[1]);
            assert_eq!(later.look_at(), None, "it is not looked again and again");
            assert!(!later.settle(), "only once");
        }
    }

    #[test]
    fn who_holds_nothing_waits_for_nobody() {
        assert!(Settling::new(3, false).is_settled());
    }
}
