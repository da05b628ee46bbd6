//! A journal that somebody else writes, read as it grows.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use phalanx_engine::plain_file;
use phalanx_events::Event;
use phalanx_events::journal::{self, LONGEST_LINE};

/// So much is read in one go, unless one line is longer.
const PIECE: u64 = 1 << 20;

/// Reads a journal from its beginning, as far as it is written.
pub(crate) struct JournalTail {
    path: PathBuf,
    /// Where the last whole line ends.
    offset: u64,
}

impl JournalTail {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, offset: 0 }
    }

    /// The lines that became whole since. Where a resumption has cut off lines that made no sense, all come
    /// from the beginning again: events are told apart by their numbers.
    ///
    /// # Errors
    /// Where it cannot be read, or has a line that is longer than any is.
    pub(crate) fn lines(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut file = plain_file::open(&self.path)?;
        if file.metadata()?.len() < self.offset {
            self.offset = 0;
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut piece = Vec::new();
        loop {
            let before = piece.len();
            let read = file.by_ref().take(PIECE).read_to_end(&mut piece)?;
            let new = piece.get(before..).unwrap_or_default();
            if let Some(last) = new.iter().rposition(|byte| *byte == b'\n') {
                piece.truncate(before + last + 1);
                break;
            }
            if piece.len() > LONGEST_LINE {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("a line of it has more than {LONGEST_LINE} bytes: it is damaged"),
                ));
            }
            if read == 0 {
                return Ok(Vec::new());
            }
        }
        self.offset += piece.len() as u64;
        let lines = piece.split_inclusive(|byte| *byte == b'\n');
        Ok(lines.map(<[u8]>::to_vec).collect())
    }

    /// The events that became whole since; what is none is passed over.
    pub(crate) fn events(&mut self) -> io::Result<Vec<Event>> {
        let lines = self.lines()?;
        let events = lines
            .iter()
            .filter_map(|line| journal::event(line.strip_suffix(b"\n")?).ok());
        Ok(events.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;
    use std::time::{Duration, Instant};

    use phalanx_events::{CancelLevel, EventKind};

    use super::*;

    fn event(seq: u64) -> Event {
        Event {
            seq,
            at: jiff::Timestamp::UNIX_EPOCH,
            ms: seq,
            kind: EventKind::CancelRequested {
                level: CancelLevel::NoNewTasks,
            },
        }
    }

    #[test]
    fn a_line_without_end_is_told_before_all_of_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let file = File::create(&path).unwrap();
        let mut tail = JournalTail::new(path);
        file.set_len(LONGEST_LINE as u64 / 2).unwrap();
        assert!(tail.lines().unwrap().is_empty());
        file.set_len(1 << 40).unwrap();
        let begun = Instant::now();
        let told = tail.lines().unwrap_err().to_string();
        assert!(told.contains("damaged"), "{told}");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn lines_come_when_they_are_whole_and_again_after_a_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let mut file = File::create(&path).unwrap();
        let mut tail = JournalTail::new(path.clone());
        let second = journal::line(&event(2)).unwrap();
        write!(
            file,
            "{}{}",
            journal::header_line("r"),
            journal::line(&event(1)).unwrap()
        )
        .unwrap();
        write!(file, "{}", &second[..10]).unwrap();
        assert_eq!(tail.events().unwrap(), [event(1)]);
        write!(file, "{}", &second[10..]).unwrap();
        assert_eq!(tail.events().unwrap(), [event(2)]);
        assert_eq!(tail.events().unwrap(), []);
        // A resumption cuts, and writes on.
        let first = journal::header_line("r") + &journal::line(&event(1)).unwrap();
        std::fs::write(&path, &first).unwrap();
        assert_eq!(tail.events().unwrap(), [event(1)]);
        std::fs::write(&path, format!("{first}{{\"seq\":2,\"torn")).unwrap();
        assert_eq!(tail.events().unwrap(), []);
        // Cut and written on between two looks, longer than it was.
        std::fs::write(&path, first + &second).unwrap();
        assert_eq!(tail.events().unwrap(), [event(2)]);
    }
}
