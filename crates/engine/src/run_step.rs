//! Runs a stage's script as a job and follows it to its end, across lost connections.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use phalanx_events::{
    CancelLevel, EventKind, Failure, FailureKind, Outcome, ReportedProblem, ReportedSeverity,
    TaskEnd,
};
use phalanx_plan::{Action, Handing, PlannedStage, Secret, TaskId, secrets_file};
use phalanx_remote::{
    JobCall, JobEnd, JobError, JobStart, JobState, JobWatch, RECORDS_KEPT, ResultLines, Severity,
    parse_result,
};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::executor::{Attempt, Cut, Executor, done};
use crate::failure;
use crate::link::{NoLink, at_least};
use crate::log_file::LogFile;
use crate::message::Report;
use crate::password_hash;
use crate::resume::Begin;

/// How long a job that is to be stopped may take to end politely.
pub(crate) const GRACE: Duration = Duration::from_secs(10);
/// The pause between two tries to stop a job on a host that is lost meanwhile.
const BETWEEN_STOPS: Duration = Duration::from_secs(1);
/// How often a job is started anew that the host took and could not start.
const STARTS: u32 = 2;
/// How long we wait altogether for the news that it was stopped.
const STOP_WITHIN: Duration = Duration::from_secs(40);

impl Executor {
    /// Runs a script as a job. Without a script, only follows the job that was started before.
    pub(crate) async fn run_script(
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
                    sleep(BETWEEN_STOPS).await;
                    continue;
                }
                Ok(end) => {
                    attempt.absent = path.is_none() && matches!(end.state, JobState::NotStarted(_));
                    return Ok(self.job_end(end, attempt).await);
                }
                Err(error) => error,
            };
            match error {
                JobError::Lost(_) | JobError::Stalled(_) => {
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
                    let held_on = matches!(error, JobError::Lost(_)) && self.link.was_steady();
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
                error if watch.accepted => return Err(may_run(failure::job(&error)).into()),
                error => return Err(failure::job(&error).into()),
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

    /// Stops the job on the host, and takes in what it still said.
    async fn stop_job(
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
                    Err(JobError::Lost(_) | JobError::Stalled(_)) => {
                        self.link.drop_connection().await;
                        sleep(BETWEEN_STOPS).await;
                    }
                    Err(error) => return Err(failure::job(&error).into()),
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

    /// What the end of the job means for the task.
    async fn job_end(&mut self, job: JobEnd, attempt: &mut Attempt) -> TaskEnd {
        if let Some(text) = attempt.log.cut_to_tell() {
            self.notice(text).await;
        }
        if let (JobState::Ended(_), 1..) = (&job.state, job.left) {
            let text = left_behind(attempt.id.stage.as_str(), &job);
            self.notice(text).await;
        }
        let lines = attempt.log.last_lines();
        let outcome = match &job.state {
            _ if job.full => Err(Failure::new(
                FailureKind::Spool,
                "the host ran out of space while the script ran; its output is not complete",
            )
            .advice("free some space on the host, then run again")),
            JobState::Ended(0) => Ok(()),
            JobState::Ended(status) => {
                Err(Failure::new(FailureKind::Script, status_text(*status)).lines(lines))
            }
            JobState::Cancelled if matches!(attempt.begin, Begin::Attach { .. }) => {
                Err(Failure::new(
                    FailureKind::Interrupted,
                    "the script was stopped when the run was left",
                )
                .lines(lines))
            }
            JobState::Cancelled => Err(Failure::new(
                FailureKind::Died,
                "the job was cancelled by somebody else",
            )),
            JobState::Interrupted => Err(Failure::new(
                FailureKind::Interrupted,
                "a reboot of the host cut the script short",
            )
            .lines(lines)),
            JobState::Died => Err(Failure::new(
                FailureKind::Died,
                "the process that watched over the script was killed; what became of it is not known",
            )
            .lines(lines)),
            JobState::NotStarted(reason) => Err(Failure::new(
                FailureKind::Spool,
                format!("the host could not start the job: {reason}"),
            )),
        };
        let result = parse_result(&job.result);
        let from = self.script_of(attempt);
        self.tell_cut(&from, &result).await;
        let ResultLines {
            changed,
            already,
            facts,
            problems,
            ..
        } = result;
        let problems = self.problems(problems);
        let mut end = match (outcome, errors_among(&problems)) {
            // A check that found an error has failed, even where its script went on and ended well.
            (Ok(()), Some(found)) => TaskEnd::failed(found),
            (Err(failure), Some(found)) if failure.kind == FailureKind::Script => {
                TaskEnd::failed(found.lines(failure.lines))
            }
            (Ok(()), None) => {
                let put_changed = !attempt.changed.is_empty();
                TaskEnd::new(if put_changed {
                    Outcome::Changed
                } else {
                    done(&changed)
                })
            }
            (Err(failure), _) => TaskEnd::failed(failure),
        };
        end.changed = changed;
        end.already = already;
        let took = job.took.map(|took| took + attempt.put_took);
        end.host_ms = took.map(|took| took.as_millis() as u64);
        end.problems = problems;
        let (kept, wrong) = self.take_facts(&from, facts).await;
        match wrong {
            Some(wrong) if end.failure.is_none() => {
                end.outcome = Outcome::Failed;
                end.failure = Some(wrong.failure());
            }
            Some(wrong) => self.note_wrong(wrong).await,
            None => {}
        }
        self.keep_told(&kept);
        end.facts = kept;
        end
    }

    /// The script of an attempt's stage, by its path in the recipe.
    fn script_of(&self, attempt: &Attempt) -> String {
        match &self.shared.plan.stage(attempt.stage).action {
            Action::Run(path) | Action::Until(path) => path.clone(),
            Action::Put | Action::Reboot => attempt.id.stage.to_string(),
        }
    }

    /// Returns when the attempt has to end: its time is up, or jobs are to be stopped.
    pub(crate) async fn cut_at(&self, attempt: &Attempt) -> Cut {
        let mut cancel = self.cancel.clone();
        cut_at(attempt.deadline, &mut cancel, CancelLevel::StopJobs, "step").await
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

/// Returns when time is up or the operator is at least this urgent.
pub(crate) async fn cut_at(
    deadline: Option<Instant>,
    cancel: &mut tokio::sync::watch::Receiver<Option<CancelLevel>>,
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

/// Tells the dispatcher, once, that the host has the job.
struct Watch {
    task: TaskId,
    reports: mpsc::Sender<Report>,
    accepted: bool,
}

/// Follows the job into its log.
struct Follow<'a> {
    watch: &'a mut Watch,
    log: &'a mut LogFile,
}

impl JobWatch for Follow<'_> {
    fn accepted(&mut self) {
        if !self.watch.accepted {
            self.watch.accepted = true;
            // Only a hint for displays and for resume: where the queue is full it is left out, and
            // a later start of the same id attaches all the same.
            let task = self.watch.task.clone();
            let _ = self
                .watch
                .reports
                .try_send(Report::Progress(Box::new(EventKind::TaskAccepted { task })));
        }
    }

    fn output(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.log.write(bytes)?;
        if let Some(text) = self.log.cut_to_tell() {
            let host = self.watch.task.host.clone();
            let notice = Report::Progress(Box::new(EventKind::HostNotice { host, text }));
            if self.watch.reports.try_send(notice).is_err() {
                self.log.cut_not_told(); // the queue is full: later, or at the end
            }
        }
        Ok(())
    }
}

pub(crate) fn problem(reported: phalanx_remote::ReportedProblem) -> ReportedProblem {
    ReportedProblem {
        check: reported.check,
        severity: match reported.severity {
            Severity::Error => ReportedSeverity::Error,
            Severity::Warning => ReportedSeverity::Warning,
            Severity::Note => ReportedSeverity::Note,
        },
        text: reported.text,
        fix: reported.fix,
    }
}

/// The same failure, where the script was started and nobody has stopped it.
fn may_run(failure: Failure) -> Failure {
    let message = format!("{}; the script may still run there", failure.message);
    Failure {
        message,
        may_run: true,
        ..failure
    }
}

/// The failure that reported errors are, where there are any; they themselves are told beside it.
pub(crate) fn errors_among(problems: &[ReportedProblem]) -> Option<Failure> {
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == ReportedSeverity::Error)
        .count();
    let text = match errors {
        0 => return None,
        1 => "it found a problem that has to be solved first".to_owned(),
        _ if errors > RECORDS_KEPT => {
            format!("it found more than {RECORDS_KEPT} problems that have to be solved first")
        }
        _ => format!("it found {errors} problems that have to be solved first"),
    };
    Some(Failure::new(FailureKind::Problems, text))
}

/// What a script has left running ends with it, which it may not have expected.
fn left_behind(stage: &str, job: &JobEnd) -> String {
    let (count, them) = match job.left {
        1 => ("a process".to_owned(), "it was"),
        left => (format!("{left} processes"), "they were"),
    };
    let names = match job.left_names.as_slice() {
        [] => String::new(),
        names if names.len() < job.left as usize => format!(" ({}, ...)", names.join(", ")),
        names => format!(" ({})", names.join(", ")),
    };
    format!(
        "the script of {stage} ended and left {count} running{names}; {them} ended too: what is to stay has to be \
         a service of the host"
    )
}

/// `the script ended with status 4`, or what the status means where it is a signal's.
fn status_text(status: i32) -> String {
    let signal = match status {
        129 => "SIGHUP",
        130 => "SIGINT",
        134 => "SIGABRT",
        137 => "SIGKILL (killed, or out of memory)",
        139 => "SIGSEGV",
        143 => "SIGTERM",
        126 => {
            return "the script ended with status 126 (a command in it may not be executed)".into();
        }
        127 => return "the script ended with status 127 (a command in it was not found)".into(),
        _ => return format!("the script ended with status {status}"),
    };
    format!("the script ended with status {status}, which is {signal}")
}
