//! Why a lab host could not be had.

use std::io;
use std::path::Path;
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
    /// The sshd of this machine cannot be made to do what was asked for.
    #[error("this machine's sshd cannot do that: {what}")]
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
