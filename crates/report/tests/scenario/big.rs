//! Many hosts in the middle of everything.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;
use std::sync::Arc;

use phalanx_events::{
    Event, EventKind, Failure, FailureKind, Outcome, RebootPhase, RunOutcome, TaskEnd,
};
use phalanx_plan::{Action, Gate, PlannedStage, PreparedPlan, StageId, TaskId};
use phalanx_report::live::LogPort;

use super::{Story, already, changed, plan, stage};

/// Logs by task.
#[derive(Default)]
pub(crate) struct Logs(pub(crate) BTreeMap<TaskId, Vec<u8>>);

impl LogPort for Logs {
    fn size(&mut self, task: &TaskId, _attempt: u32) -> u64 {
        self.0.get(task).map_or(0, |bytes| bytes.len() as u64)
    }

    fn read(&mut self, task: &TaskId, _attempt: u32, from: u64, most: usize) -> Vec<u8> {
        let bytes = self.0.get(task).map_or(&[][..], Vec::as_slice);
        let from = (from as usize).min(bytes.len());
        bytes[from..].iter().copied().take(most).collect()
    }
}

pub(crate) fn big_plan(servers: usize, workers: usize) -> Arc<PreparedPlan> {
    let names: Vec<(String, &str)> = (1..=servers)
        .map(|at| (format!("server{at}"), "server"))
        .chain((1..=workers).map(|at| (format!("worker{at}"), "worker")))
        .collect();
    let hosts: Vec<(&str, &str)> = names
        .iter()
        .map(|(name, role)| (name.as_str(), *role))
        .collect();
    let all = ["server", "worker"];
    let run = |name: &str| Action::Run(format!("scripts/{name}.sh"));
    let behind = |stage: PlannedStage, gate: &str| PlannedStage {
        after: vec![Gate::All(StageId::from(gate))],
        ..stage
    };
    plan(
        &hosts,
        vec![
            stage("preflight", &all, run("preflight")),
            behind(stage("prepare", &all, run("prepare")), "preflight"),
            stage("reboot", &all, Action::Reboot),
            stage("docker", &all, run("docker")),
            stage("serve", &["server"], run("serve")),
            behind(stage("fetch", &all, run("fetch")), "serve"),
            stage(
                "quorum",
                &["server"],
                Action::Until("scripts/quorum.sh".into()),
            ),
            behind(stage("agents", &["worker"], run("agents")), "quorum"),
            stage("verify", &all, Action::Until("scripts/verify.sh".into())),
        ],
    )
}

fn no_reboot() -> TaskEnd {
    TaskEnd::new(Outcome::Skipped {
        reason: "reboot_needed is false".into(),
        by_operator: false,
    })
}

/// In the middle of it: something of everything.
pub(crate) fn midway(plan: &PreparedPlan) -> (Vec<Event>, Logs) {
    let mut story = Story::new(plan);
    let mut logs = Logs::default();
    let names: Vec<&str> = plan.hosts.iter().map(|host| host.name.as_str()).collect();
    story.connected(300, &names);
    for name in &names {
        story.task(400, 1_400, "preflight", name, already());
    }
    for (at, name) in names.iter().enumerate() {
        let start = |story: &mut Story, ms, stage: &str| {
            story.add(
                ms,
                EventKind::TaskStarted {
                    task: TaskId::new(stage, *name),
                    attempt: 1,
                    job: None,
                },
            );
        };
        match at % 10 {
            0 => {
                story.task(1_500, 9_500, "prepare", name, changed(&["packages"]));
                story.task(9_600, 9_600, "reboot", name, no_reboot());
                story.task(9_700, 20_000, "docker", name, changed(&["docker"]));
                start(&mut story, 20_100, "serve");
                let said = b"fetching layers\n 10%\r 80%\r".to_vec();
                logs.0.insert(TaskId::new("serve", *name), said);
            }
            1 => {
                story.task(1_500, 9_500, "prepare", name, changed(&["packages"]));
                start(&mut story, 9_600, "reboot");
                story.add(
                    9_700,
                    EventKind::Reboot {
                        task: TaskId::new("reboot", *name),
                        phase: RebootPhase::Down,
                        boot: None,
                    },
                );
            }
            2 => {
                let failure = Failure::new(FailureKind::Script, "the script ended with status 1")
                    .lines(vec!["E: \u{1b}[31mNo space\u{1b}[0m left on device".into()]);
                story.task(1_500, 7_000, "prepare", name, TaskEnd::failed(failure));
                for stage in ["reboot", "docker", "fetch"] {
                    story.task(
                        7_001,
                        7_001,
                        stage,
                        name,
                        TaskEnd::new(Outcome::NotRun {
                            reason: "prepare failed".into(),
                        }),
                    );
                }
            }
            3 => {
                start(&mut story, 1_500, "prepare");
                story.add(
                    8_000,
                    EventKind::TaskDetached {
                        task: TaskId::new("prepare", *name),
                        offset: 3,
                        reason: "gone".into(),
                    },
                );
            }
            4 => {
                start(&mut story, 1_500, "prepare");
                let said = "Installing: xz (3/17)\nInstalling: ipset (4/17)\n".to_owned();
                logs.0
                    .insert(TaskId::new("prepare", *name), said.into_bytes());
            }
            5 => {
                story.task(1_500, 9_500, "prepare", name, changed(&["packages"]));
                story.task(9_600, 9_600, "reboot", name, no_reboot());
                story.task(9_700, 20_000, "docker", name, changed(&["docker"]));
            }
            _ => {
                story.task(1_500, 9_500, "prepare", name, changed(&["packages"]));
                story.task(9_600, 9_600, "reboot", name, no_reboot());
                start(&mut story, 9_700, "docker");
                let said = format!("docker-engine is being unpacked on {name}\n");
                logs.0
                    .insert(TaskId::new("docker", *name), said.into_bytes());
            }
        }
    }
    story.events.sort_by_key(|event| event.ms);
    for (at, event) in story.events.iter_mut().enumerate() {
        event.seq = at as u64 + 1;
    }
    (story.events.clone(), logs)
}

/// The same to its end: hosts that were at work are stopped, or nobody knows what became of them.
pub(crate) fn over(plan: &PreparedPlan) -> Vec<Event> {
    let (events, _) = midway(plan);
    let mut story = Story { events };
    for (at, host) in plan.hosts.iter().enumerate() {
        let name = host.name.as_str();
        match at % 10 {
            3 => {
                let failure =
                    Failure::new(FailureKind::Unreachable, format!("{name} does not answer"));
                let host = host.name.clone();
                story.add(50_000, EventKind::HostFailed { host, failure });
            }
            4 => {
                story.ended(51_000, "prepare", name, TaskEnd::new(Outcome::Cancelled));
            }
            1 => {
                let failure = Failure::new(FailureKind::TimedOut, "it is not back after 10 min");
                story.ended(52_000, "reboot", name, TaskEnd::failed(failure));
            }
            _ => {}
        }
    }
    story.sort().over(53_000, RunOutcome::Failed);
    story.events
}
