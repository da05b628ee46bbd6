//! The screen as a picture, for pages that show no terminal.

use std::fmt::Write as _;

use ratatui_core::buffer::Buffer;
use ratatui_core::style::{Color, Modifier};

use crate::terminal_text::is_hidden;

/// A character's size in the picture's units.
const WIDE: u32 = 9;
const HIGH: u32 = 19;
const MARGIN: u32 = 14;

/// Screens as one SVG that shows each for so many milliseconds, over and over; one screen stands still.
pub fn svg(screens: &[(Buffer, u32)], title: &str) -> String {
    let (columns, rows) = screens
        .iter()
        .map(|(screen, _)| (u32::from(screen.area.width), u32::from(screen.area.height)))
        .fold((1, 1), |(w, h), (width, height)| {
            (w.max(width), h.max(height))
        });
    let (width, height) = (columns * WIDE + 2 * MARGIN, rows * HIGH + 2 * MARGIN);
    let mut out = String::new();
    let title = escape(title);
    // Writing to a string never fails, here and below.
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>"
    );
    let whole: u32 = screens.iter().map(|(_, ms)| *ms).sum::<u32>().max(1);
    let _ = writeln!(
        out,
        "<style>text{{font:15px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#d8dee9;white-space:pre}}\
         .b{{font-weight:bold}}.g{{fill:#8fce7a}}.c{{fill:#6fc7dd}}.y{{fill:#ebcb6b}}.r{{fill:#ff7b80}}.d{{fill:#7b8698}}"
    );
    if screens.len() > 1 {
        let mut at = 0;
        for (index, (_, ms)) in screens.iter().enumerate() {
            let from = f64::from(at) * 100.0 / f64::from(whole);
            at += ms;
            let until = f64::from(at) * 100.0 / f64::from(whole);
            let before = if from > 0.0 {
                "0%{visibility:hidden}"
            } else {
                ""
            };
            let after = if index + 1 < screens.len() {
                format!("{until:.3}%{{visibility:hidden}}100%{{visibility:hidden}}")
            } else {
                "100%{visibility:visible}".to_owned()
            };
            let _ = writeln!(
                out,
                "@keyframes s{index}{{{before}{from:.3}%{{visibility:visible}}{after}}}\
                 #s{index}{{animation:s{index} {whole}ms step-end infinite}}"
            );
        }
    }
    let _ = writeln!(
        out,
        "</style>\n<rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#1d2430\"/>"
    );
    for (index, (screen, _)) in screens.iter().enumerate() {
        let _ = writeln!(out, "<g id=\"s{index}\">");
        draw(&mut out, screen);
        let _ = writeln!(out, "</g>");
    }
    out.push_str("</svg>\n");
    out
}

/// One screen: each run of characters that look the same is one text.
fn draw(out: &mut String, screen: &Buffer) {
    let area = screen.area;
    for y in area.top()..area.bottom() {
        let mut x = area.left();
        while x < area.right() {
            let Some(cell) = screen.cell((x, y)) else {
                break;
            };
            let looks = (cell.fg, cell.modifier);
            let (from, mut text) = (x, String::new());
            while let Some(cell) = screen
                .cell((x, y))
                .filter(|cell| (cell.fg, cell.modifier) == looks)
            {
                text.push_str(cell.symbol());
                x += 1;
                if x >= area.right() {
                    break;
                }
            }
            let (left, top) = (
                MARGIN + u32::from(from - area.left()) * WIDE,
                MARGIN + u32::from(y - area.top()) * HIGH,
            );
            let is_reversed = looks.1.contains(Modifier::REVERSED);
            if text.trim().is_empty() && !is_reversed {
                continue;
            }
            let class = class(looks.0, looks.1);
            let wide = u32::from(x - from) * WIDE;
            if is_reversed {
                let _ = writeln!(
                    out,
                    "<rect x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"{HIGH}\" fill=\"#3f516b\"/>"
                );
            }
            let shown = escape(text.trim_end());
            let length = u32::try_from(text.trim_end().chars().count()).unwrap_or(0) * WIDE;
            let _ = writeln!(
                out,
                "<text x=\"{left}\" y=\"{}\"{class} textLength=\"{length}\">{shown}</text>",
                top + 14
            );
        }
    }
}

fn class(colour: Color, modifier: Modifier) -> String {
    let mut classes = Vec::new();
    match colour {
        Color::Green => classes.push("g"),
        Color::Cyan => classes.push("c"),
        Color::Yellow => classes.push("y"),
        Color::Red => classes.push("r"),
        Color::DarkGray => classes.push("d"),
        _ => {}
    }
    if modifier.contains(Modifier::BOLD) {
        classes.push("b");
    }
    match classes.is_empty() {
        true => String::new(),
        false => format!(" class=\"{}\"", classes.join(" ")),
    }
}

fn escape(text: &str) -> String {
    // Whatever came this far unseen is shown as what it is: something else. XML knows no controls.
    let unseen = |c: char| is_hidden(c) || c.is_control();
    text.replace(unseen, "\u{fffd}")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
