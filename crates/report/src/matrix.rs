//! Hosts by stages, a symbol each.

use std::collections::HashMap;

use indexmap::IndexMap;
use phalanx_plan::{Action, HostName, PreparedPlan};

use crate::data::{PlanReport, PlanStageReport};
use crate::table::Charset;
use crate::terminal_text::pad;

/// More hosts than this are not drawn one by one.
const DRAWN: usize = 20;
/// A column's width.
const COLUMN: usize = 4;

/// What a stage does on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
pub(crate) fn matrix(plan: &PreparedPlan, report: &PlanReport, charset: Charset) -> String {
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
fn rows(plan: &PreparedPlan, report: &PlanReport) -> Vec<(String, Vec<Cell>)> {
    let names: Vec<&HostName> = plan.hosts.iter().map(|host| &host.name).collect();
    let hosts = plan.hosts.iter().zip(cells(&names, &report.stages));
    if plan.hosts.len() <= DRAWN {
        return hosts
            .map(|(host, cells)| (host.name.to_string(), cells))
            .collect();
    }
    let mut groups: IndexMap<(&str, Vec<Cell>), usize> = IndexMap::new();
    for (host, cells) in hosts {
        *groups.entry((host.role.as_str(), cells)).or_default() += 1;
    }
    groups
        .into_iter()
        .map(|((role, cells), hosts)| (format!("{role} ({hosts})"), cells))
        .collect()
}

/// A row of cells for each of these hosts. Goes through the stages' lists of hosts once: to look for each host in
/// each of them takes seconds for 10,000 hosts.
fn cells(hosts: &[&HostName], stages: &[PlanStageReport]) -> Vec<Vec<Cell>> {
    let row_of: HashMap<&HostName, usize> = hosts
        .iter()
        .enumerate()
        .map(|(row, host)| (*host, row))
        .collect();
    let mut rows = vec![vec![Cell::Nothing; stages.len()]; hosts.len()];
    for (column, stage) in stages.iter().enumerate() {
        let mut mark = |hosts: &[HostName], cell: Cell| {
            for host in hosts {
                let row = row_of.get(host).and_then(|row| rows.get_mut(*row));
                if let Some(place) = row.and_then(|row| row.get_mut(column)) {
                    *place = cell;
                }
            }
        };
        if stage.decided_on_host {
            mark(&stage.hosts, Cell::Decided);
        } else {
            mark(&stage.hosts, Cell::Runs);
            mark(&stage.skipped, Cell::Skipped);
        }
    }
    rows
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn stage(hosts: Vec<HostName>, skipped: Vec<HostName>, decided: bool) -> PlanStageReport {
        PlanStageReport {
            id: "s".into(),
            roles: BTreeSet::new(),
            hosts,
            action: Action::Put,
            put: Vec::new(),
            after: Vec::new(),
            when: None,
            decided_on_host: decided,
            skipped,
            within_ms: None,
            at_once: None,
            stop_after: None,
            retries: 0,
        }
    }

    /// What a stage does on a host, by a search for it.
    fn searched(stage: &PlanStageReport, host: &HostName) -> Cell {
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

    proptest! {
        #[test]
        fn every_cell_is_what_a_search_finds(
            stages in prop::collection::vec(
                (prop::collection::vec((any::<bool>(), any::<bool>()), 12), any::<bool>()),
                0..6,
            ),
            hosts in prop::sample::subsequence((0..12_usize).collect::<Vec<_>>(), 0..=12),
        ) {
            let name = |number: usize| HostName::new(format!("h{number}"));
            let stages: Vec<PlanStageReport> = stages
                .into_iter()
                .map(|(of_hosts, decided)| {
                    let takes_part = |(at, (part, _)): (usize, &(bool, bool))| part.then(|| name(at));
                    let is_skipped = |(at, (part, skipped)): (usize, &(bool, bool))| {
                        (*part && *skipped).then(|| name(at))
                    };
                    stage(
                        of_hosts.iter().enumerate().filter_map(takes_part).collect(),
                        of_hosts.iter().enumerate().filter_map(is_skipped).collect(),
                        decided,
                    )
                })
                .collect();
            let hosts: Vec<HostName> = hosts.into_iter().map(name).collect();
            let names: Vec<&HostName> = hosts.iter().collect();
            let wanted: Vec<Vec<Cell>> = hosts
                .iter()
                .map(|host| stages.iter().map(|stage| searched(stage, host)).collect())
                .collect();
            prop_assert_eq!(cells(&names, &stages), wanted);
        }
    }
}
