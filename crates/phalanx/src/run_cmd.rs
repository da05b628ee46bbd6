//! `phalanx check`, `install` and `verify`: one flow, carried out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use phalanx_engine::{
    ClusterLock, EngineError, Holder, LockError, Resume, RunFolder, RunId, RunRequest,
};
use phalanx_events::{CancelLevel, RunOutcome};
use phalanx_plan::sentence::count;
use phalanx_plan::{Changes, FlowCommand, PreparedPlan, secret_values};
use phalanx_report::terminal_text::harmless;
use tokio::sync::{mpsc, oneshot, watch};

use crate::ask;
use crate::cli::{Extent, Global, InstallArgs};
use crate::cluster_source;
use crate::connect;
use crate::control_socket;
use crate::diagnostics;
use crate::display::{self, Shown};
use crate::environment::Environment;
use crate::exit_code::Exit;
use crate::load::{Loaded, load};
use crate::orders::Orders;
use crate::resume_cmd;
use crate::run_list;
use crate::show;
use crate::signals::Signals;
use crate::terminal::Terminal;
use crate::trouble::{Trouble, chain};

/// How many things the display may lag behind before the engine keeps them for it.
const TOLD: usize = 1_024;
/// How many orders may wait for the engine.
const CONTROLS: usize = 16;
/// Once the operator said to leave, nothing may hold the command longer than this.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// Connects to every host and looks for problems.
pub(crate) fn check(
    global: &Global,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    carry_out(
        FlowCommand::Check,
        &Extent::default(),
        global,
        environment,
        terminal,
    )
}

/// Brings the cluster to what the cluster file says.
pub(crate) fn install(
    global: &Global,
    args: &InstallArgs,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    carry_out(
        FlowCommand::Install,
        &args.extent,
        global,
        environment,
        terminal,
    )
}

/// Proves that the cluster is healthy.
pub(crate) fn verify(
    global: &Global,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    carry_out(
        FlowCommand::Verify,
        &Extent::default(),
        global,
        environment,
        terminal,
    )
}

fn carry_out(
    command: FlowCommand,
    extent: &Extent,
    global: &Global,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    let loaded = load(global, environment)?;
    let (plan, remarks) = loaded.plan(command.name(), extent, global)?;
    let changes_hosts = plan.changes() == Changes::Hosts;
    diagnostics::show(&remarks, terminal);
    check_home(&loaded, environment)?;
    if changes_hosts && let Some(text) = resume_cmd::unfinished(&loaded) {
        terminal.remark(&cluster_source::retell(&text, global));
    }
    if changes_hosts && !global.yes {
        ask::go_on(&question(&plan, &loaded.origin.cluster_file))?;
    }
    prepare_home(&loaded, environment)?;
    let run = RunId::draw(Timestamp::now());
    let lock = match changes_hosts {
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

/// Refuses a folder of runs that others may change.
pub(crate) fn check_home(loaded: &Loaded, environment: &Environment) -> Result<(), Trouble> {
    phalanx_engine::check_home(&loaded.home, environment.became_root)
        .map_err(|error| run_list::not_ours(&error))
}

/// The same, and makes it where there is none.
fn prepare_home(loaded: &Loaded, environment: &Environment) -> Result<(), Trouble> {
    phalanx_engine::prepare_home(&loaded.home, environment.became_root)
        .map_err(|error| run_list::not_ours(&error))
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
    pub(crate) plan: Arc<PreparedPlan>,
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
        opened: None,
        hold_as: lock.is_some().then(|| myself(&run, environment)),
        origin: Some(loaded.origin.clone()),
    };
    let runtime = connect::runtime()?;
    let ended = runtime.block_on(drive(request, &plan, global, terminal));
    // Whatever hangs on a host that does not answer is not waited for.
    runtime.shutdown_background();
    drop(lock);
    let outcome = ended?;
    let folder = run_list::open(&loaded.home, &run)?;
    let report = report(global, &folder, &plan)?;
    // What a screen showed is gone with it.
    let said = match display::wants_screen(global, terminal) {
        true => show::Said::Nothing,
        false => show::Said::Everything,
    };
    show::print(global, terminal, &report, said)?;
    Ok(outcome.into())
}

fn question(plan: &PreparedPlan, file: &str) -> String {
    let release = plan.release.as_ref().map(|release| format!(" {release}"));
    let stages: BTreeSet<_> = plan.tasks.iter().map(|task| &task.id.stage).collect();
    format!(
        "{} {}{} on {} of {}, in {} ({}), as {} says?",
        plan.flow,
        plan.recipe,
        release.unwrap_or_default(),
        count(plan.hosts.len(), "host"),
        plan.cluster,
        count(stages.len(), "stage"),
        count(plan.tasks.len(), "task"),
        harmless(&cluster_source::from_here(file)),
    )
}

fn report(
    global: &Global,
    folder: &RunFolder,
    plan: &PreparedPlan,
) -> Result<phalanx_report::RunReport, Trouble> {
    let journal = folder
        .journal()
        .map_err(|error| run_list::unreadable(&error))?;
    Ok(show::report(global, folder, plan, &journal.events))
}

/// Runs the engine, the display, the controls and the signals side by side.
async fn drive(
    mut request: RunRequest,
    plan: &Arc<PreparedPlan>,
    global: &Global,
    terminal: &Terminal,
) -> Result<RunOutcome, Trouble> {
    let signals = Signals::new().map_err(|error| {
        Trouble::because("run::signals", "signals can't be listened for", &error)
    })?;
    let (tell, told) = mpsc::channel(TOLD);
    let (cancel, cancelled) = watch::channel(None);
    let (control, controls) = mpsc::channel(CONTROLS);
    let orders = Orders {
        control,
        cancel: Arc::new(cancel),
    };
    let (opened, folder) = oneshot::channel();
    request.opened = Some(opened);
    let past = request
        .resume
        .as_ref()
        .map(|resume| resume.journal.events.clone());
    let shown = Shown {
        plan: Arc::clone(plan),
        home: request.home.clone(),
        run: request.run.clone(),
        past: past.unwrap_or_default(),
    };
    let display = display::start(shown, global, terminal, orders.clone(), told);
    // What the screen shows is not said beside it as well.
    let remarks = (!display.is_screen()).then_some(terminal);
    let engine = Box::pin(phalanx_engine::run(
        request,
        tell,
        cancelled.clone(),
        controls,
    ));
    let ended = tokio::select! {
        ended = engine => ended.map_err(|error| engine_trouble(&error)),
        never = signals.obey(&orders, remarks) => match never {},
        never = control_socket::serve(folder, orders.clone()) => match never {},
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
