//! One host's executor: it connects, reads the facts, and does the host's tasks one after the other
//! as the dispatcher orders them. It decides nothing about other hosts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use phalanx_events::{CancelLevel, EventKind, Failure, FailureKind, Outcome, TaskEnd};
use phalanx_plan::{Action, Facts, Plan, PlannedHost, PlannedStage, Secret, TaskId};
use phalanx_remote::{JobId, Script, parse_result};
use tokio::sync::mpsc;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep};

use crate::link::{Link, NoLink, at_least};
use crate::log_file::LogFile;
use crate::message::{Order, Report};
use crate::permits::Permits;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use crate::telling::Telling;
use crate::{failure, reboot};

/// A job that a reboot cut short is begun again this often, whatever its stage's `retries`.
const INTERRUPTIONS_FORGIVEN: u32 = 2;

/// What all executors of a run share.
pub(crate) struct Shared {
    pub(crate) plan: Arc<Plan>,
    pub(crate) run: RunId,
    pub(crate) folder: RunFolder,
    pub(crate) secrets: BTreeMap<String, Secret>,
    pub(crate) permits: Permits,
    pub(crate) telling: Telling,
    /// The number by which hosts tell this run from an older one.
    pub(crate) fence: u64,
}

/// One host's executor.
pub(crate) struct Executor {
    pub(crate) shared: Arc<Shared>,
    pub(crate) host: usize,
    pub(crate) link: Link,
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) cancel: watch::Receiver<Option<CancelLevel>>,
    pub(crate) facts: Facts,
    pub(crate) had_jobs: bool,
}

/// A task under way.
pub(crate) struct Attempt {
    pub(crate) id: TaskId,
    pub(crate) stage: usize,
    pub(crate) job: JobId,
    pub(crate) deadline: Option<Instant>,
    pub(crate) log: LogFile,
    /// What the puts of this attempt changed.
    pub(crate) changed: Vec<String>,
    pub(crate) already: Vec<String>,
}

/// Why an attempt was cut short.
pub(crate) enum Cut {
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
    /// Works until the dispatcher says that the run is over.
    pub(crate) async fn work(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        match self.begin().await {
            Ok(()) => self.send(Report::Ready { host: self.host }).await,
            Err(Cut::Failed(failure)) => {
                self.send(Report::Gone {
                    host: self.host,
                    failure,
                })
                .await;
            }
            Err(Cut::Cancelled) => {}
        }
        while let Some(order) = orders.recv().await {
            match order {
                Order::Task(task) => self.task(task).await,
                Order::Finish { collect } => {
                    self.finish(collect).await;
                    break;
                }
            }
        }
    }

    /// The first contact: connection and facts.
    async fn begin(&mut self) -> Result<(), Cut> {
        loop {
            let connection = self.link.get().await?;
            match self.read_facts(&*connection).await {
                Err(Cut::Failed(lost)) if lost.kind == FailureKind::Unreachable => {
                    self.link.drop_connection().await;
                }
                other => return other,
            }
        }
    }

    /// Runs the recipe's facts script, where there is one.
    pub(crate) async fn read_facts(
        &mut self,
        connection: &dyn phalanx_remote::Connection,
    ) -> Result<(), Cut> {
        let shared = Arc::clone(&self.shared);
        let plan = &shared.plan;
        let Some(path) = &plan.facts_script else {
            return Ok(());
        };
        let script = Script {
            text: plan.files.get(path).cloned().unwrap_or_default(),
            env: plan.environment(self.host, None, &Facts::new(), shared.run.as_str()),
        };
        let mut said = Vec::new();
        let end = connection
            .probe(&script, &mut said)
            .await
            .map_err(|e| failure::probe(&e))?;
        if end.status != 0 {
            let mut last = crate::last_lines::LastLines::default();
            last.push(&said);
            let text = format!(
                "{path} could not read the host's facts (status {})",
                end.status
            );
            return Err(Failure::new(FailureKind::Script, text)
                .lines(last.that_matter())
                .into());
        }
        let mut facts = BTreeMap::new();
        for (name, value) in parse_result(&end.result).facts {
            self.take_fact(&mut facts, path, name, value).await;
        }
        self.facts.extend(facts.clone());
        let host = self.planned().name.clone();
        self.progress(EventKind::FactsRead { host, facts }).await;
        Ok(())
    }

    /// Keeps a fact that the recipe declares; of another it is said that it is passed over.
    pub(crate) async fn take_fact(
        &mut self,
        into: &mut BTreeMap<String, String>,
        from: &str,
        name: String,
        value: String,
    ) {
        if self.shared.plan.fact_kinds.contains_key(&name) {
            into.insert(name, value);
        } else {
            let text = format!("{from} told the fact {name}, which the recipe does not declare");
            let host = self.planned().name.clone();
            self.progress(EventKind::HostNotice { host, text }).await;
        }
    }

    /// Does one task, with all its attempts.
    async fn task(&mut self, task: usize) {
        let shared = Arc::clone(&self.shared);
        let Some(planned) = shared.plan.tasks.get(task) else {
            return;
        };
        let Some(stage) = shared.plan.stages.get(planned.stage) else {
            return;
        };
        let mut deadline = None;
        let mut interruptions = 0;
        for number in 1u32.. {
            let job = JobId::new(
                shared.run.as_str(),
                stage.id.as_str(),
                planned.id.host.as_str(),
                number,
            );
            let named = matches!(stage.action, Action::Run(_)).then(|| job.to_string());
            let (go, gone) = oneshot::channel();
            self.send(Report::Announce {
                task,
                attempt: number,
                job: named,
                go,
            })
            .await;
            if gone.await.is_err() {
                return; // refused: the operator wants to stop, or the run is over
            }
            deadline = deadline.or_else(|| limit(stage).map(|within| Instant::now() + within));
            let path = shared.folder.attempt_log_path(&planned.id, number);
            let mut attempt = Attempt {
                id: planned.id.clone(),
                stage: planned.stage,
                job,
                deadline,
                log: LogFile::new(path, planned.id.clone(), shared.telling.clone()),
                changed: Vec::new(),
                already: Vec::new(),
            };
            let mut end = match self.attempt(stage, &mut attempt).await {
                Ok(end) => end,
                Err(Cut::Cancelled) => TaskEnd::new(Outcome::Cancelled),
                Err(Cut::Failed(failure)) => TaskEnd::failed(failure),
            };
            end.log_bytes = attempt.log.bytes();
            // What the puts did counts also where the script then failed.
            end.changed.splice(0..0, attempt.changed);
            end.already.splice(0..0, attempt.already);
            end.again = end.failure.as_ref().is_some_and(|failure| {
                if failure.kind == FailureKind::Interrupted {
                    interruptions += 1;
                }
                let in_time = deadline.is_none_or(|deadline| Instant::now() < deadline);
                in_time && may_try_again(failure.kind, number, interruptions, stage.retries)
            });
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
            let pause = Duration::from_secs(1 << (number - 1).min(5));
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
        match &stage.action {
            Action::Put => {
                let _permit = self.shared.permits.clone().take().await;
                self.put_files(stage, attempt).await?;
                Ok(TaskEnd::new(done(&attempt.changed)))
            }
            Action::Run(script) => {
                let _permit = self.shared.permits.clone().take().await;
                self.put_files(stage, attempt).await?;
                self.run_script(stage, script, attempt).await
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

    /// The end of the run: what its jobs left on the host is removed, if all went well.
    async fn finish(&mut self, collect: bool) {
        if collect
            && self.had_jobs
            && let Some(connection) = self.link.current()
            && let Err(error) = connection
                .collect_jobs(self.shared.run.as_str(), self.shared.fence)
                .await
        {
            let text = format!("what the run's jobs left in the spool was not removed: {error}");
            let host = self.planned().name.clone();
            self.progress(EventKind::HostNotice { host, text }).await;
        }
        self.link.drop_connection().await;
    }

    pub(crate) fn planned(&self) -> &PlannedHost {
        &self.shared.plan.hosts[self.host]
    }

    pub(crate) async fn progress(&self, kind: EventKind) {
        self.send(Report::Progress(Box::new(kind))).await;
    }

    async fn send(&self, report: Report) {
        // Where the dispatcher is gone, the run is over and nobody wants to know.
        let _ = self.reports.send(report).await;
    }
}

/// How a task ended whose files and script changed this.
pub(crate) fn done(changed: &[String]) -> Outcome {
    if changed.is_empty() {
        Outcome::Already
    } else {
        Outcome::Changed
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
    match kind {
        // The script is idempotent and did nothing wrong.
        FailureKind::Interrupted => {
            interruptions <= INTERRUPTIONS_FORGIVEN || attempt - interruptions < retries
        }
        FailureKind::Script | FailureKind::Died | FailureKind::Put => {
            attempt - interruptions.min(attempt) <= retries
        }
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
        assert!(
            may_try_again(FailureKind::Script, 2, 1, 1),
            "one interruption, one failure"
        );
    }
}
