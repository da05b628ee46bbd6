//! The plan: cluster, recipe and flow, resolved. Every task that may run, and what it waits for.
//!
//! A plan is complete: it holds the scripts' and templates' text, so that a run goes on with what
//! it began with, whatever happens to the recipe's files meanwhile. It holds no secret.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Deref;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::cause::Cause;
use crate::cluster::SshSettings;
use crate::earlier_fact::EarlierFacts;
use crate::fact_kind::FactKind;
use crate::flow::{Changes, FlowCommand};
use crate::ids::{HostName, RoleName, StageId, TaskId};
use crate::ix::{HostIx, StageIx};
use crate::stage_parts::{Action, Allowance, Gate, Handing, PutStep};

/// Facts of one host: name and value as the host's scripts told them.
pub type Facts = BTreeMap<String, String>;

/// Cluster, recipe and flow, resolved and checked: a [`PlanData`] whose parts fit together.
///
/// It is read-only. What is asked of it often is worked out once, in a
/// [`PreparedPlan`](crate::PreparedPlan).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "PlanData")]
pub struct Plan {
    data: PlanData,
}

/// What a plan holds, while it is put together and as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanData {
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
    /// Its stage and its host, by name.
    pub id: TaskId,
    /// The stage.
    pub stage: StageIx,
    /// The host.
    pub host: HostIx,
    /// What it waits for: all of them.
    pub gates: Vec<Gate>,
}

/// Why data is no plan: its parts do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenPlan {
    /// Two hosts or two stages share a name.
    #[error("the {what} `{name}` is there twice")]
    Twice {
        /// `host` or `stage`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A task names a host or a stage that is not there, or another one than the one at its place.
    #[error("the task `{task}` is of no {what} of the plan")]
    Stray {
        /// The task.
        task: TaskId,
        /// `host` or `stage`.
        what: &'static str,
    },
    /// The tasks are not stage by stage, within a stage in the hosts' order, each once.
    #[error("the task `{task}` is out of order")]
    OutOfOrder {
        /// The task.
        task: TaskId,
    },
}

impl Deref for Plan {
    type Target = PlanData;

    fn deref(&self) -> &PlanData {
        &self.data
    }
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.data.serialize(serializer)
    }
}

impl TryFrom<PlanData> for Plan {
    type Error = BrokenPlan;

    fn try_from(data: PlanData) -> Result<Self, BrokenPlan> {
        Self::new(data)
    }
}

impl Plan {
    /// Makes a plan of this data.
    ///
    /// # Errors
    /// Where its parts do not fit together.
    pub fn new(data: PlanData) -> Result<Self, BrokenPlan> {
        data.check()?;
        Ok(Self { data })
    }

    /// The data, to make another plan of.
    pub fn into_data(self) -> PlanData {
        self.data
    }

    /// The same plan, with settings that name files of this machine set to these paths, and what the files were
    /// when the plan was made.
    #[must_use]
    pub fn with_uploads(
        mut self,
        paths: BTreeMap<String, String>,
        files: BTreeMap<String, String>,
    ) -> Self {
        let paths = paths.into_iter();
        let paths = paths.map(|(setting, path)| (setting, Value::String(path)));
        self.data.settings.extend(paths);
        self.data.uploads = files;
        self
    }

    /// The same plan, with what earlier runs know of hosts that take no part.
    #[must_use]
    pub fn with_earlier_facts(mut self, facts: EarlierFacts) -> Self {
        self.data.earlier_facts = facts;
        self
    }

    /// Whether the flow changes hosts.
    pub fn changes(&self) -> Changes {
        self.changes
            .unwrap_or_else(|| Changes::unless_said(&self.flow))
    }

    /// The command that carries out the flow; none: no command is there for it.
    pub fn command(&self) -> Option<FlowCommand> {
        FlowCommand::of(&self.flow)
    }
}

impl PlanData {
    /// Adds a task of a stage and a host that are there already. Tasks are added stage by stage, within a stage in
    /// the hosts' order.
    ///
    /// # Errors
    /// Where the stage or the host is not there.
    pub fn add_task(&mut self, id: TaskId, gates: Vec<Gate>) -> Result<(), BrokenPlan> {
        let stage = self.stages.iter().position(|stage| stage.id == id.stage);
        let host = self.hosts.iter().position(|host| host.name == id.host);
        let stray = |what| BrokenPlan::Stray {
            task: id.clone(),
            what,
        };
        let stage = StageIx::new(stage.ok_or_else(|| stray("stage"))?);
        let host = HostIx::new(host.ok_or_else(|| stray("host"))?);
        self.tasks.push(PlannedTask {
            id,
            stage,
            host,
            gates,
        });
        Ok(())
    }

    /// The hosts of the cluster that take no part in this plan.
    pub fn left_out(&self) -> impl Iterator<Item = &ClusterHost> {
        let part: BTreeSet<&HostName> = self.hosts.iter().map(|host| &host.name).collect();
        let roster = self.roster.iter();
        roster.filter(move |host| !part.contains(&host.name))
    }

    /// Whether places lead somewhere, and to what the names say.
    fn check(&self) -> Result<(), BrokenPlan> {
        once("host", self.hosts.iter().map(|host| host.name.as_str()))?;
        once("stage", self.stages.iter().map(|stage| stage.id.as_str()))?;
        let mut before: Option<(StageIx, HostIx)> = None;
        for task in &self.tasks {
            let stray = |what| BrokenPlan::Stray {
                task: task.id.clone(),
                what,
            };
            let stage = self.stages.get(task.stage.get());
            if stage.is_none_or(|stage| stage.id != task.id.stage) {
                return Err(stray("stage"));
            }
            let host = self.hosts.get(task.host.get());
            if host.is_none_or(|host| host.name != task.id.host) {
                return Err(stray("host"));
            }
            let here = Some((task.stage, task.host));
            if before >= here {
                return Err(BrokenPlan::OutOfOrder {
                    task: task.id.clone(),
                });
            }
            before = here;
        }
        Ok(())
    }
}

fn once<'a>(what: &'static str, names: impl Iterator<Item = &'a str>) -> Result<(), BrokenPlan> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            let name = name.to_owned();
            return Err(BrokenPlan::Twice { what, name });
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{PlanRequest, build};
    use crate::testing::{cluster, recipe};

    fn data() -> PlanData {
        let recipe = recipe(&[(
            "recipe.yaml",
            "\
roles: { a: {} }
flows:
  install:
    - { id: x, on: a, run: scripts/x.sh }
    - { id: y, on: a, run: scripts/y.sh }
",
        )]);
        let cluster = cluster("hosts: { a1: a, a2: a }\n");
        let request = PlanRequest {
            flow: "install".into(),
            ..PlanRequest::default()
        };
        let (plan, _) = build(&cluster, &recipe, &request).expect("a plan");
        plan.into_plan().into_data()
    }

    /// What is said of the data after this change: as it is, and read back from what was written.
    fn said(change: impl Fn(&mut PlanData)) -> String {
        let mut data = data();
        change(&mut data);
        let text = serde_json::to_string(&data).expect("written");
        let read = serde_json::from_str::<Plan>(&text).map_err(|error| error.to_string());
        match Plan::new(data) {
            Ok(_) => {
                read.expect("a plan");
                "fine".into()
            }
            Err(broken) => {
                let broken = broken.to_string();
                assert_eq!(read.expect_err("broken"), broken);
                broken
            }
        }
    }

    #[test]
    fn a_plans_parts_fit_together() {
        assert_eq!(said(|_| {}), "fine");
        assert_eq!(said(|plan| plan.tasks.clear()), "fine");
        let twice = said(|plan| plan.hosts[1].name = "a1".into());
        assert_eq!(twice, "the host `a1` is there twice");
        let twice = said(|plan| plan.stages[1].id = "x".into());
        assert_eq!(twice, "the stage `x` is there twice");
        let stray = said(|plan| plan.tasks[3].host = HostIx::new(2));
        assert_eq!(stray, "the task `y@a2` is of no host of the plan");
        let stray = said(|plan| plan.tasks[0].stage = StageIx::new(usize::MAX));
        assert_eq!(stray, "the task `x@a1` is of no stage of the plan");
        let stray = said(|plan| plan.tasks[0].host = HostIx::new(1));
        assert_eq!(stray, "the task `x@a1` is of no host of the plan");
        let order = said(|plan| plan.tasks.swap(0, 1));
        assert_eq!(order, "the task `x@a1` is out of order");
        let order = said(|plan| {
            let again = plan.tasks[3].clone();
            plan.tasks.push(again);
        });
        assert_eq!(order, "the task `y@a2` is out of order");
    }

    #[test]
    fn a_task_is_added_to_what_is_there() {
        let mut plan = data();
        plan.tasks.clear();
        plan.add_task(TaskId::new("y", "a2"), Vec::new())
            .expect("added");
        for (id, what) in [
            (TaskId::new("z", "a2"), "stage"),
            (TaskId::new("y", "b"), "host"),
        ] {
            let stray = BrokenPlan::Stray {
                task: id.clone(),
                what,
            };
            assert_eq!(plan.add_task(id, Vec::new()), Err(stray));
        }
        assert!(Plan::new(plan).is_ok());
    }
}
