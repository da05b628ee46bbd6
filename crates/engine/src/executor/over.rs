//! Calls over a connection that breaks: made again over the next one, each with its patience.
//!
//! Whether a call may be repeated is the caller's to know: a put may, a job is attached to once the host has it.

use std::sync::Arc;
use std::time::Duration;

use phalanx_events::{Failure, FailureKind};
use phalanx_remote::Connection;
use tokio::time::sleep;

use super::Executor;
use super::cut::Cut;
use super::failure::HostError;

/// How often something is tried that is not worth the host's `reconnect_for`.
const FEW: u32 = 5;
/// The pause between two tries to stop a job on a host that is lost meanwhile.
const BETWEEN_STOPS: Duration = Duration::from_secs(1);

/// For how long a call is made again, and after which pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// As the host's `reconnect_for` says: where nothing gets further, each pause is longer than the one before.
    Reconnect,
    /// For as long as the caller likes, also while jobs are to be stopped: once a second.
    ToStop,
    /// A few times, at once.
    Few,
    /// The same, also while jobs are to be stopped.
    FewToStop,
}

impl Patience {
    fn is_to_stop(self) -> bool {
        matches!(self, Self::ToStop | Self::FewToStop)
    }
}

/// Something that is asked of a host.
pub(super) trait Call: Send {
    /// What comes of it.
    type Done: Send;
    /// Why it ends without that, where another connection does not help.
    type Error: Send;

    /// Asks for it over one connection.
    fn call(
        &mut self,
        executor: &mut Executor,
        connection: &Arc<dyn Connection>,
    ) -> impl Future<Output = Result<Self::Done, Break<Self::Error>>> + Send;
}

/// Why a call did not come to its end over one connection.
pub(super) enum Break<E> {
    /// The connection is of no more use.
    Lost {
        why: String,
        /// Whether it got further than the connection before.
        got_further: bool,
    },
    /// Another connection does not help.
    Other(E),
}

impl<E> Break<E> {
    /// By this error; `other` is what it means where it is no loss.
    pub(super) fn of<H: HostError>(error: H, other: impl FnOnce(H) -> E) -> Self {
        if error.is_loss() {
            let why = error.to_string();
            return Self::Lost {
                why,
                got_further: false,
            };
        }
        Self::Other(other(error))
    }

    /// The same, but that it got further where this is set.
    pub(super) fn further(self, is_further: bool) -> Self {
        match self {
            Self::Lost { why, .. } => Self::Lost {
                why,
                got_further: is_further,
            },
            other => other,
        }
    }
}

impl<H: HostError> From<H> for Break<Cut> {
    fn from(error: H) -> Self {
        Self::of(error, Cut::from)
    }
}

impl From<Cut> for Break<Cut> {
    fn from(cut: Cut) -> Self {
        Self::Other(cut)
    }
}

/// Why nothing came of a call.
pub(super) enum CallError<E> {
    /// There is no connection to be had, or none over which anything gets further.
    NoLink(Cut),
    /// The last of a few connections was lost, for this reason.
    WornOut(String),
    /// What the call itself says.
    Other(E),
}

impl From<CallError<Cut>> for Cut {
    fn from(error: CallError<Cut>) -> Self {
        match error {
            CallError::NoLink(cut) | CallError::Other(cut) => cut,
            CallError::WornOut(why) => Failure::new(FailureKind::Unreachable, why).into(),
        }
    }
}

impl Executor {
    /// Makes a call, again over the next connection where one breaks, as long as there is patience.
    pub(super) async fn over<C: Call>(
        &mut self,
        patience: Patience,
        call: &mut C,
    ) -> Result<C::Done, CallError<C::Error>> {
        let mut tries = 0;
        loop {
            let connected = match patience.is_to_stop() {
                true => self.link.get_to_stop().await,
                false => self.link.get().await,
            };
            let connection = connected.map_err(CallError::NoLink)?;
            let (why, got_further) = match call.call(self, &connection).await {
                Ok(done) => return Ok(done),
                Err(Break::Other(error)) => return Err(CallError::Other(error)),
                Err(Break::Lost { why, got_further }) => (why, got_further),
            };
            tries += 1;
            match patience {
                Patience::Reconnect => {
                    let rested = self.link.after_loss(got_further, &why).await;
                    rested.map_err(CallError::NoLink)?;
                }
                Patience::ToStop => {
                    self.link.drop_connection().await;
                    sleep(BETWEEN_STOPS).await;
                }
                Patience::Few | Patience::FewToStop => {
                    self.link.drop_connection().await;
                    if tries == FEW {
                        return Err(CallError::WornOut(why));
                    }
                }
            }
        }
    }
}
