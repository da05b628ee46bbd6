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
    /// When it was resumed: each time.
    pub(crate) resumed: Vec<u64>,
    clock: Clock,
}

/// Makes one time of the events' times.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    seq: u64,
    /// What the times before this one come to.
    before: u64,
    last: u64,
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
    /// Until when it was known to go on, where nobody knows its end: another attempt followed.
    lost: Option<u64>,
    /// How much of it the host measured by its own clock.
    pub(crate) host_ms: Option<u64>,
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

    /// How long its attempts took together, without what lies between them.
    pub(crate) fn worked(&self) -> u64 {
        let took = self.tries.iter().filter_map(Try::took);
        took.fold(0, u64::saturating_add)
    }

    /// How much of its attempts the host measured, where it could tell.
    pub(crate) fn host_ms(&self) -> Option<u64> {
        let told = self.tries.iter().filter_map(|one| one.host_ms);
        told.reduce(u64::saturating_add)
    }

    /// Whether an attempt is over that was work.
    pub(crate) fn has_worked(&self) -> bool {
        let mut over = self.tries.iter().filter(|one| one.until().is_some());
        over.any(Try::is_work)
    }

    /// How long an attempt has taken, up to now where it goes on.
    pub(crate) fn attempt_took(&self, attempt: u32, now: u64) -> Option<u64> {
        let one = self.tries.iter().rfind(|one| one.attempt == attempt)?;
        Some(one.until().unwrap_or(now).saturating_sub(one.started))
    }

    fn try_started(&mut self, attempt: u32, now: u64, resumed: Option<u64>) {
        for one in self.tries.iter_mut().filter(|one| one.until().is_none()) {
            // Whoever followed it had left by then.
            one.lost = Some(resumed.filter(|at| *at >= one.started).unwrap_or(now));
        }
        self.tries.push(Try {
            attempt,
            started: now,
            ended: None,
            lost: None,
            host_ms: None,
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
            one.host_ms = end.host_ms;
            one.may_run = end.failure.as_ref().is_some_and(|failure| failure.may_run);
        }
    }
}

impl Try {
    /// When it ended, or was lost sight of.
    pub(crate) fn until(&self) -> Option<u64> {
        self.ended.as_ref().map(|(at, _)| *at).or(self.lost)
    }

    fn took(&self) -> Option<u64> {
        Some(self.until()?.saturating_sub(self.started))
    }

    /// Whether something was done in it, or is.
    pub(crate) fn is_work(&self) -> bool {
        let outcome = self.ended.as_ref().map(|(_, outcome)| outcome);
        !matches!(
            outcome,
            Some(Outcome::Skipped { .. } | Outcome::NotRun { .. })
        )
    }
}

/// How long something was worked on by anybody: what several do at a time counts once, and a time in which
/// nobody does anything counts not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WorkTime {
    /// What is over.
    ms: u64,
    /// Since when somebody is at it who has not ended.
    since: Option<u64>,
}

impl WorkTime {
    /// Of these attempts; nothing where none of them was work.
    pub(crate) fn of<'a>(tries: impl Iterator<Item = &'a Try>) -> Option<Self> {
        let (mut over, mut since) = (Vec::new(), None);
        for one in tries.filter(|one| one.is_work()) {
            match one.until() {
                Some(until) => over.push((one.started, until)),
                None => since = Some(since.map_or(one.started, |at: u64| at.min(one.started))),
            }
        }
        if over.is_empty() && since.is_none() {
            return None;
        }
        over.sort_unstable();
        let (mut ms, mut counted) = (0u64, 0u64);
        let last = since.unwrap_or(u64::MAX);
        for (from, until) in over {
            let (from, until) = (from.max(counted), until.min(last));
            ms = ms.saturating_add(until.saturating_sub(from));
            counted = counted.max(until);
        }
        Some(Self { ms, since })
    }

    /// Up to now.
    pub(crate) fn until(self, now: u64) -> u64 {
        let since = self.since.map_or(0, |since| now.saturating_sub(since));
        self.ms.saturating_add(since)
    }
}

impl Timeline {
    pub(crate) fn new(events: &[Event]) -> Self {
        let mut timeline = Self::default();
        for event in events {
            timeline.take(event);
        }
        timeline
    }

    /// Takes in one event more. One that was seen already is passed over.
    pub(crate) fn take(&mut self, event: &Event) {
        let clock = &mut self.clock;
        if event.seq <= clock.seq {
            return;
        }
        clock.seq = event.seq;
        if event.ms.saturating_add(JITTER_MS) < clock.last {
            clock.before = clock.before.saturating_add(clock.last);
            clock.last = event.ms;
        }
        clock.last = clock.last.max(event.ms);
        let now = clock.before.saturating_add(event.ms);
        self.took_ms = self.took_ms.max(now);
        self.started_at.get_or_insert(event.at);
        self.apply(&event.kind, now);
    }

    /// How long these tasks took, each time in which any of them was worked on counted once; of those that have not
    /// ended, what is over.
    pub(crate) fn work_time<'a>(&self, tasks: impl Iterator<Item = &'a TaskId>) -> Option<u64> {
        let tries = tasks
            .filter_map(|task| self.tasks.get(task))
            .flat_map(|times| &times.tries);
        let over = tries.filter(|one| one.until().is_some());
        WorkTime::of(over).map(|time| time.until(0))
    }

    /// How long each of these tasks was worked on, those that were, the longest first.
    pub(crate) fn slowest<'a>(
        &self,
        tasks: impl Iterator<Item = &'a TaskId>,
    ) -> Vec<(u64, &'a HostName)> {
        let worked = tasks.filter_map(|task| {
            let times = self.tasks.get(task)?;
            times.has_worked().then_some((times.worked(), &task.host))
        });
        let mut worked: Vec<(u64, &HostName)> = worked.collect();
        // Of those that took as long the first in the plan's order.
        worked.sort_by_key(|(ms, _)| std::cmp::Reverse(*ms));
        worked
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
            EventKind::RunResumed(resumed) => {
                self.resumed.push(now);
                self.resume(resumed);
            }
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
                task.try_started(*attempt, now, self.resumed.last().copied());
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
        assert_eq!((times.worked(), times.span()), (150, Some((100, 950))));
    }

    #[test]
    fn an_attempt_that_another_follows_is_over_though_nobody_knows_its_end() {
        let done = TaskEnd::new(Outcome::Changed);
        let times = tries(&[(100, 1), (900, 2)], &[(950, 2, done)]);
        assert_eq!(times.worked(), 800 + 50);
        let open = tries(&[(100, 1), (900, 2)], &[]);
        assert_eq!(open.attempt_took(2, 1_000), Some(100));
    }

    #[test]
    fn time_in_which_several_work_counts_once_and_pauses_not_at_all() {
        let one = |started, until: Option<u64>| Try {
            attempt: 1,
            started,
            ended: until.map(|at| (at, Outcome::Changed)),
            lost: None,
            host_ms: None,
            may_run: false,
        };
        let of = |tries: &[Try], now| WorkTime::of(tries.iter()).map(|time| time.until(now));
        let over = [
            one(50, Some(60)),
            one(0, Some(10)),
            one(5, Some(20)),
            one(6, Some(7)),
        ];
        assert_eq!(of(&over, 1_000), Some(30));
        let open = [
            one(0, Some(10)),
            one(15, None),
            one(12, Some(30)),
            one(20, None),
        ];
        assert_eq!(of(&open, 40), Some(10 + 3 + 25));
        assert_eq!(of(&[], 40), None);
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
