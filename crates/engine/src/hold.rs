//! Holding a host: only one run works on it at a time, wherever that is started.
//!
//! A holder gives a sign of life every [`BEAT`]. Whoever finds a host held looks for three times as long,
//! by its own clock: a holder that gives no sign meanwhile is dead, and the host is taken from it. One
//! whose process was on this very machine is known to be dead at once. What clocks say decides nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use phalanx_events::{CancelLevel, EventKind, Failure, FailureKind};
use phalanx_remote::{Connection, Hold, HolderWords, JobError};
use tokio::time::{Instant, sleep, timeout};

use crate::executor::{Cut, Executor};
use crate::failure;
use crate::link::at_least;
use crate::process_token::is_dead;

/// The pause between two signs of life.
const BEAT: Duration = Duration::from_secs(10);
/// How long a holder may be without one until it counts as dead.
const DEAD_AFTER: Duration = Duration::from_secs(30);
/// How often it is looked meanwhile.
const LOOK: Duration = Duration::from_secs(2);

/// A host's connection, as far as there is one, for whoever gives signs of life.
pub(crate) type Slot = Arc<Mutex<Option<Arc<dyn Connection>>>>;

impl Executor {
    /// Takes the host, where the run is one that has to. Returns with the number that the host knows us
    /// by from now on.
    pub(crate) async fn hold(&mut self, connection: &dyn Connection) -> Result<(), Cut> {
        let shared = Arc::clone(&self.shared);
        let Some(me) = &shared.holder else {
            return Ok(());
        };
        let mut cancel = self.cancel.clone();
        let mut taking: Option<HolderWords> = None;
        let mut watched: Option<(HolderWords, Instant)> = None;
        let mut jobs_since = None;
        loop {
            let them = match connection.hold(me, taking.as_ref()).await {
                Ok(Hold::Taken { fence }) => {
                    self.fence.store(fence, Ordering::Relaxed);
                    return Ok(());
                }
                Ok(Hold::Busy(them)) => them,
                Ok(Hold::Jobs(jobs)) => {
                    let began = *jobs_since.get_or_insert_with(Instant::now);
                    if began.elapsed() >= DEAD_AFTER {
                        return Err(left_running(&jobs).into());
                    }
                    tokio::select! {
                        () = sleep(LOOK) => continue,
                        () = at_least(&mut cancel, CancelLevel::NoNewTasks) => {
                            return Err(Cut::Cancelled);
                        }
                    }
                }
                Err(error) => return Err(failure::job(&error).into()),
            };
            taking = is_dead(&them.process).then(|| them.clone());
            if taking.is_some() {
                continue;
            }
            match &watched {
                Some((before, _)) if *before != them => return Err(held(&them).into()),
                Some((_, since)) if since.elapsed() >= DEAD_AFTER => {
                    taking = Some(them);
                    continue;
                }
                Some(_) => {}
                None => {
                    let seconds = DEAD_AFTER.as_secs();
                    let text = format!(
                        "{}; looking up to {seconds} s whether that run still lives",
                        whose(&them)
                    );
                    let host = self.planned().name.clone();
                    self.progress(EventKind::HostNotice { host, text }).await;
                    watched = Some((them, Instant::now()));
                }
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                () = at_least(&mut cancel, CancelLevel::NoNewTasks) => return Err(Cut::Cancelled),
            }
        }
    }

    /// The number that the host knows this run by; 0 for one that only looks.
    pub(crate) fn fence(&self) -> u64 {
        self.fence.load(Ordering::Relaxed)
    }
}

/// Gives signs of life as long as it is polled. Nothing hangs on a single one.
pub(crate) async fn heart(me: Option<HolderWords>, slot: Slot, fence: Arc<AtomicU64>) {
    let Some(me) = me else {
        return std::future::pending().await;
    };
    loop {
        sleep(BEAT).await;
        let number = fence.load(Ordering::Relaxed);
        let connection = slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if number > 0
            && let Some(connection) = connection
        {
            let _: Result<Result<(), JobError>, _> =
                timeout(BEAT, connection.beat(&me, number)).await;
        }
    }
}

fn whose(them: &HolderWords) -> String {
    format!(
        "{} on {} holds it with run {}, since {}",
        them.owner, them.machine, them.run, them.since
    )
}

/// A job of another run would run beside ours.
fn left_running(jobs: &[String]) -> Failure {
    let first = jobs.first().map_or("", String::as_str);
    let run = first.split('.').next().unwrap_or_default();
    let text = format!(
        "the run {run} has left a script running here: {}",
        jobs.join(", ")
    );
    Failure::new(FailureKind::Held, text).advice(format!(
        "go on with that run (`phalanx resume {run}`), or wait until its script has ended"
    ))
}

fn held(them: &HolderWords) -> Failure {
    Failure::new(FailureKind::Held, whose(them))
        .advice("wait for that run to end, or stop it where it was started")
}
