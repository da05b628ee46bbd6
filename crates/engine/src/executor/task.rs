//! One task, from the order to its last attempt's end.

use std::sync::Arc;
use std::time::Duration;

use phalanx_events::{CancelLevel, Failure, FailureKind, Outcome, TaskEnd};
use phalanx_plan::{Action, PlannedStage};
use phalanx_remote::JobId;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::Executor;
use super::attempt::{Attempt, Cut};
use super::cancel::at_least;
use super::log_file::LogFile;
use super::{action_reboot, action_until};
use crate::message::{Report, Step};
use crate::resume::Begin;

/// A job that a reboot cut short is begun again this often, whatever its stage's `retries`.
const INTERRUPTIONS_FORGIVEN: u32 = 2;

impl Executor {
    /// Does one task, with all its attempts.
    pub(super) async fn task(&mut self, task: usize, begin: Begin) {
        let shared = Arc::clone(&self.shared);
        let Some(planned) = shared.plan.tasks.get(task) else {
            return;
        };
        let Some(stage) = shared.plan.stages.get(planned.stage) else {
            return;
        };
        let mut deadline = None;
        let mut interruptions = 0;
        let first = begin.attempt();
        let mut begin = Some(begin);
        for number in first.. {
            let begin = begin.take().unwrap_or(Begin::Anew { attempt: number });
            let goes_on = !matches!(begin, Begin::Anew { .. });
            let job = JobId::new(
                shared.run.as_str(),
                stage.id.as_str(),
                planned.id.host.as_str(),
                number,
            );
            let named = matches!(stage.action, Action::Run(_)).then(|| job.to_string());
            // Before it is announced: waiting for a permit is not work, and costs none of the time.
            let asked = Instant::now();
            let permit = match stage.action {
                Action::Put | Action::Run(_) => {
                    let permit = shared.permit(goes_on, self.cancel.clone()).await;
                    if permit.is_none() {
                        self.send(Report::Withdrawn { task }).await;
                        return;
                    }
                    permit
                }
                Action::Until(_) | Action::Reboot => None,
            };
            let (go, gone) = oneshot::channel();
            self.send(Report::Announce {
                task,
                attempt: number,
                job: named,
                step: match (goes_on, number == first) {
                    (true, _) => Step::GoOn,
                    (false, true) => Step::First,
                    (false, false) => Step::Next,
                },
                go,
            })
            .await;
            if gone.await.is_err() {
                return; // refused: the operator wants to stop, or the run is over
            }
            // Nor does a pause.
            deadline = deadline.map(|deadline| deadline + asked.elapsed());
            deadline = deadline.or_else(|| limit(stage).map(|within| Instant::now() + within));
            let path = shared.folder.attempt_log_path(&planned.id, number);
            let (id, telling) = (planned.id.clone(), shared.telling.clone());
            let log = match goes_on {
                true => LogFile::go_on(path.clone(), id.clone(), telling.clone()),
                false => Ok(LogFile::new(path.clone(), id.clone(), telling.clone())),
            };
            let (log, unreadable) = match log {
                Ok(log) => (log, None),
                Err(error) => (LogFile::new(path, id.clone(), telling), Some(error)),
            };
            let then_again = matches!(
                begin,
                Begin::Attach {
                    then_again: true,
                    ..
                }
            );
            let mut attempt = Attempt {
                id,
                stage: planned.stage,
                job,
                begin,
                absent: false,
                deadline,
                log,
                waits_for: None,
                changed: Vec::new(),
                already: Vec::new(),
                put_took: Duration::ZERO,
            };
            let tried = match unreadable {
                None => self.attempt(stage, &mut attempt).await,
                Some(error) => Err(Cut::Failed(Failure::new(
                    FailureKind::Storage,
                    format!("the log of what ran before cannot be gone on with: {error}"),
                ))),
            };
            let mut end = match tried {
                Ok(end) => end,
                Err(Cut::Cancelled) => TaskEnd::new(Outcome::Cancelled),
                Err(Cut::Failed(failure)) => TaskEnd::failed(failure),
            };
            drop(permit);
            end.log_bytes = attempt.log.bytes();
            // What the puts did counts also where the script then failed.
            end.changed.splice(0..0, attempt.changed);
            end.already.splice(0..0, attempt.already);
            end.again = end.failure.as_ref().is_some_and(|failure| {
                if failure.kind == FailureKind::Interrupted {
                    interruptions += 1;
                }
                let in_time = deadline.is_none_or(|deadline| Instant::now() < deadline);
                let tries = number - first + 1;
                in_time && may_try_again(failure.kind, tries, interruptions, stage.retries)
            });
            // What it was made from is not the same any more: however it ended, it is begun anew.
            let may_run = end.failure.as_ref().is_some_and(|failure| failure.may_run);
            end.again |= then_again && !may_run && end.outcome != Outcome::Cancelled;
            let again = end.again;
            self.send(Report::Ended {
                task,
                attempt: number,
                end: Box::new(end),
            })
            .await;
            if !again {
                return;
            }
            if then_again {
                deadline = None;
                continue;
            }
            let pause = Duration::from_secs(1 << (number - first).min(5));
            tokio::select! {
                () = sleep(pause) => {}
                () = at_least(&mut self.cancel, CancelLevel::NoNewTasks) => {}
            }
        }
    }
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
