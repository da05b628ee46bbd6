//! Reboots a host and proves it: requested, down, up, proven.

use std::sync::Arc;
use std::time::Duration;

use phalanx_events::{CancelLevel, EventKind, Failure, FailureKind, Outcome, RebootPhase, TaskEnd};
use phalanx_remote::{BootIdentity, Connection, RequestError};
use tokio::time::{Instant, sleep, sleep_until};

use super::Executor;
use super::attempt::Attempt;
use super::cancel::at_least;
use super::cut::Cut;
use super::failure::HostError as _;
use super::link::{FailedConnect, Identify};
use super::over::{Break, Call, Patience};
use crate::schedule::Begin;

/// How long a reboot may take where its stage does not say so.
pub(super) const WITHIN: Duration = Duration::from_secs(10 * 60);
/// The first pause between two attempts to connect to a host that is down, and the longest. In between
/// it is a twentieth of what was waited so far.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How far a reboot has come, for the message where it goes no further.
struct Progress {
    phase: RebootPhase,
    /// Why the last attempt to connect came to nothing.
    last: Option<Failure>,
}

impl Executor {
    /// Reboots the host.
    pub(super) async fn reboot(&mut self, attempt: &mut Attempt) -> Result<TaskEnd, Cut> {
        let mut cancel = self.cancel.clone();
        let within = match attempt.deadline {
            Some(deadline) => deadline.duration_since(Instant::now()),
            None => WITHIN,
        };
        let before = match &attempt.begin {
            Begin::Reboot { before, .. } => Some(BootIdentity(before.clone())),
            _ => None,
        };
        let asked = if self.shared.plan.manual_reboot {
            // Nobody knows how long that takes: time counts from when the host is down.
            let (_, now) = self.boot_before().await?;
            match before.filter(|before| *before != now) {
                // It was rebooted while nobody looked.
                Some(before) => Some((before, true)),
                None => Some(tokio::select! {
                    before = self.wait_for_operator(attempt) => (before?, true),
                    () = at_least(&mut cancel, CancelLevel::NoNewTasks) => {
                        return Err(Cut::Cancelled);
                    }
                }),
            }
        } else {
            // Whether the host has taken the request that was made before is seen by its boot.
            before.map(|before| (before, false))
        };
        let began = Instant::now();
        let deadline = began + within;
        let mut progress = Progress {
            phase: RebootPhase::Requested,
            last: None,
        };
        tokio::select! {
            rebooted = self.reboot_and_prove(attempt, &mut progress, asked) => rebooted,
            () = sleep_until(deadline) => Err(overdue(&progress, began.elapsed()).into()),
            () = at_least(&mut cancel, CancelLevel::StopJobs) => Err(Cut::Cancelled),
        }
    }

    async fn reboot_and_prove(
        &mut self,
        attempt: &Attempt,
        progress: &mut Progress,
        asked: Option<(BootIdentity, bool)>,
    ) -> Result<TaskEnd, Cut> {
        let (before, mut taken) = match asked {
            Some(asked) => asked,
            None => self.ask_host(attempt).await?,
        };
        self.link.drop_connection().await;
        let down_at = Instant::now();
        self.phase(attempt, progress, RebootPhase::Down, None).await;

        let now = loop {
            match self.connect_and_identify(&before).await? {
                Ok(now) if now != before => {
                    self.phase(attempt, progress, RebootPhase::Up, Some(&now))
                        .await;
                    break now;
                }
                // The same boot: its sshd still answers while the host goes down, or the host will not
                // reboot; or the request never got there, and then it is made again.
                Ok(_) => {
                    progress.phase = RebootPhase::Up;
                    if !taken && let Some(connection) = self.link.current() {
                        taken = request(&*connection, self.fence()).await?;
                    }
                }
                // A host that boots refuses logins for a while (pam_nologin).
                Err(FailedConnect {
                    failure,
                    transient,
                    refused,
                }) if transient || refused => {
                    progress.phase = RebootPhase::Down;
                    progress.last = Some(failure);
                }
                Err(FailedConnect { failure, .. }) => return Err(failure.into()),
            }
            self.link.drop_connection().await;
            sleep((down_at.elapsed() / 20).clamp(FIRST_PAUSE, LONGEST_PAUSE)).await;
        };
        // Up since the login; what it was asked after that is no part of its being down.
        let up_at = self.link.since().unwrap_or_else(Instant::now);
        let down_for = up_at.duration_since(down_at).as_millis() as u64;
        self.phase(attempt, progress, RebootPhase::Proven, Some(&now))
            .await;
        Ok(TaskEnd {
            changed: vec!["rebooted".to_owned()],
            host_ms: Some(down_for),
            ..TaskEnd::new(Outcome::Changed)
        })
    }

    /// Asks the host to reboot. Gives the boot that it was in, and whether it has taken the request.
    async fn ask_host(&mut self, attempt: &Attempt) -> Result<(BootIdentity, bool), Cut> {
        let (connection, before) = self.boot_before().await?;
        self.tell_requested(attempt, &before).await;
        let taken = request(&*connection, self.fence()).await?;
        Ok((before, taken))
    }

    /// Asks the operator to reboot the host, and returns once its connection is lost. Gives the boot
    /// that it was in.
    async fn wait_for_operator(&mut self, attempt: &Attempt) -> Result<BootIdentity, Cut> {
        let (connection, before) = self.boot_before().await?;
        self.tell_requested(attempt, &before).await;
        let host = self.planned().name.clone();
        let text = "waits for you to reboot it, as `--manual-reboot` says";
        self.progress(EventKind::HostNotice {
            host,
            text: text.to_owned(),
        })
        .await;
        self.progress(EventKind::TaskWaiting {
            task: attempt.id.clone(),
            text: "you to reboot the host".to_owned(),
        })
        .await;
        connection.lost().await;
        Ok(before)
    }

    /// The connection, and the boot that the host is in.
    async fn boot_before(&mut self) -> Result<(Arc<dyn Connection>, BootIdentity), Cut> {
        Ok(self.over(Patience::Reconnect, &mut BootBefore).await?)
    }

    /// Written down before anything is done.
    async fn tell_requested(&self, attempt: &Attempt, before: &BootIdentity) {
        self.tell_first(EventKind::Reboot {
            task: attempt.id.clone(),
            phase: RebootPhase::Requested,
            boot: Some(before.to_string()),
        })
        .await;
    }

    /// Connects, one attempt, and finds out which boot of the host it is. Where the recipe reads facts
    /// that is read along with them: what the host said of itself before may no longer hold.
    async fn connect_and_identify(
        &mut self,
        before: &BootIdentity,
    ) -> Result<Result<BootIdentity, FailedConnect>, Cut> {
        let connection = match self.link.connect_once(Identify::ByFacts).await {
            Ok(connection) => connection,
            Err(miss) => return Ok(Err(miss)),
        };
        if let Some(boot) = self.link.boot() {
            return Ok(Ok(boot.clone()));
        }
        let unread = match self.read_facts(&*connection).await {
            Ok(Some(boot)) => return Ok(Ok(boot)),
            Ok(None) => None,
            Err(Cut::Failed(failure)) if failure.kind == FailureKind::Unreachable => {
                return Ok(Err(FailedConnect::lost(failure)));
            }
            Err(Cut::Failed(failure)) => Some(failure),
            Err(Cut::Cancelled) => return Err(Cut::Cancelled),
        };
        match (connection.boot_identity().await, unread) {
            // A host on its way down need not be able to tell what it is like.
            (Ok(now), Some(failure)) if now != *before => Err(failure.into()),
            (Ok(now), _) => Ok(Ok(now)),
            (Err(error), _) => Ok(Err(FailedConnect::boot(error))),
        }
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

/// Asks which boot the host is in, where it has not told.
struct BootBefore;

impl Call for BootBefore {
    type Done = (Arc<dyn Connection>, BootIdentity);
    type Error = Cut;

    async fn call(
        &mut self,
        executor: &mut Executor,
        connection: &Arc<dyn Connection>,
    ) -> Result<Self::Done, Break<Cut>> {
        let before = match executor.link.boot() {
            Some(before) => before.clone(),
            None => connection.boot_identity().await?,
        };
        Ok((Arc::clone(connection), before))
    }
}

/// Asks for the reboot, and returns once the connection is lost. Says whether the host has taken the
/// request; where the connection was lost before that, it may have or not.
async fn request(connection: &dyn Connection, fence: u64) -> Result<bool, Cut> {
    match connection.request_reboot(fence).await {
        Ok(()) => {
            connection.lost().await;
            Ok(true)
        }
        Err(error) if error.is_loss() => Ok(false),
        Err(error) => {
            let failure = error.failure();
            let kind = match error {
                // Not the reboot's fault.
                RequestError::Fenced { .. } | RequestError::Fence(_) => failure.kind,
                _ => FailureKind::Reboot,
            };
            Err(Failure { kind, ..failure }.into())
        }
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
