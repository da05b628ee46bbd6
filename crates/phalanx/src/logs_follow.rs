//! `phalanx logs -f`: what hosts say, as they say it, until nobody works on the run any more.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use phalanx_report::terminal_text;

/// The pause between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// A line that goes on for longer is shown in parts.
const LONGEST_LINE: usize = 64 * 1024;

/// One log that is followed.
struct Followed {
    path: PathBuf,
    label: String,
    offset: u64,
    /// The beginning of a line whose end was not said yet.
    line: Vec<u8>,
}

/// Writes whole lines of all logs that there are and that come into being, each with its label in front
/// where there may be several. `logs` gives path and label of those there are; `goes_on` says whether
/// somebody works on the run.
pub(crate) fn follow(
    mut logs: impl FnMut() -> Vec<(PathBuf, String)>,
    goes_on: impl Fn() -> bool,
    labelled: bool,
    wanted: &dyn Fn(&str) -> bool,
) -> io::Result<()> {
    let mut followed: Vec<Followed> = Vec::new();
    loop {
        // Asked before the look: what was written up to the run's end is seen by the look after it.
        let last = !goes_on();
        for (path, label) in logs() {
            if !followed.iter().any(|known| known.path == path) {
                followed.push(Followed {
                    path,
                    label,
                    offset: 0,
                    line: Vec::new(),
                });
            }
        }
        let mut out = io::stdout().lock();
        for log in &mut followed {
            log.read(labelled, wanted, &mut out)?;
            if last {
                log.end(labelled, wanted, &mut out)?;
            }
        }
        out.flush()?;
        drop(out);
        if last {
            return Ok(());
        }
        sleep(LOOK);
    }
}

impl Followed {
    fn read(
        &mut self,
        labelled: bool,
        wanted: &dyn Fn(&str) -> bool,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
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
                    self.end(labelled, wanted, out)?;
                }
                if *byte != b'\n' {
                    self.line.push(*byte);
                }
            }
        }
    }

    /// Writes the line that is held, if there is one.
    fn end(
        &mut self,
        labelled: bool,
        wanted: &dyn Fn(&str) -> bool,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        let text = terminal_text::line(&line);
        if line.is_empty() || !wanted(&text) {
            return Ok(());
        }
        match labelled {
            true => writeln!(out, "{} | {text}", self.label),
            false => writeln!(out, "{text}"),
        }
    }
}
