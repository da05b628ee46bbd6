//! Plans made by hand.

use std::collections::BTreeMap;

use phalanx_plan::{
    Action, Allowance, ClusterHost, FactKind, Gate, Plan, PlanData, PlannedHost, PlannedStage,
    SshSettings, TaskId,
};

/// A plan, made by hand: hosts as `name:role`, and stages.
pub(crate) struct PlanMaker {
    plan: PlanData,
}

impl PlanMaker {
    pub(crate) fn new(hosts: &[&str]) -> Self {
        let hosts = hosts
            .iter()
            .map(|text| {
                let (name, role) = text.split_once(':').unwrap();
                PlannedHost {
                    name: name.into(),
                    role: role.into(),
                    address: "192.0.2.1".into(),
                    private_address: None,
                    labels: Default::default(),
                    ssh: SshSettings::default(),
                }
            })
            .collect::<Vec<_>>();
        Self {
            plan: PlanData {
                cluster: "test".into(),
                recipe: "test".into(),
                release: None,
                flow: "install".into(),
                changes: None,
                flows: vec!["install".into()],
                on: Vec::new(),
                release_values: Default::default(),
                lockstep: false,
                accept: Default::default(),
                repair: false,
                manual_reboot: false,
                roles: Vec::new(),
                roster: roster(&hosts),
                hosts,
                stages: Vec::new(),
                tasks: Vec::new(),
                may_miss: BTreeMap::new(),
                settings: BTreeMap::new(),
                uploads: BTreeMap::new(),
                causes: Vec::new(),
                facts_script: None,
                earlier_facts: BTreeMap::new(),
                fact_kinds: BTreeMap::new(),
                files: BTreeMap::from([("s.sh".to_owned(), "true".to_owned())]),
            },
        }
    }

    pub(crate) fn may_miss(mut self, role: &str, allowance: Allowance) -> Self {
        self.plan.may_miss.insert(role.into(), allowance);
        self
    }

    pub(crate) fn fact(mut self, name: &str, kind: FactKind) -> Self {
        self.plan.facts_script = Some("s.sh".into());
        self.plan.fact_kinds.insert(name.into(), kind);
        self
    }

    /// A stage on some roles (`""` = all); gates as `x` (own) or `*x` (all).
    pub(crate) fn stage(self, id: &str, role: &str, action: Action, gates: &[&str]) -> Self {
        self.stage_with(id, role, action, gates, |_| {})
    }

    pub(crate) fn stage_with(
        mut self,
        id: &str,
        role: &str,
        action: Action,
        gates: &[&str],
        change: impl FnOnce(&mut PlannedStage),
    ) -> Self {
        let gates: Vec<Gate> = gates
            .iter()
            .map(|gate| match gate.strip_prefix('*') {
                Some(all) => Gate::All(all.into()),
                None => Gate::Own((*gate).into()),
            })
            .collect();
        let takes_part = |host: &PlannedHost| role.is_empty() || host.role.as_str() == role;
        let mut stage = PlannedStage {
            id: id.into(),
            roles: self
                .plan
                .hosts
                .iter()
                .filter(|host| takes_part(host))
                .map(|host| host.role.clone())
                .collect(),
            after: gates.clone(),
            when: None,
            put: Vec::new(),
            action,
            within: None,
            at_once: None,
            stop_after: None,
            retries: 0,
            all_facts: Default::default(),
            secrets: Default::default(),
        };
        change(&mut stage);
        self.plan.stages.push(stage);
        let hosts = self.plan.hosts.iter().filter(|host| takes_part(host));
        let tasks: Vec<TaskId> = hosts
            .map(|host| TaskId::new(id, host.name.as_str()))
            .collect();
        for task in tasks {
            self.plan.add_task(task, gates.clone()).unwrap();
        }
        self
    }

    pub(crate) fn plan(self) -> Plan {
        Plan::new(self.plan).unwrap()
    }
}

/// The same plan, but for this.
pub(crate) fn changed(plan: Plan, change: impl FnOnce(&mut PlanData)) -> Plan {
    let mut data = plan.into_data();
    change(&mut data);
    Plan::new(data).unwrap()
}

/// The hosts as the others know them.
fn roster(hosts: &[PlannedHost]) -> Vec<ClusterHost> {
    let known = hosts.iter().map(|host| ClusterHost {
        name: host.name.clone(),
        role: host.role.clone(),
        address: host.address.clone(),
        private_address: host.private_address.clone(),
        labels: host.labels.clone(),
    });
    known.collect()
}

pub(crate) fn script() -> Action {
    Action::Run("s.sh".into())
}

pub(crate) fn until() -> Action {
    Action::Until("s.sh".into())
}
