//! Holding a host: only one run works on it at a time, wherever that is started.
//!
//! A holder gives a sign of life every [`BEAT`]. Whoever finds a host held looks for three times as long,
//! by its own clock: a holder that gives no sign meanwhile is dead, and the host is taken from it. One
//! whose process was on this very machine is known to be dead at once. What wall clocks say decides nothing.
//!
//! Who finds that somebody lives who works already, leaves. Where both only take their hosts yet, the one of
//! them waits for the other to let go that has drawn the higher number, and the other one leaves.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use phalanx_events::{CancelLevel, Failure, FailureKind};
use phalanx_remote::{Hold, HolderWords, HostHold, JobError, LeftJob, Stance};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::Executor;
use super::cancel::at_least;
use super::cut::Cut;
use super::link::Slot;
use crate::message::Report;
use crate::process_token::is_dead;

/// The pause between two signs of life.
const BEAT: Duration = Duration::from_secs(10);
/// How long a holder may be without one until it counts as dead.
const DEAD_AFTER: Duration = Duration::from_secs(30);
/// Who takes its hosts and gave its last sign of life not longer ago lives, as far as anybody can tell.
const FRESH: Duration = Duration::from_secs(15);
/// How often it is looked meanwhile, and how often where somebody is about to let go.
const LOOK: Duration = Duration::from_secs(2);
const LOOK_SOON: Duration = Duration::from_millis(300);
/// How long a host may keep us with ever new news of who has it.
const GIVE_UP_AFTER: Duration = Duration::from_secs(3 * 60);
/// How often a host is taken from a dead holder without a pause; one that keeps saying the same has a pause.
const TAKES_AT_ONCE: u32 = 2;
/// How long an answer is waited for when somebody wants to stop: who does not know that it has the host can't
/// let it go.
const LAST_ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What was learned of whoever else has the host.
#[derive(Default)]
struct Found {
    /// Who was found last, and since when nothing has changed of it.
    watched: Option<(HolderWords, Instant)>,
    /// Whether it gave a sign of life since it was found first.
    lives: bool,
    /// Since when scripts of other runs are found.
    jobs_since: Option<Instant>,
    /// How often the host was taken from somebody dead.
    takes: u32,
    told: Option<Stance>,
}

impl Executor {
    /// Who we are to this host.
    pub(super) fn holder_words(&self) -> Option<HolderWords> {
        self.shared.holder.as_ref().map(|me| HolderWords {
            host: self.planned().name.to_string(),
            ..me.clone()
        })
    }

    /// Takes the host, where the run is one that has to. Returns with the number that the host knows us
    /// by from now on.
    pub(super) async fn hold(&mut self, connection: &dyn HostHold) -> Result<(), Cut> {
        let Some(mut me) = self.holder_words() else {
            self.send(Report::Taken { host: self.host }).await;
            return Ok(());
        };
        let host = self.host;
        let began = Instant::now();
        let mut cancel = self.cancel.clone();
        let mut taking: Option<HolderWords> = None;
        let mut found = Found::default();
        loop {
            me.stance = *self.shared.stance.borrow();
            let answer = tokio::select! {
                biased;
                answer = connection.hold(&me, taking.as_ref()) => answer,
                () = long_after(&mut cancel) => return Err(Cut::Cancelled),
            };
            taking = None;
            let pause = match answer {
                Ok(Hold::Taken { fence }) => {
                    self.fence.store(fence, Ordering::Relaxed);
                    self.send(Report::Taken { host }).await;
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
                Ok(Hold::Twice { host: name }) => {
                    return Err(match self.shared.plan.host_ix(&name.as_str().into()) {
                        Some(other) => self.one_machine(other).await,
                        None => unknown_twin(&name).into(),
                    });
                }
                Ok(Hold::Jobs(jobs)) => {
                    self.send(Report::Contended { host }).await;
                    let since = *found.jobs_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= DEAD_AFTER {
                        return Err(left_running(&jobs).into());
                    }
                    LOOK
                }
                Ok(Hold::Busy { them, quiet_for }) => {
                    self.send(Report::Contended { host }).await;
                    if found.is_dead(&them) {
                        found.takes += 1;
                        taking = Some(them);
                        match found.takes <= TAKES_AT_ONCE {
                            true => Duration::ZERO,
                            false => LOOK,
                        }
                    } else {
                        self.meet(&me, them, quiet_for, &mut found).await?
                    }
                }
            };
            if began.elapsed() >= GIVE_UP_AFTER {
                return Err(given_up().into());
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = at_least(&mut cancel, CancelLevel::NoNewTasks) => return Err(Cut::Cancelled),
            }
        }
    }

    /// What to do about somebody who has the host and is not known to be dead: the pause before it is looked
    /// again, or why we leave.
    async fn meet(
        &self,
        me: &HolderWords,
        them: HolderWords,
        quiet_for: Option<Duration>,
        found: &mut Found,
    ) -> Result<Duration, Cut> {
        let stance = them.stance;
        // Somebody who works is left alone once it is seen to live, else it is succeeded. Who only takes its
        // hosts yet has nothing to lose: there it is enough to have heard of it just now.
        let is_fresh = quiet_for.is_some_and(|quiet| quiet <= FRESH);
        found.lives |= stance == Stance::Taking && is_fresh;
        if found.lives {
            let is_ahead = (them.rank, &them.process) > (me.rank, &me.process);
            match stance {
                Stance::Working => return Err(held(&them).into()),
                Stance::Taking if is_ahead && me.stance == Stance::Taking => {
                    let failure = outranked(&them);
                    let host = self.host;
                    self.send(Report::Yields { host, failure }).await;
                }
                Stance::Taking => {}
            }
        }
        if found.told.replace(stance) != Some(stance) {
            let text = match stance {
                Stance::Taking => format!(
                    "{}; waiting until that run lets go or begins",
                    whose(&them, "takes")
                ),
                Stance::Working => format!(
                    "{}; looking up to {} s whether that run still lives",
                    whose(&them, "holds"),
                    DEAD_AFTER.as_secs()
                ),
            };
            self.tell_host(text).await;
        }
        Ok(match stance {
            Stance::Taking => LOOK_SOON,
            Stance::Working => LOOK,
        })
    }

    /// The number that the host knows this run by; 0 for one that only looks.
    pub(super) fn fence(&self) -> u64 {
        self.fence.load(Ordering::Relaxed)
    }
}

impl Found {
    /// Whether whoever has the host is known to be dead; notes what changed.
    fn is_dead(&mut self, them: &HolderWords) -> bool {
        if is_dead(&them.process) {
            return true;
        }
        match &self.watched {
            Some((before, since)) if before == them => since.elapsed() >= DEAD_AFTER,
            before => {
                self.lives = before
                    .as_ref()
                    .is_some_and(|(before, _)| before.process == them.process);
                self.watched = Some((them.clone(), Instant::now()));
                false
            }
        }
    }
}

/// Returns a while after the operator, or the run, wants to stop.
async fn long_after(cancel: &mut watch::Receiver<Option<CancelLevel>>) {
    at_least(cancel, CancelLevel::NoNewTasks).await;
    sleep(LAST_ANSWER_WITHIN).await;
}

/// Gives signs of life as long as it is polled, and one more when the run begins. Nothing hangs on a single one.
pub(super) async fn heart(
    me: Option<HolderWords>,
    mut stance: watch::Receiver<Stance>,
    slot: Slot,
    fence: Arc<AtomicU64>,
) {
    let Some(mut me) = me else {
        return std::future::pending().await;
    };
    loop {
        let begins = async {
            if stance.changed().await.is_err() {
                // The run is over.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = sleep(BEAT) => {}
            () = begins => {}
        }
        me.stance = *stance.borrow_and_update();
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

fn whose(them: &HolderWords, does: &str) -> String {
    format!(
        "{} on {} {does} it with run {}, since {}",
        them.owner, them.machine, them.run, them.since
    )
}

/// Jobs of other runs would run beside ours.
fn left_running(jobs: &[LeftJob]) -> Failure {
    let Some(first) = jobs.first() else {
        return Failure::new(
            FailureKind::Held,
            "another run has left a script running here",
        );
    };
    let run = first.id.run();
    let all: Vec<String> = jobs
        .iter()
        .map(|job| match job.folder_gone {
            false => job.id.to_string(),
            true => format!("{} (its folder in the spool is gone)", job.id),
        })
        .collect();
    let text = format!(
        "the run {run} has left a script running here: {}",
        all.join(", ")
    );
    Failure::new(FailureKind::Held, text).advice(format!(
        "go on with that run (`phalanx resume {run}`), or wait until its script has ended"
    ))
}

fn held(them: &HolderWords) -> Failure {
    Failure::new(FailureKind::Held, whose(them, "holds"))
        .advice("wait for that run to end, or stop it where it was started")
}

/// What our own process calls the host is not in the plan.
fn unknown_twin(name: &str) -> Failure {
    let text = format!("this run holds the host already, under the name {name}");
    Failure::new(FailureKind::Protocol, text)
}

/// Both were started at the same moment.
fn outranked(them: &HolderWords) -> Failure {
    let text = format!(
        "{}, at the same moment as this run; by lot that one stays and this one leaves",
        whose(them, "takes")
    );
    Failure::new(FailureKind::Held, text)
        .advice("wait for that run to end, or stop it where it was started")
}

/// There is always somebody, and nobody ever has it.
fn given_up() -> Failure {
    let minutes = GIVE_UP_AFTER.as_secs() / 60;
    let text = format!(
        "for {minutes} min the host has kept saying that another run is about to take it, and none has begun"
    );
    Failure::new(FailureKind::Held, text).advice(
        "see on the host who writes the file `holder` in its spool; the others go on without this host once it is \
         out of the cluster file",
    )
}
