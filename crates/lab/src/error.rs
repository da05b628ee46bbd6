//! Why a lab host could not be had.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

/// Why a lab host could not be had.
#[derive(Debug, Error)]
pub enum LabError {
    /// Programs that the lab is made of are not installed.
    #[error("{} not installed; on Debian: {install}", tools.join(", "))]
    Missing {
        /// The programs.
        tools: Vec<String>,
        /// The command that installs them.
        install: String,
    },
    /// Something that only root can have was asked for.
    #[error("{what} needs root")]
    NeedsRoot {
        /// What was asked for.
        what: String,
    },
    /// A file, a folder or a process could not be handled.
    #[error("{doing} failed")]
    Io {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A program said no.
    #[error("{command} failed: {output}")]
    Command {
        /// The program.
        command: String,
        /// What it said.
        output: String,
    },
    /// The host did not come up.
    #[error("the host was not up within {within:?}; its log says: {log}")]
    NotUp {
        /// How long was waited.
        within: Duration,
        /// The end of its log.
        log: String,
    },
    /// A host of a lab did not come up, or the lab did not.
    #[error(
        "{what} did not come up {}; the end of {} says: {log}",
        within.map_or_else(|| "and ended".to_owned(), |within| format!("within {within:?}")),
        log_file.display()
    )]
    LabNotUp {
        /// The host, or what else of the lab.
        what: String,
        /// How long was waited; nothing where it ended by itself.
        within: Option<Duration>,
        /// Where its log is.
        log_file: PathBuf,
        /// The end of that log.
        log: String,
    },
    /// The lab's data cannot be used.
    #[error("the lab's data, {path}: {problem}")]
    Data {
        /// Which of its files.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A name or a size was given that there cannot be or is not.
    #[error("{what}")]
    Unknown {
        /// What was given, and what can be given.
        what: String,
    },
    /// A lab of this name is up.
    #[error("the lab {name} is up already; take it down first, or give the new one another name")]
    Exists {
        /// The lab's name.
        name: String,
    },
    /// Another process works on the lab.
    #[error("another process works on the lab {name} (it holds {}); try again when it is done, or end it", lock.display())]
    Busy {
        /// The lab's name.
        name: String,
        /// What it holds.
        lock: PathBuf,
    },
    /// The lab is not up.
    #[error("the lab {name} is not up: {why}; `down` removes what is left of it")]
    NotRunning {
        /// The lab's name.
        name: String,
        /// What is missing.
        why: String,
    },
    /// The root filesystem of the lab's hosts could not be built.
    #[error("building the root filesystem of the lab's hosts failed while {doing}: {said}")]
    Build {
        /// At which step.
        doing: String,
        /// The end of what was said.
        said: String,
    },
    /// This machine, or its sshd, cannot be made to do what was asked for.
    #[error("this machine cannot do that: {what}")]
    Unsupported {
        /// What was asked for.
        what: String,
    },
}

/// Says what was being done to which path when an I/O call fails.
pub(crate) fn at<T>(doing: &str, path: &Path, result: io::Result<T>) -> Result<T, LabError> {
    result.map_err(|source| LabError::Io {
        doing: format!("{doing} {}", path.display()),
        source,
    })
}
