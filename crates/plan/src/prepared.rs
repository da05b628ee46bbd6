//! A plan, made ready for use: what engine, displays and commands share.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::common_environment::common;
use crate::ids::{HostName, StageId, TaskId};
use crate::index::PlanIndex;
use crate::ix::{HostIx, StageIx, Table, TaskIx};
use crate::plan::{Plan, PlannedHost, PlannedStage, PlannedTask};
use crate::values::{Compiled, Shared};

/// A plan with all that many questions to it need, worked out once: the ways in it, its conditions and templates,
/// and what scripts are given everywhere alike.
pub struct PreparedPlan {
    plan: Plan,
    index: PlanIndex,
    /// The part of a script's environment that is the same for every host and stage.
    pub(crate) environment: Vec<(String, String)>,
    /// What expressions see, but for the host and its facts.
    pub(crate) shared: Arc<Shared>,
    /// Conditions and templates, ready to be worked out.
    pub(crate) compiled: Compiled,
}

impl Deref for PreparedPlan {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plan
    }
}

impl fmt::Debug for PreparedPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PreparedPlan").field(&self.plan).finish()
    }
}

impl PreparedPlan {
    /// Reads the plan once.
    pub fn new(plan: Plan) -> Self {
        Self {
            index: PlanIndex::new(&plan),
            environment: common(&plan),
            shared: Arc::new(Shared::new(&plan)),
            compiled: Compiled::new(&plan),
            plan,
        }
    }

    /// The plan alone, to make another one of.
    pub fn into_plan(self) -> Plan {
        self.plan
    }

    /// A host that takes part.
    pub fn host(&self, host: HostIx) -> &PlannedHost {
        &self.plan.hosts[host.get()]
    }

    /// A stage of the flow.
    pub fn stage(&self, stage: StageIx) -> &PlannedStage {
        &self.plan.stages[stage.get()]
    }

    /// A task.
    pub fn task(&self, task: TaskIx) -> &PlannedTask {
        &self.plan.tasks[task.get()]
    }

    /// The hosts that take part, in the cluster file's order.
    pub fn host_ixs(&self) -> impl DoubleEndedIterator<Item = HostIx> + ExactSizeIterator + use<> {
        (0..self.plan.hosts.len()).map(HostIx::new)
    }

    /// The stages, in the recipe's order.
    pub fn stage_ixs(
        &self,
    ) -> impl DoubleEndedIterator<Item = StageIx> + ExactSizeIterator + use<> {
        (0..self.plan.stages.len()).map(StageIx::new)
    }

    /// The tasks, stage by stage, within a stage in the hosts' order.
    pub fn task_ixs(&self) -> impl DoubleEndedIterator<Item = TaskIx> + ExactSizeIterator + use<> {
        (0..self.plan.tasks.len()).map(TaskIx::new)
    }

    /// The host with this name, if it takes part.
    pub fn host_ix(&self, name: &HostName) -> Option<HostIx> {
        self.index.host(name)
    }

    /// The stage with this name.
    pub fn stage_ix(&self, id: &StageId) -> Option<StageIx> {
        self.index.stage(id)
    }

    /// The task of this id.
    pub fn task_ix(&self, id: &TaskId) -> Option<TaskIx> {
        self.task_at(self.stage_ix(&id.stage)?, self.host_ix(&id.host)?)
    }

    /// The host with this name, if it takes part.
    pub fn host_named(&self, name: &HostName) -> Option<&PlannedHost> {
        Some(self.host(self.host_ix(name)?))
    }

    /// The stage with this name.
    pub fn stage_named(&self, id: &StageId) -> Option<&PlannedStage> {
        Some(self.stage(self.stage_ix(id)?))
    }

    /// The task of this id.
    pub fn task_named(&self, id: &TaskId) -> Option<&PlannedTask> {
        Some(self.task(self.task_ix(id)?))
    }

    /// The task of a stage on a host, where the host takes part in the stage.
    pub fn task_at(&self, stage: StageIx, host: HostIx) -> Option<TaskIx> {
        let of_stage = self.index.of_stage(stage);
        let at = self.plan.tasks[of_stage.clone()].binary_search_by_key(&host, |task| task.host);
        Some(TaskIx::new(of_stage.start + at.ok()?))
    }

    /// A stage's tasks, in the hosts' order.
    pub fn tasks_of_stage(
        &self,
        stage: StageIx,
    ) -> impl DoubleEndedIterator<Item = TaskIx> + ExactSizeIterator + use<> {
        self.index.of_stage(stage).map(TaskIx::new)
    }

    /// The tasks of the stage with this name, in the hosts' order; none where there is no such stage.
    pub fn tasks_of_stage_named(&self, id: &StageId) -> &[PlannedTask] {
        let stage = self.stage_ix(id);
        stage.map_or(&[], |stage| &self.plan.tasks[self.index.of_stage(stage)])
    }

    /// A host's tasks, in the stages' order.
    pub fn tasks_of_host(&self, host: HostIx) -> &[TaskIx] {
        self.index.of_host(host)
    }
}

impl<T> Table<HostIx, T> {
    /// One value for each host that takes part.
    pub fn of_hosts(plan: &PreparedPlan, value: impl FnMut(HostIx) -> T) -> Self {
        Self::of(plan.host_ixs().map(value))
    }
}

impl<T> Table<StageIx, T> {
    /// One value for each stage.
    pub fn of_stages(plan: &PreparedPlan, value: impl FnMut(StageIx) -> T) -> Self {
        Self::of(plan.stage_ixs().map(value))
    }
}

impl<T> Table<TaskIx, T> {
    /// One value for each task.
    pub fn of_tasks(plan: &PreparedPlan, value: impl FnMut(TaskIx) -> T) -> Self {
        Self::of(plan.task_ixs().map(value))
    }
}
