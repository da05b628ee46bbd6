//! What an executor does from the first contact to the last: connect, read the facts, and do the
//! host's tasks one after the other as the dispatcher orders them. It decides nothing about other
//! hosts.

use std::sync::Arc;
use std::time::Duration;

use phalanx_events::{CancelLevel, EventKind, Failure, FailureKind, Outcome, TaskEnd};
use phalanx_plan::{Action, PlannedStage, TaskId, TaskIx};
use phalanx_remote::{Connection, JobCall, JobError, JobId, JobWatch};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use crate::executor::{Attempt, Cut, Executor, done};
use crate::failure;
use crate::hold;
use crate::late;
use crate::link::{NoLink, at_least};
use crate::log_file::LogFile;
use crate::message::{Order, Report, Step};
use crate::reboot;
use crate::resume::Begin;
use crate::run_step::GRACE;

/// How often something is tried over a connection that breaks.
const TRIES: u32 = 5;
/// A job that a reboot cut short is begun again this often, whatever its stage's `retries`.
const INTERRUPTIONS_FORGIVEN: u32 = 2;

impl Executor {
    /// Works until the dispatcher says that the run is over, and gives signs of life.
    pub(crate) async fn work(self, orders: mpsc::UnboundedReceiver<Order>) {
        let heart = hold::heart(
            self.holder_words(),
            self.shared.stance.clone(),
            self.link.slot(),
            Arc::clone(&self.fence),
        );
        tokio::select! {
            () = self.follow_orders(orders) => {}
            () = heart => {}
        }
    }

    async fn follow_orders(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut away = self.contact(true).await.then(|| late::pause(0));
        loop {
            let order = tokio::select! {
                order = orders.recv() => order,
                later = self.meanwhile(away) => {
                    away = later;
                    continue;
                }
            };
            match order {
                Some(Order::Task(task, begin)) => self.task(task, begin).await,
                Some(Order::Contact) => away = self.contact(true).await.then(|| late::pause(0)),
                Some(Order::Finish { collect }) => {
                    self.finish(collect).await;
                    break;
                }
                None => break,
            }
        }
    }

    /// Between tasks: a connection that breaks is made again, since who gives no sign of life loses the
    /// host.
    async fn keep_link(&mut self) {
        if self.fence() == 0 {
            return std::future::pending().await;
        }
        if let Some(connection) = self.link.current() {
            connection.lost().await;
            self.link.drop_connection().await;
        }
        if self.link.get().await.is_err() {
            sleep(late::pause(0)).await;
        }
    }

    /// Connects, and tells what came of it; that the host does not answer, only the first time. Gives
    /// whether it is worth trying again later.
    async fn contact(&mut self, is_first: bool) -> bool {
        let host = self.host;
        match self.begin().await {
            Ok(()) => {
                self.fill_logs().await;
                self.send(Report::Ready { host }).await;
                false
            }
            Err(Cut::Failed(failure)) => {
                let may_come = failure.kind == FailureKind::Unreachable;
                if is_first || !may_come {
                    self.send(Report::Gone { host, failure }).await;
                } else {
                    self.send(Report::Away { host }).await;
                }
                may_come
            }
            Err(Cut::Cancelled) => false,
        }
    }

    /// What there is to do between orders. As long as the run goes on, a host that did not answer may yet:
    /// after the pause, tries to connect once more. Gives the pause before the next time.
    async fn meanwhile(&mut self, away: Option<Duration>) -> Option<Duration> {
        let Some(pause) = away else {
            self.keep_link().await;
            return None;
        };
        sleep(pause).await;
        self.contact(false).await.then(|| late::longer(pause))
    }

    /// The first contact: connection and facts.
    async fn begin(&mut self) -> Result<(), Cut> {
        loop {
            let connection = self.link.get().await?;
            match self.hold_and_read(&*connection).await {
                Err(Cut::Failed(lost)) if lost.kind == FailureKind::Unreachable => {
                    self.link.after_loss(false, &lost.message).await?;
                }
                other => return other,
            }
        }
    }

    /// The host is ours before it tells what it is like.
    async fn hold_and_read(&mut self, connection: &dyn Connection) -> Result<(), Cut> {
        self.hold(connection).await?;
        let mut cancel = self.cancel.clone();
        tokio::select! {
            biased;
            () = at_least(&mut cancel, CancelLevel::NoNewTasks) => Err(Cut::Cancelled),
            read = self.read_and_compare(connection) => read,
        }
    }

    async fn read_and_compare(&mut self, connection: &dyn Connection) -> Result<(), Cut> {
        let boot = self.read_facts(connection).await?;
        self.is_another_machine(connection, boot).await
    }

    /// Fetches again what this machine has lost of the logs of jobs that are over. Where that fails, the
    /// host keeps what it has.
    async fn fill_logs(&mut self) {
        // One at a time: whoever is called away in the middle of it takes it up again.
        while let Some((task, number)) = self.short.last().cloned() {
            let filled = self.fill_log(&task, number).await;
            self.short.pop();
            if let Err(reason) = filled {
                self.keeps_spool = true;
                let text = format!("the log of {task} is not complete: {reason}");
                let host = task.host.clone();
                self.progress(EventKind::HostNotice { host, text }).await;
            }
        }
    }

    async fn fill_log(&mut self, task: &TaskId, number: u32) -> Result<(), String> {
        let shared = Arc::clone(&self.shared);
        let id = JobId::new(
            shared.run.as_str(),
            task.stage.as_str(),
            task.host.as_str(),
            number,
        );
        let path = shared.folder.attempt_log_path(task, number);
        let mut log = LogFile::go_on(path, task.clone(), shared.telling.clone())
            .map_err(|error| error.to_string())?;
        for _ in 0..TRIES {
            let connection = match self.link.get().await {
                Ok(connection) => connection,
                Err(NoLink::Failed(failure)) => return Err(failure.message),
                Err(NoLink::Cancelled) => return Err("the run is to stop".to_owned()),
            };
            let call = JobCall {
                id: &id,
                fence: self.fence(),
                start: None,
                offset: log.offset(),
            };
            match connection.job(call, &mut Filling(&mut log)).await {
                Ok(_) => return Ok(()),
                Err(JobError::Lost(_) | JobError::Stalled(_)) => self.link.drop_connection().await,
                Err(error) => return Err(error.to_string()),
            }
        }
        Err("the connection breaks again and again".to_owned())
    }

    /// Does one task, with all its attempts.
    async fn task(&mut self, task: TaskIx, begin: Begin) {
        let shared = Arc::clone(&self.shared);
        let planned = shared.plan.task(task);
        let stage = shared.plan.stage(planned.stage);
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
                    let mut cancel = self.cancel.clone();
                    tokio::select! {
                        biased;
                        () = at_least(&mut cancel, CancelLevel::NoNewTasks) => {
                            self.send(Report::Withdrawn { task }).await;
                            return;
                        }
                        permit = shared.permit(goes_on) => permit,
                    }
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

    /// One attempt: the files, then the action.
    async fn attempt(
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

    /// Makes sure that nothing of an earlier attempt runs, or ever will.
    async fn end_attempt(&mut self, stage: &PlannedStage, number: u32) -> Result<(), Cut> {
        let host = self.planned().name.clone();
        let (run, stage) = (self.shared.run.as_str(), stage.id.as_str());
        let job = JobId::new(run, stage, host.as_str(), number);
        loop {
            let connection = self.link.get().await?;
            match connection.cancel_job(&job, self.fence(), GRACE).await {
                Ok(()) => return Ok(()),
                Err(error @ (JobError::Lost(_) | JobError::Stalled(_))) => {
                    self.link.after_loss(false, &error.to_string()).await?;
                }
                Err(error) => return Err(failure::job(&error).into()),
            }
        }
    }

    /// The end of the run: what its jobs left on the host is removed, if all went well.
    async fn finish(&mut self, collect: bool) {
        let clears = collect && self.had_jobs && !self.keeps_spool;
        let fence = self.fence();
        let mut failed = None;
        for _ in 0..TRIES {
            // A connection that is lost by now is made again where there is something to do.
            let connection = match self.link.current() {
                Some(connection) => connection,
                None if clears || fence > 0 => match self.link.get_to_stop().await {
                    Ok(connection) => connection,
                    Err(NoLink::Failed(failure)) => {
                        failed = Some(failure.message);
                        break;
                    }
                    Err(NoLink::Cancelled) => break,
                },
                None => break,
            };
            let done = if clears {
                connection
                    .collect_jobs(self.shared.run.as_str(), fence)
                    .await
            } else if fence > 0 {
                connection.release(fence).await
            } else {
                Ok(())
            };
            match done {
                // What somebody else has by now is let go.
                Ok(()) | Err(JobError::Fenced { .. }) => {
                    failed = None;
                    break;
                }
                Err(error) => {
                    let lost = matches!(error, JobError::Lost(_) | JobError::Stalled(_));
                    failed = Some(error.to_string());
                    if !lost {
                        break;
                    }
                    self.link.drop_connection().await;
                }
            }
        }
        if let Some(reason) = failed {
            let what = match clears {
                true => "what the run's jobs left in the spool was not removed",
                false => "the host was not let go; it will be in half a minute",
            };
            let text = format!("{what}: {reason}");
            let host = self.planned().name.clone();
            self.progress(EventKind::HostNotice { host, text }).await;
        }
        self.link.drop_connection().await;
    }
}

/// Follows a job that is over into its log.
struct Filling<'a>(&'a mut LogFile);

impl JobWatch for Filling<'_> {
    fn accepted(&mut self) {}

    fn output(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write(bytes)
    }
}

/// How long a stage may take: what the recipe says, else what its kind of action is given.
fn limit(stage: &PlannedStage) -> Option<Duration> {
    stage.within.or(match stage.action {
        Action::Until(_) => Some(crate::until_step::WITHIN),
        Action::Reboot => Some(reboot::WITHIN),
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
