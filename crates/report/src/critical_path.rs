//! The critical path: the chain of tasks that the run's length is made of.

use std::collections::BTreeSet;

use phalanx_events::Outcome;
use phalanx_plan::{Action, Gate, Plan, TaskId};

use crate::data::{CriticalPath, PathStep};
use crate::timeline::Timeline;

/// Walks back from the task that ended last, each time to what ended last of all that the task
/// waited for: its gates, and the task that its host was busy with before.
pub(crate) fn critical_path(plan: &Plan, timeline: &Timeline) -> Option<CriticalPath> {
    let ran = |id: &TaskId| {
        let times = timeline.tasks.get(id)?;
        match times.end.as_ref()?.outcome {
            Outcome::NotRun { .. } => None,
            _ => times.span(),
        }
    };
    let last = plan
        .tasks
        .iter()
        .filter_map(|task| Some((ran(&task.id)?.1, task)))
        .max_by_key(|(ended, _)| *ended)?
        .1;
    let mut steps: Vec<PathStep> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut next = Some(last);
    while let Some(task) = next.filter(|task| seen.insert(&task.id)) {
        let Some((started, ended)) = ran(&task.id) else {
            break;
        };
        let before = plan
            .tasks
            .iter()
            .filter(|other| {
                let same_host = other.id.host == task.id.host;
                let gate = task.gates.iter().any(|gate| match gate {
                    Gate::Own(stage) => same_host && other.id.stage == *stage,
                    Gate::All(stage) => other.id.stage == *stage,
                });
                (gate || same_host) && !seen.contains(&other.id)
            })
            .filter_map(|other| Some((ran(&other.id)?, other)))
            .filter(|((_, other_ended), _)| *other_ended <= started)
            .max_by_key(|((other_started, other_ended), other)| {
                // Of those that ended together the one that took time is the one waited for.
                (
                    *other_ended,
                    other_ended.saturating_sub(*other_started),
                    other.id.host == task.id.host,
                )
            });
        let opened = before.map_or(0, |((_, ended), _)| ended);
        steps.push(PathStep {
            stage: task.id.stage.clone(),
            host: task.id.host.clone(),
            wait_ms: started - opened.min(started),
            is_wait: plan
                .stage(&task.id.stage)
                .is_some_and(|stage| matches!(stage.action, Action::Until(_))),
            facts_ms: facts_between(timeline, &task.id, opened, ended),
            took_ms: ended.saturating_sub(started),
            host_ms: timeline
                .tasks
                .get(&task.id)
                .and_then(|times| times.end.as_ref()?.host_ms),
        });
        next = before.map(|(_, other)| other);
    }
    steps.reverse();
    let sum_ms = steps
        .iter()
        .map(|step| step.wait_ms.saturating_add(step.took_ms))
        .fold(0, u64::saturating_add);
    Some(CriticalPath { steps, sum_ms })
}

/// How long the task's host needed for the facts that were read between these moments.
fn facts_between(timeline: &Timeline, task: &TaskId, from: u64, to: u64) -> u64 {
    let facts = timeline.hosts.get(&task.host).map(|host| &host.facts);
    facts
        .into_iter()
        .flatten()
        .filter(|(at, _)| *at > from && *at <= to)
        .fold(0, |sum, (_, took)| sum.saturating_add(*took))
}
