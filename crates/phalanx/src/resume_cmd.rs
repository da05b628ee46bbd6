//! `phalanx resume`: goes on with a run that was left, cut short or failed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use phalanx_engine::{Begin, Decision, Reason, Resume, Resumption, RunFolder};
use phalanx_events::{Event, EventKind, RunOutcome, RunState};
use phalanx_plan::sentence::{count, few};
use phalanx_plan::{Changes, PreparedPlan};
use phalanx_report::terminal_text::harmless;

use crate::ask;
use crate::cli::{Extent, Global, ResumeArgs};
use crate::cluster_source;
use crate::diagnostics;
use crate::environment::Environment;
use crate::exit_code::Exit;
use crate::load::{Loaded, load};
use crate::run_cmd::{self, Work};
use crate::run_list;
use crate::run_place::{self, Place};
use crate::terminal::Terminal;
use crate::trouble::Trouble;
use crate::unfinished_run;

/// Goes on with a run.
pub(crate) fn resume(
    global: &Global,
    args: &ResumeArgs,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    if !global.on.is_empty() {
        let text = "a run is gone on with on all of its hosts";
        return Err(Trouble::new("resume::on", text)
            .help("leave `--on` away; a host that is not to take part any more is taken out of the cluster file"));
    }
    let loaded = load(global, environment)?;
    if !args.explain {
        run_cmd::check_home(&loaded, environment)?;
    }
    let folder = unfinished_run::find(&loaded, args.run.as_deref(), global, environment, terminal)?;
    // Before the journal is read: whoever works on the run still writes it.
    let lock = match args.explain {
        true => None,
        false => {
            let checked = folder.check(environment.became_root);
            checked.map_err(|error| run_list::unreadable(&error))?;
            Some(run_cmd::lock(&loaded, folder.id(), environment)?)
        }
    };
    // All that is read back is read here, to its end, before anything is written or anybody is asked.
    let journal = match folder.journal_to_continue() {
        Err(_) if folder.never_began() => {
            return Err(unfinished_run::never_began(folder.id(), None));
        }
        journal => journal.map_err(|error| run_list::unreadable(&error))?,
    };
    let state = RunState::of(&journal.events);
    let before = plans(&folder, &state)?;
    let Some(old) = before.get(&state.plan) else {
        let text = format!(
            "the run {} was not begun: there is nothing to go on with",
            folder.id()
        );
        return Err(Trouble::new("resume::empty", text));
    };
    may_go_on(&loaded, &folder, &state, old)?;
    if let Some(place) = Place::elsewhere(&journal.events) {
        return Err(run_place::other_lab(
            folder.id(),
            &place,
            &loaded,
            global,
            environment,
        ));
    }
    if let Some(version) = other_version(&journal.events) {
        let ours = env!("CARGO_PKG_VERSION");
        terminal.remark(&format!(
            "phalanx {version} has worked on the run {} before; this is phalanx {ours}",
            folder.id()
        ));
    }
    let (plan, remarks) = plan_again(&loaded, &folder, old, global)?;
    diagnostics::show(&remarks, terminal);
    let resumption = Resumption::of(&plan, &before, &state);
    same_spools(&plan, old, &resumption)?;
    if args.explain {
        // Its words come from files that somebody else may have written.
        for line in explanation(&folder, &resumption).lines() {
            terminal.print(&format!("{}\n", harmless(line)));
        }
        return Ok(Exit::Done);
    }
    if resumption.remaining() == 0 && state.ended == Some(RunOutcome::Done) {
        terminal.remark(&format!("nothing remains of the run {}", folder.id()));
        return Ok(Exit::Done);
    }
    // What it has begun may have changed hosts, whatever the recipe says of the flow by now.
    let changes_hosts = [old.changes(), plan.changes()].contains(&Changes::Hosts);
    if changes_hosts && !global.yes {
        let file = &loaded.origin.cluster_file;
        ask::go_on(&question(&folder, &plan, &resumption, file))?;
    }
    let run = folder.id().clone();
    let resume = Resume {
        journal,
        resumption,
    };
    let work = Work {
        loaded: &loaded,
        plan: Arc::new(plan),
        run,
        resume: Some(resume),
        lock,
    };
    run_cmd::carry_out_work(work, global, environment, terminal)
}

/// The version that worked on the run last, where it is another one.
fn other_version(events: &[Event]) -> Option<String> {
    let mut versions = events.iter().rev().filter_map(|event| match &event.kind {
        EventKind::RunStarted(run) => Some(&run.version),
        EventKind::RunResumed(resumed) => Some(&resumed.version),
        _ => None,
    });
    let last = versions.next()?;
    (last != env!("CARGO_PKG_VERSION")).then(|| harmless(last))
}

/// Every plan that the run had, by number.
fn plans(
    folder: &RunFolder,
    state: &RunState,
) -> Result<BTreeMap<u32, Arc<PreparedPlan>>, Trouble> {
    (1..=state.plan)
        .map(|number| {
            let plan = folder.numbered_plan(number);
            let plan = plan.map_err(|error| run_list::unreadable(&error))?;
            Ok((number, Arc::new(PreparedPlan::new(plan))))
        })
        .collect()
}

fn may_go_on(
    loaded: &Loaded,
    folder: &RunFolder,
    state: &RunState,
    old: &PreparedPlan,
) -> Result<(), Trouble> {
    let cluster = &loaded.cluster.name.value;
    if old.cluster != *cluster || old.recipe != loaded.recipe.name {
        let text = format!(
            "the run {} is of {} by {}, and the cluster file is of {cluster} by {}",
            folder.id(),
            old.cluster,
            old.recipe,
            loaded.recipe.name
        );
        return Err(Trouble::new("resume::other-cluster", text)
            .help("name its cluster file with `-c FILE`"));
    }
    if state.ended == Some(RunOutcome::Done) {
        let text = format!("the run {} is done: nothing remains of it", folder.id());
        return Err(Trouble::new("resume::done", text)
            .help("`phalanx install` brings the cluster to what the cluster file says by now"));
    }
    Ok(())
}

/// The plan of the same flow, as far, and as strict as before, by what the cluster file says now.
/// What is known of hosts that it leaves out is what the run knew itself, and only else what other runs know.
fn plan_again(
    loaded: &Loaded,
    folder: &RunFolder,
    old: &PreparedPlan,
    global: &Global,
) -> Result<(PreparedPlan, phalanx_plan::Problems), Trouble> {
    let flow = loaded.recipe.flow(&old.flow);
    let last = old.stages.last().map(|stage| stage.id.clone());
    let whole = flow
        .and_then(|flow| flow.stages.last())
        .is_none_or(|stage| Some(&stage.id.value) == last.as_ref());
    let known = flow.is_some_and(|flow| {
        let mut stages = flow.stages.iter();
        stages.any(|stage| Some(&stage.id.value) == last.as_ref())
    });
    let extent = Extent {
        to: last
            .filter(|_| !whole && known)
            .map(|stage| stage.to_string()),
        lockstep: old.lockstep,
        repair: old.repair,
        manual_reboot: old.manual_reboot,
    };
    let mut global = global.clone();
    // A host that was named and is no more in the file is simply gone.
    let there = |on: &&String| {
        let hosts = &loaded.cluster.hosts;
        let is_old_host = old
            .roster
            .iter()
            .any(|host| host.name.as_str() == on.as_str());
        !is_old_host
            || hosts
                .iter()
                .any(|host| host.name.value.as_str() == on.as_str())
    };
    global.on = old.on.iter().filter(there).cloned().collect();
    global.accept.extend(old.accept.iter().cloned());
    loaded.plan_by(&old.flow, &extent, &global, Some(folder))
}

/// What was begun on a host lies in its spool: with another one, nobody would find it.
fn same_spools(
    plan: &PreparedPlan,
    old: &PreparedPlan,
    resumption: &Resumption,
) -> Result<(), Trouble> {
    for decision in &resumption.decisions {
        let host = &decision.task.host;
        let (Some(Begin::Attach { .. }), Some(now), Some(before)) =
            (&decision.begin, plan.host_named(host), old.host_named(host))
        else {
            continue;
        };
        if now.ssh.spool != before.ssh.spool || now.ssh.jobs != before.ssh.jobs {
            let text = format!(
                "{} was begun on {host} with the spool {}, and the cluster file names another one now",
                decision.task.stage, before.ssh.spool
            );
            return Err(Trouble::new("resume::spool", text)
                .help("write the `spool` and `jobs` of before, until the run is done"));
        }
    }
    Ok(())
}

fn question(
    folder: &RunFolder,
    plan: &PreparedPlan,
    resumption: &Resumption,
    file: &str,
) -> String {
    let forgotten = match resumption.forgotten.len() {
        0 => String::new(),
        tasks => format!(", and {} are forgotten", count(tasks, "task")),
    };
    format!(
        "go on with {} of {} on {} (run {}), as {} says: {} of {} remain{forgotten}?",
        plan.flow,
        plan.recipe,
        plan.cluster,
        folder.id(),
        harmless(&cluster_source::from_here(file)),
        resumption.remaining(),
        count(plan.tasks.len(), "task"),
    )
}

/// What becomes of each task, and why: those that share both are one line.
fn explanation(folder: &RunFolder, resumption: &Resumption) -> String {
    let mut text = format!(
        "run {}: {} of {} remain\n",
        folder.id(),
        resumption.remaining(),
        count(resumption.decisions.len(), "task"),
    );
    let mut folded: Vec<(String, String, Vec<&str>)> = Vec::new();
    for decision in &resumption.decisions {
        let (stage, host) = (decision.task.stage.to_string(), decision.task.host.as_str());
        let why = why(decision);
        match folded.iter_mut().find(|(s, w, _)| *s == stage && *w == why) {
            Some((_, _, hosts)) => hosts.push(host),
            None => folded.push((stage, why, vec![host])),
        }
    }
    let width = folded
        .iter()
        .map(|(stage, ..)| stage.len())
        .max()
        .unwrap_or(0);
    for (stage, why, hosts) in folded {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {stage:width$}  {why}: {}", few(hosts, 4));
    }
    for task in &resumption.forgotten {
        let _ = writeln!(
            text,
            "  {:width$}  forgotten, for the cluster file has no such host or stage any more: {}",
            task.stage.to_string(),
            task.host
        );
    }
    text
}

fn why(decision: &Decision) -> String {
    let anew = |changed: &[String]| format!("another one now: {}", changed.join(", "));
    match (&decision.reason, &decision.begin) {
        (Reason::Done, _) => "stays done".to_owned(),
        (Reason::Skipped, _) => "stays skipped, as the operator wanted".to_owned(),
        (Reason::NotBegun, _) => "begins: it was not begun".to_owned(),
        (Reason::Changed(changed), _) => format!("again, though it was done; {}", anew(changed)),
        (Reason::Failed, _) => "again: it failed or was stopped".to_owned(),
        (Reason::Rebooting, _) => {
            "goes on: the host was asked to reboot, and its boot tells whether it did".to_owned()
        }
        (Reason::UnderWayChanged(changed), _) => {
            format!(
                "what runs there is followed to its end, then again; {}",
                anew(changed)
            )
        }
        (Reason::UnderWay, Some(Begin::Attach { accepted: true, .. })) => {
            "attached to: its job was on the host".to_owned()
        }
        (Reason::UnderWay, Some(Begin::Attach { .. })) => {
            "attached to where the host has its job, else begun".to_owned()
        }
        (Reason::UnderWay, _) => "again: it was under way, and no job".to_owned(),
    }
}
