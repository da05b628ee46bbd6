//! Finding things in a plan without looking at all of it.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;

use crate::ids::{HostName, StageId};
use crate::ix::{HostIx, StageIx, Table, TaskIx};
use crate::plan::Plan;

/// Where in a plan's lists a stage, a host and its tasks stand.
pub(crate) struct PlanIndex {
    stages: HashMap<StageId, StageIx>,
    hosts: HashMap<HostName, HostIx>,
    by_stage: Table<StageIx, Range<usize>>,
    by_host: Table<HostIx, Vec<TaskIx>>,
}

impl PlanIndex {
    /// Reads the plan once. Its tasks are in order, which a plan vouches for.
    pub(crate) fn new(plan: &Plan) -> Self {
        let stages = plan.stages.iter().map(|stage| stage.id.clone());
        let hosts = plan.hosts.iter().map(|host| host.name.clone());
        let mut by_stage = Table::of(plan.stages.iter().map(|_| 0..0));
        let mut by_host = Table::of(plan.hosts.iter().map(|_| Vec::new()));
        for (at, task) in plan.tasks.iter().enumerate() {
            let range: &mut Range<usize> = &mut by_stage[task.stage];
            if range.start == range.end {
                range.start = at;
            }
            range.end = at + 1;
            by_host[task.host].push(TaskIx::new(at));
        }
        Self {
            stages: numbered(stages, StageIx::new),
            hosts: numbered(hosts, HostIx::new),
            by_stage,
            by_host,
        }
    }

    pub(crate) fn stage(&self, id: &StageId) -> Option<StageIx> {
        self.stages.get(id).copied()
    }

    pub(crate) fn host(&self, name: &HostName) -> Option<HostIx> {
        self.hosts.get(name).copied()
    }

    /// The places of a stage's tasks.
    pub(crate) fn of_stage(&self, stage: StageIx) -> Range<usize> {
        self.by_stage[stage].clone()
    }

    /// A host's tasks, in the stages' order.
    pub(crate) fn of_host(&self, host: HostIx) -> &[TaskIx] {
        &self.by_host[host]
    }
}

fn numbered<K: Hash + Eq, I>(
    names: impl Iterator<Item = K>,
    place: fn(usize) -> I,
) -> HashMap<K, I> {
    let names = names.enumerate();
    names.map(|(at, name)| (name, place(at))).collect()
}
