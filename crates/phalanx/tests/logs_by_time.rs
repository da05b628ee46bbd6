//! `logs` by the time at which lines came, of runs that were and of one that goes on.
#![allow(clippy::unwrap_used, clippy::panic)]

mod past;
mod sandbox;

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use phalanx_engine::{RunFolder, RunId};
use phalanx_plan::TaskId;
use sandbox::Sandbox;

const RUN: &str = "20260101-000000-abcd";
/// The day of the run's journal: 2026-01-01T00:00:00Z.
const DAY: i64 = 1_767_225_600_000;

struct Past {
    sandbox: Sandbox,
    folder: RunFolder,
}

impl Past {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let home = sandbox.path().join(".phalanx");
        let folder = RunFolder::create(&home, &RunId::new(RUN), &past::plan()).unwrap();
        fs::write(folder.journal_path(), include_str!("data/failed-run.jsonl")).unwrap();
        Self { sandbox, folder }
    }

    /// Appends to a log what came so many milliseconds into the day.
    fn came(&self, host: &str, stage: &str, at: i64, text: &str) {
        let log = self.folder.log_path(&TaskId::new(stage, host));
        fs::create_dir_all(log.parent().unwrap()).unwrap();
        let append = |path| OpenOptions::new().append(true).create(true).open(path);
        let offset = fs::metadata(&log).map_or(0, |log| log.len());
        let entry = format!("{offset} {}\n", DAY + at);
        let mut times = append(RunFolder::log_times_path(&log)).unwrap();
        times.write_all(entry.as_bytes()).unwrap();
        // Last: who follows must not meet the line without its time.
        append(log).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn without_times(&self, host: &str, stage: &str, text: &str) {
        let log = self.folder.log_path(&TaskId::new(stage, host));
        fs::create_dir_all(log.parent().unwrap()).unwrap();
        fs::write(log, text).unwrap();
    }

    #[track_caller]
    fn shows(&self, args: &[&str], expected: &str) {
        let all: Vec<&str> = ["logs", RUN].iter().chain(args).copied().collect();
        let ran = self.sandbox.run(&all);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, expected), "{ran:?}");
    }
}

fn three_hosts() -> Past {
    let past = Past::new();
    past.came("s1", "prepare", 1_000, "a\nb");
    past.came("w1", "prepare", 1_500, "c\n");
    past.came("s1", "prepare", 2_000, "b\nd\n");
    past.came("w2", "prepare", 1_900, "e\x1b[2J\n");
    past.came("w2", "join", 61_200, "f");
    past
}

#[test]
fn lines_of_several_hosts_stand_in_the_order_in_which_they_came() {
    let past = three_hosts();
    past.shows(
        &["-t"],
        "2026-01-01 00:00:01.0 s1 prepare | a\n\
         2026-01-01 00:00:01.0 s1 prepare | bb\n\
         2026-01-01 00:00:01.5 w1 prepare | c\n\
         2026-01-01 00:00:01.9 w2 prepare | e\n\
         2026-01-01 00:00:02.0 s1 prepare | d\n\
         2026-01-01 00:01:01.2 w2 join | f\n",
    );
    past.shows(&["w2", "join", "-t"], "2026-01-01 00:01:01.2 f\n");
    past.shows(&["w2", "--grep", "f"], "w2 join | f\n");
}

#[test]
fn what_came_before_is_left_out_and_so_is_the_rest_of_a_line() {
    let past = three_hosts();
    past.shows(
        &["--since", "2026-01-01T00:00:01.5"],
        "w1 prepare | c\nw2 prepare | e\ns1 prepare | d\nw2 join | f\n",
    );
    past.shows(&["s1", "prepare", "--since", "2026-01-01T00:00:02Z"], "d\n");
    past.shows(&["--since", "2026-01-01T01:01:01+01:00"], "w2 join | f\n");
    past.shows(&["--since", "2026-01-02"], "");
}

#[test]
fn a_log_without_times_has_those_of_its_attempt() {
    let past = three_hosts();
    past.without_times("w1", "prepare", "old\n");
    fs::remove_file(RunFolder::log_times_path(
        &past.folder.log_path(&TaskId::new("prepare", "w1")),
    ))
    .unwrap();
    let ran = past.sandbox.run(&["logs", RUN, "w1", "prepare", "-t"]);
    let began = began("prepare", "w1");
    assert_eq!(ran.stdout, format!("{began} ~ old\n"), "{ran:?}");
    // It was written just now.
    past.shows(&["w1", "--since", "5m"], "w1 prepare | old\n");
}

/// When an attempt began, as the journal has it.
fn began(stage: &str, host: &str) -> String {
    let journal = include_str!("data/failed-run.jsonl");
    let events = journal
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let started = events.into_iter().find(|event: &serde_json::Value| {
        let task = &event["task"];
        event["event"] == "task-started" && task["stage"] == stage && task["host"] == host
    });
    let at = started.unwrap()["at"].as_str().unwrap().to_owned();
    at[..19].replace('T', " ")
}

#[test]
fn damaged_times_are_passed_over() {
    let past = three_hosts();
    let times =
        |host| RunFolder::log_times_path(&past.folder.log_path(&TaskId::new("prepare", host)));
    fs::write(
        times("s1"),
        format!("0 {}\nnonsense\n\u{0}\u{ff}\n7 12\n5 {}", DAY + 3_000, DAY),
    )
    .unwrap();
    fs::write(times("w1"), [0xff, 0xfe, b'\n']).unwrap();
    let ran = past.sandbox.run(&["logs", RUN, "s1", "prepare", "-t"]);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let at = "2026-01-01 00:00:03.0";
    assert_eq!(
        lines,
        ["a", "bb", "d"].map(|line| format!("{at} {line}")),
        "{ran:?}"
    );
    let ran = past.sandbox.run(&["logs", RUN, "w1", "prepare", "-t"]);
    assert!(ran.stdout.ends_with(" ~ c\n"), "{ran:?}");
}

#[test]
fn files_of_times_are_no_logs() {
    let past = three_hosts();
    let list = past.sandbox.run(&["logs", RUN]);
    assert_eq!(list.stdout.lines().count(), 4, "{list:?}");
    assert!(!list.stdout.contains(".times"), "{list:?}");
    past.shows(&["w1"], "c\n");
}

#[test]
fn a_moment_that_is_none_is_refused_with_examples() {
    let past = three_hosts();
    for when in ["soon", "5", "14:61", "2999-01-01"] {
        let ran = past.sandbox.run(&["logs", RUN, "--since", when]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{when}");
        assert!(ran.stderr.contains("`14:30`"), "{when}: {}", ran.stderr);
    }
}

#[test]
fn a_run_that_goes_on_is_followed_in_the_order_in_which_lines_come() {
    let past = three_hosts();
    // As the engine does while it works on the run.
    let journal = File::open(past.folder.journal_path()).unwrap();
    journal.try_lock().unwrap();
    let mut command =
        past.sandbox
            .command(&["logs", RUN, "-f", "-t", "--since", "2026-01-01T00:00:01.6"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().map(Result::unwrap);
    assert_eq!(next().unwrap(), "2026-01-01 00:00:01.9 w2 prepare | e");
    assert_eq!(next().unwrap(), "2026-01-01 00:00:02.0 s1 prepare | d");
    past.came("w1", "prepare", 70_000, "more\nand");
    assert_eq!(next().unwrap(), "2026-01-01 00:01:10.0 w1 prepare | more");
    past.came("w1", "join", 71_000, "new\n");
    assert_eq!(next().unwrap(), "2026-01-01 00:01:11.0 w1 join | new");
    drop(journal);
    // What has no line's end by now will have none.
    assert_eq!(next().unwrap(), "2026-01-01 00:01:01.2 w2 join | f");
    assert_eq!(next().unwrap(), "2026-01-01 00:01:10.0 w1 prepare | and");
    assert_eq!(next(), None);
    assert!(child.wait().unwrap().success());
}
