//! What waits for what.
//!
//! - A stage without `after` follows, on each host, the last stage above it that this host takes
//!   part in.
//! - An own gate on a stage that the host takes no part in is vacuous: there is nothing to wait for.
//! - So is an `all` gate on a stage that no host of the plan takes part in.
//! - In lockstep every own gate is an `all` gate of the same stage; one that the recipe names then
//!   waits for that stage's hosts even where this host is none of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{RoleName, StageId, TaskId};
use crate::ix::{HostIx, StageIx};
use crate::plan::{PlannedHost, PlannedTask};
use crate::recipe::Stage;
use crate::stage_parts::Gate;

/// The tasks of the stages, stage by stage, within a stage in the hosts' order.
pub(super) fn tasks(stages: &[Stage], hosts: &[PlannedHost], lockstep: bool) -> Vec<PlannedTask> {
    let present: BTreeSet<&RoleName> = hosts.iter().map(|host| &host.role).collect();
    // A stage's name is looked up by every gate: once for each, not once for each host.
    let known: BTreeMap<&StageId, &Stage> = stages
        .iter()
        .map(|stage| (&stage.id.value, stage))
        .collect();
    let mut tasks = Vec::new();
    for (at, stage) in stages.iter().enumerate() {
        let gates: BTreeMap<&RoleName, Vec<Gate>> = stage
            .roles
            .iter()
            .map(|role| (role, for_role(stages, at, role, lockstep)))
            .map(|(role, gates)| {
                let real = gates
                    .into_iter()
                    .filter(|gate| is_real(gate, role, &known, &present));
                (role, real.collect())
            })
            .collect();
        for (number, host) in hosts.iter().enumerate() {
            if let Some(gates) = gates.get(&host.role) {
                tasks.push(PlannedTask {
                    id: TaskId {
                        stage: stage.id.value.clone(),
                        host: host.name.clone(),
                    },
                    stage: StageIx::new(at),
                    host: HostIx::new(number),
                    gates: gates.clone(),
                });
            }
        }
    }
    tasks
}

/// The gates of a stage as the recipe says them or as they follow from it, for people.
pub(super) fn shown(stages: &[Stage], at: usize, lockstep: bool) -> Vec<Gate> {
    let mut shown = Vec::new();
    for role in stages.get(at).into_iter().flat_map(|stage| &stage.roles) {
        for gate in for_role(stages, at, role, lockstep) {
            if !shown.contains(&gate) {
                shown.push(gate);
            }
        }
    }
    shown
}

/// The gates of a stage on a host of this role.
fn for_role(stages: &[Stage], at: usize, role: &RoleName, lockstep: bool) -> Vec<Gate> {
    let Some(stage) = stages.get(at) else {
        return Vec::new();
    };
    let gates = match &stage.after {
        Some(gates) => gates.clone(),
        None => stages
            .iter()
            .take(at)
            .rev()
            .find(|above| above.roles.contains(role))
            .map(|above| Gate::Own(above.id.value.clone()))
            .into_iter()
            .collect(),
    };
    if !lockstep {
        return gates;
    }
    let mut all: Vec<Gate> = Vec::new();
    for gate in gates {
        let (Gate::Own(stage) | Gate::All(stage)) = gate;
        let gate = Gate::All(stage);
        if !all.contains(&gate) {
            all.push(gate);
        }
    }
    all
}

fn is_real(
    gate: &Gate,
    role: &RoleName,
    known: &BTreeMap<&StageId, &Stage>,
    present: &BTreeSet<&RoleName>,
) -> bool {
    let (Gate::Own(stage) | Gate::All(stage)) = gate;
    let Some(stage) = known.get(stage) else {
        return false;
    };
    match gate {
        Gate::Own(_) => stage.roles.contains(role),
        Gate::All(_) => stage.roles.iter().any(|role| present.contains(role)),
    }
}
