//! Where a run lives on this machine: `.phalanx/runs/ID/` with the plan, the journal and a log file
//! per host and stage.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use phalanx_events::EventKind;
use phalanx_events::journal::{self, Damage, Journal, JournalError};
use phalanx_plan::{HostName, Plan, TaskId};
use thiserror::Error;

use crate::home::{self, HomeError};
use crate::plain_file;
use crate::run_id::RunId;
use crate::succession;

/// A run's folder.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    id: RunId,
}

/// Why a run's folder cannot be made or read.
#[derive(Debug, Error)]
pub enum RunFolderError {
    /// There is no such run.
    #[error("there is no run {0}")]
    NoSuchRun(RunId),
    /// A file could not be read or written.
    #[error("{} could not be used", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The plan's file is damaged.
    #[error("{} is damaged", path.display())]
    Plan {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The journal cannot be read.
    #[error("{} cannot be read", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// Why.
        source: JournalError,
    },
    /// The journal is that of another run.
    #[error("{} is the journal of the run {found}, and not of {run}", path.display())]
    OtherRun {
        /// The file.
        path: PathBuf,
        /// The run that its first line names.
        found: String,
        /// The run whose folder it is in.
        run: RunId,
    },
    /// A folder is not ours alone.
    #[error(transparent)]
    Home(#[from] HomeError),
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> RunFolderError + '_ {
    |source| RunFolderError::Io {
        path: path.to_owned(),
        source,
    }
}

impl RunFolder {
    /// Makes the folder of a new run below `home` (the `.phalanx` folder), readable by its owner
    /// alone, with the plan in it.
    ///
    /// # Errors
    /// [`RunFolderError::Io`], also where the run exists.
    pub fn create(home: &Path, id: &RunId, plan: &Plan) -> Result<Self, RunFolderError> {
        let runs = home.join("runs");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&runs)
            .map_err(io_at(&runs))?;
        let path = runs.join(id.as_str());
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(io_at(&path))?;
        let folder = Self {
            path,
            id: id.clone(),
        };
        folder.write_number(&runs)?;
        folder.write_plan(1, plan)?;
        // The folder's own entry and those in it are on disk before anything happens on a host.
        for dir in [&runs, &folder.path] {
            File::open(dir)
                .and_then(|dir| dir.sync_all())
                .map_err(io_at(dir))?;
        }
        Ok(folder)
    }

    /// Says that this run comes after all that there are.
    fn write_number(&self, runs: &Path) -> Result<(), RunFolderError> {
        let others = Self::names(runs).map_err(io_at(runs))?;
        let number = succession::next(runs, &others);
        let path = self.path.join(succession::FILE);
        let mut file = new_file(&path).map_err(io_at(&path))?;
        file.write_all(format!("{number}\n").as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(io_at(&path))
    }

    /// The run's place among all runs; `None` for one of before there were such numbers.
    ///
    /// # Errors
    /// [`RunFolderError::Io`] where it has one that cannot be read: then nobody knows which run is newer.
    pub fn number(&self) -> Result<Option<u64>, RunFolderError> {
        let path = self.path.join(succession::FILE);
        succession::number_in(&self.path).map_err(io_at(&path))
    }

    /// Keeps a plan under its number. One that is there already was written by somebody who then came
    /// no further: nothing was done by it.
    fn write_plan(&self, number: u32, plan: &Plan) -> Result<(), RunFolderError> {
        let path = self.plan_path(number);
        let text = serde_json::to_vec(plan).map_err(|source| RunFolderError::Plan {
            path: path.clone(),
            source,
        })?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_at(&path)(error));
            }
            _ => {}
        }
        let mut file = new_file(&path).map_err(io_at(&path))?;
        file.write_all(&text)
            .and_then(|()| file.sync_all())
            .map_err(io_at(&path))
    }

    /// Keeps a further plan of the run.
    ///
    /// # Errors
    /// [`RunFolderError::Io`].
    pub(crate) fn add_plan(&self, number: u32, plan: &Plan) -> Result<(), RunFolderError> {
        self.write_plan(number, plan)?;
        File::open(&self.path)
            .and_then(|folder| folder.sync_all())
            .map_err(io_at(&self.path))
    }

    /// The folder of a run that was.
    ///
    /// # Errors
    /// [`RunFolderError::NoSuchRun`].
    pub fn open(home: &Path, id: &RunId) -> Result<Self, RunFolderError> {
        let folder = Self::at(home, id);
        let metadata = fs::symlink_metadata(&folder.path);
        match id.is_plain() && metadata.is_ok_and(|metadata| metadata.is_dir()) {
            true => Ok(folder),
            false => Err(RunFolderError::NoSuchRun(id.clone())),
        }
    }

    /// Where a run's folder is, or will be.
    pub fn at(home: &Path, id: &RunId) -> Self {
        Self {
            path: home.join("runs").join(id.as_str()),
            id: id.clone(),
        }
    }

    /// All runs below `home`, the newest first: that is the one that began last, whatever the clock said. No
    /// folder, no runs. What has no run's name is none.
    ///
    /// # Errors
    /// Any other failure to read the folder.
    pub fn list(home: &Path) -> io::Result<Vec<RunId>> {
        let folder = home.join("runs");
        let mut runs = Self::names(&folder)?;
        succession::sort(&folder, &mut runs);
        Ok(runs)
    }

    fn names(folder: &Path) -> io::Result<Vec<RunId>> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut runs = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir()
                && let Ok(name) = entry.file_name().into_string()
            {
                runs.push(RunId::new(name));
            }
        }
        runs.retain(RunId::is_plain);
        Ok(runs)
    }

    /// Whether everything in the folder may be believed and written to: it and its folders are ours alone, and
    /// there is nothing in it but folders, files and the socket that takes orders. `also` as for
    /// [`prepare_home`](crate::prepare_home).
    ///
    /// # Errors
    /// [`RunFolderError::Home`], [`RunFolderError::Io`].
    pub fn check(&self, also: Option<u32>) -> Result<(), RunFolderError> {
        let mut folders = vec![self.path.clone()];
        while let Some(folder) = folders.pop() {
            home::check_folder(&folder, also)?;
            for entry in fs::read_dir(&folder).map_err(io_at(&folder))? {
                let entry = entry.map_err(io_at(&folder))?;
                let (path, kind) = (entry.path(), entry.file_type());
                let kind = kind.map_err(io_at(&path))?;
                let is_orders_socket = kind.is_socket() && folder == self.path;
                if kind.is_dir() {
                    folders.push(path);
                } else if !(kind.is_file() || is_orders_socket) {
                    let what =
                        "there are only folders and files in a run's folder, and this is neither";
                    return Err(io_at(&path)(io::Error::other(what)));
                }
            }
        }
        Ok(())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run's name.
    pub fn id(&self) -> &RunId {
        &self.id
    }

    /// The plan that holds, by the journal: the one it began with, or that of its last resumption.
    ///
    /// # Errors
    /// [`RunFolderError::Io`], [`RunFolderError::Plan`].
    pub fn plan(&self) -> Result<Plan, RunFolderError> {
        self.numbered_plan(self.plan_number())
    }

    /// The number of the plan that holds.
    pub fn plan_number(&self) -> u32 {
        self.journal().map_or(1, |journal| journal.plan_number())
    }

    /// One of the run's plans; they are numbered from 1.
    ///
    /// # Errors
    /// [`RunFolderError::Io`], [`RunFolderError::Plan`].
    pub fn numbered_plan(&self, number: u32) -> Result<Plan, RunFolderError> {
        let path = self.plan_path(number);
        let text = plain_file::read(&path).map_err(io_at(&path))?;
        serde_json::from_slice(&text).map_err(|source| RunFolderError::Plan { path, source })
    }

    /// What happened, as far as it is written down.
    ///
    /// # Errors
    /// [`RunFolderError::Io`], [`RunFolderError::Journal`].
    pub fn journal(&self) -> Result<Journal, RunFolderError> {
        self.read_journal(journal::read)
    }

    /// What happened, to go on from there: every line of it makes sense, and it is this run's.
    ///
    /// # Errors
    /// As [`RunFolder::journal`], and where a newer program has written it.
    pub fn journal_to_continue(&self) -> Result<Journal, RunFolderError> {
        let journal = self.read_journal(journal::read_to_continue)?;
        let path = self.journal_path();
        if journal.header.run != self.id.as_str() {
            return Err(RunFolderError::OtherRun {
                path,
                found: journal.header.run,
                run: self.id.clone(),
            });
        }
        match journal.events.first().map(|event| &event.kind) {
            None | Some(EventKind::RunStarted(_)) => Ok(journal),
            Some(_) => {
                let (line, source) = (2, Damage::NotBegun);
                let source = JournalError::Damaged { line, source };
                Err(RunFolderError::Journal { path, source })
            }
        }
    }

    fn read_journal(
        &self,
        read: impl FnOnce(Vec<u8>) -> Result<Journal, JournalError>,
    ) -> Result<Journal, RunFolderError> {
        let path = self.journal_path();
        let bytes = plain_file::read(&path).map_err(io_at(&path))?;
        read(bytes).map_err(|source| RunFolderError::Journal { path, source })
    }

    /// Whether the run ended before it began. A journal's first line is on the disk before any host is contacted,
    /// so where it has none, nobody was; and then there is nothing here but what a run brings with it.
    pub fn never_began(&self) -> bool {
        let begun = match self.journal() {
            Err(RunFolderError::Journal { source, .. }) => !matches!(source, JournalError::Empty),
            Err(RunFolderError::Io { source, .. }) => source.kind() != io::ErrorKind::NotFound,
            _ => true,
        };
        let brought = [
            self.journal_path(),
            self.plan_path(1),
            self.path.join(succession::FILE),
        ];
        let is_brought = |entry: io::Result<fs::DirEntry>| {
            entry.is_ok_and(|entry| brought.contains(&entry.path()))
        };
        !begun && fs::read_dir(&self.path).is_ok_and(|mut entries| entries.all(is_brought))
    }

    /// The journal's format, where a newer program has written it.
    pub fn newer_format(&self) -> Option<u32> {
        let mut head = Vec::new();
        let file = plain_file::open(&self.journal_path()).ok()?;
        file.take(4 << 10).read_to_end(&mut head).ok()?;
        journal::newer_format(&head)
    }

    /// Whether somebody works on the run right now.
    pub fn is_running(&self) -> bool {
        let journal = plain_file::open(&self.journal_path());
        journal
            .is_ok_and(|journal| matches!(journal.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// The journal's file.
    pub fn journal_path(&self) -> PathBuf {
        self.path.join("journal.jsonl")
    }

    /// The file of one of the run's plans.
    pub fn plan_path(&self, number: u32) -> PathBuf {
        self.path.join(match number {
            0 | 1 => "plan.json".to_owned(),
            _ => format!("plan.{number}.json"),
        })
    }

    /// The log file of a task's first attempt. It exists once there was output.
    pub fn log_path(&self, task: &TaskId) -> PathBuf {
        self.attempt_log_path(task, 1)
    }

    /// The folder of a host's logs.
    pub fn host_logs(&self, host: &HostName) -> PathBuf {
        self.path.join("logs").join(host.as_str())
    }

    /// The log file of one attempt of a task: `logs/HOST/STAGE.log`, from the second attempt on
    /// `logs/HOST/STAGE.2.log`.
    pub fn attempt_log_path(&self, task: &TaskId, attempt: u32) -> PathBuf {
        let name = match attempt {
            0 | 1 => format!("{}.log", task.stage),
            _ => format!("{}.{attempt}.log", task.stage),
        };
        self.host_logs(&task.host).join(name)
    }

    /// Beside a log, the file that says when which of its bytes came: `STAGE.log.times`. It need not
    /// be there.
    pub fn log_times_path(log: &Path) -> PathBuf {
        let mut name = log.as_os_str().to_owned();
        name.push(".times");
        PathBuf::from(name)
    }
}

/// Creates a file that must not exist, readable by its owner alone.
pub(crate) fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}
