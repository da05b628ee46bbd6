//! What an operator compares or copies is whole, however narrow the terminal is.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what it expects by unwrapping"
)]

mod scenario;

use phalanx_events::{Event, EventKind, Failure, FailureKind, RunOutcome, TaskEnd};
use phalanx_report::closing::{ClosingOptions, closing};
use phalanx_report::{Charset, LineDisplay, LineOptions};
use scenario::{Story, changed, hello, plain, report};

const FINGERPRINT: &str = "SHA256:Xd0iRtUr1jTqS3o0ZzQCuTWdIxkE7CSQYTnGr9Qo0+4";
const FILE: &str = "/home/operator/clusters/example/known_hosts";
const REMEDY: &str =
    "`ssh-keygen -R '[10.0.0.3]:2222' -f /home/operator/clusters/example/known_hosts`";

fn events() -> Vec<Event> {
    let mut story = Story::new(&hello());
    story.connected(300, &["s1", "w1"]);
    story.add(
        310,
        EventKind::HostNotice {
            host: "w1".into(),
            text: format!("its host key {FINGERPRINT} was new and is now in {FILE}"),
        },
    );
    let message = format!("[10.0.0.3]:2222 shows another host key than the one in {FILE}:12");
    let advice = format!("if the host really shows {FINGERPRINT}, remove the line ({REMEDY})");
    story.add(
        2_000,
        EventKind::HostFailed {
            host: "w2".into(),
            failure: Failure::new(FailureKind::Login, message).advice(advice),
        },
    );
    story.over(4_000, RunOutcome::Failed);
    story.events
}

fn lines(width: u16) -> String {
    lines_of(&events(), width)
}

fn lines_of(events: &[Event], width: u16) -> String {
    let mut out = Vec::new();
    let options = LineOptions {
        width: Some(width),
        charset: Charset::Unicode,
        ..LineOptions::default()
    };
    let mut display = LineDisplay::new(hello(), &mut out, options);
    for event in events {
        display.event(event).unwrap();
    }
    drop(display);
    plain(&out)
}

#[test]
fn eighty_columns() {
    insta::assert_snapshot!(lines(80), @"
    0:00  run r1: install of hello 1.0 on example (4 hosts, 12 tasks)
    0:00  the cluster file is /srv/clusters/phalanx.yaml
    0:00  connected      s1, w1
    0:00  note           w1: its host key SHA256:Xd0iRtUr1jTqS3o0ZzQCuTWdIxkE7CSQYTnGr9Qo0+4 was new and is now in /home/operator/clusters/example/known_hosts
    0:02  host failed    w2: [10.0.0.3]:2222 shows another host key than the one in /home/operator/clusters/example/known_hosts:12
                         if the host really shows SHA256:Xd0iRtUr1jTqS3o0ZzQCuTWdIxkE7CSQYTnGr9Qo0+4, remove the line (`ssh-keygen -R '[10.0.0.3]:2222' -f /home/operator/clusters/example/known_hosts`)
    ");
}

#[test]
fn whatever_the_width_nothing_is_cut() {
    for width in 1..=120 {
        let options = ClosingOptions {
            width,
            charset: Charset::Unicode,
            quiet: false,
            notices: true,
        };
        let closing = closing(&report(&hello(), &events()), options);
        for (what, text) in [
            ("lines", lines(width)),
            ("closing", plain(closing.as_bytes())),
        ] {
            assert_eq!(
                text.matches(FINGERPRINT).count(),
                2,
                "{what} {width}: {text}"
            );
            assert!(
                text.contains(&format!("{FILE}\n")),
                "{what} {width}: {text}"
            );
            assert!(
                text.contains(&format!("{FILE}:12\n")),
                "{what} {width}: {text}"
            );
            assert!(text.contains(REMEDY), "{what} {width}: {text}");
        }
    }
}

#[test]
fn the_reason_is_told_before_the_status_and_instead_of_it() {
    let mut story = Story::new(&hello());
    let failure = Failure::new(FailureKind::Script, "the script ended with status 1")
        .lines(vec!["E: no space left on this disk".into()]);
    story.task(1_000, 3_000, "prepare", "w1", TaskEnd::failed(failure));
    for (width, told) in [
        (80, "E: no space left on this disk"),
        (60, "E: no space left on…"),
        (
            120,
            "E: no space left on this disk (the script ended with status 1)",
        ),
    ] {
        let lines = lines_of(&story.events, width);
        let line = lines.lines().find(|line| line.contains("failed")).unwrap();
        assert!(line.ends_with(told), "{width}: {line}");
    }
}

#[test]
fn a_task_that_was_tried_again_took_as_long_as_it_worked() {
    let mut story = Story::new(&hello());
    let failure = || Failure::new(FailureKind::Script, "the script ended with status 1");
    story.task(1_000, 3_000, "serve", "s1", TaskEnd::failed(failure()));
    story.attempt(129_000, "serve", "s1", 2);
    story.ended(130_000, "serve", "s1", changed(&[]));
    let told = lines_of(&story.events, 100);
    assert!(
        told.contains("2:10  changed        serve    s1       3.0 s"),
        "{told}"
    );
}
