//! What must hold for every plan, whatever its hosts do: on a scripted world, time paused.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use phalanx_events::{Control, Event, EventKind, Outcome, RunOutcome, RunState};
use phalanx_plan::{Allowance, Gate, HostName, PreparedPlan, StageIx, TaskId};
use proptest::prelude::*;
use support::{Dial, Job, PlanMaker, Ran, World, script};
use tokio::sync::watch;
use tokio::time::timeout;

/// One stage: which role takes part, and its gates: (how many stages above, whether for all).
#[derive(Clone, Debug)]
struct Stage {
    role: usize,
    gates: Vec<(usize, bool)>,
    at_once: Option<usize>,
    stop_after: Option<usize>,
}

/// What one host does in each stage: seconds, and whether it fails.
type Deeds = Vec<(u64, bool)>;

#[derive(Clone, Debug)]
struct Case {
    roles: Vec<usize>,
    stages: Vec<Stage>,
    deeds: Vec<Deeds>,
    reachable: Vec<bool>,
    may_miss: usize,
}

const ROLES: [&str; 3] = ["", "m", "w"];

fn cases() -> impl Strategy<Value = Case> {
    let stage = (
        0..3usize,
        prop::collection::vec((1..4usize, any::<bool>()), 0..3),
        0..3usize,
        0..4usize,
    )
        .prop_map(|(role, gates, limit, failures)| Stage {
            role,
            gates,
            at_once: (limit > 0).then_some(limit),
            stop_after: (failures > 0).then_some(failures),
        });
    (1..6usize, prop::collection::vec(stage, 1..6)).prop_flat_map(|(hosts, stages)| {
        let deeds = prop::collection::vec((0..50u64, prop::bool::weighted(0.1)), stages.len());
        (
            prop::collection::vec(1..3usize, hosts),
            Just(stages),
            prop::collection::vec(deeds, hosts),
            prop::collection::vec(prop::bool::weighted(0.9), hosts),
            0..2usize,
        )
            .prop_map(|(roles, stages, deeds, reachable, may_miss)| Case {
                roles,
                stages,
                deeds,
                reachable,
                may_miss,
            })
    })
}

fn carry_out(case: &Case) -> (PreparedPlan, Ran) {
    carry_out_with(case, &[], 64)
}

/// The same, with so many tasks at work at the same time, while the operator says this, each so many seconds after
/// the run's start.
fn carry_out_with(
    case: &Case,
    controls: &[(u64, Control)],
    parallel: usize,
) -> (PreparedPlan, Ran) {
    let world = World::default();
    for (at, control) in controls {
        world.says(*at, control.clone());
    }
    let mut hosts = Vec::new();
    for (index, role) in case.roles.iter().enumerate() {
        let name = format!("h{index}");
        hosts.push(format!("{name}:{}", ROLES[*role]));
        for (stage, (seconds, fails)) in case.deeds[index].iter().enumerate() {
            let job = if *fails {
                Job::fails(*seconds, 1)
            } else {
                Job::ok(*seconds)
            };
            // A host that others can do without is tried again.
            let again = *fails || !controls.is_empty();
            for _ in 0..if again { 50 } else { 1 } {
                world.job(&name, &format!("s{stage}"), job.clone());
            }
        }
        if !case.reachable[index] {
            world.dials(&name, &[Dial::Refuses; 4]);
        }
    }
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let mut maker = PlanMaker::new(&hosts).may_miss("w", Allowance::Hosts(case.may_miss));
    for (index, stage) in case.stages.iter().enumerate() {
        let gates: BTreeSet<String> = stage
            .gates
            .iter()
            .filter_map(|(above, all)| {
                let star = if *all { "*" } else { "" };
                Some(format!("{star}s{}", index.checked_sub(*above)?))
            })
            .collect();
        let gates: Vec<&str> = gates.iter().map(String::as_str).collect();
        maker = maker.stage_with(
            &format!("s{index}"),
            ROLES[stage.role],
            script(),
            &gates,
            |planned| {
                planned.at_once = stage.at_once;
                planned.stop_after = stage.stop_after;
            },
        );
    }
    let plan = maker.plan();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    let ran = runtime.unwrap().block_on(async {
        let within = Duration::from_secs(1_000_000);
        let (_keep, cancel) = watch::channel(None);
        let ran = timeout(within, world.run_with(plan.clone(), cancel, parallel)).await;
        ran.unwrap_or_else(|_| panic!("the run never ends"))
    });
    (PreparedPlan::new(plan), ran)
}

/// What the operator may say: to which host, about which stage, and when.
fn sayings() -> impl Strategy<Value = Vec<(u64, Control)>> {
    let one = (0..120u64, 0..5u8, 0..6usize, 0..6usize).prop_map(|(at, which, host, stage)| {
        let name = format!("h{host}");
        let host = name.as_str().into();
        let control = match which {
            0 => Control::Pause,
            1 => Control::Continue,
            2 => Control::Retry { host },
            3 => Control::Drop { host },
            _ => Control::Skip {
                task: TaskId::new(&*format!("s{stage}"), &*name),
            },
        };
        (at, control)
    });
    prop::collection::vec(one, 1..8).prop_map(|mut sayings| {
        sayings.push((150, Control::Continue));
        sayings.sort_by_key(|(at, _)| *at);
        sayings
    })
}

fn ends(events: &[Event]) -> BTreeMap<&TaskId, (u64, bool)> {
    let mut ends = BTreeMap::new();
    let mut attempts = BTreeSet::new();
    for event in events {
        if let EventKind::TaskEnded { task, attempt, end } = &event.kind {
            assert!(attempts.insert((task, *attempt)), "{task} {attempt} twice");
            let known = ends.insert(task, (event.seq, end.outcome.is_done()));
            assert!(
                known.is_none_or(|(_, done)| !done),
                "{task} again though done"
            );
        }
    }
    ends
}

/// No host begins a stage in which as many have failed as it bears, and are not done since. A host that the operator
/// has left out says nothing of the stage (docs/design/run-loop.md, "Stages that stop"): neither what failed
/// there before, nor how a task ends that was at work at that moment. It is being stopped, so whether its script fails
/// just then is chance. Taken in again, the host counts as any other.
fn assert_that_stages_stop(plan: &PreparedPlan, events: &[Event]) {
    let mut failed: BTreeSet<&TaskId> = BTreeSet::new();
    let mut begun: BTreeSet<&TaskId> = BTreeSet::new();
    let mut left_out: BTreeSet<&HostName> = BTreeSet::new();
    for event in events {
        match &event.kind {
            EventKind::TaskStarted { task, .. } => {
                let stop_after = plan.stage_named(&task.stage).unwrap().stop_after;
                let of_stage = failed.iter().filter(|other| other.stage == task.stage);
                let (count, is_first) = (of_stage.count(), begun.insert(task));
                let stops = is_first && stop_after.is_some_and(|limit| count >= limit);
                assert!(!stops, "{task} began after {count} failures");
            }
            EventKind::TaskEnded { task, end, .. } => {
                let counts = !left_out.contains(&task.host);
                if end.outcome == Outcome::Failed && !end.again && counts {
                    failed.insert(task);
                } else if end.outcome.is_done() {
                    failed.remove(task);
                }
            }
            EventKind::Controlled {
                control: Control::Drop { host },
                ..
            } => {
                failed.retain(|task| task.host != *host);
                left_out.insert(host);
            }
            EventKind::Controlled {
                control: Control::Retry { host },
                ..
            } => {
                left_out.remove(host);
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]
    #[test]
    fn every_task_ends_once_and_none_begins_before_its_gates_open(case in cases()) {
        let (plan, ran) = carry_out(&case);
        let ends = ends(&ran.events);
        prop_assert_eq!(ends.len(), plan.tasks.len(), "every task ends, once");
        assert_that_stages_stop(&plan, &ran.events);
        let done = ends.values().all(|(_, done)| *done) && case.reachable.iter().all(|yes| *yes);
        prop_assert_eq!(ran.outcome == RunOutcome::Done, done);

        let mut busy: BTreeMap<&str, &TaskId> = BTreeMap::new();
        let mut in_stage: BTreeMap<StageIx, usize> = BTreeMap::new();
        for event in &ran.events {
            match &event.kind {
                EventKind::TaskStarted { task: id, .. } => {
                    let task = plan.task_named(id).unwrap();
                    let before = |other: &TaskId| {
                        ends.get(other).is_some_and(|(seq, done)| *seq < event.seq && *done)
                    };
                    for gate in &task.gates {
                        let (Gate::Own(stage) | Gate::All(stage)) = gate;
                        let of_stage: Vec<_> =
                            plan.tasks.iter().filter(|task| task.id.stage == *stage).collect();
                        match gate {
                            Gate::Own(_) => {
                                for other in of_stage.iter().filter(|other| other.host == task.host) {
                                    prop_assert!(before(&other.id), "{} before {}", id, other.id);
                                }
                            }
                            Gate::All(_) => {
                                for role in ["m", "w"] {
                                    let missing = of_stage
                                        .iter()
                                        .filter(|o| plan.host(o.host).role.as_str() == role)
                                        .filter(|other| !before(&other.id))
                                        .count();
                                    let allowed = if role == "w" { case.may_miss } else { 0 };
                                    prop_assert!(missing <= allowed, "{} with {} missing", id, missing);
                                }
                            }
                        }
                    }
                    prop_assert!(busy.insert(id.host.as_str(), id).is_none(), "{} has two", id.host);
                    let count = in_stage.entry(task.stage).or_default();
                    *count += 1;
                    prop_assert!(*count <= plan.stage(task.stage).at_once.unwrap_or(usize::MAX));
                }
                EventKind::TaskEnded { task: id, attempt: 1.., .. } => {
                    prop_assert_eq!(busy.remove(id.host.as_str()), Some(id));
                    *in_stage.entry(plan.task_named(id).unwrap().stage).or_default() -= 1;
                }
                _ => {}
            }
        }
        for (index, event) in ran.events.iter().enumerate() {
            prop_assert_eq!(event.seq, index as u64 + 1, "no gap");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn no_more_tasks_work_at_once_than_may(case in cases(), parallel in 1..4usize) {
        let (_, ran) = carry_out_with(&case, &[], parallel);
        let mut at_work = BTreeSet::new();
        for event in &ran.events {
            match &event.kind {
                EventKind::TaskStarted { task, .. } => {
                    at_work.insert(task);
                    prop_assert!(at_work.len() <= parallel, "{:?} at once", at_work);
                }
                EventKind::TaskEnded { task, .. } => {
                    at_work.remove(task);
                }
                _ => {}
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_hosts_and_twelve_stages_are_no_burden() {
    let world = World::default();
    let names: Vec<String> = (0..1000).map(|n| format!("h{n}")).collect();
    let hosts: Vec<String> = names.iter().map(|name| format!("{name}:w")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let mut maker = PlanMaker::new(&hosts).may_miss("w", Allowance::Percent(20));
    for stage in 0..12 {
        let gates = if stage == 0 {
            vec![]
        } else {
            vec![format!("*s{}", stage - 1)]
        };
        let gates: Vec<&str> = gates.iter().map(String::as_str).collect();
        let limit = (stage % 3 == 2).then_some(50);
        maker = maker.stage_with(&format!("s{stage}"), "", script(), &gates, |s| {
            s.at_once = limit;
            s.stop_after = Some(900);
        });
        for (index, name) in names.iter().enumerate() {
            // A few hosts fall by the wayside.
            let fails = index % 100 == stage;
            let job = if fails { Job::fails(1, 1) } else { Job::ok(1) };
            for _ in 0..if fails { 20 } else { 1 } {
                world.job(name, &format!("s{stage}"), job.clone());
            }
        }
    }
    let (_keep, cancel) = tokio::sync::watch::channel(None);
    let ran = world.run_with(maker.plan(), cancel, 10_000).await;
    assert_eq!(ran.outcome, RunOutcome::Failed);
    assert_eq!(ends(&ran.events).len(), 12_000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]
    #[test]
    fn whatever_the_operator_says_the_run_ends_and_no_attempt_begins_twice(
        case in cases(),
        sayings in sayings(),
    ) {
        let (plan, ran) = carry_out_with(&case, &sayings, 64);
        assert_that_stages_stop(&plan, &ran.events);
        let mut begun = BTreeSet::new();
        let mut busy: BTreeMap<&str, &TaskId> = BTreeMap::new();
        let mut done: BTreeSet<&TaskId> = BTreeSet::new();
        for event in &ran.events {
            match &event.kind {
                EventKind::TaskStarted { task, attempt, .. } => {
                    prop_assert!(begun.insert((task, *attempt)), "{} {} began twice", task, attempt);
                    prop_assert!(!done.contains(task), "{} began though it was done", task);
                    let other = busy.insert(task.host.as_str(), task);
                    prop_assert!(other.is_none(), "{} beside {:?}", task, other);
                    let own = plan.task_named(task).unwrap().gates.iter().filter_map(|gate| match gate {
                        Gate::Own(stage) => Some(TaskId::new(stage.as_str(), task.host.as_str())),
                        Gate::All(_) => None,
                    });
                    for gate in own {
                        let there_is = plan.task_ix(&gate).is_some();
                        prop_assert!(!there_is || done.contains(&gate), "{} before {}", task, gate);
                    }
                }
                EventKind::TaskEnded { task, end, .. } => {
                    if busy.get(task.host.as_str()) == Some(&task) {
                        busy.remove(task.host.as_str());
                    }
                    prop_assert!(!done.contains(task), "{} ended though it was done", task);
                    if end.outcome.is_done() {
                        done.insert(task);
                    }
                }
                _ => {}
            }
        }
        let state = RunState::of(&ran.events);
        for task in &plan.tasks {
            let end = state.tasks.get(&task.id).and_then(|known| known.end());
            prop_assert!(end.is_some(), "{} has no end", task.id);
            prop_assert_eq!(end.is_some_and(|end| end.outcome.is_done()), done.contains(&task.id));
        }
        let all = done.len() == plan.tasks.len();
        prop_assert!(all || ran.outcome != RunOutcome::Done);
    }
}
