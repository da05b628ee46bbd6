//! Hosts that have not failed themselves, and what kept them from their next stage.

use std::collections::{BTreeSet, HashMap};

use phalanx_events::Outcome;
use phalanx_plan::{HostName, PreparedPlan, StageId};

use crate::data::NotBegunReport;
use crate::folding::Folding;
use crate::terminal_text::harmless;
use crate::timeline::Timeline;

/// Of every such host the first stage that it was told not to begin; those with the same reason as one.
pub(crate) fn not_begun(
    plan: &PreparedPlan,
    timeline: &Timeline,
    folding: &Folding,
) -> Vec<NotBegunReport> {
    let end = |task| {
        let times = timeline.tasks.get(task)?;
        times.end.as_ref()
    };
    let mut past: BTreeSet<&HostName> = plan
        .tasks
        .iter()
        .filter(|task| end(&task.id).is_some_and(|end| end.outcome == Outcome::Failed))
        .map(|task| &task.id.host)
        .collect();
    for (name, seen) in &timeline.hosts {
        if seen.failure.is_some() || seen.left_out {
            past.insert(name);
        }
    }
    let mut folded: Vec<NotBegunReport> = Vec::new();
    let mut places: HashMap<(&StageId, String), usize> = HashMap::new();
    for task in &plan.tasks {
        let host = &task.id.host;
        let Some(Outcome::NotRun { reason }) = end(&task.id).map(|end| &end.outcome) else {
            continue;
        };
        if !past.insert(host) {
            continue;
        }
        let key = (&task.id.stage, folding.neutral(host, reason));
        let place = *places.entry(key).or_insert(folded.len());
        match folded.get_mut(place) {
            Some(known) => known.hosts.push(host.clone()),
            None => folded.push(NotBegunReport {
                stage: task.id.stage.clone(),
                reason: harmless(reason),
                hosts: vec![host.clone()],
            }),
        }
    }
    folded
}
