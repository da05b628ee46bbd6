//! One moment of a run, as large as the screen: everything is read and worked out, and can be painted.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;

use super::interface::LogPort;
use super::layout::Layout;
use super::log_page::LogPage;
use super::model::{Mode, Model};
use super::now::Now;
use super::paint::{Paint, rows};
use super::{footer, log_rows, overview};

/// What the screen shows at one moment.
pub struct Frame<'a> {
    view: &'a Model,
    now: &'a Now,
    area: Rect,
    run_ms: u64,
    content: Content,
}

enum Content {
    /// There is no room for anything.
    Nothing,
    Overview(Layout),
    Log {
        page: LogPage,
        foot: Rect,
    },
    Help,
}

impl<'a> Frame<'a> {
    /// Brings the model's places (what is scrolled to) up to date with the room that there is.
    pub(super) fn new(
        view: &'a mut Model,
        now: &'a Now,
        area: Rect,
        run_ms: u64,
        logs: &mut dyn LogPort,
    ) -> Self {
        let content = match view.mode {
            _ if area.is_empty() => Content::Nothing,
            Mode::Log(mut pane) => {
                let foot = footer::height(view, area.width, area.height / 2);
                let above = rows(area, 0, area.height - foot);
                let page = LogPage::new(&mut pane, view, now, above, run_ms, logs);
                view.mode = Mode::Log(pane);
                let foot = rows(area, area.height - foot, foot);
                Content::Log { page, foot }
            }
            Mode::Help => Content::Help,
            Mode::Overview | Mode::Searching | Mode::Asking(..) => {
                Content::Overview(Layout::new(view, now, area, run_ms, logs))
            }
        };
        Self {
            view,
            now,
            area,
            run_ms,
            content,
        }
    }

    /// Paints it. The buffer is as large as the frame.
    pub fn draw(&self, buffer: &mut Buffer) {
        buffer.reset();
        match &self.content {
            Content::Nothing => {}
            Content::Overview(layout) => {
                overview::draw(self.view, self.now, layout, buffer, self.run_ms);
            }
            Content::Log { page, foot } => {
                log_rows::draw(Paint::new(self.view.options), page, buffer);
                footer::draw(self.view, buffer, *foot);
            }
            Content::Help => footer::draw_help(self.view, buffer, self.area),
        }
    }
}
