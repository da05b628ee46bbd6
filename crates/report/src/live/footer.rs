//! Which keys there are, in the last rows and on a screen of their own.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

use super::interface::Seat;
use super::model::{Mode, Model};
use super::paint::Paint;
use crate::terminal_text::wrap;

/// What the last rows say: a question, a message, or the keys. Of these alone the end is cut.
fn lines(view: &Model, width: u16) -> (Vec<String>, Style) {
    let paint = Paint::new(view.options);
    let whole = |text: &str| (wrap(text, width.into()), paint.warn());
    let keys = match (&view.mode, &view.message, view.seat) {
        (Mode::Asking(question, _), ..) => return whole(&format!("[y/n] {question}")),
        (Mode::Searching, ..) => {
            "type a part of a host's name, Enter keeps it, Esc takes it back".to_owned()
        }
        (Mode::Log(_), ..) => {
            "Esc back  ↑↓ PgUp PgDn scroll  End follow  ←→ stage  [ ] attempt".to_owned()
        }
        (_, Some((message, _)), _) => return whole(message),
        (_, None, Seat::Picture) => return (Vec::new(), paint.plain()),
        (_, None, Seat::Replaying { speed, held }) => {
            let how = if held {
                "held".to_owned()
            } else {
                format!("{speed}x")
            };
            format!("replay {how}: + - speed  space hold  ? help  Enter log  q close")
        }
        (_, None, _) if view.is_over() => {
            "? help  Enter log  f failed only  / find  q close".to_owned()
        }
        (_, None, seat) => {
            let leave = match seat {
                Seat::Working => "leave",
                _ => "close",
            };
            format!(
                "? help  q {leave}  Enter log  p pause  r retry  s skip  d drop  x stop  f / find"
            )
        }
    };
    (vec![arrows(paint, &keys)], paint.dim())
}

/// How many rows the footer takes, up to `most`.
pub(super) fn height(view: &Model, width: u16, most: u16) -> u16 {
    let (rows, _) = lines(view, width);
    u16::try_from(rows.len()).unwrap_or(most).min(most)
}

/// The last rows: a question, a message, or the keys.
pub(super) fn draw(view: &Model, buffer: &mut Buffer, area: Rect) {
    let paint = Paint::new(view.options);
    let (lines, style) = lines(view, area.width);
    for (line, y) in lines.iter().zip(area.y..area.bottom()) {
        paint.put(buffer, (area.x, y), area.width, line, style);
    }
}

/// The same without what the terminal has no character for.
fn arrows(paint: Paint, text: &str) -> String {
    match paint.pick("u", "a") {
        "u" => text.to_owned(),
        _ => text.replace("↑↓", "Up/Down").replace("←→", "Left/Right"),
    }
}

/// All keys.
pub(super) fn draw_help(view: &Model, buffer: &mut Buffer, area: Rect) {
    let paint = Paint::new(view.options);
    let mut lines = vec![
        ("up, down, j, k", "choose a host"),
        (
            "Enter",
            "its output; left, right: other stages; [ ]: other attempts",
        ),
        ("f", "failed hosts only, or all"),
        ("/", "only hosts with this in their name; Esc: all again"),
    ];
    match view.seat {
        Seat::Replaying { .. } => lines.extend([
            ("+ -", "twice, or half as fast"),
            ("space", "stand still, or go on"),
            ("q", "close"),
        ]),
        seat => {
            lines.extend([
                ("p", "pause: nothing new begins; again: go on"),
                ("r", "try what failed on the host again, now"),
                ("s", "skip: its task counts as done, though it is not"),
                (
                    "d",
                    "drop: leave the host out of this run, nobody waits for it",
                ),
                (
                    "x",
                    "stop: nothing new begins; again: what runs is stopped too",
                ),
            ]);
            match seat {
                Seat::Working => lines.extend([
                    (
                        "q",
                        "leave: jobs go on on their hosts; `phalanx resume` goes on",
                    ),
                    ("Ctrl-C", "once: nothing new; twice: stop; thrice: leave"),
                ]),
                _ => lines.push(("q, Ctrl-C", "close this screen; the run goes on")),
            }
        }
    }
    paint.put(buffer, (area.x, area.y), area.width, "keys", paint.strong());
    for (row, (key, does)) in lines.into_iter().enumerate() {
        let y = area.y + 2 + u16::try_from(row).unwrap_or(0);
        paint.put(buffer, (area.x + 2, y), 15, key, paint.working());
        paint.put(
            buffer,
            (area.x + 18, y),
            area.width.saturating_sub(18),
            does,
            paint.plain(),
        );
    }
    let last = area.bottom() - 1;
    let blank = " ".repeat(area.width.into());
    paint.put(buffer, (area.x, last), area.width, &blank, paint.plain());
    paint.put(
        buffer,
        (area.x, last),
        area.width,
        "any key: back",
        paint.dim(),
    );
}
