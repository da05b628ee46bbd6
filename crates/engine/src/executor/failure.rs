//! From a door's typed error to the failure that is told and journaled.

use phalanx_events::{Failure, FailureKind};
use phalanx_remote::{
    ConnectError, FenceError, JobError, LoginError, ProbeError, PutError, RequestError, SudoError,
    UnsafeSpoolError, is_out_of_files,
};

/// An error and its sources, in one sentence.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

pub(super) fn connect(error: &ConnectError) -> Failure {
    let kind = match error {
        ConnectError::Refused { .. }
        | ConnectError::NoKeys { .. }
        | ConnectError::HostKeyChanged { .. }
        | ConnectError::HostKeyRevoked { .. }
        | ConnectError::HostKeyOther { .. }
        | ConnectError::HostKeyUnknown { .. } => FailureKind::Login,
        ConnectError::KnownHosts { .. } | ConnectError::OwnFiles { .. } => FailureKind::Storage,
        _ => FailureKind::Unreachable,
    };
    Failure::new(kind, chain(error)).advice(error.advice())
}

/// A failure to store output on this machine.
fn storage(error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut sources = std::iter::successors(Some(error), |error| error.source());
    let of_files = sources.any(|error| {
        let error: Option<&std::io::Error> = error.downcast_ref();
        error.is_some_and(is_out_of_files)
    });
    Failure::new(FailureKind::Storage, chain(error)).advice(match of_files {
        true => {
            "raise this machine's limit of open files where phalanx is started (`ulimit -n 4096`), then run again"
        }
        false => "free some space on this machine, then run again",
    })
}

fn sudo(error: &SudoError) -> Failure {
    Failure::new(FailureKind::Sudo, chain(error)).advice(error.advice())
}

/// A login that does something else than what it is asked to. Trying again does not help.
fn login(error: &LoginError) -> Failure {
    let kind = match error {
        LoginError::NoSudo { .. } => FailureKind::Sudo,
        _ => FailureKind::Login,
    };
    Failure::new(kind, chain(error)).advice(error.advice())
}

/// The spool does not say any more who holds the host. Where it was removed, what ran is not known to it either:
/// time does not mend that.
fn fence(error: &FenceError) -> Failure {
    let kind = match error {
        FenceError::Removed { .. } => FailureKind::Died,
        FenceError::Damaged { .. } => FailureKind::Spool,
    };
    Failure::new(kind, chain(error))
        .advice(error.advice())
        .lasting()
}

fn unsafe_spool(error: &UnsafeSpoolError) -> Failure {
    Failure::new(FailureKind::Spool, chain(error))
        .advice(error.advice())
        .lasting()
}

/// Why something asked of a host was not done.
pub(super) trait HostError: std::error::Error {
    /// Whether the connection is of no more use, so that the same may succeed over another one.
    fn is_loss(&self) -> bool;

    /// What is told of it.
    fn failure(&self) -> Failure;
}

impl HostError for RequestError {
    fn is_loss(&self) -> bool {
        RequestError::is_loss(self)
    }

    fn failure(&self) -> Failure {
        let kind = match self {
            Self::Sudo(error) => return sudo(error),
            Self::Login(error) => return login(error),
            Self::UnsafeSpool(error) => return unsafe_spool(error),
            Self::Fence(error) => return fence(error),
            Self::Fenced { .. } => FailureKind::Fenced,
            Self::Lost(_) | Self::Stalled(_) => FailureKind::Unreachable,
            Self::Protocol(_) => FailureKind::Protocol,
        };
        Failure::new(kind, chain(self))
    }
}

impl HostError for ProbeError {
    fn is_loss(&self) -> bool {
        matches!(self, Self::Request(error) if error.is_loss())
    }

    fn failure(&self) -> Failure {
        match self {
            Self::Request(error) => error.failure(),
            Self::Output(_) => storage(self),
        }
    }
}

impl HostError for JobError {
    fn is_loss(&self) -> bool {
        matches!(self, Self::Request(error) if error.is_loss())
    }

    fn failure(&self) -> Failure {
        let mut failure = match self {
            Self::Request(error) => error.failure(),
            Self::Output(_) => return storage(self),
            Self::Absent | Self::OutputShrank { .. } => {
                Failure::new(FailureKind::Died, chain(self))
            }
            Self::Spool { .. } | Self::NoSpace { .. } => {
                Failure::new(FailureKind::Spool, chain(self))
            }
            Self::NoFlock { .. } | Self::NoSystemd => {
                Failure::new(FailureKind::Spool, chain(self)).lasting()
            }
        };
        if let Some(advice) = self.advice() {
            failure = failure.advice(advice);
        }
        failure
    }
}

impl HostError for PutError {
    fn is_loss(&self) -> bool {
        matches!(self, Self::Request(error) if error.is_loss())
    }

    fn failure(&self) -> Failure {
        match self {
            Self::Request(error) => error.failure(),
            Self::Write { .. } | Self::Local(_) => Failure::new(FailureKind::Put, chain(self)),
        }
    }
}
