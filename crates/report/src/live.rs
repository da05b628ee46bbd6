//! A run as a screen: where it is, who holds it up, what that one says.
//!
//! [`LiveView`] is the same for a run that goes on in this process, for one that somebody else works on,
//! and for one that is over and shown again: all of it is made from events, and from log bytes through
//! [`LogPort`]. It takes keys and gives [`Wish`]es; it opens nothing and asks no clock.

mod about;
mod footer;
mod gates;
mod host_now;
mod host_rows;
mod interface;
mod keys;
mod log_pane;
mod log_rows;
mod log_tail;
mod model;
mod now;
mod overview;
mod paint;
mod picture;
mod stage_now;
mod stage_rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use phalanx_events::{Event, RunState};
use phalanx_plan::{HostIx, PreparedPlan, StageIx, Table};
use ratatui_core::buffer::Buffer;

use crate::estimate::Learned;
use crate::folding::Folding;
use crate::timeline::Timeline;
use host_now::{HostNow, Rank};
pub use interface::{Key, LiveOptions, LogPort, Moment, Seat, Wish};
pub use model::LiveView;
use model::Mode;
use now::{Now, Row};
pub use picture::svg;
use stage_now::StageNow;

/// How often the end is worked out anew.
const FORECAST_EVERY_MS: u64 = 1_000;

impl LiveView {
    /// A screen for this plan's run.
    pub fn new(plan: Arc<PreparedPlan>, seat: Seat, options: LiveOptions) -> Self {
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
            only_failed: false,
            search: String::new(),
            message: None,
            now: None,
            forecast: None,
            real_ms: 0,
        }
    }

    /// What earlier runs have taught, for an estimate of the end.
    pub fn learn(&mut self, learned: Learned) {
        self.learned = (!learned.is_empty()).then_some(learned);
    }

    /// Takes in what happened. What was seen already is passed over.
    pub fn event(&mut self, event: &Event) {
        if self.state.apply(event) {
            self.timeline.take(event);
            self.now = None;
        }
    }

    /// The run goes on with another plan.
    pub fn replan(&mut self, plan: Arc<PreparedPlan>) {
        self.folding = Folding::new(&plan);
        // The log of a host that is there no more is left.
        if let Mode::Log(pane) = &mut self.mode {
            match pane.within(&self.plan, &plan) {
                Some(same) => *pane = same,
                None => self.mode = Mode::Overview,
            }
        }
        self.plan = plan;
        self.now = None;
    }

    /// Whose screen it is from now on.
    pub fn sit(&mut self, seat: Seat) {
        self.seat = seat;
    }

    /// What is known of the run.
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// Takes a key.
    pub fn key(&mut self, key: Key) -> Option<Wish> {
        // Keys come faster than screens are painted: each is about what is so now.
        self.look();
        keys::press(self, key)
    }

    /// Paints the screen.
    pub fn draw(&mut self, buffer: &mut Buffer, moment: Moment, logs: &mut dyn LogPort) {
        self.real_ms = moment.real_ms;
        if self
            .message
            .as_ref()
            .is_some_and(|(_, until)| *until <= moment.real_ms)
        {
            self.message = None;
        }
        let area = buffer.area;
        buffer.reset();
        if area.width == 0 || area.height == 0 {
            return;
        }
        // Where it is over, its own time stands still.
        let moment = match self.is_over() {
            true => Moment {
                run_ms: self.state.ms,
                ..moment
            },
            false => moment,
        };
        self.work_out(moment.run_ms);
        match &mut self.mode {
            Mode::Log(pane) => {
                let mut shown = pane.clone();
                if let Some(now) = self.now.take() {
                    shown.draw(self, &now, buffer, moment, logs);
                    self.now = Some(now);
                }
                if let Mode::Log(pane) = &mut self.mode {
                    *pane = shown;
                }
            }
            Mode::Help => footer::draw_help(self, buffer, area),
            Mode::Overview | Mode::Searching | Mode::Asking(..) => {
                overview::draw(self, buffer, area, moment, logs);
            }
        }
    }

    /// Works out how everything stands, where something happened since.
    fn look(&mut self) {
        if self.now.is_none() {
            let stages = stage_now::count(&self.plan, &self.state, &self.timeline);
            let mut total = StageNow::default();
            for stage in stages.values() {
                total.add(stage);
            }
            let hosts = host_now::look(&self.plan, &self.state);
            let mut now = Now {
                order: Vec::new(),
                stages,
                hosts,
                total,
                notes: about::notes(self),
            };
            now.order = self.order(&now.hosts);
            // Keys are about what is seen.
            let selected = self.selected_host();
            if selected.is_some_and(|host| now.order.iter().all(|row| row.host != host)) {
                self.selected = None;
            }
            self.now = Some(now);
        }
    }

    /// Works out what is to be shown.
    fn work_out(&mut self, run_ms: u64) {
        self.look();
        let is_due = self
            .forecast
            .is_none_or(|(at, _)| run_ms < at || run_ms >= at.saturating_add(FORECAST_EVERY_MS));
        if is_due && let Some(learned) = &self.learned {
            let end = learned.forecast(&self.plan, &self.state, run_ms);
            self.forecast = Some((run_ms, end));
        }
    }

    /// The hosts that are wanted, those that matter most first. Hosts that failed alike are one row, unless
    /// it is them that somebody wants to see.
    fn order(&self, hosts: &Table<HostIx, HostNow>) -> Vec<Row> {
        let name = |host: HostIx| &self.plan.host(host).name;
        let wanted = |(at, host): &(HostIx, &HostNow)| {
            let named = name(*at).as_str().contains(&self.search);
            named && (!self.only_failed || host.rank == Rank::Failed)
        };
        let mut order: Vec<(HostIx, &HostNow)> = hosts.iter().filter(wanted).collect();
        order.sort_by_key(|(at, host)| (host.rank, host.since_ms, *at));
        let folds = !self.only_failed && self.search.is_empty();
        let mut rows: Vec<Row> = Vec::new();
        let mut alike: BTreeMap<(StageIx, String), usize> = BTreeMap::new();
        for (host, now) in order {
            let failed = (folds && now.rank == Rank::Failed).then_some(now);
            let key = failed.and_then(|now| {
                let stage = self.plan.task(now.task?).stage;
                let text = self.folding.neutral(name(host), now.text.as_deref()?);
                Some((stage, text))
            });
            let known = key.as_ref().and_then(|key| alike.get(key).copied());
            if let Some(row) = known.and_then(|row| rows.get_mut(row)) {
                row.more += 1;
                continue;
            }
            if let Some(key) = key {
                alike.insert(key, rows.len());
            }
            rows.push(Row { host, more: 0 });
        }
        rows
    }
}
