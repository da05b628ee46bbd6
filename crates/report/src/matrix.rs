//! Hosts by stages, a symbol each.

use phalanx_plan::{Action, HostName, Plan};

use crate::data::{PlanReport, PlanStageReport};
use crate::table::Charset;
use crate::terminal_text::pad;

/// More hosts than this are not drawn one by one.
const DRAWN: usize = 20;
/// A column's width.
const COLUMN: usize = 4;

/// What a stage does on a host.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// It is not for that host.
    Nothing,
    /// Its condition does not hold.
    Skipped,
    /// It runs.
    Runs,
    /// The host decides.
    Decided,
}

/// The drawing, with a line that says what the symbols mean.
pub(crate) fn matrix(plan: &Plan, report: &PlanReport, charset: Charset) -> String {
    let rows = rows(plan, report);
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = " ".repeat(2 + width);
    for number in 1..=report.stages.len() {
        text.push_str(&format!("{number:>COLUMN$}"));
    }
    text.push('\n');
    for (name, cells) in &rows {
        let mut line = format!("  {}", pad(name, width));
        let mut gap = COLUMN - 1;
        for (stage, cell) in report.stages.iter().zip(cells) {
            line.push_str(&" ".repeat(gap));
            line.push_str(symbol(*cell, &stage.action, charset));
            gap = COLUMN - 1;
            if *cell == Cell::Decided {
                // The mark stands in the gap before the next column.
                line.push('?');
                gap -= 1;
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str(&format!("\n  {}\n", legend(&rows, report, charset)));
    text
}

/// Hosts, or where they are many the groups of hosts of a role that take the same stages.
fn rows(plan: &Plan, report: &PlanReport) -> Vec<(String, Vec<Cell>)> {
    let cells = |host: &HostName| -> Vec<Cell> {
        report
            .stages
            .iter()
            .map(|stage| cell(stage, host))
            .collect()
    };
    if plan.hosts.len() <= DRAWN {
        let hosts = plan.hosts.iter();
        return hosts
            .map(|host| (host.name.to_string(), cells(&host.name)))
            .collect();
    }
    let mut groups: Vec<(&str, Vec<Cell>, usize)> = Vec::new();
    for host in &plan.hosts {
        let (role, cells) = (host.role.as_str(), cells(&host.name));
        let known = groups
            .iter_mut()
            .find(|known| known.0 == role && known.1 == cells);
        match known {
            Some((_, _, hosts)) => *hosts += 1,
            None => groups.push((role, cells, 1)),
        }
    }
    groups
        .into_iter()
        .map(|(role, cells, hosts)| (format!("{role} ({hosts})"), cells))
        .collect()
}

fn cell(stage: &PlanStageReport, host: &HostName) -> Cell {
    if !stage.hosts.contains(host) {
        Cell::Nothing
    } else if stage.decided_on_host {
        Cell::Decided
    } else if stage.skipped.contains(host) {
        Cell::Skipped
    } else {
        Cell::Runs
    }
}

fn symbol(cell: Cell, action: &Action, charset: Charset) -> &'static str {
    match (charset, cell, action) {
        (Charset::Unicode, Cell::Nothing, _) => "·",
        (Charset::Ascii, Cell::Nothing, _) => ".",
        (_, Cell::Skipped, _) => "-",
        (Charset::Unicode, _, Action::Run(_)) => "●",
        (Charset::Unicode, _, Action::Until(_)) => "○",
        (Charset::Unicode, _, Action::Reboot) => "↻",
        (Charset::Unicode, _, Action::Put) => "▪",
        (Charset::Ascii, _, Action::Run(_)) => "x",
        (Charset::Ascii, _, Action::Until(_)) => "o",
        (Charset::Ascii, _, Action::Reboot) => "R",
        (Charset::Ascii, _, Action::Put) => "p",
    }
}

fn legend(rows: &[(String, Vec<Cell>)], report: &PlanReport, charset: Charset) -> String {
    let mut legend: Vec<String> = Vec::new();
    for stage in &report.stages {
        let words = match stage.action {
            Action::Run(_) => "runs a script",
            Action::Until(_) => "waits until a probe says yes",
            Action::Reboot => "reboots",
            Action::Put => "puts files",
        };
        let entry = format!("{} {words}", symbol(Cell::Runs, &stage.action, charset));
        if !legend.contains(&entry) {
            legend.push(entry);
        }
    }
    let has = |wanted: Cell| rows.iter().any(|(_, cells)| cells.contains(&wanted));
    if has(Cell::Decided) {
        legend.push("? decided on the host".into());
    }
    if has(Cell::Skipped) {
        legend.push("- skipped: its condition does not hold".into());
    }
    if has(Cell::Nothing) {
        let nothing = symbol(Cell::Nothing, &Action::Put, charset);
        legend.push(format!("{nothing} not for it"));
    }
    legend.join("   ")
}
