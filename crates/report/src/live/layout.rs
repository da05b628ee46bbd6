//! What stands where on the screen of the whole run.

use std::ops::Range;

use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

use super::gates::biggest_gate;
use super::host_now::Rank;
use super::interface::{LogPort, Seat};
use super::log_choice::log_of;
use super::log_page::LogPage;
use super::log_tail::text_of;
use super::model::Model;
use super::now::Now;
use super::paint::rows;
use super::{about, footer, host_rows, stage_rows};
use crate::terminal_text::wrap;

/// Lower or narrower than this there is one line only.
const LOWEST: u16 = 7;
const NARROWEST: u16 = 30;
/// From so many columns on the chosen host's log stands beside the hosts, which keep so many.
const SIDE_FROM: u16 = 120;
const MAIN: u16 = 80;
/// Below so many columns it stands below them instead, where so many rows are free for it.
const BESIDE_FROM: u16 = 160;
const BELOW: u16 = 12;
/// From so many rows on, what everyone waits for may take two.
const TALL: u16 = 30;

/// The whole screen.
pub(super) struct Layout {
    pub(super) heading: Rect,
    pub(super) progress: Rect,
    pub(super) foot: Rect,
    /// What is between them; none: there is no room for it.
    pub(super) body: Option<Body>,
}

/// Stages, hosts, and what everyone waits for; beside or below them, where there is room, a log.
pub(super) struct Body {
    pub(super) main: Main,
    pub(super) side: Option<Side>,
    pub(super) gate_area: Rect,
    /// What everyone waits for, row by row.
    pub(super) gate: Vec<String>,
}

/// Stages and hosts; below them what there is to know of the chosen host, where that is not shown elsewhere, else
/// what there is to know of all.
pub(super) struct Main {
    pub(super) stages: Rect,
    /// Those that are shown.
    pub(super) shown_stages: Range<usize>,
    pub(super) over_hosts: Rect,
    pub(super) hosts: Rect,
    /// What hosts have to say, row by row.
    pub(super) texts: Vec<String>,
    /// What there is to know of the chosen host.
    pub(super) about: Vec<(String, Style)>,
    pub(super) about_area: Rect,
    /// Where notes of all hosts have room.
    pub(super) notes: Option<Rect>,
}

/// The chosen host's log.
pub(super) struct Side {
    pub(super) area: Rect,
    /// Whether it is beside the hosts, and not below them.
    pub(super) is_beside: bool,
    /// None: there is no host.
    pub(super) log: Option<LogPage>,
}

impl Layout {
    /// Shares the screen, and moves the list of hosts so far that the chosen one is seen.
    pub(super) fn new(
        view: &mut Model,
        now: &Now,
        area: Rect,
        run_ms: u64,
        logs: &mut dyn LogPort,
    ) -> Self {
        let foot = footer::height(view, area.width, area.height / 2);
        let foot = rows(area, area.height.saturating_sub(foot).max(2), foot);
        let has_room = area.height >= LOWEST && area.width >= NARROWEST;
        Self {
            heading: rows(area, 0, 1),
            progress: rows(area, 1, 1),
            foot,
            body: has_room.then(|| {
                let body = rows(area, 2, foot.y.saturating_sub(area.y + 2));
                Body::new(view, now, body, run_ms, logs)
            }),
        }
    }
}

impl Body {
    fn new(view: &mut Model, now: &Now, area: Rect, run_ms: u64, logs: &mut dyn LogPort) -> Self {
        let waits = wrap(&gate(view, now).unwrap_or_default(), area.width.into());
        let most = if area.height >= TALL { 2 } else { 1 };
        let for_gate = waits.len().min(most);
        let gate = (0..for_gate).map(|at| match at + 1 == for_gate {
            // What has no row is left out with a mark.
            true => waits.get(at..).unwrap_or_default().join(" "),
            false => waits.get(at).cloned().unwrap_or_default(),
        });
        let for_gate = u16::try_from(for_gate).unwrap_or(1);
        let gate_from = area.height.saturating_sub(for_gate);
        let above = rows(area, 0, gate_from);
        let places = places(now, above);
        let main = places.map_or(above, |(main, ..)| main);
        let main = Main::new(view, now, main, places.is_none(), logs);
        let side = places.map(|(_, area, is_beside)| {
            let log = log_of(view, now);
            let log = log.map(|mut log| LogPage::new(&mut log, view, now, area, run_ms, logs));
            Side {
                area,
                is_beside,
                log,
            }
        });
        Self {
            main,
            side,
            gate_area: rows(area, gate_from, for_gate),
            gate: gate.collect(),
        }
    }
}

impl Main {
    fn new(
        view: &mut Model,
        now: &Now,
        area: Rect,
        is_alone: bool,
        logs: &mut dyn LogPort,
    ) -> Self {
        // One row each over stages and hosts.
        let room = area.height.saturating_sub(2);
        let chosen = view.selected_host().filter(|_| is_alone);
        let about = chosen.map(|host| {
            let is_cut = host_rows::is_cut(view, &now.hosts[host], area.width);
            about::rows_of(&about::of_host(view, now, host, is_cut), area.width)
        });
        let about = about.unwrap_or_default();
        let for_about = u16::try_from(about.len()).unwrap_or(room).min(room / 2);
        let room = room - for_about;
        // Hosts get the half at least, if there are so many.
        let hosts = u16::try_from(now.order.len()).unwrap_or(u16::MAX).max(1);
        let all_stages = u16::try_from(now.stages.len()).unwrap_or(u16::MAX);
        let for_stages = all_stages.min(room.saturating_sub(hosts.min(room / 2)));
        let for_hosts = room - for_stages;
        let from = 1 + for_stages;
        scroll(view, now, usize::from(for_hosts).max(1), chosen.is_some());
        let hosts_area = rows(area, from + 1, for_hosts);
        // A row between hosts and notes.
        let used = hosts.min(for_hosts);
        let has_notes = for_about == 0 && for_hosts > used + 1 && !now.notes.is_empty();
        Self {
            stages: rows(area, 0, for_stages + 1),
            shown_stages: stage_rows::window(&now.stages, for_stages.into()),
            over_hosts: rows(area, from, 1),
            hosts: hosts_area,
            texts: texts(view, now, for_hosts.into(), logs),
            about,
            about_area: rows(area, from + 1 + for_hosts, for_about),
            notes: has_notes.then(|| rows(hosts_area, used + 1, for_hosts - used - 1)),
        }
    }
}

/// Moves the list to where a whole page of it is seen. What there is to know of the chosen host takes rows from it: that one
/// is not to be among those that go.
fn scroll(view: &mut Model, now: &Now, page: usize, keeps_chosen: bool) {
    view.page = page;
    view.top = view.top.min(now.order.len().saturating_sub(page));
    let chosen = view.selected_host().filter(|_| keeps_chosen);
    let at = chosen.and_then(|host| now.order.iter().position(|row| row.host == host));
    if let Some(at) = at.filter(|at| *at >= view.top + page) {
        view.top = at + 1 - page;
    }
}

/// What the hosts in so many rows have to say.
fn texts(view: &Model, now: &Now, rows: usize, logs: &mut dyn LogPort) -> Vec<String> {
    let shown = now.order.iter().skip(view.top).take(rows);
    let text = shown.map(|row| match &now.hosts[row.host] {
        host if host.reason.is_none() => text_of(view, host, logs),
        // Why a host has failed is told in as many words as there is room for.
        _ => String::new(),
    });
    text.collect()
}

/// Where there is room for a log too: the place of the stages and hosts, that of the log, and whether it is beside them.
/// Where rows enough are free it is below them: whole lines are read more easily.
fn places(now: &Now, area: Rect) -> Option<(Rect, Rect, bool)> {
    if area.width < SIDE_FROM {
        return None;
    }
    let needs = u16::try_from(now.stages.len() + now.order.len() + 2).unwrap_or(u16::MAX);
    let free = area.height.saturating_sub(needs);
    if area.width < BESIDE_FROM && free >= BELOW {
        let main = rows(area, 0, needs);
        return Some((main, rows(area, needs + 1, free - 1), false));
    }
    let width = MAIN.max(area.width / 2);
    let main = Rect { width, ..area };
    let pane = Rect {
        x: area.x + width + 3,
        width: area.width - width - 3,
        ..area
    };
    Some((main, pane, true))
}

/// What everyone waits for.
fn gate(view: &Model, now: &Now) -> Option<String> {
    match (view.is_over(), &view.seat) {
        (true, Seat::Replaying { .. } | Seat::Picture) => None,
        (true, _) => Some("the run is over".to_owned()),
        (false, _) => {
            let waiting = now.hosts.values().filter(|host| host.rank == Rank::Waiting);
            let tasks = waiting.filter_map(|host| host.task);
            biggest_gate(&view.plan, &view.state, tasks)
        }
    }
}
