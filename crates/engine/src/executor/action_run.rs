//! Runs a stage's script as a job and follows it to its end, across lost connections.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use phalanx_events::{CancelLevel, EventKind, Failure, FailureKind, TaskEnd};
use phalanx_plan::{Handing, PlannedStage, Secret, secrets_file};
use phalanx_remote::{Connection, JobCall, JobEnd, JobError, JobStart, JobState, RequestError};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::Executor;
use super::attempt::Attempt;
use super::cut::{Cut, cut_at};
use super::failure::HostError as _;
use super::job_watch::{Follow, Watch};
use super::over::{Break, Call, CallError, Patience};
use super::password_hash;
use super::stop::may_run;
use crate::schedule::Begin;

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
        let mut job = FollowJob {
            path,
            secrets: secrets.as_deref(),
            watch: Watch {
                task: attempt.id.clone(),
                reports: self.reports.clone(),
                accepted: matches!(attempt.begin, Begin::Attach { accepted: true, .. }),
            },
            sent: matches!(attempt.begin, Begin::Attach { .. }),
            held: (false, 0),
            attempt,
        };
        let mut starts = 0;
        let unfollowed = loop {
            match self.over(Patience::Reconnect, &mut job).await {
                // It has never run, so that starting it is no second time.
                Ok(end) if job.is_to_start_anew(&end) && starts < STARTS => {
                    starts += 1;
                    job.watch.accepted = false;
                    sleep(BETWEEN_STARTS).await;
                }
                Ok(end) => {
                    let attempt = job.attempt;
                    attempt.absent = path.is_none() && matches!(end.state, JobState::NotStarted(_));
                    return Ok(self.job_end(end, attempt).await);
                }
                Err(unfollowed) => break unfollowed,
            }
        };
        let cut = match unfollowed {
            CallError::NoLink(Cut::Failed(failure)) if job.sent => {
                return Err(may_run(failure).into());
            }
            // It may run there: to say that it was cancelled, it has to be.
            CallError::NoLink(Cut::Cancelled) if job.sent => Cut::Cancelled,
            CallError::Other(Unfollowed::Cut(cut)) => cut,
            CallError::Other(Unfollowed::Failed(error)) => return Err(job.failure(&error).into()),
            CallError::NoLink(cut) => return Err(cut),
            CallError::WornOut(why) => {
                return Err(Failure::new(FailureKind::Unreachable, why).into());
            }
        };
        self.stop_job(job.attempt, &mut job.watch, cut).await
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

/// Starts a stage's job where it is not known to run, and follows it to its end.
struct FollowJob<'a> {
    /// What is run; without it, the job is only followed.
    path: Option<&'a str>,
    secrets: Option<&'a str>,
    attempt: &'a mut Attempt,
    watch: Watch,
    /// Whether the host may have the job by now.
    sent: bool,
    /// How far it had come when the connection before was lost: whether the host has it, and its output.
    held: (bool, u64),
}

/// Why a job was not followed to its end, other than by a lost connection.
enum Unfollowed {
    /// The host says why.
    Failed(JobError),
    /// It is to be stopped.
    Cut(Cut),
}

impl Call for FollowJob<'_> {
    type Done = JobEnd;
    type Error = Unfollowed;

    async fn call(
        &mut self,
        executor: &mut Executor,
        connection: &Arc<dyn Connection>,
    ) -> Result<JobEnd, Break<Unfollowed>> {
        self.sent = true;
        let attempt = &mut *self.attempt;
        let script = self
            .path
            .map(|path| executor.script(path, Some(attempt.stage)));
        let start = script.as_ref().map(|script| JobStart {
            script,
            secrets: self.secrets,
        });
        let call = JobCall {
            id: &attempt.job,
            fence: executor.fence(),
            // Once the host has it, it is never started again: only attached to.
            start: start.filter(|_| !self.watch.accepted),
            offset: attempt.log.offset(),
        };
        if self.watch.accepted {
            let (task, offset) = (attempt.id.clone(), attempt.log.offset());
            let attached = EventKind::TaskAttached { task, offset };
            executor.progress(attached).await;
        }
        let mut follow = Follow {
            watch: &mut self.watch,
            log: &mut attempt.log,
        };
        let (deadline, cancel) = (attempt.deadline, &mut executor.cancel);
        let followed = tokio::select! {
            followed = connection.job(call, &mut follow) => followed,
            cut = cut_at(deadline, cancel, CancelLevel::StopJobs, "script") => {
                return Err(Break::Other(Unfollowed::Cut(cut)));
            }
        };
        match followed {
            Ok(end) => Ok(end),
            Err(error) if error.is_loss() => {
                let got_further = self.lost(executor, &error).await;
                Err(Break::of(error, Unfollowed::Failed).further(got_further))
            }
            Err(error) => Err(Break::Other(Unfollowed::Failed(error))),
        }
    }
}

impl FollowJob<'_> {
    /// Tells that the connection was lost. Gives whether it has brought the job further.
    async fn lost(&mut self, executor: &mut Executor, error: &JobError) -> bool {
        let now = (self.watch.accepted, self.attempt.log.offset());
        if self.watch.accepted {
            let detached = EventKind::TaskDetached {
                task: self.attempt.id.clone(),
                offset: now.1,
                reason: error.to_string(),
            };
            executor.progress(detached).await;
        } else {
            executor.notice(format!("{error}; trying again")).await;
        }
        // A job may be silent for long: that its connection held counts as well.
        let held_on =
            matches!(error, JobError::Request(RequestError::Lost(_))) && executor.link.was_steady();
        std::mem::replace(&mut self.held, now) != now || held_on
    }

    /// Whether the host could not start it, and may be asked once more.
    fn is_to_start_anew(&self, end: &JobEnd) -> bool {
        matches!(end.state, JobState::NotStarted(_)) && self.path.is_some()
    }

    /// What it means that the host would not have it followed.
    fn failure(&mut self, error: &JobError) -> Failure {
        match error {
            JobError::Absent if self.path.is_none() && !self.watch.accepted => {
                self.attempt.absent = true;
                Failure::new(FailureKind::Interrupted, "the host never had the job")
            }
            JobError::Absent => {
                let text = "the host has lost the job: its spool is gone, and what became of the \
                            script is not known";
                Failure::new(FailureKind::Died, text)
            }
            error if self.watch.accepted => may_run(error.failure()),
            error => error.failure(),
        }
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
