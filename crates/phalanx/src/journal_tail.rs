//! A journal that somebody else writes, read as it grows.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use phalanx_events::Event;

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
    pub(crate) fn lines(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut file = File::open(&self.path)?;
        if file.metadata()?.len() < self.offset {
            self.offset = 0;
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut piece = Vec::new();
        loop {
            let read = file.by_ref().take(PIECE).read_to_end(&mut piece)?;
            let whole = piece.iter().rposition(|byte| *byte == b'\n');
            if let Some(last) = whole {
                piece.truncate(last + 1);
                break;
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
            .filter_map(|line| serde_json::from_slice(line).ok());
        Ok(events.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use phalanx_events::{CancelLevel, EventKind, journal};

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
