//! The dispatcher: it meets the world for the schedule.
//!
//! It selects what comes in, hands it to the [`Schedule`], writes down what that tells, and carries out the rest. What
//! came in at one go is written to the journal with one flush, and only then do answers, orders and displays go
//! out: nothing follows from what is not on disk.

mod waiting;

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use phalanx_events::{CancelLevel, EventKind, RunOutcome};
use phalanx_plan::{HostIx, Table};
use phalanx_remote::Stance;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::control_call::ControlCall;
use crate::journal::JournalWriter;
use crate::message::Report;
use crate::schedule::Order;
use crate::schedule::{Effect, Input, Now, Schedule};
use crate::telling::{Telling, Told};
use waiting::Waiting;

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

/// What leads to all executors.
pub(crate) struct AllLines {
    pub(crate) hosts: Table<HostIx, HostLine>,
    /// Whether nothing is to begin for now, so that none waits with a permit in hand.
    pub(crate) paused: watch::Sender<bool>,
    /// Whether the run has taken its hosts, and works.
    pub(crate) stance: watch::Sender<Stance>,
}

/// What comes in, beside the executors' reports.
pub(crate) struct Wishes {
    /// How urgently the operator wants to stop.
    pub(crate) cancel: watch::Receiver<Option<CancelLevel>>,
    /// What else the operator wants.
    pub(crate) controls: mpsc::Receiver<ControlCall>,
}

pub(crate) struct Dispatcher {
    schedule: Schedule,
    journal: JournalWriter,
    telling: Telling,
    lines: AllLines,
    waiting: Waiting,
    began: Instant,
}

impl Dispatcher {
    pub(crate) fn new(
        schedule: Schedule,
        journal: JournalWriter,
        telling: Telling,
        lines: AllLines,
    ) -> Self {
        Self {
            schedule,
            journal,
            telling,
            lines,
            waiting: Waiting::default(),
            began: Instant::now(),
        }
    }

    /// Takes the run from its first event to its last.
    ///
    /// # Errors
    /// Where the journal can't be written: nothing follows from what it does not have.
    pub(crate) async fn run(
        mut self,
        first: EventKind,
        mut reports: mpsc::Receiver<Report>,
        mut wishes: Wishes,
    ) -> io::Result<RunOutcome> {
        self.on([Input::Begin(first)])?;
        self.work(&mut reports, &mut wishes).await?;
        self.on([Input::Close])?;
        // Whoever says something now is answered, not left waiting.
        wishes.controls.close();
        while let Ok(call) = wishes.controls.try_recv() {
            let inputs = self.take_call(call);
            self.on(inputs)?;
        }
        let outcome = self.schedule.outcome();
        if self.schedule.cancel() != Some(CancelLevel::Leave) {
            // Hosts are about to forget; what they would forget is on disk first, logs as well.
            self.journal.sync()?;
            if outcome == RunOutcome::Done {
                self.journal.sync_all_files()?;
            }
            tokio::select! {
                said = self.say_goodbye(outcome == RunOutcome::Done, &mut reports) => said?,
                () = until_leaving(&mut wishes.cancel) => {}
            }
        }
        self.on([Input::Progress(EventKind::RunEnded { outcome })])?;
        Ok(outcome)
    }

    /// Takes in what happens until there is nothing left to wait for.
    async fn work(
        &mut self,
        reports: &mut mpsc::Receiver<Report>,
        wishes: &mut Wishes,
    ) -> io::Result<()> {
        let mut taken = Vec::with_capacity(AT_A_TIME);
        let (mut cancel_open, mut controls_open) = (true, true);
        let mut sync_at = None;
        while !self.schedule.is_over() {
            let due = self.schedule.due().map(|due| self.began + due);
            let mut inputs = Vec::new();
            tokio::select! {
                biased;
                changed = wishes.cancel.changed(), if cancel_open => {
                    cancel_open = changed.is_ok();
                    let level = *wishes.cancel.borrow_and_update();
                    inputs.extend(level.map(Input::Cancel));
                }
                call = wishes.controls.recv(), if controls_open => match call {
                    Some(call) => inputs = self.take_call(call),
                    None => controls_open = false,
                },
                count = reports.recv_many(&mut taken, AT_A_TIME) => {
                    if count == 0 {
                        break; // no executor is left
                    }
                    inputs.extend(taken.drain(..).map(|report| self.waiting.take_report(report)));
                }
                // What only tells that something is over may wait a little for more of its kind.
                () = until(sync_at) => {}
                () = until(due) => {}
            }
            self.on(inputs)?;
            if sync_at.is_some_and(|at| at <= Instant::now()) {
                self.journal.sync()?;
            }
            sync_at = match sync_at {
                _ if !self.journal.is_due() => None,
                None => Some(Instant::now() + SYNC_AFTER),
                some => some,
            };
        }
        Ok(())
    }

    /// A control, and before it every host that no order reaches any more.
    fn take_call(&mut self, call: ControlCall) -> Vec<Input> {
        let lines = self.lines.hosts.iter();
        let deaf = lines.filter(|(_, line)| line.orders.is_closed());
        let mut inputs: Vec<Input> = deaf.map(|(host, _)| Input::Deaf(host)).collect();
        inputs.push(self.waiting.take_call(call));
        inputs
    }

    /// Has the schedule take this in, puts on disk what it tells, and only then does what follows. What only
    /// stops or holds back work does not wait for the disk.
    fn on(&mut self, inputs: impl IntoIterator<Item = Input>) -> io::Result<()> {
        let now = Now {
            wall: Timestamp::now(),
            elapsed: self.began.elapsed(),
        };
        let effects = self.schedule.on(inputs, now);
        let (later, at_once): (Vec<_>, Vec<_>) =
            effects.into_iter().partition(Effect::waits_for_disk);
        for effect in at_once {
            self.carry_out(effect);
        }
        for effect in &later {
            if let Effect::Tell(event) = effect {
                self.journal.append(event)?;
            }
        }
        self.journal.commit()?;
        self.waiting.all_is_on_disk();
        for effect in later {
            self.carry_out(effect);
        }
        Ok(())
    }

    /// Does what follows. Whoever is gone meanwhile need not know.
    fn carry_out(&mut self, effect: Effect) {
        let hosts = &self.lines.hosts;
        match effect {
            Effect::Tell(event) => self.telling.tell(Told::Event(event)),
            Effect::Order(host, order) => {
                let _ = hosts[host].orders.send(order);
            }
            Effect::Go(task, attempt) => self.waiting.go(task, attempt),
            Effect::Refuse(task, attempt) => self.waiting.refuse(task, attempt),
            Effect::Reply(said) => self.waiting.reply(said),
            Effect::Stop(host, level) => {
                hosts[host].stop.send_replace(level);
            }
            Effect::StopAll(level) => {
                for (_, line) in hosts.iter() {
                    line.stop.send_if_modified(|now| {
                        let rises = *now < Some(level);
                        *now = (*now).max(Some(level));
                        rises
                    });
                }
            }
            Effect::Pause(paused) => {
                self.lines.paused.send_replace(paused);
            }
            Effect::Work => {
                self.lines.stance.send_replace(Stance::Working);
            }
        }
    }

    /// Executors clear up and go; what they still have to tell is told.
    async fn say_goodbye(
        &mut self,
        collect: bool,
        reports: &mut mpsc::Receiver<Report>,
    ) -> io::Result<()> {
        for (_, line) in self.lines.hosts.iter() {
            let _ = line.orders.send(Order::Finish { collect });
        }
        let mut taken = Vec::new();
        let until = Instant::now() + GOODBYE_WITHIN;
        while let Ok(1..) = timeout_at(until, reports.recv_many(&mut taken, AT_A_TIME)).await {
            let told = taken.drain(..).filter_map(|report| match report {
                Report::Progress(kind) => Some(Input::Progress(*kind)),
                _ => None,
            });
            let told: Vec<Input> = told.collect();
            self.on(told)?;
        }
        Ok(())
    }
}

/// Returns at this time, or never.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Returns when the operator wants to leave at once.
async fn until_leaving(cancel: &mut watch::Receiver<Option<CancelLevel>>) {
    let leave = |level: &Option<CancelLevel>| *level == Some(CancelLevel::Leave);
    if cancel.wait_for(leave).await.is_err() {
        std::future::pending::<()>().await;
    }
}
