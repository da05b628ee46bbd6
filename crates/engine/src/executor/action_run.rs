//! Runs a stage's script as a job and follows it to its end, across lost connections.

use std::collections::BTreeMap;
use std::time::Duration;

use phalanx_events::{CancelLevel, EventKind, Failure, FailureKind, TaskEnd};
use phalanx_plan::{Handing, PlannedStage, Secret, secrets_file};
use phalanx_remote::{JobCall, JobError, JobStart, JobState, RequestError};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::Executor;
use super::attempt::{Attempt, Cut, cut_at};
use super::failure::HostError as _;
use super::job_watch::{Follow, Watch};
use super::link::NoLink;
use super::password_hash;
use super::stop::may_run;
use crate::resume::Begin;

/// How often a job is started anew that the host took and could not start.
const STARTS: u32 = 2;
/// The pause before that.
const BETWEEN_STARTS: Duration = Duration::from_secs(1);

impl Executor {
    /// Runs a script as a job. Without a script, only follows the job that was started before.
    pub(super) async fn run_script(
        &mut self,
        stage: &PlannedStage,
        path: Option<&str>,
        attempt: &mut Attempt,
    ) -> Result<TaskEnd, Cut> {
        let secrets = self.secrets(stage).await?;
        self.had_jobs = true;
        let mut watch = Watch {
            task: attempt.id.clone(),
            reports: self.reports.clone(),
            accepted: matches!(attempt.begin, Begin::Attach { accepted: true, .. }),
        };
        let mut starts = 0;
        let mut sent = matches!(attempt.begin, Begin::Attach { .. });
        let mut held = (false, 0);
        loop {
            let connection = match self.link.get().await {
                Ok(connection) => connection,
                // It may run there: to say that it was cancelled, it has to be.
                Err(NoLink::Cancelled) if sent => {
                    return self.stop_job(attempt, &mut watch, Cut::Cancelled).await;
                }
                Err(NoLink::Failed(failure)) if sent => return Err(may_run(failure).into()),
                Err(none) => return Err(none.into()),
            };
            sent = true;
            let job = attempt.job.clone();
            let script = path.map(|path| self.script(path, Some(attempt.stage)));
            let start = script.as_ref().map(|script| JobStart {
                script,
                secrets: secrets.as_deref(),
            });
            let call = JobCall {
                id: &job,
                fence: self.fence(),
                // Once the host has it, it is never started again: only attached to.
                start: start.filter(|_| !watch.accepted),
                offset: attempt.log.offset(),
            };
            if watch.accepted {
                let (task, offset) = (attempt.id.clone(), attempt.log.offset());
                self.progress(EventKind::TaskAttached { task, offset })
                    .await;
            }
            let deadline = attempt.deadline;
            let mut follow = Follow {
                watch: &mut watch,
                log: &mut attempt.log,
            };
            let followed = tokio::select! {
                followed = connection.job(call, &mut follow) => followed,
                cut = cut_at(deadline, &mut self.cancel, CancelLevel::StopJobs, "script") => {
                    return self.stop_job(attempt, &mut watch, cut).await;
                }
            };
            let error = match followed {
                // It has never run, so that starting it is no second time.
                Ok(end)
                    if matches!(end.state, JobState::NotStarted(_))
                        && path.is_some()
                        && starts < STARTS =>
                {
                    starts += 1;
                    watch.accepted = false;
                    sleep(BETWEEN_STARTS).await;
                    continue;
                }
                Ok(end) => {
                    attempt.absent = path.is_none() && matches!(end.state, JobState::NotStarted(_));
                    return Ok(self.job_end(end, attempt).await);
                }
                Err(error) => error,
            };
            match error {
                error if error.is_loss() => {
                    if watch.accepted {
                        self.progress(EventKind::TaskDetached {
                            task: attempt.id.clone(),
                            offset: attempt.log.offset(),
                            reason: error.to_string(),
                        })
                        .await;
                    } else {
                        self.notice(format!("{error}; trying again")).await;
                    }
                    let now = (watch.accepted, attempt.log.offset());
                    // A job may be silent for long: that its connection held counts as well.
                    let held_on = matches!(error, JobError::Request(RequestError::Lost(_)))
                        && self.link.was_steady();
                    let got_further = std::mem::replace(&mut held, now) != now || held_on;
                    match self.link.after_loss(got_further, &error.to_string()).await {
                        Err(NoLink::Failed(failure)) => return Err(may_run(failure).into()),
                        other => other?,
                    }
                }
                JobError::Absent if path.is_none() && !watch.accepted => {
                    attempt.absent = true;
                    let text = "the host never had the job";
                    return Err(Failure::new(FailureKind::Interrupted, text).into());
                }
                JobError::Absent => {
                    let text = "the host has lost the job: its spool is gone, and what became of the \
                                script is not known";
                    return Err(Failure::new(FailureKind::Died, text).into());
                }
                error if watch.accepted => return Err(may_run(error.failure()).into()),
                error => return Err(error.failure().into()),
            }
        }
    }

    /// The file of secrets that the stage's script is handed.
    async fn secrets(&self, stage: &PlannedStage) -> Result<Option<String>, Cut> {
        if stage.secrets.is_empty() {
            return Ok(None);
        }
        let mut handed = BTreeMap::new();
        for (name, handing) in &stage.secrets {
            let Some(secret) = self.shared.secrets.get(name) else {
                continue;
            };
            let value = match handing {
                Handing::Plain => secret.clone(),
                Handing::Hashed { salt } => {
                    let told = self.facts.get(salt).cloned();
                    hashed(secret.clone(), told).await.map_err(|reason| {
                        let text = format!("`{name}` cannot be handed to the script: {reason}");
                        Failure::new(FailureKind::Expression, text)
                    })?
                }
            };
            handed.insert(handing.name(name), value);
        }
        Ok(Some(secrets_file(&handed)))
    }
}

/// The hash of a secret. It takes half a second, in which others go on.
async fn hashed(secret: Secret, salt: Option<String>) -> Result<Secret, String> {
    let hashing = move || password_hash::hash(secret.reveal(), salt.as_deref());
    match spawn_blocking(hashing).await {
        Ok(Ok(hash)) => Ok(Secret::new(hash)),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
