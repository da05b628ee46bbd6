//! One task's log: the host's output, byte for byte.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use phalanx_plan::TaskId;

use crate::last_lines::LastLines;
use crate::telling::Telling;

/// A log file that comes into being with its first byte.
pub(crate) struct LogFile {
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
    last: LastLines,
    task: TaskId,
    telling: Telling,
}

impl LogFile {
    pub(crate) fn new(path: PathBuf, task: TaskId, telling: Telling) -> Self {
        Self {
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
        let bytes = match fs::metadata(&path) {
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
    let open = || {
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
    };
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
