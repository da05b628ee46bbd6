//! Writes the journal: what happened is on disk before anything follows from it.

use std::fs::{File, TryLockError};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;

use phalanx_events::journal::{self, Journal};
use phalanx_events::{Event, EventKind};

use crate::plain_file;
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
    /// Where the file cannot be opened or cut, or is not the one any more that was read.
    pub fn go_on(folder: &RunFolder, read: &Journal) -> Result<Self, RunFolderError> {
        let path = folder.journal_path();
        let open = || {
            let mut file = plain_file::write(&path)?;
            file.try_lock().map_err(|error| match error {
                TryLockError::WouldBlock => io::Error::other("somebody works on this run"),
                TryLockError::Error(error) => error,
            })?;
            // A cut at a place in another text would go through a line.
            if file.metadata()?.len() != read.bytes as u64 {
                return Err(io::Error::other(
                    "somebody has changed it since it was read",
                ));
            }
            file.set_len(read.whole_bytes as u64)?;
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

#[cfg(test)]
mod tests {
    use std::fs;

    use phalanx_events::{CancelLevel, RunStarted};

    use super::*;
    use crate::run_id::RunId;

    fn event(seq: u64, text: &str) -> Event {
        Event {
            seq,
            at: jiff::Timestamp::UNIX_EPOCH,
            ms: seq,
            kind: EventKind::HostNotice {
                host: "h1".into(),
                text: text.to_owned(),
            },
        }
    }

    fn begun() -> Event {
        Event {
            kind: EventKind::RunStarted(RunStarted {
                run: "r1".into(),
                cluster: "example".into(),
                recipe: "hello".into(),
                release: None,
                flow: "install".into(),
                hosts: 1,
                tasks: 1,
                version: "0.1.0".into(),
                origin: None,
            }),
            ..event(1, "")
        }
    }

    #[test]
    fn what_is_gone_on_with_is_cut_behind_its_last_whole_line_to_the_byte() {
        let home = tempfile::tempdir().unwrap();
        let id = RunId::new("r1");
        let folder = RunFolder::at(home.path(), &id);
        fs::create_dir_all(folder.path()).unwrap();
        let mut writer = JournalWriter::create(&folder).unwrap();
        writer.append(&begun()).unwrap();
        writer.append(&event(2, "Grüße, 世界 \u{1f980}")).unwrap();
        writer.commit().unwrap();
        drop(writer);
        let whole = fs::read(folder.journal_path()).unwrap();
        // A torn line, in the middle of a character.
        fs::write(
            folder.journal_path(),
            [&whole[..], b"{\"seq\":3,\"t\xe4"].concat(),
        )
        .unwrap();
        let read = folder.journal_to_continue().unwrap();
        let mut writer = JournalWriter::go_on(&folder, &read).unwrap();
        let more = Event {
            kind: EventKind::CancelRequested {
                level: CancelLevel::Leave,
            },
            ..event(3, "")
        };
        writer.append(&more).unwrap();
        writer.commit().unwrap();
        drop(writer);
        let line = journal::line(&more).unwrap();
        let now = fs::read(folder.journal_path()).unwrap();
        assert_eq!(now, [&whole[..], line.as_bytes()].concat());

        // Somebody has written since it was read.
        let error = JournalWriter::go_on(&folder, &read).unwrap_err();
        assert!(matches!(error, RunFolderError::Io { .. }), "{error}");
        assert_eq!(fs::read(folder.journal_path()).unwrap(), now);
    }

    #[test]
    fn a_journal_of_another_run_is_not_gone_on_with() {
        let home = tempfile::tempdir().unwrap();
        let folder = RunFolder::at(home.path(), &RunId::new("r1"));
        fs::create_dir_all(folder.path()).unwrap();
        fs::write(folder.journal_path(), journal::header_line("r2")).unwrap();
        let error = folder.journal_to_continue().unwrap_err();
        assert!(matches!(error, RunFolderError::OtherRun { .. }), "{error}");
        assert!(folder.journal().is_ok());
    }
}
