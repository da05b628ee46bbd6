//! Reboots a host and proves it: requested, down, up, proven.

use std::time::Duration;

use phalanx_events::{CancelLevel, EventKind, Failure, FailureKind, Outcome, RebootPhase, TaskEnd};
use phalanx_remote::{BootIdentity, ProbeError};
use tokio::time::{Instant, sleep, sleep_until};

use crate::executor::{Attempt, Cut, Executor};
use crate::failure;
use crate::link::{Miss, at_least};

/// How long a reboot may take where its stage does not say so.
pub(crate) const WITHIN: Duration = Duration::from_secs(10 * 60);
/// The first pause between two attempts to connect to a host that is down.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How far a reboot has come, for the message where it goes no further.
struct Progress {
    phase: RebootPhase,
    /// Why the last attempt to connect came to nothing.
    last: Option<Failure>,
    down_at: Option<Instant>,
}

impl Executor {
    /// Reboots the host.
    pub(crate) async fn reboot(&mut self, attempt: &mut Attempt) -> Result<TaskEnd, Cut> {
        let mut cancel = self.cancel.clone();
        let deadline = attempt.deadline.unwrap_or_else(|| Instant::now() + WITHIN);
        let began = Instant::now();
        let mut progress = Progress {
            phase: RebootPhase::Requested,
            last: None,
            down_at: None,
        };
        tokio::select! {
            rebooted = self.reboot_and_prove(attempt, &mut progress) => rebooted,
            () = sleep_until(deadline) => Err(overdue(&progress, began.elapsed()).into()),
            () = at_least(&mut cancel, CancelLevel::StopJobs) => Err(Cut::Cancelled),
        }
    }

    async fn reboot_and_prove(
        &mut self,
        attempt: &Attempt,
        progress: &mut Progress,
    ) -> Result<TaskEnd, Cut> {
        let (connection, before) = loop {
            // A connection that was idle for long may be dead without our knowing.
            let connection = self.link.get().await?;
            match connection.boot_identity().await {
                Ok(before) => break (connection, before),
                Err(ProbeError::Lost(_) | ProbeError::Stalled(_)) => {
                    self.link.after_loss(false).await?;
                }
                Err(error) => return Err(failure::probe(&error).into()),
            }
        };
        progress.phase = RebootPhase::Requested;
        self.tell_first(EventKind::Reboot {
            task: attempt.id.clone(),
            phase: RebootPhase::Requested,
            boot: Some(before.to_string()),
        })
        .await;
        match connection.request_reboot().await {
            // Lost before it said yes: whether it reboots is seen below, or time is up.
            Ok(()) | Err(ProbeError::Lost(_) | ProbeError::Stalled(_)) => {}
            Err(error) => {
                let failure = failure::probe(&error);
                return Err(Failure {
                    kind: FailureKind::Reboot,
                    ..failure
                }
                .into());
            }
        }

        connection.lost().await;
        self.link.drop_connection().await;
        progress.down_at = Some(Instant::now());
        self.phase(attempt, progress, RebootPhase::Down, None).await;

        let mut pause = FIRST_PAUSE;
        let now = loop {
            match self.link.connect_once().await {
                Ok(_) => match self.link.boot().cloned() {
                    Some(now) if now != before => {
                        self.phase(attempt, progress, RebootPhase::Up, Some(&now))
                            .await;
                        break now;
                    }
                    // The same boot: its sshd still answers while the host goes down, or the host
                    // did not reboot at all. Only the first can still become a reboot.
                    _ => {
                        progress.phase = RebootPhase::Up;
                        self.link.drop_connection().await;
                    }
                },
                // A host that boots refuses logins for a while (pam_nologin).
                Err(Miss {
                    failure,
                    transient,
                    refused,
                }) if transient || refused => {
                    progress.phase = RebootPhase::Down;
                    progress.last = Some(failure);
                }
                Err(Miss { failure, .. }) => return Err(failure.into()),
            }
            sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        };
        let down_for = progress.down_at.map(|at| at.elapsed().as_millis() as u64);
        self.phase(attempt, progress, RebootPhase::Proven, Some(&now))
            .await;
        // What the host said of itself before may no longer hold.
        loop {
            let connection = self.link.get().await?;
            match self.read_facts(&*connection).await {
                Err(Cut::Failed(lost)) if lost.kind == FailureKind::Unreachable => {
                    self.link.after_loss(false).await?;
                }
                read => break read?,
            }
        }
        Ok(TaskEnd {
            changed: vec!["rebooted".to_owned()],
            host_ms: down_for,
            ..TaskEnd::new(Outcome::Changed)
        })
    }

    async fn phase(
        &self,
        attempt: &Attempt,
        progress: &mut Progress,
        phase: RebootPhase,
        boot: Option<&BootIdentity>,
    ) {
        progress.phase = phase;
        self.progress(EventKind::Reboot {
            task: attempt.id.clone(),
            phase,
            boot: boot.map(ToString::to_string),
        })
        .await;
    }
}

/// What is told when time is up.
fn overdue(progress: &Progress, after: Duration) -> Failure {
    let after = after.as_secs();
    let (text, advice) = match progress.phase {
        RebootPhase::Requested => (
            format!("the host took the request to reboot, but did not go down within {after} s"),
            "a service may refuse to stop; look at the host's console",
        ),
        RebootPhase::Down => (
            format!("the host went down to reboot and did not come back within {after} s"),
            "look at the host's console; when it is back, run the same command again",
        ),
        RebootPhase::Up | RebootPhase::Proven => (
            format!("the host answers again, but has not rebooted within {after} s"),
            "look at the host's console: its boot identity is still the one from before",
        ),
    };
    let lines = progress
        .last
        .iter()
        .map(|failure| failure.message.clone())
        .collect();
    Failure::new(FailureKind::Reboot, text)
        .advice(advice)
        .lines(lines)
}
