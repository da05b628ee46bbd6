//! Why a request came to nothing, whatever it was that was asked.

use std::time::Duration;

use thiserror::Error;

use super::human;
use crate::refusal::{LoginError, SudoError, UnsafeSpoolError};

/// The connection is gone.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the connection was lost: {reason}")]
pub struct LostError {
    /// What was seen of it.
    pub reason: String,
}

/// Why a request over a connection came to nothing: what all of them have in common.
#[derive(Debug, Error)]
pub enum RequestError {
    /// The connection went away. What the host has taken of the request by then, it has.
    #[error(transparent)]
    Lost(#[from] LostError),
    /// Nothing came or went for too long.
    #[error("no sign of life for {}", human(*.0))]
    Stalled(Duration),
    /// The host would not let us be root.
    #[error(transparent)]
    Sudo(#[from] SudoError),
    /// The login does something else than what it is asked to.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// Others than root can change the spool.
    #[error(transparent)]
    UnsafeSpool(#[from] UnsafeSpoolError),
    /// Somebody else holds this host by now.
    #[error("another run has taken over this host (its number is {by})")]
    Fenced {
        /// The number it has.
        by: u64,
    },
    /// What the host's spool says of who holds it cannot be.
    #[error(transparent)]
    Fence(#[from] FenceError),
    /// The host answered something else than the protocol.
    #[error("the host's answer makes no sense: {0}")]
    Protocol(String),
}

impl RequestError {
    /// Whether the connection is of no more use, so that the same request may succeed over another one.
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Stalled(_))
    }
}

/// A host's spool does not say any more who holds the host.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FenceError {
    /// Somebody has removed the spool, or what it says of us.
    #[error("the spool {spool} was removed from the host, or emptied, while this run worked there")]
    Removed {
        /// The folder.
        spool: String,
    },
    /// A file of it holds what nobody of us has written.
    #[error("the spool {spool} cannot be used: {file} is damaged")]
    Damaged {
        /// The folder.
        spool: String,
        /// The file's path.
        file: String,
    },
}

impl FenceError {
    /// What the operator can do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Removed { spool } => format!(
                "leave {spool} alone while phalanx works on the host; `phalanx resume` takes the host again"
            ),
            Self::Damaged { file, .. } => format!(
                "remove {file} on the host, once no phalanx works on it; the disk below it may be failing"
            ),
        }
    }
}
