//! A small plan and its events, with fixed times.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod all_outcomes;

pub(crate) mod big;

pub(crate) mod screen;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use phalanx_events::{Event, EventKind, Origin, Outcome, RunOutcome, RunStarted, TaskEnd};
use phalanx_plan::{
    Action, Allowance, FactKind, Gate, HostName, Plan, PlanData, PlannedHost, PlannedStage,
    PreparedPlan, RoleName, SshSettings, StageId, TaskId,
};
use phalanx_report::{ReportContext, RunReport, summarize};

pub(crate) fn stage(id: &str, roles: &[&str], action: Action) -> PlannedStage {
    PlannedStage {
        id: id.into(),
        roles: roles.iter().map(|role| RoleName::from(*role)).collect(),
        after: Vec::new(),
        when: None,
        put: Vec::new(),
        action,
        within: None,
        at_once: None,
        stop_after: None,
        retries: 0,
        all_facts: Default::default(),
        secrets: BTreeMap::new(),
    }
}

/// Every stage follows the host's stage before it; `after` of a stage comes on top.
pub(crate) fn plan(hosts: &[(&str, &str)], stages: Vec<PlannedStage>) -> Arc<PreparedPlan> {
    let hosts: Vec<PlannedHost> = hosts
        .iter()
        .enumerate()
        .map(|(index, (name, role))| PlannedHost {
            name: HostName::from(*name),
            role: RoleName::from(*role),
            address: format!("10.0.0.{}", index + 1),
            private_address: None,
            labels: BTreeSet::new(),
            ssh: SshSettings::default(),
        })
        .collect();
    let mut plan = PlanData {
        cluster: "example".into(),
        recipe: "hello".into(),
        release: Some("1.0".into()),
        flow: "install".into(),
        changes: None,
        flows: ["check", "install", "verify"].map(str::to_owned).to_vec(),
        on: Vec::new(),
        release_values: Default::default(),
        lockstep: false,
        accept: Default::default(),
        repair: false,
        manual_reboot: false,
        roles: vec!["server".into(), "worker".into()],
        roster: Vec::new(),
        hosts,
        stages,
        tasks: Vec::new(),
        may_miss: BTreeMap::from([("worker".into(), Allowance::Percent(34))]),
        settings: BTreeMap::new(),
        uploads: BTreeMap::new(),
        causes: Vec::new(),
        facts_script: None,
        earlier_facts: BTreeMap::new(),
        fact_kinds: BTreeMap::from([("reboot_needed".into(), FactKind::Bool)]),
        files: BTreeMap::new(),
    };
    add_tasks(&mut plan);
    prepared(plan)
}

fn prepared(data: PlanData) -> Arc<PreparedPlan> {
    Arc::new(PreparedPlan::new(Plan::new(data).unwrap()))
}

/// The same plan, but for this.
pub(crate) fn but_for(
    plan: &PreparedPlan,
    change: impl FnOnce(&mut PlanData),
) -> Arc<PreparedPlan> {
    let mut data = Plan::clone(plan).into_data();
    change(&mut data);
    prepared(data)
}

fn add_tasks(plan: &mut PlanData) {
    let mut tasks = Vec::new();
    for (index, stage) in plan.stages.iter().enumerate() {
        for host in &plan.hosts {
            if !stage.roles.contains(&host.role) {
                continue;
            }
            let before = plan.stages[..index].iter().rev();
            let before = before.filter(|before| before.roles.contains(&host.role));
            let mut gates: Vec<Gate> = stage.after.clone();
            gates.extend(before.take(1).map(|before| Gate::Own(before.id.clone())));
            tasks.push((TaskId::new(stage.id.as_str(), host.name.as_str()), gates));
        }
    }
    for (task, gates) in tasks {
        plan.add_task(task, gates).unwrap();
    }
}

/// prepare and reboot everywhere, serve on s1, join on the workers once s1 serves.
pub(crate) fn hello() -> Arc<PreparedPlan> {
    let all = ["server", "worker"];
    plan(
        &[
            ("s1", "server"),
            ("w1", "worker"),
            ("w2", "worker"),
            ("w3", "worker"),
        ],
        vec![
            PlannedStage {
                at_once: Some(2),
                stop_after: Some(1),
                ..stage("prepare", &all, Action::Run("scripts/prepare.sh".into()))
            },
            PlannedStage {
                when: Some("reboot_needed".into()),
                within: Some(Duration::from_secs(600)),
                ..stage("reboot", &all, Action::Reboot)
            },
            PlannedStage {
                retries: 2,
                ..stage("serve", &["server"], Action::Run("scripts/serve.sh".into()))
            },
            PlannedStage {
                after: vec![Gate::All(StageId::from("serve"))],
                ..stage("join", &["worker"], Action::Until("scripts/join.sh".into()))
            },
        ],
    )
}

/// Events in the order in which they are added.
#[derive(Default)]
pub(crate) struct Story {
    pub(crate) events: Vec<Event>,
}

impl Story {
    pub(crate) fn new(plan: &PreparedPlan) -> Self {
        let mut story = Self::default();
        story.add(
            0,
            EventKind::RunStarted(RunStarted {
                run: "r1".into(),
                cluster: plan.cluster.clone(),
                recipe: plan.recipe.clone(),
                release: plan.release.clone(),
                flow: plan.flow.clone(),
                hosts: plan.hosts.len(),
                tasks: plan.tasks.len(),
                version: "0.1.0".into(),
                origin: Some(Origin {
                    cluster_file: "/srv/clusters/phalanx.yaml".into(),
                    lab: None,
                }),
            }),
        );
        story
    }

    pub(crate) fn add(&mut self, ms: u64, kind: EventKind) -> &mut Self {
        let at = Timestamp::from_millisecond(1_767_225_600_000 + i64::try_from(ms).unwrap());
        self.events.push(Event {
            seq: self.events.len() as u64 + 1,
            at: at.unwrap(),
            ms,
            kind,
        });
        self
    }

    pub(crate) fn connected(&mut self, ms: u64, hosts: &[&str]) -> &mut Self {
        for host in hosts {
            self.add(
                ms,
                EventKind::HostConnected {
                    host: HostName::from(*host),
                    boot: Some("b1".into()),
                    server: "SSH-2.0-OpenSSH_9.6".into(),
                    took_ms: 40,
                },
            );
        }
        self
    }

    pub(crate) fn started(&mut self, ms: u64, stage: &str, host: &str) -> &mut Self {
        self.attempt(ms, stage, host, 1)
    }

    pub(crate) fn attempt(&mut self, ms: u64, stage: &str, host: &str, attempt: u32) -> &mut Self {
        let task = TaskId::new(stage, host);
        self.add(
            ms,
            EventKind::TaskStarted {
                task,
                attempt,
                job: None,
            },
        )
    }

    /// The attempt that was begun last is over; a task that never began has none.
    pub(crate) fn ended(&mut self, ms: u64, stage: &str, host: &str, end: TaskEnd) -> &mut Self {
        let id = TaskId::new(stage, host);
        // Who fails has said something before.
        let log_bytes = end.log_bytes.max(u64::from(end.failure.is_some()));
        let end = TaskEnd { log_bytes, ..end };
        let begun = self
            .events
            .iter()
            .rev()
            .find_map(|event| match &event.kind {
                EventKind::TaskStarted { task, attempt, .. } if *task == id => Some(*attempt),
                _ => None,
            });
        self.add(
            ms,
            EventKind::TaskEnded {
                task: id,
                attempt: begun.unwrap_or(0),
                end,
            },
        )
    }

    /// Began and ended.
    pub(crate) fn task(
        &mut self,
        from: u64,
        to: u64,
        stage: &str,
        host: &str,
        end: TaskEnd,
    ) -> &mut Self {
        self.started(from, stage, host).ended(to, stage, host, end)
    }

    /// The events in the order of their times, as a dispatcher tells them.
    pub(crate) fn sort(&mut self) -> &mut Self {
        self.events.sort_by_key(|event| event.ms);
        for (index, event) in self.events.iter_mut().enumerate() {
            event.seq = index as u64 + 1;
        }
        self
    }

    pub(crate) fn over(&mut self, ms: u64, outcome: RunOutcome) -> &mut Self {
        self.add(ms, EventKind::RunEnded { outcome })
    }
}

pub(crate) fn changed(what: &[&str]) -> TaskEnd {
    TaskEnd {
        changed: what.iter().map(|text| (*text).to_owned()).collect(),
        ..TaskEnd::new(Outcome::Changed)
    }
}

pub(crate) fn already() -> TaskEnd {
    TaskEnd::new(Outcome::Already)
}

pub(crate) fn skipped(reason: &str) -> TaskEnd {
    TaskEnd::new(Outcome::Skipped {
        reason: reason.into(),
        by_operator: false,
    })
}

pub(crate) fn not_run(reason: &str) -> TaskEnd {
    TaskEnd::new(Outcome::NotRun {
        reason: reason.into(),
    })
}

/// The report of a run `r1`, whose logs are named for their tasks.
pub(crate) fn report(plan: &PreparedPlan, events: &[Event]) -> RunReport {
    let context = ReportContext {
        run: "r1",
        command: "phalanx",
        again: "",
        newer: false,
        running: false,
        lab: None,
        log: &|task, _| task.to_string(),
    };
    summarize(plan, events, &context)
}

/// Text without ANSI styles.
pub(crate) fn plain(text: &[u8]) -> String {
    let text = String::from_utf8(text.to_vec()).unwrap();
    text.lines()
        .map(|line| phalanx_report::terminal_text::harmless(line) + "\n")
        .collect()
}
