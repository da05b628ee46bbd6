//! The plan, ready for the screen's questions.

use std::collections::BTreeMap;

use phalanx_plan::{HostName, Plan, StageId};

/// The plan, ready for questions.
pub(super) struct PlanIndex {
    pub(super) stages: BTreeMap<StageId, usize>,
    pub(super) hosts: BTreeMap<HostName, usize>,
    /// By host, in the order of stages.
    pub(super) of_host: Vec<Vec<usize>>,
}

impl PlanIndex {
    pub(super) fn new(plan: &Plan) -> Self {
        let stages = plan.stages.iter().enumerate();
        let hosts = plan.hosts.iter().enumerate();
        let mut of_host = vec![Vec::new(); plan.hosts.len()];
        for (at, task) in plan.tasks.iter().enumerate() {
            if let Some(tasks) = of_host.get_mut(task.host) {
                tasks.push(at);
            }
        }
        for tasks in &mut of_host {
            tasks.sort_by_key(|task| plan.tasks.get(*task).map(|task| task.stage));
        }
        Self {
            stages: stages.map(|(at, stage)| (stage.id.clone(), at)).collect(),
            hosts: hosts.map(|(at, host)| (host.name.clone(), at)).collect(),
            of_host,
        }
    }
}
