//! What the operator says to a run that is under way, on a scripted world with time paused.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use phalanx_events::{Control, EventKind, Outcome, RunOutcome, RunState};
use phalanx_plan::{Allowance, Plan, TaskId};
use support::{Dial, Job, PlanMaker, World, script, until};

fn retry(host: &str) -> Control {
    Control::Retry { host: host.into() }
}

fn skip(stage: &str, host: &str) -> Control {
    Control::Skip {
        task: TaskId::new(stage, host),
    }
}

fn leave_out(host: &str) -> Control {
    Control::Drop { host: host.into() }
}

/// Two stages, the second behind an `all` gate.
fn two_stages(hosts: &[&str]) -> Plan {
    PlanMaker::new(hosts)
        .stage("first", "", script(), &[])
        .stage("then", "", script(), &["first", "*first"])
        .plan()
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_while_it_is_paused_and_what_runs_goes_on() {
    let world = World::default();
    world
        .job("a", "first", Job::ok(10))
        .job("a", "then", Job::ok(1))
        .says(5, Control::Pause)
        .says(6, Control::Pause)
        .says(100, Control::Continue)
        .says(101, Control::Continue);
    let ran = world.run(two_stages(&["a:w"])).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    let (ended, _) = ran.end("first@a");
    assert!(ended < 12_000, "{ended}");
    assert!(ran.started("then@a") >= 100_000);
    let said = world.answers();
    assert!(
        said[0].as_ref().unwrap().contains("1 under way"),
        "{said:?}"
    );
    assert_eq!(said[1], Err("the run is paused already".into()));
    assert!(said[2].is_ok(), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_would_follow_waits_as_well() {
    let world = World::default();
    world
        .job("a", "first", Job::fails(4, 1))
        .job("a", "first", Job::ok(1))
        .says(2, Control::Pause)
        .says(60, Control::Continue);
    let plan = PlanMaker::new(&["a:w"])
        .stage_with("first", "", script(), &[], |stage| stage.retries = 1)
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    let starts: Vec<u64> = ran
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::TaskStarted { .. }))
        .map(|event| event.ms)
        .collect();
    assert_eq!(starts.len(), 2);
    assert!(starts[1] >= 60_000, "{starts:?}");
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_tried_again_and_so_is_what_it_had_held_back() {
    let world = World::default();
    for host in ["a", "b", "slow"] {
        world.job(host, "then", Job::ok(1));
    }
    world
        .job("a", "first", Job::fails(1, 3))
        .job("a", "first", Job::ok(1))
        .job("b", "first", Job::ok(1))
        .job("slow", "first", Job::ok(100))
        .says(2, retry("b"))
        .says(20, retry("a"))
        .says(21, retry("nobody"));
    let ran = world.run(two_stages(&["a:w", "b:w", "slow:w"])).await;
    assert_eq!(ran.outcome, RunOutcome::Done, "{:#?}", world.answers());
    let said = world.answers();
    assert_eq!(
        said[0],
        Err("nothing has failed on b; then did not begin there: first did not succeed on a (w: none may be missing)".into())
    );
    assert_eq!(said[1], Ok("a is tried again, from first on".into()));
    assert_eq!(said[2], Err("no host of the run is named nobody".into()));
    // b was told at 1 s that it never runs, and runs all the same.
    let reopened = ran.events.iter().find_map(|event| match &event.kind {
        EventKind::Controlled { reopens, .. } => Some(reopens.clone()),
        _ => None,
    });
    let reopened = reopened.unwrap();
    for task in ["first@a", "then@a", "then@b", "then@slow"] {
        assert!(
            reopened.iter().any(|id| id.to_string() == task),
            "{task}: {reopened:?}"
        );
    }
    let state = RunState::of(&ran.events);
    assert!(
        state
            .tasks
            .values()
            .all(|task| task.end().unwrap().outcome.is_done())
    );
    assert_eq!(state.tasks[&TaskId::new("first", "a")].attempt, 2);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_was_given_up_is_tried_again_at_once() {
    let world = World::default();
    world.dials("a", &[Dial::TimesOut; 12]);
    for host in ["a", "b"] {
        world.job(host, "first", Job::ok(1));
        world.job(host, "then", Job::ok(1));
    }
    world
        .job("slow", "first", Job::ok(300))
        .job("slow", "then", Job::ok(1));
    let answering = world.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(95)).await;
        answering.answers_again("a");
    });
    world.says(100, retry("a"));
    let ran = world.run(two_stages(&["a:w", "b:w", "slow:w"])).await;
    assert_eq!(ran.outcome, RunOutcome::Done, "{:?}", world.answers());
    let started = ran.started("first@a");
    assert!((100_000..110_000).contains(&started), "{started}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_waits_for_its_turn_is_tried_at_once() {
    let world = World::default();
    world
        .job("a", "first", Job::fails(1, 1))
        .job("a", "first", Job::ok(1))
        .job("a", "then", Job::ok(1));
    for host in ["b", "c", "d", "e"] {
        world
            .job(host, "first", Job::ok(20))
            .job(host, "then", Job::ok(1));
    }
    world.says(5, retry("a"));
    let plan = PlanMaker::new(&["a:w", "b:w", "c:w", "d:w", "e:w"])
        .may_miss("w", Allowance::Percent(20))
        .stage("first", "", script(), &[])
        .stage("then", "", script(), &["first", "*first"])
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    assert!(ran.end("first@a").0 < 8_000, "not after half a minute");
}

#[tokio::test(start_paused = true)]
async fn what_is_skipped_counts_as_done() {
    let world = World::default();
    world
        .job("a", "first", Job::fails(1, 1))
        .job("a", "then", Job::ok(1))
        .job("b", "first", Job::ok(30))
        .job("b", "then", Job::ok(1))
        .says(5, skip("first", "a"))
        .says(6, skip("first", "a"))
        .says(7, skip("other", "a"));
    let ran = world.run(two_stages(&["a:w", "b:w"])).await;
    assert_eq!(ran.outcome, RunOutcome::Done, "{:?}", world.answers());
    let by_operator = |task: &str| {
        matches!(
            ran.outcome_of(task),
            Outcome::Skipped {
                by_operator: true,
                ..
            }
        )
    };
    assert!(by_operator("first@a"));
    assert_eq!(ran.outcome_of("then@b"), &Outcome::Already);
    assert_eq!(ran.outcome_of("then@a"), &Outcome::Already);
    let said = world.answers();
    assert_eq!(said[1], Err("first@a is done already".into()));
    assert_eq!(said[2], Err("the run has no task other@a".into()));
}

#[tokio::test(start_paused = true)]
async fn what_runs_is_stopped_and_then_skipped() {
    let world = World::default();
    for _ in 0..200 {
        world.probe("a", "wait", 1, "not yet");
    }
    world
        .job("a", "first", Job::ok(1_000))
        .job("a", "then", Job::ok(1))
        .says(5, skip("first", "a"))
        .says(60, skip("wait", "a"));
    let plan = PlanMaker::new(&["a:w"])
        .stage("first", "", script(), &[])
        .stage("wait", "", until(), &["first"])
        .stage("then", "", script(), &["wait"])
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Done, "{:?}", world.answers());
    assert_eq!(world.cancelled("a"), ["r1.first.a.1"]);
    assert!(ran.end("first@a").0 < 20_000);
    let waited = ran.end("wait@a").0;
    assert!((60_000..75_000).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_host_that_is_left_out() {
    let world = World::default();
    world
        .job("a", "first", Job::ok(10_000))
        .job("b", "first", Job::ok(1))
        .job("b", "then", Job::ok(1))
        .says(5, leave_out("a"))
        .says(6, leave_out("b"))
        .says(7, leave_out("a"));
    let ran = world.run(two_stages(&["a:w", "b:w"])).await;
    assert_eq!(ran.outcome, RunOutcome::Failed, "a host is missing");
    assert_eq!(ran.outcome_of("then@b"), &Outcome::Already);
    assert_eq!(ran.outcome_of("first@a"), &Outcome::Cancelled);
    match ran.outcome_of("then@a") {
        Outcome::NotRun { reason } => assert_eq!(reason, "the operator has left a out"),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.cancelled("a"), ["r1.first.a.1"]);
    assert!(ran.events.last().unwrap().ms < 30_000);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_was_left_out_may_come_in_again() {
    let world = World::default();
    world
        .job("a", "first", Job::ok(1_000))
        .job("a", "first", Job::ok(1))
        .job("a", "then", Job::ok(1))
        .job("b", "first", Job::ok(60))
        .job("b", "then", Job::ok(1))
        .says(5, leave_out("a"))
        .says(30, retry("a"));
    let ran = world.run(two_stages(&["a:w", "b:w"])).await;
    assert_eq!(ran.outcome, RunOutcome::Done, "{:?}", world.answers());
    assert!(ran.started("then@b") >= 60_000);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_held_all_back_is_left_out_and_all_go_on() {
    let world = World::default();
    world
        .job("a", "first", Job::fails(1, 1))
        .job("b", "first", Job::ok(1))
        .job("b", "then", Job::ok(1))
        .job("c", "first", Job::ok(50))
        .job("c", "then", Job::ok(1))
        .says(10, leave_out("a"));
    let ran = world.run(two_stages(&["a:w", "b:w", "c:w"])).await;
    assert_eq!(ran.outcome, RunOutcome::Failed);
    for host in ["b", "c"] {
        assert_eq!(ran.outcome_of(&format!("then@{host}")), &Outcome::Already);
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_still_run_is_not_skipped_but_attached_to() {
    let world = World::default();
    world
        .job("a", "first", Job::ok(400))
        .job("a", "then", Job::ok(1))
        .job("b", "first", Job::ok(1_000))
        .job("b", "then", Job::ok(1))
        .breaks_after("a", &[10])
        .says(300, skip("first", "a"))
        .says(310, retry("a"));
    // It is away for longer than it is waited for, and comes back.
    world.dials("a", &[Dial::Works]);
    world.dials("a", &[Dial::TimesOut; 40]);
    let answering = world.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(305)).await;
        answering.answers_again("a");
    });
    let ran = world.run(two_stages(&["a:w", "b:w"])).await;
    assert_eq!(ran.outcome, RunOutcome::Done, "{:?}", world.answers());
    let said = world.answers();
    let refused = said[0].as_ref().unwrap_err();
    assert!(refused.contains("may still run on a: retry a"), "{refused}");
    assert!(said[1].is_ok(), "{said:?}");
    let state = RunState::of(&ran.events);
    let first = &state.tasks[&TaskId::new("first", "a")];
    assert_eq!(first.attempt, 1, "attached to, not begun again");
    assert_eq!(first.end().unwrap().outcome, Outcome::Already);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_another_run_holds_by_now_does_not_end_this_one() {
    let mut world = World::default();
    world.holds_as = Some(support::holder());
    world.dials("a", &[Dial::TimesOut; 12]);
    for host in ["b", "c"] {
        world.job(host, "first", Job::ok(200));
        world.job(host, "then", Job::ok(1));
    }
    world.held_by("a", "other", Some(5));
    let answering = world.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(45)).await;
        answering.answers_again("a");
    });
    world.says(50, retry("a"));
    let plan = PlanMaker::new(&["a:w", "b:w", "c:w"])
        .may_miss("w", Allowance::Hosts(1))
        .stage("first", "", script(), &[])
        .stage("then", "", script(), &["first", "*first"])
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Failed, "{:?}", world.answers());
    assert_eq!(
        ran.outcome_of("then@b"),
        &Outcome::Already,
        "the others went on"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pause_costs_no_time_limit_and_keeps_no_permit() {
    let world = World::default();
    world
        .job("a", "first", Job::fails(5, 1))
        .job("a", "first", Job::ok(5))
        .job("b", "first", Job::ok(2));
    for _ in 0..60 {
        world.probe("b", "wait", 1, "not yet");
    }
    world.probe("b", "wait", 0, "there");
    world.says(1, Control::Pause).says(500, Control::Continue);
    let limited = |stage: &mut phalanx_plan::PlannedStage| {
        stage.retries = 1;
        stage.within = Some(std::time::Duration::from_secs(60));
    };
    let plan = PlanMaker::new(&["a:m", "b:w"])
        .stage_with("first", "", script(), &[], limited)
        .stage_with("wait", "w", until(), &["first"], |stage| {
            stage.within = Some(std::time::Duration::from_secs(300));
        })
        .plan();
    let (_keep, cancel) = tokio::sync::watch::channel(None);
    let ran = world.run_with(plan, cancel, 1).await;
    assert_eq!(ran.outcome, RunOutcome::Done, "{:?}", ran.end("first@a"));
    assert!(ran.end("first@a").0 > 500_000);
}
