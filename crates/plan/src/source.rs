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

    /// The same file with these places blanked out, character by character, so that every other
    /// place stays where it is: for showing a file that holds secrets.
    #[must_use]
    pub fn without(&self, secrets: &[Span]) -> Self {
        if secrets.is_empty() {
            return self.clone();
        }
        let mut secrets = secrets.to_vec();
        secrets.sort_unstable();
        let mut secrets = secrets.into_iter().peekable();
        // Sorted by their starts: how far those that have begun reach.
        let mut end = 0;
        let mut text = String::with_capacity(self.text.len());
        for (byte, character) in self.text.char_indices() {
            while let Some(secret) = secrets.next_if(|secret| secret.start <= byte) {
                end = end.max(secret.end);
            }
            if byte >= end || character == '\n' || character == '\r' {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_places_shift_nothing() {
        let file = SourceFile::new("x", "a=sécret\nb=1\n");
        let shown = file.without(&[Span::new(2, 9)]);
        assert_eq!(shown.text(), "a=*******\nb=1\n");
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
