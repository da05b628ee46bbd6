//! What a run waits for, in one line.

use std::collections::BTreeSet;

use phalanx_events::{HostStatus, RebootPhase, RunState, TaskState, TaskStatus};
use phalanx_plan::{Gate, HostName, PreparedPlan, StageId, TaskId};

use crate::duration::clock;
use crate::folding::{Folding, host_list};
use crate::terminal_text::harmless;

/// So many hosts are named at one item; the rest is counted.
const NAMED: usize = 4;

/// What the run waits for at `now_ms` (milliseconds since the run's start): hosts that do not
/// answer, tasks under way with their probes' own words, and, where a host has nothing to do, the
/// gate that holds it back. Nothing where nothing is left to wait for.
pub fn still_waiting(state: &RunState, plan: &PreparedPlan, now_ms: u64) -> Option<String> {
    let folding = Folding::new(plan);
    let mut items = connecting(state, plan, &folding);
    items.extend(under_way(state, plan, &folding, now_ms));
    items.extend(held_back(state, plan));
    (!items.is_empty()).then(|| items.join("; "))
}

/// Hosts that share a text, in the order in which the first of each came.
struct Groups(Vec<Group>);

struct Group {
    /// The text, the host's own names taken out.
    neutral: String,
    /// The first host's own text.
    own: String,
    hosts: Vec<HostName>,
}

impl Groups {
    fn add(&mut self, folding: &Folding, host: &HostName, text: &str) {
        let neutral = folding.neutral(host, text);
        match self.0.iter_mut().find(|group| group.neutral == neutral) {
            Some(group) => group.hosts.push(host.clone()),
            None => self.0.push(Group {
                neutral,
                own: text.to_owned(),
                hosts: vec![host.clone()],
            }),
        }
    }
}

impl Group {
    /// `w1, w2 (text)`.
    fn words(&self) -> String {
        let text = if self.hosts.len() == 1 {
            &self.own
        } else {
            &self.neutral
        };
        format!("{} ({})", host_list(&self.hosts, NAMED), harmless(text))
    }
}

fn connecting(state: &RunState, plan: &PreparedPlan, folding: &Folding) -> Vec<String> {
    let mut groups = Groups(Vec::new());
    for host in &plan.hosts {
        let status = state.hosts.get(&host.name).map(|host| &host.status);
        match status.unwrap_or(&HostStatus::Unknown) {
            HostStatus::Unknown if state.run.is_some() && !heard_of(state, &host.name) => {
                groups.add(folding, &host.name, "connecting");
            }
            HostStatus::Retrying { reason } => {
                groups.add(folding, &host.name, reason);
            }
            _ => {}
        }
    }
    groups.0.iter().map(Group::words).collect()
}

/// A host without a connection event may still have tasks: the journal may have gaps.
fn heard_of(state: &RunState, host: &HostName) -> bool {
    state
        .tasks
        .iter()
        .any(|(id, task)| id.host == *host && task.status != TaskStatus::Pending)
}

fn under_way(state: &RunState, plan: &PreparedPlan, folding: &Folding, now_ms: u64) -> Vec<String> {
    let mut items = Vec::new();
    for stage in &plan.stages {
        let mut telling = Groups(Vec::new());
        let mut silent: Vec<(HostName, u64)> = Vec::new();
        for host in &plan.hosts {
            let id = task_id(&stage.id, &host.name);
            let Some(task) = state.tasks.get(&id).filter(|task| task.is_running()) else {
                continue;
            };
            let running = now_ms.saturating_sub(task.attempt_ms.unwrap_or(now_ms));
            match words(task, running) {
                Some(text) => telling.add(folding, &host.name, &text),
                None => silent.push((host.name.clone(), running)),
            }
        }
        let telling = telling.0.iter();
        items.extend(telling.map(|group| format!("{} on {}", stage.id, group.words())));
        if let Some(longest) = silent.iter().map(|(_, running)| *running).max() {
            let up_to = if silent.len() > 1 { "up to " } else { "" };
            items.push(format!(
                "{} on {} (running for {up_to}{})",
                stage.id,
                host_list(silent.iter().map(|(host, _)| host), NAMED),
                clock(longest)
            ));
        }
    }
    items
}

fn words(task: &TaskState, running: u64) -> Option<String> {
    if task.status == TaskStatus::Detached {
        return Some("connection lost; it goes on there".into());
    }
    if let Some((phase, _)) = &task.reboot {
        let phase = match phase {
            RebootPhase::Requested => "asked to reboot",
            RebootPhase::Down => "down",
            RebootPhase::Up => "up again",
            RebootPhase::Proven => "rebooted",
        };
        return Some(format!("{phase}, {} so far", clock(running)));
    }
    task.waiting_for.clone()
}

/// Hosts that could work but may not: the first stage left to each, and the gates that hold it.
fn held_back(state: &RunState, plan: &PreparedPlan) -> Vec<String> {
    let is_over = |id: &TaskId| state.tasks.get(id).is_some_and(|task| task.end().is_some());
    let mut done_for: BTreeSet<&HostName> = BTreeSet::new();
    for host in &plan.hosts {
        let status = state.hosts.get(&host.name).map(|host| &host.status);
        if !matches!(status, Some(HostStatus::Connected)) {
            done_for.insert(&host.name);
        }
    }
    for (id, task) in &state.tasks {
        if task.is_running() {
            done_for.insert(&id.host);
        }
    }
    let mut held: Vec<(&StageId, String, Vec<HostName>)> = Vec::new();
    for task in &plan.tasks {
        if is_over(&task.id) || !done_for.insert(&task.id.host) {
            continue;
        }
        let mut holding = Vec::new();
        for gate in &task.gates {
            if let Gate::All(stage) = gate {
                let others = plan.tasks_of_stage_named(stage).iter();
                let missing = others.filter(|other| !is_over(&other.id));
                let missing: Vec<&HostName> = missing.map(|other| &other.id.host).collect();
                if !missing.is_empty() {
                    holding.push(format!("{stage} on {}", host_list(missing, NAMED)));
                }
            }
        }
        if holding.is_empty() {
            continue;
        }
        let (stage, holding) = (&task.id.stage, holding.join(" and "));
        let known = held
            .iter_mut()
            .find(|known| known.0 == stage && known.1 == holding);
        match known {
            Some((_, _, hosts)) => hosts.push(task.id.host.clone()),
            None => held.push((stage, holding, vec![task.id.host.clone()])),
        }
    }
    held.iter()
        .map(|(stage, holding, hosts)| {
            let hosts = host_list(hosts, NAMED);
            format!("{stage} on {hosts} is held back by {holding}")
        })
        .collect()
}

fn task_id(stage: &StageId, host: &HostName) -> TaskId {
    TaskId {
        stage: stage.clone(),
        host: host.clone(),
    }
}
