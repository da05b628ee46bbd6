//! Of a long output, the last lines that matter.

use std::collections::VecDeque;

use phalanx_remote::OutputSink;

/// How many lines are kept to choose from.
const KEPT: usize = 60;
/// How many are told.
const TOLD: usize = 8;
/// What a line that speaks of an error has in it, in small letters.
const SIGNS: [&str; 12] = [
    "error",
    "fail",
    "cannot",
    "can't",
    "unable",
    "denied",
    "refused",
    "no space",
    "no such",
    "not found",
    "fatal",
    "timed out",
];
/// A longer line is cut.
const LINE_BYTES: usize = 400;

/// Follows an output and keeps its end.
#[derive(Debug, Default)]
pub(super) struct LastLines {
    lines: VecDeque<String>,
    open: Vec<u8>,
}

impl OutputSink for LastLines {
    fn output(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.push(bytes);
        Ok(())
    }
}

impl LastLines {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            let room = LINE_BYTES.saturating_sub(self.open.len());
            self.open.extend_from_slice(&text[..text.len().min(room)]);
            if ends {
                let line = clean(&self.open);
                self.open.clear();
                self.keep(line);
            }
        }
    }

    fn keep(&mut self, line: String) {
        if line.is_empty() {
            return;
        }
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    fn all(&self) -> Vec<String> {
        let open = clean(&self.open);
        self.lines
            .iter()
            .cloned()
            .chain((!open.is_empty()).then_some(open))
            .collect()
    }

    /// The very last line.
    pub(super) fn last(&self) -> Option<String> {
        self.all().pop()
    }

    /// The last few lines; where only an earlier line speaks of an error, that one in front of them.
    pub(super) fn that_matter(&self) -> Vec<String> {
        let lines = self.all();
        let tail = lines.len().saturating_sub(TOLD);
        let speaks = |line: &String| {
            let line = line.to_ascii_lowercase();
            SIGNS.iter().any(|sign| line.contains(sign))
        };
        let found = match lines.iter().rposition(speaks) {
            Some(found) if found < tail => found,
            _ => return lines.into_iter().skip(tail).collect(),
        };
        // The error, how much is left out, and the end as it was.
        let from = lines.len() - (TOLD - 2).min(lines.len());
        let mut told: Vec<String> = lines.get(found).cloned().into_iter().collect();
        if from > found + 1 {
            told.push(format!("... {} lines ...", from - found - 1));
        }
        told.extend(lines.into_iter().skip(from));
        told
    }
}

/// Text of a line: no escape sequences, no control characters, of a progress bar its last state.
fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches('\r');
    let text = text.rsplit('\r').next().unwrap_or_default();
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // A control sequence is ESC [ up to a letter; other escapes are two characters.
            if chars.next_if_eq(&'[').is_some() {
                while chars.next().is_some_and(|c| !c.is_ascii_alphabetic()) {}
            } else {
                chars.next();
            }
        } else if c == '\t' {
            out.push(' ');
        } else if !c.is_control() {
            out.push(c);
        }
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(text: &str) -> LastLines {
        let mut last = LastLines::default();
        // In pieces, as it comes over a network.
        for piece in text.as_bytes().chunks(7) {
            last.push(piece);
        }
        last
    }

    #[test]
    fn the_last_lines_are_told() {
        let text: String = (0..100).map(|n| format!("line {n}\n")).collect();
        let told = lines_of(&text).that_matter();
        assert_eq!(told.first().map(String::as_str), Some("line 92"));
        assert_eq!(told.last().map(String::as_str), Some("line 99"));
    }

    #[test]
    fn an_error_further_up_is_not_lost() {
        let mut text = String::from("E: disk error\n");
        for n in 0..20 {
            text.push_str(&format!("cleaning {n}\n"));
        }
        let told = lines_of(&text).that_matter();
        assert_eq!(told.first().map(String::as_str), Some("E: disk error"));
        assert_eq!(told.get(1).map(String::as_str), Some("... 14 lines ..."));
        assert_eq!(
            told.last().map(String::as_str),
            Some("cleaning 19"),
            "nor is the end"
        );
    }

    #[test]
    fn terminal_tricks_are_taken_out() {
        let last = lines_of("10%\r50%\r100%\r\n\u{1b}[1;31mred\u{1b}[0m\u{7}\nopen end");
        assert_eq!(last.that_matter(), ["100%", "red", "open end"]);
        assert_eq!(last.last().as_deref(), Some("open end"));
    }

    #[test]
    fn a_line_without_end_stays_small() {
        let mut last = LastLines::default();
        for _ in 0..1000 {
            last.push(&[b'x'; 1000]);
        }
        assert_eq!(last.that_matter(), ["x".repeat(LINE_BYTES)]);
    }
}
