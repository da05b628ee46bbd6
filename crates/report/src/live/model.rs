//! What the screen knows of the run, and where in it the operator is.

use std::sync::Arc;

use phalanx_events::RunState;
use phalanx_plan::{HostIx, HostName, PreparedPlan, StageId};

use super::interface::{LiveOptions, Seat, Wish};
use super::log_pane::LogPane;
use crate::estimate::Learned;
use crate::folding::Folding;
use crate::terminal_text::harmless;
use crate::timeline::Timeline;

/// So long a message stays, if no key is pressed.
const MESSAGE_MS: u64 = 12_000;
/// How often the end is worked out anew.
const FORECAST_EVERY_MS: u64 = 1_000;

/// All that is not worked out from something else.
pub(super) struct Model {
    pub(super) plan: Arc<PreparedPlan>,
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
    pub(super) filter: Filter,
    /// What was said to the operator, and until when it stays.
    pub(super) message: Option<(String, u64)>,
    /// When the end was worked out, and the end itself, where it is known.
    forecast: Option<(u64, Option<u64>)>,
    /// The moment of the last screen, in milliseconds of whoever looks.
    real_ms: u64,
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

/// Which hosts the operator wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) only_failed: bool,
    /// A part of their names.
    pub(super) search: String,
}

impl Filter {
    /// Whether it wants all of them.
    pub(super) fn wants_all(&self) -> bool {
        !self.only_failed && self.search.is_empty()
    }
}

impl Model {
    pub(super) fn new(plan: Arc<PreparedPlan>, seat: Seat, options: LiveOptions) -> Self {
        Self {
            folding: Folding::new(&plan),
            plan,
            state: RunState::new(),
            timeline: Timeline::default(),
            options,
            seat,
            learned: None,
            mode: Mode::Overview,
            selected: None,
            top: 0,
            page: 1,
            filter: Filter::default(),
            message: None,
            forecast: None,
            real_ms: 0,
        }
    }

    /// The run goes on with another plan. The log of a host that is there no more is left.
    pub(super) fn replan(&mut self, plan: Arc<PreparedPlan>) {
        if let Mode::Log(pane) = &mut self.mode {
            match pane.within(&self.plan, &plan) {
                Some(same) => *pane = same,
                None => self.mode = Mode::Overview,
            }
        }
        self.folding = Folding::new(&plan);
        self.plan = plan;
    }

    /// Says something to the operator.
    pub(super) fn say(&mut self, text: &str) {
        let until = self.real_ms.saturating_add(MESSAGE_MS);
        self.message = Some((harmless(text), until));
    }

    /// Whoever looks has come to this moment: a message goes when its time is over.
    pub(super) fn pass(&mut self, real_ms: u64) {
        self.real_ms = real_ms;
        self.message.take_if(|(_, until)| *until <= real_ms);
    }

    /// Works out the end, where that is due.
    pub(super) fn forecast(&mut self, run_ms: u64) {
        let is_due = self
            .forecast
            .is_none_or(|(at, _)| run_ms < at || run_ms >= at.saturating_add(FORECAST_EVERY_MS));
        if is_due && let Some(learned) = &self.learned {
            let end = learned.forecast(&self.plan, &self.state, run_ms);
            self.forecast = Some((run_ms, end));
        }
    }

    /// The host that keys are about.
    pub(super) fn selected_host(&self) -> Option<HostIx> {
        self.plan.host_ix(self.selected.as_ref()?)
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
}
