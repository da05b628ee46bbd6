//! What must hold whatever moment the controller dies at: on a scripted world, time paused.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use phalanx_engine::{Begin, Reason, Resume, Resumption, RunFolder, RunId};
use phalanx_events::{Event, EventKind, Outcome, RunOutcome, RunState};
use phalanx_plan::{Action, Plan, PreparedPlan, TaskId};
use proptest::prelude::*;
use support::{Dial, Job, PlanMaker, Ran, World, script, until};
use tokio::sync::watch;

/// What a stage does, on every host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    /// A job of so many seconds.
    Runs(u64),
    /// The same, and its first attempt fails.
    FailsOnce(u64),
    /// A probe that says yes when it is asked for the n-th time.
    Waits(usize),
    Reboots,
}

#[derive(Clone, Debug)]
struct Case {
    hosts: usize,
    /// What each stage does, and whether it waits for all hosts.
    stages: Vec<(Does, bool)>,
    /// When the controller dies, in milliseconds after it (re)started, and how much of what is not
    /// flushed is lost with it, in thousandths.
    /// In some rounds a host does not answer at all.
    deaths: Vec<(u64, usize, Option<usize>)>,
}

fn cases() -> impl Strategy<Value = Case> {
    let does = prop_oneof![
        (0..20u64).prop_map(Does::Runs),
        (0..20u64).prop_map(Does::FailsOnce),
        (1..4usize).prop_map(Does::Waits),
        Just(Does::Reboots),
    ];
    (
        1..4usize,
        prop::collection::vec((does, any::<bool>()), 1..6),
        prop::collection::vec(
            (
                0..60_000u64,
                0..1_001usize,
                prop::option::weighted(0.3, 0..4usize),
            ),
            0..6,
        ),
    )
        .prop_map(|(hosts, stages, deaths)| Case {
            hosts,
            stages,
            deaths,
        })
}

fn output(host: usize, stage: usize, attempt: u32) -> String {
    let line = format!("h{host} s{stage} attempt {attempt}\n");
    line.repeat(50)
}

fn world_and_plan(case: &Case) -> (World, Plan) {
    let world = World::default();
    let hosts: Vec<String> = (0..case.hosts).map(|host| format!("h{host}:m")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let mut maker = PlanMaker::new(&hosts);
    for (index, (does, all)) in case.stages.iter().enumerate() {
        let stage = format!("s{index}");
        for host in 0..case.hosts {
            let name = format!("h{host}");
            world.reboots(&name, 1, Some(5));
            let says = |attempt| output(host, index, attempt);
            match does {
                Does::Runs(seconds) => {
                    world.job(&name, &stage, Job::ok(*seconds).says(&says(1)));
                }
                Does::FailsOnce(seconds) => {
                    world
                        .job(&name, &stage, Job::fails(*seconds, 1).says(&says(1)))
                        .job(&name, &stage, Job::ok(*seconds).says(&says(2)));
                }
                Does::Waits(times) => {
                    for _ in 1..*times {
                        world.probe(&name, &stage, 1, "not yet\n");
                    }
                    world.probe(&name, &stage, 0, "");
                }
                Does::Reboots => {}
            }
        }
        let action = match does {
            Does::Runs(_) | Does::FailsOnce(_) => script(),
            Does::Waits(_) => until(),
            Does::Reboots => Action::Reboot,
        };
        let gate = index.checked_sub(1).map(|before| {
            let star = if *all { "*" } else { "" };
            format!("{star}s{before}")
        });
        let gates: Vec<&str> = gate.iter().map(String::as_str).collect();
        maker = maker.stage_with(&stage, "", action, &gates, |planned| {
            planned.retries = 1;
        });
    }
    (world, maker.plan())
}

/// Carries out a plan across all deaths, to its end.
async fn carry_out(case: &Case, home: &Path) -> (World, Plan, Ran) {
    let (world, plan) = world_and_plan(case);
    let run = RunId::new("r1");
    for death in case.deaths.iter().map(Some).chain([None]) {
        let resume = match RunFolder::open(home, &run) {
            Ok(folder) => Some(what_remains(&folder, &plan)),
            Err(_) => None,
        };
        let (_keep, cancel) = watch::channel(None);
        let away = death
            .and_then(|(_, _, away)| *away)
            .map(|host| format!("h{host}"));
        if let Some(host) = &away {
            world.dials(host, &[Dial::TimesOut; 100]);
        }
        let run = world.go_on_in(home, plan.clone(), resume, cancel, 64);
        match death {
            None => return (world.clone(), plan, run.await),
            Some((after, lost, _)) => {
                let after = Duration::from_millis(*after);
                match tokio::time::timeout(after, run).await {
                    Ok(ran) if ran.outcome == RunOutcome::Done => {
                        return (world.clone(), plan, ran);
                    }
                    Ok(_) => {}
                    Err(_) => lose(&RunFolder::open(home, &RunId::new("r1")).unwrap(), *lost),
                }
            }
        }
        if let Some(host) = &away {
            world.answers_again(host);
        }
    }
    unreachable!("the last round has no death")
}

fn what_remains(folder: &RunFolder, plan: &Plan) -> Resume {
    let journal = folder.journal_to_continue().unwrap();
    let state = RunState::of(&journal.events);
    let plans: BTreeMap<u32, _> = (1..=state.plan)
        .map(|number| {
            (
                number,
                Arc::new(PreparedPlan::new(folder.numbered_plan(number).unwrap())),
            )
        })
        .collect();
    let resumption = Resumption::of(&PreparedPlan::new(plan.clone()), &plans, &state);
    Resume {
        journal,
        resumption,
    }
}

/// A power loss: what was not flushed may be gone, of the journal (in the middle of a line, too) and
/// of the logs.
fn lose(folder: &RunFolder, thousandths: usize) {
    let path = folder.journal_path();
    let text = fs::read_to_string(&path).unwrap();
    let (mut at, mut flushed) = (0, 0);
    for line in text.split_inclusive('\n') {
        at += line.len();
        let names = [
            "run-started",
            "run-resumed",
            "task-started",
            "\"reboot\"",
            "run-ended",
        ];
        if names.iter().any(|name| line.contains(name)) {
            flushed = at;
        }
    }
    let keep = flushed + (text.len() - flushed) * (1_000 - thousandths) / 1_000;
    fs::write(&path, &text[..keep]).unwrap();
    let Ok(hosts) = fs::read_dir(folder.path().join("logs")) else {
        return;
    };
    for host in hosts {
        for log in fs::read_dir(host.unwrap().path()).unwrap() {
            let path = log.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() * (1_000 - thousandths) / 1_000]).unwrap();
        }
    }
}

fn in_paused_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]
    #[test]
    fn whenever_it_dies_nothing_is_done_twice_and_nothing_is_lost(case in cases()) {
        let home = tempfile::tempdir().unwrap();
        let (world, plan, ran) = in_paused_time(carry_out(&case, home.path()));
        world.assert_nothing_unexpected();
        prop_assert_eq!(ran.outcome, RunOutcome::Done);
        let folder = RunFolder::open(home.path(), &RunId::new("r1")).unwrap();
        let journal = folder.journal().unwrap();

        // No job was started that was not needed.
        for host in 0..case.hosts {
            let started = world.started(&format!("h{host}"));
            let mut needed = Vec::new();
            for (index, (does, _)) in case.stages.iter().enumerate() {
                let attempts = match does {
                    Does::Runs(_) => 1,
                    Does::FailsOnce(_) => 2,
                    _ => 0,
                };
                needed.extend((1..=attempts).map(|attempt| format!("r1.s{index}.h{host}.{attempt}")));
            }
            needed.sort();
            prop_assert_eq!(started, needed);
            let reboots = case.stages.iter().filter(|(does, _)| *does == Does::Reboots).count();
            prop_assert_eq!(world.boot(&format!("h{host}")), reboots as u32);
            let collected = world.collected(&format!("h{host}")).len();
            let has_jobs = case.stages.iter().any(|(does, _)| matches!(does, Does::Runs(_) | Does::FailsOnce(_)));
            prop_assert!(collected == 1 || !has_jobs && collected == 0);
        }
        // Every attempt that began has ended once, and the last one of each task well.
        let mut ended: BTreeMap<(&TaskId, u32), &Outcome> = BTreeMap::new();
        for (index, event) in journal.events.iter().enumerate() {
            prop_assert_eq!(event.seq, index as u64 + 1, "no gap");
            if let EventKind::TaskEnded { task, attempt: attempt @ 1.., end } = &event.kind {
                let lost = end.failure.as_ref().is_some_and(|failure| failure.may_run);
                if lost {
                    // Its true end follows.
                    continue;
                }
                prop_assert!(ended.insert((task, *attempt), &end.outcome).is_none(), "{} twice", task);
            }
        }
        for (task, attempt) in started(&journal.events) {
            prop_assert!(ended.contains_key(&(task, attempt)), "{task} {attempt} has no end");
        }
        for task in &plan.tasks {
            let last = ended.iter().rfind(|((id, _), _)| **id == task.id).unwrap();
            prop_assert!(last.1.is_done(), "{}", task.id);
        }
        // And every byte that was said is there, in order.
        for (index, (does, _)) in case.stages.iter().enumerate() {
            let attempts = match does {
                Does::Runs(_) => 1,
                Does::FailsOnce(_) => 2,
                _ => continue,
            };
            for host in 0..case.hosts {
                let task = TaskId::new(&*format!("s{index}"), &*format!("h{host}"));
                // Of an attempt that failed the last part may be lost with this machine's power.
                let said = fs::read_to_string(folder.attempt_log_path(&task, attempts)).unwrap();
                prop_assert_eq!(said, output(host, index, attempts));
            }
        }
    }
}

fn started(events: &[Event]) -> Vec<(&TaskId, u32)> {
    let started = events.iter().filter_map(|event| match &event.kind {
        EventKind::TaskStarted { task, attempt, .. } => Some((task, *attempt)),
        _ => None,
    });
    started.collect()
}

/// Crashes, and a host that does not answer between them: what it runs is attached to in the end.
#[tokio::test(start_paused = true)]
async fn a_host_that_was_away_in_between_is_not_begun_anew() {
    let home = tempfile::tempdir().unwrap();
    let (world, maker) = two_hosts();
    let plan = maker.plan();
    let folder = cut_at(15, home.path(), &world, &plan).await;
    for _ in 0..2 {
        world.dials("a", &[Dial::TimesOut; 100]);
        let resume = what_remains(&folder, &plan);
        let (_keep, cancel) = watch::channel(None);
        let ran = world
            .go_on_in(home.path(), plan.clone(), Some(resume), cancel, 64)
            .await;
        assert_eq!(ran.outcome, RunOutcome::Failed);
        world.answers_again("a");
    }
    let begin = Begin::Attach {
        attempt: 1,
        accepted: true,
        then_again: false,
    };
    assert_eq!(
        reasons(&plan, &folder)[2],
        ("two@a".into(), Reason::UnderWay, Some(begin))
    );
    let resume = what_remains(&folder, &plan);
    let (_keep, cancel) = watch::channel(None);
    let ran = world
        .go_on_in(home.path(), plan, Some(resume), cancel, 64)
        .await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    assert_eq!(world.started("a"), ["r1.one.a.1", "r1.two.a.1"]);
}

/// A plan of two hosts, carried out up to this moment.
async fn cut_at(seconds: u64, home: &Path, world: &World, plan: &Plan) -> RunFolder {
    let (_keep, cancel) = watch::channel(None);
    let run = world.run_in(home, plan.clone(), cancel, 64);
    let _ = tokio::time::timeout(Duration::from_secs(seconds), run).await;
    RunFolder::open(home, &RunId::new("r1")).unwrap()
}

fn two_hosts() -> (World, PlanMaker) {
    let world = World::default();
    for host in ["a", "b"] {
        for stage in ["one", "two"] {
            world
                .job(host, stage, Job::ok(10))
                .job(host, stage, Job::ok(10));
        }
    }
    let maker = PlanMaker::new(&["a:m", "b:m"])
        .stage("one", "", script(), &[])
        .stage("two", "", script(), &["one"]);
    (world, maker)
}

fn reasons(plan: &Plan, folder: &RunFolder) -> Vec<(String, Reason, Option<Begin>)> {
    let decisions = what_remains(folder, plan).resumption.decisions;
    decisions
        .into_iter()
        .map(|decision| (decision.task.to_string(), decision.reason, decision.begin))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_done_stays_done_unless_it_was_made_from_something_else() {
    let home = tempfile::tempdir().unwrap();
    let (world, maker) = two_hosts();
    let plan = maker.plan();
    let folder = cut_at(15, home.path(), &world, &plan).await;

    let same = reasons(&plan, &folder);
    let attach = |then_again| Begin::Attach {
        attempt: 1,
        accepted: true,
        then_again,
    };
    assert_eq!(same[0], ("one@a".into(), Reason::Done, None));
    assert_eq!(
        same[2],
        ("two@a".into(), Reason::UnderWay, Some(attach(false)))
    );

    let other = support::changed(plan.clone(), |plan| {
        plan.files.insert("s.sh".into(), "false".into());
    });
    let changed = vec!["the script s.sh".to_owned()];
    let anew = Begin::Anew { attempt: 2 };
    let decided = reasons(&other, &folder);
    assert_eq!(
        decided[0],
        ("one@a".into(), Reason::Changed(changed.clone()), Some(anew))
    );
    assert_eq!(
        decided[2],
        (
            "two@a".into(),
            Reason::UnderWayChanged(changed),
            Some(attach(true))
        )
    );

    // And that is what is done: what runs is followed to its end, and then begun again.
    let resume = what_remains(&folder, &other);
    let (_keep, cancel) = watch::channel(None);
    let ran = world
        .go_on_in(home.path(), other.clone(), Some(resume), cancel, 64)
        .await;
    world.assert_nothing_unexpected();
    assert_eq!(ran.outcome, RunOutcome::Done);
    assert_eq!(
        world.started("a"),
        ["r1.one.a.1", "r1.one.a.2", "r1.two.a.1", "r1.two.a.2"]
    );
    assert_eq!(folder.plan().unwrap(), other);
}

#[tokio::test(start_paused = true)]
async fn a_host_may_go_another_may_come_and_one_may_become_something_else() {
    let home = tempfile::tempdir().unwrap();
    let (world, maker) = two_hosts();
    let folder = cut_at(15, home.path(), &world, &maker.plan()).await;
    for stage in ["one", "two"] {
        world.job("c", stage, Job::ok(1));
    }
    let now = PlanMaker::new(&["a:w", "c:m"])
        .stage("one", "", script(), &[])
        .stage("two", "", script(), &["one"])
        .plan();
    let resume = what_remains(&folder, &now);
    let forgotten: Vec<String> = resume
        .resumption
        .forgotten
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(forgotten, ["one@b", "two@b"]);
    let decided = reasons(&now, &folder);
    assert_eq!(decided[0].1, Reason::Changed(vec!["its role".into()]));
    assert_eq!(decided[1].1, Reason::NotBegun);
    let (_keep, cancel) = watch::channel(None);
    let ran = world
        .go_on_in(home.path(), now, Some(resume), cancel, 64)
        .await;
    world.assert_nothing_unexpected();
    assert_eq!(ran.outcome, RunOutcome::Done);
    assert_eq!(world.started("c"), ["r1.one.c.1", "r1.two.c.1"]);
}
