//! The whole run on one screen.

use phalanx_events::{CancelLevel, RunOutcome};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;

use super::paint::Paint;
use super::{LiveView, LogPort, Mode, Moment, Now, Seat, host_rows, keys, rows, stage_rows};
use crate::duration::clock;
use crate::folding::count;
use crate::terminal_text::harmless;

/// Lower or narrower than this there is one line only.
const LOWEST: u16 = 7;
const NARROWEST: u16 = 30;
/// Rows that are always there: two of heading, one each over stages and hosts, the gate, the keys.
const FIXED: u16 = 6;

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
    if area.height < LOWEST || area.width < NARROWEST {
        heading(view, &now, buffer, rows(area, 0, 1), moment);
        progress(view, &now, buffer, rows(area, 1, 1));
        keys::draw_footer(
            view,
            buffer,
            rows(area, area.height.saturating_sub(1).max(2), 1),
        );
        view.now = Some(now);
        return;
    }
    heading(view, &now, buffer, rows(area, 0, 1), moment);
    progress(view, &now, buffer, rows(area, 1, 1));
    let room = area.height - FIXED;
    // Hosts get the half at least, if there are so many.
    let hosts = u16::try_from(now.order.len()).unwrap_or(u16::MAX).max(1);
    let all_stages = u16::try_from(now.stages.len()).unwrap_or(u16::MAX);
    let for_stages = all_stages.min(room.saturating_sub(hosts.min(room / 2)));
    let shown = stage_rows::window(&now.stages, for_stages.into());
    let stages_area = rows(area, 2, for_stages + 1);
    stage_rows::draw(view, buffer, stages_area, shown, &now.stages, moment);
    let from = 3 + for_stages;
    let for_hosts = area.height - from - 3;
    view.page = usize::from(for_hosts).max(1);
    view.top = view.top.min(now.order.len().saturating_sub(view.page));
    over_hosts(view, &now, buffer, rows(area, from, 1));
    host_rows::draw(
        view,
        &now,
        buffer,
        rows(area, from + 1, for_hosts),
        moment,
        logs,
    );
    gate(view, &now, buffer, rows(area, area.height - 2, 1));
    keys::draw_footer(view, buffer, rows(area, area.height - 1, 1));
    view.now = Some(now);
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
        (of(host_rows::Rank::Failed), "failed"),
        (of(host_rows::Rank::Working), "at work"),
        (of(host_rows::Rank::Waiting), waiting),
        (of(host_rows::Rank::Done), "done"),
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
fn gate(view: &LiveView, now: &Now, buffer: &mut Buffer, area: Rect) {
    let paint = Paint::new(view.options);
    let text = match (view.is_over(), &view.seat) {
        (true, Seat::Replaying { .. }) => None,
        (true, _) => Some("the run is over".to_owned()),
        (false, _) => host_rows::biggest_gate(view, now),
    };
    if let Some(text) = text {
        paint.put(buffer, (area.x, area.y), area.width, &text, paint.warn());
    }
}
