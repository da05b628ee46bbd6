//! Why a host could not be reached or would not do what it was asked. Types, not text, decide what
//! is tried again.

mod connect;
mod request;

use std::time::Duration;

use thiserror::Error;

use crate::refusal::Said;
pub use connect::{ConnectError, is_out_of_files};
pub use request::{FenceError, LostError, RequestError};

/// Why a probe gave no answer.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// As with every request.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The output could not be stored here.
    #[error("output could not be stored")]
    Output(#[source] std::io::Error),
}

/// Why a job was not started, or could not be followed.
#[derive(Debug, Error)]
pub enum JobError {
    /// As with every request. A job that was accepted goes on, also where the connection is lost.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Asked to attach, and the host has no such job.
    #[error("the host has no such job")]
    Absent,
    /// The spool cannot be used.
    #[error("the spool {spool} cannot be used: {reason}")]
    Spool {
        /// The folder.
        spool: String,
        /// Why.
        reason: String,
    },
    /// No room on the host.
    #[error("there is no space left for the spool {spool}")]
    NoSpace {
        /// The folder.
        spool: String,
    },
    /// The host has no program that locks files, or another one than is needed.
    #[error("the host cannot lock its spool: its `flock` {said}")]
    NoFlock {
        /// What it said.
        said: Said,
    },
    /// The host has no systemd, and the cluster file does not allow to do without.
    #[error("the host has no running systemd to keep jobs alive")]
    NoSystemd,
    /// More is held of the job's output than the host has.
    #[error("the host has {has} bytes of output, fewer than the {held} held here")]
    OutputShrank {
        /// Held here.
        held: u64,
        /// On the host.
        has: u64,
    },
    /// The output could not be stored here.
    #[error("output could not be stored")]
    Output(#[source] std::io::Error),
}

/// Why a file was not brought to a host.
#[derive(Debug, Error)]
pub enum PutError {
    /// As with every request. Where the connection is lost, the host has the old file or the new one, whole.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The host could not write it.
    #[error("{path} could not be written: {reason}")]
    Write {
        /// The file.
        path: String,
        /// What the host said.
        reason: String,
    },
    /// The file to send cannot be read here.
    #[error("{0}")]
    Local(String),
}

impl JobError {
    /// What the operator can do about it, where there is anything.
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::Request(RequestError::Sudo(error)) => Some(error.advice()),
            Self::Request(RequestError::Login(error)) => Some(error.advice()),
            Self::Request(RequestError::UnsafeSpool(error)) => Some(error.advice()),
            Self::Request(RequestError::Fence(error)) => Some(error.advice()),
            Self::Request(RequestError::Fenced { .. }) => {
                Some("see `phalanx runs`; two operators must not run at once".into())
            }
            Self::Spool { spool, .. } => {
                Some(format!("check the file system that holds {spool} on the host"))
            }
            Self::NoSpace { spool } => Some(format!("free some space below {spool} on the host")),
            Self::NoFlock { .. } => Some(
                "install util-linux on the host (the `flock` of busybox has no time limit, `-w`)".into(),
            ),
            Self::NoSystemd => Some(
                "set `jobs: session` under `ssh` in the cluster file if jobs may do without systemd there"
                    .into(),
            ),
            _ => None,
        }
    }
}

/// `10 s`, `1 min 30 s`, `250 ms`.
pub(crate) fn human(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{} s", millis / 1_000),
        _ if millis % 60_000 < 1_000 => format!("{} min", millis / 60_000),
        _ => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1_000),
    }
}
