//! The live terminal's screen as text.

use std::sync::Arc;

use phalanx_events::Event;
use phalanx_plan::PreparedPlan;
use phalanx_report::Charset;
use phalanx_report::live::{LiveOptions, LiveView, Moment, Seat};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;

use super::big::Logs;

fn options(charset: Charset) -> LiveOptions {
    LiveOptions {
        colour: true,
        charset,
    }
}

pub(crate) fn view(plan: &Arc<PreparedPlan>, events: &[Event], seat: Seat) -> LiveView {
    let mut view = LiveView::new(Arc::clone(plan), seat, options(Charset::Unicode));
    for event in events {
        view.event(event);
    }
    view
}

pub(crate) fn screen(
    view: &mut LiveView,
    logs: &mut Logs,
    (width, height): (u16, u16),
    run_ms: u64,
) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let moment = Moment {
        run_ms,
        real_ms: run_ms,
    };
    view.frame(buffer.area, moment, logs).draw(&mut buffer);
    text(&buffer)
}

pub(crate) fn text(buffer: &Buffer) -> String {
    let area = buffer.area;
    let mut out = String::new();
    for y in area.top()..area.bottom() {
        let mut line = String::new();
        let mut skip = 0;
        for x in area.left()..area.right() {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            skip = unicode_width::UnicodeWidthStr::width(symbol).saturating_sub(1);
            line.push_str(symbol);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
