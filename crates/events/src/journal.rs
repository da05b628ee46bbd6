//! The journal's line format: a header line, then one JSON object a line.
//!
//! A writer may die in the middle of a line, so the last line may be torn: it counts as not
//! written. A display passes over events it does not know; whoever continues a run refuses a
//! journal that is newer than it ([`JournalError::Newer`]).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::event::Event;

/// The version of the format that this program writes.
pub const FORMAT: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Header {
    /// The format's version.
    pub phalanx_journal: u32,
    /// The run's id.
    pub run: String,
}

/// Why a journal cannot be read.
#[derive(Debug, Error)]
pub enum JournalError {
    /// No complete first line.
    #[error("the journal is empty: the run ended before it began")]
    Empty,
    /// The first line is something else.
    #[error("this is not a journal of phalanx")]
    NotAJournal(#[source] serde_json::Error),
    /// A line in the middle makes no sense.
    #[error("line {line} of the journal is damaged")]
    Damaged {
        /// Counted from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// Written by a newer program.
    #[error("the journal has format {found}, this program knows {FORMAT}: use the newer phalanx")]
    Newer {
        /// Its format.
        found: u32,
    },
}

/// What a journal holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    /// The first line.
    pub header: Header,
    /// The events, in order, each once.
    pub events: Vec<Event>,
    /// How many bytes of the text are whole lines: where writing may go on.
    pub whole_bytes: usize,
}

/// The header line, newline included.
pub fn header_line(run: &str) -> String {
    let header = Header {
        phalanx_journal: FORMAT,
        run: run.to_owned(),
    };
    // A struct of a number and a text always serialises.
    let mut line = serde_json::to_string(&header).unwrap_or_default();
    line.push('\n');
    line
}

/// One event's line, newline included.
///
/// # Errors
/// Never for an event made by this program: all its parts serialise.
pub fn line(event: &Event) -> Result<String, serde_json::Error> {
    let mut line = serde_json::to_string(event)?;
    line.push('\n');
    Ok(line)
}

/// Reads a journal for showing: of a newer format it takes what it understands.
///
/// # Errors
/// [`JournalError::Empty`], [`JournalError::NotAJournal`]; [`JournalError::Damaged`] where a line makes no
/// sense that was on the disk, and the format is not newer.
pub fn read(text: &str) -> Result<Journal, JournalError> {
    let whole = &text[..text.rfind('\n').map_or(0, |newline| newline + 1)];
    let mut lines = whole.lines();
    let first = lines.next().ok_or(JournalError::Empty)?;
    let header: Header = serde_json::from_str(first).map_err(JournalError::NotAJournal)?;
    let mut events: Vec<Event> = Vec::new();
    let mut whole_bytes = first.len() + 1;
    for (index, line) in lines.enumerate() {
        match serde_json::from_str::<Event>(line) {
            Ok(event) if events.last().is_some_and(|last| last.seq >= event.seq) => {} // a duplicate
            Ok(event) => events.push(event),
            Err(_) if header.phalanx_journal > FORMAT => {}
            // A power loss may leave later parts of what was not flushed, and not earlier ones. Nothing of
            // that was ever flushed, or something that is flushed at once would stand behind it.
            Err(_) if !has_flushed(whole.get(whole_bytes..).unwrap_or_default()) => break,
            Err(source) => {
                return Err(JournalError::Damaged {
                    line: index + 2,
                    source,
                });
            }
        }
        whole_bytes += line.len() + 1;
    }
    Ok(Journal {
        header,
        events,
        whole_bytes,
    })
}

/// Whether a part of a journal has an event that was flushed, with all before it, as it was written.
fn has_flushed(part: &str) -> bool {
    let mut events = part
        .lines()
        .filter_map(|line| serde_json::from_str::<Event>(line).ok());
    events.any(|event| event.kind.is_flushed_at_once())
}

/// Reads a journal in order to go on with it.
///
/// # Errors
/// As [`read`], and [`JournalError::Newer`].
pub fn read_to_continue(text: &str) -> Result<Journal, JournalError> {
    let journal = read(text)?;
    if journal.header.phalanx_journal > FORMAT {
        return Err(JournalError::Newer {
            found: journal.header.phalanx_journal,
        });
    }
    Ok(journal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CancelLevel, EventKind};

    fn event(seq: u64) -> Event {
        Event {
            seq,
            at: jiff::Timestamp::UNIX_EPOCH,
            ms: seq * 10,
            kind: EventKind::CancelRequested {
                level: CancelLevel::NoNewTasks,
            },
        }
    }

    fn text(events: &[Event]) -> String {
        let mut text = header_line("r1");
        for event in events {
            text.push_str(&line(event).unwrap());
        }
        text
    }

    #[test]
    fn what_was_written_is_read() {
        let events = [event(1), event(2)];
        let journal = read(&text(&events)).unwrap();
        assert_eq!(journal.events, events);
        assert_eq!(journal.header.run, "r1");
    }

    #[test]
    fn a_torn_last_line_counts_as_not_written() {
        let whole = text(&[event(1), event(2)]);
        for cut in 0..whole.len() {
            match read(&whole[..cut]) {
                Ok(journal) => {
                    let expected = whole[..cut].matches('\n').count() - 1;
                    assert_eq!(journal.events.len(), expected, "cut at {cut}");
                    assert!(journal.whole_bytes <= cut);
                }
                Err(error) => assert!(
                    matches!(error, JournalError::Empty),
                    "cut at {cut}: {error}"
                ),
            }
        }
    }

    #[test]
    fn what_was_not_flushed_may_be_lost_in_any_order() {
        let good = text(&[event(1)]);
        let zeros = "\0".repeat(40);
        let text = format!("{good}{zeros}\n{}", line(&event(3)).unwrap());
        let journal = read_to_continue(&text).unwrap();
        assert_eq!(journal.events, [event(1)]);
        assert_eq!(
            journal.whole_bytes,
            good.len(),
            "writing goes on before the hole"
        );
    }

    #[test]
    fn a_duplicate_counts_once() {
        assert_eq!(
            read(&text(&[event(1), event(1), event(2)]))
                .unwrap()
                .events
                .len(),
            2
        );
    }

    #[test]
    fn a_damaged_line_is_named() {
        let flushed = Event {
            kind: EventKind::RunEnded {
                outcome: crate::outcome::RunOutcome::Done,
            },
            ..event(2)
        };
        let text = text(&[event(1), flushed]).replacen("\"seq\":1", "\"seq\":x", 1);
        assert_eq!(
            read(&text).unwrap_err().to_string(),
            "line 2 of the journal is damaged"
        );
    }

    #[test]
    fn an_unknown_event_is_passed_over_and_a_newer_journal_is_not_continued() {
        let mut text = header_line("r1").replace(":1", ":2");
        text.push_str(
            "{\"seq\":1,\"at\":\"2026-01-01T00:00:00Z\",\"ms\":0,\"event\":\"eclipse\"}\n",
        );
        text.push_str("{\"something\":\"else\"}\n");
        let journal = read(&text).unwrap();
        assert_eq!(journal.events.len(), 1);
        assert_eq!(journal.events[0].kind, EventKind::Unknown);
        assert_eq!(
            read_to_continue(&text).unwrap_err().to_string(),
            "the journal has format 2, this program knows 1: use the newer phalanx"
        );
    }
}
