//! One attempt: its files, then its action.

use std::time::Duration;

use phalanx_events::{CancelLevel, Failure, FailureKind, Outcome, TaskEnd};
use phalanx_plan::{Action, PlannedStage, TaskId};
use phalanx_remote::JobId;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Executor;
use super::cancel::at_least;
use super::link::NoLink;
use super::log_file::LogFile;
use crate::resume::Begin;

/// A task under way.
pub(super) struct Attempt {
    pub(super) id: TaskId,
    pub(super) stage: usize,
    pub(super) job: JobId,
    pub(super) begin: Begin,
    /// Whether the host, asked for the job, said that it has none, or that it never ran.
    pub(super) absent: bool,
    pub(super) deadline: Option<Instant>,
    pub(super) log: LogFile,
    /// What its probe said last, when it said not yet.
    pub(super) waits_for: Option<String>,
    /// What the puts of this attempt changed.
    pub(super) changed: Vec<String>,
    pub(super) already: Vec<String>,
    /// How long the host worked on its files, by its own clock.
    pub(super) put_took: Duration,
}

/// Why an attempt was cut short.
pub(super) enum Cut {
    /// It failed.
    Failed(Failure),
    /// The operator wants to stop.
    Cancelled,
}

impl From<NoLink> for Cut {
    fn from(none: NoLink) -> Self {
        match none {
            NoLink::Failed(failure) => Self::Failed(failure),
            NoLink::Cancelled => Self::Cancelled,
        }
    }
}

impl From<Failure> for Cut {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Executor {
    /// One attempt: the files, then the action.
    pub(super) async fn attempt(
        &mut self,
        stage: &PlannedStage,
        attempt: &mut Attempt,
    ) -> Result<TaskEnd, Cut> {
        match (&attempt.begin, &stage.action) {
            // Who has the job has its files.
            (
                Begin::Attach {
                    then_again: true, ..
                },
                _,
            ) => return self.run_script(stage, None, attempt).await,
            // And where it has none, they are brought and it is started, under the same number.
            (Begin::Attach { .. }, Action::Run(_)) => {
                let tried = self.run_script(stage, None, attempt).await;
                if !std::mem::take(&mut attempt.absent) {
                    return tried;
                }
            }
            // A start of the attempt before may be on its way, or what it left still run.
            (
                Begin::Anew {
                    attempt: number @ 2..,
                },
                Action::Run(_),
            ) => {
                self.end_attempt(stage, number - 1).await?;
            }
            (Begin::Reboot { .. }, Action::Reboot) => return self.reboot(attempt).await,
            _ => {}
        }
        match &stage.action {
            Action::Put => {
                self.put_files(stage, attempt).await?;
                Ok(TaskEnd {
                    host_ms: Some(attempt.put_took.as_millis() as u64),
                    ..TaskEnd::new(done(&attempt.changed))
                })
            }
            Action::Run(script) => {
                self.put_files(stage, attempt).await?;
                self.run_script(stage, Some(script), attempt).await
            }
            Action::Until(script) => {
                self.put_files(stage, attempt).await?;
                self.until(script, attempt).await
            }
            Action::Reboot => {
                self.put_files(stage, attempt).await?;
                self.reboot(attempt).await
            }
        }
    }

    /// Returns when the attempt has to end: its time is up, or jobs are to be stopped.
    pub(super) async fn cut_at(&self, attempt: &Attempt) -> Cut {
        let mut cancel = self.cancel.clone();
        cut_at(attempt.deadline, &mut cancel, CancelLevel::StopJobs, "step").await
    }
}

/// How a task ended whose files and script changed this.
pub(super) fn done(changed: &[String]) -> Outcome {
    if changed.is_empty() {
        Outcome::Already
    } else {
        Outcome::Changed
    }
}

/// Returns when time is up or the operator is at least this urgent.
pub(super) async fn cut_at(
    deadline: Option<Instant>,
    cancel: &mut watch::Receiver<Option<CancelLevel>>,
    level: CancelLevel,
    what: &str,
) -> Cut {
    let began = Instant::now();
    let time_is_up = async {
        match deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time_is_up => Cut::Failed(Failure::new(
            FailureKind::TimedOut,
            format!("the {what} took longer than it may (stopped after {} s)", began.elapsed().as_secs()),
        )),
        () = at_least(cancel, level) => Cut::Cancelled,
    }
}
