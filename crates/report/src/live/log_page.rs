//! What of a task's output is on the screen.

use phalanx_events::TaskStatus;
use phalanx_plan::{PlannedTask, TaskId};
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;
use unicode_width::UnicodeWidthChar as _;

use super::about;
use super::interface::LogPort;
use super::log_pane::LogPane;
use super::model::Model;
use super::now::Now;
use super::paint::{Paint, rows};
use crate::duration::clock;
use crate::terminal_text;

/// So much of a log is looked at for one screen.
const WINDOW: usize = 64 * 1024;

/// A heading, what there is to know of the host, and a part of the log.
pub(super) struct LogPage {
    pub(super) area: Rect,
    pub(super) title: String,
    /// Where in the log it is; none: there is no task, and so no log.
    pub(super) place: Option<String>,
    /// What there is to know of the host.
    pub(super) about: Vec<(String, Style)>,
    pub(super) about_area: Rect,
    pub(super) body: Rect,
    /// The rows of the log from the body's first on.
    pub(super) lines: Vec<String>,
    /// That there are none, in words.
    pub(super) silence: Option<&'static str>,
}

/// The attempt that is looked at, of so many, and how many bytes it has said.
#[derive(Clone, Copy)]
struct Attempt {
    number: u32,
    last: u32,
    size: u64,
}

impl LogPage {
    /// Moves the pane to where its keys want it, and reads what is seen there.
    pub(super) fn new(
        pane: &mut LogPane,
        view: &Model,
        now: &Now,
        area: Rect,
        run_ms: u64,
        logs: &mut dyn LogPort,
    ) -> Self {
        let host = view.plan.host(pane.host).name.as_str();
        let mut page = Self {
            area,
            title: format!("{host}: no task"),
            place: None,
            about: Vec::new(),
            about_area: rows(area, 1, 0),
            body: rows(area, 1, 0),
            lines: Vec::new(),
            silence: None,
        };
        let task = pane.task.filter(|_| area.height > 0);
        let Some(task) = task.map(|task| view.plan.task(task)) else {
            return page;
        };
        let known = view.state.tasks.get(&task.id);
        let last = known.map_or(1, |known| known.attempt.max(1));
        let number = last.saturating_sub(pane.back).max(1);
        pane.back = last - number;
        let attempt = Attempt {
            number,
            last,
            size: logs.size(&task.id, number),
        };
        page.title = title(view, host, task, attempt, run_ms);
        page.make_room(pane, view, now, attempt.size);
        if attempt.size == 0 && page.body.height > 0 {
            let is_over = known.is_some_and(|known| known.end().is_some());
            page.silence = Some(match is_over {
                true => "it has said nothing",
                false => "it has said nothing so far",
            });
        }
        page.lines = lines(pane, page.body, &task.id, attempt, logs);
        page.place = Some(match pane.bottom {
            None => "following".to_owned(),
            Some(at) => format!("{} %", at * 100 / attempt.size.max(1)),
        });
        page
    }

    /// Shares the rows between what there is to know of the host, and the log.
    fn make_room(&mut self, pane: &mut LogPane, view: &Model, now: &Now, size: u64) {
        let area = self.area;
        // What there is to say of the host is of the task that its row is about.
        let of_row = now.hosts[pane.host].task;
        let is_of_row = of_row.is_none() || of_row == pane.task;
        self.about = about::rows_of(&about::of_host(view, now, pane.host, is_of_row), area.width);
        let body = rows(area, 1, area.height.saturating_sub(1));
        let most = match size {
            0 => body.height.saturating_sub(1),
            _ => (body.height / 2).max(body.height.saturating_sub(4)),
        };
        let for_about = u16::try_from(self.about.len()).unwrap_or(most).min(most);
        self.about_area = rows(body, 0, for_about);
        self.body = rows(body, for_about, body.height - for_about);
        pane.page = self.body.height;
    }
}

/// Which attempt of which task it is, and what came of it.
fn title(view: &Model, host: &str, task: &PlannedTask, attempt: Attempt, run_ms: u64) -> String {
    let known = view.state.tasks.get(&task.id);
    let times = view.timeline.tasks.get(&task.id);
    let time = times.and_then(|times| times.attempt_took(attempt.number, run_ms));
    let time = time.map(|time| format!(", {}", clock(time)));
    let has_failed = known.is_some_and(|known| matches!(known.status, TaskStatus::Again(_)));
    let word = match known.map(|known| (known.end(), known.is_running())) {
        Some((Some(end), _)) => end.outcome.word(),
        Some((None, true)) => "running",
        Some((None, false)) if has_failed => "failed, another attempt follows",
        _ => "not begun",
    };
    let again = match attempt {
        Attempt {
            number: 1, last: 1, ..
        } => String::new(),
        Attempt { number, last, .. } => format!(" (attempt {number} of {last})"),
    };
    format!(
        "{host} {} {}{again}: {word}{}",
        Paint::new(view.options).pick("›", ">"),
        task.id.stage,
        time.unwrap_or_default()
    )
}

/// The rows of the log that are seen, after the pane has moved.
fn lines(
    pane: &mut LogPane,
    area: Rect,
    task: &TaskId,
    attempt: Attempt,
    logs: &mut dyn LogPort,
) -> Vec<String> {
    let size = attempt.size;
    if size == 0 || area.height == 0 {
        return Vec::new();
    }
    let width = usize::from(area.width).max(1);
    let height = usize::from(area.height);
    let mut piece = |from: u64, until: u64| {
        let most = usize::try_from(until.saturating_sub(from))
            .unwrap_or(WINDOW)
            .min(WINDOW);
        let bytes = logs.read(task, attempt.number, from, most);
        screen_lines(&bytes, from, width)
    };
    if std::mem::take(&mut pane.to_top) {
        let first = piece(0, size);
        let last = first.get(height.saturating_sub(1)).or(first.last());
        pane.bottom = last.map(|line| line.ends).filter(|at| *at < size);
    }
    let mut bottom = pane.bottom.unwrap_or(size).min(size);
    let by = std::mem::take(&mut pane.by);
    if by > 0 && pane.bottom.is_some() {
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
    pane.bottom = (bottom < size).then_some(bottom);
    let skip = lines.len().saturating_sub(height);
    lines.into_iter().skip(skip).map(|line| line.text).collect()
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
