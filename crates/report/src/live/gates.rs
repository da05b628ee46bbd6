//! What tasks wait for.

use phalanx_events::RunState;
use phalanx_plan::{Gate, Plan, TaskId};

use super::plan_index::PlanIndex;

/// How many tasks of a stage are not over.
pub(super) fn open_by_stage(plan: &Plan, state: &RunState) -> Vec<usize> {
    let mut open = vec![0; plan.stages.len()];
    for task in &plan.tasks {
        let is_over = state
            .tasks
            .get(&task.id)
            .is_some_and(|known| known.end().is_some());
        if let Some(open) = open.get_mut(task.stage).filter(|_| !is_over) {
            *open += 1;
        }
    }
    open
}

/// The first gate that holds a task back.
pub(super) fn held_by<'a>(index: &PlanIndex, gates: &'a [Gate], open: &[usize]) -> Option<&'a str> {
    gates.iter().find_map(|gate| match gate {
        Gate::All(stage) => {
            let at = index.stages.get(stage)?;
            (open.get(*at).copied().unwrap_or(0) > 0).then_some(stage.as_str())
        }
        Gate::Own(_) => None,
    })
}

/// The gate that most hosts wait for, of those whose tasks `waiting` are: how many they are, its stage, and hosts that it
/// waits for itself.
pub(super) fn biggest_gate(
    plan: &Plan,
    index: &PlanIndex,
    state: &RunState,
    waiting: impl Iterator<Item = usize>,
) -> Option<String> {
    let open = open_by_stage(plan, state);
    let mut held = vec![0usize; plan.stages.len()];
    for task in waiting.filter_map(|at| plan.tasks.get(at)) {
        let at = held_by(index, &task.gates, &open).and_then(|stage| index.stages.get(stage));
        if let Some(count) = at.and_then(|at| held.get_mut(*at)) {
            *count += 1;
        }
    }
    let (at, hosts) = held
        .iter()
        .copied()
        .enumerate()
        .max_by_key(|(_, hosts)| *hosts)?;
    if hosts == 0 {
        return None;
    }
    let is_open = |id: &TaskId| {
        state
            .tasks
            .get(id)
            .is_none_or(|known| known.end().is_none())
    };
    let still: Vec<&str> = plan
        .tasks
        .iter()
        .filter(|task| task.stage == at && is_open(&task.id))
        .map(|task| task.id.host.as_str())
        .collect();
    let mut named = still.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    if still.len() > 3 {
        named.push_str(&format!(" and {} more", still.len() - 3));
    }
    let (hosts, wait) = match hosts {
        1 => ("1 host".to_owned(), "waits"),
        hosts => (format!("{hosts} hosts"), "wait"),
    };
    let stage = plan.stages.get(at)?;
    Some(format!(
        "{hosts} {wait} for all of {}, still open on {named}",
        stage.id
    ))
}
