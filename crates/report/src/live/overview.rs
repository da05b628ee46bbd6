//! The whole run on one screen.

use phalanx_events::{CancelLevel, RunOutcome};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;

use super::gates::biggest_gate;
use super::host_now::Rank;
use super::interface::{LogPort, Moment, Seat};
use super::model::{LiveView, Mode};
use super::now::Now;
use super::paint::{Paint, rows};
use super::{about, footer, host_rows, stage_rows};
use crate::duration::clock;
use crate::folding::count;
use crate::terminal_text::{harmless, wrap};

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

pub(super) fn draw(
    view: &mut LiveView,
    buffer: &mut Buffer,
    area: Rect,
    moment: Moment,
    logs: &mut dyn LogPort,
) {
    let Some(now) = view.now.take() else {
        return;
    };
    heading(view, &now, buffer, rows(area, 0, 1), moment);
    progress(view, &now, buffer, rows(area, 1, 1));
    let foot = footer::height(view, area.width, area.height / 2);
    let foot = rows(area, area.height.saturating_sub(foot).max(2), foot);
    footer::draw(view, buffer, foot);
    if area.height >= LOWEST && area.width >= NARROWEST {
        let body = rows(area, 2, foot.y.saturating_sub(area.y + 2));
        draw_body(view, &now, buffer, body, moment, logs);
    }
    view.now = Some(now);
}

/// Stages, hosts, and what everyone waits for; beside them, where there is room, the chosen host's log.
fn draw_body(
    view: &mut LiveView,
    now: &Now,
    buffer: &mut Buffer,
    body: Rect,
    moment: Moment,
    logs: &mut dyn LogPort,
) {
    let waits = wrap(&gate(view, now).unwrap_or_default(), body.width.into());
    let most = if body.height >= TALL { 2 } else { 1 };
    let for_gate = waits.len().min(most);
    let paint = Paint::new(view.options);
    let for_gate = u16::try_from(for_gate).unwrap_or(1);
    let gate_from = body.height.saturating_sub(for_gate);
    for (at, text) in (0..for_gate).zip(&waits) {
        // What has no row is left out with a mark.
        let rest = match at + 1 == for_gate {
            true => waits.get(usize::from(at)..).unwrap_or_default().join(" "),
            false => text.clone(),
        };
        let y = body.y + gate_from + at;
        paint.put(buffer, (body.x, y), body.width, &rest, paint.warn());
    }
    let above = rows(body, 0, gate_from);
    let Some((main, pane, is_beside)) = places(now, above) else {
        return draw_main(view, now, buffer, above, moment, logs, true);
    };
    draw_main(view, now, buffer, main, moment, logs, false);
    if is_beside {
        for y in pane.top()..pane.bottom() {
            let at = (pane.x - 2, y);
            paint.put(buffer, at, 1, paint.pick("│", "|"), paint.dim());
        }
    } else {
        let line = paint.pick("─", "-").repeat(pane.width.into());
        let at = (pane.x, pane.y - 1);
        paint.put(buffer, at, pane.width, &line, paint.dim());
    }
    if let Some(mut log) = view.log_of(now) {
        log.draw_in(view, now, buffer, pane, moment, logs);
    }
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

/// Stages and hosts; below them what there is to know of the chosen host, where that is not shown elsewhere, else
/// what there is to know of all.
fn draw_main(
    view: &mut LiveView,
    now: &Now,
    buffer: &mut Buffer,
    area: Rect,
    moment: Moment,
    logs: &mut dyn LogPort,
    is_alone: bool,
) {
    let paint = Paint::new(view.options);
    // One row each over stages and hosts.
    let room = area.height.saturating_sub(2);
    let chosen = view.selected_host().filter(|_| is_alone);
    let about = chosen.map(|host| {
        let is_cut = now
            .hosts
            .get(host)
            .is_some_and(|host| host_rows::is_cut(view, host, area.width));
        about::rows_of(&about::of_host(view, now, host, is_cut), area.width)
    });
    let about = about.unwrap_or_default();
    let for_about = u16::try_from(about.len()).unwrap_or(room).min(room / 2);
    let room = room - for_about;
    // Hosts get the half at least, if there are so many.
    let hosts = u16::try_from(now.order.len()).unwrap_or(u16::MAX).max(1);
    let all_stages = u16::try_from(now.stages.len()).unwrap_or(u16::MAX);
    let for_stages = all_stages.min(room.saturating_sub(hosts.min(room / 2)));
    let shown = stage_rows::window(&now.stages, for_stages.into());
    let stages_area = rows(area, 0, for_stages + 1);
    stage_rows::draw(view, buffer, stages_area, shown, &now.stages, moment);
    let from = 1 + for_stages;
    let for_hosts = room - for_stages;
    view.page = usize::from(for_hosts).max(1);
    view.top = view.top.min(now.order.len().saturating_sub(view.page));
    if chosen.is_some() {
        bring_into_sight(view, now);
    }
    over_hosts(view, now, buffer, rows(area, from, 1));
    let hosts_area = rows(area, from + 1, for_hosts);
    host_rows::draw(view, now, buffer, hosts_area, moment, logs);
    let below = rows(area, from + 1 + for_hosts, for_about);
    let more = paint.pick("… Enter shows all", "... Enter shows all");
    about::draw(paint, buffer, below, &about, more);
    // A row between hosts and notes.
    let used = hosts.min(for_hosts);
    if for_about == 0 && for_hosts > used + 1 && !now.notes.is_empty() {
        let free = rows(hosts_area, used + 1, for_hosts - used - 1);
        about::draw_notes(view, &now.notes, buffer, free);
    }
}

/// What there is to know of the chosen host takes rows from the list: it is not to be among those that go.
fn bring_into_sight(view: &mut LiveView, now: &Now) {
    let chosen = view.selected_host();
    let at = chosen.and_then(|host| now.order.iter().position(|row| row.host == host));
    if let Some(at) = at.filter(|at| *at >= view.top + view.page) {
        view.top = at + 1 - view.page;
    }
}

/// What runs, and for how long.
fn heading(view: &LiveView, now: &Now, buffer: &mut Buffer, area: Rect, moment: Moment) {
    let paint = Paint::new(view.options);
    let plan = &view.plan;
    let release = plan.release.as_ref().map(|release| format!(" {release}"));
    let (dot, about) = (paint.pick("·", "-"), paint.pick("≈", "~"));
    let time = match (view.is_over(), view.expected_end()) {
        (true, _) => clock(view.state.ms),
        (false, Some(end)) if end > moment.run_ms => {
            format!("{} of {about}{}", clock(moment.run_ms), clock(end))
        }
        (false, _) => clock(moment.run_ms),
    };
    let wide = u16::try_from(time.chars().count()).unwrap_or(0) + 1;
    let text = format!(
        "{} {dot} {}{} {dot} {} {dot} {}",
        plan.flow,
        plan.recipe,
        release.unwrap_or_default(),
        plan.cluster,
        count(now.hosts.len(), "host"),
    );
    let width = area.width.saturating_sub(wide);
    paint.put(
        buffer,
        (area.x, area.y),
        width,
        &harmless(&text),
        paint.strong(),
    );
    paint.put_right(buffer, (area.x, area.y), area.width, &time, paint.strong());
}

/// How far it is, and whether it goes on.
fn progress(view: &LiveView, now: &Now, buffer: &mut Buffer, area: Rect) {
    let paint = Paint::new(view.options);
    let (text, style) = match (view.state.ended, view.state.cancel, view.state.paused) {
        (Some(RunOutcome::Done), ..) => ("done", paint.good()),
        (Some(RunOutcome::Failed), ..) => ("failed", paint.bad()),
        (Some(RunOutcome::ProblemsFound), ..) => ("problems found", paint.bad()),
        (Some(RunOutcome::Interrupted), ..) => ("interrupted", paint.warn()),
        (Some(RunOutcome::Held), ..) => ("held by another run", paint.warn()),
        (None, Some(CancelLevel::NoNewTasks), _) => ("stopping: nothing new", paint.warn()),
        (None, Some(CancelLevel::StopJobs), _) => ("stopping what runs", paint.warn()),
        (None, Some(CancelLevel::Leave), _) => ("leaving", paint.warn()),
        (None, None, true) => ("PAUSED", paint.warn()),
        (None, None, false) => ("", paint.plain()),
    };
    let total = &now.total;
    let ran = total.over() - total.not_run;
    let mut figures = format!("{ran} of {}", count(total.tasks, "task"));
    if total.failed > 0 {
        figures.push_str(&format!(", {} failed", total.failed));
    }
    if view.is_over() && total.not_run > 0 {
        figures.push_str(&format!(", {} not run", total.not_run));
    }
    let figures_wide = u16::try_from(figures.chars().count()).unwrap_or(0) + 1;
    let text_wide = match text.len() {
        0 => 0,
        long => u16::try_from(long).unwrap_or(0) + 2,
    };
    let bar = area.width.saturating_sub(figures_wide + text_wide);
    stage_rows::bar(paint, buffer, (area.x, area.y), bar, total);
    let after = paint.put(
        buffer,
        (area.x + bar + 1, area.y),
        figures_wide,
        &figures,
        paint.plain(),
    );
    paint.put(buffer, (after + 2, area.y), text_wide, text, style);
}

fn over_hosts(view: &LiveView, now: &Now, buffer: &mut Buffer, area: Rect) {
    let paint = Paint::new(view.options);
    let waiting = if view.is_over() {
        "not done"
    } else {
        "waiting"
    };
    let of = |rank| now.hosts.iter().filter(|host| host.rank == rank).count();
    let counts = [
        (of(Rank::Failed), "failed"),
        (of(Rank::Working), "at work"),
        (of(Rank::Waiting), waiting),
        (of(Rank::Done), "done"),
    ];
    let counts = counts.iter().filter(|(number, _)| *number > 0);
    let counts: Vec<String> = counts
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    let mut text = format!("hosts: {}", counts.join(", "));
    if view.only_failed {
        text.push_str(" [failed only]");
    }
    if !view.search.is_empty() || matches!(view.mode, Mode::Searching) {
        text.push_str(&format!(" [named *{}*]", view.search));
    }
    let shown = view.page.min(now.order.len().saturating_sub(view.top));
    let place = match shown < now.order.len() {
        true => format!(
            "{}-{} of {}",
            view.top + 1,
            view.top + shown,
            now.order.len()
        ),
        false => String::new(),
    };
    let wide = u16::try_from(place.len() + 1).unwrap_or(0);
    let at = (area.x, area.y);
    paint.put(
        buffer,
        at,
        area.width.saturating_sub(wide),
        &text,
        paint.dim(),
    );
    paint.put_right(buffer, at, area.width, &place, paint.dim());
}

/// What everyone waits for.
fn gate(view: &LiveView, now: &Now) -> Option<String> {
    match (view.is_over(), &view.seat) {
        (true, Seat::Replaying { .. } | Seat::Picture) => None,
        (true, _) => Some("the run is over".to_owned()),
        (false, _) => {
            let waiting = now.hosts.iter().filter(|host| host.rank == Rank::Waiting);
            let tasks = waiting.filter_map(|host| host.task);
            biggest_gate(&view.plan, &view.index, &view.state, tasks)
        }
    }
}
