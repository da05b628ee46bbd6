//! Stages as rows, with a bar where there is room.

use phalanx_plan::{StageId, StageIx, Table};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;

use super::model::Model;
use super::paint::Paint;
use super::stage_now::StageNow;
use crate::duration::clock;

/// From so many columns on there is a bar.
const BAR_FROM: u16 = 72;
const LONGEST_NAME: usize = 20;

/// Which stages are shown where not all have room: those where something happens.
pub(super) fn window(stages: &Table<StageIx, StageNow>, room: usize) -> std::ops::Range<usize> {
    let all = stages.len();
    if all <= room {
        return 0..all;
    }
    let active = stages
        .values()
        .position(|stage| stage.over() < stage.tasks)
        .unwrap_or(all);
    let from = active.saturating_sub(1).min(all - room);
    from..from + room
}

/// Paints the heading and the rows of these stages.
pub(super) fn draw(
    view: &Model,
    buffer: &mut Buffer,
    area: Rect,
    shown: std::ops::Range<usize>,
    stages: &Table<StageIx, StageNow>,
    run_ms: u64,
) {
    let paint = Paint::new(view.options);
    let columns = Columns::of(view, area.width);
    let all = stages.len();
    let heading = match shown.len() == all {
        true => "stage".to_owned(),
        false => format!("{}-{}/{all}", shown.start + 1, shown.end),
    };
    let y = area.y;
    paint.put(
        buffer,
        (area.x, y),
        columns.name.max(16),
        &heading,
        paint.dim(),
    );
    for (at, word) in ["wait", "run", "done", "skip", "fail"].iter().enumerate() {
        paint.put_right(buffer, (columns.count_at(at), y), 5, word, paint.dim());
    }
    if let Some((x, width)) = columns.time {
        let text = match view.learned {
            Some(_) => "time / about",
            None => "time",
        };
        paint.put_right(buffer, (x, y), width, text, paint.dim());
    }
    let shown = stages.iter().skip(shown.start).take(shown.len());
    for (row, (at, stage)) in shown.enumerate() {
        let planned = view.plan.stage(at);
        let y = area.y + 1 + u16::try_from(row).unwrap_or(u16::MAX - area.y - 1);
        if y < area.bottom() {
            draw_row(
                view,
                buffer,
                (area.x, y),
                &columns,
                stage,
                &planned.id,
                run_ms,
            );
        }
    }
}

fn draw_row(
    view: &Model,
    buffer: &mut Buffer,
    (x, y): (u16, u16),
    columns: &Columns,
    stage: &StageNow,
    id: &StageId,
    run_ms: u64,
) {
    let paint = Paint::new(view.options);
    let is_over = stage.over() == stage.tasks;
    let style = match stage {
        stage if stage.failed > 0 => paint.bad(),
        stage if stage.running > 0 => paint.working(),
        _ if is_over && stage.not_run == 0 => paint.good(),
        stage if stage.over() > 0 => paint.plain(),
        _ => paint.dim(),
    };
    paint.put(buffer, (x, y), columns.name, id.as_str(), style);
    let counts = [
        (stage.waiting(), paint.dim()),
        (stage.running, paint.working()),
        (stage.done, paint.good()),
        (stage.skipped, paint.plain()),
        (stage.failed, paint.bad()),
    ];
    for (at, (count, style)) in counts.into_iter().enumerate() {
        let (text, style) = match count {
            0 => (paint.pick("·", ".").to_owned(), paint.dim()),
            count => (count.to_string(), style),
        };
        paint.put_right(buffer, (columns.count_at(at), y), 5, &text, style);
    }
    if let Some((x, width)) = columns.bar {
        bar(paint, buffer, (x, y), width, stage);
    }
    if let Some((x, width)) = columns.time {
        let text = match (stage.not_run, stage.wall(run_ms)) {
            (not_run @ 1.., _) => format!("{not_run} not run"),
            (0, None) if is_over => String::new(),
            (0, None) => view.expected_wall(id).map_or_else(String::new, |wall| {
                format!("{}{}", paint.pick("≈", "~"), clock(wall))
            }),
            (0, Some(wall)) => match view.expected_wall(id).filter(|_| !is_over) {
                Some(expected) => {
                    let about = paint.pick("≈", "~");
                    format!("{} / {about}{}", clock(wall), clock(expected))
                }
                None => clock(wall),
            },
        };
        let style = if is_over { paint.dim() } else { paint.plain() };
        paint.put_right(buffer, (x, y), width, &text, style);
    }
}

/// A bar of what came of tasks.
pub(super) fn bar(paint: Paint, buffer: &mut Buffer, at: (u16, u16), width: u16, stage: &StageNow) {
    let parts = [
        (stage.failed, paint.pick("█", "x"), paint.bad()),
        (stage.not_run, paint.pick("▒", "-"), paint.warn()),
        (
            stage.done + stage.skipped,
            paint.pick("█", "#"),
            paint.good(),
        ),
        (stage.running, paint.pick("▓", "="), paint.working()),
    ];
    paint.bar(buffer, at, width, stage.tasks, &parts);
}

/// Where things stand in a row.
struct Columns {
    name: u16,
    counts: u16,
    bar: Option<(u16, u16)>,
    time: Option<(u16, u16)>,
}

impl Columns {
    fn of(view: &Model, width: u16) -> Self {
        let names = view.plan.stages.iter().map(|stage| stage.id.as_str().len());
        let longest = names.max().unwrap_or(5).clamp(9, LONGEST_NAME);
        let counts_width = 25;
        let room = width.saturating_sub(counts_width);
        let name = u16::try_from(longest).unwrap_or(room).min(room.max(4));
        let rest = width.saturating_sub(name + counts_width);
        let time = (rest >= 8).then(|| {
            let wide = rest.saturating_sub(1).min(15);
            (width - wide, wide)
        });
        let bar = (width >= BAR_FROM).then(|| {
            let from = name + counts_width + 2;
            (from, width.saturating_sub(from + 17))
        });
        Self {
            name,
            counts: name,
            bar,
            time,
        }
    }

    fn count_at(&self, at: usize) -> u16 {
        self.counts + u16::try_from(at).unwrap_or(0) * 5
    }
}
