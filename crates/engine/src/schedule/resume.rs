//! What remains of a run that was left, cut short or failed.
//!
//! [`Resumption::of`] is a pure function of the plan that holds now, the plans that held before, and the
//! journal's state. What the hosts say comes in later, at the moment it is true: who resumes a job
//! *attaches* to it, and the host's answer decides the rest, by the table in `docs/design/resume.md`.

use std::collections::BTreeMap;
use std::sync::Arc;

use phalanx_events::{RunState, TaskState, TaskStatus};
use phalanx_plan::{Facts, HostName, PlannedTask, PreparedPlan, TaskId, differences};

use super::begin::{Begin, Known, MadeFrom, Reason, next};

/// One task and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Which.
    pub task: TaskId,
    /// How it goes on; nothing where it is done.
    pub begin: Option<Begin>,
    /// Why.
    pub reason: Reason,
}

/// What remains of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resumption {
    /// Every task of the plan, in its order.
    pub decisions: Vec<Decision>,
    /// Tasks that there are no more: their host or stage is gone.
    pub forgotten: Vec<TaskId>,
    /// Attempts that nobody will end any more: what ran then was no job.
    pub cut: Vec<(TaskId, u32)>,
    /// What the tasks that stay done have told of their hosts.
    pub told: BTreeMap<HostName, Facts>,
    /// Whether anything was changed anywhere so far.
    pub changed: bool,
}

impl Resumption {
    /// What remains. `before` are the run's plans by number; `state` is what its journal says.
    pub fn of(
        plan: &PreparedPlan,
        before: &BTreeMap<u32, Arc<PreparedPlan>>,
        state: &RunState,
    ) -> Self {
        let old = Before {
            plans: before,
            state,
        };
        let mut resumption = Self::default();
        for task in &plan.tasks {
            // One that was forgotten and is in the plan again goes on counting its attempts.
            let kept = state.tasks.get(&task.id).map(Known::State);
            let forgotten = || state.forgotten.get(&task.id).map(Known::Forgotten);
            let known = kept.or_else(forgotten).unwrap_or(Known::Nothing);
            let made_from = match known.state() {
                Some(known) if known.attempt > 0 => old.made_from(plan, task, known),
                _ => MadeFrom::Same,
            };
            let action = &plan.stage(task.stage).action;
            let (begin, reason) = next(known, action, made_from);
            let known = known.state();
            if let (Some(known), Some(Begin::Anew { attempt })) = (known, &begin)
                && known.open
            {
                resumption.cut.push((task.id.clone(), attempt - 1));
            }
            if let (Some(end), None) = (known.and_then(TaskState::end), &begin) {
                let told = resumption.told.entry(task.id.host.clone()).or_default();
                told.extend(end.facts.clone());
            }
            resumption.decisions.push(Decision {
                task: task.id.clone(),
                begin,
                reason,
            });
        }
        let gone = state.tasks.keys();
        let gone = gone.filter(|task| plan.task_ix(task).is_none());
        resumption.forgotten = gone.cloned().collect();
        resumption.changed = state.tasks.values().any(|task| match &task.status {
            TaskStatus::Ended(end) | TaskStatus::Again(end) => !end.changed.is_empty(),
            // Who knows.
            _ => task.open,
        });
        resumption
    }

    /// How many tasks remain.
    pub fn remaining(&self) -> usize {
        let begins = self
            .decisions
            .iter()
            .filter(|decision| decision.begin.is_some());
        begins.count()
    }

    /// Tasks that were done and are to be done again.
    pub fn again(&self) -> Vec<TaskId> {
        let again = self
            .decisions
            .iter()
            .filter(|decision| matches!(decision.reason, Reason::Changed(_)));
        again.map(|decision| decision.task.clone()).collect()
    }
}

/// The plans that held before.
struct Before<'a> {
    plans: &'a BTreeMap<u32, Arc<PreparedPlan>>,
    state: &'a RunState,
}

impl Before<'_> {
    /// What a task would be made from now, beside what it was made from.
    fn made_from(&self, plan: &PreparedPlan, task: &PlannedTask, known: &TaskState) -> MadeFrom {
        let place = self.plans.get(&known.plan).and_then(|old| {
            let stage = old.stage_ix(&task.id.stage)?;
            let host = old.host_ix(&task.id.host)?;
            Some((old, stage, host))
        });
        let Some((old, old_stage, old_host)) = place else {
            return MadeFrom::Other(vec!["what it was made from is not known".to_owned()]);
        };
        let none = Facts::new();
        let host = self.state.hosts.get(&task.id.host);
        let facts = host.map_or(&none, |host| &host.facts);
        let different = differences(
            &old.inputs(old_stage, old_host, facts),
            &plan.inputs(task.stage, task.host, facts),
        );
        match different.is_empty() {
            true => MadeFrom::Same,
            false => MadeFrom::Other(different),
        }
    }
}
