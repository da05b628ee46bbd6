//! What must hold, whatever the hosts and the operator do: books that are kept from effects alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use phalanx_events::{CancelLevel, Control, Event, EventKind, Outcome, RunState, TaskEnd};
use phalanx_plan::{Gate, HostName, TaskId};
use phalanx_plan::{PreparedPlan, TaskIx};

use super::super::{Begin, Effect};
use crate::message::Order;

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
    pub(super) left_out: BTreeSet<HostName>,
    /// What each host has in hand, from the order to the end.
    in_hand: BTreeMap<HostName, TaskIx>,
    /// Attempts that were announced and not answered.
    announced: BTreeSet<(TaskIx, u32)>,
    pub(super) paused: bool,
    pub(super) cancel: Option<CancelLevel>,
    /// What of its hosts the run holds: none where it need not.
    pub(super) claims: Option<Claims>,
}

/// Who has the hosts, as far as they have answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims {
    pub(super) held: BTreeSet<HostName>,
    pub(super) contended: BTreeSet<HostName>,
    pub(super) out: BTreeSet<HostName>,
    is_settled: bool,
}

impl Checker {
    pub(super) fn new(plan: Arc<PreparedPlan>, holds: bool) -> Self {
        Self {
            plan,
            events: Vec::new(),
            done: BTreeSet::new(),
            failed: BTreeSet::new(),
            begun: BTreeMap::new(),
            open: BTreeMap::new(),
            left_out: BTreeSet::new(),
            in_hand: BTreeMap::new(),
            announced: BTreeSet::new(),
            paused: false,
            cancel: None,
            claims: holds.then(Claims::default),
        }
    }

    /// The process was killed, and another goes on.
    pub(super) fn go_on(&mut self) {
        // Failures are counted anew, by what is written down.
        let state = RunState::of(&self.events);
        let failed = state.tasks.iter().filter(|(_, known)| known.failed);
        self.failed = failed.map(|(task, _)| task.clone()).collect();
        self.left_out.clear();
        self.in_hand.clear();
        self.announced.clear();
        self.paused = false;
        self.cancel = None;
        self.claims = self.claims.take().map(|_| Claims::default());
    }

    pub(super) fn note_announced(&mut self, task: TaskIx, attempt: u32) {
        assert!(self.announced.insert((task, attempt)), "announced twice");
    }

    pub(super) fn nothing_is_open(&self) {
        assert_eq!(self.announced, BTreeSet::new(), "nobody is left waiting");
        assert_eq!(self.in_hand, BTreeMap::new(), "nothing is left in hand");
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
                self.in_hand.remove(&self.plan.task(*task).id.host);
            }
            Effect::StopAll(level) => self.cancel = self.cancel.max(Some(*level)),
            _ => {}
        }
    }

    /// A task is taken back: it was not begun.
    pub(super) fn note_withdrawn(&mut self, task: TaskIx) {
        self.in_hand.remove(&self.plan.task(task).id.host);
    }

    fn order(&mut self, task: TaskIx, begin: &Begin) {
        let plan = Arc::clone(&self.plan);
        let planned = plan.task(task);
        let id = &planned.id;
        assert!(!self.paused, "{id} is ordered in a pause");
        assert_eq!(
            self.cancel, None,
            "{id} is ordered though the run is to stop"
        );
        assert!(!self.done.contains(id), "{id} is ordered though it is done");
        assert!(!self.left_out.contains(&id.host), "{} is left out", id.host);
        self.settled();
        self.gates_are_open(task);
        let other = self.in_hand.insert(id.host.clone(), task);
        assert_eq!(other, None, "{} has two tasks in hand", id.host);
        let begun = self.begun.get(id).copied().unwrap_or(0);
        match begin {
            Begin::Anew { attempt } => {
                assert_eq!(*attempt, begun + 1, "{id}: attempts are counted one by one");
                let of_stage = |task: &&TaskIx| self.plan.task(**task).stage == planned.stage;
                let inside = self.in_hand.values().filter(of_stage).count();
                let limit = self.plan.stage(planned.stage).at_once;
                assert!(
                    limit.is_none_or(|limit| inside <= limit),
                    "{inside} hosts are in {} at once",
                    id.stage
                );
            }
            Begin::Attach { attempt, .. } | Begin::Reboot { attempt, .. } => {
                assert_eq!(
                    self.open.get(id),
                    Some(attempt),
                    "{id}: nothing to go on with"
                );
            }
        }
    }

    /// Nothing begins while another run has a host. (When a run settles has a test of its own.)
    fn settled(&mut self) {
        if let Some(claims) = &mut self.claims {
            let may = claims.contended.is_empty();
            assert!(may || claims.is_settled, "it begins with {claims:?}");
            claims.is_settled = true;
        }
    }

    fn gates_are_open(&self, task: TaskIx) {
        let planned = self.plan.task(task);
        for gate in &planned.gates {
            let (Gate::Own(stage) | Gate::All(stage)) = gate;
            let tasks = || self.plan.task_ixs().map(|task| self.plan.task(task));
            let of_stage = || tasks().filter(|other| other.id.stage == *stage);
            let lacks = |other: &TaskId| !self.done.contains(other);
            if matches!(gate, Gate::Own(_)) {
                let own = of_stage().filter(|other| other.id.host == planned.id.host);
                for own in own {
                    assert!(!lacks(&own.id), "{} before {}", planned.id, own.id);
                }
                continue;
            }
            for role in ["m", "w"] {
                let missing = of_stage()
                    .filter(|other| self.plan.host(other.host).role.as_str() == role)
                    .filter(|other| !self.left_out.contains(&other.id.host))
                    .filter(|other| lacks(&other.id))
                    .count();
                let hosts =
                    of_stage().filter(|other| self.plan.host(other.host).role.as_str() == role);
                let allowance = self
                    .plan
                    .may_miss
                    .iter()
                    .find(|(name, _)| name.as_str() == role);
                let allowed = allowance.map_or(0, |(_, allowance)| allowance.of(hosts.count()));
                assert!(
                    missing <= allowed,
                    "{} with {missing} missing at {stage}",
                    planned.id
                );
            }
        }
    }

    fn event(&mut self, event: &Event) {
        let last = self.events.last().map_or(0, |last| last.seq);
        assert_eq!(event.seq, last + 1, "events are numbered without a gap");
        match &event.kind {
            EventKind::TaskStarted { task, attempt, .. } => self.started(task, *attempt),
            EventKind::TaskEnded { task, attempt, end } => self.ended(task, *attempt, end),
            EventKind::Controlled { control, .. } => match control {
                Control::Pause => self.paused = true,
                Control::Continue => self.paused = false,
                Control::Drop { host } => {
                    self.left_out.insert(host.clone());
                    self.failed.retain(|task| task.host != *host);
                }
                Control::Retry { host } => {
                    self.left_out.remove(host);
                }
                Control::Skip { .. } => {}
            },
            EventKind::CancelRequested { level } => self.cancel = self.cancel.max(Some(*level)),
            _ => {}
        }
        self.events.push(event.clone());
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
        let ix = self.plan.task_ix(task).expect("a task of the plan");
        if self.in_hand.get(&task.host) == Some(&ix) {
            self.in_hand.remove(&task.host);
        }
        if end.outcome.is_done() {
            self.done.insert(task.clone());
            self.failed.remove(task);
        } else if end.outcome == Outcome::Failed && !self.left_out.contains(&task.host) {
            self.failed.insert(task.clone());
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
