//! What tasks wait for.

use phalanx_events::RunState;
use phalanx_plan::sentence::{count, few};
use phalanx_plan::{Gate, PreparedPlan, StageIx, Table, TaskIx};

/// How many tasks of a stage are not over.
pub(super) fn open_by_stage(plan: &PreparedPlan, state: &RunState) -> Table<StageIx, usize> {
    let mut open = Table::of_stages(plan, |_| 0);
    for task in &plan.tasks {
        let is_over = state
            .tasks
            .get(&task.id)
            .is_some_and(|known| known.end().is_some());
        open[task.stage] += usize::from(!is_over);
    }
    open
}

/// The stage of the first gate that holds a task back.
pub(super) fn held_by(
    plan: &PreparedPlan,
    gates: &[Gate],
    open: &Table<StageIx, usize>,
) -> Option<StageIx> {
    gates.iter().find_map(|gate| match gate {
        Gate::All(stage) => plan.stage_ix(stage).filter(|stage| open[*stage] > 0),
        Gate::Own(_) => None,
    })
}

/// The gate that most hosts wait for, of those whose tasks `waiting` are: how many they are, its stage, and hosts that it
/// waits for itself.
pub(super) fn biggest_gate(
    plan: &PreparedPlan,
    state: &RunState,
    waiting: impl Iterator<Item = TaskIx>,
) -> Option<String> {
    let open = open_by_stage(plan, state);
    let mut held = Table::of_stages(plan, |_| 0usize);
    for task in waiting {
        if let Some(stage) = held_by(plan, &plan.task(task).gates, &open) {
            held[stage] += 1;
        }
    }
    let (stage, hosts) = held.iter().max_by_key(|(_, hosts)| **hosts)?;
    if *hosts == 0 {
        return None;
    }
    let tasks = plan.tasks_of_stage(stage).map(|task| &plan.task(task).id);
    let is_open = |id: &&_| {
        let known = state.tasks.get(*id);
        known.is_none_or(|known| known.end().is_none())
    };
    let still = tasks.filter(is_open).map(|id| id.host.as_str());
    let wait = if *hosts == 1 { "waits" } else { "wait" };
    Some(format!(
        "{} {wait} for all of {}, still open on {}",
        count(*hosts, "host"),
        plan.stage(stage).id,
        few(still, 3)
    ))
}
