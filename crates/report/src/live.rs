//! A run as a screen: where it is, who holds it up, what that one says.
//!
//! [`LiveView`] is the same for a run that goes on in this process, for one that somebody else works on,
//! and for one that is over and shown again: all of it is made from events, and from log bytes through
//! [`LogPort`]. It takes keys and gives [`Wish`]es; it opens nothing and asks no clock.

mod about;
mod host_rows;
mod keys;
mod log_pane;
mod overview;
mod paint;
mod picture;
mod stage_rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use phalanx_events::{CancelLevel, Control, Event, RunState};
use phalanx_plan::{HostName, Plan, StageId, TaskId};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;

use crate::estimate::Learned;
use crate::folding::Folding;
use crate::table::Charset;
use crate::timeline::Timeline;
use host_rows::HostNow;
use log_pane::LogPane;
pub use picture::svg;
use stage_rows::StageNow;

/// So long a message stays, if no key is pressed.
const MESSAGE_MS: u64 = 12_000;
/// How often the end is worked out anew.
const FORECAST_EVERY_MS: u64 = 1_000;

/// Reads what hosts said.
pub trait LogPort {
    /// How many bytes there are of an attempt's output.
    fn size(&mut self, task: &TaskId, attempt: u32) -> u64;
    /// Up to `most` of them, from this one on. What can't be read is not there.
    fn read(&mut self, task: &TaskId, attempt: u32, from: u64, most: usize) -> Vec<u8>;
}

/// A key that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// One up.
    Up,
    /// One down.
    Down,
    /// To the left.
    Left,
    /// To the right.
    Right,
    /// A screen up.
    PageUp,
    /// A screen down.
    PageDown,
    /// To the first.
    Home,
    /// To the last.
    End,
    /// Go in.
    Enter,
    /// Go back.
    Escape,
    /// Take a character back.
    Backspace,
    /// Ctrl-C.
    Interrupt,
}

/// What the operator wants, out of the keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// This of the run.
    Say(Control),
    /// The run is to stop, so urgently.
    Stop(CancelLevel),
    /// What Ctrl-C means outside.
    Interrupt,
    /// The screen is to be closed; the run goes on.
    Close,
    /// A replay is to go so much faster (or slower, below 1).
    Faster(f64),
    /// A replay is to stand still, or to go on.
    Hold,
}

/// Whose screen it is, which decides what keys do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seat {
    /// The process that works on the run.
    Working,
    /// Another one, that watches.
    Watching,
    /// The run is over, and shown again.
    Replaying {
        /// So many times as fast.
        speed: f64,
        /// Whether it stands still.
        held: bool,
    },
    /// It is a picture: there are no keys.
    Picture,
}

/// What the screen can show.
#[derive(Clone, Copy, Debug)]
pub struct LiveOptions {
    /// Whether there are colours.
    pub colour: bool,
    /// Which characters there are.
    pub charset: Charset,
}

/// The moment that is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// Milliseconds of the run.
    pub run_ms: u64,
    /// Milliseconds of whoever looks.
    pub real_ms: u64,
}

/// A run as a screen.
pub struct LiveView {
    plan: Arc<Plan>,
    index: PlanIndex,
    folding: Folding,
    state: RunState,
    timeline: Timeline,
    options: LiveOptions,
    seat: Seat,
    learned: Option<Learned>,
    mode: Mode,
    /// The host that keys are about.
    selected: Option<HostName>,
    /// The first host shown.
    top: usize,
    /// How many hosts fitted last time.
    page: usize,
    only_failed: bool,
    search: String,
    message: Option<(String, u64)>,
    /// Worked out from the state when something happened.
    now: Option<Now>,
    forecast: Option<(u64, Option<u64>)>,
    /// When the last key or message came.
    real_ms: u64,
}

/// What is on the screen.
enum Mode {
    Overview,
    /// The same, and a part of a host's name is being typed.
    Searching,
    Log(LogPane),
    Help,
    /// The same as before, and a question.
    Asking(String, Wish),
}

/// The plan, ready for questions.
struct PlanIndex {
    stages: BTreeMap<StageId, usize>,
    hosts: BTreeMap<HostName, usize>,
    /// By host, in the order of stages.
    of_host: Vec<Vec<usize>>,
}

/// The state, ready to be shown.
struct Now {
    stages: Vec<StageNow>,
    hosts: Vec<HostNow>,
    /// Rows of hosts in the order in which they are shown.
    order: Vec<Row>,
    total: StageNow,
    /// What there is to know of hosts.
    notes: Vec<String>,
}

/// One row: a host, and how many more are as it is.
#[derive(Clone, Copy)]
struct Row {
    host: usize,
    more: usize,
}

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

    /// Says something to the operator.
    pub fn say(&mut self, text: &str) {
        self.message = Some((
            crate::terminal_text::harmless(text),
            self.real_ms.saturating_add(MESSAGE_MS),
        ));
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
            Mode::Help => keys::draw_help(self, buffer, area),
            Mode::Overview | Mode::Searching | Mode::Asking(..) => {
                overview::draw(self, buffer, area, moment, logs);
            }
        }
    }

    /// Works out how everything stands, where something happened since.
    fn look(&mut self) {
        if self.now.is_none() {
            let stages = stage_rows::count(&self.plan, &self.state, &self.timeline);
            let mut total = StageNow::default();
            for stage in &stages {
                total.add(stage);
            }
            let hosts = host_rows::look(&self.plan, &self.index, &self.state);
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
            let failed = !self.only_failed
                || hosts
                    .get(*at)
                    .is_some_and(|host| host.rank == host_rows::Rank::Failed);
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
                .filter(|now| folds && now.rank == host_rows::Rank::Failed);
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

    /// The host that keys are about, by its place in the plan.
    fn selected_host(&self) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        self.index.hosts.get(selected).copied()
    }

    /// The end of the run, in its milliseconds, as earlier runs have it.
    fn expected_end(&self) -> Option<u64> {
        self.forecast.and_then(|(_, end)| end)
    }

    fn is_over(&self) -> bool {
        self.state.ended.is_some()
    }
}

impl PlanIndex {
    fn new(plan: &Plan) -> Self {
        let stages = plan.stages.iter().enumerate();
        let hosts = plan.hosts.iter().enumerate();
        let mut of_host = vec![Vec::new(); plan.hosts.len()];
        for (at, task) in plan.tasks.iter().enumerate() {
            if let Some(tasks) = of_host.get_mut(task.host) {
                tasks.push(at);
            }
        }
        for tasks in &mut of_host {
            tasks.sort_by_key(|task| plan.tasks.get(*task).map(|task| task.stage));
        }
        Self {
            stages: stages.map(|(at, stage)| (stage.id.clone(), at)).collect(),
            hosts: hosts.map(|(at, host)| (host.name.clone(), at)).collect(),
            of_host,
        }
    }
}

/// A part of the screen.
fn rows(area: Rect, from: u16, height: u16) -> Rect {
    let y = area.y.saturating_add(from).min(area.bottom());
    Rect {
        y,
        height: height.min(area.bottom() - y),
        ..area
    }
}
