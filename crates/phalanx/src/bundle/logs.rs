//! A run's logs for an archive: without secrets, each line with the time at which it came; of a very long
//! one its head and its tail.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use phalanx_engine::RunFolder;
use phalanx_engine::plain_file::open;
use phalanx_report::LogTimes;
use phalanx_report::terminal_text::harmless;

use super::archive::Contents;
use super::redaction::{AHEAD, Counts, Part, Redactor};

/// Of a log that is longer than twice this, so much of its head and of its tail.
const HALF: u64 = 10_000_000;

/// What there was below the folder of logs.
#[derive(Default)]
pub(super) struct Found {
    /// Logs: path in the archive, and file.
    pub(super) logs: Vec<(String, PathBuf)>,
    /// What is no log, or has no log's name.
    pub(super) foreign: Vec<String>,
}

/// Looks for logs: files `HOST/STAGE.log` of plain names. Links are not followed.
pub(super) fn find(run: &Path, redactor: &Redactor) -> Found {
    let mut found = Found::default();
    let logs = run.join("logs");
    let is_folder = fs::symlink_metadata(&logs).is_ok_and(|found| found.is_dir());
    for host in is_folder.then(|| entries(&logs)).into_iter().flatten() {
        let name = host.file_name();
        let is_folder = host.file_type().is_ok_and(|kind| kind.is_dir());
        let Some(host_name) = plain(name.as_bytes(), redactor).filter(|_| is_folder) else {
            found.foreign.push(shown(name.as_bytes(), redactor));
            continue;
        };
        for log in entries(&host.path()) {
            let name = log.file_name();
            let is_file = log.file_type().is_ok_and(|kind| kind.is_file());
            match plain(name.as_bytes(), redactor).filter(|_| is_file) {
                Some(name) if name.ends_with(".log") => {
                    let path = format!("logs/{host_name}/{name}");
                    found.logs.push((path, log.path()));
                }
                Some(name) if name.ends_with(".log.times") => {}
                _ => {
                    let name = shown(name.as_bytes(), redactor);
                    found.foreign.push(format!("{host_name}/{name}"));
                }
            }
        }
    }
    found.logs.sort();
    found.foreign.sort();
    found
}

fn entries(folder: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

/// A name that is no more than a name.
pub(super) fn plain(name: &[u8], redactor: &Redactor) -> Option<String> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let name = std::str::from_utf8(name).ok()?;
    let fits = name.len() <= 200 && !name.starts_with('.') && name.as_bytes().iter().all(is_plain);
    (fits && redactor.is_clean(name)).then(|| name.to_owned())
}

fn shown(name: &[u8], redactor: &Redactor) -> String {
    let name = harmless(&String::from_utf8_lossy(name));
    let short: String = name.chars().take(80).collect();
    redactor.text(&short, &mut Counts::new())
}

/// Puts a log into the archive.
pub(super) fn add(
    contents: &mut Contents,
    name: String,
    path: &Path,
    redactor: &Redactor,
    counts: &mut Counts,
) -> io::Result<()> {
    let mut file = open(path)?;
    let bytes = file.metadata()?.len();
    let times = times(path).within(bytes);
    let mut spool = contents.begin();
    let mut lines = TimedLines {
        out: BufWriter::new(&mut spool),
        times,
        begins: true,
    };
    let head = if bytes > 2 * HALF { HALF } else { bytes };
    excerpt(&mut file, 0, head, redactor, counts, &mut |part| {
        lines.write(&part)
    })?;
    if head < bytes {
        let left_out = bytes - 2 * HALF;
        let text = format!("\n[{left_out} bytes of this log were left out here]\n");
        lines.out.write_all(text.as_bytes())?;
        lines.begins = true;
        let tail = bytes - HALF;
        excerpt(&mut file, tail, bytes, redactor, counts, &mut |part| {
            lines.write(&part)
        })?;
    }
    lines.out.flush()?;
    drop(lines);
    spool.keep(name);
    Ok(())
}

/// When a log's bytes came; nothing is known where that can't be read.
fn times(log: &Path) -> LogTimes {
    let mut text = Vec::new();
    let file = open(&RunFolder::log_times_path(log));
    let read = file.and_then(|mut file| file.read_to_end(&mut text));
    match read {
        Ok(_) => LogTimes::parse(&String::from_utf8_lossy(&text)),
        Err(_) => LogTimes::parse(""),
    }
}

/// The last lines of a log, within so many bytes.
pub(super) fn end(
    path: &Path,
    most: u64,
    redactor: &Redactor,
    counts: &mut Counts,
) -> io::Result<String> {
    let mut file = open(path)?;
    let bytes = file.metadata()?.len();
    let from = bytes.saturating_sub(most);
    let mut text = Vec::new();
    excerpt(&mut file, from, bytes, redactor, counts, &mut |part| {
        text.extend_from_slice(part.bytes);
        Ok(())
    })?;
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(match text.split_once('\n') {
        Some((_, whole)) if from > 0 => format!("(from byte {from} on)\n{whole}"),
        _ => text,
    })
}

/// The bytes from `from` up to `to` without secrets, those that stand over its borders included.
fn excerpt(
    file: &mut File,
    from: u64,
    to: u64,
    redactor: &Redactor,
    counts: &mut Counts,
    emit: &mut dyn FnMut(Part<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let begin = from.saturating_sub(AHEAD as u64);
    file.seek(SeekFrom::Start(begin))?;
    let mut input = file.take(to + AHEAD as u64 - begin);
    redactor.stream(&mut input, counts, &mut |part| {
        let offset = begin + part.offset;
        let length = part.bytes.len() as u64;
        let (first, last) = match part.is_label {
            // What stands over the first border is told; what begins behind the last one is not ours.
            true if offset >= to => return Ok(()),
            true => (0, length),
            false => (
                from.saturating_sub(offset).min(length),
                to.saturating_sub(offset).min(length),
            ),
        };
        let bytes = part.bytes.get(first as usize..last as usize);
        emit(Part {
            bytes: bytes.unwrap_or_default(),
            offset: offset + if part.is_label { 0 } else { first },
            is_label: part.is_label,
        })
    })
}

/// Writes lines, each with its time in front.
struct TimedLines<W> {
    out: W,
    times: LogTimes,
    /// Whether the next byte begins a line.
    begins: bool,
}

impl<W: Write> TimedLines<W> {
    fn write(&mut self, part: &Part<'_>) -> io::Result<()> {
        let mut at = part.offset;
        for line in part.bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.begins {
                match self.times.time_at(at) {
                    Some(came) => {
                        let came = came.to_zoned(TimeZone::UTC);
                        write!(self.out, "{} ", came.strftime("%Y-%m-%dT%H:%M:%S%.1fZ"))?;
                    }
                    None => self.out.write_all(b"- ")?,
                }
            }
            self.out.write_all(line)?;
            self.begins = line.ends_with(b"\n");
            if !part.is_label {
                at += line.len() as u64;
            }
        }
        Ok(())
    }
}
