//! What remains of a run that was left, cut short or failed.
//!
//! [`Resumption::of`] is a pure function of the plan that holds now, the plans that held before, and the
//! journal's state. What the hosts say comes in later, at the moment it is true: who resumes a job
//! *attaches* to it, and the host's answer decides the rest, by the table in `docs/design/resume.md`.

use std::collections::{BTreeMap, BTreeSet};

use phalanx_events::{RunState, TaskState, TaskStatus};
use phalanx_plan::{Facts, HostName, Plan, StageId, TaskId, differences};

pub use crate::schedule::{Begin, Reason};
use crate::schedule::{Known, MadeFrom, next};

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
    pub fn of(plan: &Plan, before: &BTreeMap<u32, Plan>, state: &RunState) -> Self {
        let old = Before::new(before, state);
        let mut resumption = Self::default();
        for task in &plan.tasks {
            // One that was forgotten and is in the plan again goes on counting its attempts.
            let kept = state.tasks.get(&task.id).map(Known::State);
            let forgotten = || state.forgotten.get(&task.id).map(Known::Forgotten);
            let known = kept.or_else(forgotten).unwrap_or(Known::Nothing);
            let made_from = match known.state() {
                Some(known) if known.attempt > 0 => {
                    old.made_from(plan, task.stage, task.host, known)
                }
                _ => MadeFrom::Same,
            };
            let action = &plan.stages[task.stage].action;
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
        let known: BTreeSet<&TaskId> = plan.tasks.iter().map(|task| &task.id).collect();
        let gone = state.tasks.keys().filter(|task| !known.contains(task));
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

/// The plans that held before, ready for questions.
struct Before<'a> {
    plans: BTreeMap<u32, EarlierPlan<'a>>,
    state: &'a RunState,
}

struct EarlierPlan<'a> {
    plan: &'a Plan,
    stages: BTreeMap<&'a StageId, usize>,
    hosts: BTreeMap<&'a HostName, usize>,
}

impl<'a> Before<'a> {
    fn new(plans: &'a BTreeMap<u32, Plan>, state: &'a RunState) -> Self {
        let known = |plan: &'a Plan| EarlierPlan {
            plan,
            stages: plan
                .stages
                .iter()
                .enumerate()
                .map(|(at, stage)| (&stage.id, at))
                .collect(),
            hosts: plan
                .hosts
                .iter()
                .enumerate()
                .map(|(at, host)| (&host.name, at))
                .collect(),
        };
        Self {
            plans: plans
                .iter()
                .map(|(number, plan)| (*number, known(plan)))
                .collect(),
            state,
        }
    }

    /// What a task would be made from now, beside what it was made from.
    fn made_from(&self, plan: &Plan, stage: usize, host: usize, task: &TaskState) -> MadeFrom {
        let none = Facts::new();
        let (now_stage, now_host) = (&plan.stages[stage], &plan.hosts[host]);
        let place = self.plans.get(&task.plan).and_then(|known| {
            let stage = known.stages.get(&now_stage.id)?;
            let host = known.hosts.get(&now_host.name)?;
            Some((known.plan, *stage, *host))
        });
        let Some((old, old_stage, old_host)) = place else {
            return MadeFrom::Other(vec!["what it was made from is not known".to_owned()]);
        };
        let facts = self
            .state
            .hosts
            .get(&now_host.name)
            .map_or(&none, |host| &host.facts);
        let different = differences(
            &old.inputs(old_stage, old_host, facts),
            &plan.inputs(stage, host, facts),
        );
        match different.is_empty() {
            true => MadeFrom::Same,
            false => MadeFrom::Other(different),
        }
    }
}
