//! The dispatcher: it alone orders events, writes the journal, and decides what may begin.
//!
//! Executors report, the dispatcher answers. What it took in one go is written to the journal with
//! one flush, and only then do answers and displays go out: nothing follows from what is not on
//! disk.

mod attempts;
mod controls;
mod holding;
mod late_hosts;
mod resumption;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use phalanx_events::{
    CancelLevel, Event, EventKind, Failure, FailureKind, Outcome, RunOutcome, RunState, TaskEnd,
    TaskStatus,
};
use phalanx_plan::{Facts, Plan, TaskId};
use phalanx_remote::Stance;
use tokio::sync::mpsc;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::board::{Board, Place, Verdict};
use crate::control_call::{ControlCall, Said};
use crate::journal::JournalWriter;
use crate::late::Late;
use crate::message::{Order, Report};
use crate::resume::Begin;
use crate::settling::Settling;
use crate::telling::{Telling, Told};
use controls::Withheld;

/// How many reports are taken in one go.
const AT_A_TIME: usize = 1024;
/// How long an event that nothing waits for may stay unflushed.
const SYNC_AFTER: Duration = Duration::from_millis(20);
/// How long hosts may take to clear up at the end of a run; what takes longer is left.
const GOODBYE_WITHIN: Duration = Duration::from_secs(20);

/// What leads to one host's executor.
pub(crate) struct HostLine {
    pub(crate) orders: mpsc::UnboundedSender<Order>,
    /// How urgently its work is to stop.
    pub(crate) stop: watch::Sender<Option<CancelLevel>>,
}

pub(crate) struct Dispatcher {
    plan: Arc<Plan>,
    board: Board,
    state: RunState,
    journal: JournalWriter,
    telling: Telling,
    orders: Vec<HostLine>,
    began: Instant,
    /// The run's milliseconds at that moment.
    began_ms: u64,
    /// Hosts that take tasks.
    ready: Vec<bool>,
    /// What goes out once the journal is on disk.
    events: Vec<Arc<Event>>,
    answers: Vec<oneshot::Sender<()>>,
    to_order: Vec<(usize, Order)>,
    replies: Vec<(oneshot::Sender<Said>, Said)>,
    /// Attempts that wait for the run to go on.
    withheld: Vec<Withheld>,
    /// Tasks that are being stopped so that they be skipped.
    skipping: BTreeSet<usize>,
    /// Hosts whose tasks are to be looked at again.
    look_at: BTreeSet<usize>,
    /// How far the run is to stop, whoever wants it so.
    cancel: Option<CancelLevel>,
    /// How far the operator wants it to.
    asked: Option<CancelLevel>,
    /// Whether nothing is to begin for now: told to executors, so that none waits with a permit in hand.
    paused: watch::Sender<bool>,
    /// How tasks begin that do not begin with their first attempt.
    begins: BTreeMap<usize, Begin>,
    /// How tasks were begun last.
    begun: BTreeMap<usize, Begin>,
    /// Hosts that are left behind for now, and how often each was before.
    late: BTreeMap<usize, Late>,
    times_late: BTreeMap<usize, u32>,
    /// Whether the run has taken its hosts, and may begin; and who is told that.
    settling: Settling,
    stance: watch::Sender<Stance>,
    /// Whether another run holds a host, or has taken one over.
    held: bool,
    /// Whether nothing may begin, since the plan is not of the hosts that are there.
    amiss: bool,
    /// Attempts that an earlier process has left without an end.
    cut: Vec<(TaskId, u32)>,
    /// Whether any attempt of any task changed anything.
    changed: bool,
}

impl Dispatcher {
    pub(crate) fn new(
        plan: Arc<Plan>,
        journal: JournalWriter,
        telling: Telling,
        orders: Vec<HostLine>,
        paused: watch::Sender<bool>,
    ) -> Self {
        let hosts = plan.hosts.len();
        Self {
            board: Board::new(&plan),
            state: RunState::new(),
            journal,
            telling,
            orders,
            began: Instant::now(),
            began_ms: 0,
            ready: vec![false; hosts],
            events: Vec::new(),
            answers: Vec::new(),
            to_order: Vec::new(),
            replies: Vec::new(),
            withheld: Vec::new(),
            skipping: BTreeSet::new(),
            look_at: BTreeSet::new(),
            cancel: None,
            asked: None,
            paused,
            begins: BTreeMap::new(),
            begun: BTreeMap::new(),
            late: BTreeMap::new(),
            times_late: BTreeMap::new(),
            settling: Settling::new(hosts, false),
            stance: watch::Sender::new(Stance::Working),
            held: false,
            amiss: false,
            cut: Vec::new(),
            changed: false,
            plan,
        }
    }

    /// Takes the run from its first event to its last.
    pub(crate) async fn run(
        mut self,
        first: EventKind,
        mut reports: mpsc::Receiver<Report>,
        mut cancel: watch::Receiver<Option<CancelLevel>>,
        mut controls: mpsc::Receiver<ControlCall>,
    ) -> std::io::Result<RunOutcome> {
        self.tell(first)?;
        self.end_cut()?;
        self.commit()?;
        let mut taken = Vec::with_capacity(AT_A_TIME);
        let mut cancel_open = true;
        let mut controls_open = true;
        let mut sync_at = None;
        while !self.is_over() {
            let late_at = self.next_late();
            let settle_at = self.settling.look_at();
            tokio::select! {
                biased;
                changed = cancel.changed(), if cancel_open => {
                    cancel_open = changed.is_ok();
                    let level = *cancel.borrow_and_update();
                    self.take_cancel(level)?;
                }
                call = controls.recv(), if controls_open => match call {
                    Some(call) => self.control(call)?,
                    None => controls_open = false,
                },
                count = reports.recv_many(&mut taken, AT_A_TIME) => {
                    if count == 0 {
                        break; // no executor is left
                    }
                    for report in taken.drain(..) {
                        self.take(report)?;
                    }
                }
                // What only tells that something is over may wait a little for more of its kind.
                () = sleep_until(sync_at.unwrap_or_else(Instant::now)), if sync_at.is_some() => {}
                () = sleep_until(late_at.unwrap_or_else(Instant::now)), if late_at.is_some() => {
                    self.try_late();
                }
                () = sleep_until(settle_at.unwrap_or_else(Instant::now)), if settle_at.is_some() => {}
            }
            self.settle();
            self.advance()?;
            self.commit()?;
            if sync_at.is_some_and(|at| at <= Instant::now()) {
                self.journal.sync()?;
            }
            sync_at = match sync_at {
                _ if !self.journal.is_due() => None,
                None => Some(Instant::now() + SYNC_AFTER),
                some => some,
            };
        }
        for (host, late) in std::mem::take(&mut self.late) {
            self.tell_not_run(host, &late.reason)?;
        }
        // Whoever says something now is answered, not left waiting.
        controls.close();
        while let Ok(call) = controls.try_recv() {
            self.refuse_control(call);
        }
        let outcome = self.outcome();
        if self.cancel != Some(CancelLevel::Leave) {
            // Hosts are about to forget; what they would forget is on disk first, logs as well.
            self.journal.sync()?;
            if outcome == RunOutcome::Done {
                self.journal.sync_all_files()?;
            }
            tokio::select! {
                said = self.say_goodbye(outcome == RunOutcome::Done, &mut reports, &mut taken) => said?,
                () = until_leaving(&mut cancel) => {}
            }
        }
        self.tell(EventKind::RunEnded { outcome })?;
        self.commit()?;
        Ok(outcome)
    }

    /// Whether there is nothing left to wait for.
    fn is_over(&self) -> bool {
        match self.cancel {
            Some(CancelLevel::Leave) => true,
            Some(_) => self.board.running() == 0,
            // A run without tasks still connects and reads facts.
            None => self.board.open() == 0 && self.all_heard_of(),
        }
    }

    fn all_heard_of(&self) -> bool {
        (0..self.ready.len()).all(|host| {
            let late = self.late.contains_key(&host);
            self.ready[host] || late || self.board.host_stopped(host).is_some()
        })
    }

    fn take_cancel(&mut self, level: Option<CancelLevel>) -> std::io::Result<()> {
        if let Some(level) = level
            && self.asked < Some(level)
        {
            self.asked = Some(level);
            self.cancel = self.cancel.max(self.asked);
            self.raise_all(level);
            self.tell(EventKind::CancelRequested { level })?;
            self.refuse_withheld()?;
        }
        Ok(())
    }

    fn take(&mut self, report: Report) -> std::io::Result<()> {
        match report {
            Report::Progress(kind) => self.tell(*kind),
            Report::First { kind, done } => {
                self.answers.push(done);
                self.tell(*kind)
            }
            Report::Withdrawn { task } => self.withdrawn(task),
            Report::Ready { host } => {
                if let Some(ready) = self.ready.get_mut(host) {
                    *ready = true;
                }
                if self.late.remove(&host).is_some() {
                    self.board.unpark(&self.plan, host, None);
                }
                self.look_at.insert(host);
                Ok(())
            }
            Report::Taken { host } => {
                self.taken(host);
                Ok(())
            }
            Report::Contended { host } => {
                self.contended(host);
                Ok(())
            }
            Report::Away { host } => self.away(host),
            Report::Yields { host, failure } => self.yields(host, failure),
            Report::OneMachine {
                host,
                other,
                failure,
            } => self.one_machine(host, other, failure),
            Report::Gone { host, failure } => self.gone(host, failure),
            Report::Announce {
                task,
                attempt,
                job,
                step,
                go,
            } => self.announce(task, attempt, job, step, go),
            Report::Ended { task, attempt, end } => self.ended(task, attempt, *end),
        }
    }

    /// Notes on the board that a task is over, and who has to be looked at because of it.
    fn settle_task(&mut self, index: usize, stage: usize, host: usize, done: bool) {
        let place = if done { Place::Done } else { Place::Missing };
        let limited = self
            .plan
            .stages
            .get(stage)
            .is_some_and(|stage| stage.at_once.is_some() || stage.stop_after.is_some());
        self.board.end(&self.plan, index, place);
        self.look_at.insert(host);
        if limited || self.board.is_decided(stage) {
            self.look_at.extend(0..self.plan.hosts.len());
        }
    }

    /// Lets everything begin that may, and ends what cannot begin any more.
    fn advance(&mut self) -> std::io::Result<()> {
        if self.cancel.is_some() {
            self.look_at.clear();
            return Ok(());
        }
        while let Some(host) = self.look_at.pop_first() {
            self.look_at_host(host)?;
        }
        Ok(())
    }

    fn look_at_host(&mut self, host: usize) -> std::io::Result<()> {
        let plan = Arc::clone(&self.plan);
        let mut busy = self.board.is_busy(host);
        for index in self.board.waiting_of(host) {
            let Some(task) = plan.tasks.get(index) else {
                continue;
            };
            match self.board.verdict(&plan, index) {
                Verdict::Shut => {}
                Verdict::Never(reason) => self.end_not_run(index, reason)?,
                Verdict::Open if busy || !self.ready[host] || !self.settling.is_settled() => {}
                Verdict::Open => match self.condition(task.stage, host) {
                    Err(failure) => {
                        self.settle_task(index, task.stage, host, false);
                        self.board.note_failure(&plan, index);
                        self.board.stop_host(host, &format!("{} failed", task.id));
                        let end = TaskEnd::failed(failure);
                        self.tell(EventKind::TaskEnded {
                            task: task.id.clone(),
                            attempt: 0,
                            end,
                        })?;
                    }
                    Ok(false) => {
                        self.settle_task(index, task.stage, host, true);
                        let when = plan.stages[task.stage].when.as_deref();
                        let reason = format!("{} is false", when.unwrap_or_default());
                        let end = TaskEnd::new(Outcome::Skipped {
                            reason,
                            by_operator: false,
                        });
                        self.tell(EventKind::TaskEnded {
                            task: task.id.clone(),
                            attempt: 0,
                            end,
                        })?;
                    }
                    Ok(true) => match self.brake(index) {
                        Verdict::Never(reason) => self.end_not_run(index, reason)?,
                        // Looked at again when the run goes on, or when what it waits for has ended.
                        Verdict::Open if self.state.paused => {}
                        Verdict::Open if self.may_enter(index, task.stage) => {
                            self.board.start(&plan, index);
                            let begin = self.begins.remove(&index);
                            let begin = begin.unwrap_or(Begin::Anew { attempt: 1 });
                            self.begun.insert(index, begin.clone());
                            self.to_order.push((host, Order::Task(index, begin)));
                            busy = true;
                        }
                        Verdict::Open | Verdict::Shut => {}
                    },
                },
            }
        }
        Ok(())
    }

    /// A task that cannot begin any more is over.
    fn end_not_run(&mut self, index: usize, reason: String) -> std::io::Result<()> {
        let Some(task) = self.plan.tasks.get(index) else {
            return Ok(());
        };
        let (id, stage, host) = (task.id.clone(), task.stage, task.host);
        self.settle_task(index, stage, host, false);
        self.tell(EventKind::TaskEnded {
            task: id,
            attempt: 0,
            end: TaskEnd::new(Outcome::NotRun { reason }),
        })
    }

    /// Whether failures of other hosts keep this task from beginning. What an earlier process has begun is
    /// under way already.
    fn brake(&mut self, index: usize) -> Verdict {
        match self.begins.get(&index).is_some_and(is_inside) {
            true => Verdict::Open,
            false => self.board.brake(&self.plan, index),
        }
    }

    /// Whether a stage with a limit has room for this task. What an earlier process has begun is in it
    /// already.
    fn may_enter(&self, index: usize, stage: usize) -> bool {
        if self.begins.get(&index).is_some_and(is_inside) {
            return true;
        }
        let limited = self.plan.stages.get(stage).and_then(|stage| stage.at_once);
        let inside = match limited {
            None => 0,
            Some(_) => {
                let of_stage = |task: &usize| {
                    self.plan
                        .tasks
                        .get(*task)
                        .is_some_and(|task| task.stage == stage)
                };
                let waits = |task: &usize| self.board.place(*task) == Place::Waiting;
                let begins = self
                    .begins
                    .iter()
                    .filter(|(task, begin)| is_inside(begin) && waits(task));
                begins.filter(|(task, _)| of_stage(task)).count()
            }
        };
        self.board.has_room(stage, inside)
    }

    /// Whether a stage's condition holds on a host.
    fn condition(&self, stage: usize, host: usize) -> Result<bool, Failure> {
        let none = Facts::new();
        let facts = self
            .plan
            .hosts
            .get(host)
            .and_then(|planned| self.state.hosts.get(&planned.name))
            .map_or(&none, |host| &host.facts);
        self.plan
            .condition(stage, host, facts)
            .map_err(|error| Failure::new(FailureKind::Expression, error.to_string()))
    }

    /// Numbers an event, folds it in, and lines it up for journal and displays.
    fn tell(&mut self, kind: EventKind) -> std::io::Result<()> {
        let event = Event {
            seq: self.state.seq + 1,
            at: Timestamp::now(),
            ms: self.began_ms + self.began.elapsed().as_millis() as u64,
            kind,
        };
        self.state.apply(&event);
        self.journal.append(&event)?;
        self.events.push(Arc::new(event));
        Ok(())
    }

    /// Puts what was lined up on disk, and only then lets it out.
    fn commit(&mut self) -> std::io::Result<()> {
        self.journal.commit()?;
        for event in self.events.drain(..) {
            self.telling.tell(Told::Event(event));
        }
        for go in self.answers.drain(..) {
            let _ = go.send(());
        }
        for (host, order) in self.to_order.drain(..) {
            if let Some(line) = self.orders.get(host) {
                let _ = line.orders.send(order);
            }
        }
        // Whoever asked may have gone meanwhile.
        for (asked, said) in self.replies.drain(..) {
            let _ = asked.send(said);
        }
        Ok(())
    }

    /// Executors clear up and go; what they still have to tell is told.
    async fn say_goodbye(
        &mut self,
        collect: bool,
        reports: &mut mpsc::Receiver<Report>,
        taken: &mut Vec<Report>,
    ) -> std::io::Result<()> {
        for line in &self.orders {
            let _ = line.orders.send(Order::Finish { collect });
        }
        let until = Instant::now() + GOODBYE_WITHIN;
        while let Ok(1..) = timeout_at(until, reports.recv_many(taken, AT_A_TIME)).await {
            for report in taken.drain(..) {
                if let Report::Progress(kind) = report {
                    self.tell(*kind)?;
                }
            }
            self.commit()?;
        }
        Ok(())
    }

    fn outcome(&self) -> RunOutcome {
        let ends = || {
            self.state
                .tasks
                .values()
                .filter_map(|task| match &task.status {
                    TaskStatus::Ended(end) => Some(end),
                    _ => None,
                })
        };
        let host_gone = self.state.hosts.values().any(|host| {
            host.left_out || matches!(host.status, phalanx_events::HostStatus::Failed(_))
        });
        let all_ended = self.board.open() == 0 && self.all_heard_of();
        if all_ended && !host_gone && ends().all(|end| end.outcome.is_done()) {
            return RunOutcome::Done;
        }
        if self.held {
            return RunOutcome::Held;
        }
        if self.amiss {
            return RunOutcome::Failed;
        }
        if self.cancel.is_some() {
            return RunOutcome::Interrupted;
        }
        // Only checks that found something, and no task changed anything.
        let only_checks = ends()
            .filter(|end| end.outcome == Outcome::Failed)
            .all(|end| {
                end.failure
                    .as_ref()
                    .is_some_and(|failure| failure.kind == FailureKind::Problems)
            });
        if all_ended && only_checks && !self.changed && !host_gone {
            RunOutcome::ProblemsFound
        } else {
            RunOutcome::Failed
        }
    }
}

/// Whether a task that begins so was begun by an earlier process.
fn is_inside(begin: &Begin) -> bool {
    !matches!(begin, Begin::Anew { .. })
}

/// Returns when the operator wants to leave at once.
async fn until_leaving(cancel: &mut watch::Receiver<Option<CancelLevel>>) {
    let leave = |level: &Option<CancelLevel>| *level == Some(CancelLevel::Leave);
    if cancel.wait_for(leave).await.is_err() {
        std::future::pending::<()>().await;
    }
}
