//! The whole run on one screen.

use phalanx_events::{CancelLevel, RunOutcome};
use phalanx_plan::sentence::count;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;

use super::host_now::Rank;
use super::layout::{Layout, Main, Side};
use super::model::{Mode, Model};
use super::now::Now;
use super::paint::Paint;
use super::{about, footer, host_rows, log_rows, stage_rows};
use crate::duration::clock;
use crate::terminal_text::harmless;

/// Paints all of it.
pub(super) fn draw(view: &Model, now: &Now, layout: &Layout, buffer: &mut Buffer, run_ms: u64) {
    heading(view, now, buffer, layout.heading, run_ms);
    progress(view, now, buffer, layout.progress);
    footer::draw(view, buffer, layout.foot);
    let Some(body) = &layout.body else {
        return;
    };
    let paint = Paint::new(view.options);
    let area = body.gate_area;
    for (text, y) in body.gate.iter().zip(area.y..) {
        paint.put(buffer, (area.x, y), area.width, text, paint.warn());
    }
    draw_main(view, now, &body.main, buffer, run_ms);
    if let Some(side) = &body.side {
        draw_side(paint, side, buffer);
    }
}

/// A line, and the chosen host's log behind it.
fn draw_side(paint: Paint, side: &Side, buffer: &mut Buffer) {
    let area = side.area;
    if side.is_beside {
        for y in area.top()..area.bottom() {
            let at = (area.x - 2, y);
            paint.put(buffer, at, 1, paint.pick("│", "|"), paint.dim());
        }
    } else {
        let line = paint.pick("─", "-").repeat(area.width.into());
        let at = (area.x, area.y - 1);
        paint.put(buffer, at, area.width, &line, paint.dim());
    }
    if let Some(log) = &side.log {
        log_rows::draw(paint, log, buffer);
    }
}

/// Stages and hosts, and what there is to know of them.
fn draw_main(view: &Model, now: &Now, main: &Main, buffer: &mut Buffer, run_ms: u64) {
    let paint = Paint::new(view.options);
    let shown = main.shown_stages.clone();
    stage_rows::draw(view, buffer, main.stages, shown, &now.stages, run_ms);
    over_hosts(view, now, buffer, main.over_hosts);
    host_rows::draw(view, now, buffer, main.hosts, run_ms, &main.texts);
    let more = paint.pick("… Enter shows all", "... Enter shows all");
    about::draw(paint, buffer, main.about_area, &main.about, more);
    if let Some(area) = main.notes {
        about::draw_notes(view, &now.notes, buffer, area);
    }
}

/// What runs, and for how long.
fn heading(view: &Model, now: &Now, buffer: &mut Buffer, area: Rect, run_ms: u64) {
    let paint = Paint::new(view.options);
    let plan = &view.plan;
    let release = plan.release.as_ref().map(|release| format!(" {release}"));
    let (dot, about) = (paint.pick("·", "-"), paint.pick("≈", "~"));
    let time = match (view.is_over(), view.expected_end()) {
        (true, _) => clock(view.state.ms),
        (false, Some(end)) if end > run_ms => {
            format!("{} of {about}{}", clock(run_ms), clock(end))
        }
        (false, _) => clock(run_ms),
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
fn progress(view: &Model, now: &Now, buffer: &mut Buffer, area: Rect) {
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

fn over_hosts(view: &Model, now: &Now, buffer: &mut Buffer, area: Rect) {
    let paint = Paint::new(view.options);
    let waiting = if view.is_over() {
        "not done"
    } else {
        "waiting"
    };
    let of = |rank| now.hosts.values().filter(|host| host.rank == rank).count();
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
    if view.filter.only_failed {
        text.push_str(" [failed only]");
    }
    if !view.filter.search.is_empty() || matches!(view.mode, Mode::Searching) {
        text.push_str(&format!(" [named *{}*]", view.filter.search));
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
