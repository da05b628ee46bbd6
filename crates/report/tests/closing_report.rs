//! What a run looks like once it is over.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what it expects by unwrapping"
)]

mod scenario;

use phalanx_events::{
    Event, EventKind, Failure, FailureKind, ReportedProblem, ReportedSeverity, RunOutcome,
    RunResumed, TaskEnd,
};
use phalanx_plan::{Action, Changes, Gate, PlannedStage, PreparedPlan, StageId};
use phalanx_report::closing::{ClosingOptions, closing};
use phalanx_report::{Charset, ReportContext, RunReport, plan_view, summarize};
use scenario::{Story, already, but_for, changed, hello, not_run, plain, plan, skipped, stage};
use std::sync::Arc;

fn report(plan: &PreparedPlan, events: &[Event]) -> RunReport {
    let log = |task: &phalanx_plan::TaskId, _| {
        format!(".phalanx/runs/r1/logs/{}/{}.log", task.host, task.stage)
    };
    summarize(
        plan,
        events,
        &ReportContext {
            run: "r1",
            command: "phalanx",
            again: "",
            newer: false,
            running: false,
            lab: None,
            log: &log,
        },
    )
}

fn text(report: &RunReport, width: u16) -> String {
    let options = ClosingOptions {
        width,
        charset: Charset::Unicode,
        quiet: false,
        notices: true,
    };
    plain(closing(report, options).as_bytes())
}

fn script_failed(line: &str) -> TaskEnd {
    TaskEnd::failed(
        Failure::new(FailureKind::Script, "scripts/join.sh ended with status 1")
            .advice("see the log")
            .lines(vec!["resolving".into(), line.into()]),
    )
}

fn failed_run() -> (Arc<PreparedPlan>, Vec<Event>) {
    let plan = hello();
    let mut story = Story::new(&plan);
    story.connected(300, &["s1", "w1", "w2"]);
    story
        .task(400, 1_400, "prepare", "s1", already())
        .task(400, 12_400, "prepare", "w1", changed(&["a"]))
        .task(1_500, 9_500, "prepare", "w2", changed(&["a"]));
    for (ms, host) in [(1_500, "s1"), (12_500, "w1"), (9_600, "w2")] {
        story.ended(ms, "reboot", host, skipped("reboot_needed is false"));
    }
    story
        .task(1_600, 41_600, "serve", "s1", changed(&["b"]))
        .task(
            41_700,
            44_000,
            "join",
            "w1",
            script_failed("w1 (10.0.0.2) cannot reach s1"),
        )
        .task(
            41_700,
            43_000,
            "join",
            "w2",
            script_failed("w2 (10.0.0.3) cannot reach s1"),
        )
        .add(
            45_000,
            EventKind::HostFailed {
                host: "w3".into(),
                failure: Failure::new(FailureKind::Unreachable, "10.0.0.4:22 does not answer")
                    .advice("check that the host is up"),
            },
        );
    for stage in ["prepare", "reboot", "join"] {
        story.ended(45_001, stage, "w3", not_run("the host is missing"));
    }
    story.add(
        45_002,
        EventKind::HostNotice {
            host: "w1".into(),
            text: "the key of w1 was new".into(),
        },
    );
    story.over(45_100, RunOutcome::Failed).sort();
    (plan, story.events)
}

#[test]
fn a_failed_run() {
    let (plan, events) = failed_run();
    insta::assert_snapshot!(text(&report(&plan, &events), 100));
}

#[test]
fn a_failed_run_as_data() {
    let (plan, events) = failed_run();
    let json = serde_json::to_string_pretty(&report(&plan, &events)).unwrap();
    insta::assert_snapshot!(json);
}

#[test]
fn a_report_fits_a_narrow_terminal() {
    let (plan, events) = failed_run();
    let text = text(&report(&plan, &events), 60);
    let tables = text.split("Critical path").next().unwrap();
    for line in tables.lines() {
        assert!(line.chars().count() <= 60, "{line:?}");
    }
}

#[test]
fn quiet_leaves_the_tables_out() {
    let (plan, events) = failed_run();
    let options = ClosingOptions {
        width: 80,
        charset: Charset::Ascii,
        quiet: true,
        notices: true,
    };
    let text = plain(closing(&report(&plan, &events), options).as_bytes());
    assert!(
        !text.contains("Stages") && !text.contains("Critical path"),
        "{text}"
    );
    assert!(text.contains("join failed on 2 hosts (w1, w2)"), "{text}");
}

#[test]
fn equal_failures_of_many_hosts_are_one_and_different_ones_stay_apart() {
    let (plan, mut events) = failed_run();
    let report_ = report(&plan, &events);
    assert_eq!(report_.failures.len(), 2);
    assert_eq!(report_.failures[0].hosts.len(), 2);
    assert_eq!(report_.failures[0].lines[1], "HOST (HOST) cannot reach s1");
    for event in &mut events {
        if let EventKind::TaskEnded { task, end, .. } = &mut event.kind
            && task.host.as_str() == "w2"
            && let Some(failure) = &mut end.failure
        {
            failure.lines[0] = "something else".into();
        }
    }
    let report_ = report(&plan, &events);
    assert_eq!(report_.failures.len(), 3);
    assert_eq!(
        report_.failures[0].lines[1],
        "w1 (10.0.0.2) cannot reach s1"
    );
}

#[test]
fn a_host_lost_in_a_task_is_one_failure() {
    let plan = hello();
    let mut story = Story::new(&plan);
    let failure = Failure::new(FailureKind::Unreachable, "10.0.0.2:22 does not answer");
    story.connected(0, &["w1"]);
    story.task(1, 2, "prepare", "w1", TaskEnd::failed(failure.clone()));
    story.add(
        3,
        EventKind::HostFailed {
            host: "w1".into(),
            failure,
        },
    );
    let report = report(&plan, &story.events);
    assert_eq!(report.failures.len(), 1);
    assert_eq!(report.failures[0].stage, Some(StageId::from("prepare")));
}

#[test]
fn what_comes_next_goes_by_what_the_flow_changes() {
    let next = |flow: &str, changes: Option<Changes>, outcome: RunOutcome| {
        let plan = but_for(&hello(), |plan| {
            plan.flow = flow.into();
            plan.changes = changes;
        });
        let mut story = Story::new(&plan);
        story.over(1_000, outcome);
        let steps = report(&plan, &story.events).next.into_iter();
        let commands: Vec<String> = steps.map(|step| step.command).collect();
        commands.join(", ")
    };
    let (nothing, hosts) = (Some(Changes::Nothing), Some(Changes::Hosts));
    for (flow, changes, outcome, commands) in [
        ("check", None, RunOutcome::Done, "phalanx install"),
        ("check", hosts, RunOutcome::Done, ""),
        ("install", None, RunOutcome::Done, "phalanx verify"),
        ("check", None, RunOutcome::Interrupted, "phalanx check"),
        ("check", hosts, RunOutcome::Interrupted, "phalanx resume r1"),
        (
            "install",
            None,
            RunOutcome::Interrupted,
            "phalanx resume r1",
        ),
        (
            "install",
            nothing,
            RunOutcome::Interrupted,
            "phalanx install",
        ),
        (
            "verify",
            nothing,
            RunOutcome::Failed,
            "phalanx install, phalanx verify, phalanx bundle r1",
        ),
        (
            "verify",
            hosts,
            RunOutcome::Failed,
            "phalanx resume r1, phalanx bundle r1",
        ),
    ] {
        assert_eq!(
            next(flow, changes, outcome),
            commands,
            "{flow} {changes:?} {outcome:?}"
        );
    }
}

#[test]
fn problems_are_folded_with_their_fix_and_the_worst_comes_first() {
    let plan = but_for(&hello(), |plan| plan.flow = "check".into());
    let mut story = Story::new(&plan);
    let hosts = ["s1", "w1", "w2", "w3"];
    story.connected(100, &hosts);
    for host in hosts {
        let problem = |check: &str, severity, text: String| ReportedProblem {
            check: check.into(),
            severity,
            text,
            fix: "reformat with ftype=1".into(),
        };
        let mut end = TaskEnd::failed(Failure::new(
            FailureKind::Script,
            "scripts/prepare.sh ended with status 1",
        ));
        end.problems.push(problem(
            "clock",
            ReportedSeverity::Warning,
            format!("the clock of {host} is 3 s late"),
        ));
        if host != "s1" {
            end.problems.push(problem(
                "xfs_ftype",
                ReportedSeverity::Error,
                "ftype=0".into(),
            ));
        }
        story.task(200, 900, "prepare", host, end);
    }
    story.over(1_000, RunOutcome::ProblemsFound).sort();
    insta::assert_snapshot!(text(&report(&plan, &story.events), 80));
}

#[test]
fn of_many_hosts_only_those_that_are_not_fine_are_listed() {
    let names: Vec<String> = (1..=60).map(|number| format!("w{number}")).collect();
    let hosts: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "worker")).collect();
    let plan = plan(
        &hosts,
        vec![stage("prepare", &["worker"], Action::Run("p.sh".into()))],
    );
    let mut story = Story::new(&plan);
    for name in &names {
        let end = if name == "w7" {
            script_failed("no")
        } else {
            already()
        };
        story.task(0, 10, "prepare", name, end);
    }
    story.sort();
    let text = text(&report(&plan, &story.events), 80);
    assert!(text.contains("  w7    worker  failed at prepare"), "{text}");
    assert!(text.contains("  and 59 hosts done\n"), "{text}");
    assert!(!text.contains("w8 "), "{text}");
    assert!(text.contains("not ended"), "{text}");
}

fn path(plan: &PreparedPlan, story: &Story) -> Vec<(String, u64, u64)> {
    let path = report(plan, &story.events).critical_path.unwrap();
    let sum: u64 = path
        .steps
        .iter()
        .map(|step| step.wait_ms + step.took_ms)
        .sum();
    assert_eq!(sum, path.sum_ms);
    path.steps
        .iter()
        .map(|step| {
            (
                format!("{}@{}", step.stage, step.host),
                step.wait_ms,
                step.took_ms,
            )
        })
        .collect()
}

#[test]
fn the_critical_path_goes_through_the_gate_that_opened_last() {
    let both = ["a"];
    let plan = plan(
        &[("h1", "a"), ("h2", "a")],
        vec![
            stage("one", &both, Action::Put),
            PlannedStage {
                after: vec![Gate::All(StageId::from("one"))],
                ..stage("two", &both, Action::Put)
            },
            stage("three", &both, Action::Put),
        ],
    );
    let mut story = Story::new(&plan);
    story
        .task(100, 1_000, "one", "h1", already())
        .task(200, 5_000, "one", "h2", already())
        .task(5_010, 9_000, "two", "h1", already())
        .task(5_020, 6_000, "two", "h2", already())
        .task(6_000, 7_000, "three", "h2", already())
        .task(9_030, 9_500, "three", "h1", already())
        .sort();
    assert_eq!(
        path(&plan, &story),
        [
            ("one@h2".into(), 200, 4_800),
            ("two@h1".into(), 10, 3_990),
            ("three@h1".into(), 30, 470)
        ]
    );
}

#[test]
fn the_critical_path_skips_what_never_ran_and_starts_with_the_connection() {
    let plan = hello();
    let mut story = Story::new(&plan);
    story.connected(2_000, &["s1"]);
    story.task(2_100, 3_000, "prepare", "s1", already());
    story.ended(3_000, "reboot", "s1", skipped("no"));
    story.task(3_000, 4_000, "serve", "s1", script_failed("x"));
    story.ended(9_000, "join", "w1", not_run("serve failed"));
    assert_eq!(
        path(&plan, &story),
        [
            ("prepare@s1".into(), 2_100, 900),
            ("serve@s1".into(), 0, 1_000)
        ]
    );
    assert_eq!(report(&plan, &[]).critical_path, None);
}

#[test]
fn a_resumed_run_counts_its_time_on() {
    let plan = hello();
    let mut story = Story::new(&plan);
    story.task(0, 10_000, "prepare", "s1", already());
    story.ended(10_000, "reboot", "s1", skipped("no"));
    story.task(50, 2_050, "serve", "s1", changed(&[]));
    let report = report(&plan, &story.events);
    assert_eq!(report.took_ms, 12_050);
    assert_eq!(report.stages[2].wall_ms, Some(2_000));
}

#[test]
fn a_plan_as_text() {
    insta::assert_snapshot!(plain(
        plan_view::text(&hello(), Charset::Unicode).as_bytes()
    ));
    insta::assert_snapshot!(
        "a_plan_in_ascii",
        plain(plan_view::text(&hello(), Charset::Ascii).as_bytes())
    );
}

#[test]
fn a_plan_of_many_hosts_draws_roles() {
    let names: Vec<String> = (1..=30).map(|number| format!("w{number}")).collect();
    let hosts: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "worker")).collect();
    let plan = plan(
        &hosts,
        vec![stage("prepare", &["worker"], Action::Run("p.sh".into()))],
    );
    let text = plain(plan_view::text(&plan, Charset::Unicode).as_bytes());
    assert!(text.contains("  worker (30)   ●\n"), "{text}");
}

#[test]
fn a_plan_as_data() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&plan_view::data(&hello())).unwrap());
}

#[test]
fn the_recipe_says_what_a_failure_means() {
    let (plan, events) = failed_run();
    assert!(!text(&report(&plan, &events), 100).contains("likely:"));
    let cause = |word: &str, says: &str| phalanx_plan::Cause {
        words: vec!["no such words".into(), word.into()],
        says: says.into(),
        fix: "mend it".into(),
    };
    // The first that fits, whatever the case of what was said.
    let plan = but_for(&plan, |plan| {
        plan.causes = vec![
            cause("quorum", "not it"),
            cause("resolving", "no name server"),
            cause("e", "no"),
        ];
    });
    let report = report(&plan, &events);
    let told = text(&report, 100);
    assert!(
        told.contains("  likely: no name server\n  help: mend it\n"),
        "{told}"
    );
    assert_eq!(
        told.matches("likely:").count(),
        report.failures.iter().filter(|f| f.cause.is_some()).count()
    );
}

#[test]
fn no_word_of_the_tables_is_broken() {
    let plan = hello();
    let mut story = Story::new(&plan);
    for host in ["s1", "w1", "w2"] {
        story.task(0, 150_000, "prepare", host, changed(&["a"]));
        story.ended(150_000, "reboot", host, skipped("no"));
    }
    story.task(0, 9_000, "prepare", "w3", already());
    story.task(150_000, 160_000, "serve", "s1", script_failed("no"));
    for host in ["w1", "w2", "w3"] {
        story.ended(160_000, "join", host, not_run("serve failed"));
    }
    story.sort().over(161_000, RunOutcome::Failed);
    let report = report(&plan, &story.events);
    for width in 40..=100 {
        let text = text(&report, width);
        let tables = text.split("Critical path").next().unwrap();
        let words: Vec<&str> = tables
            .split(|c: char| c.is_whitespace() || ",()".contains(c))
            .collect();
        for word in [
            "prepare", "changed", "already", "skipped", "failed", "slowest", "s1", "2:30",
        ] {
            assert!(words.contains(&word), "{word} at {width}:\n{tables}");
        }
        for line in tables.lines() {
            assert!(line.chars().count() <= width.into(), "{width}: {line:?}");
        }
    }
}

/// A task that failed after five seconds, waited two minutes for the run to be resumed, and then took one.
fn resumed() -> (Arc<PreparedPlan>, Vec<Event>) {
    let both = ["a"];
    let plan = plan(
        &[("h1", "a"), ("h2", "a")],
        vec![
            stage("fetch", &both, Action::Put),
            PlannedStage {
                after: vec![Gate::All(StageId::from("fetch"))],
                when: Some("wanted".into()),
                ..stage("forget", &both, Action::Put)
            },
            stage("config", &both, Action::Run("config.sh".into())),
        ],
    );
    let mut story = Story::new(&plan);
    story.task(0, 2_000, "fetch", "h1", changed(&["a"])).task(
        0,
        9_000,
        "fetch",
        "h2",
        changed(&["a"]),
    );
    for host in ["h1", "h2"] {
        story.ended(9_000, "forget", host, skipped("wanted is false"));
    }
    story
        .task(10_000, 15_000, "config", "h1", script_failed("no"))
        .task(10_000, 130_000, "config", "h2", changed(&["a"]));
    story.over(130_000, RunOutcome::Failed).sort();
    story.add(
        130_100,
        EventKind::RunResumed(RunResumed {
            plan: 2,
            hosts: 2,
            tasks: 6,
            again: Vec::new(),
            forgotten: Vec::new(),
            version: "0.1.0".into(),
            origin: None,
        }),
    );
    for host in ["h1", "h2"] {
        story.ended(131_000, "forget", host, skipped("wanted is false"));
    }
    story.attempt(132_000, "config", "h1", 2);
    story.ended(133_000, "config", "h1", changed(&["a"]));
    story.over(133_100, RunOutcome::Done);
    (plan, story.events)
}

#[test]
fn what_was_resumed_took_as_long_as_it_was_worked_on() {
    let (plan, mut events) = resumed();
    let report_ = report(&plan, &events);
    let config = &report_.stages[2];
    // 120 s on h2, on h1 five of these, and one more after the run was resumed.
    assert_eq!(config.wall_ms, Some(121_000));
    assert_eq!(config.slowest.as_ref().unwrap().took_ms, 120_000);
    assert_eq!(report_.hosts[0].busy_ms, 2_000 + 5_000 + 1_000);
    assert_eq!(report_.stages[1].wall_ms, None, "it was skipped everywhere");
    // Where nobody else was at it, there is nothing but the two attempts.
    for event in &mut events {
        if let EventKind::TaskStarted { task, .. } | EventKind::TaskEnded { task, .. } =
            &mut event.kind
            && task.stage.as_str() == "config"
            && task.host.as_str() == "h2"
        {
            task.stage = "other".into();
        }
    }
    assert_eq!(report(&plan, &events).stages[2].wall_ms, Some(6_000));
}

#[test]
fn the_critical_path_of_a_resumed_run_goes_through_what_was_done_before() {
    let (plan, events) = resumed();
    let story = Story { events };
    assert_eq!(
        path(&plan, &story),
        [
            ("fetch@h2".into(), 0, 9_000),
            // Skipped it was, and yet all hosts waited for its gate.
            ("config@h2".into(), 1_000, 120_000),
            ("config@h1".into(), 2_000, 1_000),
        ]
    );
}

#[test]
fn a_retried_task_is_one_step_whose_pauses_are_waiting() {
    let plan = plan(
        &[("h1", "a")],
        vec![stage("config", &["a"], Action::Run("config.sh".into()))],
    );
    let mut story = Story::new(&plan);
    let told = |host_ms, end| TaskEnd {
        host_ms: Some(host_ms),
        ..end
    };
    let again = TaskEnd {
        again: true,
        ..told(900, script_failed("no"))
    };
    story.task(100, 1_100, "config", "h1", again);
    story.attempt(11_100, "config", "h1", 2);
    story.ended(13_100, "config", "h1", told(1_900, changed(&["a"])));
    assert_eq!(path(&plan, &story), [("config@h1".into(), 10_100, 3_000)]);
    let report = report(&plan, &story.events);
    assert_eq!(report.stages[0].wall_ms, Some(3_000));
    let path = report.critical_path.unwrap();
    assert_eq!(path.steps[0].host_ms, Some(2_800));
}

#[test]
fn a_problem_is_the_reason_and_comes_before_the_status() {
    let plan = hello();
    let mut story = Story::new(&plan);
    for host in ["w1", "w2"] {
        let end = TaskEnd {
            problems: vec![ReportedProblem {
                check: "port".into(),
                severity: ReportedSeverity::Error,
                text: format!("port 80 of {host} is taken"),
                fix: "stop what has it".into(),
            }],
            ..script_failed("see above")
        };
        story.task(0, 10, "join", host, end);
    }
    story.sort().over(20, RunOutcome::Failed);
    let report = report(&plan, &story.events);
    let told = text(&report, 200);
    assert!(
        told.contains(
            "join failed on 2 hosts (w1, w2): port 80 of HOST is taken (scripts/join.sh ended with status 1)\n"
        ),
        "{told}"
    );
    assert_eq!(report.failures[0].fix.as_deref(), Some("stop what has it"));
}

#[test]
fn why_a_host_took_no_part_is_told_by_its_kind() {
    for (kind, says) in [
        (FailureKind::Unreachable, "not reached on 1 host (w1): why"),
        (FailureKind::Login, "login failed on 1 host (w1): why"),
        (FailureKind::Sudo, "login failed on 1 host (w1): why"),
        (FailureKind::Held, "held by another run on 1 host (w1): why"),
        (FailureKind::Protocol, "given up on 1 host (w1): why"),
    ] {
        let plan = hello();
        let mut story = Story::new(&plan);
        story.add(
            500,
            EventKind::HostFailed {
                host: "w1".into(),
                failure: Failure::new(kind, "why"),
            },
        );
        let text = text(&report(&plan, &story.events), 100);
        assert!(text.contains(says), "{kind:?}: {text}");
    }
}
