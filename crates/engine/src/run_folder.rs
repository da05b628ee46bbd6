//! Where a run lives on this machine: `.phalanx/runs/ID/` with the plan, the journal and a log file
//! per host and stage.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use phalanx_events::EventKind;
use phalanx_events::journal::{self, Journal, JournalError};
use phalanx_plan::{HostName, Plan, TaskId};
use thiserror::Error;

use crate::run_id::RunId;

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
        folder.write_plan(1, plan)?;
        // The folder's own entry and those in it are on disk before anything happens on a host.
        for dir in [&runs, &folder.path] {
            File::open(dir)
                .and_then(|dir| dir.sync_all())
                .map_err(io_at(dir))?;
        }
        Ok(folder)
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
        let path = home.join("runs").join(id.as_str());
        // A name with a path in it is no run's name.
        let plain = Path::new(id.as_str())
            .file_name()
            .is_some_and(|name| name == id.as_str());
        if plain && path.is_dir() {
            Ok(Self {
                path,
                id: id.clone(),
            })
        } else {
            Err(RunFolderError::NoSuchRun(id.clone()))
        }
    }

    /// Where a run's folder is, or will be.
    pub fn at(home: &Path, id: &RunId) -> Self {
        Self {
            path: home.join("runs").join(id.as_str()),
            id: id.clone(),
        }
    }

    /// All runs below `home`, the newest first. No folder, no runs.
    ///
    /// # Errors
    /// Any other failure to read the folder.
    pub fn list(home: &Path) -> io::Result<Vec<RunId>> {
        let entries = match fs::read_dir(home.join("runs")) {
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
        runs.sort();
        runs.reverse();
        Ok(runs)
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
        let journal = self.journal().ok();
        let resumed = journal
            .iter()
            .flat_map(|journal| journal.events.iter().rev());
        let number = resumed
            .filter_map(|event| match &event.kind {
                EventKind::RunResumed(resumed) => Some(resumed.plan),
                _ => None,
            })
            .next();
        number.unwrap_or(1)
    }

    /// One of the run's plans; they are numbered from 1.
    ///
    /// # Errors
    /// [`RunFolderError::Io`], [`RunFolderError::Plan`].
    pub fn numbered_plan(&self, number: u32) -> Result<Plan, RunFolderError> {
        let path = self.plan_path(number);
        let text = fs::read(&path).map_err(io_at(&path))?;
        serde_json::from_slice(&text).map_err(|source| RunFolderError::Plan { path, source })
    }

    /// What happened, as far as it is written down.
    ///
    /// # Errors
    /// [`RunFolderError::Io`], [`RunFolderError::Journal`].
    pub fn journal(&self) -> Result<Journal, RunFolderError> {
        self.read_journal(journal::read)
    }

    /// What happened, to go on from there.
    ///
    /// # Errors
    /// As [`RunFolder::journal`], and where a newer program has written it.
    pub fn journal_to_continue(&self) -> Result<Journal, RunFolderError> {
        self.read_journal(journal::read_to_continue)
    }

    fn read_journal(
        &self,
        read: impl FnOnce(&str) -> Result<Journal, JournalError>,
    ) -> Result<Journal, RunFolderError> {
        let path = self.journal_path();
        let bytes = fs::read(&path).map_err(io_at(&path))?;
        // What a power loss has left of a last line need not be text; all before it is.
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let text = String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default());
        read(&text).map_err(|source| RunFolderError::Journal { path, source })
    }

    /// Whether somebody works on the run right now.
    pub fn is_running(&self) -> bool {
        let journal = File::open(self.journal_path());
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
