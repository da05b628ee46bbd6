//! How much of an installation's time was its hosts' own work.

use std::collections::BTreeMap;

use jiff::Timestamp;
use phalanx_lab::Lab;
use phalanx_plan::sentence::count;
use phalanx_report::RunReport;
use phalanx_report::duration::took;
use serde::Serialize;

use crate::lab_place::trouble;
use crate::trouble::Trouble;

/// The figures of one installation.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    /// From the first connection to the end of the last stage.
    pub(crate) wall_ms: u64,
    /// Of that, along the critical path, what the hosts themselves measured: jobs from start to end,
    /// reboots from the request to the moment their SSH server was there again, and what probes
    /// waited for until it was so, with the time that the host needed to find out.
    pub(crate) hosts_ms: u64,
    /// The rest.
    pub(crate) phalanx_ms: u64,
    /// The rest, of the whole.
    pub(crate) phalanx_share: f64,
    /// The critical path.
    pub(crate) steps: Vec<Step>,
}

/// One task of the critical path.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) stage: String,
    pub(crate) host: String,
    pub(crate) wait_ms: u64,
    /// Of the wait and the task, what the host needed to tell its facts.
    pub(crate) facts_ms: u64,
    pub(crate) took_ms: u64,
    /// What the host measured of it.
    pub(crate) host_ms: u64,
}

/// Works the figures out. What no job can tell (when a host was up again, when what a probe waits
/// for became true), the recipe's lab data asks the hosts afterwards.
pub(crate) fn figures(
    lab: &Lab,
    measure: Option<&str>,
    report: &RunReport,
) -> Result<Figures, Trouble> {
    let began = report.started_at.unwrap_or(Timestamp::UNIX_EPOCH);
    let since = |epoch_ms: i64| epoch_ms.saturating_sub(began.as_millisecond());
    let mut steps = Vec::new();
    let path = report.critical_path.iter().flat_map(|path| &path.steps);
    let mut now = 0u64;
    let mut told: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
    for step in path {
        let started = now.saturating_add(step.wait_ms);
        now = started.saturating_add(step.took_ms);
        let host = step.host.as_str();
        if !told.contains_key(host) {
            told.insert(host.to_owned(), ask(lab, measure, host)?);
        }
        let true_at = told
            .get(host)
            .and_then(|host| host.get(step.stage.as_str()));
        let host_ms = match true_at {
            Some(at) => {
                let into = since(*at).saturating_sub(i64::try_from(started).unwrap_or(i64::MAX));
                // Of a wait, the host told how long the probe ran that saw its end.
                let probe = if step.is_wait { step.host_ms } else { None };
                u64::try_from(into)
                    .unwrap_or(0)
                    .saturating_add(probe.unwrap_or(0))
            }
            None => step.host_ms.unwrap_or(0),
        };
        // Facts that were not read while it waited were read during the task.
        let after_boot = step.facts_ms.saturating_sub(step.wait_ms);
        steps.push(Step {
            stage: step.stage.to_string(),
            host: host.to_owned(),
            wait_ms: step.wait_ms,
            facts_ms: step.facts_ms,
            took_ms: step.took_ms,
            host_ms: host_ms.min(step.took_ms.saturating_sub(after_boot)),
        });
    }
    let wall_ms = report.took_ms;
    let hosts_ms: u64 = steps.iter().map(|step| step.facts_ms + step.host_ms).sum();
    let phalanx_ms = wall_ms.saturating_sub(hosts_ms);
    Ok(Figures {
        wall_ms,
        hosts_ms,
        phalanx_ms,
        phalanx_share: phalanx_ms as f64 / wall_ms.max(1) as f64,
        steps,
    })
}

/// What a host says about when things became true, by its own clock: lines of a stage and the
/// milliseconds since 1970.
fn ask(lab: &Lab, measure: Option<&str>, host: &str) -> Result<BTreeMap<String, i64>, Trouble> {
    let Some(script) = measure else {
        return Ok(BTreeMap::new());
    };
    let failed = |error: std::io::Error| {
        Trouble::because(
            "demo::measure",
            &format!("{host} could not be asked"),
            &error,
        )
    };
    let said = lab
        .host_command(host, "sh")
        .map_err(|error| trouble(&error))?
        .arg("-c")
        .arg(script)
        .output()
        .map_err(failed)?;
    Ok(String::from_utf8_lossy(&said.stdout)
        .lines()
        .filter_map(|line| {
            let (stage, at) = line.split_once(' ')?;
            Some((stage.to_owned(), at.trim().parse().ok()?))
        })
        .collect())
}

/// How many hosts were found to be well: where a recipe asks but some, the others are not said to be anything.
fn well(healthy: usize, hosts: usize) -> String {
    match healthy {
        0 => "and none was asked whether it is healthy".to_owned(),
        1 if hosts == 1 => "and it is healthy".to_owned(),
        all if all == hosts => "and healthy on all of them".to_owned(),
        1 => "and healthy on the one that is asked".to_owned(),
        some => format!("and healthy on the {some} that are asked"),
    }
}

impl Figures {
    /// The summary.
    pub(crate) fn text(&self, healthy: usize, hosts: usize) -> String {
        let mut text = format!(
            "\nInstalled on {}, {}, in {}: {} of that is the hosts' own work along the critical path, {} ({:.1} %) is \
             phalanx and SSH\n",
            count(hosts, "host"),
            well(healthy, hosts),
            took(self.wall_ms),
            took(self.hosts_ms),
            took(self.phalanx_ms),
            self.phalanx_share * 100.0,
        );
        for step in &self.steps {
            text.push_str(&format!(
                "  {:<24} {:>8} of it the host {:>8}\n",
                format!("{}@{}", step.stage, step.host),
                took(step.wait_ms.saturating_add(step.took_ms)),
                took(step.facts_ms.saturating_add(step.host_ms)),
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_is_not_said_to_be_healthy() {
        for (healthy, hosts, says) in [
            (0, 3, "and none was asked whether it is healthy"),
            (1, 1, "and it is healthy"),
            (1, 3, "and healthy on the one that is asked"),
            (2, 3, "and healthy on the 2 that are asked"),
            (3, 3, "and healthy on all of them"),
        ] {
            assert_eq!(well(healthy, hosts), says);
        }
    }
}
