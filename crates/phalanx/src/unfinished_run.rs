//! Which run of a cluster can be gone on with.

use phalanx_engine::{RunFolder, RunFolderError, RunId};
use phalanx_events::{RunOutcome, RunState};
use phalanx_plan::Changes;

use crate::cli::Global;
use crate::environment::Environment;
use crate::load::Loaded;
use crate::run_list;
use crate::run_place::Place;
use crate::terminal::Terminal;
use crate::trouble::{Trouble, chain};

/// The run that is meant: the one named, or else the newest of this cluster and place that is not finished. One that
/// is newer and cannot be read is never passed over: nobody knows what it has done.
pub(crate) fn find(
    loaded: &Loaded,
    wanted: Option<&str>,
    global: &Global,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<RunFolder, Trouble> {
    if wanted.is_some() {
        return run_list::find(&loaded.home, wanted);
    }
    let cluster = &loaded.cluster.name.value;
    let mut found: Option<RunFolder> = None;
    let mut others: Vec<RunId> = Vec::new();
    let mut empty: Option<RunId> = None;
    let mut elsewhere: Option<(RunId, Place)> = None;
    for run in run_list::list(&loaded.home)? {
        let folder = run_list::open(&loaded.home, &run)?;
        let state = match of_cluster(&folder, cluster) {
            Ok(Some((state, None))) => state,
            Ok(Some((state, Some(place)))) => {
                if is_unfinished(&state) {
                    elsewhere.get_or_insert((run, place));
                }
                continue;
            }
            Ok(None) => continue,
            // It is older than the one that was found.
            Err(_) if found.is_some() => break,
            // Nobody was contacted by it: the one before it is looked for.
            Err(_) if folder.never_began() => {
                empty.get_or_insert(run);
                continue;
            }
            Err(error) => return Err(passed_over(&folder, &error)),
        };
        if is_unfinished(&state) {
            match found {
                None => found = Some(folder),
                Some(_) => others.push(run),
            }
        } else if state.ended == Some(RunOutcome::Done) {
            // What came before it was finished by it; not by one that came to nothing.
            break;
        }
    }
    // It is said, not passed over: whoever knows better can tell.
    if let Some(empty) = &empty {
        return Err(never_began(empty, found.as_ref().map(RunFolder::id)));
    }
    let found = found.ok_or_else(|| {
        let text = format!("no run of {cluster} is unfinished");
        let nothing = Trouble::new("resume::nothing", text);
        match &elsewhere {
            Some((run, place)) => nothing.help(format!(
                "the run {run} is, and was carried out {place}: {}",
                place.go_on(run, loaded, global, environment)
            )),
            None => nothing.help("`phalanx runs` lists all; `phalanx install` begins a new one"),
        }
    })?;
    if let Some(other) = others.first() {
        let more = match others.len() {
            1 => String::new(),
            runs => format!(" and {} more are", runs - 1),
        };
        let are = if more.is_empty() { " is" } else { &more };
        terminal.remark(&format!(
            "the run {} is gone on with, the newest; {other}{are} unfinished as well",
            found.id(),
        ));
    }
    Ok(found)
}

/// What to say before a new run begins where the newest of the cluster could be gone on with.
pub(crate) fn in_the_way(loaded: &Loaded) -> Option<String> {
    let cluster = &loaded.cluster.name.value;
    for run in run_list::list(&loaded.home).ok()? {
        let folder = run_list::open(&loaded.home, &run).ok()?;
        let Some((state, None)) = of_cluster(&folder, cluster).ok()? else {
            continue;
        };
        // Whoever works on it right now is told of by the lock.
        if !is_unfinished(&state) || folder.is_running() {
            return None;
        }
        let how = match state.ended {
            None => "was cut short",
            Some(RunOutcome::Failed) => "failed",
            Some(_) => "was interrupted",
        };
        return Some(format!(
            "the run {run} of {cluster} {how}: `phalanx resume` goes on with it, and this begins a new one"
        ));
    }
    None
}

/// That a run has nothing to go on with, and which one before it has.
pub(crate) fn never_began(run: &RunId, before: Option<&RunId>) -> Trouble {
    let text =
        format!("the run {run} never began: its journal is empty, so no host was contacted by it");
    Trouble::new("resume::empty", text).help(match before {
        Some(before) => {
            format!("`phalanx resume {before}` goes on with the one before; `phalanx install` begins a new one")
        }
        None => "`phalanx install` begins a new one; `phalanx runs` lists those before it".to_owned(),
    })
}

/// What a run's journal says, where it is one of this cluster that changes hosts, and began; and where it was carried
/// out, where that is not here.
fn of_cluster(
    folder: &RunFolder,
    cluster: &str,
) -> Result<Option<(RunState, Option<Place>)>, RunFolderError> {
    let read = folder.number().and_then(|_| folder.journal());
    let error = match read {
        Ok(journal) => {
            let state = RunState::of(&journal.events);
            match &state.run {
                Some(run) => {
                    let is_meant = run.cluster == cluster
                        && changes(folder, &state, &run.flow) == Changes::Hosts;
                    return Ok(is_meant.then(|| (state, Place::elsewhere(&journal.events))));
                }
                // Nothing was done by a run that did not begin; or it is not said that it did.
                None => match folder.journal_to_continue() {
                    Ok(_) => return Ok(None),
                    Err(error) => error,
                },
            }
        }
        Err(error) => error,
    };
    // What it was to be about its plan may tell.
    match folder.numbered_plan(1) {
        Ok(plan) if plan.cluster != cluster || plan.changes() == Changes::Nothing => Ok(None),
        _ => Err(error),
    }
}

/// Whether a run changes hosts. Its plan says so; where that can't be read, its flow's name has to do until somebody
/// needs the plan, and is told what is wrong with it.
fn changes(folder: &RunFolder, state: &RunState, flow: &str) -> Changes {
    let plan = folder.numbered_plan(state.plan);
    plan.map_or_else(|_| Changes::unless_said(flow), |plan| plan.changes())
}

/// That a run cannot be read, and may be the one that is meant.
fn passed_over(folder: &RunFolder, error: &RunFolderError) -> Trouble {
    let text = format!(
        "the newest run that may be unfinished, {}, can't be read: {}",
        folder.id(),
        chain(error)
    );
    Trouble::new("resume::unreadable", text).help(format!(
        "mend it from a copy; or name the run to go on with, `phalanx resume RUN` (`phalanx runs` lists them); or, if \
         nothing of it is needed any more, move {} away",
        folder.path().display()
    ))
}

/// Whether there is something to go on with.
fn is_unfinished(state: &RunState) -> bool {
    match state.ended {
        None | Some(RunOutcome::Interrupted | RunOutcome::Failed) => true,
        // Where it had done something, it was a resumption that found the hosts held.
        Some(RunOutcome::Held) => state.tasks.values().any(|task| task.attempt > 0),
        Some(RunOutcome::Done | RunOutcome::ProblemsFound) => false,
    }
}
