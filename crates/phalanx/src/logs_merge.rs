//! The lines of several logs, put in the order in which they came. Read piece by piece, however long the
//! logs are; a file is open only while a piece is read, however many there are.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use phalanx_engine::{RunFolder, plain_file};
use phalanx_report::LogTimes;

/// So much is read at once.
const PIECE: usize = 32 * 1024;
/// A line that goes on for longer is shown in parts.
const LONGEST_LINE: usize = 64 * 1024;

/// One log, and how far it was shown.
pub(crate) struct Followed {
    pub(crate) label: String,
    path: PathBuf,
    /// When it began, for bytes of which nothing better is known.
    began: Timestamp,
    /// The next byte to read.
    offset: u64,
    /// Whether that is within a line that is not wanted.
    skips: bool,
    /// The beginning of a line whose end was not said yet, and its first byte's offset.
    line: Vec<u8>,
    line_from: u64,
}

/// When a line came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Came {
    pub(crate) at: Timestamp,
    /// Whether that is only when the log began.
    pub(crate) about: bool,
}

impl Followed {
    pub(crate) fn new(label: String, path: PathBuf, began: Timestamp) -> Self {
        Self {
            label,
            path,
            began,
            offset: 0,
            skips: false,
            line: Vec::new(),
            line_from: 0,
        }
    }

    /// Passes over all lines that began before this moment, of the `bytes` that there are. Where no times
    /// are known, that is all or nothing: `written` is when the log was last written.
    pub(crate) fn begin_at(&mut self, since: Timestamp, bytes: u64, written: Option<Timestamp>) {
        let times = self.times(bytes);
        let before = since.checked_sub(SignedDuration::from_millis(1));
        let come = match (times.is_empty(), before) {
            (false, Ok(before)) => times.offset_at(before),
            (true, _) if written.is_some_and(|written| written < since) => bytes,
            _ => 0,
        };
        // Where the byte before is a line's end, nothing more is passed over.
        self.skips = come > 0;
        self.offset = come.saturating_sub(1);
    }

    /// Whether there is more of it than was read.
    pub(crate) fn has_more(&self, bytes: u64) -> bool {
        bytes > self.offset
    }

    /// Whether a line's end is still to come.
    pub(crate) fn has_line(&self) -> bool {
        !self.line.is_empty()
    }

    fn times(&self, bytes: u64) -> LogTimes {
        // Without that file, or where it can't be read, nothing is known.
        let text = plain_file::read(&RunFolder::log_times_path(&self.path)).unwrap_or_default();
        LogTimes::parse(&String::from_utf8_lossy(&text)).within(bytes)
    }
}

/// A log while its lines are shown.
struct Source<'a> {
    log: &'a mut Followed,
    /// So many bytes of it are looked at.
    bytes: u64,
    /// What was read and not shown yet, and when it came; nothing before the log's turn and after it.
    reading: Option<Reading>,
}

struct Reading {
    times: LogTimes,
    piece: Vec<u8>,
    /// How much of the piece was shown.
    shown: usize,
}

/// Hands on the lines of all logs, each with how many bytes of it there are, by the time at which their
/// first bytes came; within a log in its own order. `to_the_end` says that what has no line's end yet will
/// have none.
pub(crate) fn merge<'a>(
    logs: impl Iterator<Item = (&'a mut Followed, u64)>,
    to_the_end: bool,
    mut line: impl FnMut(&str, Came, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut sources: Vec<Source<'_>> = logs
        .map(|(log, bytes)| Source {
            log,
            bytes,
            reading: None,
        })
        .collect();
    let mut turns: BinaryHeap<Reverse<(Came, usize)>> = BinaryHeap::new();
    for (at, source) in sources.iter().enumerate() {
        let times = source.log.times(source.bytes);
        turns.push(Reverse((source.next_came(&times), at)));
    }
    while let Some(Reverse((came, at))) = turns.pop() {
        let Some(source) = sources.get_mut(at) else {
            continue;
        };
        let skips = source.log.skips;
        if source.read_line(to_the_end)? {
            if !skips {
                line(&source.log.label, came, &source.log.line)?;
            }
            source.log.line.clear();
            source.log.skips = false;
            turns.push(Reverse((source.came(), at)));
        } else {
            source.reading = None;
        }
    }
    Ok(())
}

impl Source<'_> {
    fn next_came(&self, times: &LogTimes) -> Came {
        let from = match self.log.line.is_empty() {
            true => self.log.offset,
            false => self.log.line_from,
        };
        let at = times.time_at(from);
        Came {
            at: at.unwrap_or(self.log.began),
            about: at.is_none(),
        }
    }

    /// When the next line came.
    fn came(&mut self) -> Came {
        let reading = self.reading.take().unwrap_or_else(|| self.begin());
        let came = self.next_came(&reading.times);
        self.reading = Some(reading);
        came
    }

    fn begin(&self) -> Reading {
        Reading {
            times: self.log.times(self.bytes),
            piece: Vec::new(),
            shown: 0,
        }
    }

    /// Reads on to the end of the log's line; false where that was not said yet.
    fn read_line(&mut self, to_the_end: bool) -> io::Result<bool> {
        let mut reading = self.reading.take().unwrap_or_else(|| self.begin());
        let log = &mut *self.log;
        if log.line.is_empty() {
            log.line_from = log.offset;
        }
        let whole = loop {
            if reading.shown == reading.piece.len() && !reading.more(log, self.bytes)? {
                break to_the_end && !log.line.is_empty();
            }
            let piece = reading.piece.get(reading.shown..).unwrap_or_default();
            let end = piece.iter().position(|byte| *byte == b'\n');
            let text = piece.get(..end.unwrap_or(piece.len())).unwrap_or_default();
            // Of a line that is not wanted, nothing need be kept.
            let room = match log.skips {
                true => text.len(),
                false => text.len().min(LONGEST_LINE - log.line.len()),
            };
            let text = text.get(..room).unwrap_or_default();
            if !log.skips {
                log.line.extend_from_slice(text);
            }
            let ends = end == Some(text.len());
            let taken = text.len() + usize::from(ends);
            reading.shown += taken;
            log.offset += taken as u64;
            if ends || log.line.len() >= LONGEST_LINE {
                break true;
            }
        };
        self.reading = Some(reading);
        Ok(whole)
    }
}

impl Reading {
    /// Reads the next piece of the log; false where there is none.
    fn more(&mut self, log: &Followed, bytes: u64) -> io::Result<bool> {
        let left = bytes.saturating_sub(log.offset);
        if left == 0 {
            return Ok(false);
        }
        let mut file = File::open(&log.path)?;
        file.seek(SeekFrom::Start(log.offset))?;
        self.piece.clear();
        self.shown = 0;
        let most = left.min(PIECE as u64);
        file.take(most).read_to_end(&mut self.piece)?;
        Ok(!self.piece.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn ms(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    /// Appends what came at these times.
    fn write(path: &Path, pieces: &[(i64, String)]) {
        let (mut log, mut times) = (fs::read(path).unwrap_or_default(), String::new());
        for (at, text) in pieces {
            times.push_str(&format!("{} {at}\n", log.len()));
            log.extend_from_slice(text.as_bytes());
        }
        fs::write(path, log).unwrap();
        let path = RunFolder::log_times_path(path);
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, before + &times).unwrap();
    }

    fn look(logs: &mut [Followed], to_the_end: bool) -> Vec<(String, i64, String)> {
        let mut told = Vec::new();
        let logs = logs.iter_mut().map(|log| {
            let bytes = fs::metadata(&log.path).map_or(0, |log| log.len());
            (log, bytes)
        });
        merge(logs, to_the_end, |label, came, line| {
            let text = String::from_utf8_lossy(line).into_owned();
            told.push((label.to_owned(), came.at.as_millisecond(), text));
            Ok(())
        })
        .unwrap();
        told
    }

    /// Pieces of a log, with lines that are cut anywhere, and when each came.
    fn pieces() -> impl Strategy<Value = Vec<(i64, String)>> {
        prop::collection::vec((0..400i64, "[ab]{0,3}\n?[cd]{0,3}\n?"), 0..30).prop_map(|pieces| {
            let mut at = 1_000;
            let later = pieces.into_iter().filter(|(_, text)| !text.is_empty());
            let later = later.map(|(ms, text)| {
                at += ms;
                (at, text)
            });
            later.collect()
        })
    }

    /// The lines, each with the time of its first byte.
    fn lines(pieces: &[(i64, String)]) -> Vec<(i64, String)> {
        let mut lines: Vec<(i64, String)> = Vec::new();
        let mut open = false;
        for (at, text) in pieces {
            for c in text.chars() {
                if !open {
                    lines.push((*at, String::new()));
                }
                open = c != '\n';
                if open {
                    lines.last_mut().unwrap().1.push(c);
                }
            }
        }
        lines
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn lines_come_in_the_order_of_their_first_bytes(
            logs in prop::collection::vec(pieces(), 1..4),
            since in 0..9_000i64,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut followed = Vec::new();
            let mut expected = Vec::new();
            for (at, pieces) in logs.iter().enumerate() {
                let path = folder.path().join(at.to_string());
                write(&path, pieces);
                followed.push(Followed::new(at.to_string(), path, ms(0)));
                expected.extend(lines(pieces).into_iter().map(|(ms, line)| (at.to_string(), ms, line)));
            }
            // Stable: within a log in its own order.
            expected.sort_by_key(|(label, ms, _)| (*ms, label.clone()));
            prop_assert_eq!(look(&mut followed, true), expected.clone());

            for log in &mut followed {
                *log = Followed::new(log.label.clone(), log.path.clone(), ms(0));
                let bytes = fs::metadata(&log.path).unwrap().len();
                log.begin_at(ms(since), bytes, None);
            }
            expected.retain(|(_, ms, _)| *ms >= since);
            prop_assert_eq!(look(&mut followed, true), expected);
        }

        #[test]
        fn what_comes_later_goes_on_where_it_was(pieces in pieces(), at in 0..30usize) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("log");
            let mut log = [Followed::new("log".into(), path.clone(), ms(0))];
            let (first, rest) = pieces.split_at(at.min(pieces.len()));
            write(&path, first);
            let mut told = look(&mut log, false);
            write(&path, rest);
            told.extend(look(&mut log, true));
            let told: Vec<_> = told.into_iter().map(|(_, ms, line)| (ms, line)).collect();
            prop_assert_eq!(told, lines(&pieces));
        }
    }

    #[test]
    fn a_line_without_end_is_shown_in_parts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        write(&path, &[(1_000, "x".repeat(3 * LONGEST_LINE + 5))]);
        let mut log = [Followed::new("log".into(), path, ms(0))];
        let lengths: Vec<usize> = look(&mut log, true)
            .iter()
            .map(|line| line.2.len())
            .collect();
        assert_eq!(lengths, [LONGEST_LINE, LONGEST_LINE, LONGEST_LINE, 5]);
    }

    #[test]
    fn without_times_it_is_all_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "one\ntwo\n").unwrap();
        let shown = |since, written| {
            let mut log = [Followed::new("log".into(), path.clone(), ms(700))];
            log[0].begin_at(ms(since), 8, Some(ms(written)));
            look(&mut log, true).len()
        };
        assert_eq!((shown(1_000, 1_000), shown(1_001, 1_000)), (2, 0));
    }
}
