//! The plan as the schedule looks at it: places in it are of three types that can't be mistaken for each other.

use std::ops::{Deref, Index, IndexMut};
use std::sync::Arc;

use phalanx_plan::{
    Facts, Gate, HostName, Plan, PlanIndex, PlannedHost, PlannedStage, StageId, TaskId,
};

macro_rules! place {
    ($name:ident, $what:literal) => {
        #[doc = concat!("A ", $what, " of the plan: its place there.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name(usize);

        impl From<$name> for usize {
            fn from(place: $name) -> Self {
                place.0
            }
        }

        impl From<usize> for $name {
            fn from(place: usize) -> Self {
                Self(place)
            }
        }

        impl<T> Index<$name> for Table<$name, T> {
            type Output = T;

            fn index(&self, place: $name) -> &T {
                &self.values[place.0]
            }
        }

        impl<T> IndexMut<$name> for Table<$name, T> {
            fn index_mut(&mut self, place: $name) -> &mut T {
                &mut self.values[place.0]
            }
        }
    };
}

place!(HostIx, "host");
place!(StageIx, "stage");
place!(TaskIx, "task");

/// One value for each host, stage or task of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Table<I, T> {
    values: Vec<T>,
    of: std::marker::PhantomData<I>,
}

impl<I: From<usize>, T> Table<I, T> {
    /// These values, in the plan's order.
    pub(crate) fn of(values: impl IntoIterator<Item = T>) -> Self {
        Self {
            values: values.into_iter().collect(),
            of: std::marker::PhantomData,
        }
    }

    /// Each with its place.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        let values = self.values.iter().enumerate();
        values.map(|(place, value)| (I::from(place), value))
    }
}

impl<T> Table<HostIx, T> {
    pub(crate) fn of_hosts(plan: &PreparedPlan, value: impl FnMut(HostIx) -> T) -> Self {
        Self::of(plan.host_ixs().map(value))
    }
}

impl<T> Table<StageIx, T> {
    pub(crate) fn of_stages(plan: &PreparedPlan, value: impl FnMut(StageIx) -> T) -> Self {
        Self::of(plan.stage_ixs().map(value))
    }
}

impl<T> Table<TaskIx, T> {
    pub(crate) fn of_tasks(plan: &PreparedPlan, value: impl FnMut(TaskIx) -> T) -> Self {
        Self::of(plan.task_ixs().map(value))
    }
}

/// One task, and where its stage and host stand.
#[derive(Debug)]
pub(crate) struct PreparedTask {
    pub(crate) id: TaskId,
    pub(crate) stage: StageIx,
    pub(crate) host: HostIx,
    pub(crate) gates: Vec<Gate>,
}

/// A plan, and the ways in it.
#[derive(Debug)]
pub(crate) struct PreparedPlan {
    plan: Arc<Plan>,
    index: PlanIndex,
    tasks: Vec<PreparedTask>,
}

impl Deref for PreparedPlan {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plan
    }
}

impl PreparedPlan {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        let tasks = plan.tasks.iter().map(|task| PreparedTask {
            id: task.id.clone(),
            stage: StageIx(task.stage),
            host: HostIx(task.host),
            gates: task.gates.clone(),
        });
        Self {
            index: PlanIndex::new(&plan),
            tasks: tasks.collect(),
            plan,
        }
    }

    pub(crate) fn host(&self, host: HostIx) -> &PlannedHost {
        &self.plan.hosts[host.0]
    }

    pub(crate) fn stage(&self, stage: StageIx) -> &PlannedStage {
        &self.plan.stages[stage.0]
    }

    pub(crate) fn task(&self, task: TaskIx) -> &PreparedTask {
        &self.tasks[task.0]
    }

    pub(crate) fn host_ixs(&self) -> impl Iterator<Item = HostIx> + use<> {
        (0..self.plan.hosts.len()).map(HostIx)
    }

    pub(crate) fn stage_ixs(&self) -> impl Iterator<Item = StageIx> + use<> {
        (0..self.plan.stages.len()).map(StageIx)
    }

    pub(crate) fn task_ixs(&self) -> impl Iterator<Item = TaskIx> + use<> {
        (0..self.plan.tasks.len()).map(TaskIx)
    }

    pub(crate) fn host_ix(&self, name: &HostName) -> Option<HostIx> {
        self.index.host(name).map(HostIx)
    }

    pub(crate) fn stage_ix(&self, id: &StageId) -> Option<StageIx> {
        self.index.stage(id).map(StageIx)
    }

    pub(crate) fn task_ix(&self, id: &TaskId) -> Option<TaskIx> {
        self.index.task(id).map(TaskIx)
    }

    pub(crate) fn task_at(&self, stage: StageIx, host: HostIx) -> Option<TaskIx> {
        self.index.task_at(stage.0, host.0).map(TaskIx)
    }

    /// In the hosts' order.
    pub(crate) fn tasks_of_stage(&self, stage: StageIx) -> impl Iterator<Item = TaskIx> + use<> {
        self.index.of_stage(stage.0).map(TaskIx)
    }

    /// In the stages' order.
    pub(crate) fn tasks_of_host(&self, host: HostIx) -> impl Iterator<Item = TaskIx> + '_ {
        self.index.of_host(host.0).iter().copied().map(TaskIx)
    }

    /// Whether a stage's condition holds on a host that has told these facts.
    ///
    /// # Errors
    /// Where they can't answer it: why.
    pub(crate) fn condition(
        &self,
        stage: StageIx,
        host: HostIx,
        facts: &Facts,
    ) -> Result<bool, String> {
        let condition = self.plan.condition(stage.0, host.0, facts);
        condition.map_err(|error| error.to_string())
    }
}
