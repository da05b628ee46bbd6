//! What should happen.
//!
//! A cluster file and a recipe go in; a [`Plan`] comes out: every task, on every host, with the
//! gates it waits for. Or all problems at once come out, each with its place in the file.
//! This crate is pure: it opens nothing, knows no clock and no terminal, and never panics on input.

pub mod address;
pub mod build;
mod cause;
pub mod cluster;
mod cluster_checks;
pub mod cluster_conf;
pub mod cluster_schema;
pub mod cluster_write;
pub mod cluster_yaml;
mod common_environment;
pub mod duration;
mod earlier_fact;
mod earlier_facts;
pub mod environment;
pub mod expression;
mod fact_kind;
mod flow;
pub mod ids;
mod index;
mod inputs;
mod ix;
mod naming;
pub mod plan;
#[cfg(test)]
mod planted;
mod prepared;
pub mod problem;
pub mod read;
pub mod read_context;
pub mod recipe;
pub mod release;
pub mod secret;
pub mod sentence;
pub mod settings;
pub mod shown_settings;
pub mod source;
mod stage_parts;
pub mod suggest;
#[cfg(test)]
mod testing;
mod values;
mod variables;
pub mod yaml;

pub use build::{PlanRequest, build, build_connect_only};
pub use cause::Cause;
pub use cluster::{Cluster, Host, HostKeys, JobMode, Spanned, SshSettings};
pub use earlier_fact::{EarlierFact, EarlierFacts};
pub use earlier_facts::{EarlierHost, EarlierRun, FactSearch, MissingFact};
pub use environment::{RenderedContent, RenderedPut, secrets_file};
pub use expression::ExpressionError;
pub use fact_kind::{FactKind, LONGEST_FACT};
pub use flow::{Changes, FlowCommand};
pub use ids::{HostName, RoleName, StageId, TaskId, is_plain_name};
pub use inputs::{Inputs, differences};
pub use ix::{HostIx, StageIx, Table, TaskIx};
pub use plan::{
    BrokenPlan, ClusterHost, Facts, Plan, PlanData, PlannedHost, PlannedStage, PlannedTask,
};
pub use prepared::PreparedPlan;
pub use problem::{Label, Problem, Problems, Severity};
pub use recipe::{Recipe, RecipeFiles, recipe_schema};
pub use secret::Secret;
pub use settings::secret_values;
pub use shown_settings::ShownSettings;
pub use source::{SourceFile, Span};
pub use stage_parts::{Action, Allowance, Gate, Handing, PutSource, PutStep};
pub use suggest::did_you_mean;
