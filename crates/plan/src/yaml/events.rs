//! What the parser meets in a text, one thing after the other.

use saphyr_parser::{Event, Parser, ScanError};

use crate::source::Span;

/// A thing that the parser met and its place in bytes, or the byte at which it gave up and why.
pub(crate) type Met<E, F> = Result<(E, Span), (usize, F)>;

/// What the parser meets in a text; nothing behind the first error is of use.
pub(crate) fn events(text: &str) -> impl Iterator<Item = Met<Event<'_>, ScanError>> {
    let base = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let body = text.get(base..).unwrap_or_default();
    let offsets = Offsets::new(body, base);
    let mut parser = Parser::new_from_str(body);
    std::iter::from_fn(move || {
        Some(match parser.next_event()? {
            Ok((event, span)) => Ok((event, offsets.span(span))),
            Err(error) => Err((offsets.byte(error.marker().index()), error)),
        })
    })
}

/// A text that was parsed, so that it can be gone through more than once.
pub(crate) struct Parsed<'a> {
    events: Vec<(Event<'a>, Span)>,
    /// Why it is no YAML, and at which byte.
    error: Option<(usize, ScanError)>,
}

impl<'a> Parsed<'a> {
    /// Parses a text up to the first error.
    pub(crate) fn of(text: &'a str) -> Self {
        let mut parsed = Self {
            events: Vec::new(),
            error: None,
        };
        for met in events(text) {
            match met {
                Ok(event) => parsed.events.push(event),
                Err(error) => {
                    parsed.error = Some(error);
                    break;
                }
            }
        }
        parsed
    }

    /// What was met, as [`events`] has it.
    pub(crate) fn events(&self) -> impl Iterator<Item = Met<&Event<'a>, &ScanError>> {
        let met = self.events.iter().map(|(event, span)| Ok((event, *span)));
        let error = self.error.iter().map(|(byte, error)| Err((*byte, error)));
        met.chain(error)
    }
}

/// Where each character of a text starts. The parser counts characters, all else here bytes.
struct Offsets {
    base: usize,
    /// Empty where every character is one byte.
    starts: Vec<usize>,
    end: usize,
}

impl Offsets {
    fn new(text: &str, base: usize) -> Self {
        let starts = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(start, _)| start).collect()
        };
        Self {
            base,
            starts,
            end: text.len(),
        }
    }

    fn byte(&self, index: usize) -> usize {
        let byte = if self.starts.is_empty() {
            index.min(self.end)
        } else {
            self.starts.get(index).copied().unwrap_or(self.end)
        };
        self.base + byte
    }

    fn span(&self, span: saphyr_parser::Span) -> Span {
        Span::new(self.byte(span.start.index()), self.byte(span.end.index()))
    }
}
