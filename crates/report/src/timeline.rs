//! When everything began and ended, out of a run's events.

use std::collections::BTreeMap;

use jiff::Timestamp;
use phalanx_events::{
    Control, Event, EventKind, Failure, RunOutcome, RunResumed, RunStarted, TaskEnd,
};
use phalanx_plan::{HostName, TaskId};

/// Times of neighbouring events may be out of order by this much; more is a resumption, whose time
/// starts anew.
const JITTER_MS: u64 = 1_000;

/// A run, laid out in time. A resumption's time goes on where the time before it ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    pub(crate) run: Option<RunStarted>,
    pub(crate) started_at: Option<Timestamp>,
    /// Milliseconds up to the last event.
    pub(crate) took_ms: u64,
    pub(crate) outcome: Option<RunOutcome>,
    pub(crate) tasks: BTreeMap<TaskId, TaskTimes>,
    pub(crate) hosts: BTreeMap<HostName, HostTimes>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct TaskTimes {
    pub(crate) started: Option<u64>,
    pub(crate) ended: Option<u64>,
    pub(crate) attempts: u32,
    /// How it ended for good.
    pub(crate) end: Option<TaskEnd>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct HostTimes {
    pub(crate) connected: Option<u64>,
    /// When its facts were read, and how long it needed to tell them by its own clock.
    pub(crate) facts: Vec<(u64, u64)>,
    pub(crate) retries: u32,
    pub(crate) failure: Option<Failure>,
    /// Whether the operator has left it out.
    pub(crate) left_out: bool,
    pub(crate) notices: Vec<String>,
}

impl TaskTimes {
    /// When it began; a task that never ran but ended (skipped) began as it ended.
    pub(crate) fn span(&self) -> Option<(u64, u64)> {
        let ended = self.ended?;
        Some((self.started.unwrap_or(ended).min(ended), ended))
    }

    /// How long it took from the first attempt's start to the last one's end.
    pub(crate) fn took(&self) -> u64 {
        self.span().map_or(0, |(started, ended)| ended - started)
    }
}

impl Timeline {
    pub(crate) fn new(events: &[Event]) -> Self {
        let mut timeline = Self::default();
        let (mut seq, mut before, mut last) = (0, 0u64, 0u64);
        for event in events {
            if event.seq <= seq {
                continue;
            }
            seq = event.seq;
            if event.ms.saturating_add(JITTER_MS) < last {
                before = before.saturating_add(last);
                last = event.ms;
            }
            last = last.max(event.ms);
            let now = before.saturating_add(event.ms);
            timeline.took_ms = timeline.took_ms.max(now);
            timeline.started_at.get_or_insert(event.at);
            timeline.apply(&event.kind, now);
        }
        timeline
    }

    /// What was done stays done, and everything else is open again.
    fn resume(&mut self, resumed: &RunResumed) {
        self.outcome = None;
        if let Some(run) = &mut self.run {
            run.hosts = resumed.hosts;
            run.tasks = resumed.tasks;
        }
        for task in &resumed.forgotten {
            self.tasks.remove(task);
        }
        for host in self.hosts.values_mut() {
            host.failure = None;
            host.left_out = false;
        }
        let keeps = resumed.keeps();
        for (id, task) in &mut self.tasks {
            let kept = task.end.as_ref().is_some_and(|end| keeps(id, &end.outcome));
            if !kept {
                (task.ended, task.end) = (None, None);
            }
        }
    }

    fn apply(&mut self, kind: &EventKind, now: u64) {
        match kind {
            EventKind::RunStarted(run) => self.run = Some(run.clone()),
            EventKind::RunResumed(resumed) => self.resume(resumed),
            EventKind::HostConnected { host, .. } => {
                let host = self.hosts.entry(host.clone()).or_default();
                host.connected.get_or_insert(now);
                host.failure = None;
            }
            EventKind::FactsRead {
                host,
                host_ms: Some(took),
                ..
            } => {
                let host = self.hosts.entry(host.clone()).or_default();
                host.facts.push((now, *took));
            }
            EventKind::HostRetry { host, .. } => {
                let host = self.hosts.entry(host.clone()).or_default();
                host.retries = host.retries.saturating_add(1);
            }
            EventKind::HostFailed { host, failure } => {
                self.hosts.entry(host.clone()).or_default().failure = Some(failure.clone());
            }
            EventKind::HostNotice { host, text } => {
                let notices = &mut self.hosts.entry(host.clone()).or_default().notices;
                if !notices.contains(text) {
                    notices.push(text.clone());
                }
            }
            EventKind::TaskStarted { task, attempt, .. } => {
                let task = self.tasks.entry(task.clone()).or_default();
                task.started.get_or_insert(now);
                task.attempts = task.attempts.max(*attempt);
                (task.ended, task.end) = (None, None);
            }
            EventKind::TaskEnded { task, end, .. } if !end.again => {
                let task = self.tasks.entry(task.clone()).or_default();
                task.ended = Some(now);
                task.end = Some(end.clone());
            }
            EventKind::Controlled { control, reopens } => {
                for task in reopens {
                    let task = self.tasks.entry(task.clone()).or_default();
                    (task.ended, task.end) = (None, None);
                }
                let left_out = match control {
                    Control::Drop { host } => Some((host, true)),
                    Control::Retry { host } => Some((host, false)),
                    Control::Pause | Control::Continue | Control::Skip { .. } => None,
                };
                if let Some((host, left_out)) = left_out {
                    self.hosts.entry(host.clone()).or_default().left_out = left_out;
                }
            }
            EventKind::RunEnded { outcome } => self.outcome = Some(*outcome),
            _ => {}
        }
    }
}
