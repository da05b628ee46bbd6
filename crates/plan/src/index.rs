//! Finding things in a plan without looking at all of it.

use std::collections::HashMap;
use std::ops::Range;

use crate::ids::{HostName, StageId, TaskId};
use crate::plan::Plan;

/// Where in a plan's lists a stage, a host or a task stands. Every answer is an index into
/// [`Plan::stages`], [`Plan::hosts`] or [`Plan::tasks`].
#[derive(Clone, Debug, Default)]
pub struct PlanIndex {
    stages: HashMap<StageId, usize>,
    hosts: HashMap<HostName, usize>,
    tasks: HashMap<(usize, usize), usize>,
    by_stage: Vec<Range<usize>>,
    by_host: Vec<Vec<usize>>,
}

impl PlanIndex {
    /// Reads the plan once.
    pub fn new(plan: &Plan) -> Self {
        let mut index = Self {
            stages: numbered(plan.stages.iter().map(|stage| stage.id.clone())),
            hosts: numbered(plan.hosts.iter().map(|host| host.name.clone())),
            tasks: HashMap::with_capacity(plan.tasks.len()),
            by_stage: vec![0..0; plan.stages.len()],
            by_host: vec![Vec::new(); plan.hosts.len()],
        };
        for (at, task) in plan.tasks.iter().enumerate() {
            index.tasks.insert((task.stage, task.host), at);
            if let Some(range) = index.by_stage.get_mut(task.stage) {
                if range.start == range.end {
                    range.start = at;
                }
                range.end = at + 1;
            }
            if let Some(tasks) = index.by_host.get_mut(task.host) {
                tasks.push(at);
            }
        }
        index
    }

    /// The stage with this name.
    pub fn stage(&self, id: &StageId) -> Option<usize> {
        self.stages.get(id).copied()
    }

    /// The host with this name.
    pub fn host(&self, name: &HostName) -> Option<usize> {
        self.hosts.get(name).copied()
    }

    /// The task with this id.
    pub fn task(&self, id: &TaskId) -> Option<usize> {
        self.task_at(self.stage(&id.stage)?, self.host(&id.host)?)
    }

    /// The task of this stage on this host.
    pub fn task_at(&self, stage: usize, host: usize) -> Option<usize> {
        self.tasks.get(&(stage, host)).copied()
    }

    /// The tasks of a stage, in the hosts' order; none for a stage that does not exist.
    pub fn of_stage(&self, stage: usize) -> Range<usize> {
        self.by_stage.get(stage).cloned().unwrap_or(0..0)
    }

    /// The tasks of a host, in the stages' order; none for a host that does not exist.
    pub fn of_host(&self, host: usize) -> &[usize] {
        self.by_host.get(host).map_or(&[], Vec::as_slice)
    }
}

fn numbered<T: std::hash::Hash + Eq>(names: impl Iterator<Item = T>) -> HashMap<T, usize> {
    names.enumerate().map(|(at, name)| (name, at)).collect()
}
