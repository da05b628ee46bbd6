//! A run's report as text, to close a run with or to look at later.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use phalanx_events::{FailureKind, ReportedSeverity, RunOutcome};
use phalanx_plan::sentence::count;

use crate::data::{Counts, CriticalPath, FailureReport, HostEnd, HostReport, RunReport};
use crate::duration::took;
use crate::folding::host_list;
use crate::table::{Charset, NOTHING, left, render, right};

/// More hosts than this are not listed one by one: only those that are not fine.
const LISTED: usize = 40;
/// And of those no more than so many.
const LISTED_BAD: usize = 60;
/// So many hosts are named at one failure; the rest is counted.
const NAMED: usize = 12;

const TITLE: Style = Style::new().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// How the report is laid out.
#[derive(Clone, Copy, Debug)]
pub struct ClosingOptions {
    /// Columns.
    pub width: u16,
    /// What may be used.
    pub charset: Charset,
    /// Leaves out the tables and the critical path.
    pub quiet: bool,
    /// Lists what there is to know about hosts; a live display has said it already.
    pub notices: bool,
}

/// The report, with ANSI styles, ending in a line end.
pub fn closing(report: &RunReport, options: ClosingOptions) -> String {
    let mut text = String::new();
    if !options.quiet {
        stages(&mut text, report, options);
        hosts(&mut text, report, options);
        if let Some(path) = &report.critical_path {
            critical_path(&mut text, path, options);
        }
    }
    notices(&mut text, report, options);
    problems(&mut text, report);
    not_begun(&mut text, report);
    for failure in &report.failures {
        failure_text(&mut text, failure, options);
    }
    last_words(&mut text, report);
    text
}

// Writing to a string never fails: the results of `write!` and `writeln!` are dropped.

fn title(text: &mut String, title: &str) {
    let gap = if text.is_empty() { "" } else { "\n" };
    let _ = writeln!(text, "{gap}{TITLE}{title}{TITLE:#}");
}

fn number(number: usize) -> String {
    if number == 0 {
        NOTHING.into()
    } else {
        number.to_string()
    }
}

fn time(ms: Option<u64>) -> String {
    ms.map_or_else(|| NOTHING.into(), took)
}

fn stages(text: &mut String, report: &RunReport, options: ClosingOptions) {
    if report.stages.iter().all(|stage| stage.hosts == 0) {
        return;
    }
    title(text, "Stages");
    let Counts {
        cancelled,
        unfinished,
        ..
    } = report.total;
    let mut columns = vec![
        left("stage").whole(),
        right("hosts"),
        right("changed"),
        right("already right"),
        right("skipped"),
        right("failed"),
        right("not run"),
    ];
    if cancelled > 0 {
        columns.push(right("cancelled"));
    }
    if unfinished > 0 {
        columns.push(right("unfinished"));
    }
    columns.push(right("wall").whole());
    columns.push(left("slowest").whole());
    // A stage that no host of this run takes part in is not worth a row.
    let stages = report.stages.iter().filter(|stage| stage.hosts > 0);
    let rows = stages.map(|stage| {
        let counts = stage.counts;
        let mut row = vec![
            stage.id.to_string(),
            stage.hosts.to_string(),
            number(counts.changed),
            number(counts.already),
            number(counts.skipped),
            number(counts.failed),
            number(counts.not_run),
        ];
        if cancelled > 0 {
            row.push(number(counts.cancelled));
        }
        if unfinished > 0 {
            row.push(number(counts.unfinished));
        }
        row.push(time(stage.wall_ms));
        row.push(match &stage.slowest {
            Some(slowest) => format!("{} ({})", slowest.host, took(slowest.took_ms)),
            None => NOTHING.into(),
        });
        row
    });
    text.push_str(&render(&columns, &rows.collect::<Vec<_>>(), options.width));
}

fn hosts(text: &mut String, report: &RunReport, options: ClosingOptions) {
    let all = report.hosts.len();
    let only_bad = all > LISTED;
    let mut shown: Vec<&HostReport> = report
        .hosts
        .iter()
        .filter(|host| !only_bad || host.state != HostEnd::Done)
        .collect();
    let bad = shown.len();
    if only_bad && bad > LISTED_BAD {
        // Those that failed tell more than those that did not come to their end because of them.
        shown.sort_by_key(|host| host.state == HostEnd::Unfinished);
        shown.truncate(LISTED_BAD);
    }
    title(text, "Hosts");
    if !shown.is_empty() {
        let columns = [
            left("host"),
            left("role"),
            left("state"),
            right("changed"),
            right("already right"),
            right("skipped"),
            right("time").whole(),
        ];
        let rows = shown.iter().map(|host| {
            let state = match (host.state, &host.failed_at) {
                (HostEnd::Done, _) => "done".into(),
                (HostEnd::Missing, Some(stage)) => format!("missing since {stage}"),
                (HostEnd::Missing, None) => "missing".into(),
                (_, Some(stage)) => format!("failed at {stage}"),
                (HostEnd::Failed, None) => "failed".into(),
                (HostEnd::Unfinished, None) => "unfinished".into(),
            };
            vec![
                host.name.to_string(),
                host.role.to_string(),
                state,
                number(host.counts.changed),
                number(host.counts.already),
                number(host.counts.skipped),
                time(host.wall_ms),
            ]
        });
        text.push_str(&render(&columns, &rows.collect::<Vec<_>>(), options.width));
    }
    if bad > shown.len() {
        let more = bad - shown.len();
        let _ = writeln!(text, "  and {more} more that are not done");
    }
    if only_bad && all > bad {
        let also = if shown.is_empty() { "all " } else { "and " };
        let _ = writeln!(text, "  {also}{} done", count(all - bad, "host"));
    }
}

fn critical_path(text: &mut String, path: &CriticalPath, options: ClosingOptions) {
    // What took no time (a skipped task) is on the way but not worth a line.
    let shown: Vec<_> = path
        .steps
        .iter()
        .filter(|step| step.took_ms > 0 || step.wait_ms > 0)
        .collect();
    if shown.is_empty() {
        return;
    }
    title(text, &format!("Critical path: {}", took(path.sum_ms)));
    let rows = shown.iter().map(|step| {
        let wait = if step.wait_ms == 0 {
            NOTHING.into()
        } else {
            took(step.wait_ms)
        };
        vec![
            format!("{}@{}", step.stage, step.host),
            wait,
            took(step.took_ms),
            step.host_ms.map_or_else(|| NOTHING.into(), took),
        ]
    });
    let columns = [
        left("task"),
        right("waited"),
        right("took"),
        right("on the host"),
    ];
    text.push_str(&render(&columns, &rows.collect::<Vec<_>>(), options.width));
}

fn notices(text: &mut String, report: &RunReport, options: ClosingOptions) {
    if report.notices.is_empty() || options.quiet || !options.notices {
        return;
    }
    title(text, "Notes");
    for notice in &report.notices {
        let _ = writeln!(
            text,
            "  {}: {}",
            host_list(&notice.hosts, NAMED),
            notice.text
        );
    }
}

fn problems(text: &mut String, report: &RunReport) {
    if report.problems.is_empty() {
        return;
    }
    title(text, "Problems");
    for problem in &report.problems {
        let (style, word) = match problem.severity {
            ReportedSeverity::Error => (BAD, "error"),
            ReportedSeverity::Warning => (WARN, "warning"),
            ReportedSeverity::Note => (DIM, "note"),
        };
        let _ = writeln!(
            text,
            "  {style}{word}{style:#} {}: {}",
            problem.check, problem.text
        );
        let hosts = host_list(&problem.hosts, NAMED);
        let _ = writeln!(
            text,
            "    on {} ({hosts})",
            count(problem.hosts.len(), "host")
        );
        if !problem.fix.is_empty() {
            let _ = writeln!(text, "    fix: {}", problem.fix);
        }
    }
}

fn not_begun(text: &mut String, report: &RunReport) {
    if report.not_begun.is_empty() {
        return;
    }
    title(text, "Not begun");
    for held in &report.not_begun {
        let hosts = host_list(&held.hosts, NAMED);
        let _ = writeln!(text, "  {} on {hosts}: {}", held.stage, held.reason);
    }
}

fn failure_text(text: &mut String, failure: &FailureReport, options: ClosingOptions) {
    let gap = if text.is_empty() { "" } else { "\n" };
    let what = match &failure.stage {
        Some(stage) => format!("{stage} failed"),
        None => match failure.kind {
            FailureKind::Unreachable => "not reached".into(),
            FailureKind::Login | FailureKind::Sudo => "login failed".into(),
            FailureKind::Held => "held by another run".into(),
            _ => "given up".into(),
        },
    };
    let _ = writeln!(
        text,
        "{gap}{BAD}{what}{BAD:#} on {} ({}): {}",
        count(failure.hosts.len(), "host"),
        host_list(&failure.hosts, NAMED),
        failure.whole_reason()
    );
    let bar = match options.charset {
        Charset::Unicode => "│",
        Charset::Ascii => "|",
    };
    // A line that is the reason is said already.
    let is_told = matches!(&*failure.lines, [line] if line.trim() == failure.reason);
    for line in failure.lines.iter().filter(|_| !is_told) {
        let _ = writeln!(text, "  {DIM}{bar}{DIM:#} {line}");
    }
    if let Some(cause) = &failure.cause {
        let _ = writeln!(text, "  likely: {}", cause.says);
        let _ = writeln!(text, "  help: {}", cause.fix);
    }
    if let Some(advice) = &failure.advice {
        let _ = writeln!(text, "  help: {advice}");
    }
    if let Some(log) = &failure.log {
        let first = failure.hosts.first().filter(|_| failure.hosts.len() > 1);
        let of = first.map(|host| format!(" of {host}")).unwrap_or_default();
        let _ = writeln!(text, "  log{of}: {log}");
    }
}

fn last_words(text: &mut String, report: &RunReport) {
    let gap = if text.is_empty() { "" } else { "\n" };
    let (style, words) = match report.outcome {
        Some(RunOutcome::Done) => (GOOD, "done".to_owned()),
        Some(RunOutcome::Failed) => (BAD, format!("failed: {}", not_fine(report))),
        Some(RunOutcome::ProblemsFound) => (BAD, "found problems; nothing was changed".to_owned()),
        Some(RunOutcome::Held) => (WARN, "another run is at work".to_owned()),
        Some(RunOutcome::Interrupted) => (WARN, "interrupted".to_owned()),
        None => (
            WARN,
            "not ended: it still runs, or its program was killed".to_owned(),
        ),
    };
    let _ = writeln!(
        text,
        "{gap}{style}{} {words}{style:#} ({} on {}, {}; run {})",
        report.flow,
        report.total.words(),
        count(report.hosts.len(), "host"),
        took(report.took_ms),
        report.run,
    );
    if let Some(file) = &report.cluster_file {
        let _ = writeln!(text, "{DIM}the cluster file is {file}{DIM:#}");
    }
    if let Some(lab) = &report.lab {
        let _ = writeln!(
            text,
            "{DIM}the hosts are those of the lab {lab}, on one machine: no real servers{DIM:#}"
        );
    }
    let widest = report
        .next
        .iter()
        .map(|step| step.command.len())
        .max()
        .unwrap_or(0);
    for step in &report.next {
        let _ = writeln!(
            text,
            "  {:widest$}  {DIM}{}{DIM:#}",
            step.command, step.does
        );
    }
}

fn not_fine(report: &RunReport) -> String {
    let having = |state: HostEnd| {
        report
            .hosts
            .iter()
            .filter(|host| host.state == state)
            .count()
    };
    let words = [
        (having(HostEnd::Failed), "failed"),
        (having(HostEnd::Missing), "missing"),
        (having(HostEnd::Unfinished), "unfinished"),
    ];
    let words = words.iter().filter(|(number, _)| *number > 0);
    let words: Vec<String> = words
        .map(|(hosts, word)| format!("{} {word}", count(*hosts, "host")))
        .collect();
    if words.is_empty() {
        "see above".into()
    } else {
        words.join(", ")
    }
}
