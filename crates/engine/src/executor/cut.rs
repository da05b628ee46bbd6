//! Why work on a host is cut short.

use phalanx_events::{CancelLevel, Failure, FailureKind};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::cancel::at_least;
use super::failure::HostError;

/// Why work on a host was cut short.
pub(super) enum Cut {
    /// It failed.
    Failed(Failure),
    /// The operator wants to stop.
    Cancelled,
}

impl From<Failure> for Cut {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl<E: HostError> From<E> for Cut {
    fn from(error: E) -> Self {
        Self::Failed(error.failure())
    }
}

/// Returns when time is up or the operator is at least this urgent.
pub(super) async fn cut_at(
    deadline: Option<Instant>,
    cancel: &mut watch::Receiver<Option<CancelLevel>>,
    level: CancelLevel,
    what: &str,
) -> Cut {
    let began = Instant::now();
    let time_is_up = async {
        match deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time_is_up => Cut::Failed(Failure::new(
            FailureKind::TimedOut,
            format!("the {what} took longer than it may (stopped after {} s)", began.elapsed().as_secs()),
        )),
        () = at_least(cancel, level) => Cut::Cancelled,
    }
}
