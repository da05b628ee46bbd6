//! Text that was read, and places in it.

use std::sync::Arc;

/// One file as it was read: the name that the user knows it by, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    name: Arc<str>,
    text: Arc<str>,
}

/// A range of bytes in a [`SourceFile`]'s text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// From `start` up to, not including, `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self {
            start,
            end: end.max(start),
        }
    }

    /// How many bytes it covers.
    pub fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether it marks a place between two bytes.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl SourceFile {
    /// A file named `name` that holds `text`.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
        }
    }

    /// The name that the user knows it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of a span; empty where the span does not fit the text.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// Whether a place must not be seen: in `shown`, which is this file as it may be shown, it is blanked out.
    pub(crate) fn hidden_in(&self, shown: &Self, span: Span) -> bool {
        shown.slice(span) != self.slice(span)
    }

    /// The same file with all but these places blanked out, character by character, so that every
    /// other place stays where it is: for showing a file that may hold secrets. Between places that
    /// are shown and places that are `hidden`, blanks and what `structure` takes stay as well.
    #[must_use]
    pub(crate) fn only(
        &self,
        shown: &[Span],
        hidden: &[Span],
        structure: impl Fn(char) -> bool,
    ) -> Self {
        let (mut shown, mut hidden) = (Cover::new(shown), Cover::new(hidden));
        let mut text = String::with_capacity(self.text.len());
        for (byte, character) in self.text.char_indices() {
            let (shown, hidden) = (shown.covers(byte), hidden.covers(byte));
            let kept = !hidden && (shown || character.is_whitespace() || structure(character));
            if kept || character == '\n' || character == '\r' {
                text.push(character);
            } else {
                // As many bytes as there were: spans count bytes.
                text.extend(std::iter::repeat_n('*', character.len_utf8()));
            }
        }
        Self {
            name: self.name.clone(),
            text: text.into(),
        }
    }

    /// Line and column of a byte, both counted from 1, the column in characters. A byte past the
    /// end counts as the end.
    pub fn line_column(&self, byte: usize) -> (usize, usize) {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        let before = &self.text[..byte];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }
}

/// Places, asked for byte after byte.
struct Cover {
    places: std::iter::Peekable<std::vec::IntoIter<Span>>,
    /// How far those that have begun reach.
    end: usize,
}

impl Cover {
    fn new(places: &[Span]) -> Self {
        let mut places = places.to_vec();
        places.sort_unstable();
        Self {
            places: places.into_iter().peekable(),
            end: 0,
        }
    }

    /// Whether a place covers this byte, which is not before one that was asked for.
    fn covers(&mut self, byte: usize) -> bool {
        while let Some(place) = self.places.next_if(|place| place.start <= byte) {
            self.end = self.end.max(place.end);
        }
        byte < self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_places_shift_nothing() {
        let file = SourceFile::new("x", "a=sécret\nb=1 =#x y\n");
        let (shown, hidden) = ([Span::new(0, 1), Span::new(10, 13)], [Span::new(2, 9)]);
        let shown = file.only(&shown, &hidden, |c| c == '=');
        assert_eq!(shown.text(), "a=*******\nb=1 =** *\n");
        assert_eq!(shown.text().len(), file.text().len());
    }

    #[test]
    fn lines_and_columns_count_from_one() {
        let file = SourceFile::new("x", "ab\nçd\n");
        assert_eq!(file.line_column(0), (1, 1));
        assert_eq!(file.line_column(3), (2, 1));
        assert_eq!(file.line_column(5), (2, 2));
        assert_eq!(file.line_column(4), (2, 1), "inside a character");
        assert_eq!(file.line_column(99), (3, 1));
    }
}
