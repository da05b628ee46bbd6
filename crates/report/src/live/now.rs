//! How the run stands, ready to be shown.

use std::collections::BTreeMap;

use phalanx_plan::{HostIx, StageIx, Table};

use super::host_now::{self, HostNow, Rank};
use super::model::Model;
use super::notes::notes;
use super::stage_now::{self, StageNow};

/// The state, ready to be shown.
pub(super) struct Now {
    pub(super) stages: Table<StageIx, StageNow>,
    pub(super) hosts: Table<HostIx, HostNow>,
    /// Rows of hosts in the order in which they are shown.
    pub(super) order: Vec<Row>,
    pub(super) total: StageNow,
    /// What there is to know of hosts.
    pub(super) notes: Vec<String>,
}

/// One row: a host, and how many more are as it is.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) host: HostIx,
    pub(super) more: usize,
}

impl Now {
    /// As it stands with what is known.
    pub(super) fn of(view: &Model) -> Self {
        let stages = stage_now::count(&view.plan, &view.state, &view.timeline);
        let mut total = StageNow::default();
        for stage in stages.values() {
            total.add(stage);
        }
        let hosts = host_now::look(&view.plan, &view.state);
        Self {
            order: order(view, &hosts),
            stages,
            hosts,
            total,
            notes: notes(view),
        }
    }

    /// Whether a row begins with this host.
    pub(super) fn shows(&self, host: HostIx) -> bool {
        self.order.iter().any(|row| row.host == host)
    }
}

/// The hosts that are wanted, those that matter most first. Hosts that failed alike are one row, unless
/// it is them that somebody wants to see.
fn order(view: &Model, hosts: &Table<HostIx, HostNow>) -> Vec<Row> {
    let name = |host: HostIx| &view.plan.host(host).name;
    let wanted = |(at, host): &(HostIx, &HostNow)| {
        let named = name(*at).as_str().contains(&view.filter.search);
        named && (!view.filter.only_failed || host.rank == Rank::Failed)
    };
    let mut order: Vec<(HostIx, &HostNow)> = hosts.iter().filter(wanted).collect();
    order.sort_by_key(|(at, host)| (host.rank, host.since_ms, *at));
    let folds = view.filter.wants_all();
    let mut rows: Vec<Row> = Vec::new();
    let mut alike: BTreeMap<(StageIx, String), usize> = BTreeMap::new();
    for (host, now) in order {
        let failed = (folds && now.rank == Rank::Failed).then_some(now);
        let key = failed.and_then(|now| {
            let stage = view.plan.task(now.task?).stage;
            let text = view.folding.neutral(name(host), now.text.as_deref()?);
            Some((stage, text))
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
