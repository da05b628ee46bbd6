//! Writes the journal: what happened is on disk before anything follows from it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;

use phalanx_events::{Event, EventKind, journal};

use crate::run_folder::{RunFolder, RunFolderError, new_file};

/// Appends events to a run's journal.
#[derive(Debug)]
pub struct JournalWriter {
    file: File,
    pending: Vec<u8>,
    /// Something is about to be done on a host that has to be on disk before.
    sync_now: bool,
    /// Something was written that has to be on disk soon.
    sync_soon: bool,
}

impl JournalWriter {
    /// Begins a new run's journal.
    ///
    /// # Errors
    /// Where the file cannot be made or written.
    pub fn create(folder: &RunFolder) -> Result<Self, RunFolderError> {
        let path = folder.journal_path();
        let create = || {
            let file = new_file(&path)?;
            // Others see by it that somebody works on the run.
            file.try_lock().map_err(io::Error::from)?;
            let mut writer = Self {
                file,
                pending: Vec::new(),
                sync_now: true,
                sync_soon: false,
            };
            writer
                .pending
                .extend_from_slice(journal::header_line(folder.id().as_str()).as_bytes());
            writer.commit()?;
            File::open(folder.path())?.sync_all()?;
            Ok(writer)
        };
        create().map_err(|source| RunFolderError::Io {
            path: path.clone(),
            source,
        })
    }

    /// Goes on with a run's journal, behind its last whole line: what stands behind that was never
    /// written as far as anybody knows.
    ///
    /// # Errors
    /// Where the file cannot be opened or cut.
    pub fn go_on(folder: &RunFolder, whole_bytes: usize) -> Result<Self, RunFolderError> {
        let path = folder.journal_path();
        let open = || {
            let mut file = OpenOptions::new().write(true).open(&path)?;
            file.try_lock().map_err(|error| match error {
                TryLockError::WouldBlock => io::Error::other("somebody works on this run"),
                TryLockError::Error(error) => error,
            })?;
            file.set_len(whole_bytes as u64)?;
            file.seek(SeekFrom::End(0))?;
            Ok(Self {
                file,
                pending: Vec::new(),
                sync_now: false,
                sync_soon: false,
            })
        };
        open().map_err(|source| RunFolderError::Io {
            path: path.clone(),
            source,
        })
    }

    /// Adds an event; it is written only with [`JournalWriter::commit`].
    ///
    /// # Errors
    /// Where the event cannot be serialised, which no event of this program does.
    pub fn append(&mut self, event: &Event) -> io::Result<()> {
        self.pending
            .extend_from_slice(journal::line(event)?.as_bytes());
        match durability(&event.kind) {
            Durability::Before => self.sync_now = true,
            Durability::Soon => self.sync_soon = true,
            Durability::Whenever => {}
        }
        Ok(())
    }

    /// Writes what was added: many events, one write. Where something is about to be done on a host
    /// because of them, they are on disk when this returns; what only tells that something is over
    /// is on disk after the next [`JournalWriter::sync`].
    ///
    /// # Errors
    /// Where the disk will not take it.
    pub fn commit(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            self.file.write_all(&self.pending)?;
            self.pending.clear();
        }
        if self.sync_now { self.sync() } else { Ok(()) }
    }

    /// Whether something waits for [`JournalWriter::sync`].
    pub fn is_due(&self) -> bool {
        self.sync_soon
    }

    /// Flushes to the disk what was written.
    ///
    /// # Errors
    /// Where the disk will not take it.
    pub fn sync(&mut self) -> io::Result<()> {
        self.sync_now = false;
        self.sync_soon = false;
        self.file.sync_data()?;
        // A file that somebody has removed takes everything, and keeps nothing.
        match self.file.metadata()?.nlink() {
            0 => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "somebody has removed it",
            )),
            _ => Ok(()),
        }
    }
}

impl JournalWriter {
    /// Flushes all files of the file system that the journal is on: one call for a thousand logs.
    ///
    /// # Errors
    /// Where the disk will not take it.
    pub(crate) fn sync_all_files(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.file)?)
    }
}

/// When an event has to be on disk.
enum Durability {
    /// Before anything follows from it.
    Before,
    /// Within moments: were it lost with the machine, the host would still know.
    Soon,
    /// It is only progress.
    Whenever,
}

fn durability(kind: &EventKind) -> Durability {
    match kind {
        EventKind::TaskWaiting { .. }
        | EventKind::TaskAccepted { .. }
        | EventKind::HostRetry { .. }
        | EventKind::HostNotice { .. } => Durability::Whenever,
        kind if kind.is_flushed_at_once() => Durability::Before,
        _ => Durability::Soon,
    }
}
