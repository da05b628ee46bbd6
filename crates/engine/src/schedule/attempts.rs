//! Attempts: how they begin, how they are refused, and what follows from how they ended.

use phalanx_events::{CancelLevel, EventKind, Failure, FailureKind, Outcome, TaskEnd};
use phalanx_plan::TaskIx;

use super::Schedule;
use super::begin::{self, Begin, Known, MadeFrom};
use super::board::{Place, Verdict};
use super::controls::{left_out, skipped};
use super::effect::Effect;
use super::input::Announcement;
use super::input::Step;
use super::late;

impl Schedule {
    /// How a task begins once it may, by the decision table: what was begun and has no known end comes first.
    /// What an earlier process had begun from other things is still made from other things.
    pub(super) fn begins_again(&self, task: TaskIx) -> Begin {
        let known = self.record.task(task).map_or(Known::Nothing, Known::State);
        let made_from = match self.board.last_begin(task) {
            Some(Begin::Attach {
                then_again: true, ..
            }) => MadeFrom::Other(Vec::new()),
            _ => MadeFrom::Same,
        };
        let action = &self.plan.stage(self.plan.task(task).stage).action;
        // One that stays done is not begun, so nobody asks.
        begin::next(known, action, made_from)
            .0
            .unwrap_or(Begin::FIRST)
    }

    /// An attempt begins only once it is written down, and only if nobody wants to stop.
    pub(super) fn announce(&mut self, announcement: Announcement) {
        let (task, attempt) = (announcement.task, announcement.attempt);
        let host = self.plan.task(task).host;
        // It was ended meanwhile, with its host, which was given up while the order was on its way.
        if self.board.place(task) != Place::Running {
            return self.record.want(Effect::Refuse(task, attempt));
        }
        match (self.skipping.contains(&task), announcement.step) {
            // Its job is on the host: it is attached to, in order to be stopped.
            (true, Step::GoOn) => self.stop(task, Some(CancelLevel::StopJobs)),
            (true, _) => {
                self.record.want(Effect::Refuse(task, attempt));
                return self.end_skipped(task, attempt.saturating_sub(1), None);
            }
            (false, _) => {}
        }
        if self.cancel().is_some() || self.board.is_left_out(host) {
            self.refuse(announcement);
        } else if self.record.state().paused && announcement.step != Step::GoOn {
            self.withheld.push(announcement);
        } else {
            self.let_go(announcement);
        }
    }

    /// Writes down that an attempt begins, so that it may.
    pub(super) fn let_go(&mut self, announcement: Announcement) {
        let task = announcement.task;
        let is_first = announcement.step == Step::First;
        // The stage may have stopped since this was ordered.
        if is_first && self.board.brake(task) != Verdict::Open {
            // The room that it had may be another's, whom no failure holds back.
            self.board.mark_all();
            return self.refuse(announcement);
        }
        let Announcement { attempt, job, .. } = announcement;
        // That one which goes on began is written down.
        if announcement.step != Step::GoOn {
            let task = self.plan.task(task).id.clone();
            self.tell(EventKind::TaskStarted { task, attempt, job });
        }
        self.record.want(Effect::Go(task, attempt));
    }

    /// An attempt may not begin.
    fn refuse(&mut self, announcement: Announcement) {
        let Announcement { task, attempt, .. } = announcement;
        self.record.want(Effect::Refuse(task, attempt));
        match announcement.step {
            Step::First | Step::GoOn => self.withdrawn(task),
            // It ended with an attempt that was to be followed by another.
            Step::Next => self.end_task(
                task,
                attempt.saturating_sub(1),
                TaskEnd::new(Outcome::Cancelled),
            ),
        }
    }

    /// Whoever waited for the run to go on learns that it does not.
    pub(super) fn refuse_withheld(&mut self, is_meant: impl Fn(TaskIx) -> bool) {
        let withheld = std::mem::take(&mut self.withheld);
        let (refused, kept) = withheld.into_iter().partition(|held| is_meant(held.task));
        self.withheld = kept;
        for announcement in refused {
            self.refuse(announcement);
        }
    }

    /// A task that was ordered does not begin.
    pub(super) fn withdrawn(&mut self, task: TaskIx) {
        let is_under_way = self.board.last_begin(task).is_some_and(Begin::is_under_way);
        if self.skipping.contains(&task) && !is_under_way {
            let attempt = self.record.task(task).map_or(0, |known| known.attempt);
            return self.end_skipped(task, attempt, None);
        }
        self.board.withdraw(task);
        let host = self.plan.task(task).host;
        if self.board.is_left_out(host) {
            self.skipping.remove(&task);
            let reason = left_out(&self.plan.host(host).name);
            self.end_left_out(task, &reason);
        } else if self.skipping.contains(&task) {
            // Its job is on the host: it is attached to first, and then stopped.
            self.stop(task, None);
            self.board.mark(host);
        }
    }

    /// A task that was stopped so that it be skipped has stopped, or ended before.
    /// `end` is how it ended, if it did: what it told still counts.
    fn end_skipped(&mut self, task: TaskIx, attempt: u32, end: Option<TaskEnd>) {
        self.skipping.remove(&task);
        self.stop(task, None);
        let end = match end {
            Some(end) => TaskEnd {
                outcome: skipped().outcome,
                failure: None,
                ..end
            },
            None => skipped(),
        };
        self.end_task(task, attempt, end);
    }

    /// A task that is to be skipped, and whose attempt waits for the run to go on, need not be stopped.
    pub(super) fn skip_withheld(&mut self, task: TaskIx) {
        let at = self.withheld.iter().position(|held| held.task == task);
        if let Some(withheld) = at.map(|at| self.withheld.remove(at)) {
            self.record.want(Effect::Refuse(task, withheld.attempt));
            self.end_skipped(task, withheld.attempt.saturating_sub(1), None);
        }
    }

    /// How urgently the work on a task's host is to stop.
    pub(super) fn stop(&mut self, task: TaskIx, level: Option<CancelLevel>) {
        let level = level.max(self.cancel());
        let host = self.plan.task(task).host;
        self.record.want(Effect::Stop(host, level));
    }

    /// An attempt is over.
    pub(super) fn ended(&mut self, task: TaskIx, attempt: u32, end: TaskEnd) {
        let host = self.plan.task(task).host;
        self.changed |= !end.changed.is_empty();
        let is_fenced = |failure: &Failure| failure.kind == FailureKind::Fenced;
        if end.failure.as_ref().is_some_and(is_fenced) {
            self.taken_over(host);
        }
        if end.again {
            // What was attached to is over; what follows is another attempt.
            let next = Begin::Anew {
                attempt: attempt.saturating_add(1),
            };
            self.board.follow_with(task, next);
            return self.end_task(task, attempt, end);
        }
        if self.skipping.contains(&task) {
            let may_run = end.failure.as_ref().is_some_and(|failure| failure.may_run);
            // However it ended, unless it was done before it could be stopped, or does not stop.
            if !end.outcome.is_done() && !may_run {
                return self.end_skipped(task, attempt, Some(end));
            }
            self.skipping.remove(&task);
            self.stop(task, None);
        }
        let has_failed = end.outcome == Outcome::Failed;
        let may_pass = end.failure.as_ref().is_some_and(late::may_pass);
        self.end_task(task, attempt, end);
        if has_failed && !self.board.is_left_out(host) {
            let reason = format!("{} failed", self.plan.task(task).id);
            match may_pass && self.park(host, &reason, Some(task)) {
                true => self.tell_parked(host),
                false => self.board.stop_host(host, &reason),
            }
        }
    }
}
