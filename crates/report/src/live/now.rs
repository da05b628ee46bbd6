//! How the run stands, ready to be shown.

use std::collections::BTreeMap;

use super::host_now::{self, HostNow, Rank};
use super::model::Model;
use super::notes::notes;
use super::stage_now::{self, StageNow};

/// The state, ready to be shown.
pub(super) struct Now {
    pub(super) stages: Vec<StageNow>,
    pub(super) hosts: Vec<HostNow>,
    /// Rows of hosts in the order in which they are shown.
    pub(super) order: Vec<Row>,
    pub(super) total: StageNow,
    /// What there is to know of hosts.
    pub(super) notes: Vec<String>,
}

/// One row: a host, and how many more are as it is.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) host: usize,
    pub(super) more: usize,
}

impl Now {
    /// As it stands with what is known.
    pub(super) fn of(view: &Model) -> Self {
        let stages = stage_now::count(&view.plan, &view.state, &view.timeline);
        let mut total = StageNow::default();
        for stage in &stages {
            total.add(stage);
        }
        let hosts = host_now::look(&view.plan, &view.index, &view.state);
        Self {
            order: order(view, &hosts),
            stages,
            hosts,
            total,
            notes: notes(view),
        }
    }

    /// Whether a row begins with this host.
    pub(super) fn shows(&self, host: usize) -> bool {
        self.order.iter().any(|row| row.host == host)
    }
}

/// The hosts that are wanted, those that matter most first. Hosts that failed alike are one row, unless
/// it is them that somebody wants to see.
fn order(view: &Model, hosts: &[HostNow]) -> Vec<Row> {
    let wanted = |at: &usize| {
        let name = view.plan.hosts.get(*at).map(|host| host.name.as_str());
        let named = name.is_some_and(|name| name.contains(&view.filter.search));
        let failed = !view.filter.only_failed
            || hosts.get(*at).is_some_and(|host| host.rank == Rank::Failed);
        named && failed
    };
    let mut order: Vec<usize> = (0..view.plan.hosts.len()).filter(wanted).collect();
    order.sort_by_key(|at| hosts.get(*at).map(|host| (host.rank, host.since_ms, *at)));
    let folds = view.filter.wants_all();
    let mut rows: Vec<Row> = Vec::new();
    let mut alike: BTreeMap<(usize, String), usize> = BTreeMap::new();
    for host in order {
        let failed = hosts
            .get(host)
            .filter(|now| folds && now.rank == Rank::Failed);
        let key = failed.and_then(|now| {
            let stage = view.plan.tasks.get(now.task?)?.stage;
            let name = &view.plan.hosts.get(host)?.name;
            Some((stage, view.folding.neutral(name, now.text.as_deref()?)))
        });
        let known = key.as_ref().and_then(|key| alike.get(key).copied());
        if let Some(row) = known.and_then(|row| rows.get_mut(row)) {
            row.more += 1;
            continue;
        }
        if let Some(key) = key {
            alike.insert(key, rows.len());
        }
        rows.push(Row { host, more: 0 });
    }
    rows
}
