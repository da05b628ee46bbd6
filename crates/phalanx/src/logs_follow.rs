//! `phalanx logs` by line: what hosts said, and with `-f` what they say, as they say it, until nobody works
//! on the run any more.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use phalanx_report::terminal_text;

use crate::logs_merge::{Came, Followed, merge};

/// The pause between two looks.
const LOOK: Duration = Duration::from_millis(200);

/// A log as it is now.
pub(crate) struct Seen {
    pub(crate) path: PathBuf,
    pub(crate) label: String,
    pub(crate) bytes: u64,
    /// When its attempt began.
    pub(crate) began: Timestamp,
    /// When it was last written.
    pub(crate) written: Option<Timestamp>,
}

/// Which lines, and what stands in front of each.
pub(crate) struct Lines<'a> {
    /// Its label, where there may be several logs.
    pub(crate) labelled: bool,
    /// When it came.
    pub(crate) timed: Option<TimeZone>,
    /// Only what began then or later.
    pub(crate) since: Option<Timestamp>,
    pub(crate) wanted: &'a dyn Fn(&str) -> bool,
}

/// Writes whole lines of all logs that there are and that come into being, in the order in which they came.
/// `logs` tells those there are; `goes_on` says whether somebody works on the run.
pub(crate) fn follow(
    logs: impl Fn() -> Vec<Seen>,
    goes_on: impl Fn() -> bool,
    lines: &Lines<'_>,
) -> io::Result<()> {
    let mut followed: BTreeMap<PathBuf, (Followed, u64)> = BTreeMap::new();
    loop {
        // Asked before the look: what was written up to the run's end is seen by the look after it.
        let last = !goes_on();
        for seen in logs() {
            let Seen { path, bytes, .. } = seen;
            let (_, there) = followed.entry(path.clone()).or_insert_with(|| {
                let mut log = Followed::new(seen.label, path, seen.began);
                if let Some(since) = lines.since {
                    log.begin_at(since, bytes, seen.written);
                }
                (log, bytes)
            });
            *there = bytes;
        }
        let news = followed.values_mut().filter_map(|(log, bytes)| {
            let bytes = *bytes;
            (log.has_more(bytes) || (last && log.has_line())).then_some((log, bytes))
        });
        let mut out = BufWriter::new(io::stdout().lock());
        merge(news, last, |label, came, line| {
            lines.write(&mut out, label, came, line)
        })?;
        out.flush()?;
        drop(out);
        if last {
            return Ok(());
        }
        sleep(LOOK);
    }
}

impl Lines<'_> {
    fn write(
        &self,
        out: &mut impl io::Write,
        label: &str,
        came: Came,
        line: &[u8],
    ) -> io::Result<()> {
        let text = terminal_text::line(line);
        if line.is_empty() || !(self.wanted)(&text) {
            return Ok(());
        }
        if let Some(zone) = &self.timed {
            let at = came.at.to_zoned(zone.clone());
            // Of equal width: what is only about so has no tenths.
            let form = match came.about {
                true => "%Y-%m-%d %H:%M:%S ~ ",
                false => "%Y-%m-%d %H:%M:%S%.1f ",
            };
            write!(out, "{}", at.strftime(form))?;
        }
        match self.labelled {
            true => writeln!(out, "{label} | {text}"),
            false => writeln!(out, "{text}"),
        }
    }
}
