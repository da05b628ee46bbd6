//! What failed, equal failures of many hosts as one.

use std::collections::{BTreeSet, HashMap};

use phalanx_events::{Failure, FailureKind, Outcome};
use phalanx_plan::{HostName, PreparedPlan, StageId, TaskId};

use super::context::ReportContext;
use crate::data::{CauseReport, FailureReport};
use crate::folding::Folding;
use crate::reason::Reason;
use crate::terminal_text::harmless;
use crate::timeline::Timeline;

/// Tasks that failed in the plan's order, then hosts that failed outside of any task.
pub(super) fn failures(
    plan: &PreparedPlan,
    timeline: &Timeline,
    folding: &Folding,
    context: &ReportContext<'_>,
) -> Vec<FailureReport> {
    let mut folded = FoldedFailures::new(folding);
    let mut told: BTreeSet<(&HostName, &str)> = BTreeSet::new();
    let unknown = Failure::new(FailureKind::Script, "it did not say why");
    for task in &plan.tasks {
        let times = timeline.tasks.get(&task.id);
        let end = times.and_then(|times| times.end.as_ref());
        if let Some(end) = end.filter(|end| end.outcome == Outcome::Failed) {
            let failure = end.failure.as_ref().unwrap_or(&unknown);
            told.insert((&task.id.host, &failure.message));
            folded.add(HostFailure {
                stage: Some(&task.id.stage),
                host: &task.id.host,
                failure,
                reason: Reason::of_end(end),
                has_log: end.log_bytes > 0,
            });
        }
    }
    for host in &plan.hosts {
        let seen = timeline.hosts.get(&host.name);
        let failure = seen.and_then(|seen| seen.failure.as_ref());
        if let Some(failure) = failure
            // A host that went away in the middle of a task says the same once more.
            && !told.contains(&(&host.name, failure.message.as_str()))
        {
            folded.add(HostFailure {
                stage: None,
                host: &host.name,
                failure,
                reason: Reason::of_failure(failure),
                has_log: false,
            });
        }
    }
    let folded = folded.folded.into_iter();
    folded
        .map(|one| one.report(plan, timeline, context))
        .collect()
}

/// A failure of one host.
struct HostFailure<'a> {
    /// The stage that failed; none: it failed outside of any task.
    stage: Option<&'a StageId>,
    host: &'a HostName,
    failure: &'a Failure,
    reason: Reason,
    /// Whether there is output to look at.
    has_log: bool,
}

/// Failures, equal ones as one.
struct FoldedFailures<'a> {
    folding: &'a Folding,
    folded: Vec<Folded>,
    /// By a text that two of them must share to be equal: no list is searched for each.
    places: HashMap<(Option<StageId>, String), Vec<usize>>,
}

impl<'a> FoldedFailures<'a> {
    fn new(folding: &'a Folding) -> Self {
        Self {
            folding,
            folded: Vec::new(),
            places: HashMap::new(),
        }
    }

    fn add(&mut self, one: HostFailure<'_>) {
        let HostFailure { stage, host, .. } = one;
        let neutral = neutral(self.folding, host, one.failure);
        let neutral_reason = one.reason.each(|text| self.folding.neutral(host, text));
        let like = [&neutral.message].into_iter().chain(&neutral.lines);
        let like = like.map(String::as_str).collect::<Vec<_>>().join("\n");
        let alike = self.places.entry((stage.cloned(), like)).or_default();
        let folded = &mut self.folded;
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
                    first: (one.failure.clone(), one.reason),
                    has_log: one.has_log,
                });
            }
        }
    }
}

/// A failure without the host's own names.
fn neutral(folding: &Folding, host: &HostName, failure: &Failure) -> Failure {
    let text = |text: &str| folding.neutral(host, text);
    Failure {
        kind: failure.kind,
        message: text(&failure.message),
        advice: failure.advice.as_deref().map(text),
        may_run: failure.may_run,
        lasts: failure.lasts,
        lines: failure.lines.iter().map(|line| text(line)).collect(),
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

impl Folded {
    fn report(
        self,
        plan: &PreparedPlan,
        timeline: &Timeline,
        context: &ReportContext<'_>,
    ) -> FailureReport {
        let log = self.log(timeline, context);
        let (shown, reason) = match self.hosts.len() {
            1 => self.first,
            _ => {
                let reason = self.reason;
                let reason = reason.unwrap_or_else(|| Reason::of_failure(&self.failure));
                (self.failure, reason)
            }
        };
        FailureReport {
            stage: self.stage,
            kind: shown.kind,
            message: harmless(&shown.message),
            reason: harmless(&reason.says),
            fix: reason.fix.as_deref().map(harmless),
            advice: shown.advice.as_deref().map(harmless),
            cause: cause(plan, &shown),
            lines: shown.lines.iter().map(|line| harmless(line)).collect(),
            hosts: self.hosts,
            log,
        }
    }

    /// Where the output of the first host is, if it has said anything.
    fn log(&self, timeline: &Timeline, context: &ReportContext<'_>) -> Option<String> {
        if !self.has_log {
            return None;
        }
        let task = TaskId {
            stage: self.stage.clone()?,
            host: self.hosts.first()?.clone(),
        };
        let attempts = timeline.tasks.get(&task).map_or(1, |times| times.attempts);
        Some((context.log)(&task, attempts))
    }
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
