//! `phalanx runs`.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use phalanx_engine::{RunFolder, RunId};
use phalanx_events::{RunOutcome, RunState};
use phalanx_plan::sentence::count;
use phalanx_report::duration::took;
use phalanx_report::terminal_text::harmless;
use serde::Serialize;

use crate::cli::Global;
use crate::cluster_source;
use crate::environment::Environment;
use crate::exit_code::Exit;
use crate::run_list;
use crate::terminal::Terminal;
use crate::trouble::{Trouble, chain};

/// Longer names push the rest of their line to the right.
const WIDEST: usize = 24;

#[derive(Serialize)]
struct RunsDocument {
    format: u32,
    runs: Vec<RunLine>,
}

#[derive(Serialize)]
struct RunLine {
    run: String,
    started_at: Option<Timestamp>,
    cluster: Option<String>,
    flow: Option<String>,
    recipe: Option<String>,
    /// The cluster file that it was made of; older programs did not say.
    cluster_file: Option<String>,
    hosts: Option<usize>,
    outcome: Option<RunOutcome>,
    took_ms: u64,
    /// Whether somebody works on it right now.
    running: bool,
    /// Why the run can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<String>,
    /// The journal's format, where it is newer than what this program knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    newer_format: Option<u32>,
}

/// Lists the runs, the newest first.
pub(crate) fn runs(
    global: &Global,
    _environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    let home = cluster_source::home(global);
    let lines: Vec<RunLine> = run_list::list(&home)?
        .iter()
        .map(|run| line(&home, run))
        .collect();
    if global.json {
        terminal.print_json(&RunsDocument {
            format: phalanx_report::data::FORMAT,
            runs: lines,
        })?;
        return Ok(Exit::Done);
    }
    if lines.is_empty() {
        terminal.remark(&format!("no runs in {} yet", home.display()));
    }
    let widths = Widths::of(&lines);
    for line in &lines {
        terminal.print(&text(line, &widths));
    }
    let strangers = strangers(&home);
    if let Some(first) = strangers.first() {
        terminal.remark(&format!(
            "{} in {} left out, which no run can be called: {}{}",
            count(strangers.len(), "folder"),
            home.join("runs").display(),
            harmless(first),
            if strangers.len() > 1 { ", ..." } else { "" },
        ));
    }
    Ok(Exit::Done)
}

/// Folders among the runs that have no run's name.
fn strangers(home: &Path) -> Vec<String> {
    let entries = fs::read_dir(home.join("runs")).into_iter().flatten();
    let folders = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut names: Vec<String> = folders
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !RunId::new(name.as_str()).is_plain())
        .collect();
    names.sort();
    names
}

fn line(home: &Path, run: &RunId) -> RunLine {
    let mut line = RunLine {
        run: run.to_string(),
        started_at: None,
        cluster: None,
        flow: None,
        recipe: None,
        cluster_file: None,
        hosts: None,
        outcome: None,
        took_ms: 0,
        running: false,
        damage: None,
        newer_format: None,
    };
    let folder = RunFolder::open(home, run);
    line.running = folder.as_ref().is_ok_and(RunFolder::is_running);
    let journal = folder.and_then(|folder| folder.journal());
    match journal {
        Ok(journal) => {
            let mut state = RunState::new();
            for event in &journal.events {
                state.apply(event);
            }
            line.started_at = journal.events.first().map(|event| event.at);
            line.outcome = state.ended;
            line.newer_format = journal.newer_format();
            line.took_ms = state.ms;
            if let Some(run) = state.run {
                line.cluster = Some(run.cluster);
                line.flow = Some(run.flow);
                line.recipe = Some(run.recipe);
                line.cluster_file = run.origin.map(|origin| origin.cluster_file);
                line.hosts = Some(run.hosts);
            }
        }
        Err(error) => line.damage = Some(chain(&error)),
    }
    line
}

/// What stands in somebody else's journal must not reach the terminal as it is.
fn name(name: &Option<String>) -> String {
    name.as_deref().map_or_else(|| "?".to_owned(), harmless)
}

/// How long the names are.
struct Widths {
    flow: usize,
    recipe: usize,
    cluster: usize,
}

impl Widths {
    fn of(lines: &[RunLine]) -> Self {
        let widest = |of: fn(&RunLine) -> &Option<String>| {
            let widths = lines.iter().map(|line| name(of(line)).chars().count());
            widths.max().unwrap_or(0).min(WIDEST)
        };
        Self {
            flow: widest(|line| &line.flow),
            recipe: widest(|line| &line.recipe),
            cluster: widest(|line| &line.cluster),
        }
    }
}

fn text(line: &RunLine, widths: &Widths) -> String {
    let started = line.started_at.map(|at| {
        let zoned = at.to_zoned(TimeZone::system());
        zoned.strftime("%Y-%m-%d %H:%M:%S").to_string()
    });
    let outcome = match (line.outcome, &line.damage) {
        (_, Some(damage)) => damage.as_str(),
        (Some(RunOutcome::Done), _) => "done",
        (Some(RunOutcome::Failed), _) => "failed",
        (Some(RunOutcome::ProblemsFound), _) => "problems found",
        (Some(RunOutcome::Interrupted), _) => "interrupted",
        (Some(RunOutcome::Held), _) => "held by another run",
        (None, _) if line.running => "running",
        (None, _) => "cut short",
    };
    let newer = line
        .newer_format
        .map(|format| format!(" (written by a newer phalanx: its journal has format {format})"));
    let file = match &line.cluster_file {
        Some(file) => format!("  {}", harmless(&cluster_source::from_here(file))),
        None => String::new(),
    };
    format!(
        "{}  {:19}  {:flow$}  {:recipe$}  {:cluster$}  {:>9}  {:>10}  {}{file}{}\n",
        line.run,
        started.unwrap_or_default(),
        name(&line.flow),
        name(&line.recipe),
        name(&line.cluster),
        line.hosts
            .map_or_else(|| "?".into(), |hosts| count(hosts, "host")),
        took(line.took_ms),
        harmless(outcome),
        newer.unwrap_or_default(),
        flow = widths.flow,
        recipe = widths.recipe,
        cluster = widths.cluster,
    )
}
