//! One task's log: the host's output, byte for byte, up to a limit.
//!
//! A log that has reached its limit ends with a line of ours, and what comes after is counted and passed
//! over: the job goes on, and how it ends is learnt. So one host can't fill the disk for all. Where the
//! disk of the run's folder is nearly full for another reason, writing to a log fails as on a full disk,
//! while there is room left for the journal: the host keeps its output, and `resume` fetches it.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use phalanx_plan::TaskId;

use super::disk_reserve::DiskReserve;
use super::last_lines::LastLines;
use super::log_times_file::LogTimesFile;
use crate::plain_file;
use crate::run_folder::RunFolder;
use crate::telling::Telling;

/// The longest log of one attempt, in bytes.
const LOG_LIMIT: u64 = 256 << 20;
/// All logs of one host in one run have at most so many bytes together.
const HOST_LIMIT: u64 = 1 << 30;
/// So much a log may have in any case.
const LEAST_LIMIT: u64 = 64 << 10;

/// A log file that comes into being with its first byte.
pub(super) struct LogFile {
    path: PathBuf,
    file: Option<File>,
    /// Bytes of the host's output that are in the file.
    kept: u64,
    /// How far into the host's output we are: what was passed over counts as well.
    offset: u64,
    /// Known once the file is open.
    limit: u64,
    /// Whether it has reached its limit.
    is_cut: bool,
    /// Whether that has to be told yet.
    cut_untold: bool,
    reserve: DiskReserve,
    times: LogTimesFile,
    last: LastLines,
    task: TaskId,
    telling: Telling,
}

impl LogFile {
    pub(super) fn new(path: PathBuf, task: TaskId, telling: Telling) -> Self {
        Self {
            times: LogTimesFile::new(RunFolder::log_times_path(&path)),
            path,
            file: None,
            kept: 0,
            offset: 0,
            limit: LOG_LIMIT,
            is_cut: false,
            cut_untold: false,
            reserve: DiskReserve::default(),
            last: LastLines::default(),
            task,
            telling,
        }
    }

    /// Goes on with what an earlier process has written of the same attempt.
    pub(super) fn go_on(path: PathBuf, task: TaskId, telling: Telling) -> io::Result<Self> {
        let (kept, is_cut) = match plain_file::open(&path) {
            Ok(mut file) => kept_in(&mut file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => (0, false),
            Err(error) => return Err(error),
        };
        Ok(Self {
            kept,
            offset: kept,
            is_cut,
            ..Self::new(path, task, telling)
        })
    }

    /// Appends output. A failure here must stop the task: no byte may be lost in silence.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if !self.is_cut {
            self.keep(bytes)?;
        }
        self.offset += bytes.len() as u64;
        self.last.push(bytes);
        Ok(())
    }

    /// Appends what the limit leaves room for.
    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = open(&self.path)?;
                let others = size_of_others(&self.path);
                let left = HOST_LIMIT.saturating_sub(others);
                self.limit = self.limit.min(left.max(LEAST_LIMIT));
                self.file.insert(file)
            }
        };
        let room = usize::try_from(self.limit.saturating_sub(self.kept)).unwrap_or(usize::MAX);
        let (kept, beyond) = bytes.split_at(room.min(bytes.len()));
        if !kept.is_empty() {
            self.reserve.take(file, kept.len())?;
            file.write_all(kept)?;
            self.times.came(self.kept);
            self.kept += kept.len() as u64;
            self.telling.output(&self.task, kept);
        }
        if !beyond.is_empty() {
            let line = last_line_of_a_cut_log(self.kept);
            file.write_all(line.as_bytes())?;
            self.telling.output(&self.task, line.as_bytes());
            self.is_cut = true;
            self.cut_untold = true;
        }
        Ok(())
    }

    /// How many bytes of the host's output are in the file.
    pub(super) fn bytes(&self) -> u64 {
        self.kept
    }

    /// From where on the host's output is still to come.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// That the log has reached its limit: said once.
    pub(super) fn cut_to_tell(&mut self) -> Option<String> {
        std::mem::take(&mut self.cut_untold).then(|| {
            let (stage, kept) = (&self.task.stage, self.kept >> 10);
            format!(
                "{stage} says more than is kept: its log ends after {kept} KiB (a log has at most \
                 {} MiB, all logs of a host {} MiB); the script goes on",
                LOG_LIMIT >> 20,
                HOST_LIMIT >> 20
            )
        })
    }

    /// It is to be told again: whoever was told could not pass it on.
    pub(super) fn cut_not_told(&mut self) {
        self.cut_untold = self.is_cut;
    }

    /// The last lines that matter.
    pub(super) fn last_lines(&self) -> Vec<String> {
        self.last.that_matter()
    }

    /// The very last line with something in it.
    pub(super) fn last_line(&self) -> Option<String> {
        self.last.last()
    }

    /// Forgets the lines so far: what comes next is told by itself.
    pub(super) fn forget_lines(&mut self) {
        self.last = LastLines::default();
    }
}

/// What stands behind the last byte that is kept.
fn last_line_of_a_cut_log(kept: u64) -> String {
    format!(
        "\n[phalanx: the log ends here, after {kept} bytes; a log has at most {} MiB, all logs of a host \
         {} MiB. What the script said after this is not kept.]\n",
        LOG_LIMIT >> 20,
        HOST_LIMIT >> 20
    )
}

/// How many bytes of the host's output a log holds, and whether it was cut there. That line of ours says
/// where it stands, so that no output is taken for it that merely looks like one.
fn kept_in(file: &mut File) -> io::Result<(u64, bool)> {
    const TAIL: u64 = 512;
    let size = file.metadata()?.len();
    let from = size.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let begins = b"\n[phalanx: ";
    let found = tail
        .windows(begins.len())
        .rposition(|window| window == begins);
    if let Some(at) = found {
        let kept = from + at as u64;
        if tail.get(at..) == Some(last_line_of_a_cut_log(kept).as_bytes()) {
            return Ok((kept, true));
        }
    }
    Ok((size, false))
}

/// The bytes of all other logs beside this one: those of the same host.
fn size_of_others(path: &Path) -> u64 {
    let Some(entries) = path.parent().and_then(|folder| fs::read_dir(folder).ok()) else {
        return 0;
    };
    let others = entries.flatten().map(|entry| entry.path());
    let logs = others.filter(|other| other != path && other.extension() == Some("log".as_ref()));
    logs.filter_map(|other| fs::metadata(other).ok())
        .map(|metadata| metadata.len())
        .sum()
}

/// Opens the file; its folder is made where it is missing.
fn open(path: &Path) -> io::Result<File> {
    let open = || plain_file::append(path);
    match (open(), path.parent()) {
        (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
            open()
        }
        (opened, _) => opened,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telling::telling;

    #[test]
    fn times_stand_beside_the_log_and_cannot_harm_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w1/serve.log");
        let task = TaskId::new("serve", "w1");
        let (telling, _forward) = telling(false);
        LogFile::new(path.clone(), task.clone(), telling.clone())
            .write(b"one\n")
            .unwrap();
        let times = folder.path().join("w1/serve.log.times");
        assert!(fs::read_to_string(&times).unwrap().starts_with("0 1"));
        let mut log = LogFile::go_on(path.clone(), task.clone(), telling.clone()).unwrap();
        log.write(b"two\n").unwrap();
        let told = fs::read_to_string(&times).unwrap();
        assert!(told.contains("\n4 1"), "{told}");

        fs::remove_file(&times).unwrap();
        fs::create_dir(&times).unwrap();
        let mut log = LogFile::go_on(path.clone(), task, telling).unwrap();
        log.write(b"three\n").unwrap();
        assert_eq!(fs::read(path).unwrap(), b"one\ntwo\nthree\n");
    }

    /// A log that may have so many bytes.
    fn limited(path: &Path, limit: u64) -> LogFile {
        let (telling, _forward) = telling(false);
        let mut log = LogFile::go_on(path.to_owned(), TaskId::new("serve", "w1"), telling).unwrap();
        log.limit = limit;
        log
    }

    #[test]
    fn a_log_ends_at_its_limit_and_what_follows_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.log");
        let mut log = limited(&path, 10);
        log.write(b"12345678").unwrap();
        assert_eq!(log.cut_to_tell(), None);
        log.write(b"90123 error").unwrap();
        log.write(b"\nmore\n").unwrap();
        assert_eq!((log.bytes(), log.offset()), (10, 25));
        assert!(log.cut_to_tell().unwrap().contains("more than is kept"));
        assert_eq!(log.cut_to_tell(), None, "it is said once");
        assert_eq!(log.last_line().as_deref(), Some("more"));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("1234567890\n[phalanx: the log ends here, after 10 bytes;"));

        // Who goes on with it asks for what comes after the last byte that is kept, and keeps none.
        let mut again = limited(&path, 10);
        assert_eq!((again.bytes(), again.offset()), (10, 10));
        again.write(b"123 error\nmore\n").unwrap();
        assert_eq!((again.bytes(), again.offset()), (10, 25));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn output_that_looks_like_our_line_is_output() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.log");
        limited(&path, 1_000)
            .write(last_line_of_a_cut_log(7).as_bytes())
            .unwrap();
        let log = limited(&path, 1_000);
        assert_eq!(log.bytes(), fs::metadata(&path).unwrap().len());
    }

    #[test]
    fn one_host_has_so_much_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..5 {
            let other = File::create(folder.path().join(format!("s{number}.log"))).unwrap();
            other.set_len(LOG_LIMIT).unwrap(); // takes no room: it has holes
        }
        let path = folder.path().join("serve.log");
        let mut log = limited(&path, LOG_LIMIT);
        log.write(&[b'x'; 100_000]).unwrap();
        assert_eq!(log.bytes(), LEAST_LIMIT);
    }
}
