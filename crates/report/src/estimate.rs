//! How long it will take, as earlier runs of the same flow have it.

use std::collections::BTreeMap;

use phalanx_events::{Event, Outcome, RunOutcome, RunState};
use phalanx_plan::{Gate, PreparedPlan, StageId, Table, TaskId};

use crate::timeline::{Timeline, Try, WorkTime};

/// What earlier runs have taught. What changed something is believed before what found everything right: one who
/// expects too much is pleased, one who expects nothing waits.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    tasks: BTreeMap<TaskId, Took>,
    /// Of each stage, the median of its tasks: for a host that is new.
    stages: BTreeMap<StageId, Took>,
    walls: BTreeMap<StageId, Took>,
}

/// How long something took, and whether it changed anything.
#[derive(Clone, Copy, Debug)]
struct Took {
    ms: u64,
    changed: bool,
}

/// Keeps what the newest run has that changed something, else what the newest has.
fn keep<K: Ord>(known: &mut BTreeMap<K, Took>, key: K, took: Took) {
    let kept = known.entry(key).or_insert(took);
    if took.changed && !kept.changed {
        *kept = took;
    }
}

impl Learned {
    /// Learns from the events of runs of the same flow, the newest first. Only a run that was done counts;
    /// where two know a task, the newer is believed.
    pub fn from_runs<'a>(runs: impl IntoIterator<Item = &'a [Event]>) -> Self {
        let mut learned = Self::default();
        for events in runs {
            let timeline = Timeline::new(events);
            if timeline.outcome == Some(RunOutcome::Done) {
                learned.take(&timeline);
            }
        }
        learned
    }

    fn take(&mut self, timeline: &Timeline) {
        let mut by_stage: BTreeMap<&StageId, (Vec<u64>, Vec<&Try>, bool)> = BTreeMap::new();
        for (id, times) in &timeline.tasks {
            let outcome = times.end.as_ref().map(|end| &end.outcome);
            let Some(outcome) = outcome.filter(|outcome| outcome.is_done()) else {
                continue;
            };
            let changed = *outcome == Outcome::Changed;
            let ms = times.worked();
            keep(&mut self.tasks, id.clone(), Took { ms, changed });
            // One that was skipped tells nothing of the others.
            let ran = !times.tries.is_empty() && !matches!(outcome, Outcome::Skipped { .. });
            if ran {
                let (worked, tries, any) = by_stage.entry(&id.stage).or_default();
                worked.push(ms);
                tries.extend(&times.tries);
                *any |= changed;
            }
        }
        for (stage, (mut worked, tries, changed)) in by_stage {
            if let Some(time) = WorkTime::of(tries.into_iter()) {
                let ms = time.until(timeline.took_ms);
                keep(&mut self.walls, stage.clone(), Took { ms, changed });
            }
            worked.sort_unstable();
            if let Some(ms) = worked.get(worked.len() / 2).copied() {
                keep(&mut self.stages, stage.clone(), Took { ms, changed });
            }
        }
    }

    /// Whether there was nothing to learn from.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// How long a stage's tasks were worked on, by any of its hosts.
    pub(crate) fn wall(&self, stage: &StageId) -> Option<u64> {
        self.walls.get(stage).map(|took| took.ms)
    }

    fn task(&self, id: &TaskId) -> Option<u64> {
        let took = self.tasks.get(id).or_else(|| self.stages.get(&id.stage));
        took.map(|took| took.ms)
    }

    /// When the run will end, in its milliseconds: every task that is not over is given the time it took
    /// before, and begins when its gates open and its host is free. Nothing where a stage is not known.
    pub fn forecast(&self, plan: &PreparedPlan, state: &RunState, now_ms: u64) -> Option<u64> {
        // When each stage ends everywhere, and each task of the host that was looked at.
        let mut all: BTreeMap<&StageId, u64> = BTreeMap::new();
        let mut own: BTreeMap<&TaskId, u64> = BTreeMap::new();
        let mut free = Table::of_hosts(plan, |_| 0u64);
        let mut end_of_run = 0;
        let mut stage_ends: Vec<(&StageId, u64)> = Vec::new();
        let mut last_stage = None;
        for task in &plan.tasks {
            // A stage's gate leads to stages above, all of whose ends are known by then.
            if last_stage != Some(task.stage) {
                for (stage, end) in stage_ends.drain(..) {
                    let known = all.entry(stage).or_insert(0);
                    *known = end.max(*known);
                }
                last_stage = Some(task.stage);
            }
            let known = state.tasks.get(&task.id);
            let over = known.filter(|known| known.end().is_some());
            let end = match (over, known) {
                (Some(over), _) => over.ended_ms.unwrap_or(0),
                (None, Some(known)) if known.is_running() => {
                    let started = known.attempt_ms.unwrap_or(now_ms);
                    // One that is late already needs a tenth more.
                    let so_far = now_ms.saturating_sub(started);
                    started.saturating_add(
                        self.task(&task.id)?.max(so_far.saturating_add(so_far / 10)),
                    )
                }
                (None, _) => {
                    let host_free = free[task.host];
                    let gates = task.gates.iter().map(|gate| match gate {
                        Gate::All(stage) => all.get(stage).copied().unwrap_or(0),
                        Gate::Own(stage) => {
                            let id = TaskId::new(stage.as_str(), task.id.host.as_str());
                            own.get(&id).copied().unwrap_or(0)
                        }
                    });
                    let begins = gates.max().unwrap_or(0).max(host_free).max(now_ms);
                    begins.saturating_add(self.task(&task.id)?)
                }
            };
            own.insert(&task.id, end);
            free[task.host] = free[task.host].max(end);
            stage_ends.push((&task.id.stage, end));
            end_of_run = end_of_run.max(end);
        }
        Some(end_of_run)
    }
}
