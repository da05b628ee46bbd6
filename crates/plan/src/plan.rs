//! The plan: cluster, recipe and flow, resolved. Every task that may run, and what it waits for.
//!
//! A plan is complete: it holds the scripts' and templates' text, so that a run goes on with what
//! it began with, whatever happens to the recipe's files meanwhile. It holds no secret.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cause::Cause;
use crate::cluster::SshSettings;
use crate::earlier_facts::EarlierFacts;
use crate::fact_kind::FactKind;
use crate::flow::{Changes, FlowCommand};
use crate::ids::{HostName, RoleName, StageId, TaskId};
use crate::prepared::Cache;
use crate::stage_parts::{Action, Allowance, Gate, Handing, PutStep};

/// Facts of one host: name and value as the host's scripts told them.
pub type Facts = BTreeMap<String, String>;

/// Cluster, recipe and flow, resolved and checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The cluster's name.
    pub cluster: String,
    /// The recipe's name.
    pub recipe: String,
    /// The version of what the recipe installs.
    pub release: Option<String>,
    /// What the recipe knows of it: names and texts, which scripts are given.
    #[serde(default)]
    pub release_values: BTreeMap<String, String>,
    /// The flow's name.
    pub flow: String,
    /// Whether it changes hosts. None: the plan is older than recipes that say so; its flow's name tells.
    #[serde(default)]
    pub changes: Option<Changes>,
    /// All flows of the recipe, by name: what else there is to do.
    #[serde(default)]
    pub flows: Vec<String>,
    /// The hosts, roles, groups and labels that were asked for; none: every host.
    #[serde(default)]
    pub on: Vec<String>,
    /// Whether every gate was made an `all` gate.
    pub lockstep: bool,
    /// Checks whose errors are warnings to the operator: they were told, and said yes to.
    #[serde(default)]
    pub accept: BTreeSet<String>,
    /// Whether scripts may remove what an installation left that was cut short.
    #[serde(default)]
    pub repair: bool,
    /// Whether the operator reboots the hosts that have to be.
    #[serde(default)]
    pub manual_reboot: bool,
    /// The roles of the recipe, in its order, those without a host as well.
    pub roles: Vec<RoleName>,
    /// Every host of the cluster, in the cluster file's order, whether it takes part or not: what
    /// expressions know as `hosts`, and scripts as `PX_HOSTS_...`.
    pub roster: Vec<ClusterHost>,
    /// The hosts that take part, in the cluster file's order.
    pub hosts: Vec<PlannedHost>,
    /// The stages, in the recipe's order.
    pub stages: Vec<PlannedStage>,
    /// The tasks, stage by stage, within a stage in the hosts' order.
    pub tasks: Vec<PlannedTask>,
    /// How many hosts of a role may be missing at an `all` gate; a role not named here: none.
    pub may_miss: BTreeMap<RoleName, Allowance>,
    /// Settings with the recipe's defaults filled in.
    pub settings: BTreeMap<String, Value>,
    /// Of settings that name a file of this machine: what the file was when the plan was made, so that
    /// another one at the same path is told apart.
    #[serde(default)]
    pub uploads: BTreeMap<String, String>,
    /// The probe that reads a host's facts after connecting, by path in `files`.
    pub facts_script: Option<String>,
    /// What the recipe knows of why scripts fail; the first that fits counts.
    #[serde(default)]
    pub causes: Vec<Cause>,
    /// The facts that the recipe declares.
    pub fact_kinds: BTreeMap<String, FactKind>,
    /// What earlier runs of the cluster know of hosts that take no part in this one, as far as scripts are to be
    /// given it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub earlier_facts: EarlierFacts,
    /// The recipe's scripts and templates that the plan needs: path and text.
    pub files: BTreeMap<String, String>,
    /// What is worked out once from all of the above; filled at the first need. A plan is not
    /// changed once it is in use; a clone starts anew.
    #[serde(skip)]
    pub cache: Cache,
}

/// A host as the others know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterHost {
    /// Its name.
    pub name: HostName,
    /// What it is, or is to become.
    pub role: RoleName,
    /// Where SSH reaches it.
    pub address: String,
    /// The address the hosts know each other by.
    pub private_address: Option<String>,
    /// The operator's own names for it.
    pub labels: BTreeSet<String>,
}

/// A host that takes part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedHost {
    /// Its name.
    pub name: HostName,
    /// What it is to become.
    pub role: RoleName,
    /// Where SSH reaches it.
    pub address: String,
    /// The address the hosts know each other by.
    pub private_address: Option<String>,
    /// The operator's own names for it.
    pub labels: BTreeSet<String>,
    /// How it is reached.
    pub ssh: SshSettings,
}

/// A stage of the flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStage {
    /// Its name.
    pub id: StageId,
    /// The roles that take part.
    pub roles: BTreeSet<RoleName>,
    /// What it waits for, as the recipe says it (or as it follows from the recipe): for people.
    pub after: Vec<Gate>,
    /// A condition on settings and facts; the task is skipped where it is false.
    pub when: Option<String>,
    /// Files that are brought to the host first.
    pub put: Vec<PutStep>,
    /// What it does.
    pub action: Action,
    /// How long it may take, from its start.
    #[serde(with = "seconds")]
    pub within: Option<Duration>,
    /// How many hosts may be in it at once.
    pub at_once: Option<usize>,
    /// After so many failed hosts no further one begins it; none: that stops nobody.
    #[serde(default)]
    pub stop_after: Option<usize>,
    /// How often a failed attempt is tried again.
    pub retries: u32,
    /// Facts that its script is given of every host, as far as they were told by then.
    #[serde(default)]
    pub all_facts: BTreeSet<String>,
    /// The secrets its script is handed, by name.
    pub secrets: BTreeMap<String, Handing>,
}

/// One stage on one host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedTask {
    /// Which.
    pub id: TaskId,
    /// Index into [`Plan::stages`].
    pub stage: usize,
    /// Index into [`Plan::hosts`].
    pub host: usize,
    /// What it waits for: all of them.
    pub gates: Vec<Gate>,
}

impl Plan {
    /// Whether the flow changes hosts.
    pub fn changes(&self) -> Changes {
        self.changes
            .unwrap_or_else(|| Changes::unless_said(&self.flow))
    }

    /// The command that carries out the flow; none: no command is there for it.
    pub fn command(&self) -> Option<FlowCommand> {
        FlowCommand::of(&self.flow)
    }

    /// The task with this id. Looks at every task: for many questions there is
    /// [`PlanIndex`](crate::PlanIndex).
    pub fn task(&self, id: &TaskId) -> Option<&PlannedTask> {
        self.tasks.iter().find(|task| task.id == *id)
    }

    /// The stage with this id.
    pub fn stage(&self, id: &StageId) -> Option<&PlannedStage> {
        self.stages.iter().find(|stage| stage.id == *id)
    }

    /// The host with this name.
    pub fn host(&self, name: &HostName) -> Option<&PlannedHost> {
        self.hosts.iter().find(|host| host.name == *name)
    }
}

mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value
            .map(|duration| duration.as_secs_f64())
            .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let seconds = Option::<f64>::deserialize(deserializer)?;
        seconds
            .map(|seconds| Duration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom))
            .transpose()
    }
}
