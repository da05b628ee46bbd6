//! The schedule: it alone decides what may begin, what is over, and what follows.
//!
//! It is pure. [`Schedule::on`] is told what has happened and when, and gives what is to be done; it has no
//! clock, no channel, and opens nothing. So a replay of the same inputs gives the same effects, and tests drive it
//! alone. The dispatcher selects, writes down and carries out.
//!
//! - **All that is there at once is taken in first, then it is decided what may begin**, once. With a thousand
//!   hosts that end within a moment the gates are not worked out a thousand times, and what they begin together
//!   costs one flush of the journal.
//! - **Every fact is kept once.** What has happened is in the run's state, the same fold of the events that
//!   displays have ([`record`]): how often a task was begun, how it ended, what hosts told, the pause, how far the
//!   operator wants to stop. What may still become of a task, its place, is on the [`board`], and so is whether a
//!   host takes part. The two meet in [`Schedule::end_task`], through which every end goes, and a test compares
//!   them after each input.
//! - **An event is folded in when it is told**, before the next decision, also within one input.
//! - **Attempts are named by task and number.** Who waits for the answer is the dispatcher's business.
//!
//! | limit | is enforced |
//! |---|---|
//! | gates, `may_miss` | here, [`gates`] |
//! | one task a host | here, when a task is ordered |
//! | `at_once`, `stop_after` | here, [`limits`]; `stop_after` once more when the attempt is announced |
//! | the pause, a wish to stop | here, and by the permits that executors wait for |
//! | `--parallel` | by these permits (`executor/permits.rs`): what was ordered waits for one before it is announced |
//! | `retries`, `within` | by the executor: attempts that follow are announced here |
//!
//! How a task begins again is one rule, [`begin`], for a resumed run as well as within one.

mod attempts;
mod begin;
mod board;
mod controls;
mod course;
mod effect;
mod gates;
mod holding;
mod input;
mod late;
mod limits;
mod marks;
#[cfg(test)]
mod model;
mod outcome;
mod part;
mod record;
mod resume;
mod settling;

pub use begin::{Begin, Reason};
pub use course::{Course, CourseEnd};
pub(crate) use effect::{Effect, Order};
pub(crate) use input::{Announcement, Input, Now, Step};
pub use resume::{Decision, Resumption};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use phalanx_events::{CancelLevel, EventKind, Failure, FailureKind, Outcome, RunState, TaskEnd};
use phalanx_plan::{Facts, HostIx, PreparedPlan, Table, TaskId, TaskIx};

use board::{Board, Verdict};
use holding::Holding;
use late::Late;
use record::Record;

/// What is known of the way to one host.
#[derive(Clone, Copy, Debug, Default)]
struct Contact {
    /// Whether it takes tasks.
    is_ready: bool,
    /// Whether no order reaches it any more.
    is_deaf: bool,
    /// How often it was left behind.
    times_late: u32,
}

/// What may run, what is over, and what follows.
#[derive(Debug)]
pub(crate) struct Schedule {
    plan: Arc<PreparedPlan>,
    record: Record,
    board: Board,
    contacts: Table<HostIx, Contact>,
    /// Hosts that are left behind for now.
    late: BTreeMap<HostIx, Late>,
    holding: Holding,
    /// Attempts that wait for the run to go on.
    withheld: Vec<Announcement>,
    /// Tasks that are being stopped so that they be skipped.
    skipping: BTreeSet<TaskIx>,
    /// Attempts that an earlier process has left without an end.
    cut: Vec<(TaskId, u32)>,
    /// Whether any attempt of any task changed anything.
    changed: bool,
    /// Whether the run is over.
    is_closed: bool,
}

impl Schedule {
    /// Of a run that begins. Where it `holds` its hosts, it takes all of them before anything begins.
    pub(crate) fn new(plan: Arc<PreparedPlan>, holds: bool) -> Self {
        Self::going_on(plan, holds, RunState::new(), &Resumption::default())
    }

    /// Of a run that goes on from what an earlier process has left.
    pub(crate) fn going_on(
        plan: Arc<PreparedPlan>,
        holds: bool,
        state: RunState,
        resumption: &Resumption,
    ) -> Self {
        let mut schedule = Self {
            record: Record::new(Arc::clone(&plan), state),
            board: Board::new(Arc::clone(&plan)),
            contacts: Table::of_hosts(&plan, |_| Contact::default()),
            late: BTreeMap::new(),
            holding: Holding::new(&plan, holds),
            withheld: Vec::new(),
            skipping: BTreeSet::new(),
            cut: resumption.cut.clone(),
            changed: resumption.changed,
            is_closed: false,
            plan,
        };
        for (task, decision) in schedule.plan.task_ixs().zip(&resumption.decisions) {
            match &decision.begin {
                Some(begin) => {
                    schedule.board.decide_begin(task, Some(begin.clone()));
                    // Whether it works now is known before further hosts begin what failed here.
                    if schedule.record.task(task).is_some_and(|known| known.failed) {
                        schedule.board.note_failure(task);
                    }
                }
                None => schedule.board.end(task, true),
            }
        }
        schedule
    }

    /// Takes in all of this, which is there at the same moment, and gives what follows. Without an input, what
    /// follows from the time alone.
    pub(crate) fn on(&mut self, inputs: impl IntoIterator<Item = Input>, now: Now) -> Vec<Effect> {
        self.record.set_now(now);
        for input in inputs {
            self.take(input);
        }
        if self.cancel().is_none() && !self.is_closed {
            self.try_late();
            self.settle();
            self.advance();
        } else {
            self.board.unmark_all();
        }
        self.record.take_effects()
    }

    /// When time alone has something follow, in the time of [`Now::elapsed`].
    pub(crate) fn due(&self) -> Option<Duration> {
        if self.cancel().is_some() {
            return None;
        }
        let late = self.late.values().filter_map(|late| late.at);
        late.chain(self.holding.due(self.record.elapsed())).min()
    }

    /// Whether there is nothing left to wait for.
    pub(crate) fn is_over(&self) -> bool {
        match self.cancel() {
            Some(CancelLevel::Leave) => true,
            Some(_) => self.board.running() == 0,
            // A run without tasks still connects and reads facts.
            None => self.all_ended(),
        }
    }

    /// Whether every task is over, and every host was heard of.
    fn all_ended(&self) -> bool {
        let is_heard_of = |host: HostIx| {
            self.contacts[host].is_ready
                || self.late.contains_key(&host)
                || self.board.host_stopped(host).is_some()
        };
        self.board.open() == 0 && self.plan.host_ixs().all(is_heard_of)
    }

    /// How far the run is to stop, whoever wants it so.
    pub(crate) fn cancel(&self) -> Option<CancelLevel> {
        let own = self.holding.begins_nothing();
        let own = own.then_some(CancelLevel::NoNewTasks);
        self.record.state().cancel.max(own)
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Begin(first) => {
                self.tell(first);
                self.end_cut();
            }
            Input::Progress(kind) => self.tell(kind),
            Input::Taken(host) => self.taken(host),
            Input::Contended(host) => self.contended(host),
            Input::Away(host) => self.away(host),
            Input::Yields(host, failure) => self.yields(host, failure),
            Input::OneMachine(host, other, failure) => self.one_machine(host, other, failure),
            Input::Ready(host) => self.ready(host),
            Input::Gone(host, failure) => self.gone(host, failure),
            Input::Deaf(host) => self.contacts[host].is_deaf = true,
            Input::Announce(announcement) => self.announce(announcement),
            Input::Withdrawn(task) => self.withdrawn(task),
            Input::Ended(task, attempt, end) => self.ended(task, attempt, *end),
            Input::Control(control) => self.control(control),
            Input::Cancel(level) => self.take_cancel(level),
            Input::Close => self.close(),
        }
    }

    fn tell(&mut self, kind: EventKind) {
        self.record.tell(kind);
    }

    fn take_cancel(&mut self, level: CancelLevel) {
        if self.record.state().cancel < Some(level) {
            self.record.want(Effect::StopAll(level));
            self.tell(EventKind::CancelRequested { level });
            self.refuse_withheld(|_| true);
        }
    }

    /// Nothing follows any more; what late hosts did not come to is not run.
    fn close(&mut self) {
        for (host, late) in std::mem::take(&mut self.late) {
            self.end_parked(host, &late.reason);
        }
        self.is_closed = true;
    }

    /// Lets everything begin that may, and ends what cannot begin any more.
    fn advance(&mut self) {
        while let Some(host) = self.board.take_mark() {
            self.look_at(host);
        }
    }

    fn look_at(&mut self, host: HostIx) {
        let takes_tasks = self.contacts[host].is_ready && self.holding.is_settled();
        let mut is_free = takes_tasks && !self.board.is_busy(host);
        for task in self.board.waiting_of(host) {
            match self.board.verdict(task) {
                Verdict::Shut => {}
                Verdict::Never(reason) => self.end_not_run(task, reason),
                Verdict::Open if is_free => is_free = !self.try_to_begin(task, host),
                Verdict::Open => {}
            }
        }
    }

    /// A task whose gates are open, on a host that has nothing in hand, begins if nothing else holds it. Gives
    /// whether it does.
    fn try_to_begin(&mut self, task: TaskIx, host: HostIx) -> bool {
        match self.condition(task, host) {
            Ok(true) => {}
            Ok(false) => {
                self.end_unneeded(task);
                return false;
            }
            Err(failure) => {
                let reason = format!("{} failed", self.plan.task(task).id);
                self.board.stop_host(host, &reason);
                self.end_task(task, 0, TaskEnd::failed(failure));
                return false;
            }
        }
        match self.board.brake(task) {
            Verdict::Never(reason) => {
                self.end_not_run(task, reason);
                false
            }
            Verdict::Shut => false,
            // Looked at again when the run goes on, or when what it waits for has ended.
            Verdict::Open if self.record.state().paused || !self.board.has_room(task) => false,
            Verdict::Open => {
                let begin = self.board.next_begin(task).cloned();
                let begin = begin.unwrap_or_else(|| self.begins_again(task));
                self.board.start(task, begin.clone());
                self.record
                    .want(Effect::Order(host, Order::Task(task, begin)));
                true
            }
        }
    }

    /// Whether a stage's condition holds on a host.
    fn condition(&self, task: TaskIx, host: HostIx) -> Result<bool, Failure> {
        let none = Facts::new();
        let facts = self.record.facts(host).unwrap_or(&none);
        self.plan
            .condition(self.plan.task(task).stage, host, facts)
            .map_err(|error| Failure::new(FailureKind::Expression, error.to_string()))
    }

    /// A task whose condition is false is done.
    fn end_unneeded(&mut self, task: TaskIx) {
        let stage = self.plan.stage(self.plan.task(task).stage);
        let reason = format!("{} is false", stage.when.as_deref().unwrap_or_default());
        let outcome = Outcome::Skipped {
            reason,
            by_operator: false,
        };
        self.end_task(task, 0, TaskEnd::new(outcome));
    }

    /// A task that cannot begin any more is over.
    fn end_not_run(&mut self, task: TaskIx, reason: String) {
        self.end_task(task, 0, TaskEnd::new(Outcome::NotRun { reason }));
    }

    /// Every end goes through here: first what follows on the board, then it is told. An attempt that is followed
    /// by another leaves the task where it is.
    fn end_task(&mut self, task: TaskIx, attempt: u32, end: TaskEnd) {
        if !end.again {
            self.board.end(task, end.outcome.is_done());
            if end.outcome == Outcome::Failed {
                self.board.note_failure(task);
            }
        }
        let task = self.plan.task(task).id.clone();
        self.tell(EventKind::TaskEnded { task, attempt, end });
    }

    /// Attempts that nobody will end any more are over. Each is followed by another.
    fn end_cut(&mut self) {
        for (task, attempt) in std::mem::take(&mut self.cut) {
            let text = "phalanx ended while this was under way";
            let end = TaskEnd {
                again: true,
                ..TaskEnd::failed(Failure::new(FailureKind::Interrupted, text))
            };
            self.tell(EventKind::TaskEnded { task, attempt, end });
        }
    }
}
