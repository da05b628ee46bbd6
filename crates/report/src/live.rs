//! A run as a screen: where it is, who holds it up, what that one says.
//!
//! [`LiveView`] is the same for a run that goes on in this process, for one that somebody else works on,
//! and for one that is over and shown again: all of it is made from events, and from log bytes through
//! [`LogPort`]. It takes keys and gives [`Wish`]es; it opens nothing and asks no clock. What is to be seen at a
//! moment is a [`Frame`], and painting that changes nothing.

mod about;
mod footer;
mod frame;
mod gates;
mod host_now;
mod host_rows;
mod interface;
mod keys;
mod layout;
mod log_choice;
mod log_page;
mod log_pane;
mod log_rows;
mod log_tail;
mod model;
mod notes;
mod now;
mod overview;
mod paint;
mod picture;
mod stage_now;
mod stage_rows;

use std::sync::Arc;

use phalanx_events::{Event, RunState};
use phalanx_plan::PreparedPlan;
use ratatui_core::layout::Rect;

use crate::estimate::Learned;
pub use frame::Frame;
pub use interface::{Key, LiveOptions, LogPort, Moment, Seat, Wish};
use model::Model;
use now::Now;
pub use picture::svg;

/// A run as a screen.
pub struct LiveView {
    model: Model,
    /// Worked out from the model; none: something has happened since.
    now: Option<Now>,
}

impl LiveView {
    /// A screen for this plan's run.
    pub fn new(plan: Arc<PreparedPlan>, seat: Seat, options: LiveOptions) -> Self {
        Self {
            model: Model::new(plan, seat, options),
            now: None,
        }
    }

    /// What earlier runs have taught, for an estimate of the end.
    pub fn learn(&mut self, learned: Learned) {
        self.model.learned = (!learned.is_empty()).then_some(learned);
    }

    /// Takes in what happened. What was seen already is passed over.
    pub fn event(&mut self, event: &Event) {
        if self.model.state.apply(event) {
            self.model.timeline.take(event);
            self.now = None;
        }
    }

    /// The run goes on with another plan.
    pub fn replan(&mut self, plan: Arc<PreparedPlan>) {
        self.model.replan(plan);
        self.now = None;
    }

    /// Whose screen it is from now on.
    pub fn sit(&mut self, seat: Seat) {
        self.model.seat = seat;
    }

    /// What is known of the run.
    pub fn state(&self) -> &RunState {
        &self.model.state
    }

    /// Says something to the operator.
    pub fn say(&mut self, text: &str) {
        self.model.say(text);
    }

    /// Takes a key.
    pub fn key(&mut self, key: Key) -> Option<Wish> {
        let filter = self.model.filter.clone();
        // Keys come faster than screens are painted: each is about what is so now.
        let now = self.now.get_or_insert_with(|| look(&mut self.model));
        let wish = keys::press(&mut self.model, now, key);
        if self.model.filter != filter {
            self.now = None;
        }
        wish
    }

    /// What is to be seen at a moment on a screen of this size.
    pub fn frame(&mut self, area: Rect, moment: Moment, logs: &mut dyn LogPort) -> Frame<'_> {
        self.model.pass(moment.real_ms);
        // Where it is over, its own time stands still.
        let run_ms = match self.model.is_over() {
            true => self.model.state.ms,
            false => moment.run_ms,
        };
        let now = self.now.get_or_insert_with(|| look(&mut self.model));
        self.model.forecast(run_ms);
        Frame::new(&mut self.model, now, area, run_ms, logs)
    }
}

/// Works out how everything stands. Keys are about what is seen: a host that has no row is not chosen any more.
fn look(model: &mut Model) -> Now {
    let now = Now::of(model);
    if model.selected_host().is_some_and(|host| !now.shows(host)) {
        model.selected = None;
    }
    now
}
