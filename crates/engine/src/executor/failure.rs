//! From a door's typed error to the failure that is told and journaled.

use phalanx_events::{Failure, FailureKind};
use phalanx_remote::{
    ConnectError, FenceError, JobError, LoginError, ProbeError, PutError, SudoError,
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

pub(super) fn probe(error: &ProbeError) -> Failure {
    match error {
        ProbeError::Sudo(error) => sudo(error),
        ProbeError::Login(error) => login(error),
        ProbeError::UnsafeSpool(error) => unsafe_spool(error),
        ProbeError::Fence(error) => fence(error),
        ProbeError::Fenced { .. } => Failure::new(FailureKind::Fenced, chain(error)),
        ProbeError::Lost(_) | ProbeError::Stalled(_) => {
            Failure::new(FailureKind::Unreachable, chain(error))
        }
        ProbeError::Protocol(_) => Failure::new(FailureKind::Protocol, chain(error)),
        ProbeError::Output(_) => storage(error),
    }
}

pub(super) fn job(error: &JobError) -> Failure {
    let kind = match error {
        JobError::Sudo(error) => return sudo(error),
        JobError::Login(error) => return login(error),
        JobError::UnsafeSpool(error) => return unsafe_spool(error),
        JobError::Fence(error) => return fence(error),
        JobError::Output(_) => return storage(error),
        JobError::Lost(_) | JobError::Stalled(_) => FailureKind::Unreachable,
        JobError::Fenced { .. } => FailureKind::Fenced,
        JobError::Absent | JobError::OutputShrank { .. } => FailureKind::Died,
        JobError::Spool { .. }
        | JobError::NoSpace { .. }
        | JobError::NoFlock { .. }
        | JobError::NoSystemd => FailureKind::Spool,
        JobError::Protocol(_) => FailureKind::Protocol,
    };
    let mut failure = Failure::new(kind, chain(error));
    failure.lasts = matches!(error, JobError::NoFlock { .. } | JobError::NoSystemd);
    match error.advice() {
        Some(advice) => failure.advice(advice),
        None => failure,
    }
}

pub(super) fn put(error: &PutError) -> Failure {
    let kind = match error {
        PutError::Sudo(error) => return sudo(error),
        PutError::Login(error) => return login(error),
        PutError::UnsafeSpool(error) => return unsafe_spool(error),
        PutError::Fence(error) => return fence(error),
        PutError::Fenced { .. } => FailureKind::Fenced,
        PutError::Lost(_) | PutError::Stalled(_) => FailureKind::Unreachable,
        PutError::Write { .. } | PutError::Local(_) => FailureKind::Put,
        PutError::Protocol(_) => FailureKind::Protocol,
    };
    Failure::new(kind, chain(error))
}
