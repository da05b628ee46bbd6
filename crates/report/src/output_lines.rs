//! A host's output, as whole lines.

use crate::terminal_text;

/// A line longer than this is shown in parts, so that a host that never ends its line costs no more
/// memory than this.
const LONGEST: usize = 8 * 1024;

/// Gathers one task's output until a line is whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutputLines {
    partial: Vec<u8>,
}

impl OutputLines {
    /// The lines that became whole with these bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut pieces = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            for part in piece.chunks(LONGEST) {
                if self.partial.len() + part.len() > LONGEST {
                    lines.extend(self.rest());
                }
                self.partial.extend_from_slice(part);
            }
            if pieces.peek().is_some() {
                lines.push(terminal_text::line(&self.partial));
                self.partial.clear();
            }
        }
        lines
    }

    /// What is held of a line that never ended.
    pub(crate) fn rest(&mut self) -> Option<String> {
        let held = std::mem::take(&mut self.partial);
        (!held.is_empty()).then(|| terminal_text::line(&held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_whatever_the_cuts() {
        let text = b"one\ntwo\r\n\nthree";
        for cut in 0..text.len() {
            let mut lines = OutputLines::default();
            let mut seen = lines.push(&text[..cut]);
            seen.extend(lines.push(&text[cut..]));
            assert_eq!(seen, ["one", "two", ""], "cut at {cut}");
            assert_eq!(lines.rest().as_deref(), Some("three"));
            assert_eq!(lines.rest(), None);
        }
    }

    #[test]
    fn an_endless_line_is_shown_in_parts() {
        let mut lines = OutputLines::default();
        let shown: usize = (0..10)
            .flat_map(|_| lines.push(&[b'x'; 5_000]))
            .map(|line| line.len())
            .sum();
        assert!(shown > 40_000, "{shown}");
        assert!(lines.partial.len() <= LONGEST);
    }
}
