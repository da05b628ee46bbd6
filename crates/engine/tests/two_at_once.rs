//! One run at a time: what must hold however many are started, and whenever. On a scripted world, time paused.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::time::Duration;

use phalanx_events::{Control, EventKind, Failure, FailureKind, RunOutcome};
use phalanx_plan::{Allowance, Plan};
use phalanx_remote::Stance;
use proptest::prelude::*;
use support::{Dial, Job, PlanMaker, Ran, World, changed, script};
use tokio::time::{Instant, sleep, timeout};

const OTHER: &str = "other.4026531836.7.7";

fn holding() -> World {
    let mut world = World::default();
    world.holds_as = Some(support::holder());
    world
}

/// Two stages, the second behind all of the first.
fn plan(hosts: &[&str]) -> Plan {
    let hosts: Vec<String> = hosts.iter().map(|host| format!("{host}:w")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    PlanMaker::new(&hosts)
        .may_miss("w", Allowance::Percent(100))
        .stage("one", "", script(), &[])
        .stage("two", "", script(), &["*one"])
        .plan()
}

fn jobs(world: &World, host: &str, seconds: u64) {
    for _ in 0..20 {
        world.job(host, "one", Job::ok(seconds));
        world.job(host, "two", Job::ok(seconds));
    }
}

fn failure<'a>(ran: &'a Ran, host: &str) -> &'a Failure {
    let failed = ran.events.iter().rev().find_map(|event| match &event.kind {
        EventKind::HostFailed {
            host: name,
            failure,
        } if name.as_str() == host => Some(failure),
        _ => None,
    });
    failed.unwrap_or_else(|| panic!("{host} has not failed"))
}

fn began(ran: &Ran) -> bool {
    let starts = |kind: &EventKind| matches!(kind, EventKind::TaskStarted { .. });
    ran.events.iter().any(|event| starts(&event.kind))
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_before_every_host_has_answered() {
    let mut world = holding().controller("r1", &[("b", Duration::from_millis(400))]);
    world.holds_as = Some(support::holder());
    for host in ["a", "b"] {
        jobs(&world, host, 1);
    }
    let ran = world.run(plan(&["a", "b"])).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    // Connecting to b, and its answer.
    let after = ran.started("one@a");
    assert!((1_200..1_300).contains(&after), "{after}");
}

#[tokio::test(start_paused = true)]
async fn most_hosts_are_enough_after_a_while_and_half_of_them_are_not() {
    for (hosts, begins_after) in [
        (&["a", "b", "c"][..], 3_000..3_100),
        (&["a", "c"], 25_000..40_000),
    ] {
        let world = holding();
        for host in hosts {
            jobs(&world, host, 1);
        }
        world.off("c");
        let ran = world.run(plan(hosts)).await;
        let after = ran.started("one@a");
        assert!(begins_after.contains(&after), "{after}");
    }
}

#[tokio::test(start_paused = true)]
async fn once_it_has_its_hosts_it_says_so_on_them() {
    let world = holding();
    for host in ["a", "b"] {
        jobs(&world, host, 5);
    }
    let looking = world.clone();
    let look = tokio::spawn(async move {
        sleep(Duration::from_millis(500)).await;
        ["a", "b"].map(|host| looking.holder_of(host).unwrap().stance)
    });
    world.run(plan(&["a", "b"])).await;
    assert_eq!(look.await.unwrap(), [Stance::Working; 2]);
}

#[tokio::test(start_paused = true)]
async fn who_is_behind_leaves_at_once_and_begins_nothing() {
    let world = holding();
    world.held_by_one("b", OTHER, Some(10), Stance::Taking, u64::MAX);
    for host in ["a", "b", "c"] {
        jobs(&world, host, 1);
    }
    let began_at = Instant::now();
    let ran = world.run(plan(&["a", "b", "c"])).await;
    assert_eq!(ran.outcome, RunOutcome::Held);
    assert!(!began(&ran));
    assert!(began_at.elapsed() < Duration::from_secs(1));
    let failure = failure(&ran, "b");
    assert_eq!(failure.kind, FailureKind::Held);
    let said = &failure.message;
    assert!(
        said.contains("kim on desk/7 takes it with run r0"),
        "{said}"
    );
    assert!(!world.is_held("a") && !world.is_held("c") && world.is_held("b"));
}

#[tokio::test(start_paused = true)]
async fn who_is_ahead_waits_for_the_other_to_let_go() {
    let world = holding();
    world.held_by_one("b", OTHER, Some(10), Stance::Taking, 0);
    world.lets_go_after("b", 7);
    for host in ["a", "b"] {
        jobs(&world, host, 1);
    }
    let ran = world.run(plan(&["a", "b"])).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    let after = ran.started("one@a");
    assert!((7_000..7_500).contains(&after), "{after}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_somebody_else_takes_and_that_is_left_out_is_not_waited_for() {
    let world = holding();
    world.held_by_one("b", OTHER, Some(10), Stance::Taking, 0);
    for host in ["a", "b", "c"] {
        jobs(&world, host, 1);
    }
    world.says(3, Control::Drop { host: "b".into() });
    let ran = world.run(plan(&["a", "b", "c"])).await;
    assert_eq!(world.answers().len(), 1);
    assert!(world.answers()[0].is_ok(), "{:?}", world.answers());
    let after = ran.started("one@a");
    assert!((3_000..3_500).contains(&after), "{after}");
    for task in ["two@a", "two@c"] {
        assert!(ran.outcome_of(task).is_done());
    }
    assert!(ran.never_started("one@b"));
    // It stays the other one's, and none of ours is held.
    assert!(world.is_held("b") && !world.is_held("a") && !world.is_held("c"));
    assert_ne!(ran.outcome, RunOutcome::Held);
}

#[tokio::test(start_paused = true)]
async fn one_that_takes_its_hosts_and_then_begins_is_left_alone() {
    let world = holding();
    world.held_by_one("b", OTHER, Some(10), Stance::Taking, 0);
    let other = world.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(2)).await;
        other.held_by("b", OTHER, Some(10));
    });
    for host in ["a", "b"] {
        jobs(&world, host, 1);
    }
    let began_at = Instant::now();
    let ran = world.run(plan(&["a", "b"])).await;
    assert_eq!(ran.outcome, RunOutcome::Held);
    assert!(!began(&ran) && !world.is_held("a"));
    assert!(began_at.elapsed() < Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn one_that_died_while_it_took_its_hosts_is_succeeded_whatever_its_lot() {
    for rank in [0, u64::MAX] {
        let world = holding();
        world.held_by_one("b", OTHER, None, Stance::Taking, rank);
        for host in ["a", "b"] {
            jobs(&world, host, 1);
        }
        let ran = world.run(plan(&["a", "b"])).await;
        assert_eq!(ran.outcome, RunOutcome::Done);
        let after = ran.started("one@a");
        assert!((30_000..33_000).contains(&after), "{after}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_with_ever_new_takers_is_given_up() {
    for same_process in [true, false] {
        let world = holding();
        let lying = world.clone();
        tokio::spawn(async move {
            for number in 0.. {
                let process = if same_process {
                    OTHER.to_owned()
                } else {
                    format!("other{number}")
                };
                lying.held_by_one("b", &process, None, Stance::Taking, 0);
                if same_process {
                    lying.held_by_one("b", &process, None, Stance::Taking, number % 2);
                }
                sleep(Duration::from_millis(700)).await;
            }
        });
        sleep(Duration::from_millis(1)).await;
        for host in ["a", "b"] {
            jobs(&world, host, 1);
        }
        let began_at = Instant::now();
        let ran = timeout(Duration::from_secs(1_000), world.run(plan(&["a", "b"])));
        let ran = ran.await.unwrap();
        assert_eq!(ran.outcome, RunOutcome::Held);
        assert!(!began(&ran));
        let took = began_at.elapsed().as_secs();
        assert!((180..190).contains(&took), "{took}");
        let said = &failure(&ran, "b").message;
        assert!(said.contains("kept saying"), "{said}");
    }
}

/// Of these hosts the last is off at first, and comes back after a minute; somebody has taken it meanwhile.
async fn late(hosts: &[&str], off: &[&str], stance: Stance) -> (World, Ran) {
    let world = holding();
    for host in hosts {
        jobs(&world, host, 300);
    }
    for host in off {
        world.dials(host, &[Dial::TimesOut; 60]);
    }
    let last = hosts.last().unwrap().to_string();
    world.held_by_one(&last, OTHER, Some(10), stance, u64::MAX);
    let (answering, host) = (world.clone(), last.clone());
    tokio::spawn(async move {
        sleep(Duration::from_secs(60)).await;
        answering.answers_again(&host);
        if stance == Stance::Taking {
            answering.lets_go_after(&host, 60);
        }
    });
    let ran = timeout(Duration::from_secs(5_000), world.run(plan(hosts)));
    (world.clone(), ran.await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn who_has_begun_stays_and_a_late_host_is_waited_for() {
    let (_, ran) = late(&["a", "b", "c"], &["c"], Stance::Taking).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    assert!((3_000..3_100).contains(&ran.started("one@a")));
    assert!(ran.started("one@c") >= 120_000, "{}", ran.started("one@c"));
}

#[tokio::test(start_paused = true)]
async fn a_late_host_of_another_run_fails_alone_where_most_hosts_are_ours() {
    let (world, ran) = late(&["a", "b", "c"], &["c"], Stance::Working).await;
    assert_eq!(ran.outcome, RunOutcome::Failed);
    assert!(ran.outcome_of("two@a").is_done() && ran.never_started("one@c"));
    assert_eq!(failure(&ran, "c").kind, FailureKind::Held);
    assert!(world.is_held("c"));
}

#[tokio::test(start_paused = true)]
async fn a_late_host_of_another_run_ends_this_one_where_most_hosts_are_not_ours() {
    let (_, ran) = late(&["a", "b", "c"], &["b", "c"], Stance::Working).await;
    assert_eq!(ran.outcome, RunOutcome::Held);
    assert!(
        ran.outcome_of("one@a").is_done(),
        "what runs ends by itself"
    );
    assert!(ran.never_started("two@a"));
}

#[tokio::test(start_paused = true)]
async fn whose_hosts_were_taken_over_ends_as_held() {
    for (taken, goes_on) in [(&["a"][..], true), (&["a", "b"], false)] {
        let world = holding();
        for host in ["a", "b", "c"] {
            jobs(&world, host, 10);
        }
        for host in taken {
            world.taken_over_after(host, 5);
        }
        world.job("c", "three", Job::ok(1));
        let plan = PlanMaker::new(&["a:w", "b:w", "c:w"])
            .may_miss("w", Allowance::Percent(100))
            .stage("one", "", script(), &[])
            .stage("two", "", script(), &["*one"])
            .stage("three", "", script(), &["two"])
            .plan();
        if goes_on {
            world.job("b", "three", Job::ok(1));
        }
        let ran = world.run(plan).await;
        assert_eq!(ran.outcome, RunOutcome::Held);
        let (_, end) = ran.end("two@a");
        assert_eq!(end.failure.as_ref().unwrap().kind, FailureKind::Fenced);
        assert!(
            ran.outcome_of("two@c").is_done(),
            "what runs ends by itself"
        );
        assert_eq!(!ran.never_started("three@c"), goes_on);
    }
}

#[tokio::test(start_paused = true)]
async fn two_hosts_that_are_one_machine_are_told() {
    let mut world = holding();
    for host in ["a", "b"] {
        jobs(&world, host, 1);
    }
    jobs(&world, "c", 1);
    world.is_also("b", "a");
    let ran = world.run(plan(&["a", "b", "c"])).await;
    for host in ["a", "b"] {
        let failure = failure(&ran, host);
        let said =
            "a and b are one machine: 192.0.2.1 port 22 and 192.0.2.1 port 22 both lead to it";
        assert_eq!(failure.message, said);
        let advice = failure.advice.as_deref().unwrap();
        assert!(
            advice.starts_with("give a or b its own address"),
            "{advice}"
        );
    }
    // The plan is of other hosts than are there: nothing begins, nobody else is blamed, and all is let go.
    assert_eq!(ran.outcome, RunOutcome::Failed);
    assert!(!began(&ran));
    assert!(!world.is_held("a") && !world.is_held("c"));
}

#[tokio::test(start_paused = true)]
async fn a_check_tells_two_hosts_that_are_one_machine_and_only_these() {
    // All hosts of the world say the same boot of themselves.
    for twins in [true, false] {
        let mut world = World::default();
        if twins {
            world.is_also("b", "a");
        }
        for host in ["a", "b", "c"] {
            jobs(&world, host, 1);
        }
        let plan = changed(plan(&["a", "b", "c"]), |plan| {
            plan.flow = "check".to_owned()
        });
        let ran = world.run(plan).await;
        let failed = |host: &str| {
            let failed = |kind: &EventKind| matches!(kind, EventKind::HostFailed { host: name, .. } if name.as_str() == host);
            ran.events.iter().any(|event| failed(&event.kind))
        };
        assert!(!failed("c"));
        let failed: Vec<_> = ["a", "b"].into_iter().filter(|host| failed(host)).collect();
        assert_eq!(failed.len(), usize::from(twins), "{failed:?}");
        if let [host] = failed[..] {
            let said = &failure(&ran, host).message;
            assert!(
                said.starts_with("a and b are one machine: 192.0.2.1 port 22 "),
                "{said}"
            );
            assert_eq!(ran.outcome, RunOutcome::Failed);
        }
    }
}

/// Some controllers, and what they find.
#[derive(Clone, Debug)]
struct Case {
    /// Of each: its hosts, when it starts, and how long each host takes to answer it, there and back each.
    controllers: Vec<(Vec<usize>, u64, Vec<u64>)>,
    off: Vec<bool>,
    /// How long a host's jobs take.
    takes: Vec<u64>,
}

/// Controllers that start within some ms of each other; `all` of them want all hosts.
fn cases(all: bool, slow: bool) -> impl Strategy<Value = Case> {
    (2..4usize, 1..7usize).prop_flat_map(move |(controllers, hosts)| {
        let some = prop::collection::vec(prop::bool::weighted(0.7), hosts);
        let lag = match slow {
            true => prop_oneof![3 => 0..30u64, 1 => 0..2_400u64].boxed(),
            false => (0..300u64).boxed(),
        };
        let start = prop_oneof![2 => Just(0u64), 2 => 0..30u64, 1 => 0..20_000u64];
        let one = (some, start, prop::collection::vec(lag, hosts));
        let one = one.prop_map(move |(some, start, lags)| {
            let mut mine: Vec<usize> = (0..hosts).filter(|host| all || some[*host]).collect();
            if mine.is_empty() {
                mine.push(0);
            }
            (mine, start, lags)
        });
        (
            prop::collection::vec(one, controllers),
            prop::collection::vec(prop::bool::weighted(0.15), hosts),
            prop::collection::vec(1..40u64, hosts),
        )
            .prop_map(|(controllers, off, takes)| Case {
                controllers,
                off,
                takes,
            })
    })
}

/// What became of it: each controller's outcome, and each job's run, host, begin and end.
type Became = (Vec<RunOutcome>, Vec<(String, String, Instant, Instant)>);

fn carry_out(case: &Case) -> Became {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(async {
        let world = World::default();
        let names: Vec<String> = (0..case.off.len()).map(|n| format!("h{n}")).collect();
        for ((name, off), takes) in names.iter().zip(&case.off).zip(&case.takes) {
            jobs(&world, name, *takes);
            if *off {
                world.off(name);
            }
        }
        let mut all = Vec::new();
        for (index, (mine, start, lags)) in case.controllers.iter().enumerate() {
            let lags: Vec<(&str, Duration)> = names
                .iter()
                .zip(lags)
                .map(|(name, lag)| (name.as_str(), Duration::from_millis(*lag)))
                .collect();
            let controller = world.controller(&format!("run{index}"), &lags);
            let mine: Vec<&str> = mine.iter().map(|host| names[*host].as_str()).collect();
            let plan = plan(&mine);
            let start = Duration::from_millis(*start);
            all.push(tokio::spawn(async move {
                sleep(start).await;
                controller.run(plan).await.outcome
            }));
        }
        let mut outcomes = Vec::new();
        for one in all {
            let ended = timeout(Duration::from_secs(1_200), one).await;
            outcomes.push(
                ended
                    .unwrap_or_else(|_| panic!("a run never ends"))
                    .unwrap(),
            );
        }
        for name in &names {
            assert!(!world.is_held(name), "{name} is still held");
        }
        (outcomes, world.jobs_run())
    })
}

fn overlap(a: &(String, String, Instant, Instant), b: &(String, String, Instant, Instant)) -> bool {
    a.0 != b.0 && a.2 < b.3 && b.2 < a.3
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn of_runs_of_the_same_hosts_one_works_at_a_time(case in cases(true, true)) {
        let (outcomes, jobs) = carry_out(&case);
        for a in &jobs {
            for b in &jobs {
                prop_assert!(!overlap(a, b), "{:?} beside {:?}", a, b);
            }
        }
        // Somebody works, where there is a host to work on; who doesn't says why.
        let is_any_up = case.off.iter().any(|off| !off);
        prop_assert_eq!(!jobs.is_empty(), is_any_up);
        for (index, outcome) in outcomes.iter().enumerate() {
            let works = jobs.iter().any(|job| job.0 == format!("run{index}"));
            prop_assert!(works || !is_any_up || *outcome == RunOutcome::Held, "{:?}", outcomes);
        }
    }

    #[test]
    fn of_runs_of_some_hosts_those_that_share_one_never_work_at_the_same_time(
        case in cases(false, false)
    ) {
        let (_, jobs) = carry_out(&case);
        let shares = |a: &str, b: &str| {
            let of = |run: &str| &case.controllers[run[3..].parse::<usize>().unwrap()].0;
            of(a).iter().any(|host| of(b).contains(host) && !case.off[*host])
        };
        for a in &jobs {
            for b in &jobs {
                prop_assert!(
                    !(shares(&a.0, &b.0) && overlap(a, b)),
                    "{:?} beside {:?}", a, b
                );
            }
        }
    }

    #[test]
    fn no_host_is_worked_on_by_two_however_slow_it_is(case in cases(false, true)) {
        let (_, jobs) = carry_out(&case);
        for a in &jobs {
            for b in jobs.iter().filter(|b| b.1 == a.1) {
                prop_assert!(!overlap(a, b), "{:?} beside {:?}", a, b);
            }
        }
    }
}
