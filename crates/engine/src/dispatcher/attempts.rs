//! Attempts: how they begin, how they are refused, and what follows from how they ended.

use phalanx_events::{CancelLevel, EventKind, FailureKind, Outcome, TaskEnd};
use tokio::sync::oneshot;

use super::Dispatcher;
use super::controls::Withheld;
use crate::board::{Place, Verdict};
use crate::late;
use crate::message::Step;
use crate::resume::Begin;

impl Dispatcher {
    /// An attempt begins only once it is written down, and only if nobody wants to stop.
    pub(super) fn announce(
        &mut self,
        index: usize,
        attempt: u32,
        job: Option<String>,
        step: Step,
        go: oneshot::Sender<()>,
    ) -> std::io::Result<()> {
        let Some(task) = self.plan.tasks.get(index) else {
            return Ok(());
        };
        let host = task.host;
        match (self.skipping.contains(&index), step) {
            // Its job is on the host: it is attached to, in order to be stopped.
            (true, Step::GoOn) => self.raise(host, Some(CancelLevel::StopJobs)),
            (true, _) => return self.end_skipped(index, attempt.saturating_sub(1), None),
            (false, _) => {}
        }
        if self.cancel.is_some() || self.board.is_left_out(host) {
            // `go` is dropped here, which is the refusal.
            return self.refuse_start(index, attempt, step);
        }
        let withheld = Withheld {
            task: index,
            attempt,
            job,
            step,
            go,
        };
        if self.is_withheld(step) {
            self.withheld.push(withheld);
            return Ok(());
        }
        self.let_go(withheld)
    }

    /// Writes down that an attempt begins, so that it may.
    pub(super) fn let_go(&mut self, withheld: Withheld) -> std::io::Result<()> {
        let Withheld {
            task: index,
            attempt,
            job,
            step,
            go,
        } = withheld;
        let Some(task) = self.plan.tasks.get(index) else {
            return Ok(());
        };
        let (task, host) = (task.id.clone(), task.host);
        // The stage may have stopped since this was ordered. `go` is dropped then.
        if step == Step::First && !matches!(self.board.brake(&self.plan, index), Verdict::Open) {
            if let Some(begin) = self.begun.get(&index) {
                self.begins.insert(index, begin.clone());
            }
            self.look_at.insert(host);
            return self.refuse_start(index, attempt, step);
        }
        self.answers.push(go);
        if step == Step::GoOn {
            // That it began is written down.
            return Ok(());
        }
        self.tell(EventKind::TaskStarted { task, attempt, job })
    }

    /// What becomes of a task whose attempt may not begin.
    pub(super) fn refuse_start(
        &mut self,
        index: usize,
        attempt: u32,
        step: Step,
    ) -> std::io::Result<()> {
        if step != Step::Next {
            return self.withdrawn(index);
        }
        let Some(task) = self.plan.tasks.get(index).map(|task| task.id.clone()) else {
            return Ok(());
        };
        // It ended with an attempt that was to be followed by another.
        self.board.withdraw(&self.plan, index, Place::Missing);
        let end = TaskEnd::new(Outcome::Cancelled);
        let attempt = attempt - 1;
        self.tell(EventKind::TaskEnded { task, attempt, end })
    }

    pub(super) fn ended(
        &mut self,
        index: usize,
        attempt: u32,
        end: TaskEnd,
    ) -> std::io::Result<()> {
        let Some(task) = self.plan.tasks.get(index) else {
            return Ok(());
        };
        let (id, stage, host) = (task.id.clone(), task.stage, task.host);
        self.changed |= !end.changed.is_empty();
        if end
            .failure
            .as_ref()
            .is_some_and(|failure| failure.kind == FailureKind::Fenced)
        {
            self.taken_over(host)?;
        }
        if end.again {
            // What was attached to is over; what follows is another attempt.
            let next = Begin::Anew {
                attempt: attempt + 1,
            };
            self.begun.insert(index, next);
        } else if self.skipping.contains(&index) {
            let may_run = end.failure.as_ref().is_some_and(|failure| failure.may_run);
            // However it ended, unless it was done before it could be stopped, or does not stop.
            if !end.outcome.is_done() && !may_run {
                return self.end_skipped(index, attempt, Some(end));
            }
            self.skipping.remove(&index);
            self.raise(host, None);
        }
        let mut parked = None;
        if !end.again {
            let done = end.outcome.is_done();
            self.settle_task(index, stage, host, done);
            if end.outcome == Outcome::Failed {
                self.board.note_failure(&self.plan, index);
            }
            if end.outcome == Outcome::Failed && !self.board.is_left_out(host) {
                let reason = format!("{id} failed");
                let begin = end
                    .failure
                    .as_ref()
                    .filter(|failure| late::may_pass(failure));
                let known = self.state.tasks.get(&id);
                let begin = begin.map(|failure| match failure.may_run {
                    true => self.attach(index, attempt, known),
                    false => Begin::Anew {
                        attempt: attempt + 1,
                    },
                });
                let is_parked =
                    begin.is_some_and(|begin| self.park(host, &reason, Some((index, begin))));
                if is_parked {
                    parked = Some(id.host.clone());
                } else {
                    self.board.stop_host(host, &reason);
                }
            }
        }
        self.tell(EventKind::TaskEnded {
            task: id,
            attempt,
            end,
        })?;
        match parked {
            Some(host) => self.tell_parked(host),
            None => Ok(()),
        }
    }
}
