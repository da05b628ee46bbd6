//! One run, from its folder to its outcome.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use phalanx_events::journal::Journal;
use phalanx_events::{
    CancelLevel, EventKind, Origin, RunOutcome, RunResumed, RunStarted, RunState,
};
use phalanx_plan::{Facts, HostIx, HostName, Plan, PreparedPlan, Secret, Table, TaskId};
use phalanx_remote::{HolderWords, Stance, Transport};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::cluster_lock::Holder;
use crate::control_call::ControlCall;
use crate::dispatcher::{AllLines, Dispatcher, HostLine, Wishes};
use crate::executor::{Executor, HostContext, RunContext, Shared};
use crate::journal::JournalWriter;
use crate::message::Report;
use crate::process_token;
use crate::run_folder::{RunFolder, RunFolderError};
use crate::run_id::RunId;
use crate::schedule::Resumption;
use crate::schedule::Schedule;
use crate::telling::{Told, telling};

/// How many reports may wait for the dispatcher before executors wait for it.
const REPORTS: usize = 4096;

/// How long displays may take at the end to be told the rest.
const TELL_WITHIN: Duration = Duration::from_secs(5);

/// What a run needs.
pub struct RunRequest {
    /// What is to be done.
    pub plan: Arc<PreparedPlan>,
    /// The run's name.
    pub run: RunId,
    /// The `.phalanx` folder; the run's own is made below it.
    pub home: PathBuf,
    /// The secrets that stages may be handed.
    pub secrets: BTreeMap<String, Secret>,
    /// How hosts are reached.
    pub transport: Arc<dyn Transport>,
    /// How many tasks may work at once.
    pub parallel: usize,
    /// Whether displays want the hosts' output; it is in the logs either way.
    pub output: bool,
    /// The version of the program, for the journal.
    pub version: String,
    /// What is left of the run, where it is gone on with.
    pub resume: Option<Resume>,
    /// Told once the run's folder is there, and its journal is held.
    pub opened: Option<oneshot::Sender<PathBuf>>,
    /// Who we are to the hosts, where the run is one that has to hold them: only one such works on a host
    /// at a time. None: the run only looks.
    pub hold_as: Option<Holder>,
    /// Where the cluster came from, for the journal.
    pub origin: Option<Origin>,
}

/// A run that is gone on with.
pub struct Resume {
    /// What its journal says.
    pub journal: Journal,
    /// What remains.
    pub resumption: Resumption,
}

/// Why a run could not be carried to its end. Whatever runs on a host goes on there.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The run's folder could not be made.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// The journal could not be written: nothing may happen that is not written down.
    #[error(
        "the journal could not be written, so the run was stopped; running jobs go on on their hosts"
    )]
    Journal(#[source] std::io::Error),
}

/// A run's folder and what its journal gets first.
struct Opened {
    folder: RunFolder,
    journal: JournalWriter,
    first: EventKind,
    /// What the journal says already.
    state: Option<RunState>,
}

fn begin(
    home: &Path,
    run: &RunId,
    plan: &Plan,
    version: String,
    origin: Option<Origin>,
) -> Result<Opened, RunFolderError> {
    let folder = RunFolder::create(home, run, plan)?;
    let journal = JournalWriter::create(&folder)?;
    let first = EventKind::RunStarted(RunStarted {
        run: run.to_string(),
        cluster: plan.cluster.clone(),
        recipe: plan.recipe.clone(),
        release: plan.release.clone(),
        flow: plan.flow.clone(),
        hosts: plan.hosts.len(),
        tasks: plan.tasks.len(),
        version,
        origin,
    });
    Ok(Opened {
        folder,
        journal,
        first,
        state: None,
    })
}

fn go_on(
    home: &Path,
    run: &RunId,
    plan: &Plan,
    version: String,
    origin: Option<Origin>,
    resume: &Resume,
) -> Result<Opened, RunFolderError> {
    let folder = RunFolder::open(home, run)?;
    let state = RunState::of(&resume.journal.events);
    let number = state.plan.saturating_add(1);
    // Nothing is written to a journal that is not the one that was read.
    let journal = JournalWriter::go_on(&folder, &resume.journal)?;
    folder.add_plan(number, plan)?;
    let first = EventKind::RunResumed(RunResumed {
        plan: number,
        hosts: plan.hosts.len(),
        tasks: plan.tasks.len(),
        again: resume.resumption.again(),
        forgotten: resume.resumption.forgotten.clone(),
        version,
        origin,
    });
    Ok(Opened {
        folder,
        journal,
        first,
        state: Some(state),
    })
}

/// Logs of this machine that lack bytes, by host: this machine may have lost its power before they were
/// on its disk. The hosts have them as long as the run is not done.
fn short_logs(
    plan: &PreparedPlan,
    folder: &RunFolder,
    journal: Option<&Journal>,
) -> Table<HostIx, Vec<(TaskId, u32)>> {
    let mut jobs = HashSet::new();
    let mut short = Table::of_hosts(plan, |_| Vec::new());
    for event in journal.into_iter().flat_map(|journal| &journal.events) {
        match &event.kind {
            EventKind::TaskStarted {
                task,
                attempt,
                job: Some(_),
            } => {
                jobs.insert((task, *attempt));
            }
            EventKind::TaskEnded { task, attempt, end } if jobs.contains(&(task, *attempt)) => {
                let path = folder.attempt_log_path(task, *attempt);
                let has = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
                let may_run = end.failure.as_ref().is_some_and(|failure| failure.may_run);
                // A host that the plan has no more keeps what it has.
                if let Some(host) = plan.host_ix(&task.host)
                    && has < end.log_bytes
                    && !may_run
                {
                    short[host].push((task.clone(), *attempt));
                }
            }
            _ => {}
        }
    }
    short
}

/// What is known of each host from before: all that it told, and on top what the tasks that stay done told.
fn known_facts(
    plan: &PreparedPlan,
    state: Option<&RunState>,
    resumption: &Resumption,
) -> Table<HostIx, Facts> {
    Table::of_hosts(plan, |host| {
        let name = &plan.host(host).name;
        let known = state.and_then(|state| state.hosts.get(name));
        let mut facts = known.map(|known| known.facts.clone()).unwrap_or_default();
        facts.extend(resumption.told.get(name).cloned().unwrap_or_default());
        facts
    })
}

/// Who we are to the hosts.
fn holder_words(holder: Holder, run: &RunId) -> HolderWords {
    HolderWords {
        // Where nobody can say whether we live, we do as long as we give signs of it.
        process: process_token::own().unwrap_or_else(|| format!("{run}.{}", holder.pid)),
        beats: 0,
        stance: Stance::Taking,
        rank: process_token::rank(),
        run: holder.run,
        owner: holder.owner,
        machine: format!("{}/{}", holder.machine, holder.pid),
        since: holder.since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        // Each host has its own.
        host: String::new(),
    }
}

/// What executors are started with.
struct Start {
    shared: Arc<Shared>,
    reports: mpsc::Sender<Report>,
    known: Table<HostIx, Facts>,
    short: Table<HostIx, Vec<(TaskId, u32)>>,
    /// What the tasks that stay done have told.
    told: BTreeMap<HostName, Facts>,
    had_jobs: bool,
}

impl Start {
    /// Starts one for each host; its line leads to it.
    fn all(mut self, executors: &mut JoinSet<()>) -> Table<HostIx, HostLine> {
        let plan = Arc::clone(self.shared.plan());
        Table::of_hosts(&plan, |host| {
            let (orders, ordered) = mpsc::unbounded_channel();
            let (stop, cancel) = watch::channel(None);
            let context = HostContext {
                host,
                reports: self.reports.clone(),
                cancel,
                facts: std::mem::take(&mut self.known[host]),
                told: self.told.remove(&plan.host(host).name).unwrap_or_default(),
                has_tasks: !plan.tasks_of_host(host).is_empty(),
                had_jobs: self.had_jobs,
                short: std::mem::take(&mut self.short[host]),
            };
            executors.spawn(Executor::new(&self.shared, context).work(ordered));
            HostLine { orders, stop }
        })
    }
}

/// Carries out a plan.
///
/// `told` is told what happened, after it is on disk; it may lag behind or be dropped. `cancel`
/// says how urgently the operator wants to stop, `controls` what else he wants.
///
/// # Errors
/// Only where this machine fails: see [`EngineError`]. What fails on hosts is in the outcome.
pub async fn run(
    request: RunRequest,
    told: mpsc::Sender<Told>,
    cancel: watch::Receiver<Option<CancelLevel>>,
    controls: mpsc::Receiver<ControlCall>,
) -> Result<RunOutcome, EngineError> {
    let RunRequest {
        plan,
        run,
        home,
        secrets,
        transport,
        parallel,
        output,
        version,
        resume,
        opened,
        hold_as,
        origin,
    } = request;
    let holder = hold_as.map(|holder| holder_words(holder, &run));
    let Opened {
        folder,
        journal,
        first,
        state,
    } = match &resume {
        None => begin(&home, &run, &plan, version, origin)?,
        Some(resume) => go_on(&home, &run, &plan, version, origin, resume)?,
    };
    if let Some(opened) = opened {
        // Nobody need listen.
        let _ = opened.send(folder.path().to_owned());
    }
    let short = short_logs(
        &plan,
        &folder,
        resume.as_ref().map(|resume| &resume.journal),
    );
    let resumption = resume.map(|resume| resume.resumption).unwrap_or_default();
    let known = known_facts(&plan, state.as_ref(), &resumption);
    // Displays may be slow; the run never waits for them.
    let (telling, forward) = telling(output);
    let forward = tokio::spawn(forward.to(told));

    let (reports, inbox) = mpsc::channel(REPORTS);
    let (pause, paused) = watch::channel(false);
    let (begin, stance) = watch::channel(Stance::Taking);
    let holds = holder.is_some();
    let context = RunContext {
        plan: Arc::clone(&plan),
        run,
        folder,
        secrets,
        transport,
        parallel,
        paused,
        telling: telling.clone(),
        holder,
        stance,
    };
    let mut executors = JoinSet::new();
    let start = Start {
        shared: Shared::new(context, &known),
        reports,
        known,
        short,
        told: resumption.told.clone(),
        had_jobs: state.is_some(),
    };
    let lines = AllLines {
        hosts: start.all(&mut executors),
        paused: pause,
        stance: begin,
    };
    let schedule = match state {
        Some(state) => Schedule::going_on(plan, holds, state, &resumption),
        None => Schedule::new(plan, holds),
    };
    let wishes = Wishes { cancel, controls };
    let outcome = Dispatcher::new(schedule, journal, telling, lines)
        .run(first, inbox, wishes)
        .await
        .map_err(EngineError::Journal);
    executors.shutdown().await;
    // What displays were not told yet they are told now, unless they are gone or hang.
    let _ = timeout(TELL_WITHIN, forward).await;
    outcome
}
