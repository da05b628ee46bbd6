//! `runs`, `show` and `logs` on runs that were.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what it expects by unwrapping"
)]

mod past;
mod sandbox;

use std::fs;

use past::plan;
use phalanx_engine::{RunFolder, RunId};
use phalanx_plan::TaskId;
use sandbox::Sandbox;

const FAILED: &str = "20260101-000000-abcd";
const TORN: &str = "20260102-000000-efgh";

/// A folder with a failed run, and one whose program died.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let plan = plan();
    let home = sandbox.path().join(".phalanx");
    let journal = include_str!("data/failed-run.jsonl");
    let run = RunFolder::create(&home, &RunId::new(FAILED), &plan).unwrap();
    fs::write(run.journal_path(), journal).unwrap();
    for (stage, host, text) in [
        ("prepare", "s1", "reading conf\n".to_owned()),
        (
            "prepare",
            "w1",
            "reading conf\nand \x1b[31mmore\n".to_owned(),
        ),
        (
            "serve",
            "s1",
            "cannot write /tmp/phalanx-hello/greeting\nNo space left on device\n".to_owned(),
        ),
    ] {
        let log = run.log_path(&TaskId::new(stage, host));
        fs::create_dir_all(log.parent().unwrap()).unwrap();
        fs::write(log, text).unwrap();
    }
    let torn = RunFolder::create(&home, &RunId::new(TORN), &plan).unwrap();
    let cut = journal.find("{\"seq\":9").unwrap() + 30;
    fs::write(torn.journal_path(), &journal[..cut]).unwrap();
    sandbox
}

#[test]
fn runs_are_listed_the_newest_first() {
    let sandbox = sandbox();
    let runs = sandbox.run(&["runs"]);
    assert_eq!(runs.code, 0, "{runs:?}");
    insta::assert_snapshot!(runs.stdout);
    let runs = sandbox.run(&["runs", "--json"]);
    insta::assert_snapshot!("runs_as_data", runs.stdout);
}

#[test]
fn no_runs_yet() {
    let sandbox = Sandbox::new();
    let runs = sandbox.run(&["runs"]);
    assert_eq!((runs.code, runs.stdout.as_str()), (0, ""));
    let show = sandbox.run(&["show"]);
    assert_eq!(show.code, 2);
    insta::assert_snapshot!(show.stderr);
}

#[test]
fn a_run_is_shown_by_the_beginning_of_its_name() {
    let sandbox = sandbox();
    let show = sandbox.run(&["show", "20260101"]);
    assert_eq!(show.code, 0, "{show:?}");
    insta::assert_snapshot!(show.stdout);
    let which = sandbox.run(&["show", "2026"]);
    assert_eq!(which.code, 2);
    insta::assert_snapshot!("which_run", which.stderr);
    let none = sandbox.run(&["show", "2027"]);
    assert_eq!(none.code, 2, "{none:?}");
}

#[test]
fn a_run_as_data() {
    let sandbox = sandbox();
    let show = sandbox.run(&["show", FAILED, "--json"]);
    let document: serde_json::Value = serde_json::from_str(&show.stdout).unwrap();
    assert_eq!(document["format"], 1);
    assert_eq!(document["outcome"], "failed");
    assert_eq!(document["total"]["not_run"], 2);
    assert_eq!(document["failures"][0]["hosts"][0], "s1");
    let log = document["failures"][0]["log"].as_str().unwrap();
    assert!(sandbox.path().join(log).is_file(), "{log}");
}

#[test]
fn a_run_as_a_page_of_its_own() {
    use std::os::unix::fs::PermissionsExt as _;

    let sandbox = sandbox();
    let show = sandbox.run(&["show", FAILED, "--html", "run.html"]);
    assert_eq!(show.code, 0, "{show:?}");
    let path = sandbox.path().join("run.html");
    let page = std::fs::read_to_string(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "hosts' output may hold anything");
    for word in [FAILED, "the end of the log on s1", "</html>"] {
        assert!(page.contains(word), "{word} is not in\n{page}");
    }
    let nowhere = sandbox.run(&["show", FAILED, "--html", "no/such/folder/run.html"]);
    assert_eq!(nowhere.code, 2);
    assert!(
        nowhere.stderr.contains("could not be written"),
        "{}",
        nowhere.stderr
    );
}

#[test]
fn the_newest_run_has_not_ended_and_its_torn_line_does_not_count() {
    let sandbox = sandbox();
    let show = sandbox.run(&["show"]);
    assert_eq!(show.code, 0, "{show:?}");
    assert!(show.stdout.contains("not ended"), "{}", show.stdout);
}

#[test]
fn logs_are_listed_and_shown() {
    let sandbox = sandbox();
    let list = sandbox.run(&["logs", FAILED]);
    assert_eq!(list.code, 0, "{list:?}");
    insta::assert_snapshot!(list.stdout);
    let one = sandbox.run(&["logs", FAILED, "w1", "prepare"]);
    assert_eq!(
        one.stdout, "reading conf\nand \x1b[31mmore\n",
        "to a file a log goes as it is"
    );
    let host = sandbox.run(&["logs", FAILED, "s1"]);
    insta::assert_snapshot!("logs_of_a_host", host.stdout);
    // The newest run has no logs: those of the one before are meant.
    let newest = sandbox.run(&["logs", "s1"]);
    assert_eq!(
        (newest.code, &newest.stdout),
        (0, &host.stdout),
        "{newest:?}"
    );
    assert!(
        newest.stderr.contains("wrote nothing; this is\n"),
        "{newest:?}"
    );
    assert!(
        newest
            .stderr
            .ends_with(&format!("run {FAILED} (install)\n"))
    );
    let none = sandbox.run(&["logs", FAILED, "s1", "join"]);
    let said = format!("join is not for s1 in run {FAILED} (install)\n");
    assert_eq!(
        (none.code, &none.stdout, &none.stderr),
        (0, &String::new(), &said)
    );
}

#[test]
fn hosts_and_stages_that_are_not_there_are_told() {
    let sandbox = sandbox();
    let host = sandbox.run(&["logs", FAILED, "w9"]);
    let stage = sandbox.run(&["logs", FAILED, "w1", "dance"]);
    assert_eq!((host.code, stage.code), (2, 2));
    insta::assert_snapshot!(host.stderr + &stage.stderr);
}

#[test]
fn a_name_with_a_path_in_it_is_no_run() {
    let sandbox = sandbox();
    sandbox.write("plan.json", "{}");
    for name in ["../..", ".", "..", "/etc"] {
        let show = sandbox.run(&["show", name]);
        assert_eq!(show.code, 2, "{name}: {show:?}");
    }
}

/// A host may be called as the name of a run ends.
#[test]
fn a_host_comes_before_a_run_whose_name_ends_like_that() {
    let sandbox = sandbox();
    let home = sandbox.path().join(".phalanx");
    let other = "20260103-000000-s1";
    let journal = include_str!("data/failed-run.jsonl");
    let run = RunFolder::create(&home, &RunId::new(other), &plan()).unwrap();
    fs::write(run.journal_path(), journal).unwrap();
    let log = run.log_path(&TaskId::new("prepare", "s1"));
    fs::create_dir_all(log.parent().unwrap()).unwrap();
    fs::write(log, "of the third run\n").unwrap();

    let host = sandbox.run(&["logs", "s1", "prepare"]);
    assert_eq!(host.stdout, "of the third run\n", "{host:?}");
    let told = format!(
        "s1 is taken for the host; for the run whose name begins or ends so, write {other}"
    );
    assert!(host.stderr.contains(&told), "{host:?}");
    for words in [&["s1", "s1", "prepare"][..], &["s1", "s1"], &[other, "s1"]] {
        let run = sandbox.run(&[&["logs"], words].concat());
        assert_eq!(run.stdout, "of the third run\n", "{run:?}");
        assert!(!run.stderr.contains("is taken for"), "{run:?}");
    }
}
