//! What should happen.
//!
//! A cluster file and a recipe go in; a [`Plan`] comes out: every task, on every host, with the
//! gates it waits for. Or all problems at once come out, each with its place in the file.
//! This crate is pure: it opens nothing, knows no clock and no terminal, and never panics on input.

pub mod cluster;
pub mod ids;
pub mod plan;
pub mod problem;
pub mod secret;
pub mod source;

pub use cluster::{Cluster, Host, HostKeys, JobMode, Spanned, SshSettings};
pub use ids::{HostName, RoleName, StageId, TaskId};
pub use plan::{
    Action, Allowance, FactKind, Facts, Gate, Plan, PlannedHost, PlannedStage, PlannedTask,
    PutSource, PutStep,
};
pub use problem::{Label, Problem, Problems, Severity};
pub use secret::Secret;
pub use source::{SourceFile, Span};
