//! One attempt: its files, then its action.

use std::time::Duration;

use phalanx_events::{Failure, FailureKind, Outcome, TaskEnd};
use phalanx_plan::{Action, PlannedStage, PlannedTask, StageIx, TaskId};
use phalanx_remote::JobId;
use tokio::time::Instant;

use super::Executor;
use super::cut::Cut;
use super::log_file::LogFile;
use crate::schedule::Begin;

/// A task under way.
pub(super) struct Attempt {
    pub(super) id: TaskId,
    pub(super) stage: StageIx,
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

impl Executor {
    /// Makes an attempt, and gives how it ended; whether another one follows is not said yet.
    pub(super) async fn attempt(
        &mut self,
        planned: &PlannedTask,
        stage: &PlannedStage,
        begin: Begin,
        deadline: Option<Instant>,
    ) -> TaskEnd {
        let id = &planned.id;
        let path = self.shared.folder.attempt_log_path(id, begin.attempt());
        let telling = self.shared.telling.clone();
        let log = match begin.is_under_way() {
            true => LogFile::go_on(path, id.clone(), telling),
            false => Ok(LogFile::new(path, id.clone(), telling)),
        };
        let log = match log {
            Ok(log) => log,
            Err(error) => {
                let text = format!("the log of what ran before cannot be gone on with: {error}");
                return TaskEnd::failed(Failure::new(FailureKind::Storage, text));
            }
        };
        let mut attempt = Attempt {
            id: id.clone(),
            stage: planned.stage,
            job: self.job_id(&stage.id, begin.attempt()),
            begin,
            absent: false,
            deadline,
            log,
            waits_for: None,
            changed: Vec::new(),
            already: Vec::new(),
            put_took: Duration::ZERO,
        };
        let mut end = match self.act(stage, &mut attempt).await {
            Ok(end) => end,
            Err(Cut::Cancelled) => TaskEnd::new(Outcome::Cancelled),
            Err(Cut::Failed(failure)) => TaskEnd::failed(failure),
        };
        end.log_bytes = attempt.log.bytes();
        // What the puts did counts also where the script then failed.
        end.changed.splice(0..0, attempt.changed);
        end.already.splice(0..0, attempt.already);
        end
    }

    /// The files, then the action.
    async fn act(&mut self, stage: &PlannedStage, attempt: &mut Attempt) -> Result<TaskEnd, Cut> {
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
}

/// How a task ended whose files and script changed this.
pub(super) fn done(changed: &[String]) -> Outcome {
    if changed.is_empty() {
        Outcome::Already
    } else {
        Outcome::Changed
    }
}
