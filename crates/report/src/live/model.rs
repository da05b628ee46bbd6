//! What the screen knows of the run, and where in it the operator is.

use std::sync::Arc;

use phalanx_events::RunState;
use phalanx_plan::{HostName, Plan, StageId};

use super::interface::{LiveOptions, Seat, Wish};
use super::log_pane::LogPane;
use super::now::Now;
use super::plan_index::PlanIndex;
use crate::estimate::Learned;
use crate::folding::Folding;
use crate::timeline::Timeline;

/// So long a message stays, if no key is pressed.
const MESSAGE_MS: u64 = 12_000;
/// A run as a screen.
pub struct LiveView {
    pub(super) plan: Arc<Plan>,
    pub(super) index: PlanIndex,
    pub(super) folding: Folding,
    pub(super) state: RunState,
    pub(super) timeline: Timeline,
    pub(super) options: LiveOptions,
    pub(super) seat: Seat,
    pub(super) learned: Option<Learned>,
    pub(super) mode: Mode,
    /// The host that keys are about.
    pub(super) selected: Option<HostName>,
    /// The first host shown.
    pub(super) top: usize,
    /// How many hosts fitted last time.
    pub(super) page: usize,
    pub(super) only_failed: bool,
    pub(super) search: String,
    pub(super) message: Option<(String, u64)>,
    /// Worked out from the state when something happened.
    pub(super) now: Option<Now>,
    pub(super) forecast: Option<(u64, Option<u64>)>,
    /// When the last key or message came.
    pub(super) real_ms: u64,
}

/// What is on the screen.
pub(super) enum Mode {
    Overview,
    /// The same, and a part of a host's name is being typed.
    Searching,
    Log(LogPane),
    Help,
    /// The same as before, and a question.
    Asking(String, Wish),
}

impl LiveView {
    /// Says something to the operator.
    pub fn say(&mut self, text: &str) {
        self.message = Some((
            crate::terminal_text::harmless(text),
            self.real_ms.saturating_add(MESSAGE_MS),
        ));
    }

    /// The host that keys are about, by its place in the plan.
    pub(super) fn selected_host(&self) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        self.index.hosts.get(selected).copied()
    }

    /// The end of the run, in its milliseconds, as earlier runs have it.
    pub(super) fn expected_end(&self) -> Option<u64> {
        self.forecast.and_then(|(_, end)| end)
    }

    pub(super) fn is_over(&self) -> bool {
        self.state.ended.is_some()
    }

    /// How long earlier runs took over a stage, in milliseconds.
    pub(super) fn expected_wall(&self, stage: &StageId) -> Option<u64> {
        self.learned.as_ref()?.wall(stage)
    }

    /// The log of the chosen host, else of the first that is seen.
    pub(super) fn log_of(&self, now: &Now) -> Option<LogPane> {
        let first = now.order.get(self.top).map(|row| row.host);
        let host = self.selected_host().or(first)?;
        let tasks = self.index.of_host.get(host).map_or(&[][..], Vec::as_slice);
        // One that is done shows what it did last.
        let begun = |task: &&usize| {
            let id = self.plan.tasks.get(**task).map(|task| &task.id);
            id.and_then(|id| self.state.tasks.get(id))
                .is_some_and(|known| known.attempt > 0)
        };
        let current = now.hosts.get(host).and_then(|host| host.task);
        let current = current.filter(|task| begun(&task));
        let task = current.or_else(|| tasks.iter().rev().find(begun).copied());
        Some(LogPane::new(host, task.or_else(|| tasks.first().copied())))
    }
}
