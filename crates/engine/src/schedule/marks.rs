//! Hosts that have to be looked at.

use phalanx_plan::{HostIx, PreparedPlan, Table};

/// Which they are. All are marked often, so that is cheap, and costs nothing the second time.
#[derive(Debug)]
pub(super) struct Marks {
    hosts: Vec<HostIx>,
    is_marked: Table<HostIx, bool>,
    /// How many are. When none is left, the others need not be looked through.
    count: usize,
    /// Where the next marked host is looked for, and from there on all round, by its place in `hosts`. Before a
    /// round begins no host before this one is marked.
    from: usize,
    /// Whether hosts are being taken: what is marked meanwhile is taken when its turn comes, so that a host at which
    /// all others are marked does not have the round begin anew.
    is_under_way: bool,
    /// Whether all are.
    is_full: bool,
}

impl Marks {
    /// None is marked.
    pub(super) fn new(plan: &PreparedPlan) -> Self {
        Self {
            hosts: plan.host_ixs().collect(),
            is_marked: Table::of_hosts(plan, |_| false),
            count: 0,
            from: plan.hosts.len(),
            is_under_way: false,
            is_full: false,
        }
    }

    /// Marks one.
    pub(super) fn mark(&mut self, host: HostIx) {
        let was_marked = std::mem::replace(&mut self.is_marked[host], true);
        self.count += usize::from(!was_marked);
        if !self.is_under_way {
            self.from = self.from.min(host.get());
        }
    }

    /// Marks every host.
    pub(super) fn mark_all(&mut self) {
        if self.is_full {
            return;
        }
        for host in &self.hosts {
            self.is_marked[*host] = true;
        }
        self.count = self.hosts.len();
        if !self.is_under_way {
            self.from = 0;
        }
        self.is_full = true;
    }

    /// No host is marked any more.
    pub(super) fn unmark_all(&mut self) {
        while self.take().is_some() {}
    }

    /// The next marked host, whose mark is gone then. With the last one a round is over; the next begins with the first
    /// host that is marked.
    pub(super) fn take(&mut self) -> Option<HostIx> {
        self.is_full = false;
        self.is_under_way = self.count > 0;
        if !self.is_under_way {
            self.from = self.hosts.len();
            return None;
        }
        loop {
            let Some(host) = self.hosts.get(self.from).copied() else {
                self.from = 0;
                continue;
            };
            self.from += 1;
            if std::mem::take(&mut self.is_marked[host]) {
                self.count -= 1;
                return Some(host);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::plan_of;
    use super::*;

    #[test]
    fn a_host_at_which_all_are_marked_does_not_have_the_round_begin_anew() {
        let plan = plan_of(100);
        let mut marks = Marks::new(&plan);
        marks.mark_all();
        let mut taken = Vec::new();
        while let Some(host) = marks.take() {
            // The first fifty have something to say once.
            if taken.len() < 50 {
                marks.mark_all();
            }
            taken.push(host.get());
        }
        let expected: Vec<usize> = (0..100).chain(0..50).collect();
        assert_eq!(taken, expected);
        for host in [7, 3] {
            marks.mark(plan.host_ixs().nth(host).expect("a host"));
        }
        let rest: Vec<usize> = std::iter::from_fn(|| marks.take())
            .map(HostIx::get)
            .collect();
        assert_eq!(rest, [3, 7]);
        assert_eq!(marks.take(), None);
    }
}
