//! One task, from the order to its last attempt's end: wait, announce, work, verdict, pause.

use std::sync::Arc;
use std::time::Duration;

use phalanx_events::{CancelLevel, FailureKind, Outcome, TaskEnd};
use phalanx_plan::{Action, PlannedStage, TaskIx};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, sleep};

use super::Executor;
use super::cancel::at_least;
use super::{action_reboot, action_until};
use crate::message::Report;
use crate::schedule::Begin;
use crate::schedule::Step;

/// A job that a reboot cut short is begun again this often, whatever its stage's `retries`.
const INTERRUPTIONS_FORGIVEN: u32 = 2;
/// The pause after a task's first attempt; each further one is twice as long, up to 32 s.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// A task is not begun after all.
struct Withdrawn;

impl Executor {
    /// Does one task, with all its attempts.
    pub(super) async fn task(&mut self, task: TaskIx, mut begin: Begin) {
        let shared = Arc::clone(&self.shared);
        let planned = shared.plan.task(task);
        let stage = shared.plan.stage(planned.stage);
        let mut tries = Tries::new(begin.attempt());
        loop {
            // Before it is announced: neither a permit nor the end of a pause that is waited for costs any of the
            // task's time.
            let asked = Instant::now();
            let Ok(permit) = self.wait(&stage.action, begin.is_under_way()).await else {
                return self.send(Report::Withdrawn { task }).await;
            };
            if !self.announce(task, stage, &begin, tries.step(&begin)).await {
                return; // refused: the operator wants to stop, or the run is over
            }
            tries.start_clock(stage, asked.elapsed());
            let (number, then_again) = (begin.attempt(), is_made_from_other(&begin));
            let mut end = self.attempt(planned, stage, begin, tries.deadline).await;
            drop(permit);
            end.again = tries.are_to_go_on(stage, number, then_again, &end);
            let again = end.again;
            let end = Box::new(end);
            let attempt = number;
            self.send(Report::Ended { task, attempt, end }).await;
            if !again {
                return;
            }
            match then_again {
                true => tries.deadline = None,
                false => self.pause(tries.pause_after(number)).await,
            }
            begin = Begin::Anew {
                attempt: number.saturating_add(1),
            };
        }
    }

    /// Waits until this attempt may be announced, and gives its permit where it needs one.
    async fn wait(
        &self,
        action: &Action,
        goes_on: bool,
    ) -> Result<Option<OwnedSemaphorePermit>, Withdrawn> {
        match action {
            Action::Put | Action::Run(_) => {
                let permit = self.shared.permit(goes_on, self.cancel.clone()).await;
                permit.map(Some).ok_or(Withdrawn)
            }
            Action::Until(_) | Action::Reboot => Ok(None),
        }
    }

    /// Announces an attempt. Gives whether it may begin: then it is written down.
    async fn announce(
        &self,
        task: TaskIx,
        stage: &PlannedStage,
        begin: &Begin,
        step: Step,
    ) -> bool {
        let attempt = begin.attempt();
        let job = self.job_id(&stage.id, attempt);
        let (go, gone) = oneshot::channel();
        self.send(Report::Announce {
            task,
            attempt,
            job: matches!(stage.action, Action::Run(_)).then(|| job.to_string()),
            step,
            go,
        })
        .await;
        gone.await.is_ok()
    }

    /// The time between two attempts; over at once where nothing new is to begin.
    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = sleep(pause) => {}
            () = at_least(&mut self.cancel, CancelLevel::NoNewTasks) => {}
        }
    }
}

/// A task's attempts in this process.
struct Tries {
    first: u32,
    /// Until when all of them together have time.
    deadline: Option<Instant>,
    /// How many were cut short by a reboot.
    interruptions: u32,
}

impl Tries {
    fn new(first: u32) -> Self {
        Self {
            first,
            deadline: None,
            interruptions: 0,
        }
    }

    fn step(&self, begin: &Begin) -> Step {
        match (begin.is_under_way(), begin.attempt() == self.first) {
            (true, _) => Step::GoOn,
            (false, true) => Step::First,
            (false, false) => Step::Next,
        }
    }

    /// Time counts from the first attempt on, but for what was waited before one began.
    fn start_clock(&mut self, stage: &PlannedStage, waited: Duration) {
        let limit = || limit(stage).map(|within| Instant::now() + within);
        let later = self.deadline.map(|deadline| deadline + waited);
        self.deadline = later.or_else(limit);
    }

    /// Whether another attempt follows this one, which ended so. With `then_again` it does however that ended: what
    /// it was made from is not the same any more.
    fn are_to_go_on(
        &mut self,
        stage: &PlannedStage,
        number: u32,
        then_again: bool,
        end: &TaskEnd,
    ) -> bool {
        let Some(failure) = &end.failure else {
            return then_again && end.outcome != Outcome::Cancelled;
        };
        if failure.kind == FailureKind::Interrupted {
            self.interruptions += 1;
        }
        let in_time = self.deadline.is_none_or(|at| Instant::now() < at);
        let tries = number - self.first + 1;
        let is_worth_it = may_try_again(failure.kind, tries, self.interruptions, stage.retries);
        (in_time && is_worth_it)
            || (then_again && !failure.may_run && end.outcome != Outcome::Cancelled)
    }

    fn pause_after(&self, number: u32) -> Duration {
        FIRST_PAUSE * (1 << (number - self.first).min(5))
    }
}

/// Whether the attempt is gone on with, and was made from other things than one that begins now.
fn is_made_from_other(begin: &Begin) -> bool {
    let Begin::Attach { then_again, .. } = begin else {
        return false;
    };
    *then_again
}

/// How long a stage may take: what the recipe says, else what its kind of action is given.
fn limit(stage: &PlannedStage) -> Option<Duration> {
    stage.within.or(match stage.action {
        Action::Until(_) => Some(action_until::WITHIN),
        Action::Reboot => Some(action_reboot::WITHIN),
        Action::Put | Action::Run(_) => None,
    })
}

/// Whether a failure of this kind is worth another attempt.
fn may_try_again(kind: FailureKind, attempt: u32, interruptions: u32, retries: u32) -> bool {
    // What a reboot cut short did nothing wrong; but a script that reboots its host each time must
    // not do so for ever.
    let counted = attempt - interruptions.min(INTERRUPTIONS_FORGIVEN).min(attempt);
    match kind {
        // Not a job whose end is unknown: it may still run.
        FailureKind::Interrupted | FailureKind::Script | FailureKind::Put => counted <= retries,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_tried_again_as_often_as_the_stage_says() {
        let script = |attempt, retries| may_try_again(FailureKind::Script, attempt, 0, retries);
        assert!(!script(1, 0));
        assert!(script(1, 2) && script(2, 2) && !script(3, 2));
        assert!(!may_try_again(FailureKind::Fenced, 1, 0, 9));
    }

    #[test]
    fn an_interruption_costs_no_retry() {
        assert!(may_try_again(FailureKind::Interrupted, 1, 1, 0));
        assert!(may_try_again(FailureKind::Interrupted, 2, 2, 0));
        assert!(!may_try_again(FailureKind::Interrupted, 3, 3, 0));
        assert!(may_try_again(FailureKind::Interrupted, 3, 3, 1));
        assert!(!may_try_again(FailureKind::Interrupted, 4, 4, 1));
        assert!((5..50).all(|n| !may_try_again(FailureKind::Interrupted, n, n, 2)));
        assert!(
            may_try_again(FailureKind::Script, 2, 1, 1),
            "one interruption, one failure"
        );
    }
}
