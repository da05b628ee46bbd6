//! Beside a task's log: when which of its bytes came to this machine.
//!
//! A line an entry, `OFFSET UNIX_MS`. It is a help for whoever reads the log, and never a reason for a
//! run to fail: what cannot be written is not known later, and that is all. What was said while the
//! connection was lost was kept on the host, and comes all at once: the time is that of its coming.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::plain_file;

/// Entries lie at least so far apart: a long log costs by its time, not by its bytes.
const APART: Duration = Duration::from_millis(100);

/// The times of one log. It comes into being with its first entry.
pub(super) struct LogTimesFile {
    path: PathBuf,
    file: Option<File>,
    last: Option<Instant>,
    failed: bool,
}

impl LogTimesFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            last: None,
            failed: false,
        }
    }

    /// Notes that the bytes from `offset` on have come now; they are in the log.
    pub(super) fn came(&mut self, offset: u64) {
        self.note(offset, Instant::now(), Timestamp::now());
    }

    fn note(&mut self, offset: u64, now: Instant, at: Timestamp) {
        let is_near = |last| now.saturating_duration_since(last) < APART;
        if self.failed || self.last.is_some_and(is_near) {
            return;
        }
        self.last = Some(now);
        self.failed = self.append(offset, at).is_err();
    }

    fn append(&mut self, offset: u64, at: Timestamp) -> io::Result<()> {
        let entry = format!("{offset} {}\n", at.as_millisecond());
        if let Some(file) = &mut self.file {
            return file.write_all(entry.as_bytes());
        }
        let mut file = plain_file::append(&self.path)?;
        // What an earlier process has left of a last line must not run into this one.
        let end = match file.metadata()?.len() {
            0 => "",
            _ => "\n",
        };
        file.write_all(format!("{end}{entry}").as_bytes())?;
        self.file = Some(file);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    #[test]
    fn entries_lie_apart_in_time_however_much_comes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log.times");
        let mut times = LogTimesFile::new(path.clone());
        let begin = Instant::now();
        for ms in 0..1_000u64 {
            let offset = ms * 4_096;
            times.note(
                offset,
                begin + Duration::from_millis(ms),
                at(5_000 + ms as i64),
            );
        }
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count(), 10, "{text}");
        assert!(text.starts_with("0 5000\n409600 5100\n"), "{text}");
    }

    #[test]
    fn who_goes_on_does_not_write_into_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log.times");
        fs::write(&path, "0 5000\n12").unwrap();
        LogTimesFile::new(path.clone()).note(34, Instant::now(), at(6_000));
        assert_eq!(fs::read_to_string(path).unwrap(), "0 5000\n12\n34 6000\n");
    }

    #[test]
    fn where_it_cannot_be_written_nothing_happens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log.times");
        fs::create_dir(&path).unwrap();
        let mut times = LogTimesFile::new(path);
        times.came(0);
        assert!(times.failed);
        times.came(5);
    }
}
