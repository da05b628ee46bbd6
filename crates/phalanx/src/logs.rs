//! `phalanx logs`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use phalanx_engine::{RunFolder, RunId, plain_file};
use phalanx_events::EventKind;
use phalanx_plan::{HostName, Plan, TaskId, did_you_mean};
use phalanx_report::terminal_text::{self, harmless};
use serde::Serialize;

use crate::cli::{Global, LogsArgs};
use crate::cluster_source;
use crate::exit_code::Exit;
use crate::logs_follow::{self, Lines, Seen};
use crate::run_list;
use crate::terminal::Terminal;
use crate::trouble::Trouble;
use crate::when::When;

/// A line of a log that is longer than this is shown in parts.
const LONGEST_LINE: u64 = 64 * 1024;

#[derive(Serialize)]
struct LogsDocument {
    format: u32,
    run: String,
    logs: Vec<Log>,
}

/// One attempt's log.
#[derive(Serialize)]
struct Log {
    host: String,
    stage: String,
    attempt: u32,
    bytes: u64,
    path: PathBuf,
    #[serde(skip)]
    written: Option<Timestamp>,
}

/// Which logs are meant.
struct Wanted {
    folder: RunFolder,
    plan: Plan,
    host: Option<String>,
    stage: Option<String>,
    /// The newest run, where that one wrote nothing.
    instead_of: Option<String>,
    /// The host that was named, and the run whose name begins or ends like that.
    instead_of_run: Option<(String, RunId)>,
}

/// Lists a run's logs, or shows those of a host or of one of its stages.
pub(crate) fn logs(global: &Global, args: &LogsArgs, terminal: &Terminal) -> Result<Exit, Trouble> {
    let since = args.since.map(since).transpose()?;
    let wanted = wanted(&cluster_source::home(global), &args.what)?;
    if let Some((host, run)) = &wanted.instead_of_run {
        terminal.remark(&format!(
            "{host} is taken for the host; for the run whose name begins or ends so, write {run}"
        ));
    }
    let logs = logs_of(&wanted);
    if global.json {
        terminal.print_json(&LogsDocument {
            format: phalanx_report::data::FORMAT,
            run: wanted.folder.id().to_string(),
            logs,
        })?;
        return Ok(Exit::Done);
    }
    let run = format!(
        "run {} ({})",
        wanted.folder.id(),
        harmless(&wanted.plan.flow)
    );
    let awaited = args.follow && wanted.folder.is_running();
    if logs.is_empty() && !awaited {
        terminal.remark(&nothing(&wanted, &run));
        return Ok(Exit::Done);
    }
    // Standard output is the logs' alone.
    if let Some(newest) = &wanted.instead_of {
        terminal.remark(&format!("the newest run, {newest}, wrote nothing; this is"));
    }
    terminal.remark(&run);
    if args.follow || args.timestamps || args.grep.is_some() || args.since.is_some() {
        return follow(&wanted, args, since);
    }
    if wanted.host.is_none() {
        list(&logs, terminal);
    } else {
        for log in &logs {
            if logs.len() > 1 {
                terminal.print(&format!(
                    "==> {} {} (attempt {})\n",
                    log.host, log.stage, log.attempt
                ));
            }
            show(&log.path, terminal)?;
        }
    }
    Ok(Exit::Done)
}

/// Which moment `--since` means.
fn since(when: When) -> Result<Timestamp, Trouble> {
    when.before(&Zoned::now()).ok_or_else(|| {
        let message = "`--since` names a moment that has not come yet";
        Trouble::new("command::since", message)
            .help("name one that was: `5m` for so long ago, `14:30`, `2026-11-25T14:30`")
    })
}

/// Shows lines of several logs as they come, or as they came.
fn follow(wanted: &Wanted, args: &LogsArgs, since: Option<Timestamp>) -> Result<Exit, Trouble> {
    let starts = starts(&wanted.folder);
    let logs = || {
        let logs = logs_of(wanted).into_iter().map(|log| {
            let start = starts.get(&(log.host.clone(), log.stage.clone(), log.attempt));
            Seen {
                label: format!("{} {}", log.host, log.stage),
                began: start.copied().or(log.written).unwrap_or_default(),
                path: log.path,
                bytes: log.bytes,
                written: log.written,
            }
        });
        logs.collect()
    };
    let one = wanted.host.is_some() && wanted.stage.is_some();
    let has_text = |line: &str| args.grep.as_deref().is_none_or(|text| line.contains(text));
    let goes_on = || args.follow && wanted.folder.is_running();
    let lines = Lines {
        labelled: !one,
        timed: args.timestamps.then(TimeZone::system),
        since,
        wanted: &has_text,
    };
    match logs_follow::follow(logs, goes_on, &lines) {
        // Nobody reads any more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => {
            let message = "the logs can't be read";
            Err(Trouble::because("command::log-unreadable", message, &error))
        }
        Ok(()) => Ok(Exit::Done),
    }
}

/// When each attempt began, by host, stage and number. Nothing where the journal can't be read: logs can be.
fn starts(folder: &RunFolder) -> BTreeMap<(String, String, u32), Timestamp> {
    let journal = folder.journal().ok();
    let events = journal.into_iter().flat_map(|journal| journal.events);
    let starts = events.filter_map(|event| match event.kind {
        EventKind::TaskStarted { task, attempt, .. } => {
            let what = (task.host.to_string(), task.stage.to_string(), attempt);
            Some((what, event.at))
        }
        _ => None,
    });
    starts.collect()
}

/// Why there is nothing to read.
fn nothing(wanted: &Wanted, run: &str) -> String {
    let (Some(host), Some(stage)) = (&wanted.host, &wanted.stage) else {
        return format!("{run} wrote no output");
    };
    let takes_part = wanted
        .plan
        .tasks
        .iter()
        .any(|task| task.id.stage.as_str() == stage && task.id.host.as_str() == host);
    if takes_part {
        format!("{stage} wrote no output on {host} in {run}")
    } else {
        format!("{stage} is not for {host} in {run}")
    }
}

/// The first word may be a run; else it is a host, and the run is the newest that has logs of what is
/// asked for: a `verify` that went well has none.
fn wanted(home: &Path, what: &[String]) -> Result<Wanted, Trouble> {
    let runs = run_list::list(home)?;
    let fitting = |word: &str| {
        let mut runs = runs.iter();
        runs.find(|run| run.as_str().starts_with(word) || run.as_str().ends_with(word))
    };
    let mut instead_of_run = None;
    if let Some((first, rest)) = what.split_first() {
        let fitting = fitting(first);
        if what.len() < 3
            && let Some(run) = fitting
            && run.as_str() != first
            && is_host(home, &runs, what)
        {
            instead_of_run = Some((first.clone(), run.clone()));
        } else if what.len() == 3 || fitting.is_some() {
            return of_run(run_list::find(home, Some(first))?, rest);
        }
    }
    let found = of_newest(home, &runs, what)?;
    Ok(Wanted {
        instead_of_run,
        ..found
    })
}

/// Whether the first word, which may be a part of a run's name, is a host nevertheless: of the newest run, and with
/// no other host behind it.
fn is_host(home: &Path, runs: &[RunId], what: &[String]) -> bool {
    let newest = runs.first().and_then(|run| run_list::open(home, run).ok());
    let Some(plan) = newest.and_then(|newest| newest.plan().ok()) else {
        return false;
    };
    let is_host = |word: &String| plan.hosts.iter().any(|host| host.name.as_str() == word);
    what.first().is_some_and(is_host) && !what.get(1).is_some_and(is_host)
}

/// Of the newest run that has logs of what is asked for.
fn of_newest(home: &Path, runs: &[RunId], what: &[String]) -> Result<Wanted, Trouble> {
    let newest = of_run(run_list::find(home, None)?, what);
    // One that goes on will have something to say yet.
    if newest
        .as_ref()
        .is_ok_and(|wanted| wanted.folder.is_running() || !logs_of(wanted).is_empty())
    {
        return newest;
    }
    for run in runs {
        let older = run_list::open(home, run).and_then(|folder| of_run(folder, what));
        if let Ok(older) = older
            && !logs_of(&older).is_empty()
        {
            return Ok(Wanted {
                instead_of: newest.ok().map(|newest| newest.folder.id().to_string()),
                ..older
            });
        }
    }
    newest
}

/// What is wanted of this run: all, a host's, or those of one of its stages.
fn of_run(folder: RunFolder, what: &[String]) -> Result<Wanted, Trouble> {
    let plan = folder
        .plan()
        .map_err(|error| run_list::unreadable(&error))?;
    let host = what.first().cloned();
    let stage = what.get(1).cloned();
    if let Some(host) = &host
        && !plan.hosts.iter().any(|known| known.name.as_str() == host)
    {
        return Err(no_such_host(&folder, &plan, host));
    }
    if let Some(stage) = &stage
        && !plan.stages.iter().any(|known| known.id.as_str() == stage)
    {
        return Err(Trouble::new(
            "command::no-such-stage",
            format!("run {} ({}) has no stage `{stage}`", folder.id(), plan.flow),
        )
        .help(format!("its stages: {}", stages(&plan))));
    }
    Ok(Wanted {
        folder,
        plan,
        host,
        stage,
        instead_of: None,
        instead_of_run: None,
    })
}

fn no_such_host(folder: &RunFolder, plan: &Plan, word: &str) -> Trouble {
    let trouble = Trouble::new(
        "command::no-such-host",
        format!(
            "`{word}` is neither a run nor a host of run {} ({})",
            folder.id(),
            plan.flow
        ),
    );
    if plan.stages.iter().any(|stage| stage.id.as_str() == word) {
        return trouble.help(format!(
            "`{word}` is a stage: name the host before it, as in `phalanx logs HOST {word}`"
        ));
    }
    let hosts = plan.hosts.iter().map(|host| host.name.as_str());
    match did_you_mean(word, hosts) {
        Some(close) => trouble.help(format!("did you mean `{close}`?")),
        None => trouble
            .help("`phalanx logs` lists the logs of the newest run that has some, `phalanx runs` the runs"),
    }
}

fn stages(plan: &Plan) -> String {
    let names: Vec<&str> = plan.stages.iter().map(|stage| stage.id.as_str()).collect();
    names.join(", ")
}

/// The logs there are, by host, within a host by stage.
fn logs_of(wanted: &Wanted) -> Vec<Log> {
    let mut logs = Vec::new();
    for host in &wanted.plan.hosts {
        if wanted
            .host
            .as_deref()
            .is_some_and(|wanted| wanted != host.name.as_str())
        {
            continue;
        }
        let names = names_of(&wanted.folder, &host.name);
        for stage in &wanted.plan.stages {
            if wanted
                .stage
                .as_deref()
                .is_some_and(|wanted| wanted != stage.id.as_str())
            {
                continue;
            }
            let task = TaskId {
                stage: stage.id.clone(),
                host: host.name.clone(),
            };
            for attempt in attempts_of(&names, stage.id.as_str()) {
                let path = wanted.folder.attempt_log_path(&task, attempt);
                let metadata = fs::symlink_metadata(&path).ok();
                let Some(metadata) = metadata.filter(|metadata| metadata.is_file()) else {
                    continue;
                };
                logs.push(Log {
                    host: host.name.to_string(),
                    stage: stage.id.to_string(),
                    attempt,
                    bytes: metadata.len(),
                    path,
                    written: metadata
                        .modified()
                        .ok()
                        .and_then(|at| Timestamp::try_from(at).ok()),
                });
            }
        }
    }
    logs
}

/// The names of a host's logs. A link in the place of a folder leads elsewhere, and is not followed.
fn names_of(folder: &RunFolder, host: &HostName) -> Vec<String> {
    let logs = folder.host_logs(host);
    let is_folder = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    if !logs.parent().is_some_and(is_folder) || !is_folder(&logs) {
        return Vec::new();
    }
    let entries = fs::read_dir(logs);
    let names = entries.into_iter().flatten().flatten();
    names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// The attempts of a stage that have a log: resumptions and late hosts make more of them than the recipe's
/// retries.
fn attempts_of(names: &[String], stage: &str) -> Vec<u32> {
    let attempt = |name: &String| match name.strip_prefix(stage)?.strip_suffix(".log")? {
        "" => Some(1),
        number => number.strip_prefix('.')?.parse().ok(),
    };
    let mut attempts: Vec<u32> = names.iter().filter_map(attempt).collect();
    attempts.sort_unstable();
    attempts
}

fn list(logs: &[Log], terminal: &Terminal) {
    let width = |text: fn(&Log) -> &str| logs.iter().map(|log| text(log).len()).max().unwrap_or(0);
    let (host, stage) = (width(|log| &log.host), width(|log| &log.stage));
    for log in logs {
        terminal.print(&format!(
            "{:host$}  {:stage$}  {:>10} bytes  {}\n",
            log.host,
            log.stage,
            log.bytes,
            log.path.display()
        ));
    }
}

/// Writes a log: to a terminal line by line and made harmless, elsewhere as it is.
fn show(path: &Path, terminal: &Terminal) -> Result<(), Trouble> {
    let failed = |error: io::Error| {
        let message = format!("{} can't be read", path.display());
        Trouble::because("command::log-unreadable", &message, &error)
    };
    let mut file = BufReader::new(plain_file::open(path).map_err(failed)?);
    if !terminal.is_terminal {
        return match io::copy(&mut file, &mut io::stdout().lock()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(failed(error)),
            _ => Ok(()),
        };
    }
    let mut out = io::stdout().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = io::Read::take(&mut file, LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .map_err(failed)?;
        if read == 0 || writeln!(out, "{}", terminal_text::line(&line)).is_err() {
            return Ok(());
        }
    }
}
