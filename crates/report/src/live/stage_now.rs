//! How stages stand: how many of their tasks wait, run, are done, skipped, failed.

use phalanx_events::{Outcome, RunState, TaskStatus};
use phalanx_plan::{PreparedPlan, StageIx, Table};

use crate::timeline::{Timeline, Try, WorkTime};

/// How a stage stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StageNow {
    pub(super) tasks: usize,
    pub(super) running: usize,
    pub(super) done: usize,
    pub(super) skipped: usize,
    pub(super) failed: usize,
    pub(super) not_run: usize,
    work: Option<WorkTime>,
}

impl StageNow {
    pub(super) fn add(&mut self, other: &Self) {
        self.tasks += other.tasks;
        self.running += other.running;
        self.done += other.done;
        self.skipped += other.skipped;
        self.failed += other.failed;
        self.not_run += other.not_run;
    }

    pub(super) fn waiting(&self) -> usize {
        self.tasks - self.running - self.over()
    }

    /// How many are over, whatever came of them.
    pub(super) fn over(&self) -> usize {
        self.done + self.skipped + self.failed + self.not_run
    }

    /// How long it has been worked on, in milliseconds.
    pub(super) fn wall(&self, now_ms: u64) -> Option<u64> {
        Some(self.work?.until(now_ms))
    }
}

/// Counts every stage's tasks.
pub(super) fn count(
    plan: &PreparedPlan,
    state: &RunState,
    timeline: &Timeline,
) -> Table<StageIx, StageNow> {
    let mut stages = Table::of_stages(plan, |_| StageNow::default());
    let mut tries = Table::of_stages(plan, |_| Vec::<&Try>::new());
    for task in &plan.tasks {
        let stage = &mut stages[task.stage];
        stage.tasks += 1;
        let Some(known) = state.tasks.get(&task.id) else {
            continue;
        };
        if let Some(times) = timeline.tasks.get(&task.id) {
            tries[task.stage].extend(&times.tries);
        }
        match &known.status {
            TaskStatus::Pending => {}
            TaskStatus::Running | TaskStatus::Detached | TaskStatus::Again(_) => stage.running += 1,
            TaskStatus::Ended(end) => match end.outcome {
                Outcome::Changed | Outcome::Already => stage.done += 1,
                Outcome::Skipped { .. } => stage.skipped += 1,
                Outcome::Failed | Outcome::Cancelled => stage.failed += 1,
                Outcome::NotRun { .. } => stage.not_run += 1,
            },
        }
    }
    for (stage, tries) in tries.iter() {
        stages[stage].work = WorkTime::of(tries.iter().copied());
    }
    stages
}
