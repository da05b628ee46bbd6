//! An executor's hold on its host: the connection, made again when it is lost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use phalanx_events::{CancelLevel, EventKind, Failure, FailureKind};
use phalanx_plan::PlannedHost;
use phalanx_remote::{BootIdentity, ConnectError, Connection, RequestError, Transport};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use super::cancel::at_least;
use super::cut::Cut;
use super::failure::{self, HostError as _};
use crate::message::Report;

/// The longest pause between two attempts to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// A connection that was there this long was no failed attempt.
const STEADY: Duration = Duration::from_secs(30);
/// Connections to a host that break are made no more often than this.
const LEAST_APART: Duration = Duration::from_secs(1);
/// How long a host that never answered is tried; one that did answer gets its own
/// `reconnect_for`.
const FIRST_CONTACT_FOR: Duration = Duration::from_secs(30);

/// A host's connection, as far as there is one, for whoever uses it beside its link.
pub(super) type Slot = Arc<Mutex<Option<Arc<dyn Connection>>>>;

/// One host's connection.
pub(super) struct Link {
    transport: Arc<dyn Transport>,
    host: PlannedHost,
    reports: mpsc::Sender<Report>,
    cancel: watch::Receiver<Option<CancelLevel>>,
    held: Option<Held>,
    /// The same connection, for whoever gives signs of life beside us.
    slot: Slot,
    said: Vec<String>,
    seen: bool,
    /// Whether something is asked of the host first thing, which tells its boot identity as well, or
    /// proves that it takes orders.
    asked_first_thing: bool,
    /// Since when connections break without anything getting further, and how long to wait next.
    fruitless: Option<(Instant, Duration)>,
}

/// Whether a new connection is asked first thing which boot of the host it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identify {
    /// Where the host was reached before: it may have been rebooted meanwhile.
    WhereSeen,
    /// Only where no facts are read next, which tell it as well.
    ByFacts,
}

struct Held {
    connection: Arc<dyn Connection>,
    boot: Option<BootIdentity>,
    since: Instant,
}

impl Link {
    pub(super) fn new(
        transport: Arc<dyn Transport>,
        host: PlannedHost,
        reports: mpsc::Sender<Report>,
        cancel: watch::Receiver<Option<CancelLevel>>,
        asked_first_thing: bool,
    ) -> Self {
        Self {
            asked_first_thing,
            transport,
            host,
            reports,
            cancel,
            held: None,
            slot: Slot::default(),
            said: Vec::new(),
            seen: false,
            fruitless: None,
        }
    }

    /// The connection: the one that is there, or a new one, tried for as long as the host's
    /// settings say.
    pub(super) async fn get(&mut self) -> Result<Arc<dyn Connection>, Cut> {
        // A first contact is no running task: it ends as soon as somebody wants to stop.
        let enough = if self.seen {
            CancelLevel::StopJobs
        } else {
            CancelLevel::NoNewTasks
        };
        self.get_unless(enough).await
    }

    /// The connection, also while jobs are to be stopped: it is needed to stop them.
    pub(super) async fn get_to_stop(&mut self) -> Result<Arc<dyn Connection>, Cut> {
        self.get_unless(CancelLevel::Leave).await
    }

    async fn get_unless(&mut self, enough: CancelLevel) -> Result<Arc<dyn Connection>, Cut> {
        if let Some(held) = &self.held {
            return Ok(Arc::clone(&held.connection));
        }
        let patience = if self.seen {
            self.host.ssh.reconnect_for
        } else {
            FIRST_CONTACT_FOR
        };
        let deadline = Instant::now() + patience;
        let mut pause = Duration::from_secs(1);
        for tries in 1.. {
            let mut cancel = self.cancel.clone();
            let connected = tokio::select! {
                connected = self.connect_once(Identify::WhereSeen) => connected,
                () = at_least(&mut cancel, enough) => return Err(Cut::Cancelled),
            };
            let FailedConnect {
                failure,
                transient,
                refused,
            } = match connected {
                Ok(connection) => return Ok(connection),
                Err(miss) => miss,
            };
            // A host that was there may be rebooting, or its name server may be gone for a moment.
            let may_pass = transient || (self.seen && refused);
            if !may_pass || Instant::now() + pause >= deadline {
                return Err(Cut::Failed(tried(failure, tries)));
            }
            self.report(EventKind::HostRetry {
                host: self.host.name.clone(),
                tries,
                reason: failure.message,
                again_in_ms: pause.as_millis() as u64,
            })
            .await;
            tokio::select! {
                () = sleep(pause) => {}
                () = at_least(&mut cancel, enough) => return Err(Cut::Cancelled),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(Cut::Cancelled) // the loop above has no end of its own
    }

    /// Connects, one attempt, and tells what was learned.
    pub(super) async fn connect_once(
        &mut self,
        identify: Identify,
    ) -> Result<Arc<dyn Connection>, FailedConnect> {
        let began = Instant::now();
        let connection: Arc<dyn Connection> = Arc::from(
            self.transport
                .connect(self.host.name.as_str())
                .await
                .map_err(FailedConnect::connect)?,
        );
        let took_ms = began.elapsed().as_millis() as u64;
        // Who comes back wants to know whether the host was rebooted meanwhile. At the first contact
        // that would be a round trip for nothing.
        let ask = match identify {
            Identify::WhereSeen => self.seen || !self.asked_first_thing,
            Identify::ByFacts => !self.asked_first_thing,
        };
        let boot = if ask {
            Some(
                connection
                    .boot_identity()
                    .await
                    .map_err(FailedConnect::boot)?,
            )
        } else {
            None
        };
        let greeting = connection.greeting().clone();
        self.report(EventKind::HostConnected {
            host: self.host.name.clone(),
            boot: boot.as_ref().map(ToString::to_string),
            server: greeting.server,
            took_ms,
        })
        .await;
        for text in greeting.notices {
            if !self.said.contains(&text) {
                self.said.push(text.clone());
                self.report(EventKind::HostNotice {
                    host: self.host.name.clone(),
                    text,
                })
                .await;
            }
        }
        self.seen = true;
        self.fill_slot(Some(&connection));
        self.held = Some(Held {
            connection: Arc::clone(&connection),
            boot,
            since: Instant::now(),
        });
        Ok(connection)
    }

    /// Which boot of the host this connection leads to, where it has told.
    pub(super) fn boot(&self) -> Option<&BootIdentity> {
        self.held.as_ref().and_then(|held| held.boot.as_ref())
    }

    /// Since when this connection is there.
    pub(super) fn since(&self) -> Option<Instant> {
        self.held.as_ref().map(|held| held.since)
    }

    /// Notes what the host has told over this connection.
    pub(super) fn note_boot(&mut self, boot: &BootIdentity) {
        if let Some(held) = &mut self.held {
            held.boot = Some(boot.clone());
        }
    }

    /// Whether the connection has been there long enough to call its loss an accident.
    pub(super) fn was_steady(&self) -> bool {
        self.held
            .as_ref()
            .is_some_and(|held| held.since.elapsed() >= STEADY)
    }

    /// Lets a lost connection go. Where connections break again and again without anything getting
    /// further, each time is waited for longer, and after `reconnect_for` the host is given up.
    pub(super) async fn after_loss(&mut self, got_further: bool, why: &str) -> Result<(), Cut> {
        let now = Instant::now();
        // One that breaks at once each time is not made again at once each time, however far it got.
        let lived = self.since().map(|since| now.duration_since(since));
        let rest = lived.map_or(Duration::ZERO, |lived| LEAST_APART.saturating_sub(lived));
        self.drop_connection().await;
        let (since, pause) = match self.fruitless {
            Some(fruitless) if !got_further => fruitless,
            _ => (now, rest),
        };
        if now.duration_since(since) > self.host.ssh.reconnect_for {
            let text = format!(
                "the connection is made and breaks again and again, and nothing gets further: {why}"
            );
            return Err(Cut::Failed(Failure::new(FailureKind::Unreachable, text)));
        }
        let next = (pause * 2).clamp(Duration::from_millis(500), LONGEST_PAUSE);
        self.fruitless = Some((since, next));
        let mut cancel = self.cancel.clone();
        tokio::select! {
            () = sleep(pause) => Ok(()),
            () = at_least(&mut cancel, CancelLevel::StopJobs) => Ok(()),
        }
    }

    /// Lets a connection go that is of no more use.
    pub(super) async fn drop_connection(&mut self) {
        if let Some(held) = self.held.take() {
            self.fill_slot(None);
            held.connection.close().await;
        }
    }

    /// Where others find the connection.
    pub(super) fn slot(&self) -> Slot {
        Arc::clone(&self.slot)
    }

    fn fill_slot(&self, connection: Option<&Arc<dyn Connection>>) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = connection.map(Arc::clone);
    }

    /// The connection, if there is one.
    pub(super) fn current(&self) -> Option<Arc<dyn Connection>> {
        self.held.as_ref().map(|held| Arc::clone(&held.connection))
    }

    async fn report(&self, kind: EventKind) {
        // The dispatcher outlives its executors; where it does not, the run is over.
        let _ = self.reports.send(Report::Progress(Box::new(kind))).await;
    }
}

/// One attempt to connect that came to nothing.
pub(super) struct FailedConnect {
    /// Why.
    pub(super) failure: Failure,
    /// Whether trying again may help.
    pub(super) transient: bool,
    /// Whether it may yet help where the host was reached before: a host that boots refuses logins.
    pub(super) refused: bool,
}

impl FailedConnect {
    fn connect(error: ConnectError) -> Self {
        Self {
            failure: failure::connect(&error),
            transient: error.is_transient(),
            refused: matches!(
                error,
                ConnectError::Refused { .. }
                    | ConnectError::Resolve { .. }
                    | ConnectError::Handshake { .. }
            ),
        }
    }

    /// The connection was lost again before anything came of it.
    pub(super) fn lost(failure: Failure) -> Self {
        Self {
            failure,
            transient: true,
            refused: false,
        }
    }

    pub(super) fn boot(error: RequestError) -> Self {
        let transient = error.is_loss();
        Self {
            failure: error.failure(),
            transient,
            refused: false,
        }
    }
}

fn tried(failure: Failure, tries: u32) -> Failure {
    match tries {
        1 => failure,
        _ => Failure {
            message: format!("{} (tried {tries} times)", failure.message),
            ..failure
        },
    }
}
