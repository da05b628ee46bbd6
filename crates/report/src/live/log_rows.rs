//! One task's output, followed or looked through.

use phalanx_events::TaskStatus;
use phalanx_plan::TaskId;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use unicode_width::UnicodeWidthChar as _;

use super::interface::{LogPort, Moment};
use super::log_pane::LogPane;
use super::model::LiveView;
use super::now::Now;
use super::paint::{Paint, rows};
use super::{about, footer};
use crate::duration::clock;
use crate::terminal_text;

/// So much of a log is looked at for one screen.
const WINDOW: usize = 64 * 1024;

impl LogPane {
    /// Paints it on the whole screen.
    pub(super) fn draw(
        &mut self,
        view: &LiveView,
        now: &Now,
        buffer: &mut Buffer,
        moment: Moment,
        logs: &mut dyn LogPort,
    ) {
        let area = buffer.area;
        let foot = footer::height(view, area.width, area.height / 2);
        let above = rows(area, 0, area.height - foot);
        self.draw_in(view, now, buffer, above, moment, logs);
        footer::draw(view, buffer, rows(area, area.height - foot, foot));
    }

    /// Paints a heading, what there is to know of the host, and the log.
    pub(super) fn draw_in(
        &mut self,
        view: &LiveView,
        now: &Now,
        buffer: &mut Buffer,
        area: Rect,
        moment: Moment,
        logs: &mut dyn LogPort,
    ) {
        if area.height == 0 {
            return;
        }
        let paint = Paint::new(view.options);
        let host = view.plan.hosts.get(self.host);
        let host = host.map_or("?", |host| host.name.as_str());
        let at = (area.x, area.y);
        let Some(task) = self.task.and_then(|task| view.plan.tasks.get(task)) else {
            let text = format!("{host}: no task");
            paint.put(buffer, at, area.width, &text, paint.strong());
            return;
        };
        let known = view.state.tasks.get(&task.id);
        let last = known.map_or(1, |known| known.attempt.max(1));
        let attempt = last.saturating_sub(self.back).max(1);
        self.back = last - attempt;
        let size = logs.size(&task.id, attempt);
        let times = view.timeline.tasks.get(&task.id);
        let time = times.and_then(|times| times.attempt_took(attempt, moment.run_ms));
        let time = time.map(|time| format!(", {}", clock(time)));
        let has_failed = known.is_some_and(|known| matches!(known.status, TaskStatus::Again(_)));
        let word = match known.map(|known| (known.end(), known.is_running())) {
            Some((Some(end), _)) => end.outcome.word(),
            Some((None, true)) => "running",
            Some((None, false)) if has_failed => "failed, another attempt follows",
            _ => "not begun",
        };
        let again = match attempt {
            1 if last == 1 => String::new(),
            attempt => format!(" (attempt {attempt} of {last})"),
        };
        let text = format!(
            "{host} {} {}{again}: {word}{}",
            paint.pick("›", ">"),
            task.id.stage,
            time.unwrap_or_default()
        );
        let behind = paint.put(buffer, at, area.width, &text, paint.strong());
        // What there is to say of the host is of the task that its row is about.
        let is_of_row = now
            .hosts
            .get(self.host)
            .is_some_and(|host| host.task.is_none() || host.task == self.task);
        let about = about::rows_of(&about::of_host(view, now, self.host, is_of_row), area.width);
        let body = rows(area, 1, area.height - 1);
        let most = match size {
            0 => body.height.saturating_sub(1),
            _ => (body.height / 2).max(body.height.saturating_sub(4)),
        };
        let for_about = u16::try_from(about.len()).unwrap_or(most).min(most);
        let more = paint.pick("…", "...");
        about::draw(paint, buffer, rows(body, 0, for_about), &about, more);
        let body = rows(body, for_about, body.height - for_about);
        self.page = body.height;
        if size == 0 && body.height > 0 {
            let is_over = known.is_some_and(|known| known.end().is_some());
            let said = match is_over {
                true => "it has said nothing",
                false => "it has said nothing so far",
            };
            let at = (body.x, body.y);
            paint.put(buffer, at, body.width, said, paint.dim());
        }
        self.body(paint, buffer, body, (&task.id, attempt), size, logs);
        let place = match self.bottom {
            None => "following".to_owned(),
            Some(at) => format!("{} %", at * 100 / size.max(1)),
        };
        let wide = u16::try_from(place.len()).unwrap_or(0);
        if behind + wide < area.right() {
            paint.put_right(buffer, at, area.width, &place, paint.dim());
        }
    }

    fn body(
        &mut self,
        paint: Paint,
        buffer: &mut Buffer,
        area: Rect,
        (task, attempt): (&TaskId, u32),
        size: u64,
        logs: &mut dyn LogPort,
    ) {
        if size == 0 || area.height == 0 {
            return;
        }
        let width = usize::from(area.width).max(1);
        let height = usize::from(area.height);
        let mut piece = |from: u64, until: u64| {
            let most = usize::try_from(until.saturating_sub(from))
                .unwrap_or(WINDOW)
                .min(WINDOW);
            let bytes = logs.read(task, attempt, from, most);
            screen_lines(&bytes, from, width)
        };
        if std::mem::take(&mut self.to_top) {
            let first = piece(0, size);
            let last = first.get(height.saturating_sub(1)).or(first.last());
            self.bottom = last.map(|line| line.ends).filter(|at| *at < size);
        }
        let mut bottom = self.bottom.unwrap_or(size).min(size);
        let by = std::mem::take(&mut self.by);
        if by > 0 && self.bottom.is_some() {
            let lines = piece(bottom, size);
            let steps = usize::try_from(by).unwrap_or(usize::MAX);
            bottom = lines.get(steps - 1).map_or(size, |line| line.ends);
        }
        let from = bottom.saturating_sub(WINDOW as u64);
        let mut lines = piece(from, bottom);
        // Where it begins in the middle, the first line is a part of one.
        if from > 0 && lines.len() > height {
            lines.remove(0);
        }
        if by < 0 {
            let steps = usize::try_from(-by).unwrap_or(usize::MAX);
            // Not further up than where the first line is on top.
            let keep = lines
                .len()
                .saturating_sub(steps)
                .max(height.min(lines.len()));
            lines.truncate(keep);
            bottom = lines.last().map_or(bottom, |line| line.ends);
        }
        self.bottom = (bottom < size).then_some(bottom);
        let skip = lines.len().saturating_sub(height);
        for (row, line) in lines.iter().skip(skip).enumerate() {
            let y = area.y + u16::try_from(row).unwrap_or(0);
            paint.put(buffer, (area.x, y), area.width, &line.text, paint.plain());
        }
    }
}

/// One row of a log on the screen.
struct ScreenLine {
    text: String,
    /// The byte behind it in the log.
    ends: u64,
}

/// Bytes of a log as rows: long lines go on in the next row.
fn screen_lines(bytes: &[u8], from: u64, width: usize) -> Vec<ScreenLine> {
    let mut rows = Vec::new();
    let mut at = from;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        at += line.len() as u64;
        let text = terminal_text::line(line).replace('\t', "  ");
        let (mut row, mut used) = (String::new(), 0);
        for c in text.chars() {
            let wide = c.width().unwrap_or(0);
            if used + wide > width {
                rows.push(ScreenLine {
                    text: std::mem::take(&mut row),
                    ends: at,
                });
                used = 0;
            }
            used += wide;
            row.push(c);
        }
        rows.push(ScreenLine {
            text: row,
            ends: at,
        });
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_go_on_in_the_next_row() {
        let rows = screen_lines(b"abcdef\nxy\n", 10, 4);
        let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
        assert_eq!(texts, ["abcd", "ef", "xy"]);
        assert_eq!(rows[1].ends, 17);
        assert_eq!(rows[2].ends, 20);
    }
}
