//! What there is to know of a host beyond its row, whole: nothing of it is cut, it goes on in the next row.

use phalanx_plan::HostIx;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

use super::host_now::{HostNow, Rank};
use super::model::Model;
use super::now::Now;
use super::paint::Paint;
use crate::terminal_text::{harmless, wrap};

/// One thing to know.
pub(super) struct About {
    text: String,
    style: Style,
}

/// Of one host. Its row's own text only where that is wanted.
pub(super) fn of_host(view: &Model, now: &Now, host: HostIx, with_text: bool) -> Vec<About> {
    let paint = Paint::new(view.options);
    let mut about = Vec::new();
    let mut add = |text: String, style| about.push(About { text, style });
    let HostNow {
        rank, text, advice, ..
    } = &now.hosts[host];
    let style = match rank {
        Rank::Failed => paint.bad(),
        _ => paint.dim(),
    };
    if let Some(text) = text.as_ref().filter(|_| with_text && *rank != Rank::Done) {
        add(text.clone(), style);
    }
    for advice in advice {
        add(format!("help: {advice}"), paint.plain());
    }
    let known = view.state.hosts.get(&view.plan.host(host).name);
    for notice in known.iter().flat_map(|known| &known.notices) {
        add(format!("note: {}", harmless(notice)), paint.working());
    }
    about
}

/// The rows that this takes.
pub(super) fn rows_of(about: &[About], width: u16) -> Vec<(String, Style)> {
    let rows = about.iter().flat_map(|one| {
        let rows = wrap(&one.text.replace('\t', "  "), width.into());
        rows.into_iter().map(|row| (row, one.style))
    });
    rows.collect()
}

/// Paints rows; where not all have room, the last one says so.
pub(super) fn draw(
    paint: Paint,
    buffer: &mut Buffer,
    area: Rect,
    rows: &[(String, Style)],
    more: &str,
) {
    let room = usize::from(area.height);
    for (at, (text, style)) in rows.iter().take(room).enumerate() {
        let y = area.y + u16::try_from(at).unwrap_or(0);
        if at + 1 == room && rows.len() > room {
            paint.put(buffer, (area.x, y), area.width, more, paint.warn());
        } else {
            paint.put(buffer, (area.x, y), area.width, text, *style);
        }
    }
}

/// Notes of all hosts in the rows that are left, each of them whole.
pub(super) fn draw_notes(view: &Model, notes: &[String], buffer: &mut Buffer, area: Rect) {
    let paint = Paint::new(view.options);
    let mut rows: Vec<(String, Style)> = Vec::new();
    let mut shown = 0;
    for note in notes {
        let wrapped = wrap(&note.replace('\t', "  "), area.width.into());
        let left = usize::from(shown + 1 < notes.len());
        if rows.len() + wrapped.len() + left > usize::from(area.height) {
            break;
        }
        rows.extend(wrapped.into_iter().map(|row| (row, paint.working())));
        shown += 1;
    }
    if shown < notes.len() && area.height > 0 {
        let more = format!("{} more to know: choose a host, Enter", notes.len() - shown);
        rows.truncate(usize::from(area.height) - 1);
        rows.push((more, paint.dim()));
    }
    draw(paint, buffer, area, &rows, "");
}
