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
mod plan_index;
mod stage_now;
mod stage_rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use phalanx_events::{Event, RunState};
use phalanx_plan::Plan;
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
use plan_index::PlanIndex;
use stage_now::StageNow;

/// How often the end is worked out anew.
const FORECAST_EVERY_MS: u64 = 1_000;

impl LiveView {
    /// A screen for this plan's run.
    pub fn new(plan: Arc<Plan>, seat: Seat, options: LiveOptions) -> Self {
        Self {
            index: PlanIndex::new(&plan),
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
    pub fn replan(&mut self, plan: Arc<Plan>) {
        self.index = PlanIndex::new(&plan);
        self.folding = Folding::new(&plan);
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
                let mut shown = std::mem::take(pane);
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
            for stage in &stages {
                total.add(stage);
            }
            let hosts = host_now::look(&self.plan, &self.index, &self.state);
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
    fn order(&self, hosts: &[HostNow]) -> Vec<Row> {
        let wanted = |at: &usize| {
            let name = self.plan.hosts.get(*at).map(|host| host.name.as_str());
            let named = name.is_some_and(|name| name.contains(&self.search));
            let failed =
                !self.only_failed || hosts.get(*at).is_some_and(|host| host.rank == Rank::Failed);
            named && failed
        };
        let mut order: Vec<usize> = (0..self.plan.hosts.len()).filter(wanted).collect();
        order.sort_by_key(|at| hosts.get(*at).map(|host| (host.rank, host.since_ms, *at)));
        let folds = !self.only_failed && self.search.is_empty();
        let mut rows: Vec<Row> = Vec::new();
        let mut alike: BTreeMap<(usize, String), usize> = BTreeMap::new();
        for host in order {
            let failed = hosts
                .get(host)
                .filter(|now| folds && now.rank == Rank::Failed);
            let key = failed.and_then(|now| {
                let stage = self.plan.tasks.get(now.task?)?.stage;
                let name = &self.plan.hosts.get(host)?.name;
                Some((stage, self.folding.neutral(name, now.text.as_deref()?)))
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
