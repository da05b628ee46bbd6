//! The critical path: the chain of attempts that the run's length is made of.

use std::collections::BTreeSet;

use phalanx_events::Outcome;
use phalanx_plan::{Action, Gate, PlannedTask, PreparedPlan};

use crate::data::{CriticalPath, PathStep};
use crate::timeline::{TaskTimes, Timeline};

/// Something that others may have waited for.
#[derive(Clone, Copy)]
struct Link<'a> {
    /// The task, and its place in the plan.
    task: &'a PlannedTask,
    at: usize,
    /// Which of the task's attempts; none: it was skipped, which took no time and may yet have opened a gate.
    attempt: Option<usize>,
    started: u64,
    ended: u64,
    host_ms: Option<u64>,
}

/// Walks back from the attempt that ended last, each time to what ended last of all that it waited for: the
/// task's gates, what its host was busy with before, and, where the run was resumed in between, the end of
/// what was done before that.
pub(crate) fn critical_path(plan: &PreparedPlan, timeline: &Timeline) -> Option<CriticalPath> {
    let links: Vec<Link<'_>> = plan
        .tasks
        .iter()
        .enumerate()
        .filter_map(|(at, task)| Some((at, task, timeline.tasks.get(&task.id)?)))
        .flat_map(|(at, task, times)| links(at, task, times))
        .collect();
    let worked = links.iter().filter(|link| link.attempt.is_some());
    let last = worked.max_by_key(|link| link.ended)?;
    let mut chain = vec![*last];
    let mut seen = BTreeSet::new();
    let mut link = *last;
    while seen.insert((link.at, link.attempt)) {
        match before(&links, &link, &timeline.resumed, &seen) {
            Some(before) => {
                chain.push(before);
                link = before;
            }
            None => break,
        }
    }
    chain.reverse();
    let steps = steps(plan, timeline, &chain);
    let sum_ms = steps
        .iter()
        .map(|step| step.wait_ms.saturating_add(step.took_ms))
        .fold(0, u64::saturating_add);
    Some(CriticalPath { steps, sum_ms })
}

/// The attempts at a task that are over, or that it was skipped.
fn links<'a>(at: usize, task: &'a PlannedTask, times: &TaskTimes) -> Vec<Link<'a>> {
    let end = times.end.as_ref().map(|end| &end.outcome);
    if let (Some(Outcome::Skipped { .. }), Some(ended)) = (end, times.ended) {
        return vec![Link {
            task,
            at,
            attempt: None,
            started: ended,
            ended,
            host_ms: None,
        }];
    }
    let tries = times.tries.iter().enumerate();
    tries
        .filter(|(_, one)| one.is_work())
        .filter_map(|(attempt, one)| {
            Some(Link {
                task,
                at,
                attempt: Some(attempt),
                started: one.started,
                ended: one.until()?.max(one.started),
                host_ms: one.host_ms,
            })
        })
        .collect()
}

/// What a link waited for.
fn before<'a>(
    links: &[Link<'a>],
    link: &Link<'_>,
    resumed: &[u64],
    seen: &BTreeSet<(usize, Option<usize>)>,
) -> Option<Link<'a>> {
    let id = &link.task.id;
    // Of those that ended together the one that took time is the one waited for.
    let last = |one: &&Link<'_>| {
        (
            one.ended,
            one.ended - one.started,
            one.task.id.host == id.host,
        )
    };
    let new = |one: &&Link<'_>| one.ended <= link.started && !seen.contains(&(one.at, one.attempt));
    let waited_for = |one: &&Link<'_>| {
        let same_host = one.task.id.host == id.host;
        same_host
            || link
                .task
                .gates
                .iter()
                .any(|gate| matches!(gate, Gate::All(stage) if one.task.id.stage == *stage))
    };
    let own = links.iter().filter(waited_for).filter(new).max_by_key(last);
    let resumed = resumed.iter().rfind(|at| **at <= link.started);
    let then = match (resumed, own) {
        (Some(resumed), None) => Some(*resumed),
        (Some(resumed), Some(own)) if own.ended <= *resumed => Some(*resumed),
        _ => None,
    };
    let of_before = then.and_then(|then| {
        let done = links.iter().filter(|one| one.ended <= then);
        done.filter(new).max_by_key(last)
    });
    of_before.or(own).copied()
}

/// The steps of a chain. What was skipped is none of them; attempts of a task that follow each other are one.
fn steps(plan: &PreparedPlan, timeline: &Timeline, chain: &[Link<'_>]) -> Vec<PathStep> {
    let mut steps: Vec<PathStep> = Vec::new();
    let mut opened = 0;
    let mut last = None;
    for link in chain.iter().filter(|link| link.attempt.is_some()) {
        let id = &link.task.id;
        let wait_ms = link.started.saturating_sub(opened);
        let took_ms = link.ended - link.started;
        let facts_ms = facts_between(timeline, link, opened);
        opened = link.ended;
        if let Some(step) = steps.last_mut().filter(|_| last == Some(link.at)) {
            step.wait_ms = step.wait_ms.saturating_add(wait_ms);
            step.took_ms = step.took_ms.saturating_add(took_ms);
            step.facts_ms = step.facts_ms.saturating_add(facts_ms);
            let told = [step.host_ms, link.host_ms].into_iter().flatten();
            step.host_ms = told.reduce(u64::saturating_add);
            continue;
        }
        last = Some(link.at);
        steps.push(PathStep {
            stage: id.stage.clone(),
            host: id.host.clone(),
            wait_ms,
            is_wait: plan
                .stage_named(&id.stage)
                .is_some_and(|stage| matches!(stage.action, Action::Until(_))),
            facts_ms,
            took_ms,
            host_ms: link.host_ms,
        });
    }
    steps
}

/// How long the link's host needed for the facts that were read since what came before it.
fn facts_between(timeline: &Timeline, link: &Link<'_>, opened: u64) -> u64 {
    let facts = timeline
        .hosts
        .get(&link.task.id.host)
        .map(|host| &host.facts);
    facts
        .into_iter()
        .flatten()
        .filter(|(at, _)| *at > opened && *at <= link.ended)
        .fold(0, |sum, (_, took)| sum.saturating_add(*took))
}
