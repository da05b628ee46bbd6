//! Gates, permits, failures and skips, on a scripted world with time paused.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use phalanx_events::{EventKind, FailureKind, Outcome, ReportedSeverity, RunOutcome};
use phalanx_plan::{Allowance, FactKind, Plan};
use phalanx_remote::{FenceError, JobError, RequestError, Said, UnsafeSpoolError};
use support::{Dial, Job, PlanMaker, World, changed, script, until};

#[tokio::test(start_paused = true)]
async fn an_own_gate_lets_the_fast_host_go_on_and_an_all_gate_does_not() {
    let world = World::default();
    for (host, seconds) in [("fast", 1), ("slow", 60)] {
        world
            .job(host, "prepare", Job::ok(seconds))
            .job(host, "own", Job::ok(1))
            .job(host, "all", Job::ok(1));
    }
    let plan = PlanMaker::new(&["fast:w", "slow:w"])
        .stage("prepare", "", script(), &[])
        .stage("own", "", script(), &["prepare"])
        .stage("all", "", script(), &["own", "*prepare"])
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    let slow_prepared = ran.end("prepare@slow").0;
    assert!(ran.started("own@fast") < slow_prepared, "own gates overlap");
    assert!(ran.started("all@fast") >= slow_prepared, "all gates do not");
    assert!(slow_prepared >= 60_000);
    assert_eq!(world.collected("fast"), ["r1"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_host_stops_itself_and_holds_the_gate_that_needs_it() {
    let world = World::default();
    world
        .job(
            "m1",
            "docker",
            Job::fails(1, 4).says("doing\nE: it broke\n"),
        )
        .job("m2", "docker", Job::ok(5))
        .job("m2", "own", Job::ok(1));
    let plan = PlanMaker::new(&["m1:m", "m2:m"])
        .stage("docker", "", script(), &[])
        .stage("own", "", script(), &["docker"])
        .stage("all", "", script(), &["own", "*docker"])
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Failed);
    let failure = ran.end("docker@m1").1.failure.clone().unwrap();
    assert_eq!(failure.kind, FailureKind::Script);
    assert_eq!(failure.message, "the script ended with status 4");
    assert_eq!(failure.lines, ["doing", "E: it broke"]);
    assert!(ran.never_started("own@m1"));
    let reason = |task: &str| match ran.outcome_of(task) {
        Outcome::NotRun { reason } => reason.clone(),
        other => panic!("{task}: {other:?}"),
    };
    assert_eq!(reason("own@m1"), "docker@m1 failed");
    assert_eq!(
        ran.outcome_of("own@m2"),
        &Outcome::Already,
        "m2 goes on by its own gate"
    );
    assert_eq!(
        reason("all@m2"),
        "docker did not succeed on m1 (m: none may be missing)"
    );
    assert!(
        world.collected("m2").is_empty(),
        "a spool is kept for looking into"
    );
}

#[tokio::test(start_paused = true)]
async fn roles_say_how_many_may_miss() {
    for (unreachable, reached) in [(1, true), (2, false)] {
        let world = World::default();
        let names: Vec<String> = (0..5).map(|n| format!("w{n}")).collect();
        for (index, name) in names.iter().enumerate() {
            if index < unreachable {
                world.dials(name, &[Dial::TimesOut; 60]);
            } else {
                world.job(name, "join", Job::ok(1));
            }
        }
        world
            .job("m1", "join", Job::ok(1))
            .job("m1", "open", Job::ok(1));
        let mut hosts = vec!["m1:m".to_owned()];
        hosts.extend(names.iter().map(|name| format!("{name}:w")));
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let plan = PlanMaker::new(&hosts)
            .may_miss("w", Allowance::Percent(20))
            .stage("join", "", script(), &[])
            .stage("open", "m", script(), &["join", "*join"])
            .plan();
        let ran = world.run(plan).await;
        assert_eq!(
            ran.outcome,
            RunOutcome::Failed,
            "a missing host is always told"
        );
        assert_eq!(
            ran.outcome_of("open@m1").is_done(),
            reached,
            "{unreachable} missing"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn at_once_is_a_sliding_limit() {
    let world = World::default();
    let names: Vec<String> = (0..6).map(|n| format!("w{n}")).collect();
    for (index, name) in names.iter().enumerate() {
        world.job(name, "copy", Job::ok(if index == 0 { 30 } else { 10 }));
    }
    let hosts: Vec<String> = names.iter().map(|name| format!("{name}:w")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let plan = PlanMaker::new(&hosts)
        .stage_with("copy", "", script(), &[], |stage| stage.at_once = Some(2))
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    let mut changes: Vec<(u64, i32)> = Vec::new();
    for name in &names {
        let task = format!("copy@{name}");
        changes.push((ran.started(&task), 1));
        changes.push((ran.end(&task).0, -1));
    }
    changes.sort();
    let mut now = 0;
    for (_, change) in changes {
        now += change;
        assert!(now <= 2);
    }
    // Beside the slow one the five others follow each other; batches of two would take 50 s.
    assert!(ran.end("copy@w5").0 < 51_000 && ran.events.last().unwrap().ms < 51_000);
    assert!(
        ran.started("copy@w3") < 30_000,
        "nobody waits for the slow one"
    );
}

#[tokio::test(start_paused = true)]
async fn a_condition_is_decided_on_the_host() {
    let world = World::default();
    world
        .facts("a", "fact\tneeded\ttrue\n")
        .facts("b", "fact\tneeded\tfalse\n")
        .job("a", "fix", Job::ok(1))
        .job("a", "next", Job::ok(1))
        .job("b", "next", Job::ok(1));
    let plan = PlanMaker::new(&["a:w", "b:w"])
        .fact("needed", FactKind::Bool)
        .stage_with("fix", "", script(), &[], |stage| {
            stage.when = Some("needed".into())
        })
        .stage("next", "", script(), &["*fix"])
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    assert_eq!(
        ran.outcome_of("fix@b"),
        &Outcome::Skipped {
            reason: "needed is false".into(),
            by_operator: false,
        }
    );
    assert!(ran.never_started("fix@b"));
    assert_eq!(
        ran.outcome_of("next@b"),
        &Outcome::Already,
        "skipped counts as done"
    );
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_the_host_cannot_answer_fails_there() {
    let world = World::default();
    world.facts("a", "");
    let plan = PlanMaker::new(&["a:w"])
        .fact("needed", FactKind::Bool)
        .stage_with("fix", "", script(), &[], |stage| {
            stage.when = Some("needed".into())
        })
        .plan();
    let ran = world.run(plan).await;
    let failure = ran.end("fix@a").1.failure.clone().unwrap();
    assert_eq!(failure.kind, FailureKind::Expression);
    assert!(failure.message.contains("needed"), "{}", failure.message);
}

#[tokio::test(start_paused = true)]
async fn until_asks_until_yes_and_tells_what_it_waits_for() {
    let world = World::default();
    world
        .probe("a", "quorum", 1, "1 of 3 answer\n")
        .probe("a", "quorum", 1, "2 of 3 answer\n")
        .probe("a", "quorum", 1, "2 of 3 answer\n")
        .probe("a", "quorum", 0, "");
    let ran = world
        .run(
            PlanMaker::new(&["a:w"])
                .stage("quorum", "", until(), &[])
                .plan(),
        )
        .await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    let waits: Vec<String> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            phalanx_events::EventKind::TaskWaiting { text, .. } => Some(text.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(
        waits,
        ["1 of 3 answer", "2 of 3 answer"],
        "each reason is told once"
    );
}

#[tokio::test(start_paused = true)]
async fn until_gives_up_in_time_and_says_what_was_said_last() {
    let world = World::default();
    world.probe("a", "quorum", 1, "only 2 of 3 answer\n");
    let plan = PlanMaker::new(&["a:w"])
        .stage_with("quorum", "", until(), &[], |stage| {
            stage.within = Some(std::time::Duration::from_secs(90));
        })
        .plan();
    let ran = world.run(plan).await;
    let (ms, end) = ran.end("quorum@a");
    assert!((90_000..92_000).contains(&ms), "{ms}");
    let failure = end.failure.clone().unwrap();
    assert_eq!(failure.kind, FailureKind::TimedOut);
    assert_eq!(
        failure.message,
        "not reached within 90 s; it last said: only 2 of 3 answer"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_is_tried_again_under_its_own_number() {
    let world = World::default();
    world
        .job("a", "flaky", Job::fails(1, 7))
        .job("a", "flaky", Job::ok(1));
    let plan = PlanMaker::new(&["a:w"])
        .stage_with("flaky", "", script(), &[], |stage| stage.retries = 2)
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    assert_eq!(world.started("a"), ["r1.flaky.a.1", "r1.flaky.a.2"]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_takes_too_long_is_stopped_on_the_host() {
    let world = World::default();
    world.job("a", "long", Job::ok(1000));
    let plan = PlanMaker::new(&["a:w"])
        .stage_with("long", "", script(), &[], |stage| {
            stage.within = Some(std::time::Duration::from_secs(60));
        })
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(
        ran.end("long@a").1.failure.as_ref().unwrap().kind,
        FailureKind::TimedOut
    );
    assert_eq!(world.cancelled("a"), ["r1.long.a.1"]);
}

#[tokio::test(start_paused = true)]
async fn problems_found_by_checks_are_told_apart_from_failures() {
    let world = World::default();
    world
        .job(
            "a",
            "preflight",
            Job::fails(1, 1).result("problem\tports\terror\t9000 is in use\tfree it\n"),
        )
        .job("b", "preflight", Job::ok(1));
    let plan = PlanMaker::new(&["a:w", "b:w"])
        .stage("preflight", "", script(), &[])
        .stage("change", "", script(), &["*preflight"])
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::ProblemsFound);
    assert_eq!(ran.end("preflight@a").1.problems[0].check, "ports");
    assert!(ran.never_started("change@b"));
}

#[tokio::test(start_paused = true)]
async fn an_accepted_problem_is_a_warning_that_says_so() {
    let world = World::default();
    world
        .job(
            "a",
            "preflight",
            Job::ok(1).result("problem\tftype\terror\tXFS without ftype\tformat it\n"),
        )
        .job("a", "change", Job::ok(1));
    let plan = PlanMaker::new(&["a:w"])
        .stage("preflight", "", script(), &[])
        .stage("change", "", script(), &["*preflight"])
        .plan();
    let plan = changed(plan, |plan| {
        plan.accept.insert("ftype".into());
    });
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    let problem = &ran.end("preflight@a").1.problems[0];
    assert_eq!(problem.severity, ReportedSeverity::Warning);
    assert_eq!(problem.text, "XFS without ftype (accepted)");
}

#[tokio::test(start_paused = true)]
async fn a_script_is_given_what_all_hosts_told() {
    let world = World::default();
    for host in ["a", "b"] {
        let told = format!("fact\tos\tos of {host}\n");
        world
            .job(host, "look", Job::ok(1).result(&told))
            .job(host, "compare", Job::ok(1));
    }
    let plan = PlanMaker::new(&["a:w", "b:w"])
        .fact("os", phalanx_plan::FactKind::Text)
        .stage("look", "", script(), &[])
        .stage_with("compare", "", script(), &["*look"], |stage| {
            stage.all_facts.insert("os".into());
        })
        .plan();
    world.facts("a", "").facts("b", "");
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    for host in ["a", "b"] {
        let environment = world.environment(host, "compare");
        assert_eq!(environment["PX_FACTS_OS"], "a os of a\nb os of b\n");
        let clock: u64 = environment["PX_CLOCK"].parse().unwrap();
        assert!(clock > 1_700_000_000_000, "milliseconds since 1970");
        assert!(!world.environment(host, "look").contains_key("PX_FACTS_OS"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_fact_that_is_too_long_is_passed_over_and_told() {
    let world = World::default();
    let plan = PlanMaker::new(&["a:w"])
        .fact("os", phalanx_plan::FactKind::Text)
        .fact("net", phalanx_plan::FactKind::Text)
        .stage("look", "", script(), &[])
        .stage_with("compare", "", script(), &["*look"], |stage| {
            stage.all_facts.insert("os".into());
            stage.all_facts.insert("net".into());
        })
        .plan();
    let told = |bytes: usize| format!("fact\tnet\t{}\n", "x".repeat(bytes));
    world.facts(
        "a",
        &format!("fact\tos\t{}\n{}", "y".repeat(4097), told(4096)),
    );
    world
        .job("a", "look", Job::ok(1).result(&told(150_000)))
        .job("a", "compare", Job::ok(1));
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    let environment = world.environment("a", "compare");
    assert_eq!(environment["PX_FACTS_OS"], "");
    assert_eq!(environment["PX_FACTS_NET"].len(), "a \n".len() + 4096);
    let notices: Vec<String> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::HostNotice { host, text } if host.as_str() == "a" => Some(text.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(notices.len(), 2, "{notices:?}");
    assert!(
        notices[0].contains("the fact os with 4097 bytes"),
        "{notices:?}"
    );
    assert!(
        notices[1].starts_with("s.sh told the fact net with 150000 bytes"),
        "{notices:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_login_fails_the_host_at_once_and_a_silent_one_after_a_while() {
    let world = World::default();
    world
        .dials("refused", &[Dial::Refuses])
        .dials("silent", &[Dial::TimesOut; 60]);
    world
        .dials("late", &[Dial::TimesOut, Dial::TimesOut])
        .job("late", "go", Job::ok(1));
    let plan = PlanMaker::new(&["refused:w", "silent:w", "late:w"])
        .stage("go", "", script(), &[])
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Failed);
    let failed: Vec<(String, u64, FailureKind)> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            phalanx_events::EventKind::HostFailed { host, failure } => {
                Some((host.to_string(), event.ms, failure.kind))
            }
            _ => None,
        })
        .collect();
    assert_eq!(failed.len(), 2);
    assert_eq!(
        (failed[0].0.as_str(), failed[0].2),
        ("refused", FailureKind::Login)
    );
    assert!(failed[0].1 < 1_000);
    assert_eq!(
        (failed[1].0.as_str(), failed[1].2),
        ("silent", FailureKind::Unreachable)
    );
    assert!((20_000..40_000).contains(&failed[1].1), "{}", failed[1].1);
    assert_eq!(ran.outcome_of("go@late"), &Outcome::Already);
    assert_eq!(
        ran.outcome_of("go@silent"),
        &Outcome::NotRun {
            reason: "silent could not be reached".into()
        }
    );
}

/// Five workers, of which one may be missing; the first two stages are for all, and the run goes on for
/// some minutes after them.
fn five_workers(world: &World) -> Plan {
    for host in ["w1", "w2", "w3", "w4", "w5"] {
        world.job(host, "long", Job::ok(200));
        for stage in ["one", "last"] {
            world.job(host, stage, Job::ok(1));
        }
    }
    PlanMaker::new(&["w1:w", "w2:w", "w3:w", "w4:w", "w5:w"])
        .may_miss("w", Allowance::Hosts(1))
        .stage("one", "", script(), &[])
        .stage("long", "", script(), &["*one"])
        .stage("last", "", script(), &["long"])
        .plan()
}

#[tokio::test(start_paused = true)]
async fn a_late_host_joins_at_its_own_next_stage() {
    let world = World::default();
    let plan = five_workers(&world);
    // It answers after about a minute.
    world.dials("w3", &[Dial::TimesOut; 12]);
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    assert!(
        ran.started("long@w1") < 40_000,
        "the others did not wait for it"
    );
    let joined = ran.started("one@w3");
    assert!((40_000..200_000).contains(&joined), "{joined}");
    assert!(ran.started("last@w1") < ran.started("last@w3"));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_failed_is_tried_again_while_the_others_go_on() {
    let world = World::default();
    world
        .job("w2", "one", Job::fails(1, 1))
        .job("w2", "one", Job::fails(1, 1));
    let plan = five_workers(&world);
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    let mut attempts = world.started("w2");
    attempts.retain(|job| job.contains(".one."));
    assert_eq!(attempts, ["r1.one.w2.1", "r1.one.w2.2", "r1.one.w2.3"]);
}

#[tokio::test(start_paused = true)]
async fn who_is_still_away_at_the_end_is_told_with_all_that_was_not_done() {
    let world = World::default();
    let plan = five_workers(&world);
    world.dials("w3", &[Dial::TimesOut; 1_000]);
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Failed);
    for stage in ["one", "long", "last"] {
        let (_, end) = ran.end(&format!("{stage}@w3"));
        let reason = "w3 could not be reached".to_owned();
        assert_eq!(end.outcome, Outcome::NotRun { reason });
        assert!(ran.outcome_of(&format!("{stage}@w1")).is_done());
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_the_others_cannot_do_without_is_not_waited_for() {
    let world = World::default();
    let plan = five_workers(&world);
    world.dials("w3", &[Dial::TimesOut; 12]);
    world.dials("w4", &[Dial::TimesOut; 1_000]);
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Failed);
    assert!(ran.never_started("long@w1"));
}

#[tokio::test(start_paused = true)]
async fn what_time_does_not_mend_is_given_up_at_once_with_its_advice() {
    let spool = || "/var/lib/phalanx".to_owned();
    for (error, says, advises) in [
        (
            JobError::Request(RequestError::UnsafeSpool(UnsafeSpoolError {
                spool: spool(),
                reason: "/var/lib/phalanx/j belongs to user 42 and has mode 755".into(),
            })),
            "/var/lib/phalanx/j belongs to user 42",
            "chown root",
        ),
        (
            JobError::Request(RequestError::Fence(FenceError::Damaged {
                spool: spool(),
                file: "/var/lib/phalanx/fence".into(),
            })),
            "/var/lib/phalanx/fence is damaged",
            "remove /var/lib/phalanx/fence",
        ),
        (
            JobError::NoFlock {
                said: Said("flock: not found".into()),
            },
            "its `flock` said \"flock: not found\"",
            "install util-linux",
        ),
    ] {
        let world = World::default();
        let plan = five_workers(&world);
        world.job_error("w2", error);
        let ran = world.run(plan).await;
        assert_eq!(ran.outcome, RunOutcome::Failed);
        let (_, end) = ran.end("one@w2");
        let failure = end.failure.as_ref().unwrap();
        assert_eq!(failure.kind, FailureKind::Spool);
        assert!(failure.lasts);
        assert!(failure.message.contains(says), "{}", failure.message);
        let advice = failure.advice.as_deref().unwrap();
        assert!(advice.contains(advises), "{advice}");
        // Nobody came back to it, though the others went on for long.
        assert_eq!(world.started("w2"), Vec::<String>::new());
        assert!(ran.outcome_of("last@w1").is_done());
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_script_leaves_running_is_told() {
    let world = World::default();
    let mut job = Job::ok(1);
    job.left = vec!["sleep".into(), "nginx".into()];
    world.job("a", "one", job);
    let plan = PlanMaker::new(&["a:w"])
        .stage("one", "", script(), &[])
        .plan();
    let ran = world.run(plan).await;
    let notices: Vec<&str> = ran
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::HostNotice { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(
        notices,
        [
            "the script of one ended and left 2 processes running (sleep, nginx); they were ended too: what is to \
             stay has to be a service of the host"
        ]
    );
}
