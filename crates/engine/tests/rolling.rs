//! Stages that stop after failures, on a scripted world with time paused.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::Path;
use std::sync::Arc;

use phalanx_engine::{Resume, Resumption, RunFolder, RunId};
use phalanx_events::{CancelLevel, Control, EventKind, Outcome, RunOutcome, RunState};
use phalanx_plan::{Allowance, FactKind, Plan, PreparedPlan, TaskId};
use support::{Dial, Job, PlanMaker, Ran, World, changed, script};
use tokio::sync::watch;

const FIVE: [&str; 5] = ["e1:e", "e2:e", "e3:e", "e4:e", "e5:e"];

/// One stage, a host at a time, that stops after so many failures; then another behind it.
fn rolling(hosts: &[&str], at_once: usize, stop_after: Option<usize>) -> Plan {
    PlanMaker::new(hosts)
        .stage_with("bounce", "", script(), &[], |stage| {
            stage.at_once = Some(at_once);
            stage.stop_after = stop_after;
        })
        .stage("after", "", script(), &["bounce"])
        .plan()
}

fn reason(ran: &Ran, task: &str) -> String {
    match ran.outcome_of(task) {
        Outcome::NotRun { reason } => reason.clone(),
        other => panic!("{task}: {other:?}"),
    }
}

/// The hosts on which the stage began, in the order in which they did, again and again.
fn began(ran: &Ran, stage: &str) -> Vec<String> {
    let starts = ran.events.iter().filter_map(|event| match &event.kind {
        EventKind::TaskStarted { task, .. } if task.stage.as_str() == stage => {
            Some(task.host.to_string())
        }
        _ => None,
    });
    starts.collect()
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_keeps_the_others_from_beginning() {
    let world = World::default();
    world.job("e1", "bounce", Job::fails(3, 1));
    let ran = world.run(rolling(&FIVE, 1, Some(1))).await;
    assert_eq!(ran.outcome, RunOutcome::Failed);
    assert_eq!(began(&ran, "bounce"), ["e1"]);
    for host in ["e2", "e3", "e4", "e5"] {
        let why = reason(&ran, &format!("bounce@{host}"));
        assert_eq!(why, "the stage stopped after 1 failure, on e1");
        let why = reason(&ran, &format!("after@{host}"));
        assert_eq!(why, "bounce did not succeed here");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_the_others_go_on() {
    let world = World::default();
    world.job("e1", "bounce", Job::fails(3, 1));
    for host in ["e2", "e3", "e4", "e5"] {
        world
            .job(host, "bounce", Job::ok(1))
            .job(host, "after", Job::ok(1));
    }
    let ran = world.run(rolling(&FIVE, 1, None)).await;
    assert_eq!(began(&ran, "bounce").len(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_is_at_work_goes_to_its_end_with_all_its_attempts() {
    let world = World::default();
    world
        .job("e1", "bounce", Job::fails(3, 1))
        .job("e2", "bounce", Job::fails(5, 1))
        .job("e2", "bounce", Job::ok(1))
        .job("e2", "after", Job::ok(1));
    let plan = changed(rolling(&FIVE, 2, Some(1)), |plan| {
        plan.stages[0].retries = 1;
    });
    world.job("e1", "bounce", Job::fails(3, 1));
    let ran = world.run(plan).await;
    assert_eq!(began(&ran, "bounce"), ["e1", "e2", "e1", "e2"]);
    assert_eq!(ran.outcome_of("bounce@e2"), &Outcome::Already);
    assert_eq!(ran.outcome_of("after@e2"), &Outcome::Already);
    assert!(reason(&ran, "bounce@e3").contains("on e1"));
}

#[tokio::test(start_paused = true)]
async fn failures_are_counted_up_to_the_limit_and_hosts_done_stay_done() {
    let world = World::default();
    for (host, job) in [
        ("e1", Job::ok(1)),
        ("e2", Job::fails(1, 1)),
        ("e3", Job::ok(1)),
        ("e4", Job::fails(1, 1)),
    ] {
        world.job(host, "bounce", job);
    }
    world
        .job("e1", "after", Job::ok(1))
        .job("e3", "after", Job::ok(1));
    let ran = world.run(rolling(&FIVE, 1, Some(2))).await;
    assert_eq!(began(&ran, "bounce"), ["e1", "e2", "e3", "e4"]);
    assert_eq!(
        reason(&ran, "bounce@e5"),
        "the stage stopped after 2 failures, on e2, e4"
    );
}

/// What was ordered and waits for a permit has not begun: a failure in between keeps it from it.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_permit_has_not_begun() {
    let world = World::default();
    world.job("e1", "bounce", Job::fails(3, 1));
    let (_keep, cancel) = watch::channel(None);
    let ran = world.run_with(rolling(&FIVE, 5, Some(1)), cancel, 1).await;
    assert_eq!(began(&ran, "bounce").len(), 1, "one permit, one host");
    assert_eq!(
        reason(&ran, "bounce@e5"),
        "the stage stopped after 1 failure, on e1"
    );
}

#[tokio::test(start_paused = true)]
async fn who_needs_not_begin_is_skipped_all_the_same() {
    let world = World::default();
    for (host, needed) in [("e1", true), ("e2", false), ("e3", true)] {
        world.facts(host, &format!("fact\tneeded\t{needed}\n"));
    }
    world
        .job("e1", "bounce", Job::fails(3, 1))
        .job("e2", "after", Job::ok(1));
    let plan = PlanMaker::new(&["e1:e", "e2:e", "e3:e"])
        .fact("needed", FactKind::Bool)
        .stage_with("bounce", "", script(), &[], |stage| {
            (stage.at_once, stage.stop_after) = (Some(1), Some(1));
            stage.when = Some("needed".into());
        })
        .stage("after", "", script(), &["bounce"])
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome_of("after@e2"), &Outcome::Already);
    assert!(reason(&ran, "bounce@e3").contains("stopped after 1 failure"));
}

/// A host that is lost before it begins says nothing of the stage; one that is lost in it does.
#[tokio::test(start_paused = true)]
async fn a_host_that_is_lost_counts_where_it_was_in_the_stage() {
    let world = World::default();
    world.dials("e1", &[Dial::Refuses; 4]);
    for host in ["e2", "e3"] {
        world
            .job(host, "bounce", Job::ok(200))
            .job(host, "after", Job::ok(1));
    }
    let ran = world
        .run(rolling(&["e1:e", "e2:e", "e3:e"], 1, Some(1)))
        .await;
    assert_eq!(began(&ran, "bounce"), ["e2", "e3"]);

    let world = World::default();
    world.job("e1", "bounce", Job::ok(500));
    let off = world.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        off.off("e1");
    });
    let ran = world.run(rolling(&["e1:e", "e2:e"], 1, Some(1))).await;
    assert_eq!(began(&ran, "bounce"), ["e1"]);
    assert!(reason(&ran, "bounce@e2").contains("on e1"));
}

/// Hosts that the others can do without are left behind and tried again; not one that stops the stage.
#[tokio::test(start_paused = true)]
async fn who_stops_the_stage_is_not_left_behind() {
    let world = World::default();
    world.job("e1", "bounce", Job::fails(3, 1));
    let plan = changed(rolling(&FIVE, 1, Some(1)), |plan| {
        plan.may_miss.insert("e".into(), Allowance::Hosts(4));
    });
    let ran = world.run(plan).await;
    assert_eq!(began(&ran, "bounce"), ["e1"]);
    assert!(
        ran.events.last().unwrap().ms < 30_000,
        "nobody is waited for"
    );
}

/// With a second stage that takes long, so that the run is still there to be told something.
fn with_something_beside(hosts: &[&str]) -> Plan {
    PlanMaker::new(hosts)
        .stage_with("bounce", "e", script(), &[], |stage| {
            (stage.at_once, stage.stop_after) = (Some(1), Some(1));
        })
        .stage("long", "x", script(), &[])
        .plan()
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_succeeds_lets_the_others_begin_one_after_the_other() {
    let world = World::default();
    world
        .job("x", "long", Job::ok(300))
        .job("e1", "bounce", Job::fails(3, 1))
        .job("e1", "bounce", Job::ok(20))
        .job("e2", "bounce", Job::ok(5))
        .job("e3", "bounce", Job::ok(5));
    world.says(50, Control::Retry { host: "e2".into() });
    world.says(60, Control::Retry { host: "e1".into() });
    let plan = with_something_beside(&["e1:e", "e2:e", "e3:e", "x:x"]);
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    assert_eq!(began(&ran, "bounce"), ["e1", "e1", "e2", "e3"]);
    assert!(
        ran.started("bounce@e2") >= 80_000,
        "e1 has to succeed first"
    );
    let said = world.answers();
    let refused = said[0].as_ref().unwrap_err();
    assert!(
        refused.contains("bounce did not begin there: the stage stopped after 1 failure, on e1"),
        "{refused}"
    );
    assert_eq!(said[1], Ok("e1 is tried again, from bounce on".into()));
    // The journal says at that moment who is open again.
    let mut state = RunState::new();
    for event in &ran.events {
        state.apply(event);
        if let EventKind::Controlled { .. } = event.kind {
            let task = &state.tasks[&TaskId::new("bounce", "e3")];
            assert!(task.end().is_none(), "{task:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_fails_again_stops_the_others_again() {
    let world = World::default();
    world
        .job("x", "long", Job::ok(300))
        .job("e1", "bounce", Job::fails(3, 1))
        .job("e1", "bounce", Job::fails(20, 1));
    world.says(60, Control::Retry { host: "e1".into() });
    let ran = world
        .run(with_something_beside(&["e1:e", "e2:e", "x:x"]))
        .await;
    assert_eq!(began(&ran, "bounce"), ["e1", "e1"]);
    assert_eq!(ran.outcome, RunOutcome::Failed);
    assert!(reason(&ran, "bounce@e2").contains("1 failure, on e1"));
}

#[tokio::test(start_paused = true)]
async fn who_is_skipped_or_left_out_does_not_count_any_more() {
    for control in [
        Control::Drop { host: "e1".into() },
        Control::Skip {
            task: TaskId::new("bounce", "e1"),
        },
    ] {
        let world = World::default();
        world
            .job("x", "long", Job::ok(300))
            .job("e1", "bounce", Job::fails(3, 1))
            .job("e2", "bounce", Job::ok(5));
        world.says(60, control);
        let ran = world
            .run(with_something_beside(&["e1:e", "e2:e", "x:x"]))
            .await;
        assert_eq!(began(&ran, "bounce"), ["e1", "e2"]);
    }
}

fn what_remains(home: &Path, plan: &Plan) -> Resume {
    let folder = RunFolder::open(home, &RunId::new("r1")).unwrap();
    let journal = folder.journal_to_continue().unwrap();
    let state = RunState::of(&journal.events);
    let before = (1..=state.plan)
        .map(|number| {
            (
                number,
                Arc::new(PreparedPlan::new(folder.numbered_plan(number).unwrap())),
            )
        })
        .collect();
    let resumption = Resumption::of(&PreparedPlan::new(plan.clone()), &before, &state);
    Resume {
        journal,
        resumption,
    }
}

async fn go_on(world: &World, home: &Path, plan: &Plan) -> Ran {
    let resume = what_remains(home, plan);
    let (_keep, cancel) = watch::channel(None::<CancelLevel>);
    let ran = world
        .go_on_in(home, plan.clone(), Some(resume), cancel, 64)
        .await;
    world.assert_nothing_unexpected();
    ran
}

/// A run that is gone on with counts anew, and begins with the host that failed: only when that is well, the
/// next one follows.
#[tokio::test(start_paused = true)]
async fn resume_begins_with_the_host_that_failed() {
    let home = tempfile::tempdir().unwrap();
    let world = World::default();
    // The last of the plan is the first to be there.
    let plan = rolling(&["e1:e", "e2:e", "e3:e"], 1, Some(1));
    for host in ["e1", "e2"] {
        world.dials(host, &[Dial::TimesOut]);
    }
    world.job("e3", "bounce", Job::fails(1, 1));
    let (_keep, cancel) = watch::channel(None);
    let ran = world.run_in(home.path(), plan.clone(), cancel, 64).await;
    assert_eq!(began(&ran, "bounce"), ["e3"]);

    // Still broken: nobody else is touched.
    world.job("e3", "bounce", Job::fails(20, 1));
    let ran = go_on(&world, home.path(), &plan).await;
    assert_eq!(began(&ran, "bounce"), ["e3"]);
    assert!(reason(&ran, "bounce@e1").contains("1 failure, on e3"));

    // It can't be reached: nobody knows whether it is well.
    world.dials("e3", &[Dial::Refuses; 4]);
    let ran = go_on(&world, home.path(), &plan).await;
    assert_eq!(began(&ran, "bounce"), Vec::<String>::new());
    assert!(reason(&ran, "bounce@e1").contains("1 failure, on e3"));
    world.answers_again("e3");

    // Mended.
    for host in ["e3", "e1", "e2"] {
        world
            .job(host, "bounce", Job::ok(5))
            .job(host, "after", Job::ok(1));
    }
    let ran = go_on(&world, home.path(), &plan).await;
    assert_eq!(began(&ran, "bounce"), ["e3", "e1", "e2"]);
    assert_eq!(ran.outcome, RunOutcome::Done);
}
