//! What a run looks like as it goes by.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what it expects by unwrapping"
)]

mod scenario;

use std::sync::Arc;

use phalanx_events::{
    Event, EventKind, Failure, FailureKind, RebootPhase, ReportedProblem, ReportedSeverity,
    RunOutcome, RunState, TaskEnd,
};
use phalanx_plan::{HostName, PreparedPlan, TaskId};
use phalanx_report::{Charset, LineDisplay, LineOptions, Verbosity, still_waiting};
use proptest::prelude::*;
use scenario::{Story, already, changed, hello, not_run, plain, skipped};

fn shown(plan: Arc<PreparedPlan>, verbosity: Verbosity, events: &[Event]) -> String {
    let mut out = Vec::new();
    let options = LineOptions {
        verbosity,
        ..LineOptions::default()
    };
    let mut display = LineDisplay::new(plan, &mut out, options);
    for event in events {
        display.event(event).unwrap();
    }
    drop(display);
    plain(&out)
}

/// Everything that can happen, once.
fn eventful() -> Vec<Event> {
    let plan = hello();
    let mut story = Story::new(&plan);
    hosts_are_connected(&mut story);
    prepare(&mut story);
    reboot(&mut story);
    serve_fails_twice(&mut story);
    w3_is_given_up(&mut story);
    story.over(120_500, RunOutcome::Failed);
    story.events
}

/// Three with keys that were new, one that does not answer.
fn hosts_are_connected(story: &mut Story) {
    story.connected(310, &["s1", "w1"]);
    story.connected(320, &["w2"]);
    for host in ["s1", "w1", "w2"] {
        let text = format!("the key of {host} was new and is now in ~/.ssh/known_hosts");
        story.add(
            330,
            EventKind::HostNotice {
                host: host.into(),
                text: text.clone(),
            },
        );
        story.add(
            331,
            EventKind::HostNotice {
                host: host.into(),
                text,
            },
        );
    }
    for (ms, tries) in [(400, 1), (5_400, 2)] {
        story.add(
            ms,
            EventKind::HostRetry {
                host: "w3".into(),
                tries,
                reason: "10.0.0.4:22 does not answer".into(),
                again_in_ms: 5_000,
            },
        );
    }
}

/// Nothing to do on one, something on two.
fn prepare(story: &mut Story) {
    for host in ["s1", "w1", "w2"] {
        story.started(6_000, "prepare", host);
    }
    story
        .ended(6_900, "prepare", "s1", already())
        .ended(
            18_000,
            "prepare",
            "w1",
            changed(&["installed docker-engine-1.11.2", "added group"]),
        )
        .ended(
            18_500,
            "prepare",
            "w2",
            changed(&["installed docker-engine-1.11.2"]),
        );
}

/// Two reboot, one need not.
fn reboot(story: &mut Story) {
    for host in ["w1", "w2"] {
        story.started(18_600, "reboot", host);
        for (ms, phase) in [
            (18_700, RebootPhase::Requested),
            (19_800, RebootPhase::Down),
            (31_000, RebootPhase::Up),
            (31_200, RebootPhase::Proven),
        ] {
            let task = TaskId::new("reboot", host);
            story.add(
                ms,
                EventKind::Reboot {
                    task,
                    phase,
                    boot: None,
                },
            );
        }
    }
    story.sort();
    story
        .ended(31_210, "reboot", "w1", changed(&[]))
        .ended(31_230, "reboot", "w2", changed(&[]))
        .ended(31_300, "reboot", "s1", skipped("reboot_needed is false"));
}

/// Its connection is lost and found; the second attempt names a problem, and others wait in vain.
fn serve_fails_twice(story: &mut Story) {
    story.started(31_400, "serve", "s1");
    let task = TaskId::new("serve", "s1");
    story
        .add(
            40_000,
            EventKind::TaskDetached {
                task: task.clone(),
                offset: 10,
                reason: "broken pipe".into(),
            },
        )
        .add(42_000, EventKind::TaskAttached { task, offset: 10 });
    let failure = || {
        TaskEnd::failed(
            Failure::new(FailureKind::Script, "scripts/serve.sh ended with status 1")
                .lines(vec!["bind: address already in use".into()]),
        )
    };
    story.ended(
        44_000,
        "serve",
        "s1",
        TaskEnd {
            again: true,
            ..failure()
        },
    );
    story.attempt(45_000, "serve", "s1", 2);
    story.ended(
        46_000,
        "serve",
        "s1",
        TaskEnd {
            problems: vec![ReportedProblem {
                check: "port".into(),
                severity: ReportedSeverity::Error,
                text: "port 7070 is taken\x1b[31m".into(),
                fix: "stop what listens there".into(),
            }],
            ..failure()
        },
    );
    for host in ["w1", "w2"] {
        story.ended(
            46_010,
            "join",
            host,
            not_run("it waits for serve on s1, which failed"),
        );
    }
}

/// It never answered.
fn w3_is_given_up(story: &mut Story) {
    story.add(
        120_400,
        EventKind::HostFailed {
            host: "w3".into(),
            failure: Failure::new(FailureKind::Unreachable, "10.0.0.4:22 does not answer")
                .advice("check that the host is up"),
        },
    );
    for stage in ["prepare", "reboot", "join"] {
        story.ended(120_410, stage, "w3", not_run("the host is missing"));
    }
}

#[test]
fn a_run_line_by_line() {
    insta::assert_snapshot!(shown(hello(), Verbosity::Normal, &eventful()));
}

#[test]
fn quiet_shows_failures_alone() {
    insta::assert_snapshot!(shown(hello(), Verbosity::Quiet, &eventful()), @r"
    0:46  failed         serve    s1        13 s  port 7070 is taken (scripts/serve.sh ended with status 1)
    2:00  host failed    w3: 10.0.0.4:22 does not answer
                         check that the host is up
    ");
}

#[test]
fn a_duplicate_shows_nothing() {
    let events = eventful();
    let doubled: Vec<Event> = events
        .iter()
        .flat_map(|event| [event.clone(), event.clone()])
        .collect();
    assert_eq!(
        shown(hello(), Verbosity::Normal, &doubled),
        shown(hello(), Verbosity::Normal, &events)
    );
}

#[test]
fn words_are_coloured_and_lines_fit_a_terminal() {
    let mut out = Vec::new();
    let options = LineOptions {
        width: Some(72),
        charset: Charset::Ascii,
        ..LineOptions::default()
    };
    let mut story = Story::new(&hello());
    story.task(
        0,
        900,
        "prepare",
        "w1",
        changed(&["a very long word of what was changed here and there"]),
    );
    let mut display = LineDisplay::new(hello(), &mut out, options);
    for event in &story.events {
        display.event(event).unwrap();
    }
    let text = String::from_utf8(out.clone()).unwrap();
    assert!(
        text.contains("\u{1b}[32mchanged      \u{1b}[0m"),
        "{text:?}"
    );
    let last = plain(&out).lines().last().unwrap().to_owned();
    assert!(last.len() <= 72 && last.ends_with("..."), "{last:?}");
}

#[test]
fn host_output_comes_in_whole_prefixed_lines() {
    let mut out = Vec::new();
    let options = LineOptions {
        verbosity: Verbosity::Verbose,
        ..LineOptions::default()
    };
    let mut display = LineDisplay::new(hello(), &mut out, options);
    let mut story = Story::new(&hello());
    story
        .started(10, "prepare", "w1")
        .started(11, "prepare", "w2");
    for event in &story.events {
        display.event(event).unwrap();
    }
    let (w1, w2) = (TaskId::new("prepare", "w1"), TaskId::new("prepare", "w2"));
    display.output(&w1, b"Loading 10%\rLoad").unwrap();
    display
        .output(&w2, b"\x1b[31mred\x1b[0m\xff\x07\n\nno end")
        .unwrap();
    display.output(&w1, b"ing 100%\r\nnext").unwrap();
    story.events.clear();
    story.events.extend(Story::new(&hello()).events);
    story.started(10, "", "").started(11, "", "");
    story
        .ended(500, "prepare", "w1", changed(&[]))
        .ended(600, "prepare", "w2", already());
    for event in &story.events {
        display.event(event).unwrap();
    }
    drop(display);
    insta::assert_snapshot!(plain(&out), @r"
       0:00  run r1: install of hello 1.0 on example (4 hosts, 12 tasks)
       0:00  the cluster file is /srv/clusters/phalanx.yaml
    w2 prepare | red�^G
    w2 prepare |
    w1 prepare | Loading 100%
    w1 prepare | next
       0:00  changed        prepare  w1      0.49 s
    w2 prepare | no end
       0:00  already right  prepare  w2      0.58 s
    ");
}

#[test]
fn quiet_and_normal_pass_over_output() {
    let mut out = Vec::new();
    let mut display = LineDisplay::new(hello(), &mut out, LineOptions::default());
    display
        .output(&TaskId::new("prepare", "w1"), b"line\n")
        .unwrap();
    drop(display);
    assert!(out.is_empty());
}

fn waiting_story() -> Story {
    let mut story = Story::new(&hello());
    story.connected(300, &["s1", "w1", "w2"]);
    for host in ["s1", "w1", "w2"] {
        story.task(400, 900, "prepare", host, already());
        story.ended(950, "reboot", host, skipped("reboot_needed is false"));
    }
    story.add(
        1_000,
        EventKind::HostRetry {
            host: "w3".into(),
            tries: 1,
            reason: "10.0.0.4:22 does not answer".into(),
            again_in_ms: 5_000,
        },
    );
    story.started(20_000, "serve", "s1");
    story
}

fn waiting(story: &Story, now: u64) -> Option<String> {
    let mut state = RunState::new();
    for event in &story.events {
        state.apply(event);
    }
    still_waiting(&state, &hello(), now)
}

#[test]
fn what_is_waited_for_is_named() {
    let mut story = Story::new(&hello());
    story.connected(300, &["s1"]);
    insta::assert_snapshot!(waiting(&story, 10_000).unwrap(), @"w1, w2, w3 (connecting)");
    let mut story = waiting_story();
    insta::assert_snapshot!(waiting(&story, 100_000).unwrap(), @"w3 (10.0.0.4:22 does not answer); serve on s1 (running for 1:20); join on w1, w2 is held back by serve on s1");
    story.ended(100_000, "serve", "s1", changed(&[]));
    story.started(100_100, "prepare", "w3");
    for host in ["w1", "w2"] {
        story.started(100_200, "join", host);
        let task = TaskId::new("join", host);
        let text = format!("{host}: server not listening on 7070 yet");
        story.add(100_300, EventKind::TaskWaiting { task, text });
    }
    insta::assert_snapshot!(waiting(&story, 130_000).unwrap(), @"w3 (10.0.0.4:22 does not answer); prepare on w3 (running for 0:29); join on w1, w2 (HOST: server not listening on 7070 yet)");
}

#[test]
fn a_reboot_and_a_lost_connection_are_named() {
    let mut story = Story::new(&hello());
    story.connected(300, &["s1", "w1", "w2", "w3"]);
    story.started(1_000, "reboot", "w1");
    let task = TaskId::new("reboot", "w1");
    story.add(
        1_000,
        EventKind::Reboot {
            task,
            phase: RebootPhase::Down,
            boot: None,
        },
    );
    story.started(2_000, "prepare", "s1");
    let task = TaskId::new("prepare", "s1");
    story.add(
        3_000,
        EventKind::TaskDetached {
            task,
            offset: 0,
            reason: "reset".into(),
        },
    );
    story
        .started(2_000, "prepare", "w2")
        .started(5_000, "prepare", "w3");
    insta::assert_snapshot!(waiting(&story, 61_000).unwrap(), @"prepare on s1 (connection lost; it goes on there); prepare on w2, w3 (running for up to 0:59); reboot on w1 (down, 1:00 so far)");
}

#[test]
fn nothing_left_is_nothing_to_wait_for() {
    let mut story = Story::new(&hello());
    story.connected(0, &["s1", "w1", "w2", "w3"]);
    for stage in ["prepare", "reboot", "join"] {
        for host in ["w1", "w2", "w3"] {
            story.task(1, 2, stage, host, already());
        }
    }
    for stage in ["prepare", "reboot", "serve"] {
        story.task(1, 2, stage, "s1", already());
    }
    assert_eq!(waiting(&story, 100_000), None);
}

#[test]
fn ten_seconds_of_silence_end_with_a_line() {
    let mut out = Vec::new();
    let mut display = LineDisplay::new(hello(), &mut out, LineOptions::default());
    for event in &waiting_story().events {
        display.event(event).unwrap();
    }
    for now in (20_000..=52_000).step_by(500) {
        display.heartbeat(now).unwrap();
    }
    drop(display);
    let text = plain(&out);
    let times: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("still waiting"))
        .map(|line| line.trim_start().split("  ").next().unwrap())
        .collect();
    assert_eq!(times, ["0:30", "0:40", "0:50"], "{text}");
}

fn any_kind() -> impl Strategy<Value = EventKind> {
    let hosts = prop::sample::select(vec!["s1", "w1", "w2", "stranger", ""]);
    let stages = prop::sample::select(vec!["prepare", "reboot", "serve", "join", "unheard"]);
    let text = prop_oneof![
        Just(String::new()),
        Just("x\u{0}\u{1b}[2J".to_owned()),
        ".{0,12}"
    ];
    (0..14u8, hosts, stages, text, 0..3u32).prop_map(|(which, host, stage, text, number)| {
        let task = TaskId::new(stage, host);
        let host = HostName::from(host);
        let failure = Failure::new(FailureKind::Script, text.clone()).lines(vec![text.clone()]);
        match which {
            0 => EventKind::HostConnected {
                host,
                boot: Some(text),
                server: String::new(),
                took_ms: 1,
            },
            1 => EventKind::HostNotice { host, text },
            2 => EventKind::HostRetry {
                host,
                tries: number,
                reason: text,
                again_in_ms: u64::MAX,
            },
            3 => EventKind::HostFailed { host, failure },
            4 => EventKind::TaskStarted {
                task,
                attempt: number,
                job: None,
            },
            5 => EventKind::TaskWaiting { task, text },
            6 => EventKind::TaskDetached {
                task,
                offset: 1,
                reason: text,
            },
            7 => EventKind::TaskAttached { task, offset: 1 },
            8 => EventKind::Reboot {
                task,
                phase: RebootPhase::Up,
                boot: None,
            },
            9 => EventKind::TaskEnded {
                task,
                attempt: number,
                end: TaskEnd::failed(failure),
            },
            10 => EventKind::TaskEnded {
                task,
                attempt: number,
                end: TaskEnd {
                    again: number == 1,
                    ..changed(&[&text])
                },
            },
            11 => EventKind::TaskEnded {
                task,
                attempt: number,
                end: not_run(&text),
            },
            12 => EventKind::RunEnded {
                outcome: RunOutcome::Failed,
            },
            _ => EventKind::Unknown,
        }
    })
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_a_display(
        kinds in prop::collection::vec((any_kind(), 0..20u64, prop_oneof![0..200_000u64, Just(u64::MAX)]), 0..60),
        output in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let events: Vec<Event> = kinds
            .into_iter()
            .enumerate()
            .map(|(index, (kind, jump, ms))| Event {
                // Now and then a number comes twice, goes back or leaves a gap.
                seq: if jump == 0 { 1 } else { index as u64 + jump },
                at: jiff::Timestamp::UNIX_EPOCH,
                ms,
                kind,
            })
            .collect();
        let plan = hello();
        let mut out = Vec::new();
        let options = LineOptions { verbosity: Verbosity::Verbose, ..LineOptions::default() };
        let mut display = LineDisplay::new(plan.clone(), &mut out, options);
        for event in &events {
            display.event(event).unwrap();
            display.output(&TaskId::new("prepare", "w1"), &output).unwrap();
            display.heartbeat(event.ms).unwrap();
        }
        drop(display);
        let text = String::from_utf8(out).unwrap();
        prop_assert!(!text.contains("\u{1b}[2J"), "an event's escape sequence came through");
        let context = phalanx_report::ReportContext { run: "r1", command: "phalanx", again: "", newer: false,
 running: false, lab: None, log: &|task, _| task.to_string() };
        let report = phalanx_report::summarize(&plan, &events, &context);
        prop_assert_eq!(report.total.all(), plan.tasks.len());
        let options = phalanx_report::closing::ClosingOptions { width: 80, charset: Charset::Ascii, quiet: false, notices: true };
        let text = phalanx_report::closing::closing(&report, options);
        prop_assert!(!text.contains("\u{1b}[2J"), "an event's escape sequence came through");
        serde_json::to_string(&report).unwrap();
    }
}
