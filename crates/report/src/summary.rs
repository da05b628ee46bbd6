//! Out of a plan and a run's events: what came of it.

mod context;
mod failures;
mod next_steps;
mod notices;
mod problems;

use phalanx_events::{Event, Outcome};
use phalanx_plan::{HostIx, PreparedPlan, StageIx};

use crate::critical_path::critical_path;
use crate::data::{Counts, FORMAT, HostEnd, HostReport, RunReport, Slowest, StageReport};
use crate::folding::Folding;
use crate::not_begun::not_begun;
use crate::terminal_text::harmless;
use crate::timeline::{TaskTimes, Timeline};
pub use context::ReportContext;
use failures::failures;
use next_steps::next_steps;
use notices::notices;
use problems::problems;

/// What came of a run, as far as its events go.
pub fn summarize(plan: &PreparedPlan, events: &[Event], context: &ReportContext<'_>) -> RunReport {
    let timeline = Timeline::new(events);
    let folding = Folding::new(plan);
    let stages = plan.stage_ixs();
    let stages: Vec<StageReport> = stages
        .map(|stage| stage_report(plan, stage, &timeline))
        .collect();
    let hosts = plan.host_ixs();
    let hosts: Vec<HostReport> = hosts
        .map(|host| host_report(plan, host, &timeline))
        .collect();
    let mut total = Counts::default();
    for task in &plan.tasks {
        total.add(timeline.tasks.get(&task.id));
    }
    let failures = failures(plan, &timeline, &folding, context);
    let mut report = RunReport {
        format: FORMAT,
        run: context.run.to_owned(),
        cluster: harmless(&plan.cluster),
        recipe: harmless(&plan.recipe),
        release: plan.release.as_deref().map(harmless),
        cluster_file: timeline
            .run
            .as_ref()
            .and_then(|run| run.origin.as_ref())
            .map(|origin| harmless(&origin.cluster_file)),
        lab: context.lab.map(str::to_owned),
        flow: harmless(&plan.flow),
        version: timeline.run.as_ref().map(|run| harmless(&run.version)),
        started_at: timeline.started_at,
        took_ms: timeline.took_ms,
        outcome: timeline.outcome,
        total,
        stages,
        hosts,
        critical_path: critical_path(plan, &timeline),
        failures,
        not_begun: not_begun(plan, &timeline, &folding),
        problems: problems(plan, &timeline, &folding),
        notices: notices(plan, &timeline, &folding),
        next: Vec::new(),
    };
    report.next = next_steps(&report, plan, context);
    report
}

impl Counts {
    /// Counts one task; none is one that the events do not know.
    fn add(&mut self, task: Option<&TaskTimes>) {
        match task.map(|task| (&task.end, task.started)) {
            Some((Some(end), _)) => self.add_outcome(&end.outcome),
            Some((None, Some(_))) => self.unfinished += 1,
            Some((None, None)) | None => self.not_run += 1,
        }
    }
}

fn never_ran(task: &TaskTimes) -> bool {
    matches!(&task.end, Some(end) if matches!(end.outcome, Outcome::NotRun { .. }))
}

/// From the first start to the last end of tasks that ran.
fn wall<'a>(tasks: impl Iterator<Item = &'a TaskTimes>) -> Option<(u64, u64)> {
    tasks
        .filter(|task| !never_ran(task))
        .filter_map(TaskTimes::span)
        .reduce(|(from, to), (started, ended)| (from.min(started), to.max(ended)))
}

fn stage_report(plan: &PreparedPlan, stage: StageIx, timeline: &Timeline) -> StageReport {
    let mut counts = Counts::default();
    let tasks = || plan.tasks_of_stage(stage).map(|task| &plan.task(task).id);
    for task in tasks() {
        counts.add(timeline.tasks.get(task));
    }
    let slowest = timeline.slowest(tasks());
    StageReport {
        id: plan.stage(stage).id.clone(),
        hosts: tasks().len(),
        counts,
        wall_ms: timeline.work_time(tasks()),
        slowest: slowest.first().map(|(took_ms, host)| Slowest {
            host: (*host).clone(),
            took_ms: *took_ms,
        }),
    }
}

fn host_report(plan: &PreparedPlan, host: HostIx, timeline: &Timeline) -> HostReport {
    let mut counts = Counts::default();
    let mut busy_ms = 0u64;
    let mut failed_at = None;
    let tasks = || plan.tasks_of_host(host).iter().map(|task| plan.task(*task));
    for task in tasks() {
        let times = timeline.tasks.get(&task.id);
        counts.add(times);
        busy_ms = busy_ms.saturating_add(times.map_or(0, TaskTimes::worked));
        let failed = times
            .and_then(|times| times.end.as_ref())
            .is_some_and(|end| end.outcome == Outcome::Failed);
        if failed && failed_at.is_none() {
            failed_at = Some(task.id.stage.clone());
        }
    }
    let host = plan.host(host);
    let seen = timeline.hosts.get(&host.name);
    let connected = seen.and_then(|seen| seen.connected);
    let state = if seen.is_some_and(|seen| seen.failure.is_some() || seen.left_out) {
        HostEnd::Missing
    } else if counts.failed > 0 {
        HostEnd::Failed
    } else if counts.done() == counts.all() && (counts.all() > 0 || connected.is_some()) {
        HostEnd::Done
    } else {
        HostEnd::Unfinished
    };
    let ran = wall(tasks().filter_map(|task| timeline.tasks.get(&task.id)));
    HostReport {
        name: host.name.clone(),
        role: host.role.clone(),
        state,
        failed_at,
        counts,
        wall_ms: ran.map(|(from, to)| to - connected.unwrap_or(from).min(to)),
        busy_ms,
    }
}
