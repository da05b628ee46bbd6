//! Out of a plan and a run's events: what came of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use phalanx_events::{Event, Failure, FailureKind, Outcome, ReportedSeverity, RunOutcome};
use phalanx_plan::{
    Changes, FlowCommand, HostName, PlannedHost, PlannedStage, PreparedPlan, StageId, TaskId,
    is_plain_name,
};

use crate::critical_path::critical_path;
use crate::data::{
    CauseReport, Counts, FORMAT, FailureReport, HostEnd, HostReport, NextStep, NoticeReport,
    ProblemReport, RunReport, Slowest, StageReport,
};
use crate::earlier_facts;
use crate::folding::Folding;
use crate::not_begun::not_begun;
use crate::reason::Reason;
use crate::terminal_text::harmless;
use crate::timeline::{TaskTimes, Timeline};

/// What a report needs to know beside plan and events.
pub struct ReportContext<'a> {
    /// The run's id.
    pub run: &'a str,
    /// The command as it was called, up to the subcommand: `phalanx`, `phalanx -c lab.yaml`.
    pub command: &'a str,
    /// Options that a flow has to be given again to be about the same: ` --on worker1`, or nothing.
    pub again: &'a str,
    /// Whether somebody works on it right now.
    pub running: bool,
    /// Whether a newer program has written it: only that one may go on with it.
    pub newer: bool,
    /// The lab that the hosts are of, where they are no real servers.
    pub lab: Option<&'a str>,
    /// Where the log of a task's attempt is, as it is shown.
    pub log: &'a dyn Fn(&TaskId, u32) -> String,
}

/// What came of a run, as far as its events go.
pub fn summarize(plan: &PreparedPlan, events: &[Event], context: &ReportContext<'_>) -> RunReport {
    let timeline = Timeline::new(events);
    let folding = Folding::new(plan);
    let stages: Vec<StageReport> = plan
        .stages
        .iter()
        .map(|stage| stage_report(plan, stage, &timeline))
        .collect();
    let hosts: Vec<HostReport> = plan
        .hosts
        .iter()
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

fn stage_report(plan: &PreparedPlan, stage: &PlannedStage, timeline: &Timeline) -> StageReport {
    let mut counts = Counts::default();
    let tasks = || {
        let tasks = plan.tasks.iter().map(|task| &task.id);
        tasks.filter(|task| task.stage == stage.id)
    };
    for task in tasks() {
        counts.add(timeline.tasks.get(task));
    }
    let slowest = timeline.slowest(tasks());
    StageReport {
        id: stage.id.clone(),
        hosts: tasks().count(),
        counts,
        wall_ms: timeline.work_time(tasks()),
        slowest: slowest.first().map(|(took_ms, host)| Slowest {
            host: (*host).clone(),
            took_ms: *took_ms,
        }),
    }
}

fn host_report(plan: &PreparedPlan, host: &PlannedHost, timeline: &Timeline) -> HostReport {
    let mut counts = Counts::default();
    let mut busy_ms = 0u64;
    let mut failed_at = None;
    let tasks = || plan.tasks.iter().filter(|task| task.id.host == host.name);
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

/// A failure with the host's own names taken out, to compare it with others.
struct Folded {
    failure: Failure,
    /// Why, where all of them say the same of it.
    reason: Option<Reason>,
    stage: Option<StageId>,
    hosts: Vec<HostName>,
    first: (Failure, Reason),
    /// Whether the first of them has said anything.
    has_log: bool,
}

/// What the recipe knows of the words in a failure's message and last lines.
fn cause(plan: &PreparedPlan, failure: &Failure) -> Option<CauseReport> {
    let said = failure.lines.iter().chain([&failure.message]);
    let said: Vec<String> = said.map(|line| line.to_lowercase()).collect();
    let fits = |words: &[String]| {
        let mut words = words.iter();
        words.any(|word| said.iter().any(|line| line.contains(word.as_str())))
    };
    let cause = plan.causes.iter().find(|cause| fits(&cause.words))?;
    Some(CauseReport {
        says: harmless(&cause.says),
        fix: harmless(&cause.fix),
    })
}

fn failures(
    plan: &PreparedPlan,
    timeline: &Timeline,
    folding: &Folding,
    context: &ReportContext<'_>,
) -> Vec<FailureReport> {
    let mut folded: Vec<Folded> = Vec::new();
    // By a text that two of them must share to be equal: no list is searched for each.
    let mut places: HashMap<(Option<StageId>, String), Vec<usize>> = HashMap::new();
    let mut add = |stage: Option<&StageId>,
                   host: &HostName,
                   failure: &Failure,
                   reason: Reason,
                   has_log: bool| {
        let neutral_reason = reason.each(|text| folding.neutral(host, text));
        let neutral = Failure {
            kind: failure.kind,
            message: folding.neutral(host, &failure.message),
            advice: failure
                .advice
                .as_deref()
                .map(|text| folding.neutral(host, text)),
            may_run: failure.may_run,
            lasts: failure.lasts,
            lines: failure
                .lines
                .iter()
                .map(|line| folding.neutral(host, line))
                .collect(),
        };
        let like = [&neutral.message].into_iter().chain(&neutral.lines);
        let like = like.map(String::as_str).collect::<Vec<_>>().join("\n");
        let alike = places.entry((stage.cloned(), like)).or_default();
        let equal = |at: &&usize| folded.get(**at).is_some_and(|one| one.failure == neutral);
        match alike.iter().find(equal).copied() {
            Some(at) => {
                if let Some(known) = folded.get_mut(at) {
                    known.hosts.push(host.clone());
                    // Problems of hosts that differ are told one by one; here stands what they share.
                    known.reason.take_if(|known| *known != neutral_reason);
                }
            }
            None => {
                alike.push(folded.len());
                folded.push(Folded {
                    failure: neutral,
                    reason: Some(neutral_reason),
                    stage: stage.cloned(),
                    hosts: vec![host.clone()],
                    first: (failure.clone(), reason),
                    has_log,
                });
            }
        }
    };
    let mut told: BTreeSet<(&HostName, &str)> = BTreeSet::new();
    let unknown = Failure::new(FailureKind::Script, "it did not say why");
    for task in &plan.tasks {
        let end = timeline
            .tasks
            .get(&task.id)
            .and_then(|times| times.end.as_ref());
        if let Some(end) = end.filter(|end| end.outcome == Outcome::Failed) {
            let failure = end.failure.as_ref().unwrap_or(&unknown);
            told.insert((&task.id.host, &failure.message));
            add(
                Some(&task.id.stage),
                &task.id.host,
                failure,
                Reason::of_end(end),
                end.log_bytes > 0,
            );
        }
    }
    for host in &plan.hosts {
        let failure = timeline
            .hosts
            .get(&host.name)
            .and_then(|seen| seen.failure.as_ref());
        if let Some(failure) = failure
            // A host that went away in the middle of a task says the same once more.
            && !told.contains(&(&host.name, failure.message.as_str()))
        {
            let reason = Reason::of_failure(failure);
            add(None, &host.name, failure, reason, false);
        }
    }
    folded
        .into_iter()
        .map(|folded| {
            let (shown, reason) = if folded.hosts.len() == 1 {
                folded.first
            } else {
                let reason = folded
                    .reason
                    .unwrap_or_else(|| Reason::of_failure(&folded.failure));
                (folded.failure, reason)
            };
            let log = folded
                .stage
                .as_ref()
                .zip(folded.hosts.first())
                .filter(|_| folded.has_log)
                .map(|(stage, host)| {
                    let task = TaskId {
                        stage: stage.clone(),
                        host: host.clone(),
                    };
                    let attempts = timeline.tasks.get(&task).map_or(1, |times| times.attempts);
                    (context.log)(&task, attempts)
                });
            FailureReport {
                stage: folded.stage,
                kind: shown.kind,
                message: harmless(&shown.message),
                reason: harmless(&reason.says),
                fix: reason.fix.as_deref().map(harmless),
                advice: shown.advice.as_deref().map(harmless),
                cause: cause(plan, &shown),
                lines: shown.lines.iter().map(|line| harmless(line)).collect(),
                hosts: folded.hosts,
                log,
            }
        })
        .collect()
}

fn problems(plan: &PreparedPlan, timeline: &Timeline, folding: &Folding) -> Vec<ProblemReport> {
    let mut folded: Vec<ProblemReport> = Vec::new();
    let mut own_words: Vec<(String, String)> = Vec::new();
    let mut places = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for task in &plan.tasks {
        let end = timeline
            .tasks
            .get(&task.id)
            .and_then(|times| times.end.as_ref());
        let host = &task.id.host;
        for problem in end.iter().flat_map(|end| &end.problems) {
            let text = harmless(&folding.neutral(host, &problem.text));
            let fix = harmless(&folding.neutral(host, &problem.fix));
            let key = (
                problem.severity,
                problem.check.clone(),
                text.clone(),
                fix.clone(),
            );
            let place = *places.entry(key).or_insert(folded.len());
            let is_new = seen.insert((place, host));
            match folded.get_mut(place) {
                Some(known) if is_new => known.hosts.push(host.clone()),
                Some(_) => {}
                None => {
                    own_words.push((harmless(&problem.text), harmless(&problem.fix)));
                    folded.push(ProblemReport {
                        severity: problem.severity,
                        check: problem.check.clone(),
                        text,
                        fix,
                        hosts: vec![host.clone()],
                    });
                }
            }
        }
    }
    for (problem, (text, fix)) in folded.iter_mut().zip(own_words) {
        if problem.hosts.len() == 1 {
            (problem.text, problem.fix) = (text, fix);
        }
        problem.check = harmless(&problem.check);
    }
    folded.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    folded
}

fn is_skipped_by_operator(timeline: &Timeline, task: &TaskId) -> bool {
    let end = timeline
        .tasks
        .get(task)
        .and_then(|times| times.end.as_ref());
    end.is_some_and(|end| {
        matches!(
            end.outcome,
            Outcome::Skipped {
                by_operator: true,
                ..
            }
        )
    })
}

fn notices(plan: &PreparedPlan, timeline: &Timeline, folding: &Folding) -> Vec<NoticeReport> {
    let mut folded: Vec<(NoticeReport, String)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut skipped_on: BTreeMap<&HostName, Vec<&StageId>> = BTreeMap::new();
    for task in &plan.tasks {
        if is_skipped_by_operator(timeline, &task.id) {
            let stages = skipped_on.entry(&task.id.host).or_default();
            stages.push(&task.id.stage);
        }
    }
    for host in &plan.hosts {
        let seen = timeline.hosts.get(&host.name);
        let left_out = seen
            .filter(|seen| seen.left_out)
            .map(|_| "left out of the run by the operator".to_owned());
        let skipped = skipped_on.remove(&host.name).unwrap_or_default();
        let skipped: Vec<String> = skipped
            .into_iter()
            .map(|stage| {
                format!("{stage} was skipped, as the operator wanted; a new run does it, `resume` does not")
            })
            .collect();
        for notice in left_out
            .iter()
            .chain(&skipped)
            .chain(seen.iter().flat_map(|seen| &seen.notices))
        {
            let text = harmless(&folding.neutral(&host.name, notice));
            let place = *places.entry(text.clone()).or_insert(folded.len());
            match folded.get_mut(place) {
                Some((known, _)) => known.hosts.push(host.name.clone()),
                None => {
                    let hosts = vec![host.name.clone()];
                    folded.push((NoticeReport { text, hosts }, harmless(notice)));
                }
            }
        }
    }
    let own = folded.into_iter().map(|(mut notice, own_words)| {
        if notice.hosts.len() == 1 {
            notice.text = own_words;
        }
        notice
    });
    let earlier = earlier_facts::notices(plan, timeline.started_at);
    own.chain(earlier).collect()
}

/// More than this many logs to look at are not suggested.
const LOGS_SUGGESTED: usize = 3;

fn next_steps(
    report: &RunReport,
    plan: &PreparedPlan,
    context: &ReportContext<'_>,
) -> Vec<NextStep> {
    let has = |command| {
        let mut flows = plan.flows.iter();
        flows.any(|flow| FlowCommand::of(flow) == Some(command))
    };
    // A plan is read back from a file: what is proposed for typing is nothing but a name.
    if !is_plain_name(&report.flow) || !is_plain_name(&report.run) {
        return Vec::new();
    }
    let mut next = Vec::new();
    let mut add = |command: String, does: &str| {
        // What is to be typed is made of names alone; a plan that came from elsewhere may hold others.
        let plain = |c: char| c.is_ascii_alphanumeric() || "._- ".contains(c);
        if !command.chars().all(plain) || (context.newer && command.starts_with("resume ")) {
            return;
        }
        next.push(NextStep {
            command: match FlowCommand::of(&command) {
                Some(_) => format!("{} {command}{}", context.command, context.again),
                None => format!("{} {command}", context.command),
            },
            does: does.to_owned(),
        });
    };
    for failure in report.failures.iter().take(LOGS_SUGGESTED) {
        if let (Some(stage), Some(host)) = (&failure.stage, failure.hosts.first()) {
            add(
                format!("logs {} {host} {stage}", report.run),
                "the whole log",
            );
        }
    }
    let errors = report
        .problems
        .iter()
        .any(|problem| problem.severity == ReportedSeverity::Error);
    let looks = plan.changes() == Changes::Nothing;
    let flow = |command: FlowCommand| command.name().to_owned();
    match (report.outcome, plan.command()) {
        (Some(RunOutcome::Done), Some(FlowCommand::Check))
            if looks && has(FlowCommand::Install) =>
        {
            add(
                flow(FlowCommand::Install),
                "go on: this has changed nothing",
            );
        }
        (Some(RunOutcome::Done), Some(FlowCommand::Install)) if has(FlowCommand::Verify) => {
            add(flow(FlowCommand::Verify), "prove that it is healthy");
        }
        (Some(RunOutcome::Done), _) => {}
        (Some(RunOutcome::ProblemsFound), _) => {
            // A check looks at what a flow looks at first; what is found later, only the flow finds.
            let first = report.stages.iter().find(|stage| stage.hosts > 0);
            let early = first.is_some_and(|stage| stage.counts.failed > 0);
            let again = match early && has(FlowCommand::Check) {
                true => flow(FlowCommand::Check),
                false => report.flow.clone(),
            };
            add(again, "once the problems are mended");
        }
        (Some(RunOutcome::Failed), Some(FlowCommand::Verify))
            if looks && has(FlowCommand::Install) =>
        {
            add(
                flow(FlowCommand::Install),
                "mend it: what is right already is left alone",
            );
            add(flow(FlowCommand::Verify), "then prove it again");
        }
        (Some(RunOutcome::Failed), _) if looks => {
            add(report.flow.clone(), "once that is mended");
        }
        (Some(RunOutcome::Failed), _) => {
            let why = if errors {
                "go on, once the problems are mended"
            } else {
                "go on: what failed is tried again, what is done stays done"
            };
            add(format!("resume {}", report.run), why);
        }
        (Some(RunOutcome::Interrupted) | None, _) if looks && !context.running => {
            add(report.flow.clone(), "once more");
        }
        (None, _) if context.running => {}
        (Some(RunOutcome::Held), _) if report.total.done() == 0 => {
            add(report.flow.clone(), "once that run has ended");
        }
        (Some(RunOutcome::Held), _) => {
            add(
                format!("resume {}", report.run),
                "go on, once that run has ended",
            );
        }
        (Some(RunOutcome::Interrupted) | None, _) => {
            let why = if report.total.unfinished > 0 {
                "go on: what was left running on the hosts is attached to"
            } else {
                "go on: what is done stays done"
            };
            add(format!("resume {}", report.run), why);
        }
    }
    if report.outcome == Some(RunOutcome::Failed) {
        add(
            format!("bundle {}", report.run),
            "all about it for a support case, secrets redacted",
        );
    }
    next
}
