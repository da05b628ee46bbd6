//! One task's log: the host's output, byte for byte.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use phalanx_plan::TaskId;

use crate::last_lines::LastLines;
use crate::log_times_file::LogTimesFile;
use crate::plain_file;
use crate::run_folder::RunFolder;
use crate::telling::Telling;

/// A log file that comes into being with its first byte.
pub(crate) struct LogFile {
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
    times: LogTimesFile,
    last: LastLines,
    task: TaskId,
    telling: Telling,
}

impl LogFile {
    pub(crate) fn new(path: PathBuf, task: TaskId, telling: Telling) -> Self {
        Self {
            times: LogTimesFile::new(RunFolder::log_times_path(&path)),
            path,
            file: None,
            bytes: 0,
            last: LastLines::default(),
            task,
            telling,
        }
    }

    /// Goes on with what an earlier process has written of the same attempt.
    pub(crate) fn go_on(path: PathBuf, task: TaskId, telling: Telling) -> io::Result<Self> {
        let bytes = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        Ok(Self {
            bytes,
            ..Self::new(path, task, telling)
        })
    }

    /// Appends output. A failure here must stop the task: no byte may be lost in silence.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(open(&self.path)?),
        };
        file.write_all(bytes)?;
        self.times.came(self.bytes);
        self.bytes += bytes.len() as u64;
        self.last.push(bytes);
        self.telling.output(&self.task, bytes);
        Ok(())
    }

    /// How many bytes were written.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The last lines that matter.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.last.that_matter()
    }

    /// The very last line with something in it.
    pub(crate) fn last_line(&self) -> Option<String> {
        self.last.last()
    }

    /// Forgets the lines so far: what comes next is told by itself.
    pub(crate) fn forget_lines(&mut self) {
        self.last = LastLines::default();
    }
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
#[allow(clippy::unwrap_used)]
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
}
