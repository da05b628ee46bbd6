//! `phalanx show`.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use phalanx_engine::{RunFolder, plain_file};
use phalanx_events::{Event, Origin};
use phalanx_lab::Lab;
use phalanx_plan::{PreparedPlan, TaskId, is_plain_name};
use phalanx_report::closing::{ClosingOptions, closing};
use phalanx_report::terminal_text::harmless;
use phalanx_report::{HtmlContext, ReportContext, RunReport, html, summarize};

use crate::cli::{Global, ShowArgs};
use crate::cluster_source;
use crate::environment::Environment;
use crate::exit_code::Exit;
use crate::inside;
use crate::private_file;
use crate::run_list;
use crate::terminal::Terminal;
use crate::trouble::Trouble;

/// Shows what came of a run.
pub(crate) fn show(
    global: &Global,
    args: &ShowArgs,
    _environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    let folder = run_list::find(&cluster_source::home(global), args.run.as_deref())?;
    let unreadable = |error| run_list::unreadable(&error);
    let journal = folder.journal().map_err(unreadable)?;
    let plan = folder.numbered_plan(journal.plan_number());
    let plan = PreparedPlan::new(plan.map_err(unreadable)?);
    run_list::tell_newer(&folder, terminal);
    let report = report(global, &folder, &plan, &journal.events);
    if let Some(path) = &args.html {
        let log = |task: &TaskId, attempt| log_end(&folder.attempt_log_path(task, attempt));
        let page = html(&plan, &journal.events, &report, &HtmlContext { log: &log });
        private_file::write(path, &page).map_err(|error| {
            let message = format!("{} could not be written", path.display());
            Trouble::because("command::html", &message, &error)
        })?;
        terminal.remark(&format!("{} tells all about the run", path.display()));
        return Ok(Exit::Done);
    }
    print(global, terminal, &report, Said::Nothing)?;
    Ok(Exit::Done)
}

/// So much of a log's end is on a page.
const LOG_END: u64 = 64 << 10;

/// The end of a log, from a line's beginning on.
fn log_end(path: &Path) -> Option<String> {
    let mut file = plain_file::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    let from = size.saturating_sub(LOG_END);
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut bytes = Vec::new();
    file.take(LOG_END).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match (from, text.split_once('\n')) {
        (0, _) | (_, None) => Some(text),
        (_, Some((_, whole))) => Some(format!("(from byte {from} on)\n{whole}")),
    }
}

/// What came of a run.
pub(crate) fn report(
    global: &Global,
    folder: &RunFolder,
    plan: &PreparedPlan,
    events: &[Event],
) -> RunReport {
    // In FOLDER/.phalanx/runs/ID; the folder of a lab's cluster file is the lab's.
    let runs = std::path::absolute(folder.path()).unwrap_or_default();
    let lab = lab_of(events).or_else(|| runs.ancestors().nth(3).and_then(Lab::name_of_folder));
    // Whoever asks from a lab's network has to come back there.
    let from = inside::lab().map(|inside| inside.lab.as_str());
    let command = cluster_source::command(global, lab.as_deref().or(from));
    let log = |task: &TaskId, attempt: u32| {
        let path = folder.attempt_log_path(task, attempt);
        // Who reads that is not in the lab's folder.
        let path = match &lab {
            Some(_) => std::path::absolute(&path).unwrap_or(path),
            None => path,
        };
        path.to_string_lossy().into_owned()
    };
    let on = plan.on.iter();
    let again: String = on
        .map(|on| format!(" --on {}", cluster_source::word(&harmless(on))))
        .collect();
    let context = ReportContext {
        running: folder.is_running(),
        newer: folder.newer_format().is_some(),
        run: folder.id().as_str(),
        command: &command,
        again: &again,
        lab: lab.as_deref(),
        log: &log,
    };
    summarize(plan, events, &context)
}

/// The lab in whose network the run was carried out last.
fn lab_of(events: &[Event]) -> Option<String> {
    // It may be somebody else's journal, and is proposed for typing.
    let lab = Origin::last_of(events)?.lab.clone();
    lab.filter(|lab| is_plain_name(lab))
}

/// What the operator has seen of the run already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nothing: it is over.
    Nothing,
    /// Everything, as it happened.
    Everything,
}

/// Writes the report as text or as data.
pub(crate) fn print(
    global: &Global,
    terminal: &Terminal,
    report: &RunReport,
    said: Said,
) -> Result<(), Trouble> {
    if global.json {
        return terminal.print_json(report);
    }
    let options = ClosingOptions {
        width: terminal.width,
        charset: terminal.charset,
        quiet: global.quiet,
        notices: matches!(said, Said::Nothing),
    };
    terminal.print(&closing(report, options));
    Ok(())
}
