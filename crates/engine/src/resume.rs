//! What remains of a run that was left, cut short or failed.
//!
//! [`Resumption::of`] is a pure function of the plan that holds now, the plans that held before, and the
//! journal's state. What the hosts say comes in later, at the moment it is true: who resumes a job
//! *attaches* to it, and the host's answer decides the rest, by the table in `docs/design/resume.md`.

use std::collections::{BTreeMap, BTreeSet};

use phalanx_events::{Outcome, RunState, TaskState, TaskStatus};
use phalanx_plan::{Action, Facts, HostName, Plan, StageId, TaskId, differences};

/// How a task goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With a new attempt of this number.
    Anew {
        /// Counts from 1 over the whole run.
        attempt: u32,
    },
    /// With the attempt that was begun: its job may be on the host.
    Attach {
        /// Which.
        attempt: u32,
        /// Whether the host is known to have had the job: then it is not started again.
        accepted: bool,
        /// Whether another attempt has to follow, since what it was made from is not the same any more.
        then_again: bool,
    },
    /// With the reboot that was asked for.
    Reboot {
        /// Which attempt.
        attempt: u32,
        /// The boot that the host was in.
        before: String,
    },
}

impl Begin {
    /// The attempt that it goes on with.
    pub fn attempt(&self) -> u32 {
        match self {
            Self::Anew { attempt }
            | Self::Attach { attempt, .. }
            | Self::Reboot { attempt, .. } => *attempt,
        }
    }
}

/// Why a task is done, done again, or begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is done, and what it was made from is the same.
    Done,
    /// The operator has skipped it, and what it would be made from is the same.
    Skipped,
    /// It was not begun.
    NotBegun,
    /// It is done, but not from the same: these are different now.
    Changed(Vec<String>),
    /// It failed, or was stopped.
    Failed,
    /// It was under way, and no end is written down.
    UnderWay,
    /// The same, and these are different now.
    UnderWayChanged(Vec<String>),
    /// The host was asked to reboot, and no end is written down.
    Rebooting,
}

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
            // One that was forgotten and is in the plan again goes on where it was.
            let known = state
                .tasks
                .get(&task.id)
                .or_else(|| state.forgotten.get(&task.id));
            let other = match known {
                Some(known) if known.attempt > 0 => {
                    old.differences(plan, task.stage, task.host, known)
                }
                _ => Vec::new(),
            };
            let action = plan.stages.get(task.stage).map(|stage| &stage.action);
            let (mut begin, mut reason) = decide(known, action, other);
            if begin.is_none() && !state.tasks.contains_key(&task.id) {
                // Nobody has looked at the host meanwhile.
                let attempt = known.map_or(1, |known| known.attempt.saturating_add(1));
                (begin, reason) = (Some(Begin::Anew { attempt }), Reason::NotBegun);
            }
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

/// One row of the decision table.
fn decide(
    known: Option<&TaskState>,
    action: Option<&Action>,
    other: Vec<String>,
) -> (Option<Begin>, Reason) {
    let Some(known) = known else {
        return (Some(Begin::Anew { attempt: 1 }), Reason::NotBegun);
    };
    let attempt = known.attempt;
    let next = Begin::Anew {
        attempt: attempt.saturating_add(1),
    };
    // Whatever was written of the task since: what was begun and has no end comes first.
    if known.open {
        return match (action, &known.reboot, &known.job) {
            (Some(Action::Reboot), Some((_, Some(before))), _) if other.is_empty() => {
                let before = before.clone();
                (Some(Begin::Reboot { attempt, before }), Reason::Rebooting)
            }
            (_, _, Some(_)) => {
                let begin = Begin::Attach {
                    attempt,
                    accepted: known.accepted,
                    then_again: !other.is_empty(),
                };
                let reason = match other.is_empty() {
                    true => Reason::UnderWay,
                    false => Reason::UnderWayChanged(other),
                };
                (Some(begin), reason)
            }
            _ => (Some(next), Reason::UnderWay),
        };
    }
    match &known.status {
        TaskStatus::Pending | TaskStatus::Running | TaskStatus::Detached => {
            (Some(next), Reason::NotBegun)
        }
        // The pause before the next attempt.
        TaskStatus::Again(_) => (Some(next), Reason::Failed),
        TaskStatus::Ended(end) => match &end.outcome {
            Outcome::Changed | Outcome::Already if other.is_empty() => (None, Reason::Done),
            Outcome::Changed | Outcome::Already => (Some(next), Reason::Changed(other)),
            Outcome::Skipped {
                by_operator: true, ..
            } if other.is_empty() => (None, Reason::Skipped),
            Outcome::Skipped { .. } | Outcome::NotRun { .. } => (Some(next), Reason::NotBegun),
            Outcome::Failed | Outcome::Cancelled => (Some(next), Reason::Failed),
        },
    }
}

/// The plans that held before, ready for questions.
struct Before<'a> {
    plans: BTreeMap<u32, Known<'a>>,
    state: &'a RunState,
}

struct Known<'a> {
    plan: &'a Plan,
    stages: BTreeMap<&'a StageId, usize>,
    hosts: BTreeMap<&'a HostName, usize>,
}

impl<'a> Before<'a> {
    fn new(plans: &'a BTreeMap<u32, Plan>, state: &'a RunState) -> Self {
        let known = |plan: &'a Plan| Known {
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

    /// What a task would be made from now that is not what it was made from.
    fn differences(&self, plan: &Plan, stage: usize, host: usize, task: &TaskState) -> Vec<String> {
        let none = Facts::new();
        let (Some(now_stage), Some(now_host)) = (plan.stages.get(stage), plan.hosts.get(host))
        else {
            return Vec::new();
        };
        let place = self.plans.get(&task.plan).and_then(|known| {
            let stage = known.stages.get(&now_stage.id)?;
            let host = known.hosts.get(&now_host.name)?;
            Some((known.plan, *stage, *host))
        });
        let Some((old, old_stage, old_host)) = place else {
            return vec!["what it was made from is not known".to_owned()];
        };
        let facts = self
            .state
            .hosts
            .get(&now_host.name)
            .map_or(&none, |host| &host.facts);
        differences(
            &old.inputs(old_stage, old_host, facts),
            &plan.inputs(stage, host, facts),
        )
    }
}
