//! Finding runs.

use std::path::Path;

use phalanx_engine::{HomeError, RunFolder, RunFolderError, RunId};
use phalanx_events::journal;

use crate::terminal::Terminal;
use crate::trouble::{Trouble, chain};

/// The run of this name, or whose name alone begins or ends so; the newest where none is named.
pub(crate) fn find(home: &Path, wanted: Option<&str>) -> Result<RunFolder, Trouble> {
    let runs = list(home)?;
    let Some(wanted) = wanted else {
        let newest = runs.first().ok_or_else(|| no_runs(home))?;
        return open(home, newest);
    };
    if runs.is_empty() {
        return Err(no_runs(home));
    }
    if let Some(run) = runs.iter().find(|run| run.as_str() == wanted) {
        return open(home, run);
    }
    // A part is enough: the beginning, or the end, which is what people remember.
    let fits = |run: &&RunId| run.as_str().starts_with(wanted) || run.as_str().ends_with(wanted);
    let close: Vec<&RunId> = runs.iter().filter(fits).collect();
    match close.as_slice() {
        [run] => open(home, run),
        [] => Err(Trouble::new(
            "command::no-such-run",
            format!("there is no run `{wanted}` in {}", home.display()),
        )
        .help("`phalanx runs` lists them; the beginning or the end of a run's name is enough")),
        several => {
            let names: Vec<&str> = several.iter().map(|run| run.as_str()).take(5).collect();
            Err(Trouble::new(
                "command::which-run",
                format!("more than one run's name begins or ends with `{wanted}`"),
            )
            .help(format!("write more of it: {}", names.join(", "))))
        }
    }
}

/// The run that somebody works on right now: of this cluster, where it is known. Where several could be meant,
/// none is.
pub(crate) fn running(home: &Path, cluster: Option<&str>) -> Result<RunFolder, Trouble> {
    let mut running = Vec::new();
    for run in list(home)? {
        let folder = open(home, &run)?;
        if folder.is_running() {
            let plan = folder.plan().map_err(|error| unreadable(&error))?;
            running.push((folder, plan.cluster.clone()));
        }
    }
    let named = |(folder, of): &(RunFolder, String)| format!("{} of {of}", folder.id());
    let all: Vec<String> = running.iter().map(named).collect();
    running.retain(|(_, of)| cluster.is_none_or(|cluster| cluster == of));
    match (running.pop(), running.is_empty()) {
        (Some((folder, _)), true) => Ok(folder),
        (None, _) if !all.is_empty() => Err(Trouble::new(
            "command::none-runs",
            format!("nobody works on {}", cluster.unwrap_or("this cluster")),
        )
        .help(format!(
            "runs that go on here: {}; name one with `--run`",
            all.join(", ")
        ))),
        (None, _) => Err(Trouble::new(
            "command::none-runs",
            format!("nobody works on any run in {}", home.display()),
        )
        .help("`phalanx runs` lists them; `phalanx resume` takes one up again")),
        (Some(_), false) => Err(Trouble::new(
            "command::which-run",
            "several runs go on here, and it is not clear which is meant",
        )
        .help(format!("name one with `--run`: {}", all.join(", ")))),
    }
}

/// Every run, the newest first.
pub(crate) fn list(home: &Path) -> Result<Vec<RunId>, Trouble> {
    RunFolder::list(home).map_err(|error| {
        let message = format!("the runs in {} can't be listed", home.display());
        Trouble::because("command::runs", &message, &error)
    })
}

pub(crate) fn open(home: &Path, run: &RunId) -> Result<RunFolder, Trouble> {
    RunFolder::open(home, run).map_err(|error| unreadable(&error))
}

/// That a run's folder can't be read.
pub(crate) fn unreadable(error: &RunFolderError) -> Trouble {
    let trouble = Trouble::new("command::run-unreadable", chain(error));
    match error {
        RunFolderError::Home(error) => not_ours(error),
        RunFolderError::Plan { .. } | RunFolderError::OtherRun { .. } => trouble.help(MEND),
        // That one says itself what to do.
        RunFolderError::Journal {
            source: journal::JournalError::Newer { .. },
            ..
        } => trouble,
        RunFolderError::Journal { .. } => trouble.help(MEND),
        RunFolderError::Io { .. } | RunFolderError::NoSuchRun(_) => trouble,
    }
}

/// What to do about a file of a run that is damaged.
const MEND: &str = "put the file back as it was, from a copy of the run's folder; or begin a new run with \
     `phalanx install`, which finds right what was done";

/// That the folder of the runs, or one in it, is not ours alone.
pub(crate) fn not_ours(error: &HomeError) -> Trouble {
    let trouble = Trouble::new("run::not-ours", chain(error));
    match error.advice() {
        Some(advice) => trouble.help(advice),
        None => trouble,
    }
}

/// Says that a newer program has written the run's journal, where one has.
pub(crate) fn tell_newer(folder: &RunFolder, terminal: &Terminal) {
    if let Some(format) = folder.newer_format() {
        terminal.remark(&newer(folder, format));
    }
}

/// That a newer program has written the run's journal.
pub(crate) fn newer(folder: &RunFolder, format: u32) -> String {
    format!(
        "a newer phalanx has written the journal of run {} (format {format}, this one knows {}): what is not known \
         here is not shown, and only the newer phalanx can go on with the run",
        folder.id(),
        journal::FORMAT
    )
}

fn no_runs(home: &Path) -> Trouble {
    Trouble::new(
        "command::no-runs",
        format!("there are no runs in {}", home.display()),
    )
    .help("runs are kept beside their cluster file: name it with `-c FILE`")
}
