//! The displays' content as data: what `--json` writes. Every document has `"format": 1`; within a
//! format fields are only added.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use phalanx_events::{FailureKind, Outcome, ReportedSeverity, RunOutcome};
use phalanx_plan::{Action, Allowance, Gate, HostName, PutStep, RoleName, StageId};
use serde::Serialize;
use serde_json::Value;

/// The version of every document here.
pub const FORMAT: u32 = 1;

/// One run, told after its events. All times are milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunReport {
    /// [`FORMAT`].
    pub format: u32,
    /// The run's id.
    pub run: String,
    /// The cluster's name.
    pub cluster: String,
    /// The recipe's name.
    pub recipe: String,
    /// The version of what the recipe installs.
    pub release: Option<String>,
    /// The cluster file that it was made of: its whole path, or how else it came.
    pub cluster_file: Option<String>,
    /// The lab that the hosts are of, where they are no real servers.
    pub lab: Option<String>,
    /// The flow.
    pub flow: String,
    /// The version of the program that ran it.
    pub version: Option<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// From its start to its last event.
    pub took_ms: u64,
    /// How it ended; `null` where it did not: it still runs, or its program died.
    pub outcome: Option<RunOutcome>,
    /// The tasks of all stages, counted by outcome.
    pub total: Counts,
    /// Stage by stage, in the recipe's order.
    pub stages: Vec<StageReport>,
    /// Host by host, in the cluster file's order.
    pub hosts: Vec<HostReport>,
    /// The chain of tasks that the run's length is made of.
    pub critical_path: Option<CriticalPath>,
    /// What failed, equal failures of many hosts as one.
    pub failures: Vec<FailureReport>,
    /// What did not begin on hosts that have not failed themselves.
    pub not_begun: Vec<NotBegunReport>,
    /// Problems that scripts reported, equal ones of many hosts as one; the worst first.
    pub problems: Vec<ProblemReport>,
    /// What else the operator should know about hosts.
    pub notices: Vec<NoticeReport>,
    /// Commands to type next.
    pub next: Vec<NextStep>,
}

/// Tasks, counted by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// They did something.
    pub changed: usize,
    /// There was nothing to do.
    pub already: usize,
    /// Their condition was false.
    pub skipped: usize,
    /// They failed.
    pub failed: usize,
    /// The operator stopped them.
    pub cancelled: usize,
    /// They never began.
    pub not_run: usize,
    /// They began, and the run's events do not tell their end.
    pub unfinished: usize,
}

/// One stage of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageReport {
    /// The stage.
    pub id: StageId,
    /// How many hosts it is for.
    pub hosts: usize,
    /// Its tasks by outcome.
    #[serde(flatten)]
    pub counts: Counts,
    /// How long it was worked on: a time in which several hosts were at it counts once, one in which none was
    /// (between attempts, before a resumption) counts not at all; `null` where no task ran.
    pub wall_ms: Option<u64>,
    /// The host that took longest.
    pub slowest: Option<Slowest>,
}

/// The host that took longest over a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Slowest {
    /// Which.
    pub host: HostName,
    /// How long, all its attempts together.
    pub took_ms: u64,
}

/// One host of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostReport {
    /// The host.
    pub name: HostName,
    /// Its role.
    pub role: RoleName,
    /// How it came out.
    pub state: HostEnd,
    /// The first stage that failed on it.
    pub failed_at: Option<StageId>,
    /// Its tasks by outcome.
    #[serde(flatten)]
    pub counts: Counts,
    /// From its connection (else its first task's start) to its last task's end.
    pub wall_ms: Option<u64>,
    /// How long it worked: its tasks' attempts together, without what lies between them.
    pub busy_ms: u64,
}

/// How a host came out of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostEnd {
    /// All its tasks are done.
    Done,
    /// A task failed.
    Failed,
    /// It could not be reached, or was given up.
    Missing,
    /// Something is left to do on it.
    Unfinished,
}

/// The chain of tasks that the run's length is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CriticalPath {
    /// From the first to the last.
    pub steps: Vec<PathStep>,
    /// All waits and times together.
    pub sum_ms: u64,
}

/// One task on the critical path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PathStep {
    /// The stage.
    pub stage: StageId,
    /// The host.
    pub host: HostName,
    /// Whether it only asks until something has come true.
    pub is_wait: bool,
    /// From the step before (from the run's start) to its own start.
    pub wait_ms: u64,
    /// How much of the wait and of the task the host needed to tell its facts, by its own clock: on
    /// first contact and after a reboot.
    pub facts_ms: u64,
    /// How long it took, attempts that follow each other together. What lies between them was waiting.
    pub took_ms: u64,
    /// How much of that the host measured by its own clock: a job from start to end
    /// and what it needed for the files brought before, a reboot from
    /// down to up, of a wait the probe that saw its end; `null` where the host could not tell.
    pub host_ms: Option<u64>,
}

/// A failure, shared by all hosts that failed in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailureReport {
    /// The stage; `null` where the host itself failed.
    pub stage: Option<StageId>,
    /// Its kind.
    pub kind: FailureKind,
    /// What was tried and what became of it. Where hosts differ only by their own name or address,
    /// `HOST` stands for it.
    pub message: String,
    /// The cause, as far as it was told: the problem that the script has told, else its last line, else the
    /// message.
    pub reason: String,
    /// What to do about it, where a script has said that.
    pub fix: Option<String>,
    /// What the operator can do.
    pub advice: Option<String>,
    /// What the recipe makes of it, in plain words.
    pub cause: Option<CauseReport>,
    /// The last lines of output that matter.
    pub lines: Vec<String>,
    /// The hosts.
    pub hosts: Vec<HostName>,
    /// The log of the first of them.
    pub log: Option<String>,
}

/// The first stage that did not begin on hosts that have not failed, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotBegunReport {
    /// The stage.
    pub stage: StageId,
    /// What kept it from beginning.
    pub reason: String,
    /// The hosts.
    pub hosts: Vec<HostName>,
}

/// What the recipe makes of a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CauseReport {
    /// What it is.
    pub says: String,
    /// What to do about it.
    pub fix: String,
}

/// A problem that scripts reported, shared by all hosts that reported it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProblemReport {
    /// How bad it is.
    pub severity: ReportedSeverity,
    /// The check's name.
    pub check: String,
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub fix: String,
    /// The hosts.
    pub hosts: Vec<HostName>,
}

/// Something to know about hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoticeReport {
    /// What.
    pub text: String,
    /// The hosts.
    pub hosts: Vec<HostName>,
}

/// A command to type next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NextStep {
    /// The command.
    pub command: String,
    /// What it is good for.
    pub does: String,
}

/// A plan, for people and programs that only look.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanReport {
    /// [`FORMAT`].
    pub format: u32,
    /// The cluster's name.
    pub cluster: String,
    /// The recipe's name.
    pub recipe: String,
    /// The version of what the recipe installs.
    pub release: Option<String>,
    /// The flow.
    pub flow: String,
    /// Whether every gate was made an `all` gate.
    pub lockstep: bool,
    /// The hosts, in the cluster file's order.
    pub hosts: Vec<PlanHostReport>,
    /// The stages, in the recipe's order.
    pub stages: Vec<PlanStageReport>,
    /// How many hosts of a role may be missing at an `all` gate.
    pub may_miss: BTreeMap<RoleName, Allowance>,
    /// Settings with the recipe's defaults filled in.
    pub settings: BTreeMap<String, Value>,
}

/// One host of a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanHostReport {
    /// Its name.
    pub name: HostName,
    /// Its role.
    pub role: RoleName,
    /// Where SSH reaches it.
    pub address: String,
    /// The address the hosts know each other by.
    pub private_address: Option<String>,
    /// The port.
    pub port: u16,
    /// The login.
    pub user: String,
    /// The operator's own names for it.
    pub labels: BTreeSet<String>,
}

/// One stage of a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanStageReport {
    /// The stage.
    pub id: StageId,
    /// The roles that take part.
    pub roles: BTreeSet<RoleName>,
    /// The hosts that take part.
    pub hosts: Vec<HostName>,
    /// What it does.
    pub action: Action,
    /// Files that are brought to the host first.
    pub put: Vec<PutStep>,
    /// What it waits for.
    pub after: Vec<Gate>,
    /// Its condition.
    pub when: Option<String>,
    /// Whether the condition needs what only the host can tell.
    pub decided_on_host: bool,
    /// The hosts for which it is known already that the condition does not hold.
    pub skipped: Vec<HostName>,
    /// How long it may take.
    pub within_ms: Option<u64>,
    /// How many hosts may be in it at once.
    pub at_once: Option<usize>,
    /// After so many failed hosts no further one begins it.
    pub stop_after: Option<usize>,
    /// How often a failed attempt is tried again.
    pub retries: u32,
}

impl FailureReport {
    /// The cause, and in brackets what was seen of it, where that is something else.
    pub(crate) fn whole_reason(&self) -> String {
        match self.reason == self.message || self.kind == FailureKind::Problems {
            true => self.reason.clone(),
            false => format!("{} ({})", self.reason, self.message),
        }
    }
}

impl Counts {
    /// Counts one end.
    pub fn add_outcome(&mut self, outcome: &Outcome) {
        let counter = match outcome {
            Outcome::Changed => &mut self.changed,
            Outcome::Already => &mut self.already,
            Outcome::Skipped { .. } => &mut self.skipped,
            Outcome::Failed => &mut self.failed,
            Outcome::Cancelled => &mut self.cancelled,
            Outcome::NotRun { .. } => &mut self.not_run,
        };
        *counter += 1;
    }

    /// `3 changed, 1 failed`; what is 0 is left out.
    pub fn words(&self) -> String {
        let words = [
            (self.changed, "changed"),
            (self.already, "already right"),
            (self.skipped, "skipped"),
            (self.failed, "failed"),
            (self.cancelled, "cancelled"),
            (self.not_run, "not run"),
            (self.unfinished, "unfinished"),
        ];
        let words = words.iter().filter(|(number, _)| *number > 0);
        let words: Vec<String> = words
            .map(|(number, word)| format!("{number} {word}"))
            .collect();
        if words.is_empty() {
            "nothing to do".into()
        } else {
            words.join(", ")
        }
    }

    /// All tasks.
    pub fn all(&self) -> usize {
        self.done() + self.failed + self.cancelled + self.not_run + self.unfinished
    }

    /// Those that are done.
    pub fn done(&self) -> usize {
        self.changed + self.already + self.skipped
    }
}
