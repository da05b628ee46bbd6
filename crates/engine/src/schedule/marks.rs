//! Hosts that have to be looked at.

use phalanx_plan::{HostIx, PreparedPlan, Table};

/// Which they are. All are marked often, so that is cheap, and costs nothing the second time.
#[derive(Debug)]
pub(super) struct Marks {
    hosts: Vec<HostIx>,
    is_marked: Table<HostIx, bool>,
    /// How many are. When none is left, the others need not be looked through.
    count: usize,
    /// No host before this one, by its place in `hosts`, is marked.
    from: usize,
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
            is_full: false,
        }
    }

    /// Marks one.
    pub(super) fn mark(&mut self, host: HostIx) {
        let was_marked = std::mem::replace(&mut self.is_marked[host], true);
        self.count += usize::from(!was_marked);
        self.from = self.from.min(host.into());
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
        self.from = 0;
        self.is_full = true;
    }

    /// No host is marked any more.
    pub(super) fn unmark_all(&mut self) {
        while self.take().is_some() {}
    }

    /// The first marked host, whose mark is gone then.
    pub(super) fn take(&mut self) -> Option<HostIx> {
        self.is_full = false;
        if self.count == 0 {
            self.from = self.hosts.len();
        }
        while let Some(host) = self.hosts.get(self.from).copied() {
            if std::mem::take(&mut self.is_marked[host]) {
                self.count -= 1;
                return Some(host);
            }
            self.from += 1;
        }
        None
    }
}
