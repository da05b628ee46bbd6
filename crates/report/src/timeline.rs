//! When everything began and ended, out of a run's events.

use std::collections::BTreeMap;

use jiff::Timestamp;
use phalanx_events::state::add_notice;
use phalanx_events::{
    Control, Event, EventKind, Failure, Outcome, RunOutcome, RunResumed, RunStarted, TaskEnd,
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
    /// Each of them that began, in order.
    pub(crate) tries: Vec<Try>,
    /// How it ended for good.
    pub(crate) end: Option<TaskEnd>,
}

/// One attempt at a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Try {
    pub(crate) attempt: u32,
    pub(crate) started: u64,
    /// When it ended and how, where it did.
    pub(crate) ended: Option<(u64, Outcome)>,
    /// It ended for this program; on the host it may have gone on, and end once more.
    may_run: bool,
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

    /// How long its attempts took together, without what lies between them.
    pub(crate) fn worked(&self) -> u64 {
        let ended = self.tries.iter();
        let ended = ended.filter_map(|one| Some(one.ended.as_ref()?.0.saturating_sub(one.started)));
        ended.fold(0, u64::saturating_add)
    }

    fn try_started(&mut self, attempt: u32, now: u64) {
        self.tries.push(Try {
            attempt,
            started: now,
            ended: None,
            may_run: false,
        });
    }

    /// It is the end of the attempt it names; where it names none, of the one that goes on. What has ended for
    /// good is only told to have no successor.
    fn try_ended(&mut self, attempt: u32, end: &TaskEnd, now: u64) {
        let named = self.tries.iter().rposition(|one| one.attempt == attempt);
        let open = || self.tries.iter().rposition(|one| one.ended.is_none());
        if let Some(one) = named.or_else(open).and_then(|at| self.tries.get_mut(at))
            && (one.ended.is_none() || one.may_run)
        {
            one.ended = Some((now, end.outcome.clone()));
            one.may_run = end.failure.as_ref().is_some_and(|failure| failure.may_run);
        }
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
        if let (Some(run), Some(origin)) = (&mut self.run, &resumed.origin) {
            run.origin = Some(origin.clone());
        }
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
                let host = self.hosts.entry(host.clone()).or_default();
                add_notice(&mut host.notices, text);
            }
            EventKind::TaskStarted { task, attempt, .. } => {
                let task = self.tasks.entry(task.clone()).or_default();
                task.started.get_or_insert(now);
                task.attempts = task.attempts.max(*attempt);
                task.try_started(*attempt, now);
                (task.ended, task.end) = (None, None);
            }
            EventKind::TaskEnded { task, attempt, end } => {
                let task = self.tasks.entry(task.clone()).or_default();
                task.try_ended(*attempt, end, now);
                if !end.again {
                    task.ended = Some(now);
                    task.end = Some(end.clone());
                }
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

#[cfg(test)]
mod tests {
    use phalanx_events::FailureKind;

    use super::*;

    fn ended(may_run: bool, again: bool) -> TaskEnd {
        let failure = Failure {
            may_run,
            ..Failure::new(FailureKind::Unreachable, "it is gone")
        };
        TaskEnd {
            again,
            ..TaskEnd::failed(failure)
        }
    }

    /// The attempts after these ends, each with its number.
    fn tries(starts: &[(u64, u32)], ends: &[(u64, u32, TaskEnd)]) -> TaskTimes {
        let task = TaskId::new("prepare", "h1");
        let start = |(ms, attempt): &(u64, u32)| {
            let task = task.clone();
            let kind = EventKind::TaskStarted {
                task,
                attempt: *attempt,
                job: None,
            };
            (*ms, kind)
        };
        let end = |(ms, attempt, end): &(u64, u32, TaskEnd)| {
            let (task, end) = (task.clone(), end.clone());
            let kind = EventKind::TaskEnded {
                task,
                attempt: *attempt,
                end,
            };
            (*ms, kind)
        };
        let mut kinds: Vec<(u64, EventKind)> = starts.iter().map(start).collect();
        kinds.extend(ends.iter().map(end));
        kinds.sort_by_key(|(ms, _)| *ms);
        let events: Vec<Event> = kinds
            .into_iter()
            .zip(1..)
            .map(|((ms, kind), seq)| Event {
                seq,
                at: Timestamp::UNIX_EPOCH,
                ms,
                kind,
            })
            .collect();
        Timeline::new(&events).tasks.remove(&task).unwrap()
    }

    fn spans(times: &TaskTimes) -> Vec<(u64, Option<u64>)> {
        let tries = times.tries.iter();
        tries
            .map(|one| (one.started, one.ended.as_ref().map(|(at, _)| *at)))
            .collect()
    }

    #[test]
    fn what_lies_between_attempts_is_no_work() {
        let done = TaskEnd::new(Outcome::Changed);
        let times = tries(
            &[(100, 1), (900, 2)],
            &[(200, 1, ended(false, true)), (950, 2, done)],
        );
        assert_eq!(spans(&times), [(100, Some(200)), (900, Some(950))]);
        assert_eq!((times.worked(), times.took()), (150, 850));
    }

    #[test]
    fn an_attempt_ends_once_more_only_where_it_may_run_on_the_host() {
        let done = || TaskEnd::new(Outcome::Changed);
        let gone_on = tries(
            &[(100, 1)],
            &[(200, 1, ended(true, false)), (700, 1, done())],
        );
        assert_eq!(spans(&gone_on), [(100, Some(700))]);
        // It was to be followed by another, which the operator has stopped.
        let cancelled = TaskEnd::new(Outcome::Cancelled);
        let over = tries(
            &[(100, 1)],
            &[(200, 1, ended(false, true)), (700, 1, cancelled)],
        );
        assert_eq!(spans(&over), [(100, Some(200))]);
        assert_eq!(over.ended, Some(700));
    }

    #[test]
    fn an_end_without_a_number_is_that_of_the_attempt_that_goes_on() {
        let times = tries(&[(100, 1)], &[(300, 0, ended(false, false))]);
        assert_eq!(spans(&times), [(100, Some(300))]);
        let never = tries(&[], &[(300, 0, ended(false, false))]);
        assert_eq!(spans(&never), []);
    }
}
