//! What must hold, whatever the hosts and the operator do: books that are kept from what goes in and what comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use phalanx_events::{
    CancelLevel, Control, Event, EventKind, Failure, FailureKind, Outcome, RunState, TaskEnd,
};
use phalanx_plan::{HostIx, HostName, PreparedPlan, StageIx, TaskId, TaskIx};

use super::super::Order;
use super::super::{Effect, Input};
use super::claims::Claims;

mod gates;

/// The checker's books. A broken rule is a panic that names it.
pub(super) struct Checker {
    plan: Arc<PreparedPlan>,
    /// All that was written down.
    pub(super) events: Vec<Event>,
    pub(super) done: BTreeSet<TaskId>,
    /// Tasks that have failed and are not done since, nor left out.
    failed: BTreeSet<TaskId>,
    /// Tasks of which an attempt was begun, and the highest.
    begun: BTreeMap<TaskId, u32>,
    /// Attempts that were begun, and whose true end is not known.
    open: BTreeMap<TaskId, u32>,
    /// How tasks have ended that were not opened again since.
    ended: BTreeMap<TaskId, Outcome>,
    /// The same of tasks that are in hand again: it still holds where they are not begun after all.
    before: BTreeMap<TaskId, Outcome>,
    /// Tasks that the operator has skipped while they were in hand, and that have not ended since.
    skipped: BTreeSet<TaskId>,
    /// Hosts that were given up or left behind, and have been given no task since.
    gone: BTreeSet<HostName>,
    /// Hosts that were left behind for now: what failed there may be open again at any time.
    late: BTreeSet<HostName>,
    /// Stages whose gate for all never opens, as far as nobody has changed that.
    never: BTreeSet<StageIx>,
    /// Tasks of the present input that were told as not run.
    not_run: Vec<TaskIx>,
    pub(super) left_out: BTreeSet<HostName>,
    /// What each host has in hand, from the order to the end.
    in_hand: BTreeMap<HostName, TaskIx>,
    /// Attempts that were announced and not answered.
    announced: BTreeSet<(TaskIx, u32)>,
    pub(super) paused: bool,
    pub(super) cancel: Option<CancelLevel>,
    /// What the operator has asked for of that.
    asked: Option<CancelLevel>,
    /// What of its hosts the run holds: none where it need not.
    claims: Option<Claims>,
    /// Hosts that are there, or not.
    heard_of: BTreeSet<HostIx>,
    /// The last failure of each host, and of its tasks.
    failures: BTreeMap<HostName, Failure>,
    /// The time of the present input.
    now: Duration,
}

impl Checker {
    pub(super) fn new(plan: Arc<PreparedPlan>, holds: bool) -> Self {
        Self {
            events: Vec::new(),
            done: BTreeSet::new(),
            failed: BTreeSet::new(),
            begun: BTreeMap::new(),
            open: BTreeMap::new(),
            ended: BTreeMap::new(),
            before: BTreeMap::new(),
            skipped: BTreeSet::new(),
            gone: BTreeSet::new(),
            late: BTreeSet::new(),
            never: BTreeSet::new(),
            not_run: Vec::new(),
            left_out: BTreeSet::new(),
            in_hand: BTreeMap::new(),
            announced: BTreeSet::new(),
            paused: false,
            cancel: None,
            asked: None,
            claims: holds.then(|| Claims::new(&plan)),
            heard_of: BTreeSet::new(),
            failures: BTreeMap::new(),
            now: Duration::ZERO,
            plan,
        }
    }

    /// The process was killed, and another goes on.
    pub(super) fn go_on(&mut self) {
        // Failures are counted anew, by what is written down.
        let state = RunState::of(&self.events);
        let failed = state.tasks.iter().filter(|(_, known)| known.failed);
        self.failed = failed.map(|(task, _)| task.clone()).collect();
        self.ended.retain(|_, outcome| outcome.is_done());
        self.before.clear();
        self.skipped.clear();
        self.gone.clear();
        self.heard_of.clear();
        self.late.clear();
        self.never.clear();
        self.left_out.clear();
        self.in_hand.clear();
        self.announced.clear();
        self.paused = false;
        self.cancel = None;
        self.asked = None;
        self.claims = self.claims.take().map(|_| Claims::new(&self.plan));
    }

    pub(super) fn note_announced(&mut self, task: TaskIx, attempt: u32) {
        assert!(self.announced.insert((task, attempt)), "announced twice");
    }

    /// Whether the operator has no more use for what is done about the task.
    pub(super) fn is_unwanted(&self, task: TaskIx) -> bool {
        let id = &self.plan.task(task).id;
        self.left_out.contains(&id.host) || self.skipped.contains(id)
    }

    /// A run without tasks still connects everywhere.
    pub(super) fn all_were_heard_of(&self) {
        for host in self.plan.host_ixs() {
            let is_left_out = self.left_out.contains(&self.plan.host(host).name);
            assert!(
                is_left_out || self.heard_of.contains(&host),
                "{host:?} was not heard of"
            );
        }
    }

    pub(super) fn nothing_is_open(&self) {
        assert_eq!(self.announced, BTreeSet::new(), "nobody is left waiting");
        assert_eq!(self.in_hand, BTreeMap::new(), "nothing is left in hand");
    }

    /// What goes in, and when, before anything follows from it.
    pub(super) fn inputs(&mut self, inputs: &[Input], now: Duration) {
        self.now = now;
        for input in inputs {
            if let Input::Ready(host) | Input::Gone(host, _) | Input::Yields(host, _) = input {
                self.heard_of.insert(*host);
            }
            if let Input::OneMachine(host, other, _) = input {
                self.heard_of.extend([*host, *other]);
            }
        }
        if let Some(claims) = &mut self.claims {
            for input in inputs {
                claims.note(input, &self.left_out, &self.plan);
            }
        }
    }

    pub(super) fn effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Tell(event) => self.event(event),
            Effect::Order(_, Order::Task(task, begin)) => self.order(*task, begin),
            Effect::Go(task, attempt) => {
                let was = self.announced.remove(&(*task, *attempt));
                assert!(was, "an answer without a question");
                let known = self.begun.get(&self.plan.task(*task).id);
                assert_eq!(known, Some(attempt), "it may begin once that is told");
            }
            Effect::Refuse(task, attempt) => {
                let was = self.announced.remove(&(*task, *attempt));
                assert!(was, "a refusal without a question");
                self.note_withdrawn(*task);
            }
            Effect::Work => {
                let claims = self.claims.as_mut();
                let claims = claims.expect("a run that holds its hosts");
                claims.settle(self.now);
            }
            Effect::StopAll(level) => self.cancel = self.cancel.max(Some(*level)),
            _ => {}
        }
    }

    /// A task is taken back: it was not begun.
    pub(super) fn note_withdrawn(&mut self, task: TaskIx) {
        let id = &self.plan.task(task).id;
        self.in_hand.remove(&id.host);
        if let Some(outcome) = self.before.remove(id) {
            self.ended.entry(id.clone()).or_insert(outcome);
        }
    }

    fn event(&mut self, event: &Event) {
        let last = self.events.last().map_or(0, |last| last.seq);
        assert_eq!(event.seq, last + 1, "events are numbered without a gap");
        match &event.kind {
            EventKind::TaskStarted { task, attempt, .. } => self.started(task, *attempt),
            EventKind::TaskEnded { task, attempt, end } => self.ended(task, *attempt, end),
            EventKind::Controlled { control, reopens } => self.controlled(control, reopens),
            EventKind::HostFailed { host, failure } => {
                self.failures.insert(host.clone(), failure.clone());
                self.gone.insert(host.clone());
                self.note_never();
            }
            EventKind::HostNotice { host, .. } => {
                let failure = &self.failures[host];
                let may_pass =
                    matches!(failure.kind, FailureKind::Unreachable | FailureKind::Script);
                assert!(may_pass && !failure.lasts, "{host} waits for {failure:?}");
                self.late.insert(host.clone());
            }
            EventKind::CancelRequested { level } => {
                assert!(self.asked < Some(*level), "told once, and never less");
                self.asked = Some(*level);
                self.cancel = self.cancel.max(Some(*level));
            }
            _ => {}
        }
        self.events.push(event.clone());
    }

    fn controlled(&mut self, control: &Control, reopens: &[TaskId]) {
        match control {
            Control::Pause => self.paused = true,
            Control::Continue => self.paused = false,
            Control::Drop { host } => {
                self.left_out.insert(host.clone());
                if let (Some(claims), Some(host)) = (&mut self.claims, self.plan.host_ix(host)) {
                    claims.leave_out(host);
                }
                self.failed.retain(|task| task.host != *host);
            }
            Control::Retry { host } => {
                let was_left_out = self.left_out.remove(host);
                if let (Some(claims), Some(host)) = (&mut self.claims, self.plan.host_ix(host))
                    && was_left_out
                {
                    claims.take_in(host);
                }
                self.gone.remove(host);
            }
            Control::Skip { task } => {
                if !self.ended.contains_key(task) {
                    self.skipped.insert(task.clone());
                }
            }
        }
        for task in reopens {
            let ended = self.ended.remove(task);
            let may_open = ended.is_some_and(|outcome| !outcome.is_done());
            assert!(may_open, "{task} is opened again though it is not over");
        }
        // What was decided of gates is decided anew.
        if !matches!(control, Control::Pause | Control::Continue) {
            self.never.clear();
            self.note_never();
        }
    }

    fn started(&mut self, task: &TaskId, attempt: u32) {
        assert!(!self.paused, "{task} begins in a pause");
        assert_eq!(self.cancel, None, "{task} begins though the run is to stop");
        assert!(!self.done.contains(task), "{task} begins though it is done");
        let ix = self.plan.task_ix(task).expect("a task of the plan");
        assert_eq!(
            self.in_hand.get(&task.host),
            Some(&ix),
            "{task} was not ordered"
        );
        let before = self.begun.insert(task.clone(), attempt);
        assert_eq!(
            attempt,
            before.unwrap_or(0) + 1,
            "{task} begins twice, or passes one over"
        );
        self.open.insert(task.clone(), attempt);
        self.before.remove(task);
        let stop_after = self.plan.stage(self.plan.task(ix).stage).stop_after;
        let of_stage = |other: &&TaskId| other.stage == task.stage;
        let failed = self.failed.iter().filter(of_stage).count();
        // One that has failed before is what the others wait for.
        if before.is_none() && !self.failed.contains(task) {
            let is_stopped = stop_after.is_some_and(|limit| failed >= limit);
            assert!(!is_stopped, "{task} begins after {failed} failures");
        }
    }

    fn ended(&mut self, task: &TaskId, attempt: u32, end: &TaskEnd) {
        assert!(
            !self.done.contains(task),
            "{task} ends once more though it is done"
        );
        let may_run = end.failure.as_ref().is_some_and(|failure| failure.may_run);
        if self.open.get(task) == Some(&attempt) && !may_run {
            self.open.remove(task);
        }
        if end.again {
            return;
        }
        if let Some(failure) = &end.failure {
            self.failures.insert(task.host.clone(), failure.clone());
        }
        let ix = self.plan.task_ix(task).expect("a task of the plan");
        let is_skip = matches!(
            end.outcome,
            Outcome::Skipped {
                by_operator: true,
                ..
            }
        );
        self.before.remove(task);
        let before = self.ended.insert(task.clone(), end.outcome.clone());
        let is_tried_again = before == Some(Outcome::Failed) && self.late.contains(&task.host);
        assert!(
            before.is_none() || is_skip || is_tried_again,
            "{task} has ended as {before:?}, and now as {:?}",
            end.outcome
        );
        let is_skipped = self.skipped.remove(task) && !self.open.contains_key(task);
        match end.outcome {
            Outcome::NotRun { .. } => {
                assert!(!is_skipped, "{task} was skipped, and is not run");
                self.not_run.push(ix);
            }
            Outcome::Cancelled => assert!(!is_skipped, "{task} was skipped, and is cancelled"),
            _ => {}
        }
        if self.in_hand.get(&task.host) == Some(&ix) {
            self.in_hand.remove(&task.host);
        }
        if end.outcome.is_done() {
            self.done.insert(task.clone());
            self.failed.remove(task);
        } else if end.outcome == Outcome::Failed && !self.left_out.contains(&task.host) {
            self.failed.insert(task.clone());
        }
        if !end.outcome.is_done() {
            self.note_never();
        }
    }

    /// Every task has ended, and in one way.
    pub(super) fn everything_has_ended(&self) {
        let state = RunState::of(&self.events);
        for task in &self.plan.tasks {
            let end = state.tasks.get(&task.id).and_then(|known| known.end());
            let end = end.unwrap_or_else(|| panic!("{} has no end", task.id));
            assert_eq!(
                end.outcome.is_done(),
                self.done.contains(&task.id),
                "{}",
                task.id
            );
        }
    }
}
