//! Stops jobs on the host.

use std::time::Duration;

use phalanx_events::{Failure, FailureKind, TaskEnd};
use phalanx_plan::PlannedStage;
use phalanx_remote::{JobCall, JobError, JobId};
use tokio::time::{sleep, timeout};

use super::Executor;
use super::attempt::{Attempt, Cut};
use super::failure::HostError as _;
use super::job_watch::{Follow, Watch};

/// How long a job that is to be stopped may take to end politely.
const GRACE: Duration = Duration::from_secs(10);
/// The pause between two tries to stop a job on a host that is lost meanwhile.
const BETWEEN_STOPS: Duration = Duration::from_secs(1);
/// How long we wait altogether for the news that it was stopped.
const STOP_WITHIN: Duration = Duration::from_secs(40);

impl Executor {
    /// Stops the job on the host, and takes in what it still said.
    pub(super) async fn stop_job(
        &mut self,
        attempt: &mut Attempt,
        watch: &mut Watch,
        cut: Cut,
    ) -> Result<TaskEnd, Cut> {
        let job = attempt.job.clone();
        let fence = self.fence();
        let stopping = async {
            loop {
                let connection = self.link.get_to_stop().await?;
                let cancelled = connection.cancel_job(&job, fence, GRACE).await;
                let followed = match cancelled {
                    Ok(()) => {
                        let call = JobCall {
                            id: &job,
                            fence,
                            start: None,
                            offset: attempt.log.offset(),
                        };
                        let mut follow = Follow {
                            watch: &mut *watch,
                            log: &mut attempt.log,
                        };
                        connection.job(call, &mut follow).await.map(drop)
                    }
                    Err(error) => Err(error),
                };
                match followed {
                    // Cancelled before it was started: nothing runs.
                    Ok(()) | Err(JobError::Absent) => return Ok::<(), Cut>(()),
                    Err(error) if error.is_loss() => {
                        self.link.drop_connection().await;
                        sleep(BETWEEN_STOPS).await;
                    }
                    Err(error) => return Err(error.failure().into()),
                }
            }
        };
        let stopped = timeout(STOP_WITHIN, stopping).await;
        let lines = attempt.log.last_lines();
        Err(match (stopped, cut) {
            (Ok(Ok(())), Cut::Failed(failure)) => Cut::Failed(failure.lines(lines)),
            (Ok(Ok(())), Cut::Cancelled) => Cut::Cancelled,
            (_, Cut::Failed(failure)) => Cut::Failed(may_run(failure).lines(lines)),
            (_, Cut::Cancelled) => {
                let text = "the job could not be stopped";
                Cut::Failed(may_run(Failure::new(FailureKind::Unreachable, text)).lines(lines))
            }
        })
    }

    /// Makes sure that nothing of an earlier attempt runs, or ever will.
    pub(super) async fn end_attempt(
        &mut self,
        stage: &PlannedStage,
        number: u32,
    ) -> Result<(), Cut> {
        let host = self.planned().name.clone();
        let (run, stage) = (self.shared.run.as_str(), stage.id.as_str());
        let job = JobId::new(run, stage, host.as_str(), number);
        loop {
            let connection = self.link.get().await?;
            match connection.cancel_job(&job, self.fence(), GRACE).await {
                Ok(()) => return Ok(()),
                Err(error) if error.is_loss() => {
                    self.link.after_loss(false, &error.to_string()).await?;
                }
                Err(error) => return Err(error.failure().into()),
            }
        }
    }
}

/// The same failure, where the script was started and nobody has stopped it.
pub(super) fn may_run(failure: Failure) -> Failure {
    let message = format!("{}; the script may still run there", failure.message);
    Failure {
        message,
        may_run: true,
        ..failure
    }
}
