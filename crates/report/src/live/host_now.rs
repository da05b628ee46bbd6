//! How hosts stand: what each does, waits for, failed of.

use phalanx_events::{
    HostState, HostStatus, Outcome, RebootPhase, RunState, TaskState, TaskStatus,
};
use phalanx_plan::{HostIx, PreparedPlan, StageIx, Table, TaskIx};

use super::gates::{held_by, open_by_stage};
use crate::reason::Reason;
use crate::terminal_text::harmless;

/// How much a host matters; the first matters most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Failed,
    Working,
    Waiting,
    Done,
}

/// How a host stands.
#[derive(Clone, Debug)]
pub(super) struct HostNow {
    pub(super) rank: Rank,
    /// The task that it is about, by its place in the plan.
    pub(super) task: Option<TaskIx>,
    /// Since when.
    pub(super) since_ms: Option<u64>,
    /// What there is to say of it; nothing: what it says itself.
    pub(super) text: Option<String>,
    /// Why it failed: the same, to be told where there is little room.
    pub(super) reason: Option<Reason>,
    /// What the operator can do.
    pub(super) advice: Vec<String>,
}

impl HostNow {
    fn new(rank: Rank, task: Option<TaskIx>, since_ms: Option<u64>, text: Option<String>) -> Self {
        Self {
            rank,
            task,
            since_ms,
            text,
            reason: None,
            advice: Vec::new(),
        }
    }

    fn failed(
        task: Option<TaskIx>,
        since_ms: Option<u64>,
        reason: Reason,
        advice: Option<&str>,
    ) -> Self {
        let advice = [reason.fix.as_deref(), advice].into_iter().flatten();
        let advice = advice.map(harmless).collect();
        let text = harmless(&reason.whole());
        Self {
            advice,
            reason: Some(reason.harmless()),
            ..Self::new(Rank::Failed, task, since_ms, Some(text))
        }
    }
}

/// Looks at every host.
pub(super) fn look(plan: &PreparedPlan, state: &RunState) -> Table<HostIx, HostNow> {
    let run = Run {
        plan,
        state,
        open: open_by_stage(plan, state),
    };
    Table::of_hosts(plan, |host| {
        let known = state.hosts.get(&plan.host(host).name);
        run.look_at(plan.tasks_of_host(host), known)
    })
}

/// What says how a host stands.
struct Run<'a> {
    plan: &'a PreparedPlan,
    state: &'a RunState,
    /// How many tasks are not over.
    open: Table<StageIx, usize>,
}

impl Run<'_> {
    /// The first that holds, of what matters to the operator: failed, at work, waiting, done.
    fn look_at(&self, tasks: &[TaskIx], host: Option<&HostState>) -> HostNow {
        if host.is_some_and(|host| host.left_out) {
            let text = "left out by the operator; r takes it in again".to_owned();
            return HostNow::new(Rank::Failed, None, None, Some(text));
        }
        let status = host.map(|host| &host.status);
        self.failed_task(tasks)
            .or_else(|| failed_host(status?))
            .or_else(|| self.under_way(tasks))
            .or_else(|| without_answer(status?))
            .or_else(|| self.next(tasks, status))
            .unwrap_or_else(|| self.over(tasks))
    }

    fn known(&self, task: TaskIx) -> Option<&TaskState> {
        self.state.tasks.get(&self.plan.task(task).id)
    }

    fn failed_task(&self, tasks: &[TaskIx]) -> Option<HostNow> {
        let (at, known, end) = tasks.iter().find_map(|at| {
            let known = self.known(*at)?;
            let end = known.end()?;
            (end.outcome == Outcome::Failed).then_some((*at, known, end))
        })?;
        let mut reason = Reason::of_end(end);
        let failure = end.failure.as_ref();
        let last = failure.and_then(|failure| Some((&failure.message, failure.lines.last()?)));
        if let Some((message, last)) = last
            && reason.says == *message
        {
            reason.says = format!("{message}: {last}");
        }
        let advice = failure.and_then(|failure| failure.advice.as_deref());
        Some(HostNow::failed(Some(at), known.ended_ms, reason, advice))
    }

    fn under_way(&self, tasks: &[TaskIx]) -> Option<HostNow> {
        tasks.iter().find_map(|at| {
            let known = self.known(*at)?;
            let is_under_way = known.is_running() || matches!(known.status, TaskStatus::Again(_));
            is_under_way
                .then(|| HostNow::new(Rank::Working, Some(*at), known.attempt_ms, words(known)))
        })
    }

    /// It waits for its next task to begin.
    fn next(&self, tasks: &[TaskIx], status: Option<&HostStatus>) -> Option<HostNow> {
        let is_open = |at: &&TaskIx| self.known(**at).is_none_or(|known| known.end().is_none());
        let at = *tasks.iter().find(is_open)?;
        let held = held_by(self.plan, &self.plan.task(at).gates, &self.open);
        let text = match (status, held) {
            (None | Some(HostStatus::Unknown), _)
                if !self.state.tasks.is_empty() || status.is_none() =>
            {
                "connecting".to_owned()
            }
            _ if self.state.ended.is_some() => "not begun".to_owned(),
            (_, Some(held)) => format!("waits for all of {}", self.plan.stage(held).id),
            (_, None) => "waits for its turn".to_owned(),
        };
        Some(HostNow::new(Rank::Waiting, Some(at), None, Some(text)))
    }

    /// All its tasks are over, and none has failed.
    fn over(&self, tasks: &[TaskIx]) -> HostNow {
        let ends = tasks.iter().filter_map(|at| self.known(*at)?.end());
        let mut not_run = ends.filter(|end| !end.outcome.is_done()).peekable();
        let why = match not_run.peek().map(|end| &end.outcome) {
            Some(Outcome::NotRun { reason }) => format!(": {}", harmless(reason)),
            _ => String::new(),
        };
        let (rank, text) = match not_run.count() {
            0 => (Rank::Done, "done".to_owned()),
            left => (Rank::Waiting, format!("{left} not run{why}")),
        };
        HostNow::new(rank, None, None, Some(text))
    }
}

fn failed_host(status: &HostStatus) -> Option<HostNow> {
    let HostStatus::Failed(failure) = status else {
        return None;
    };
    let reason = Reason::of_failure(failure);
    Some(HostNow::failed(
        None,
        None,
        reason,
        failure.advice.as_deref(),
    ))
}

fn without_answer(status: &HostStatus) -> Option<HostNow> {
    let HostStatus::Retrying { reason } = status else {
        return None;
    };
    let text = harmless(&format!("no answer yet: {reason}"));
    Some(HostNow::new(Rank::Working, None, None, Some(text)))
}

/// What there is to say of a task under way.
fn words(task: &TaskState) -> Option<String> {
    match &task.status {
        TaskStatus::Detached => return Some("connection lost; the job goes on there".to_owned()),
        TaskStatus::Again(end) => {
            let text = format!(
                "attempt {} failed, another follows: {}",
                task.attempt,
                Reason::of_end(end).whole()
            );
            return Some(harmless(&text));
        }
        _ => {}
    }
    if let Some((phase, _)) = &task.reboot {
        let text = match phase {
            RebootPhase::Requested => "asked to reboot",
            RebootPhase::Down => "down",
            RebootPhase::Up => "up again",
            RebootPhase::Proven => "rebooted",
        };
        return Some(text.to_owned());
    }
    task.waiting_for
        .as_deref()
        .map(|text| harmless(&format!("waits: {text}")))
}
