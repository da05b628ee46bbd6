//! Lost connections, reboots and the operator's wish to stop, on a scripted world, time paused.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::time::Duration;

use phalanx_events::{CancelLevel, EventKind, FailureKind, Outcome, RebootPhase, RunOutcome};
use phalanx_plan::Action;
use phalanx_remote::{JobError, JobState, LoginError, LostError, RequestError};
use support::{Dial, Job, PlanMaker, Ran, World, changed, script, until};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_not_a_lost_job() {
    let world = World::default();
    world
        .job("a", "generate", Job::ok(600).says("0123456789"))
        .breaks_after("a", &[100, 300])
        .dials(
            "a",
            &[Dial::Works, Dial::TimesOut, Dial::Works, Dial::Works],
        );
    let ran = world
        .run(
            PlanMaker::new(&["a:w"])
                .stage("generate", "", script(), &[])
                .plan(),
        )
        .await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    assert_eq!(world.connections("a"), 3);
    assert_eq!(
        world.started("a"),
        ["r1.generate.a.1"],
        "one attempt, whatever was lost"
    );
    let (ended, end) = ran.end("generate@a");
    assert!((600_000..602_000).contains(&ended), "{ended}");
    assert_eq!(end.log_bytes, 10);
    let told: Vec<&str> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::TaskDetached { .. } => Some("detached"),
            EventKind::TaskAttached { .. } => Some("attached"),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["detached", "attached", "detached", "attached"]);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_stays_away_is_given_up_in_time() {
    let world = World::default();
    world
        .job("a", "generate", Job::ok(600))
        .breaks_after("a", &[100]);
    world
        .dials("a", &[Dial::Works])
        .dials("a", &[Dial::TimesOut; 100]);
    let ran = world
        .run(
            PlanMaker::new(&["a:w"])
                .stage("generate", "", script(), &[])
                .plan(),
        )
        .await;
    assert_eq!(ran.outcome, RunOutcome::Failed);
    let (ms, end) = ran.end("generate@a");
    assert_eq!(end.failure.as_ref().unwrap().kind, FailureKind::Unreachable);
    // Two minutes of reconnect_for after the loss.
    assert!((200_000..230_000).contains(&ms), "{ms}");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_a_reboot_cut_short_is_begun_again() {
    let world = World::default();
    world
        .job("a", "prepare", Job::ok(5).ends(JobState::Interrupted))
        .job("a", "prepare", Job::ok(5));
    let ran = world
        .run(
            PlanMaker::new(&["a:w"])
                .stage("prepare", "", script(), &[])
                .plan(),
        )
        .await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    assert_eq!(world.started("a"), ["r1.prepare.a.1", "r1.prepare.a.2"]);
}

fn reboot_plan(within: u64) -> phalanx_plan::Plan {
    PlanMaker::new(&["a:w"])
        .stage_with("reboot", "", Action::Reboot, &[], |stage| {
            stage.within = Some(Duration::from_secs(within));
        })
        .stage("after", "", script(), &["reboot"])
        .plan()
}

fn phases(ran: &Ran) -> Vec<(RebootPhase, Option<String>)> {
    ran.events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Reboot { phase, boot, .. } => Some((*phase, boot.clone())),
            _ => None,
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_reboot_is_proven_by_another_boot_identity() {
    let world = World::default();
    world
        .reboots("a", 4, Some(20))
        .job("a", "after", Job::ok(1));
    let ran = world.run(reboot_plan(600)).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    let boot = |n: u32| Some(format!("boot-{n}"));
    assert_eq!(
        phases(&ran),
        [
            (RebootPhase::Requested, boot(0)),
            (RebootPhase::Down, None),
            (RebootPhase::Up, boot(1)),
            (RebootPhase::Proven, boot(1)),
        ]
    );
    let (ms, end) = ran.end("reboot@a");
    assert_eq!(end.outcome, Outcome::Changed);
    assert!((24_000..32_000).contains(&ms), "{ms}");
    assert!((20_000..28_000).contains(&end.host_ms.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_will_not_go_down_is_told_as_that() {
    let world = World::default();
    let ran = world.run(reboot_plan(60)).await;
    let failure = ran.end("reboot@a").1.failure.clone().unwrap();
    assert_eq!(failure.kind, FailureKind::Reboot);
    assert_eq!(
        failure.message,
        "the host took the request to reboot, but did not go down within 60 s"
    );
    assert!(ran.never_started("after@a"));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_never_comes_back_is_told_as_that() {
    let world = World::default();
    world.reboots("a", 2, None);
    let ran = world.run(reboot_plan(300)).await;
    let (ms, end) = ran.end("reboot@a");
    let failure = end.failure.clone().unwrap();
    assert_eq!(
        failure.message,
        "the host went down to reboot and did not come back within 300 s"
    );
    assert_eq!(failure.lines, ["a:22 did not answer within 3 s"]);
    assert!((300_000..301_000).contains(&ms), "{ms}");
}

#[tokio::test(start_paused = true)]
async fn the_operator_reboots_a_host_and_it_is_proven() {
    let world = World::default();
    world
        .reboots("a", 4, Some(20))
        .job("a", "after", Job::ok(1));
    let operator = world.clone();
    tokio::spawn(async move {
        // Much later than the stage may take.
        tokio::time::sleep(Duration::from_secs(3_000)).await;
        operator.reboot("a");
    });
    let plan = changed(reboot_plan(60), |plan| plan.manual_reboot = true);
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    let (ms, end) = ran.end("reboot@a");
    assert_eq!(end.outcome, Outcome::Changed);
    assert!((3_024_000..3_032_000).contains(&ms), "{ms}");
    let asked = ran.events.iter().any(|event| match &event.kind {
        EventKind::HostNotice { text, .. } => text.contains("waits for you to reboot it"),
        _ => false,
    });
    assert!(asked);
}

/// Runs a plan and asks to stop at these seconds, ever more urgently.
async fn run_and_stop(
    world: &World,
    plan: phalanx_plan::Plan,
    stops: &[(u64, CancelLevel)],
) -> Ran {
    let (ask, cancel) = watch::channel(None);
    let began = Instant::now();
    let stops = stops.to_vec();
    let asking = tokio::spawn(async move {
        for (seconds, level) in stops {
            tokio::time::sleep_until(began + Duration::from_secs(seconds)).await;
            ask.send_replace(Some(level));
        }
        sleep(Duration::from_secs(100_000)).await;
    });
    let ran = world.run_with(plan, cancel, 64).await;
    asking.abort();
    ran
}

#[tokio::test(start_paused = true)]
async fn asked_once_running_tasks_end_and_no_new_ones_begin() {
    let world = World::default();
    world.job("a", "one", Job::ok(60));
    let plan = PlanMaker::new(&["a:w"])
        .stage("one", "", script(), &[])
        .stage("two", "", script(), &["one"]);
    let ran = run_and_stop(&world, plan.plan(), &[(10, CancelLevel::NoNewTasks)]).await;
    assert_eq!(ran.outcome, RunOutcome::Interrupted);
    assert_eq!(ran.outcome_of("one@a"), &Outcome::Already);
    assert!(ran.never_started("two@a"));
    assert!(world.cancelled("a").is_empty());
}

#[tokio::test(start_paused = true)]
async fn asked_once_a_wait_ends_and_so_do_further_attempts() {
    let world = World::default();
    world
        .probe("a", "wait", 1, "no\n")
        .job("b", "flaky", Job::fails(20, 1));
    let plan = PlanMaker::new(&["a:w", "b:x"])
        .stage("wait", "w", until(), &[])
        .stage_with("flaky", "x", script(), &[], |stage| stage.retries = 5);
    let ran = run_and_stop(&world, plan.plan(), &[(10, CancelLevel::NoNewTasks)]).await;
    assert_eq!(ran.outcome, RunOutcome::Interrupted);
    assert_eq!(ran.outcome_of("wait@a"), &Outcome::Cancelled);
    assert_eq!(world.started("b"), ["r1.flaky.b.1"]);
    assert!(ran.events.last().unwrap().ms < 25_000);
}

#[tokio::test(start_paused = true)]
async fn asked_twice_running_jobs_are_stopped_on_their_hosts() {
    let world = World::default();
    world.job("a", "one", Job::ok(6000));
    let plan = PlanMaker::new(&["a:w"])
        .stage("one", "", script(), &[])
        .plan();
    let stops = [(10, CancelLevel::NoNewTasks), (11, CancelLevel::StopJobs)];
    let ran = run_and_stop(&world, plan, &stops).await;
    assert_eq!(ran.outcome, RunOutcome::Interrupted);
    assert_eq!(ran.outcome_of("one@a"), &Outcome::Cancelled);
    assert_eq!(world.cancelled("a"), ["r1.one.a.1"]);
}

#[tokio::test(start_paused = true)]
async fn asked_thrice_we_leave_at_once_and_jobs_go_on() {
    let world = World::default();
    world.job("a", "one", Job::ok(6000));
    let plan = PlanMaker::new(&["a:w"])
        .stage("one", "", script(), &[])
        .plan();
    let ran = run_and_stop(&world, plan, &[(10, CancelLevel::Leave)]).await;
    assert_eq!(ran.outcome, RunOutcome::Interrupted);
    assert!(world.cancelled("a").is_empty());
    assert!(ran.events.last().unwrap().ms < 11_000);
    assert!(matches!(
        ran.events.last().unwrap().kind,
        EventKind::RunEnded {
            outcome: RunOutcome::Interrupted
        }
    ));
}

#[tokio::test(start_paused = true)]
async fn asked_while_connecting_the_run_ends() {
    let world = World::default();
    world.dials("a", &[Dial::TimesOut; 100]);
    let plan = PlanMaker::new(&["a:w"])
        .stage("one", "", script(), &[])
        .plan();
    let ran = run_and_stop(&world, plan, &[(5, CancelLevel::NoNewTasks)]).await;
    assert_eq!(ran.outcome, RunOutcome::Interrupted);
    assert!(
        ran.events.last().unwrap().ms < 6_000,
        "{:?}",
        ran.events.last()
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_again_and_again_is_given_up_in_time() {
    let world = World::default();
    let every_second: Vec<u64> = (1..2000).collect();
    world
        .job("a", "generate", Job::ok(5000))
        .breaks_after("a", &every_second);
    let plan = PlanMaker::new(&["a:w"]).stage("generate", "", script(), &[]);
    let ran = world.run(plan.plan()).await;
    let (ms, end) = ran.end("generate@a");
    let failure = end.failure.clone().unwrap();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(
        failure.message.ends_with("the script may still run there"),
        "{}",
        failure.message
    );
    assert!(ms < 200_000, "{ms}");
    assert!(world.connections("a") < 60, "it is waited longer each time");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_cannot_be_reached_is_not_told_as_cancelled() {
    let world = World::default();
    world
        .job("a", "one", Job::ok(6000))
        .breaks_after("a", &[5])
        .dials("a", &[Dial::Works])
        .dials("a", &[Dial::TimesOut; 100]);
    let plan = PlanMaker::new(&["a:w"])
        .stage("one", "", script(), &[])
        .plan();
    let ran = run_and_stop(&world, plan, &[(20, CancelLevel::StopJobs)]).await;
    assert_eq!(ran.outcome, RunOutcome::Interrupted);
    let failure = ran.end("one@a").1.failure.clone().unwrap();
    assert!(
        failure.message.contains("may still run there"),
        "{}",
        failure.message
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_lost_for_a_moment_is_still_stopped() {
    let world = World::default();
    world
        .job("a", "one", Job::ok(6000))
        .breaks_after("a", &[5])
        .dials(
            "a",
            &[Dial::Works, Dial::TimesOut, Dial::TimesOut, Dial::TimesOut],
        );
    let plan = PlanMaker::new(&["a:w"])
        .stage("one", "", script(), &[])
        .plan();
    let ran = run_and_stop(&world, plan, &[(8, CancelLevel::StopJobs)]).await;
    assert_eq!(ran.outcome_of("one@a"), &Outcome::Cancelled);
    assert_eq!(world.cancelled("a"), ["r1.one.a.1"]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_permit_loses_no_time_and_begins_nothing_after_a_stop() {
    let world = World::default();
    for host in ["a", "b", "c"] {
        world.job(host, "one", Job::ok(40));
    }
    let plan = || {
        PlanMaker::new(&["a:w", "b:w", "c:w"])
            .stage_with("one", "", script(), &[], |stage| {
                stage.within = Some(Duration::from_secs(50));
            })
            .plan()
    };
    let (_keep, cancel) = watch::channel(None);
    let ran = world.run_with(plan(), cancel, 1).await;
    assert_eq!(
        ran.outcome,
        RunOutcome::Done,
        "within counts from the start, not in the queue"
    );

    let world = World::default();
    for host in ["a", "b", "c"] {
        world.job(host, "one", Job::ok(40));
    }
    let (ask, cancel) = watch::channel(None);
    let asking = tokio::spawn(async move {
        sleep(Duration::from_secs(10)).await;
        ask.send_replace(Some(CancelLevel::NoNewTasks));
        sleep(Duration::from_secs(10_000)).await;
    });
    let ran = world.run_with(plan(), cancel, 1).await;
    asking.abort();
    assert_eq!(ran.outcome, RunOutcome::Interrupted);
    let begun = ["a", "b", "c"]
        .iter()
        .filter(|host| !world.started(host).is_empty())
        .count();
    assert_eq!(begun, 1);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_disobeys_is_told_at_once_and_not_tried_again() {
    let not_root = LoginError::NotRoot {
        uid: 4242,
        sudo: true,
    };
    for how in [not_root, LoginError::TakesInput] {
        let mut world = World::default();
        holding(&mut world);
        world.disobeys("b", how.clone()).job("a", "one", Job::ok(1));
        let plan = PlanMaker::new(&["a:m", "b:m"])
            .stage("one", "", script(), &[])
            .plan();
        let ran = world.run(plan).await;
        assert_eq!(ran.outcome, RunOutcome::Failed);
        assert_eq!(world.connections("b"), 1);
        let failed = ran.events.iter().find_map(|event| match &event.kind {
            EventKind::HostFailed { host, failure } => Some((event.ms, host, failure)),
            _ => None,
        });
        let (ms, host, failure) = failed.unwrap();
        assert_eq!(host.as_str(), "b");
        assert!(ms < 1_000, "{ms}");
        assert_eq!(failure.kind, FailureKind::Login);
        assert_eq!(failure.message, how.to_string());
        assert_eq!(failure.advice.as_deref(), Some(how.advice().as_str()));
        assert!(
            ran.events
                .iter()
                .all(|event| !matches!(event.kind, EventKind::HostRetry { .. }))
        );
    }
}

fn holding(world: &mut World) {
    world.holds_as = Some(support::holder());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_lives_under_another_run_stops_this_one() {
    let mut world = World::default();
    holding(&mut world);
    world.held_by("b", "other.4026531836.7.7", Some(10));
    world.job("a", "one", Job::ok(1));
    let plan = PlanMaker::new(&["a:m", "b:m"])
        .stage("one", "", script(), &[])
        .stage("two", "", script(), &["*one"])
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Held);
    assert!(ran.never_started("two@a") && ran.never_started("one@b"));
    let failure = ran
        .events
        .iter()
        .find_map(|event| match &event.kind {
            EventKind::HostFailed { host, failure } => Some((host.to_string(), failure)),
            _ => None,
        })
        .unwrap();
    assert_eq!(failure.0, "b");
    assert_eq!(failure.1.kind, FailureKind::Held);
    assert!(
        failure
            .1
            .message
            .contains("kim on desk/7 holds it with run r0")
    );
    // What was ours is let go.
    assert!(!world.is_held("a") && world.is_held("b"));
}

#[tokio::test(start_paused = true)]
async fn a_host_is_taken_from_a_run_that_gives_no_sign_of_life() {
    let mut world = World::default();
    holding(&mut world);
    world.held_by("a", "other.4026531836.7.7", None);
    world.job("a", "one", Job::ok(1));
    let plan = PlanMaker::new(&["a:m"])
        .stage("one", "", script(), &[])
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    let after = ran.started("one@a");
    assert!((30_000..34_000).contains(&after), "{after}");
    assert!(!world.is_held("a"));
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_beside_what_another_run_left_running() {
    for (seconds, outcome) in [(Some(12), RunOutcome::Done), (None, RunOutcome::Held)] {
        let mut world = World::default();
        holding(&mut world);
        world.left_running("a", "r0.one.a.1", seconds);
        world.job("a", "one", Job::ok(1));
        let plan = PlanMaker::new(&["a:m"])
            .stage("one", "", script(), &[])
            .plan();
        let ran = world.run(plan).await;
        assert_eq!(ran.outcome, outcome);
        match seconds {
            Some(seconds) => assert!(ran.started("one@a") >= seconds * 1_000),
            None => {
                assert!(ran.never_started("one@a"));
                let told = format!("{:?}", ran.events);
                assert!(
                    told.contains("the run r0 has left a script running here"),
                    "{told}"
                );
                assert!(told.contains("phalanx resume r0"), "{told}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_at_once_each_time_is_made_once_a_second() {
    let world = World::default();
    // Each of them gets one byte further.
    let mut job = Job::ok(30).says(&"x".repeat(1_000));
    job.drips = true;
    world
        .job("a", "one", job)
        .breaks_each("a", Duration::from_millis(10));
    let plan = PlanMaker::new(&["a:m"])
        .stage("one", "", script(), &[])
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    let connections = world.connections("a");
    assert!((10..40).contains(&connections), "{connections}");
}

#[tokio::test(start_paused = true)]
async fn why_nothing_gets_further_is_told() {
    let world = World::default();
    let lost = || {
        JobError::Request(RequestError::Lost(LostError {
            reason: "the host cannot start another process".into(),
        }))
    };
    for _ in 0..10_000 {
        world.job_error("a", lost());
    }
    let plan = PlanMaker::new(&["a:m"])
        .stage("one", "", script(), &[])
        .plan();
    let ran = world.run(plan).await;
    let (_, end) = ran.end("one@a");
    let said = &end.failure.as_ref().unwrap().message;
    assert!(
        said.contains(
            "nothing gets further: the connection was lost: the host cannot start another process"
        ),
        "{said}"
    );
    // And before: not only after all that time.
    let early = |kind: &EventKind| matches!(kind, EventKind::HostNotice { text, .. } if text.contains("cannot start another process"));
    assert_eq!(
        ran.events.iter().filter(|event| early(&event.kind)).count(),
        1
    );
}
