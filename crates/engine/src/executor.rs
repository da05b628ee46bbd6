//! One host's executor: what it holds, and what its steps have in common.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use phalanx_events::{
    CancelLevel, EventKind, Failure, FailureKind, Outcome, ReportedProblem, ReportedSeverity,
};
use phalanx_plan::{Facts, HostIx, PlannedHost, PreparedPlan, Secret, StageIx, TaskId};
use phalanx_remote::{
    BootIdentity, HolderWords, JobId, RESULT_KEPT, ResultLines, Script, Stance, parse_result,
};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use crate::failure;
use crate::last_lines::LastLines;
use crate::link::{Link, NoLink};
use crate::log_file::LogFile;
use crate::message::Report;
use crate::notices::Notices;
use crate::one_machine::Machines;
use crate::permits::Permits;
use crate::resume::Begin;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use crate::telling::Telling;
use crate::told_facts::ToldFacts;

/// How long reading a host's facts may take.
const FACTS_WITHIN: Duration = Duration::from_secs(120);

/// What all executors of a run share.
pub(crate) struct Shared {
    pub(crate) plan: Arc<PreparedPlan>,
    pub(crate) run: RunId,
    pub(crate) folder: RunFolder,
    pub(crate) secrets: BTreeMap<String, Secret>,
    pub(crate) permits: Permits,
    /// Whether nothing is to begin for now.
    pub(crate) paused: watch::Receiver<bool>,
    pub(crate) telling: Telling,
    /// Who we are to the hosts, where the run is one that has to hold them.
    pub(crate) holder: Option<HolderWords>,
    /// Whether the run has taken its hosts by now, and may have begun.
    pub(crate) stance: watch::Receiver<Stance>,
    /// What all hosts have told so far.
    pub(crate) told: Mutex<ToldFacts>,
    /// Which hosts may be one machine.
    pub(crate) machines: Machines,
}

impl Shared {
    /// Waits for a permit to work; one that is to begin something new also until nothing forbids it, and
    /// without a permit in hand.
    pub(crate) async fn permit(&self, goes_on: bool) -> Option<OwnedSemaphorePermit> {
        let mut paused = self.paused.clone();
        loop {
            // Where nobody can pause it any more, the run is over.
            if !goes_on && paused.wait_for(|paused| !paused).await.is_err() {
                return None;
            }
            let permit = self.permits.take().await;
            if goes_on || !*paused.borrow() {
                return permit;
            }
        }
    }
}

/// One host's executor.
pub(crate) struct Executor {
    pub(crate) shared: Arc<Shared>,
    pub(crate) host: HostIx,
    pub(crate) link: Link,
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) cancel: watch::Receiver<Option<CancelLevel>>,
    pub(crate) facts: Facts,
    /// Those of them that stages told: they count for more than what the facts script says again.
    pub(crate) told: Facts,
    /// The number by which the host tells this run from others; 0 for one that only looks.
    pub(crate) fence: Arc<AtomicU64>,
    pub(crate) had_jobs: bool,
    /// Attempts that ended before this process began, and whose logs lack bytes here.
    pub(crate) short: Vec<(TaskId, u32)>,
    /// Whether it has output that could not be fetched.
    pub(crate) keeps_spool: bool,
    /// What was told of the host because of what it said.
    pub(crate) notices: Notices,
}

/// A task under way.
pub(crate) struct Attempt {
    pub(crate) id: TaskId,
    pub(crate) stage: StageIx,
    pub(crate) job: JobId,
    pub(crate) begin: Begin,
    /// Whether the host, asked for the job, said that it has none, or that it never ran.
    pub(crate) absent: bool,
    pub(crate) deadline: Option<Instant>,
    pub(crate) log: LogFile,
    /// What its probe said last, when it said not yet.
    pub(crate) waits_for: Option<String>,
    /// What the puts of this attempt changed.
    pub(crate) changed: Vec<String>,
    pub(crate) already: Vec<String>,
    /// How long the host worked on its files, by its own clock.
    pub(crate) put_took: Duration,
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
    /// Runs the recipe's facts script. Gives the boot that the host is in, which it is told along with
    /// them; nothing where the recipe has no such script.
    pub(crate) async fn read_facts(
        &mut self,
        connection: &dyn phalanx_remote::Connection,
    ) -> Result<Option<BootIdentity>, Cut> {
        let shared = Arc::clone(&self.shared);
        let plan = &shared.plan;
        let Some(path) = &plan.facts_script else {
            return Ok(None);
        };
        let script = self.script(path, None);
        let mut said = LastLines::default();
        let end = match timeout(FACTS_WITHIN, connection.probe(&script, &mut said)).await {
            Ok(probed) => probed.map_err(|e| failure::probe(&e))?,
            Err(_) => {
                let within = FACTS_WITHIN.as_secs();
                let text = format!("{path} did not read the host's facts within {within} s");
                let failure = Failure::new(FailureKind::TimedOut, text);
                return Err(failure.lines(said.that_matter()).into());
            }
        };
        if end.status != 0 {
            let text = format!(
                "{path} could not read the host's facts (status {})",
                end.status
            );
            return Err(Failure::new(FailureKind::Script, text)
                .lines(said.that_matter())
                .into());
        }
        let result = parse_result(&end.result);
        self.tell_cut(path, &result).await;
        let (mut facts, wrong) = self.take_facts(path, result.facts).await;
        if let Some(wrong) = wrong {
            return Err(wrong.failure().into());
        }
        facts.extend(self.told.clone());
        self.keep_facts(&facts);
        self.link.note_boot(&end.boot);
        let host = self.planned().name.clone();
        let boot = Some(end.boot.to_string());
        let host_ms = end.took.map(|took| took.as_millis() as u64);
        self.progress(EventKind::FactsRead {
            host,
            facts,
            boot,
            host_ms,
        })
        .await;
        Ok(Some(end.boot))
    }

    /// A script as it is run now: its environment has the controller's clock in it.
    pub(crate) fn script(&self, path: &str, stage: Option<StageIx>) -> Script {
        let plan = &self.shared.plan;
        let run = self.shared.run.as_str();
        let facts = match stage {
            Some(_) => &self.facts,
            None => &Facts::new(),
        };
        let mut env = plan.environment(self.host, stage, facts, run);
        let clock = SystemTime::now().duration_since(UNIX_EPOCH);
        let clock = clock.unwrap_or_default().as_millis();
        env.push(("PX_CLOCK".to_owned(), clock.to_string()));
        let mut shared = Vec::new();
        for (fact, name) in stage.into_iter().flat_map(|stage| plan.all_facts(stage)) {
            let told = self.shared.told.lock();
            let mut told = told.unwrap_or_else(PoisonError::into_inner);
            shared.push((name, told.text(plan, fact)));
        }
        Script {
            text: plan.files.get(path).cloned().unwrap_or_default(),
            env,
            shared,
        }
    }

    /// Keeps what the host told, for itself and for whom it concerns.
    pub(crate) fn keep_facts(&mut self, facts: &Facts) {
        let told = self.shared.told.lock();
        let mut told = told.unwrap_or_else(PoisonError::into_inner);
        told.keep(self.host, facts);
        self.facts.extend(facts.clone());
    }

    /// Keeps what a stage's script told.
    pub(crate) fn keep_told(&mut self, facts: &Facts) {
        self.told.extend(facts.clone());
        self.keep_facts(facts);
    }

    /// What the host's script found, as far as the operator has not accepted it: an error of an
    /// accepted check is a warning that says so.
    pub(crate) fn problems(
        &self,
        found: Vec<phalanx_remote::ReportedProblem>,
    ) -> Vec<ReportedProblem> {
        found
            .into_iter()
            .map(|found| {
                let mut problem = crate::run_step::problem(found);
                let accepted = self.shared.plan.accept.contains(&problem.check);
                if accepted && problem.severity == ReportedSeverity::Error {
                    problem.severity = ReportedSeverity::Warning;
                    problem.text.push_str(" (accepted)");
                }
                problem
            })
            .collect()
    }

    /// Says so where a script's result was too long to be kept.
    pub(crate) async fn tell_cut(&mut self, from: &str, result: &ResultLines) {
        if result.cut {
            let kept = RESULT_KEPT >> 10;
            let text =
                format!("{from} told more than {kept} KiB of results; the rest was left out");
            self.notice(text).await;
        }
    }

    pub(crate) fn planned(&self) -> &PlannedHost {
        self.shared.plan.host(self.host)
    }

    pub(crate) async fn progress(&self, kind: EventKind) {
        self.send(Report::Progress(Box::new(kind))).await;
    }

    /// Tells something, and returns once it is on disk.
    pub(crate) async fn tell_first(&self, kind: EventKind) {
        let (done, told) = oneshot::channel();
        let kind = Box::new(kind);
        self.send(Report::First { kind, done }).await;
        // Where nobody answers, the run is over, and we with it.
        let _ = told.await;
    }

    pub(crate) async fn send(&self, report: Report) {
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
