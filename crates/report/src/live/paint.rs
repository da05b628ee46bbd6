//! Putting text on the screen: cut to its place, in the colours that there are.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier, Style};

use super::interface::LiveOptions;
use crate::table::Charset;
use crate::terminal_text::cut;

/// How things look.
#[derive(Clone, Copy)]
pub(super) struct Paint {
    options: LiveOptions,
}

impl Paint {
    pub(super) fn new(options: LiveOptions) -> Self {
        Self { options }
    }

    fn colour(self, colour: Color) -> Style {
        match self.options.colour {
            true => Style::new().fg(colour),
            false => Style::new(),
        }
    }

    pub(super) fn plain(self) -> Style {
        Style::new()
    }

    pub(super) fn good(self) -> Style {
        self.colour(Color::Green)
    }

    pub(super) fn working(self) -> Style {
        self.colour(Color::Cyan)
    }

    pub(super) fn warn(self) -> Style {
        self.colour(Color::Yellow)
    }

    pub(super) fn bad(self) -> Style {
        self.colour(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub(super) fn dim(self) -> Style {
        match self.options.colour {
            true => Style::new().fg(Color::DarkGray),
            false => Style::new().add_modifier(Modifier::DIM),
        }
    }

    pub(super) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn cursor(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// `unicode` where it can be shown, else `ascii`.
    pub(super) fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        match self.options.charset {
            Charset::Unicode => unicode,
            Charset::Ascii => ascii,
        }
    }

    /// Puts text at a place, cut to `width` columns; gives the column behind it.
    pub(super) fn put(
        self,
        buffer: &mut Buffer,
        (x, y): (u16, u16),
        width: u16,
        text: &str,
        style: Style,
    ) -> u16 {
        if y >= buffer.area.bottom() || x >= buffer.area.right() {
            return x;
        }
        let width = width.min(buffer.area.right() - x);
        let shown = cut(&tabs(text), width.into(), self.pick("…", "~"));
        buffer.set_stringn(x, y, shown, width.into(), style).0
    }

    /// The same, its end at the right edge of `width` columns.
    pub(super) fn put_right(
        self,
        buffer: &mut Buffer,
        (x, y): (u16, u16),
        width: u16,
        text: &str,
        style: Style,
    ) {
        let shown = cut(text, width.into(), self.pick("…", "~"));
        let wide = u16::try_from(unicode_width::UnicodeWidthStr::width(&*shown)).unwrap_or(width);
        self.put(
            buffer,
            (x + width.saturating_sub(wide), y),
            width,
            &shown,
            style,
        );
    }

    /// A bar of parts, each with its share of `whole`; what is left of it is dim.
    pub(super) fn bar(
        self,
        buffer: &mut Buffer,
        (x, y): (u16, u16),
        width: u16,
        whole: usize,
        parts: &[(usize, &'static str, Style)],
    ) {
        let mut at = 0u16;
        let mut sum = 0;
        for (share, cell, style) in parts {
            sum += share;
            let mut until = scaled(sum, whole, width);
            if *share > 0 && until == at && at < width {
                until = at + 1; // what there is, is seen
            }
            for column in at..until {
                self.put(buffer, (x + column, y), 1, cell, *style);
            }
            at = at.max(until);
        }
        for column in at..width {
            self.put(buffer, (x + column, y), 1, self.pick("·", "."), self.dim());
        }
    }
}

fn scaled(part: usize, whole: usize, width: u16) -> u16 {
    if whole == 0 {
        return 0;
    }
    let scaled = part.min(whole) * usize::from(width) / whole;
    u16::try_from(scaled).unwrap_or(width)
}

/// A terminal's idea of tabs depends on the column: here each is two spaces.
fn tabs(text: &str) -> String {
    text.replace('\t', "  ")
}

/// A part of the screen.
pub(super) fn rows(area: Rect, from: u16, height: u16) -> Rect {
    let y = area.y.saturating_add(from).min(area.bottom());
    Rect {
        y,
        height: height.min(area.bottom() - y),
        ..area
    }
}
