//! The state of a run: one fold over its events, shared by every display and by the engine itself.
//!
//! The fold accepts a replay, a duplicate, and gaps in what is only progress.

use std::collections::{BTreeMap, BTreeSet};

use phalanx_plan::{HostName, TaskId};

use crate::control::Control;
use crate::event::{CancelLevel, Event, EventKind, RebootPhase, RunResumed, RunStarted, TaskEnd};
use crate::outcome::{Failure, Outcome, RunOutcome};

/// So many notices of one host are kept; the journal has all of them.
const MOST_NOTICES: usize = 200;

/// Adds a notice that a host does not have yet; once there are too many, that there are more.
pub fn add_notice(notices: &mut Vec<String>, text: &str) {
    let more = || "there is more to know about it: the journal has all".to_owned();
    match notices.len() {
        0..MOST_NOTICES if !notices.iter().any(|known| known == text) => {
            notices.push(text.to_owned());
        }
        MOST_NOTICES if !notices.iter().any(|known| known == text) => notices.push(more()),
        _ => {}
    }
}

/// What is known of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunState {
    /// The run itself, once it began.
    pub run: Option<RunStarted>,
    /// Every host that was heard of.
    pub hosts: BTreeMap<HostName, HostState>,
    /// Every task that was heard of.
    pub tasks: BTreeMap<TaskId, TaskState>,
    /// Tasks that there were before a resumption, and are no more.
    pub forgotten: BTreeMap<TaskId, TaskState>,
    /// Whether the operator wants no task to begin for now.
    pub paused: bool,
    /// How urgently the operator wants to stop.
    pub cancel: Option<CancelLevel>,
    /// Which of its plans holds: they are numbered from 1.
    pub plan: u32,
    /// How it ended, once it did.
    pub ended: Option<RunOutcome>,
    /// Milliseconds of the last event.
    pub ms: u64,
    /// The last event's number.
    pub seq: u64,
}

/// What is known of a host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostState {
    /// How it stands.
    pub status: HostStatus,
    /// Whether the operator has left it out of the run.
    pub left_out: bool,
    /// Which boot of it was seen last.
    pub boot: Option<String>,
    /// Facts, the latest value of each.
    pub facts: BTreeMap<String, String>,
    /// What the operator should know about it.
    pub notices: Vec<String>,
}

/// How a host stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum HostStatus {
    /// Nothing was heard of it.
    #[default]
    Unknown,
    /// It is connected.
    Connected,
    /// It did not answer and is tried again.
    Retrying {
        /// Why it failed.
        reason: String,
    },
    /// It was given up.
    Failed(Failure),
}

/// What is known of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskState {
    /// How it stands.
    pub status: TaskStatus,
    /// The attempt that was started last; 0 = none yet.
    pub attempt: u32,
    /// Which of the run's plans that was under.
    pub plan: u32,
    /// The attempt's job, where it is one.
    pub job: Option<String>,
    /// Whether the host has taken the job.
    pub accepted: bool,
    /// Whether nobody knows the true end of that attempt: it was begun, and what was written of it since, if
    /// anything, is not how it ended.
    pub open: bool,
    /// Whether it has failed for good, and is not done since.
    pub failed: bool,
    /// When the first attempt began, in milliseconds of the run.
    pub started_ms: Option<u64>,
    /// When the last attempt began.
    pub attempt_ms: Option<u64>,
    /// When the last attempt ended.
    pub ended_ms: Option<u64>,
    /// What it says it waits for.
    pub waiting_for: Option<String>,
    /// How far its reboot is, with the boot identity before it.
    pub reboot: Option<(RebootPhase, Option<String>)>,
}

/// How a task stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum TaskStatus {
    /// It has not begun.
    #[default]
    Pending,
    /// It runs.
    Running,
    /// It runs on the host, and the connection to it is lost for now.
    Detached,
    /// An attempt failed, and another follows.
    Again(TaskEnd),
    /// It is over.
    Ended(TaskEnd),
}

impl TaskState {
    /// How it ended, where it did for good.
    pub fn end(&self) -> Option<&TaskEnd> {
        match &self.status {
            TaskStatus::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// Whether it is under way.
    pub fn is_running(&self) -> bool {
        matches!(self.status, TaskStatus::Running | TaskStatus::Detached)
    }
}

impl RunState {
    /// Nothing known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What these events say together.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut state = Self::new();
        for event in events {
            state.apply(event);
        }
        state
    }

    /// Folds one event in. An event that is not newer than the last one changes nothing; returns
    /// whether it was taken.
    pub fn apply(&mut self, event: &Event) -> bool {
        if event.seq <= self.seq {
            return false;
        }
        self.seq = event.seq;
        self.ms = self.ms.max(event.ms);
        match &event.kind {
            EventKind::RunStarted(run) => {
                self.run = Some(run.clone());
                self.plan = 1;
            }
            EventKind::RunResumed(resumed) => self.resume(resumed),
            EventKind::HostConnected { host, boot, .. } => {
                let host = self.host(host);
                host.status = HostStatus::Connected;
                host.boot = boot.clone().or(host.boot.take());
            }
            EventKind::HostNotice { host, text } => {
                add_notice(&mut self.host(host).notices, text);
            }
            EventKind::HostRetry { host, reason, .. } => {
                let status = &mut self.host(host).status;
                // One that was given up and is tried again all the same has failed until it is there.
                if !matches!(status, HostStatus::Failed(_)) {
                    *status = HostStatus::Retrying {
                        reason: reason.clone(),
                    };
                }
            }
            EventKind::HostFailed { host, failure } => {
                self.host(host).status = HostStatus::Failed(failure.clone());
            }
            EventKind::FactsRead {
                host, facts, boot, ..
            } => {
                let host = self.host(host);
                host.facts.extend(facts.clone());
                host.boot = boot.clone().or(host.boot.take());
            }
            EventKind::TaskStarted { task, attempt, job } => {
                let plan = self.plan;
                let task = self.task(task);
                task.status = TaskStatus::Running;
                task.attempt = *attempt;
                task.plan = plan;
                task.job.clone_from(job);
                task.accepted = false;
                task.open = true;
                task.waiting_for = None;
                task.reboot = None;
                task.started_ms.get_or_insert(event.ms);
                task.attempt_ms = Some(event.ms);
            }
            EventKind::TaskAccepted { task } => self.task(task).accepted = true,
            EventKind::TaskWaiting { task, text } => {
                self.task(task).waiting_for = Some(text.clone());
            }
            EventKind::TaskDetached { task, .. } => self.task(task).status = TaskStatus::Detached,
            EventKind::TaskAttached { task, .. } => {
                let task = self.task(task);
                task.status = TaskStatus::Running;
                task.accepted = true;
            }
            EventKind::Reboot { task, phase, boot } => {
                let task = self.task(task);
                let before = match (&task.reboot, phase) {
                    (_, RebootPhase::Requested) => boot.clone(),
                    (Some((_, before)), _) => before.clone(),
                    (None, _) => None,
                };
                task.reboot = Some((*phase, before));
            }
            EventKind::TaskEnded { task, attempt, end } => {
                if !end.facts.is_empty() {
                    self.host(&task.host).facts.extend(end.facts.clone());
                }
                let ended_ms = event.ms;
                let task = self.task(task);
                task.ended_ms = Some(ended_ms);
                let may_run = end.failure.as_ref().is_some_and(|failure| failure.may_run);
                if *attempt == task.attempt && !may_run {
                    task.open = false;
                }
                if end.outcome.is_done() {
                    task.failed = false;
                } else if end.outcome == Outcome::Failed && !end.again {
                    task.failed = true;
                }
                task.waiting_for = None;
                task.status = if end.again {
                    TaskStatus::Again(end.clone())
                } else {
                    TaskStatus::Ended(end.clone())
                };
            }
            EventKind::Controlled { control, reopens } => self.control(control, reopens),
            EventKind::CancelRequested { level } => self.cancel = self.cancel.max(Some(*level)),
            EventKind::RunEnded { outcome } => self.ended = Some(*outcome),
            EventKind::Unknown => {}
        }
        true
    }

    fn control(&mut self, control: &Control, reopens: &[TaskId]) {
        match control {
            Control::Pause => self.paused = true,
            Control::Continue => self.paused = false,
            Control::Retry { host } => {
                let host = self.host(host);
                host.left_out = false;
                if let HostStatus::Failed(failure) = &host.status {
                    host.status = HostStatus::Retrying {
                        reason: failure.message.clone(),
                    };
                }
            }
            Control::Drop { host } => self.host(host).left_out = true,
            Control::Skip { .. } => {}
        }
        for task in reopens {
            let task = self.task(task);
            if matches!(task.status, TaskStatus::Ended(_)) {
                task.status = TaskStatus::Pending;
                task.ended_ms = None;
            }
        }
    }

    /// What was done stays done, and everything else is open again.
    fn resume(&mut self, resumed: &RunResumed) {
        if let (Some(run), Some(origin)) = (&mut self.run, &resumed.origin) {
            run.origin = Some(origin.clone());
        }
        self.plan = resumed.plan;
        self.ended = None;
        self.cancel = None;
        self.paused = false;
        if let Some(run) = &mut self.run {
            run.hosts = resumed.hosts;
            run.tasks = resumed.tasks;
        }
        for task in &resumed.forgotten {
            if let Some(state) = self.tasks.remove(task) {
                self.forgotten.insert(task.clone(), state);
            }
        }
        let hosts: BTreeSet<HostName> = self.tasks.keys().map(|task| task.host.clone()).collect();
        self.hosts.retain(|host, _| hosts.contains(host));
        for host in self.hosts.values_mut() {
            host.status = HostStatus::Unknown;
            host.left_out = false;
        }
        let keeps = resumed.keeps();
        for (id, task) in &mut self.tasks {
            let reopened = match &task.status {
                TaskStatus::Ended(end) => !keeps(id, &end.outcome),
                _ => false,
            };
            task.waiting_for = None;
            if task.open && task.job.is_some() {
                task.status = TaskStatus::Detached;
            } else if reopened {
                task.status = TaskStatus::Pending;
            }
        }
    }

    fn host(&mut self, name: &HostName) -> &mut HostState {
        self.hosts.entry(name.clone()).or_default()
    }

    fn task(&mut self, id: &TaskId) -> &mut TaskState {
        // One that was forgotten and is there again goes on counting its attempts.
        let before = match self.tasks.contains_key(id) {
            true => None,
            false => self.forgotten.remove(id),
        };
        let known = self.tasks.entry(id.clone()).or_default();
        if let Some(before) = before {
            *known = before;
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds() -> impl Strategy<Value = EventKind> {
        let task = (0..3u8, 0..3u8)
            .prop_map(|(stage, host)| TaskId::new(&*format!("s{stage}"), &*format!("h{host}")));
        (task, 0..8u8, 1..3u32).prop_map(|(task, which, attempt)| match which {
            0 => EventKind::TaskStarted {
                task,
                attempt,
                job: None,
            },
            1 => EventKind::TaskWaiting {
                task,
                text: "more".into(),
            },
            2 => EventKind::TaskDetached {
                task,
                offset: 1,
                reason: "gone".into(),
            },
            3 => EventKind::TaskAttached { task, offset: 1 },
            4 => EventKind::TaskEnded {
                task,
                attempt,
                end: TaskEnd::new(Outcome::Changed),
            },
            5 => EventKind::Reboot {
                task,
                phase: RebootPhase::Requested,
                boot: Some("b".into()),
            },
            6 if attempt == 1 => EventKind::Controlled {
                control: Control::Retry {
                    host: task.host.clone(),
                },
                reopens: vec![task],
            },
            6 => EventKind::CancelRequested {
                level: CancelLevel::StopJobs,
            },
            _ => EventKind::FactsRead {
                host: task.host,
                facts: BTreeMap::from([("os".into(), "x".into())]),
                boot: Some("b".into()),
                host_ms: Some(1),
            },
        })
    }

    fn events(kinds: Vec<EventKind>) -> Vec<Event> {
        kinds
            .into_iter()
            .enumerate()
            .map(|(index, kind)| Event {
                seq: index as u64 + 1,
                at: jiff::Timestamp::UNIX_EPOCH,
                ms: index as u64,
                kind,
            })
            .collect()
    }

    fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> RunState {
        let mut state = RunState::new();
        for event in events {
            state.apply(event);
        }
        state
    }

    #[test]
    fn notices_of_a_host_have_an_end() {
        let notice = |number: usize| EventKind::HostNotice {
            host: "h1".into(),
            text: format!("notice {number}"),
        };
        let state = RunState::of(&events((0..100_000).map(notice).collect()));
        let notices = &state.hosts["h1"].notices;
        assert_eq!(notices.len(), MOST_NOTICES + 1);
        assert!(notices[MOST_NOTICES].contains("there is more"));
    }

    proptest! {
        #[test]
        fn a_replay_and_duplicates_change_nothing(
            kinds in prop::collection::vec(kinds(), 0..40),
            from in 0usize..40,
        ) {
            let events = events(kinds);
            let once = fold(&events);
            let again = events.iter().chain(events.iter().skip(from));
            prop_assert_eq!(&once, &fold(again));
            let doubled = events.iter().flat_map(|event| [event, event]);
            prop_assert_eq!(&once, &fold(doubled));
        }

        #[test]
        fn gaps_in_progress_change_no_end(kinds in prop::collection::vec(kinds(), 0..40)) {
            let events = events(kinds);
            let whole = fold(&events);
            let without = fold(
                events.iter().filter(|event| !matches!(event.kind, EventKind::TaskWaiting { .. })),
            );
            for (id, task) in &without.tasks {
                prop_assert_eq!(task.end(), whole.tasks.get(id).and_then(TaskState::end));
            }
        }

        #[test]
        fn every_event_survives_its_journal_line(kinds in prop::collection::vec(kinds(), 0..20)) {
            let events = events(kinds);
            let mut text = crate::journal::header_line("r");
            for event in &events {
                text.push_str(&crate::journal::line(event).unwrap());
            }
            prop_assert_eq!(crate::journal::read(&text).unwrap().events, events);
        }
    }
}
