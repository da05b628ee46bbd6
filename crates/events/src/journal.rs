//! The journal's line format: a header line, then one JSON object a line.
//!
//! A journal is bytes: places in it are counted in bytes of the file, never in text made of them.
//!
//! A writer may die in the middle of a line, so a last line without its end counts as not written. A power
//! loss may besides leave a hole, bytes of value 0, in what was not flushed. Nothing else is passed over: a
//! line that this program did not write so is damage, and is named. A display passes over events it does not
//! know; whoever continues a run refuses a journal that is newer than it ([`JournalError::Newer`]).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::event::{Event, EventKind};

/// The version of the format that this program writes.
pub const FORMAT: u32 = 1;

/// No line is longer than this many bytes: one that is longer was not written by this program.
pub const LONGEST_LINE: usize = 32 << 20;

/// The disk gives what was written in pieces of at least so many bytes: where a hole is, it ends with one.
const SECTOR: usize = 512;

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
    #[error("line 1 of the journal is damaged: it is not the first line of a journal of phalanx")]
    NotAJournal(#[source] Damage),
    /// A line in the middle makes no sense.
    #[error("line {line} of the journal is damaged")]
    Damaged {
        /// Counted from 1.
        line: usize,
        /// Why.
        source: Damage,
    },
    /// Written by a newer program.
    #[error("the journal has format {found}, this program knows {FORMAT}: use the newer phalanx")]
    Newer {
        /// Its format.
        found: u32,
    },
}

/// What is wrong with a line.
#[derive(Debug, Error)]
pub enum Damage {
    /// It holds a byte that no line of a journal holds.
    #[error("byte {at} of it is 0x{byte:02x}, which no line of a journal has")]
    Byte {
        /// Counted from 1.
        at: usize,
        /// Its value.
        byte: u8,
    },
    /// It is not UTF-8.
    #[error("byte {at} of it is not UTF-8")]
    Utf8 {
        /// Counted from 1.
        at: usize,
    },
    /// It is longer than any line is.
    #[error("it has more than {LONGEST_LINE} bytes")]
    Long,
    /// It is not the JSON that is expected.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// No program has ever written this format.
    #[error("it names the format {0}, which no phalanx has ever written")]
    Format(u32),
    /// It is the first event, and does not say that the run began.
    #[error("a run begins with `run-started`, and this is something else")]
    NotBegun,
    /// Lines before it are missing.
    #[error("its number is {found}, and {expected} comes next: lines before it are missing")]
    Gap {
        /// The number that comes next.
        expected: u64,
        /// Its number.
        found: u64,
    },
}

/// What a journal holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    /// The first line.
    pub header: Header,
    /// The events, in order, each once.
    pub events: Vec<Event>,
    /// How many bytes of the file are whole lines: where writing may go on.
    pub whole_bytes: usize,
    /// How many bytes were read.
    pub bytes: usize,
}

impl Journal {
    /// The format, where it is newer than what this program knows.
    pub fn newer_format(&self) -> Option<u32> {
        let format = self.header.phalanx_journal;
        (format > FORMAT).then_some(format)
    }

    /// The number of the plan that holds: the one it began with, or that of its last resumption.
    pub fn plan_number(&self) -> u32 {
        let mut resumed = self
            .events
            .iter()
            .rev()
            .filter_map(|event| match &event.kind {
                EventKind::RunResumed(resumed) => Some(resumed.plan),
                _ => None,
            });
        resumed.next().unwrap_or(1)
    }
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

/// Reads one line of a journal, its end left away.
///
/// # Errors
/// Where it is not a line that this program, or a newer one, writes.
pub fn event(line: &[u8]) -> Result<Event, Damage> {
    let text = text(line)?;
    let mut event: Event = serde_json::from_str(text)?;
    event.clamp();
    Ok(event)
}

/// The text of a line: JSON as it is written here has no control characters, a carriage return included.
fn text(line: &[u8]) -> Result<&str, Damage> {
    if line.len() > LONGEST_LINE {
        return Err(Damage::Long);
    }
    if let Some(at) = line.iter().position(|byte| *byte < b' ') {
        let byte = line.get(at).copied().unwrap_or_default();
        return Err(Damage::Byte { at: at + 1, byte });
    }
    std::str::from_utf8(line).map_err(|error| Damage::Utf8 {
        at: error.valid_up_to() + 1,
    })
}

fn header(line: &[u8]) -> Result<Header, Damage> {
    let header: Header = serde_json::from_str(text(line)?)?;
    match header.phalanx_journal {
        0 => Err(Damage::Format(0)),
        _ => Ok(header),
    }
}

/// The format of a journal that begins so, where it is newer than what this program knows.
pub fn newer_format(beginning: &[u8]) -> Option<u32> {
    let first = beginning.split(|byte| *byte == b'\n').next()?;
    let format = header(first).ok()?.phalanx_journal;
    (format > FORMAT).then_some(format)
}

/// Reads a journal for showing: of a newer format it takes what it understands.
///
/// # Errors
/// [`JournalError::Empty`], [`JournalError::NotAJournal`]; [`JournalError::Damaged`] where a line makes no
/// sense, and the format is not newer.
pub fn read(journal: impl AsRef<[u8]>) -> Result<Journal, JournalError> {
    read_lines(journal.as_ref(), Gaps::Pass)
}

/// Whether numbers may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gaps {
    Pass,
    Refuse,
}

fn read_lines(bytes: &[u8], gaps: Gaps) -> Result<Journal, JournalError> {
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    let whole = bytes.get(..end.map_or(0, |at| at + 1)).unwrap_or_default();
    let mut lines = whole.split_inclusive(|byte| *byte == b'\n');
    let Some(first) = lines.next() else {
        return Err(not_begun(bytes));
    };
    let header = header(without_end(first)).map_err(JournalError::NotAJournal)?;
    let newer = header.phalanx_journal > FORMAT;
    let mut events: Vec<Event> = Vec::new();
    let mut whole_bytes = first.len();
    for (index, raw) in lines.enumerate() {
        let damaged = |source| JournalError::Damaged {
            line: index + 2,
            source,
        };
        match event(without_end(raw)) {
            // A duplicate.
            Ok(event) if events.last().is_some_and(|last| last.seq >= event.seq) => {}
            Ok(event) => {
                let expected = events.last().map_or(1, |last| last.seq.saturating_add(1));
                if gaps == Gaps::Refuse && !newer && event.seq != expected {
                    let found = event.seq;
                    return Err(damaged(Damage::Gap { expected, found }));
                }
                events.push(event);
            }
            Err(_) if newer => {}
            // A power loss may leave later parts of what was not flushed, and not earlier ones. Nothing of
            // that was ever flushed, or something that is flushed at once would stand behind it.
            Err(_)
                if is_hole(bytes, whole_bytes, raw.len())
                    && !has_flushed(whole.get(whole_bytes..).unwrap_or_default()) =>
            {
                break;
            }
            Err(source) => return Err(damaged(source)),
        }
        whole_bytes += raw.len();
    }
    Ok(Journal {
        header,
        events,
        whole_bytes,
        bytes: bytes.len(),
    })
}

fn without_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

/// What there is without a single line's end: nothing, what a power loss has left of it, or a header's
/// beginning; else it is no journal.
fn not_begun(bytes: &[u8]) -> JournalError {
    const BEGINNING: &[u8] = b"{\"phalanx_journal\":";
    let common = bytes.len().min(BEGINNING.len());
    let begins = bytes.get(..common) == BEGINNING.get(..common);
    match header(bytes) {
        Err(damage) if !begins && bytes.iter().any(|byte| *byte != 0) => {
            JournalError::NotAJournal(damage)
        }
        _ => JournalError::Empty,
    }
}

/// Whether there is what a power loss leaves in the line that begins at `from`: zeros up to where the disk's
/// pieces end, or up to the end of the file. A zero anywhere else was put there by something else.
fn is_hole(bytes: &[u8], from: usize, length: usize) -> bool {
    let mut at = from;
    let end = from.saturating_add(length).min(bytes.len());
    while let Some(line) = bytes.get(at..end).filter(|line| !line.is_empty()) {
        let Some(zero) = line.iter().position(|byte| *byte == 0) else {
            return false;
        };
        let begin = at + zero;
        let rest = bytes.get(begin..).unwrap_or_default();
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        let stop = begin + zeros;
        if stop == bytes.len() || stop.is_multiple_of(SECTOR) {
            return true;
        }
        at = stop;
    }
    false
}

/// Whether a part of a journal has an event that was flushed, with all before it, as it was written.
fn has_flushed(part: &[u8]) -> bool {
    let lines = part.split(|byte| *byte == b'\n');
    let mut events = lines.filter_map(|line| event(line).ok());
    events.any(|event| event.kind.is_flushed_at_once())
}

/// Reads a journal in order to go on with it.
///
/// # Errors
/// As [`read`]; [`JournalError::Newer`]; [`JournalError::Damaged`] also where a line is missing.
pub fn read_to_continue(journal: impl AsRef<[u8]>) -> Result<Journal, JournalError> {
    let journal = read_lines(journal.as_ref(), Gaps::Refuse)?;
    match journal.newer_format() {
        Some(found) => Err(JournalError::Newer { found }),
        None => Ok(journal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::CancelLevel;

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
        let journal = read(text(&events)).unwrap();
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
        let zeros = "\0".repeat(SECTOR - good.len());
        let text = format!("{good}{zeros}of a line\"}}\n{}", line(&event(3)).unwrap());
        let journal = read_to_continue(&text).unwrap();
        assert_eq!(journal.events, [event(1)]);
        assert_eq!(
            journal.whole_bytes,
            good.len(),
            "writing goes on before the hole"
        );
        // The file has its length, and the bytes never came.
        let zeros = read_to_continue(format!("{good}{}", "\0".repeat(700))).unwrap();
        assert_eq!(zeros.whole_bytes, good.len());
        // A zero that no disk leaves is damage.
        let one = format!(
            "{good}{}",
            line(&event(2)).unwrap().replace("cancel", "can\0cel")
        );
        assert_eq!(
            read(&one).unwrap_err().to_string(),
            "line 3 of the journal is damaged"
        );
    }

    #[test]
    fn places_are_bytes_of_the_file() {
        let host = crate::event::Event {
            kind: EventKind::HostNotice {
                host: "h1".into(),
                text: "Grüße, 世界".into(),
            },
            ..event(1)
        };
        let whole = text(&[host, event(2)]);
        let journal = read_to_continue(format!("{whole}{{\"seq\":3,\"at\":\"20")).unwrap();
        assert_eq!(
            (journal.whole_bytes, journal.events.len()),
            (whole.len(), 2)
        );
        assert_eq!(journal.bytes, whole.len() + 17);
    }

    type Reader = fn(&[u8]) -> Result<Journal, JournalError>;

    /// Of each line a byte is another one: the line is named, by whoever reads, and nothing is cut off.
    #[test]
    fn whatever_is_no_line_of_ours_is_named() {
        let whole = text(&[event(1), event(2), event(3)]);
        let lines: Vec<&str> = whole.split_inclusive('\n').collect();
        let damages: [(&[u8], &str); 6] = [
            (b"\xff", "is not UTF-8"),
            (b"\xc3", "is not UTF-8"),
            (b"\xed\xa0\x80", "is not UTF-8"),
            (b"\r", "0x0d"),
            (b"\0", "0x00"),
            (b"\x1b", "0x1b"),
        ];
        let readers: [Reader; 2] = [|bytes| read(bytes), |bytes| read_to_continue(bytes)];
        for at in 0..lines.len() {
            for (damage, told) in damages {
                for place in [0, 10, lines[at].len() - 1] {
                    let mut bytes = lines[..at].concat().into_bytes();
                    let (before, after) = lines[at].as_bytes().split_at(place);
                    bytes.extend([before, damage, after].concat());
                    bytes.extend(lines[at + 1..].concat().as_bytes());
                    for read in readers {
                        let error = read(&bytes).unwrap_err();
                        let named = format!("line {} of the journal is damaged", at + 1);
                        assert!(error.to_string().starts_with(&named), "{error}");
                        let why = std::error::Error::source(&error).unwrap().to_string();
                        assert!(why.contains(told), "{why}");
                    }
                }
            }
        }
        let windows = whole.replace('\n', "\r\n");
        assert!(matches!(
            read(&windows),
            Err(JournalError::NotAJournal(Damage::Byte { byte: b'\r', .. }))
        ));
    }

    #[test]
    fn who_goes_on_misses_no_line() {
        let without = text(&[event(1), event(3)]);
        assert_eq!(read(&without).unwrap().events.len(), 2);
        let error = read_to_continue(&without).unwrap_err();
        assert!(
            matches!(
                error,
                JournalError::Damaged {
                    line: 3,
                    source: Damage::Gap {
                        expected: 2,
                        found: 3
                    }
                }
            ),
            "{error:?}"
        );
        assert!(read_to_continue(text(&[event(2)])).is_err());
        assert!(read_to_continue(text(&[event(1), event(1), event(2)])).is_ok());
    }

    #[test]
    fn a_first_line_that_is_none_is_damage() {
        let events = line(&event(1)).unwrap();
        for first in [
            "",
            "null",
            "{}",
            "[]",
            "what is this",
            "{\"phalanx_journal\":\"1\",\"run\":\"r\"}",
            "{\"phalanx_journal\":0,\"run\":\"r\"}",
            "{\"phalanx_journal\":-1,\"run\":\"r\"}",
            "{\"phalanx_journal\":4294967296,\"run\":\"r\"}",
            "{\"phalanx_journal\":1}",
            "{\"phalanx_journal\":1,\"run\":\"r\"} {}",
            events.trim_end(),
        ] {
            let text = format!("{first}\n{events}");
            for error in [
                read(&text).unwrap_err(),
                read_to_continue(&text).unwrap_err(),
            ] {
                assert!(
                    matches!(error, JournalError::NotAJournal(_)),
                    "{first}: {error}"
                );
            }
        }
        assert!(matches!(read("hello"), Err(JournalError::NotAJournal(_))));
        assert!(matches!(read("{\"phalanx_jou"), Err(JournalError::Empty)));
        assert!(matches!(read([0; 4096]), Err(JournalError::Empty)));
    }

    #[test]
    fn times_that_cannot_be_are_as_long_as_any() {
        let whole = text(&[Event {
            ms: u64::MAX,
            ..event(1)
        }]);
        assert_eq!(read(&whole).unwrap().events[0].ms, crate::event::MOST_MS);
    }

    #[test]
    fn a_duplicate_counts_once() {
        assert_eq!(
            read(text(&[event(1), event(1), event(2)]))
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
