//! `phalanx logs -f`: what hosts say, as they say it, until nobody works on the run any more.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use phalanx_report::terminal_text;

/// The pause between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// A line that goes on for longer is shown in parts.
const LONGEST_LINE: usize = 64 * 1024;

/// A log as it is now.
pub(crate) struct Seen {
    pub(crate) path: PathBuf,
    pub(crate) label: String,
    pub(crate) bytes: u64,
}

/// One log that is followed.
struct Followed {
    label: String,
    offset: u64,
    /// The beginning of a line whose end was not said yet.
    line: Vec<u8>,
}

/// Where lines go, and which.
struct Lines<'a> {
    out: io::StdoutLock<'a>,
    labelled: bool,
    wanted: &'a dyn Fn(&str) -> bool,
}

/// Writes whole lines of all logs that there are and that come into being, each with its label in front
/// where there may be several. `logs` tells those there are; `goes_on` says whether somebody works on the
/// run.
pub(crate) fn follow(
    logs: impl Fn() -> Vec<Seen>,
    goes_on: impl Fn() -> bool,
    labelled: bool,
    wanted: &dyn Fn(&str) -> bool,
) -> io::Result<()> {
    let mut followed: BTreeMap<PathBuf, Followed> = BTreeMap::new();
    loop {
        // Asked before the look: what was written up to the run's end is seen by the look after it.
        let last = !goes_on();
        let mut lines = Lines {
            out: io::stdout().lock(),
            labelled,
            wanted,
        };
        for Seen { path, label, bytes } in logs() {
            let log = followed.entry(path.clone()).or_insert(Followed {
                label,
                offset: 0,
                line: Vec::new(),
            });
            if bytes > log.offset {
                log.read(&path, &mut lines)?;
            }
            if last {
                lines.write(log)?;
            }
        }
        lines.out.flush()?;
        drop(lines);
        if last {
            return Ok(());
        }
        sleep(LOOK);
    }
}

impl Followed {
    fn read(&mut self, path: &Path, lines: &mut Lines<'_>) -> io::Result<()> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut piece = vec![0; LONGEST_LINE];
        loop {
            let count = file.read(&mut piece)?;
            if count == 0 {
                return Ok(());
            }
            self.offset += count as u64;
            for byte in piece.iter().take(count) {
                if *byte == b'\n' || self.line.len() >= LONGEST_LINE {
                    lines.write(self)?;
                }
                if *byte != b'\n' {
                    self.line.push(*byte);
                }
            }
        }
    }
}

impl Lines<'_> {
    /// Writes the line that a log holds, if there is one.
    fn write(&mut self, log: &mut Followed) -> io::Result<()> {
        let line = std::mem::take(&mut log.line);
        let text = terminal_text::line(&line);
        if line.is_empty() || !(self.wanted)(&text) {
            return Ok(());
        }
        match self.labelled {
            true => writeln!(self.out, "{} | {text}", log.label),
            false => writeln!(self.out, "{text}"),
        }
    }
}
