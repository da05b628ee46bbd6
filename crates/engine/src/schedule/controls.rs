//! What the operator wants of the run while it goes on: pause, continue, retry, skip, drop.

use phalanx_events::{CancelLevel, Control, EventKind, HostStatus, Outcome, TaskEnd, TaskState};
use phalanx_plan::{HostIx, HostName, TaskId, TaskIx};

use super::Schedule;
use super::board::Place;
use super::effect::Effect;
use super::effect::Order;
use crate::control_call::Said;

impl Schedule {
    /// Does what the operator wants, and answers.
    pub(super) fn control(&mut self, control: Control) {
        let said = match self.cancel().is_some() || self.is_closed {
            true => Err("the run is coming to its end; nothing begins any more".to_owned()),
            false => self.carry_out(control),
        };
        self.record.want(Effect::Reply(said));
    }

    fn carry_out(&mut self, control: Control) -> Said {
        match control {
            Control::Pause => self.pause(),
            Control::Continue => self.unpause(),
            Control::Retry { host } => self.retry(self.host_named(&host)?),
            Control::Drop { host } => self.leave_out(self.host_named(&host)?),
            Control::Skip { task } => match self.plan.task_ix(&task) {
                Some(ix) => self.skip(ix),
                None => Err(format!("the run has no task {task}")),
            },
        }
    }

    fn host_named(&self, host: &HostName) -> Result<HostIx, String> {
        let known = self.plan.host_ix(host);
        known.ok_or_else(|| format!("no host of the run is named {host}"))
    }

    fn pause(&mut self) -> Said {
        if self.record.state().paused {
            return Err("the run is paused already".to_owned());
        }
        self.tell_control(Control::Pause, Vec::new());
        self.record.want(Effect::Pause(true));
        let under_way = self.board.running();
        Ok(format!(
            "paused: nothing new begins; {under_way} under way go on to their end"
        ))
    }

    fn unpause(&mut self) -> Said {
        if !self.record.state().paused {
            return Err("the run is not paused".to_owned());
        }
        self.tell_control(Control::Continue, Vec::new());
        self.record.want(Effect::Pause(false));
        for withheld in std::mem::take(&mut self.withheld) {
            self.let_go(withheld);
        }
        self.board.mark_all();
        Ok("the run goes on".to_owned())
    }

    fn retry(&mut self, host: HostIx) -> Said {
        let name = self.plan.host(host).name.clone();
        let is_left_out = self.board.is_left_out(host);
        let is_given_up = self.board.host_stopped(host).is_some();
        if !is_left_out && !is_given_up && !self.late.contains_key(&host) {
            return Err(self.nothing_failed(host));
        }
        if self.contacts[host].is_deaf {
            return Err(format!(
                "{name} can't be tried again in this run; `phalanx resume` does"
            ));
        }
        if is_left_out && self.board.is_busy(host) {
            return Err(format!(
                "what runs on {name} is being stopped; try again when it is"
            ));
        }
        self.record.want(Effect::Stop(host, self.cancel()));
        let own = self.take_in(host);
        if !self.contacts[host].is_ready {
            self.record.want(Effect::Order(host, Order::Contact));
        } else if is_left_out {
            self.holding.take(host);
        }
        let reopens = self.reopened(own);
        self.board.mark_all();
        let text = match reopens.iter().find(|task| task.host == name) {
            Some(task) => format!("{name} is tried again, from {} on", task.stage),
            None => format!("{name} is tried again"),
        };
        self.tell_control(Control::Retry { host: name }, reopens);
        Ok(text)
    }

    /// A host takes part again, and is late no more: what failed there goes on as it may, what was cut short or
    /// never begun begins. Gives its tasks that are not done.
    fn take_in(&mut self, host: HostIx) -> Vec<TaskIx> {
        self.late.remove(&host);
        let undone = self.board.undone_of(host);
        for task in &undone {
            // What was decided of it before and has not come to pass yet still holds.
            if self.board.place(*task) != Place::Running && self.board.next_begin(*task).is_none() {
                let begin = self.begins_again(*task);
                self.board.decide_begin(*task, Some(begin));
            }
        }
        self.board.take_in(host);
        undone
    }

    /// That there is nothing to try again on a host, and what kept it from beginning, where something did.
    fn nothing_failed(&self, host: HostIx) -> String {
        let name = &self.plan.host(host).name;
        let not_run = self.board.undone_of(host).into_iter().find_map(|task| {
            match &self.record.task(task)?.end()?.outcome {
                Outcome::NotRun { reason } => Some((&self.plan.task(task).id.stage, reason)),
                _ => None,
            }
        });
        match not_run {
            Some((stage, reason)) => {
                format!("nothing has failed on {name}; {stage} did not begin there: {reason}")
            }
            None => format!("nothing has failed on {name} that could be tried again"),
        }
    }

    fn leave_out(&mut self, host: HostIx) -> Said {
        let name = self.plan.host(host).name.clone();
        if self.board.is_left_out(host) {
            return Err(format!("{name} is left out already"));
        }
        if self.board.undone_of(host).is_empty() && self.contacts[host].is_ready {
            return Err(format!("everything is done on {name}"));
        }
        let reason = left_out(&name);
        let plan = std::sync::Arc::clone(&self.plan);
        self.refuse_withheld(|task| plan.task(task).host == host);
        self.late.remove(&host);
        let level = Some(CancelLevel::StopJobs).max(self.cancel());
        self.record.want(Effect::Stop(host, level));
        self.board.leave_out(host, &reason);
        self.holding.leave_out(host);
        let reopens = self.reopened(Vec::new());
        self.tell_control(Control::Drop { host: name.clone() }, reopens);
        for task in self.board.undone_of(host) {
            self.end_left_out(task, &reason);
        }
        self.board.mark_all();
        let busy = match self.board.running_on(host) {
            Some(task) => format!("; {} is being stopped there", self.plan.task(task).id.stage),
            None => String::new(),
        };
        Ok(format!(
            "{name} is left out of this run{busy}; `phalanx resume` takes it in again"
        ))
    }

    /// Says of a task that it does not come to run, where nothing is said of it yet.
    pub(super) fn end_left_out(&mut self, task: TaskIx, reason: &str) {
        let is_over = self.is_over_by_record(task);
        if !is_over && self.board.place(task) != Place::Running {
            self.end_not_run(task, reason.to_owned());
        }
    }

    fn is_over_by_record(&self, task: TaskIx) -> bool {
        let known = self.record.task(task);
        known.is_some_and(|known| known.end().is_some())
    }

    fn skip(&mut self, task: TaskIx) -> Said {
        let id = self.plan.task(task).id.clone();
        match self.board.place(task) {
            Place::Done => return Err(format!("{id} is done already")),
            Place::LeftOut => return Err(format!("{} is left out of this run", id.host)),
            Place::Running => {
                // It is stopped first; what becomes of it then is that it was skipped.
                self.skipping.insert(task);
                self.stop(task, Some(CancelLevel::StopJobs));
                self.skip_withheld(task);
                let said = format!("{id} is being stopped, and then counts as skipped");
                self.tell_control(Control::Skip { task: id }, Vec::new());
                return Ok(said);
            }
            Place::Waiting | Place::Parked | Place::Missing => {}
        }
        let known = self.record.task(task);
        if known.is_some_and(|known| known.open && known.job.is_some()) {
            let host = &id.host;
            return Err(format!(
                "its script may still run on {host}: retry {host}, and skip it then"
            ));
        }
        let has_failed = known
            .and_then(TaskState::end)
            .is_some_and(|end| matches!(end.outcome, Outcome::Failed | Outcome::Cancelled));
        let attempt = known.map_or(0, |known| known.attempt);
        let host = self.plan.task(task).host;
        // A host that was left behind, or given up, because of this task goes on after it.
        let mut own = match has_failed && !self.is_failed(&id.host) {
            true => self.take_in(host),
            false => Vec::new(),
        };
        self.board.decide_begin(task, None);
        self.board.grant(task);
        self.end_task(task, attempt, skipped());
        own.retain(|other| *other != task);
        let reopens = self.reopened(own);
        self.board.mark_all();
        let said = format!("{id} counts as skipped");
        self.tell_control(Control::Skip { task: id }, reopens);
        Ok(said)
    }

    /// Whether a host was given up.
    fn is_failed(&self, host: &HostName) -> bool {
        let known = self.record.state().hosts.get(host);
        known.is_some_and(|known| matches!(known.status, HostStatus::Failed(_)))
    }

    /// The tasks that are open again though they were over: these, and those of other hosts that never ran
    /// because of what is different now.
    fn reopened(&mut self, own: Vec<TaskIx>) -> Vec<TaskId> {
        let record = &self.record;
        let never_ran = |task: &TaskIx| {
            let end = record.task(*task).and_then(TaskState::end);
            end.is_some_and(|end| matches!(end.outcome, Outcome::NotRun { .. }))
        };
        let others = self.board.reopen(self.plan.task_ixs().filter(never_ran));
        let mut all: Vec<TaskIx> = own.into_iter().chain(others).collect();
        all.sort_unstable();
        all.dedup();
        all.retain(|task| self.is_over_by_record(*task));
        all.into_iter()
            .map(|task| self.plan.task(task).id.clone())
            .collect()
    }

    fn tell_control(&mut self, control: Control, reopens: Vec<TaskId>) {
        self.tell(EventKind::Controlled { control, reopens });
    }
}

/// Why a task of a host is not run that the operator has left out.
pub(super) fn left_out(host: &HostName) -> String {
    format!("the operator has left {host} out")
}

/// The end of a task that the operator has skipped.
pub(super) fn skipped() -> TaskEnd {
    TaskEnd::new(Outcome::Skipped {
        reason: "the operator wanted it".to_owned(),
        by_operator: true,
    })
}
