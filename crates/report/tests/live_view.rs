//! The live terminal's screens, as text, over generated runs.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what it expects by unwrapping"
)]

mod scenario;

use phalanx_events::{CancelLevel, Control, Event, EventKind, Failure, FailureKind, RunOutcome};
use phalanx_plan::TaskId;
use phalanx_report::live::{Key, LiveOptions, LiveView, Moment, Seat, Wish, svg};
use phalanx_report::{Charset, Learned};
use proptest::prelude::*;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use scenario::big::{Logs, big_plan, midway};
use scenario::screen::{screen, text, view};
use scenario::{Story, already, changed};

#[test]
fn eight_hosts_on_a_small_terminal() {
    let plan = big_plan(2, 6);
    let (events, mut logs) = midway(&plan);
    let mut view = view(&plan, &events, Seat::Working);
    insta::assert_snapshot!(screen(&mut view, &mut logs, (80, 24), 42_000));
}

#[test]
fn a_thousand_hosts_at_three_sizes() {
    let plan = big_plan(5, 995);
    let (events, mut logs) = midway(&plan);
    let mut view = view(&plan, &events, Seat::Watching);
    for size in [(80, 24), (132, 43), (40, 12)] {
        let name = format!("a_thousand_hosts_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, screen(&mut view, &mut logs, size, 42_000));
    }
}

#[test]
fn without_unicode_and_colours() {
    let plan = big_plan(2, 6);
    let (events, mut logs) = midway(&plan);
    let plain = LiveOptions {
        colour: false,
        charset: Charset::Ascii,
    };
    let mut view = LiveView::new(plan, Seat::Working, plain);
    for event in &events {
        view.event(event);
    }
    let mut buffer = Buffer::empty(Rect::new(0, 0, 100, 24));
    let moment = Moment {
        run_ms: 42_000,
        real_ms: 0,
    };
    view.frame(buffer.area, moment, &mut logs).draw(&mut buffer);
    let shown = text(&buffer);
    assert!(shown.is_ascii(), "{shown}");
    assert!(
        buffer
            .content
            .iter()
            .all(|cell| cell.fg == ratatui_core::style::Color::Reset),
        "no colour at all"
    );
    insta::assert_snapshot!(shown);
}

#[test]
fn a_run_that_is_over_says_what_came_of_it() {
    let plan = scenario::hello();
    let mut story = Story::new(&plan);
    story.connected(300, &["s1", "w1", "w2", "w3"]);
    for (host, end) in [
        ("s1", changed(&["x"])),
        ("w1", already()),
        ("w2", changed(&["x"])),
    ] {
        story.task(400, 5_000, "prepare", host, end);
    }
    story.sort().over(6_000, RunOutcome::Interrupted);
    let mut view = view(&plan, &story.events, Seat::Watching);
    let shown = screen(&mut view, &mut Logs::default(), (80, 24), 99_000);
    assert!(shown.contains("interrupted"), "{shown}");
    assert!(shown.contains("0:06\n"), "its own time, not now's: {shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn what_earlier_runs_took_is_marked_as_an_estimate() {
    let plan = scenario::hello();
    let mut story = Story::new(&plan);
    for (stage, hosts, from, to) in [
        ("prepare", &["s1", "w1", "w2", "w3"][..], 1_000, 21_000),
        ("reboot", &["s1", "w1", "w2", "w3"][..], 21_000, 81_000),
        ("serve", &["s1"][..], 81_000, 141_000),
        ("join", &["w1", "w2", "w3"][..], 141_000, 171_000),
    ] {
        for host in hosts {
            story.task(from, to, stage, host, changed(&["x"]));
        }
    }
    story.over(171_000, RunOutcome::Done);
    let learned = Learned::from_runs([story.events.as_slice()]);

    let mut now = Story::new(&plan);
    now.connected(300, &["s1", "w1", "w2", "w3"]);
    for host in ["s1", "w1", "w2", "w3"] {
        now.task(1_000, 11_000, "prepare", host, changed(&["x"]));
    }
    let mut view = view(&plan, &now.events, Seat::Working);
    let shown = screen(&mut view, &mut Logs::default(), (80, 24), 11_000);
    assert!(!shown.contains('≈'), "nothing was learned: {shown}");
    view.learn(learned);
    let shown = screen(&mut view, &mut Logs::default(), (80, 24), 12_500);
    // 12.5 + 60 + 60 + 30 s
    assert!(shown.contains("0:12 of ≈2:42"), "{shown}");
    assert!(shown.contains("≈1:00"), "what the reboot took: {shown}");
}

#[test]
fn a_picture_has_no_keys() {
    let plan = big_plan(2, 6);
    let (events, mut logs) = midway(&plan);
    let mut view = view(&plan, &events, Seat::Picture);
    let shown = screen(&mut view, &mut logs, (100, 28), 42_000);
    for key in ["help", "Enter", "q close", "q leave"] {
        assert!(!shown.contains(key), "{shown}");
    }
}

#[test]
fn a_task_that_is_tried_again_shows_the_time_of_this_attempt() {
    let plan = scenario::hello();
    let mut story = Story::new(&plan);
    story.connected(300, &["s1"]);
    let failure = Failure::new(FailureKind::Script, "the script ended with status 1");
    let again = phalanx_events::TaskEnd {
        again: true,
        ..phalanx_events::TaskEnd::failed(failure)
    };
    story.task(1_000, 3_000, "prepare", "s1", again);
    story.attempt(21_000, "prepare", "s1", 2);
    let mut view = view(&plan, &story.events, Seat::Working);
    let shown = screen(&mut view, &mut Logs::default(), (80, 24), 26_000);
    assert!(shown.contains("▶ s1 prepare    0:05 attempt 2"), "{shown}");
    // The stage was worked on for seven seconds.
    let row = shown
        .lines()
        .find(|line| line.starts_with("prepare "))
        .unwrap();
    assert!(row.ends_with("0:07"), "{shown}");
}

#[test]
fn a_run_that_failed_teaches_nothing() {
    let plan = scenario::hello();
    let mut story = Story::new(&plan);
    story.task(1_000, 2_000, "prepare", "s1", changed(&["x"]));
    story.over(3_000, RunOutcome::Failed);
    assert!(Learned::from_runs([story.events.as_slice()]).is_empty());
}

#[test]
fn keys_choose_a_host_and_follow_its_log() {
    let plan = big_plan(2, 6);
    let (events, mut logs) = midway(&plan);
    let long: String = (1..=200).map(|n| format!("line {n}\n")).collect();
    logs.0
        .insert(TaskId::new("prepare", "worker3"), long.into_bytes());
    let mut view = view(&plan, &events, Seat::Working);
    screen(&mut view, &mut logs, (80, 24), 42_000);
    // Failed first, then those that are at work for longest.
    for _ in 0..3 {
        assert_eq!(view.key(Key::Down), None);
    }
    let shown = screen(&mut view, &mut logs, (80, 24), 42_000);
    assert!(
        shown.contains("line 200"),
        "its last line is in its row: {shown}"
    );
    view.key(Key::Enter);
    let shown = screen(&mut view, &mut logs, (80, 24), 42_000);
    assert!(
        shown.starts_with("worker3 › prepare: running, 0:40"),
        "{shown}"
    );
    assert!(
        shown.contains("following") && shown.contains("line 200"),
        "{shown}"
    );
    for _ in 0..30 {
        view.key(Key::Up);
    }
    let shown = screen(&mut view, &mut logs, (80, 24), 42_000);
    assert!(
        shown.contains("line 170\n") && !shown.contains("line 171"),
        "{shown}"
    );
    // What comes meanwhile does not move it.
    logs.0
        .get_mut(&TaskId::new("prepare", "worker3"))
        .unwrap()
        .extend(b"more\n");
    let again = screen(&mut view, &mut logs, (80, 24), 42_000);
    assert!(
        again.contains("line 170\n") && !again.contains("line 171"),
        "{again}"
    );
    view.key(Key::Home);
    let shown = screen(&mut view, &mut logs, (80, 24), 42_000);
    assert!(shown.contains("\nline 1\n"), "{shown}");
    view.key(Key::PageDown);
    let shown = screen(&mut view, &mut logs, (80, 24), 42_000);
    assert!(
        shown.contains("line 43\n") && !shown.contains("line 1\n"),
        "{shown}"
    );
    view.key(Key::End);
    let shown = screen(&mut view, &mut logs, (80, 24), 42_000);
    assert!(shown.contains("\nmore\n"), "{shown}");
    view.key(Key::Left);
    let shown = screen(&mut view, &mut logs, (80, 24), 42_000);
    assert!(
        shown.starts_with("worker3 › preflight: already right"),
        "{shown}"
    );
    view.key(Key::Escape);
    let shown = screen(&mut view, &mut logs, (80, 24), 42_000);
    assert!(shown.contains("hosts:"), "{shown}");
}

#[test]
fn only_failed_hosts_and_those_of_a_name() {
    let plan = big_plan(5, 995);
    let (events, mut logs) = midway(&plan);
    let mut view = view(&plan, &events, Seat::Watching);
    screen(&mut view, &mut logs, (80, 24), 42_000);
    view.key(Key::Char('f'));
    let shown = screen(&mut view, &mut logs, (80, 24), 42_000);
    assert!(
        shown.contains("[failed only]") && shown.contains("of 100\n"),
        "{shown}"
    );
    assert!(!shown.contains('▶'), "{shown}");
    view.key(Key::Escape);
    for key in "/ker99".chars() {
        view.key(Key::Char(key));
    }
    view.key(Key::Enter);
    let shown = screen(&mut view, &mut logs, (80, 24), 42_000);
    assert!(shown.contains("[named *ker99*]"), "{shown}");
    assert!(
        shown.contains("worker995") && !shown.contains("worker3 "),
        "{shown}"
    );
}

#[test]
fn what_changes_something_is_asked_first() {
    let plan = big_plan(2, 6);
    let (events, mut logs) = midway(&plan);
    let mut view = view(&plan, &events, Seat::Working);
    screen(&mut view, &mut logs, (100, 24), 42_000);
    assert_eq!(view.key(Key::Char('r')), None, "of which host?");
    let shown = screen(&mut view, &mut logs, (100, 24), 42_000);
    assert!(shown.contains("which host?"), "{shown}");
    view.key(Key::Down);
    let retry = Control::Retry {
        host: "worker1".into(),
    };
    assert_eq!(view.key(Key::Char('r')), Some(Wish::Say(retry)));
    assert_eq!(view.key(Key::Char('s')), None);
    let shown = screen(&mut view, &mut logs, (100, 24), 42_000);
    assert!(
        shown.contains("[y/n] count prepare on worker1 as done without doing it?"),
        "{shown}"
    );
    assert_eq!(view.key(Key::Char('n')), None);
    view.key(Key::Char('s'));
    let skip = Control::Skip {
        task: TaskId::new("prepare", "worker1"),
    };
    assert_eq!(view.key(Key::Char('y')), Some(Wish::Say(skip)));
    view.key(Key::Char('d'));
    view.key(Key::Up); // no answer
    let leave = Control::Drop {
        host: "worker1".into(),
    };
    assert_eq!(view.key(Key::Char('y')), Some(Wish::Say(leave)));
    assert_eq!(view.key(Key::Char('p')), Some(Wish::Say(Control::Pause)));
    view.key(Key::Char('q'));
    assert_eq!(
        view.key(Key::Char('y')),
        Some(Wish::Stop(CancelLevel::Leave))
    );
    assert_eq!(view.key(Key::Interrupt), Some(Wish::Interrupt));
    view.sit(Seat::Watching);
    assert_eq!(
        view.key(Key::Interrupt),
        Some(Wish::Close),
        "the run is somebody else's"
    );
    assert_eq!(view.key(Key::Char('q')), Some(Wish::Close));
}

#[test]
fn keys_that_come_faster_than_the_screen_are_not_lost() {
    let plan = big_plan(2, 6);
    let (events, _) = midway(&plan);
    let mut view = view(&plan, &events, Seat::Working);
    // Nothing was painted yet, and nothing is painted in between.
    for key in "/worker3".chars() {
        view.key(Key::Char(key));
    }
    view.key(Key::Enter);
    view.key(Key::Down);
    let retry = Control::Retry {
        host: "worker3".into(),
    };
    assert_eq!(view.key(Key::Char('r')), Some(Wish::Say(retry)));
}

#[test]
fn a_replay_takes_no_orders() {
    let plan = big_plan(2, 6);
    let (events, mut logs) = midway(&plan);
    let seat = Seat::Replaying {
        speed: 10.0,
        held: false,
    };
    let mut view = view(&plan, &events, seat);
    let shown = screen(&mut view, &mut logs, (80, 24), 42_000);
    assert!(shown.contains("replay 10x"), "{shown}");
    view.key(Key::Down);
    for key in "psdxr".chars() {
        let wish = view.key(Key::Char(key));
        assert!(matches!(wish, None | Some(Wish::Hold)), "{key}: {wish:?}");
    }
    assert_eq!(view.key(Key::Char('+')), Some(Wish::Faster(2.0)));
}

#[test]
fn paused_stopping_and_left_out_are_seen() {
    let plan = big_plan(2, 6);
    let (events, mut logs) = midway(&plan);
    let mut view = view(&plan, &events, Seat::Working);
    let mut seq = events.last().unwrap().seq;
    let mut add = |view: &mut LiveView, kind| {
        seq += 1;
        let last = events.last().unwrap();
        view.event(&Event {
            seq,
            kind,
            ..last.clone()
        });
    };
    let controlled = |control| EventKind::Controlled {
        control,
        reopens: Vec::new(),
    };
    add(&mut view, controlled(Control::Pause));
    let shown = screen(&mut view, &mut logs, (80, 24), 42_000);
    assert!(shown.contains("PAUSED"), "{shown}");
    assert_eq!(view.key(Key::Char('p')), Some(Wish::Say(Control::Continue)));
    add(
        &mut view,
        controlled(Control::Drop {
            host: "worker2".into(),
        }),
    );
    let shown = screen(&mut view, &mut logs, (80, 24), 42_000);
    assert!(shown.contains("left out by the operator"), "{shown}");
    add(
        &mut view,
        EventKind::CancelRequested {
            level: CancelLevel::StopJobs,
        },
    );
    let shown = screen(&mut view, &mut logs, (80, 24), 42_000);
    assert!(shown.contains("stopping what runs"), "{shown}");
}

#[test]
fn the_help_fits() {
    let plan = big_plan(2, 6);
    let mut view = view(&plan, &[], Seat::Working);
    view.key(Key::Char('?'));
    let shown = screen(&mut view, &mut Logs::default(), (80, 24), 0);
    insta::assert_snapshot!(shown);
    view.key(Key::Char('q'));
    let shown = screen(&mut view, &mut Logs::default(), (80, 24), 0);
    assert!(shown.contains("hosts:"), "any key leads back: {shown}");
}

#[test]
fn what_hosts_say_stays_text() {
    let plan = big_plan(1, 4);
    let (mut events, mut logs) = midway(&plan);
    let evil = "\u{1b}]0;gone\u{7}\u{1b}[2J\u{202e}evil\u{9b}31m";
    logs.0
        .insert(TaskId::new("prepare", "worker4"), evil.as_bytes().to_vec());
    let last = events.last().unwrap().clone();
    events.push(Event {
        seq: last.seq + 1,
        kind: EventKind::HostFailed {
            host: "worker3".into(),
            failure: Failure::new(FailureKind::Unreachable, evil),
        },
        ..last
    });
    let mut view = view(&plan, &events, Seat::Working);
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
    let moment = Moment::default();
    view.frame(buffer.area, moment, &mut logs).draw(&mut buffer);
    view.key(Key::Char('G'));
    view.key(Key::Enter);
    let mut log = Buffer::empty(Rect::new(0, 0, 80, 24));
    view.frame(log.area, moment, &mut logs).draw(&mut log);
    for cell in buffer.content.iter().chain(&log.content) {
        assert!(
            !cell.symbol().chars().any(char::is_control),
            "{:?}",
            cell.symbol()
        );
    }
    assert!(text(&buffer).contains("evil"));
    let picture = svg(&[(buffer, 1_000), (log, 500)], "<a \"title\">");
    assert!(!picture.contains('\u{1b}') && picture.contains("&lt;a &quot;title&quot;&gt;"));
}

proptest! {
    #[test]
    fn any_keys_at_any_size_do_no_harm(
        keys in prop::collection::vec(0usize..24, 0..60),
        width in 0u16..220,
        height in 0u16..70,
        hosts in 0usize..30,
    ) {
        let plan = big_plan(1, hosts);
        let (events, mut logs) = midway(&plan);
        let mut view = view(&plan, &events, Seat::Watching);
        let all = [
            Key::Up, Key::Down, Key::Left, Key::Right, Key::PageUp, Key::PageDown, Key::Home, Key::End,
            Key::Enter, Key::Escape, Key::Backspace, Key::Interrupt, Key::Char('f'), Key::Char('/'),
            Key::Char('p'), Key::Char('r'), Key::Char('s'), Key::Char('d'), Key::Char('x'), Key::Char('y'),
            Key::Char('n'), Key::Char('?'), Key::Char('q'), Key::Char('é'),
        ];
        screen(&mut view, &mut logs, (width, height), 42_000);
        for key in keys {
            view.key(all[key]);
            screen(&mut view, &mut logs, (width, height), 42_000);
        }
    }
}
