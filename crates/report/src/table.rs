//! Plain tables: columns and spaces, no lines.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

/// What the terminal can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// Everything.
    #[default]
    Unicode,
    /// ASCII alone.
    Ascii,
}

impl Charset {
    /// The mark of something cut off.
    pub fn ellipsis(self) -> &'static str {
        match self {
            Self::Unicode => "…",
            Self::Ascii => "...",
        }
    }
}

/// A column's heading, and whether it holds numbers.
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) right: bool,
    /// Its cells are never broken into lines.
    pub(crate) whole: bool,
}

impl Column {
    /// The same, its cells never broken into lines.
    pub(crate) const fn whole(self) -> Self {
        Self {
            whole: true,
            ..self
        }
    }
}

/// A column of text.
pub(crate) const fn left(title: &'static str) -> Column {
    Column {
        title,
        right: false,
        whole: false,
    }
}

/// A column of numbers.
pub(crate) const fn right(title: &'static str) -> Column {
    Column {
        title,
        right: true,
        whole: false,
    }
}

/// The table as lines without spaces at their ends, at most `width` columns wide.
pub(crate) fn render(columns: &[Column], rows: Vec<Vec<String>>, width: u16) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .set_header(columns.iter().map(|column| column.title))
        .add_rows(rows);
    for (column, described) in table.column_iter_mut().zip(columns) {
        column.set_padding((2, 0));
        if described.right {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if described.whole {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_fit() {
        let rows = vec![
            vec!["prepare".into(), "12".into()],
            vec!["a".into(), "3".into()],
        ];
        let text = render(&[left("Stage"), right("Hosts")], rows, 40);
        assert_eq!(
            text,
            "  Stage    Hosts\n  prepare     12\n  a            3\n"
        );
        let rows = vec![vec!["word ".repeat(20), "1".into()]];
        for line in render(&[left("Stage"), right("Hosts")], rows, 30).lines() {
            assert!(line.len() <= 30, "{line:?}");
        }
    }
}
