//! What the operator wants of the run while it goes on: pause, continue, retry, skip, drop.

use phalanx_events::{CancelLevel, Control, EventKind, HostStatus, Outcome, TaskEnd, TaskState};
use phalanx_plan::{HostName, TaskId};
use tokio::sync::oneshot;

use super::Dispatcher;
use crate::board::Place;
use crate::control_call::{ControlCall, Said};
use crate::message::{Order, Step};
use crate::resume::Begin;
use crate::settling::Claim;

/// An attempt that wants to begin while the run is paused.
pub(super) struct Withheld {
    pub(super) task: usize,
    pub(super) attempt: u32,
    pub(super) job: Option<String>,
    pub(super) step: Step,
    pub(super) go: oneshot::Sender<()>,
}

impl Dispatcher {
    /// Does what the operator wants, and lines up the answer.
    pub(super) fn control(&mut self, call: ControlCall) -> std::io::Result<()> {
        if self.cancel.is_some() {
            self.refuse_control(call);
            return Ok(());
        }
        let ControlCall { control, answer } = call;
        let said = self.carry_out(control)?;
        self.replies.push((answer, said));
        Ok(())
    }

    /// Nothing follows any more from what the operator says.
    pub(super) fn refuse_control(&mut self, call: ControlCall) {
        let said = Err("the run is coming to its end; nothing begins any more".to_owned());
        self.replies.push((call.answer, said));
    }

    fn carry_out(&mut self, control: Control) -> std::io::Result<Said> {
        match &control {
            Control::Pause => self.pause(),
            Control::Continue => self.unpause(),
            Control::Retry { host } => match self.index_of(host) {
                Ok(index) => self.retry(index, host.clone()),
                Err(unknown) => Ok(Err(unknown)),
            },
            Control::Drop { host } => match self.index_of(host) {
                Ok(index) => self.leave_out(index, host.clone()),
                Err(unknown) => Ok(Err(unknown)),
            },
            Control::Skip { task } => {
                let index = self.plan.tasks.iter().position(|known| known.id == *task);
                match index {
                    Some(index) => self.skip(index, task.clone()),
                    None => Ok(Err(format!("the run has no task {task}"))),
                }
            }
        }
    }

    fn index_of(&self, host: &HostName) -> Result<usize, String> {
        let index = self.plan.hosts.iter().position(|known| known.name == *host);
        index.ok_or_else(|| format!("no host of the run is named {host}"))
    }

    fn pause(&mut self) -> std::io::Result<Said> {
        if self.state.paused {
            return Ok(Err("the run is paused already".to_owned()));
        }
        self.tell_control(Control::Pause, Vec::new())?;
        self.paused.send_replace(true);
        let under_way = self.board.running();
        Ok(Ok(format!(
            "paused: nothing new begins; {under_way} under way go on to their end"
        )))
    }

    fn unpause(&mut self) -> std::io::Result<Said> {
        if !self.state.paused {
            return Ok(Err("the run is not paused".to_owned()));
        }
        self.tell_control(Control::Continue, Vec::new())?;
        self.paused.send_replace(false);
        for withheld in std::mem::take(&mut self.withheld) {
            self.let_go(withheld)?;
        }
        self.look_at_all();
        Ok(Ok("the run goes on".to_owned()))
    }

    fn retry(&mut self, index: usize, host: HostName) -> std::io::Result<Said> {
        let is_left_out = self.board.is_left_out(index);
        let is_given_up = self.board.host_stopped(index).is_some();
        let is_late = self.late.contains_key(&index);
        if !is_left_out && !is_given_up && !is_late {
            return Ok(Err(self.nothing_failed(index, &host)));
        }
        if self
            .orders
            .get(index)
            .is_none_or(|line| line.orders.is_closed())
        {
            let text = format!("{host} can't be tried again in this run; `phalanx resume` does");
            return Ok(Err(text));
        }
        if is_left_out && self.board.is_busy(index) {
            return Ok(Err(format!(
                "what runs on {host} is being stopped; try again when it is"
            )));
        }
        // What failed goes on as it may; what was cut short or never begun begins.
        let mut begins = Vec::new();
        for task in self.board.undone_of(index) {
            let known = self
                .plan
                .tasks
                .get(task)
                .and_then(|task| self.state.tasks.get(&task.id));
            if let Some(known) = known.filter(|known| known.attempt > 0) {
                begins.push((task, self.next_begin(task, known)));
            }
        }
        let failed = self.late.remove(&index).and_then(|late| late.failed);
        for (task, begin) in begins {
            // What was decided of it before and has not come to pass yet still holds.
            self.begins.entry(task).or_insert(begin);
        }
        self.begins.extend(failed);
        self.raise(index, None);
        self.board.take_in(&self.plan, index);
        if !self.ready.get(index).is_some_and(|ready| *ready) {
            self.to_order.push((index, Order::Contact));
        } else if is_left_out {
            self.settling.note(index, Claim::Held);
        }
        let own = self.board.undone_of(index);
        let reopens = self.reopened(own);
        self.look_at_all();
        let text = match reopens.iter().find(|task| task.host == host) {
            Some(task) => format!("{host} is tried again, from {} on", task.stage),
            None => format!("{host} is tried again"),
        };
        self.tell_control(Control::Retry { host }, reopens)?;
        Ok(Ok(text))
    }

    /// That there is nothing to try again on a host, and what kept it from beginning, where something did.
    fn nothing_failed(&self, index: usize, host: &HostName) -> String {
        let not_run = self.board.undone_of(index).into_iter().find_map(|task| {
            let id = &self.plan.tasks.get(task)?.id;
            match &self.state.tasks.get(id)?.end()?.outcome {
                Outcome::NotRun { reason } => Some((&id.stage, reason)),
                _ => None,
            }
        });
        match not_run {
            Some((stage, reason)) => {
                format!("nothing has failed on {host}; {stage} did not begin there: {reason}")
            }
            None => format!("nothing has failed on {host} that could be tried again"),
        }
    }

    fn leave_out(&mut self, index: usize, host: HostName) -> std::io::Result<Said> {
        if self.board.is_left_out(index) {
            return Ok(Err(format!("{host} is left out already")));
        }
        if self.board.undone_of(index).is_empty() && self.ready.get(index) == Some(&true) {
            return Ok(Err(format!("everything is done on {host}")));
        }
        let reason = left_out(&host);
        self.refuse_withheld_of(index)?;
        self.late.remove(&index);
        self.raise(index, Some(CancelLevel::StopJobs));
        self.board.leave_out(&self.plan, index, &reason);
        self.settling.note(index, Claim::Out);
        let reopens = self.reopened(Vec::new());
        self.tell_control(Control::Drop { host: host.clone() }, reopens)?;
        for task in self.board.undone_of(index) {
            self.tell_left(task, &reason)?;
        }
        self.look_at_all();
        let busy = match self
            .board
            .running_on(index)
            .and_then(|task| self.plan.tasks.get(task))
        {
            Some(task) => format!("; {} is being stopped there", task.id.stage),
            None => String::new(),
        };
        Ok(Ok(format!(
            "{host} is left out of this run{busy}; `phalanx resume` takes it in again"
        )))
    }

    /// Says of a task that it does not come to run, where nothing is said of it yet.
    fn tell_left(&mut self, index: usize, reason: &str) -> std::io::Result<()> {
        let Some(task) = self.plan.tasks.get(index) else {
            return Ok(());
        };
        let known = self.state.tasks.get(&task.id);
        let is_over = known.is_some_and(|known| known.end().is_some());
        if is_over || self.board.place(index) == Place::Running {
            return Ok(());
        }
        let reason = reason.to_owned();
        let end = TaskEnd::new(Outcome::NotRun { reason });
        self.tell(EventKind::TaskEnded {
            task: task.id.clone(),
            attempt: 0,
            end,
        })
    }

    fn skip(&mut self, index: usize, task: TaskId) -> std::io::Result<Said> {
        let Some(host) = self.plan.tasks.get(index).map(|task| task.host) else {
            return Ok(Err(format!("the run has no task {task}")));
        };
        match self.board.place(index) {
            Place::Done => return Ok(Err(format!("{task} is done already"))),
            Place::LeftOut => {
                return Ok(Err(format!("{} is left out of this run", task.host)));
            }
            Place::Running => {
                // It is stopped first; what becomes of it then is that it was skipped.
                self.skipping.insert(index);
                self.raise(host, Some(CancelLevel::StopJobs));
                let withheld = self.withheld.iter().position(|held| held.task == index);
                if let Some(withheld) = withheld.map(|at| self.withheld.remove(at)) {
                    self.end_skipped(index, withheld.attempt.saturating_sub(1), None)?;
                }
                self.tell_control(Control::Skip { task: task.clone() }, Vec::new())?;
                return Ok(Ok(format!(
                    "{task} is being stopped, and then counts as skipped"
                )));
            }
            Place::Waiting | Place::Parked | Place::Missing => {}
        }
        let known = self.state.tasks.get(&task);
        if known.is_some_and(|known| known.open && known.job.is_some()) {
            let host = &task.host;
            let text =
                format!("its script may still run on {host}: retry {host}, and skip it then");
            return Ok(Err(text));
        }
        // A host that was left behind, or given up, because of this task goes on after it.
        let is_gone = self
            .state
            .hosts
            .get(&task.host)
            .is_some_and(|host| matches!(host.status, HostStatus::Failed(_)));
        let failed = |known: &TaskState| {
            let end = known.end();
            end.is_some_and(|end| matches!(end.outcome, Outcome::Failed | Outcome::Cancelled))
        };
        let has_failed = self.state.tasks.get(&task).is_some_and(failed);
        let attempt = self.state.tasks.get(&task).map_or(0, |known| known.attempt);
        let mut own = Vec::new();
        if has_failed && !is_gone {
            self.late.remove(&host);
            self.board.take_in(&self.plan, host);
            own = self.board.undone_of(host);
        }
        self.begins.remove(&index);
        self.board.grant(&self.plan, index);
        self.tell(EventKind::TaskEnded {
            task: task.clone(),
            attempt,
            end: skipped(),
        })?;
        own.retain(|other| *other != index);
        let reopens = self.reopened(own);
        self.look_at_all();
        self.tell_control(Control::Skip { task: task.clone() }, reopens)?;
        Ok(Ok(format!("{task} counts as skipped")))
    }

    /// A task that was ordered does not begin.
    pub(super) fn withdrawn(&mut self, index: usize) -> std::io::Result<()> {
        self.board.withdraw(&self.plan, index, Place::Waiting);
        let Some(task) = self.plan.tasks.get(index) else {
            return Ok(());
        };
        let (id, host) = (task.id.clone(), task.host);
        if self.skipping.contains(&index) {
            return match self.begun.get(&index) {
                None | Some(Begin::Anew { .. }) => {
                    let known = self.state.tasks.get(&id);
                    let attempt = known.map_or(0, |known| known.attempt);
                    self.end_skipped(index, attempt, None)
                }
                // Its job is on the host: it is attached to first, and then stopped.
                Some(begin) => {
                    self.begins.insert(index, begin.clone());
                    self.raise(host, None);
                    self.look_at.insert(host);
                    Ok(())
                }
            };
        }
        if self.board.is_left_out(host) {
            let reason = left_out(&id.host);
            return self.tell_left(index, &reason);
        }
        Ok(())
    }

    /// A task that was stopped so that it be skipped has stopped, or ended before.
    /// `end` is how it ended, if it did: what it told still counts.
    pub(super) fn end_skipped(
        &mut self,
        index: usize,
        attempt: u32,
        end: Option<TaskEnd>,
    ) -> std::io::Result<()> {
        self.skipping.remove(&index);
        let Some(task) = self.plan.tasks.get(index) else {
            return Ok(());
        };
        let (id, stage, host) = (task.id.clone(), task.stage, task.host);
        self.raise(host, None);
        self.settle_task(index, stage, host, true);
        let end = match end {
            Some(end) => TaskEnd {
                outcome: skipped().outcome,
                failure: None,
                ..end
            },
            None => skipped(),
        };
        self.tell(EventKind::TaskEnded {
            task: id,
            attempt,
            end,
        })
    }

    /// How a task that ended badly is begun again: by the same rules as when a run is resumed. What was
    /// begun and has no known end comes first.
    fn next_begin(&self, index: usize, known: &TaskState) -> Begin {
        let attempt = known.attempt;
        match (&known.reboot, &known.job) {
            (Some((_, Some(before))), _) if known.open => Begin::Reboot {
                attempt,
                before: before.clone(),
            },
            (_, Some(_)) if known.open => self.attach(index, attempt, Some(known)),
            _ => Begin::Anew {
                attempt: attempt + 1,
            },
        }
    }

    /// An attempt whose job may still run on its host is not begun again, but attached to.
    pub(super) fn attach(&self, index: usize, attempt: u32, known: Option<&TaskState>) -> Begin {
        Begin::Attach {
            attempt,
            accepted: known.is_some_and(|known| known.accepted),
            then_again: matches!(
                self.begun.get(&index),
                Some(Begin::Attach {
                    then_again: true,
                    ..
                })
            ),
        }
    }

    /// The tasks that are open again though they were over: these, and those of other hosts that never ran
    /// because of what is different now.
    fn reopened(&mut self, own: Vec<usize>) -> Vec<TaskId> {
        let never_ran = |end: &TaskEnd| matches!(end.outcome, Outcome::NotRun { .. });
        let not_run: Vec<usize> = (0..self.plan.tasks.len())
            .filter(|task| {
                let known = self.plan.tasks.get(*task).map(|task| &task.id);
                let known = known.and_then(|id| self.state.tasks.get(id));
                known.and_then(TaskState::end).is_some_and(never_ran)
            })
            .collect();
        let others = self.board.reopen(&self.plan, &not_run);
        let mut all: Vec<usize> = own.into_iter().chain(others).collect();
        all.sort_unstable();
        all.dedup();
        let ids = all.iter().filter_map(|task| self.plan.tasks.get(*task));
        let is_over = |id: &&TaskId| {
            let known = self.state.tasks.get(*id);
            known.is_some_and(|known| known.end().is_some())
        };
        ids.map(|task| &task.id).filter(is_over).cloned().collect()
    }

    fn tell_control(&mut self, control: Control, reopens: Vec<TaskId>) -> std::io::Result<()> {
        self.tell(EventKind::Controlled { control, reopens })
    }

    fn look_at_all(&mut self) {
        self.look_at.extend(0..self.plan.hosts.len());
    }

    /// Says to one host's executor how urgently its work is to stop.
    pub(super) fn raise(&self, host: usize, level: Option<CancelLevel>) {
        if let Some(line) = self.orders.get(host) {
            line.stop.send_replace(level.max(self.cancel));
        }
    }

    /// Says to all executors how urgently their work is to stop, at least.
    pub(super) fn raise_all(&self, level: CancelLevel) {
        for line in &self.orders {
            line.stop.send_if_modified(|now| {
                let rises = *now < Some(level);
                *now = (*now).max(Some(level));
                rises
            });
        }
    }

    /// Whether an attempt that wants to begin has to wait for the run to go on.
    pub(super) fn is_withheld(&self, step: Step) -> bool {
        self.state.paused && step != Step::GoOn
    }

    fn refuse_withheld_of(&mut self, host: usize) -> std::io::Result<()> {
        let of_host = |held: &Withheld| {
            self.plan
                .tasks
                .get(held.task)
                .is_some_and(|task| task.host == host)
        };
        let (refused, kept) = std::mem::take(&mut self.withheld)
            .into_iter()
            .partition(of_host);
        self.withheld = kept;
        self.refuse(refused)
    }

    /// Whoever waited for the run to go on learns that it does not.
    pub(super) fn refuse_withheld(&mut self) -> std::io::Result<()> {
        let refused = std::mem::take(&mut self.withheld);
        self.refuse(refused)
    }

    fn refuse(&mut self, refused: Vec<Withheld>) -> std::io::Result<()> {
        for withheld in refused {
            self.refuse_start(withheld.task, withheld.attempt, withheld.step)?;
        }
        Ok(())
    }
}

fn left_out(host: &HostName) -> String {
    format!("the operator has left {host} out")
}

fn skipped() -> TaskEnd {
    TaskEnd::new(Outcome::Skipped {
        reason: "the operator wanted it".to_owned(),
        by_operator: true,
    })
}
