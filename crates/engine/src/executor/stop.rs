//! Stops jobs on the host.

use std::sync::Arc;
use std::time::Duration;

use phalanx_events::{Failure, FailureKind, TaskEnd};
use phalanx_plan::PlannedStage;
use phalanx_remote::{Connection, JobCall, JobError, JobId};
use tokio::time::timeout;

use super::Executor;
use super::attempt::Attempt;
use super::cut::Cut;
use super::job_watch::{Follow, Watch};
use super::over::{Break, Call, Patience};

/// How long a job that is to be stopped may take to end politely.
const GRACE: Duration = Duration::from_secs(10);
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
        let mut stop = StopJob { attempt, watch };
        let stopping = self.over(Patience::ToStop, &mut stop);
        let is_stopped = matches!(timeout(STOP_WITHIN, stopping).await, Ok(Ok(())));
        let lines = attempt.log.last_lines();
        Err(match (is_stopped, cut) {
            (true, Cut::Failed(failure)) => Cut::Failed(failure.lines(lines)),
            (true, Cut::Cancelled) => Cut::Cancelled,
            (false, Cut::Failed(failure)) => Cut::Failed(may_run(failure).lines(lines)),
            (false, Cut::Cancelled) => {
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
        let mut end = EndJob(self.job_id(&stage.id, number));
        Ok(self.over(Patience::Reconnect, &mut end).await?)
    }
}

/// Stops a job and follows it to its end.
struct StopJob<'a> {
    attempt: &'a mut Attempt,
    watch: &'a mut Watch,
}

impl Call for StopJob<'_> {
    type Done = ();
    type Error = Cut;

    async fn call(
        &mut self,
        executor: &mut Executor,
        connection: &Arc<dyn Connection>,
    ) -> Result<(), Break<Cut>> {
        let (id, fence) = (&self.attempt.job, executor.fence());
        let stopped = match connection.cancel_job(id, fence, GRACE).await {
            Ok(()) => {
                let call = JobCall {
                    id,
                    fence,
                    start: None,
                    offset: self.attempt.log.offset(),
                };
                let mut follow = Follow {
                    watch: self.watch,
                    log: &mut self.attempt.log,
                };
                connection.job(call, &mut follow).await.map(drop)
            }
            Err(error) => Err(error),
        };
        match stopped {
            // Cancelled before it was started: nothing runs.
            Ok(()) | Err(JobError::Absent) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Ends a job that nobody follows.
struct EndJob(JobId);

impl Call for EndJob {
    type Done = ();
    type Error = Cut;

    async fn call(
        &mut self,
        executor: &mut Executor,
        connection: &Arc<dyn Connection>,
    ) -> Result<(), Break<Cut>> {
        Ok(connection
            .cancel_job(&self.0, executor.fence(), GRACE)
            .await?)
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
