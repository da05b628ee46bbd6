//! How things end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It did something.
    Changed,
    /// There was nothing to do.
    Already,
    /// Its condition was false, or the operator wanted it skipped.
    Skipped {
        /// The condition, and that it is false; or who wanted it.
        reason: String,
        /// Whether it was the operator: then it stays skipped when the run is gone on with.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_operator: bool,
    },
    /// It failed.
    Failed,
    /// It was stopped by the operator.
    Cancelled,
    /// It never ran: what it waited for cannot come any more.
    NotRun {
        /// What it waited for, and why that cannot come.
        reason: String,
    },
}

impl Outcome {
    /// Whether a gate may take it as done.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Changed | Self::Already | Self::Skipped { .. })
    }

    /// One word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Already => "already right",
            Self::Skipped { .. } => "skipped",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::NotRun { .. } => "not run",
        }
    }
}

/// Why something failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The kind, which decides what follows from it.
    pub kind: FailureKind,
    /// One sentence: what was tried and what became of it.
    pub message: String,
    /// What the operator can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// Whether the host is not known to be through with it: its script may still run there. An attempt
    /// that ended so may end once more, when the host has told how.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_run: bool,
    /// Whether time alone does not mend it, whatever its kind: it waits for the operator.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lasts: bool,
    /// The last lines of output that matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
}

impl Failure {
    /// A failure with no more to say than its message.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            advice: None,
            may_run: false,
            lasts: false,
            lines: Vec::new(),
        }
    }

    /// Says what the operator can do.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Says that time alone does not mend it.
    #[must_use]
    pub fn lasting(mut self) -> Self {
        self.lasts = true;
        self
    }

    /// Adds the last lines that matter.
    #[must_use]
    pub fn lines(mut self, lines: Vec<String>) -> Self {
        self.lines = lines;
        self
    }
}

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The host does not answer.
    Unreachable,
    /// The host answers, but the login was refused, its key is not the known one, or the login does
    /// not do what it is asked to.
    Login,
    /// The login may not become root without a password.
    Sudo,
    /// A script ended with a status other than 0.
    Script,
    /// A script reported a problem of severity `error`, whatever its status.
    Problems,
    /// It took longer than it may.
    TimedOut,
    /// A reboot cut the job short.
    Interrupted,
    /// The job's watcher was killed; what became of it is not known.
    Died,
    /// The spool on the host cannot be used, or has no room.
    Spool,
    /// Another run has taken over the host.
    Fenced,
    /// Another run holds the host.
    Held,
    /// A file could not be brought to the host.
    Put,
    /// The host was asked to reboot and did not.
    Reboot,
    /// A condition or template could not be worked out from what the host told.
    Expression,
    /// The host answered something that makes no sense.
    Protocol,
    /// Something could not be stored on this machine.
    Storage,
}

/// A problem that a script reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportedProblem {
    /// The check's name, such as `xfs_ftype`.
    pub check: String,
    /// How bad it is.
    pub severity: ReportedSeverity,
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub fix: String,
}

/// How bad a reported problem is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ReportedSeverity {
    /// Worth knowing.
    Note,
    /// Likely trouble later.
    Warning,
    /// Nothing may go on.
    Error,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunOutcome {
    /// Every task is done, on every host.
    Done,
    /// A host failed or is missing.
    Failed,
    /// Checks found problems, and nothing was changed anywhere.
    ProblemsFound,
    /// The operator stopped it; it can be resumed.
    Interrupted,
    /// Another run holds a host.
    Held,
}
