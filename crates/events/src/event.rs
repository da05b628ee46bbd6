//! One thing that happened in a run.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use phalanx_plan::{HostName, TaskId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::control::Control;
use crate::outcome::{Failure, Outcome, ReportedProblem, RunOutcome};

/// A hundred years: nothing takes longer, whatever a damaged journal or a host's clock says. So many of it can be
/// added up.
pub const MOST_MS: u64 = 100 * 366 * 86_400_000;

/// No task is begun so often.
pub const MOST_ATTEMPTS: u32 = 1_000_000;

/// One thing that happened, with its place in the run's order and in time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Counts from 1 without a gap: the order in which things happened.
    #[schemars(range(min = 1))]
    pub seq: u64,
    /// The wall clock, for people.
    pub at: Timestamp,
    /// Milliseconds since the run began, by a clock that never jumps; while nobody works on the run, it
    /// stands still.
    pub ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl Event {
    /// Makes every span of time and every attempt's number one that can be: [`MOST_MS`] and [`MOST_ATTEMPTS`] at
    /// most.
    pub fn clamp(&mut self) {
        let clamp = |ms: &mut u64| *ms = (*ms).min(MOST_MS);
        clamp(&mut self.ms);
        match &mut self.kind {
            EventKind::HostConnected { took_ms, .. } => clamp(took_ms),
            EventKind::HostRetry { again_in_ms, .. } => clamp(again_in_ms),
            EventKind::FactsRead { host_ms, .. } => host_ms.iter_mut().for_each(clamp),
            EventKind::TaskStarted { attempt, .. } => *attempt = (*attempt).min(MOST_ATTEMPTS),
            EventKind::TaskEnded { attempt, end, .. } => {
                *attempt = (*attempt).min(MOST_ATTEMPTS);
                end.host_ms.iter_mut().for_each(clamp);
            }
            _ => {}
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventKind {
    /// The run began.
    RunStarted(RunStarted),
    /// The run goes on, after it ended or was cut short.
    RunResumed(RunResumed),
    /// A host is connected.
    HostConnected {
        /// Which.
        host: HostName,
        /// Which boot of it this is, where that was asked for: on a first connection the facts tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        boot: Option<String>,
        /// How the server named itself.
        server: String,
        /// How long connecting took, the last attempt alone.
        took_ms: u64,
    },
    /// Something the operator should know about a host.
    HostNotice {
        /// Which.
        host: HostName,
        /// What.
        text: String,
    },
    /// A host did not answer and will be tried again.
    HostRetry {
        /// Which.
        host: HostName,
        /// How often it has been tried.
        tries: u32,
        /// Why it failed.
        reason: String,
        /// When it is tried again.
        again_in_ms: u64,
    },
    /// A host was given up: it takes no further part in the run.
    HostFailed {
        /// Which.
        host: HostName,
        /// Why.
        failure: Failure,
    },
    /// A host told its facts.
    FactsRead {
        /// Which.
        host: HostName,
        /// Name and value.
        facts: BTreeMap<String, String>,
        /// Which boot of the host told them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        boot: Option<String>,
        /// How long the host needed to tell them, by the host's clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host_ms: Option<u64>,
    },
    /// A task begins. Written down before anything is done on the host.
    TaskStarted {
        /// Which.
        task: TaskId,
        /// Counts from 1.
        attempt: u32,
        /// The job's id, where it is a job.
        job: Option<String>,
    },
    /// The host has the job: it runs to its end whatever becomes of the connection.
    TaskAccepted {
        /// Which.
        task: TaskId,
    },
    /// A task waits, and this is what for: the probe's own words.
    TaskWaiting {
        /// Which.
        task: TaskId,
        /// One line.
        text: String,
    },
    /// The connection was lost while a job runs on; it will be attached to again.
    TaskDetached {
        /// Which.
        task: TaskId,
        /// Bytes of output held.
        offset: u64,
        /// What was seen of the loss.
        reason: String,
    },
    /// A running job is followed again.
    TaskAttached {
        /// Which.
        task: TaskId,
        /// Bytes of output held.
        offset: u64,
    },
    /// A reboot got one step further.
    Reboot {
        /// Which task.
        task: TaskId,
        /// How far.
        phase: RebootPhase,
        /// The boot identity: before the reboot with `requested`, after it with `proven`.
        boot: Option<String>,
    },
    /// A task ended, or one attempt of it did.
    TaskEnded {
        /// Which.
        task: TaskId,
        /// Which attempt.
        attempt: u32,
        /// How.
        #[serde(flatten)]
        end: TaskEnd,
    },
    /// The operator said what the run is to do, while it goes on, and it does.
    Controlled {
        /// What.
        #[serde(flatten)]
        control: Control,
        /// Tasks that were over and are open again.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        reopens: Vec<TaskId>,
    },
    /// The operator asked to stop.
    CancelRequested {
        /// How urgently.
        level: CancelLevel,
    },
    /// The run is over.
    RunEnded {
        /// How.
        outcome: RunOutcome,
    },
    /// An event of a newer version, which a display passes over.
    #[serde(other)]
    Unknown,
}

impl EventKind {
    /// Whether it is on disk, with all before it, before anything follows from it.
    pub fn is_flushed_at_once(&self) -> bool {
        matches!(
            self,
            Self::TaskStarted { .. }
                | Self::Reboot { .. }
                | Self::RunResumed(_)
                | Self::Controlled { .. }
                | Self::RunEnded { .. }
        )
    }
}

/// What a run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunStarted {
    /// The run's id.
    pub run: String,
    /// The cluster's name.
    pub cluster: String,
    /// The recipe's name.
    pub recipe: String,
    /// The version of what it installs.
    pub release: Option<String>,
    /// The flow.
    pub flow: String,
    /// How many hosts take part.
    pub hosts: usize,
    /// How many tasks there are.
    pub tasks: usize,
    /// The version of the program.
    pub version: String,
    /// Where the cluster came from; older programs did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// Where a run's cluster came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// The cluster file: its whole path, or `standard input` or `a pipe`.
    pub cluster_file: String,
    /// The lab in whose network the program was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lab: Option<String>,
}

impl Origin {
    /// Where the cluster of a run came from the last time that the run was begun or gone on with; none where the
    /// program did not say.
    pub fn last_of(events: &[Event]) -> Option<&Self> {
        let mut origins = events.iter().rev().filter_map(|event| match &event.kind {
            EventKind::RunStarted(run) => Some(run.origin.as_ref()),
            EventKind::RunResumed(resumed) => Some(resumed.origin.as_ref()),
            _ => None,
        });
        origins.next()?
    }
}

/// How a run goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunResumed {
    /// Which of the run's plans holds from now on: they are numbered from 1.
    pub plan: u32,
    /// How many hosts take part now.
    pub hosts: usize,
    /// How many tasks there are now.
    pub tasks: usize,
    /// Tasks that were done and are to be done again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<TaskId>,
    /// Tasks that there are no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forgotten: Vec<TaskId>,
    /// The version of the program.
    pub version: String,
    /// Where the cluster came from this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

impl RunResumed {
    /// Whether a task that ended so stays done.
    pub fn keeps(&self) -> impl Fn(&TaskId, &Outcome) -> bool {
        let again: BTreeSet<&TaskId> = self.again.iter().collect();
        // Whether one that was skipped is needed is asked again.
        move |task, outcome| {
            let is_settled = match outcome {
                Outcome::Changed | Outcome::Already => true,
                Outcome::Skipped { by_operator, .. } => *by_operator,
                _ => false,
            };
            is_settled && !again.contains(task)
        }
    }
}

/// How a task, or one attempt of it, ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskEnd {
    /// How.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Whether another attempt follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// What it says it changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// What it says was right already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub already: Vec<String>,
    /// Facts it reported.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
    /// Problems it reported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<ReportedProblem>,
    /// Why it failed, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// How long the host itself worked on it, by the host's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_ms: Option<u64>,
    /// Bytes in its log file when it ended.
    #[serde(default)]
    pub log_bytes: u64,
}

impl TaskEnd {
    /// An end with nothing to tell but its outcome.
    pub fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            again: false,
            changed: Vec::new(),
            already: Vec::new(),
            facts: BTreeMap::new(),
            problems: Vec::new(),
            failure: None,
            host_ms: None,
            log_bytes: 0,
        }
    }

    /// An end in failure.
    pub fn failed(failure: Failure) -> Self {
        Self {
            failure: Some(failure),
            ..Self::new(Outcome::Failed)
        }
    }
}

/// How far a reboot is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum RebootPhase {
    /// The host is being asked: written down before it is.
    Requested,
    /// The connection is gone.
    Down,
    /// The host takes logins again.
    Up,
    /// Its boot identity is another one.
    Proven,
}

/// How urgently the operator wants to stop. Levels only rise.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum CancelLevel {
    /// No new tasks; running ones end.
    NoNewTasks,
    /// Running jobs are stopped on the hosts.
    StopJobs,
    /// Leave at once; jobs go on by themselves.
    Leave,
}
