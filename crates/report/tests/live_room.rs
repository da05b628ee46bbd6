//! What the screen makes of its room: on a narrow one nothing that is compared or copied is cut, on a wide one the chosen
//! host's log is there too.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what it expects by unwrapping"
)]

mod scenario;

use phalanx_events::{Event, EventKind, Failure, FailureKind};
use phalanx_plan::{PreparedPlan, TaskId};
use phalanx_report::live::{Key, Seat};
use scenario::big::{Logs, big_plan, midway};
use scenario::screen::{screen, view};
use std::sync::Arc;

/// Hosts whose keys were new, and one that shows another key than the known one.
fn with_new_keys(hosts: usize) -> (Arc<PreparedPlan>, Vec<Event>) {
    let plan = big_plan(1, hosts);
    let (mut events, _) = midway(&plan);
    let mut add = |kind| {
        let last = events.last().unwrap().clone();
        events.push(Event {
            seq: last.seq + 1,
            kind,
            ..last
        });
    };
    add(EventKind::HostNotice {
        host: "worker3".into(),
        text: format!(
            "its host key {FINGERPRINT} was new and is now in /home/op/clusters/one/known_hosts"
        ),
    });
    add(EventKind::HostFailed {
        host: "worker4".into(),
        failure: Failure::new(
            FailureKind::Login,
            "it shows another host key than the known one",
        )
        .advice(format!(
            "if it really shows {FINGERPRINT}, remove the line that was"
        )),
    });
    (plan, events)
}

const FINGERPRINT: &str = "SHA256:Xd0iRtUr1jTqS3o0ZzQCuTWdIxkE7CSQYTnGr9Qo0+4";

/// What is on the screen, rows put together again.
fn unbroken(shown: &str) -> String {
    shown.lines().map(str::trim_end).collect()
}

#[test]
fn a_fingerprint_is_whole_at_every_width() {
    for (width, height) in [(80, 24), (40, 24), (40, 12), (34, 20), (120, 40), (200, 60)] {
        for host in ["worker3", "worker4"] {
            let (plan, events) = with_new_keys(8);
            let mut view = view(&plan, &events, Seat::Watching);
            let mut logs = Logs::default();
            screen(&mut view, &mut logs, (width, height), 42_000);
            for key in format!("/{host}").chars() {
                view.key(Key::Char(key));
            }
            view.key(Key::Enter);
            view.key(Key::Down);
            // On its log's screen at the latest.
            view.key(Key::Enter);
            let shown = screen(&mut view, &mut logs, (width, height), 42_000);
            assert!(
                unbroken(&shown).contains(FINGERPRINT),
                "{host} {width}x{height}:\n{shown}"
            );
        }
    }
}

#[test]
fn what_there_is_to_know_of_the_chosen_host_is_below_the_hosts() {
    let (plan, events) = with_new_keys(8);
    let mut view = view(&plan, &events, Seat::Watching);
    let mut logs = Logs::default();
    let before = screen(&mut view, &mut logs, (80, 24), 42_000);
    assert!(!before.contains("help:"), "{before}");
    for key in "/worker4".chars() {
        view.key(Key::Char(key));
    }
    view.key(Key::Enter);
    view.key(Key::Down);
    let shown = screen(&mut view, &mut logs, (80, 24), 42_000);
    assert!(
        shown.contains(&format!(
            "help: if it really shows {FINGERPRINT},\nremove the line that was\n"
        )),
        "{shown}"
    );
}

#[test]
fn notes_of_all_hosts_fill_rows_that_are_free() {
    let (plan, events) = with_new_keys(8);
    let mut view = view(&plan, &events, Seat::Watching);
    let shown = screen(&mut view, &mut Logs::default(), (80, 30), 42_000);
    assert!(
        shown.contains(&format!(
            "\nnote: worker3: its host key {FINGERPRINT}\nwas new and is now in /home/op/"
        )),
        "{shown}"
    );
}

#[test]
fn questions_and_messages_are_whole_on_a_narrow_screen() {
    let (plan, events) = with_new_keys(4);
    let mut view = view(&plan, &events, Seat::Working);
    let mut logs = Logs::default();
    view.key(Key::Char('q'));
    let shown = screen(&mut view, &mut logs, (40, 20), 42_000);
    let said: String = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.ends_with(
            "[y/n] leave? Scripts go on on their hosts; `phalanx resume` takes it up again"
        ),
        "{shown}"
    );
    view.key(Key::Char('n'));
    view.say("the run takes no orders: its process is gone, and nobody has taken it up since");
    let shown = screen(&mut view, &mut logs, (40, 20), 42_000);
    let said: String = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.ends_with("and nobody has taken it up since"),
        "{shown}"
    );
}

#[test]
fn on_a_wide_screen_the_chosen_hosts_log_uses_the_room() {
    let plan = big_plan(2, 6);
    let (events, mut logs) = midway(&plan);
    let long: String = (1..=200)
        .map(|n| format!("line {n} of what worker3 has said so far while it prepares itself\n"))
        .collect();
    let task = TaskId::new("prepare", "worker3");
    logs.0.insert(task, long.into_bytes());
    let mut view = view(&plan, &events, Seat::Working);
    // Nobody is chosen: the host that matters most.
    let shown = screen(&mut view, &mut logs, (120, 40), 42_000);
    assert!(shown.contains("worker1 › prepare: failed, 0:05"), "{shown}");
    for _ in 0..3 {
        view.key(Key::Down);
    }
    for (width, height) in [(120, 40), (200, 60)] {
        let shown = screen(&mut view, &mut logs, (width, height), 42_000);
        assert!(
            shown.contains("worker3 › prepare: running, 0:40"),
            "{shown}"
        );
        assert!(
            shown.contains("line 200") && shown.contains("hosts:"),
            "{shown}"
        );
        assert!(shown.contains("? help  q leave"), "{shown}");
        let used = shown.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(
            used + 2 >= height.into(),
            "{used} rows of {height}:\n{shown}"
        );
        let of_log = shown
            .lines()
            .filter(|line| line.contains("of what worker3"));
        let least = if width < 160 { 15 } else { 55 };
        assert!(of_log.count() >= least, "{shown}");
        let name = format!("with_a_log_{width}x{height}");
        insta::assert_snapshot!(name, shown);
    }
    // With no rows to spare below the hosts it is beside them.
    let low = screen(&mut view, &mut logs, (120, 26), 42_000);
    assert!(low.contains("│ line 200 of"), "{low}");
    let narrow = screen(&mut view, &mut logs, (119, 40), 42_000);
    assert_eq!(
        narrow.matches("of what worker3").count(),
        1,
        "its row alone: {narrow}"
    );
}
