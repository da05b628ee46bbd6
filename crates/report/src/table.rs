//! Plain tables: columns and spaces, no lines.

use unicode_width::UnicodeWidthStr as _;

use crate::terminal_text::{pad, wrap};

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

/// The spaces in front of the first column.
const INDENT: usize = 2;
/// The spaces between two columns, where there is room; else one.
const GAP: usize = 2;
/// What stands in a cell that has nothing to tell.
pub(crate) const NOTHING: &str = "-";

/// A column's heading, and whether it holds numbers.
#[derive(Clone, Copy)]
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

/// The table as lines without spaces at their ends, at most `width` columns wide: no word is broken for that.
/// Where the columns have no room, they move closer, and those that tell nothing are left out; where that does not help,
/// each row becomes a list. Only a word that is wider than all there is makes a line longer.
pub(crate) fn render(columns: &[Column], rows: &[Vec<String>], width: u16) -> String {
    let width = usize::from(width);
    let all: Vec<usize> = (0..columns.len()).collect();
    let cell = |row: &[String], at: usize| row.get(at).cloned().unwrap_or_default();
    let tells = |at: &usize| *at == 0 || rows.iter().any(|row| cell(row, *at) != NOTHING);
    let telling: Vec<usize> = all.iter().copied().filter(tells).collect();
    for (kept, gap) in [(&all, GAP), (&all, 1), (&telling, GAP), (&telling, 1)] {
        let columns: Vec<Column> = kept
            .iter()
            .filter_map(|at| columns.get(*at).copied())
            .collect();
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| kept.iter().map(|at| cell(row, *at)).collect())
            .collect();
        if let Some(widths) = widths(&columns, &rows, width, gap) {
            return grid(&columns, &rows, &widths, gap);
        }
    }
    list(columns, rows, width)
}

/// How wide each column is so that all have room, where they can have it.
fn widths(
    columns: &[Column],
    rows: &[Vec<String>],
    width: usize,
    gap: usize,
) -> Option<Vec<usize>> {
    let longest_word = |text: &str| text.split(' ').map(str::width).max().unwrap_or(0);
    let mut widths = Vec::new();
    let mut least = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        let cells = || rows.iter().filter_map(|row| row.get(at));
        let widest = cells().map(|cell| cell.width()).max().unwrap_or(0);
        let word = match column.whole {
            true => widest,
            false => cells().map(|cell| longest_word(cell)).max().unwrap_or(0),
        };
        widths.push(widest.max(column.title.width()));
        least.push(word.max(longest_word(column.title)));
    }
    let wide = |widths: &[usize]| {
        let gaps = gap * widths.len().saturating_sub(1);
        INDENT + gaps + widths.iter().sum::<usize>()
    };
    if wide(&least) > width {
        return None;
    }
    while wide(&widths) > width {
        let pairs = widths.iter_mut().zip(&least);
        let widest = pairs
            .filter(|(width, least)| **width > **least)
            .max_by_key(|(width, _)| **width);
        *widest?.0 -= 1;
    }
    // What is broken into lines needs no more than the longest of these.
    for (at, (column, width)) in columns.iter().zip(&mut widths).enumerate() {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(at))
            .map(String::as_str);
        let lines = cells
            .chain([column.title])
            .flat_map(|cell| wrap(cell, *width));
        *width = lines.map(|line| line.width()).max().unwrap_or(*width);
    }
    Some(widths)
}

fn grid(columns: &[Column], rows: &[Vec<String>], widths: &[usize], gap: usize) -> String {
    let titles: Vec<String> = columns
        .iter()
        .map(|column| column.title.to_owned())
        .collect();
    let mut text = String::new();
    for row in std::iter::once(&titles).chain(rows) {
        let cells: Vec<Vec<String>> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| wrap(cell, *width))
            .collect();
        let lines = cells.iter().map(Vec::len).max().unwrap_or(0);
        for at in 0..lines {
            let mut line = " ".repeat(INDENT);
            for (index, ((cell, column), width)) in
                cells.iter().zip(columns).zip(widths).enumerate()
            {
                let part = cell.get(at).map_or("", String::as_str);
                line.push_str(&" ".repeat(if index > 0 { gap } else { 0 }));
                if column.right {
                    line.push_str(&" ".repeat(width.saturating_sub(part.width())));
                    line.push_str(part);
                } else {
                    line.push_str(&pad(part, *width));
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}

/// Each row by itself: its first cell, and below that what the others tell, each with its heading.
fn list(columns: &[Column], rows: &[Vec<String>], width: usize) -> String {
    let indent = " ".repeat(2 * INDENT);
    let mut text = String::new();
    for row in rows {
        let mut cells = row.iter().zip(columns);
        let first = cells.next().map_or("", |(cell, _)| cell.as_str());
        text.push_str(&format!("  {first}\n"));
        let mut line = String::new();
        for (cell, column) in cells.filter(|(cell, _)| *cell != NOTHING && !cell.is_empty()) {
            let item = format!("{} {cell}", column.title);
            let together = indent.len() + line.width() + ", ".len() + item.width();
            if !line.is_empty() && together >= width {
                text.push_str(&format!("{indent}{line},\n"));
                line.clear();
            }
            if !line.is_empty() {
                line.push_str(", ");
            }
            line.push_str(&item);
        }
        if !line.is_empty() {
            text.push_str(&format!("{indent}{line}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn columns_are_aligned_and_fit() {
        let rows = [row(&["prepare", "12"]), row(&["a", "3"])];
        assert_eq!(
            render(&[left("Stage"), right("Hosts")], &rows, 80),
            "  Stage    Hosts\n  prepare     12\n  a            3\n"
        );
        let rows = [vec!["word ".repeat(20), "1".into()]];
        for line in render(&[left("Stage"), right("Hosts")], &rows, 30).lines() {
            assert!(line.len() <= 30, "{line:?}");
        }
    }

    #[test]
    fn what_has_no_room_beside_the_others_stands_below() {
        let columns = [
            left("stage").whole(),
            right("changed"),
            right("already right"),
            right("skipped"),
            left("slowest").whole(),
        ];
        let rows = [
            row(&["prepare", "2", "1", "-", "worker1 (12 s)"]),
            row(&["quorum", "3", "-", "-", "-"]),
        ];
        insta::assert_snapshot!(render(&columns, &rows, 54), @r"
        stage    changed  already  skipped  slowest
                            right
        prepare        2        1        -  worker1 (12 s)
        quorum         3        -        -  -
        ");
        insta::assert_snapshot!(render(&columns, &rows, 50), @r"
        stage   changed already skipped slowest
                          right
        prepare       2       1       - worker1 (12 s)
        quorum        3       -       - -
        ");
        insta::assert_snapshot!(render(&columns, &rows, 44), @r"
        stage    changed  already  slowest
                            right
        prepare        2        1  worker1 (12 s)
        quorum         3        -  -
        ");
        insta::assert_snapshot!(render(&columns, &rows, 35), @r"
        prepare
          changed 2, already right 1,
          slowest worker1 (12 s)
        quorum
          changed 3
        ");
    }

    proptest::proptest! {
        #[test]
        fn no_word_is_broken_and_no_line_is_too_long(
            cells in proptest::collection::vec("[a-z]{1,9}( [a-z]{1,9}){0,2}|-", 4..24),
            width in 30u16..120,
        ) {
            let columns = [left("stage").whole(), right("changed"), right("already right"), left("slowest")];
            let rows: Vec<Vec<String>> = cells.chunks_exact(4).map(<[String]>::to_vec).collect();
            let text = render(&columns, &rows, width);
            let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c == ',').collect();
            for cell in rows.iter().flatten().filter(|cell| *cell != NOTHING) {
                for word in cell.split(' ') {
                    proptest::prop_assert!(words.contains(&word), "{}\n{}", word, text);
                }
            }
            for line in text.lines() {
                // A cell with its heading, where that alone is wider.
                proptest::prop_assert!(line.width() <= usize::from(width).max(48), "{}", text);
            }
        }
    }
}
