//! `phalanx check`, `install` and `verify`: one flow, carried out.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, mpsc as thread_mpsc};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use phalanx_engine::{
    ClusterLock, EngineError, Holder, LockError, Resume, RunFolder, RunId, RunRequest, Told,
};
use phalanx_events::{CancelLevel, Event, RunOutcome};
use phalanx_plan::{Plan, secret_values};
use phalanx_report::count;
use phalanx_report::{LineDisplay, LineOptions, Verbosity};
use tokio::sync::{mpsc, watch};

use crate::ask;
use crate::cli::{Extent, Global, InstallArgs};
use crate::connect;
use crate::diagnostics;
use crate::environment::Environment;
use crate::exit_code::Exit;
use crate::load::{Loaded, load};
use crate::run_list;
use crate::show;
use crate::signals::Signals;
use crate::terminal::Terminal;
use crate::trouble::{Trouble, chain};

/// How many things the display may lag behind before the engine keeps them for it.
const TOLD: usize = 1_024;
/// How often the display looks at the clock.
const TICK: Duration = Duration::from_millis(250);
/// Once the operator said to leave, nothing may hold the command longer than this.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);
/// How long the display may take to show the rest.
const SHOW_WITHIN: Duration = Duration::from_secs(3);

/// Connects to every host and looks for problems.
pub(crate) fn check(
    global: &Global,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    carry_out("check", &Extent::default(), global, environment, terminal)
}

/// Brings the cluster to what the cluster file says.
pub(crate) fn install(
    global: &Global,
    args: &InstallArgs,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    carry_out("install", &args.extent, global, environment, terminal)
}

/// Proves that the cluster is healthy.
pub(crate) fn verify(
    global: &Global,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    carry_out("verify", &Extent::default(), global, environment, terminal)
}

fn carry_out(
    flow: &str,
    extent: &Extent,
    global: &Global,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    let loaded = load(global, environment)?;
    let (plan, remarks) = loaded.plan(flow, extent, global)?;
    diagnostics::show(&remarks, terminal);
    if flow == "install" && !global.yes {
        ask::go_on(&question(&plan))?;
    }
    let run = RunId::draw(Timestamp::now());
    let lock = match changes_hosts(flow) {
        true => Some(lock(&loaded, &run, environment)?),
        false => None,
    };
    let work = Work {
        loaded: &loaded,
        plan: Arc::new(plan),
        run,
        resume: None,
        lock,
    };
    carry_out_work(work, global, environment, terminal)
}

/// Whether a flow is one that only one run of a cluster may carry out at a time.
pub(crate) fn changes_hosts(flow: &str) -> bool {
    !matches!(flow, "check" | "verify")
}

/// Takes the cluster for a run.
pub(crate) fn lock(
    loaded: &Loaded,
    run: &RunId,
    environment: &Environment,
) -> Result<ClusterLock, Trouble> {
    let cluster = &loaded.cluster.name.value;
    ClusterLock::take(&loaded.home, cluster, &myself(run, environment)).map_err(|error| match error
    {
        LockError::Held(holder) => held(holder.as_ref()),
        LockError::Io { .. } => Trouble::new("run::lock", chain(&error)),
    })
}

/// Who works on a run here.
fn myself(run: &RunId, environment: &Environment) -> Holder {
    Holder {
        run: run.to_string(),
        owner: environment
            .user
            .clone()
            .unwrap_or_else(|| "somebody".to_owned()),
        machine: environment.machine.clone(),
        pid: std::process::id(),
        since: Timestamp::now(),
    }
}

fn held(holder: Option<&Holder>) -> Trouble {
    let text = match holder {
        Some(holder) => format!(
            "{} is at work on this cluster, with run {}, since {} (process {} on {})",
            holder.owner,
            holder.run,
            holder
                .since
                .to_zoned(TimeZone::system())
                .strftime("%Y-%m-%d %H:%M:%S"),
            holder.pid,
            holder.machine,
        ),
        None => "somebody else is at work on this cluster".to_owned(),
    };
    Trouble::new("run::held", text)
        .help("wait for that run to end; `phalanx runs` and `phalanx show` tell how far it is")
        .exit(Exit::Locked)
}

/// What is to be done.
pub(crate) struct Work<'a> {
    pub(crate) loaded: &'a Loaded,
    pub(crate) plan: Arc<Plan>,
    pub(crate) run: RunId,
    /// What is left of the run, where it is gone on with.
    pub(crate) resume: Option<Resume>,
    /// Held until it is done.
    pub(crate) lock: Option<ClusterLock>,
}

/// Carries out a plan, or the rest of it.
pub(crate) fn carry_out_work(
    work: Work<'_>,
    global: &Global,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    let Work {
        loaded,
        plan,
        run,
        resume,
        lock,
    } = work;
    let line = loaded.recipe.settings_for(plan.release.as_deref());
    let request = RunRequest {
        plan: Arc::clone(&plan),
        run: run.clone(),
        home: loaded.home.clone(),
        secrets: secret_values(&loaded.cluster, line),
        transport: Arc::new(connect::transport(&plan, environment)),
        parallel: global.parallel.0.get(),
        output: global.verbose,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        resume,
        hold_as: lock.is_some().then(|| myself(&run, environment)),
    };
    // One thread for everything but the display: that is the cheapest for each host, and enough to
    // fill a network. More threads mostly wake each other.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Trouble::because("command::runtime", "the program could not start", &error)
        })?;
    let ended = runtime.block_on(drive(request, &plan, global, terminal));
    // Whatever hangs on a host that does not answer is not waited for.
    runtime.shutdown_background();
    drop(lock);
    let outcome = ended?;
    let folder = run_list::open(&loaded.home, &run)?;
    let report = report(global, &folder, &plan)?;
    show::print(global, terminal, &report, show::Said::Everything)?;
    Ok(outcome.into())
}

fn question(plan: &Plan) -> String {
    let release = plan.release.as_ref().map(|release| format!(" {release}"));
    let stages: BTreeSet<_> = plan.tasks.iter().map(|task| &task.id.stage).collect();
    format!(
        "{} {}{} on {} of {}, in {} ({})?",
        plan.flow,
        plan.recipe,
        release.unwrap_or_default(),
        count(plan.hosts.len(), "host"),
        plan.cluster,
        count(stages.len(), "stage"),
        count(plan.tasks.len(), "task"),
    )
}

fn report(
    global: &Global,
    folder: &RunFolder,
    plan: &Plan,
) -> Result<phalanx_report::RunReport, Trouble> {
    let journal = folder
        .journal()
        .map_err(|error| run_list::unreadable(&error))?;
    Ok(show::report(global, folder, plan, &journal.events))
}

/// Runs the engine, the display and the signals side by side.
async fn drive(
    request: RunRequest,
    plan: &Arc<Plan>,
    global: &Global,
    terminal: &Terminal,
) -> Result<RunOutcome, Trouble> {
    let signals = Signals::new().map_err(|error| {
        Trouble::because("run::signals", "signals can't be listened for", &error)
    })?;
    let (tell, told) = mpsc::channel(TOLD);
    let (cancel, cancelled) = watch::channel(None);
    let (_control, controls) = mpsc::channel(1);
    let past = request
        .resume
        .as_ref()
        .map(|resume| resume.journal.events.clone());
    let display = display(plan, global, terminal, past.unwrap_or_default(), told);
    let engine = Box::pin(phalanx_engine::run(
        request,
        tell,
        cancelled.clone(),
        controls,
    ));
    let ended = tokio::select! {
        ended = engine => ended.map_err(|error| engine_trouble(&error)),
        never = signals.obey(&cancel, terminal) => match never {},
        () = left(cancelled) => Ok(RunOutcome::Interrupted),
    };
    // The display has been told everything, or nobody will tell it any more.
    display.finish();
    ended
}

/// Returns when the operator wanted to leave and that took too long.
async fn left(mut cancel: watch::Receiver<Option<CancelLevel>>) {
    let leaving = cancel
        .wait_for(|level| *level == Some(CancelLevel::Leave))
        .await
        .is_ok();
    if leaving {
        tokio::time::sleep(LEAVE_WITHIN).await;
    } else {
        std::future::pending::<()>().await;
    }
}

fn engine_trouble(error: &EngineError) -> Trouble {
    let exit = match error {
        EngineError::Folder(_) => Exit::BadInput,
        EngineError::Journal(_) => Exit::Interrupted,
    };
    Trouble::new("run::storage", chain(error)).exit(exit)
}

/// The display's thread.
struct Display {
    /// Closed when the thread has ended.
    ended: thread_mpsc::Receiver<()>,
}

impl Display {
    /// Waits until everything is shown, but not for a terminal that takes nothing.
    fn finish(self) {
        // Nothing is ever sent: this returns when the thread is gone, or time is up.
        let _ = self.ended.recv_timeout(SHOW_WITHIN);
    }
}

/// Starts the display in a thread of its own: a terminal that does not take its text holds nothing
/// up.
fn display(
    plan: &Arc<Plan>,
    global: &Global,
    terminal: &Terminal,
    past: Vec<Event>,
    told: mpsc::Receiver<Told>,
) -> Display {
    let options = LineOptions {
        verbosity: match (global.quiet, global.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        },
        width: terminal.is_terminal.then_some(terminal.width),
        charset: terminal.charset,
    };
    // With --json, standard output is the document's alone.
    let out: Box<dyn Write + Send> = if global.json {
        Box::new(anstream::stderr())
    } else {
        Box::new(anstream::stdout())
    };
    let mut lines = LineDisplay::new(Arc::clone(plan), out, options);
    lines.catch_up(&past);
    let (alive, ended) = thread_mpsc::channel();
    // A display that cannot be started, or breaks, harms nothing but itself.
    let _ = thread::Builder::new()
        .name("display".into())
        .spawn(move || {
            let _alive: thread_mpsc::Sender<()> = alive;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build();
            if let Ok(runtime) = runtime {
                runtime.block_on(show_lines(lines, told));
            }
        });
    Display { ended }
}

async fn show_lines<W: Write>(mut lines: LineDisplay<W>, mut told: mpsc::Receiver<Told>) {
    let mut started: Option<Instant> = None;
    loop {
        let shown = match tokio::time::timeout(TICK, told.recv()).await {
            Ok(Some(Told::Event(event))) => {
                let begun = Instant::now().checked_sub(Duration::from_millis(event.ms));
                started = started.or(begun);
                lines.event(&event)
            }
            Ok(Some(Told::Output { task, bytes })) => lines.output(&task, &bytes),
            Ok(None) => return,
            Err(_) => match started {
                Some(started) => {
                    let now = started.elapsed().as_millis();
                    lines.heartbeat(u64::try_from(now).unwrap_or(u64::MAX))
                }
                None => Ok(()),
            },
        };
        if gone(shown) {
            return;
        }
    }
}

/// Whether nobody reads any more. Anything else (a terminal that is busy) may pass.
fn gone(shown: io::Result<()>) -> bool {
    shown.is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
