//! A campaign's table, as Markdown.

use std::fmt::Write as _;
use std::fs;

use crate::Outcome;

/// Rows of text under a heading, columns aligned so that it also reads in a terminal.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(heading: &[&str]) -> Self {
        Self {
            rows: vec![heading.iter().map(|cell| (*cell).to_owned()).collect()],
        }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(crate) fn markdown(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(String::len)
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            for (column, width) in widths.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                let _ = if column == 0 {
                    write!(text, "| {cell:<width$} ")
                } else {
                    write!(text, "| {cell:>width$} ")
                };
            }
            text.push_str("|\n");
            if index == 0 {
                for (column, width) in widths.iter().enumerate() {
                    let dashes = "-".repeat(*width);
                    let _ = if column == 0 {
                        write!(text, "| {dashes} ")
                    } else {
                        write!(text, "| {}: ", &dashes[..width.saturating_sub(1)])
                    };
                }
                text.push_str("|\n");
            }
        }
        text
    }
}

/// Writes a text between the lines `<!-- MARK -->` and `<!-- /MARK -->` of a page, in the place of what stands there.
pub(crate) fn write_between(path: &str, mark: &str, text: &str) -> Outcome<()> {
    let page = fs::read_to_string(path)?;
    let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- /{mark} -->\n"));
    let parts = page.split_once(&begin).and_then(|(before, rest)| {
        let (_, behind) = rest.split_once(&end)?;
        Some((before, behind))
    });
    let (before, behind) = parts.ok_or_else(|| format!("{path} has no place for {mark}"))?;
    let text = text.trim();
    fs::write(path, format!("{before}{begin}\n{text}\n\n{end}{behind}"))?;
    Ok(())
}

/// The one in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
