//! A run's folder that is damaged, or somebody else's: what `resume` makes of it. It says the file, the place and
//! what to do, exits with 2, contacts nobody, and leaves every byte as it is.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what it expects by unwrapping"
)]

mod past;
mod sandbox;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use past::plan;
use phalanx_engine::{RunFolder, RunId};
use sandbox::{Doorbell, Ran, Sandbox};

const RUN: &str = "20260101-000000-abcd";
const JOURNAL: &str = include_str!("data/failed-run.jsonl");

/// A run that failed, and the cluster file that it is of: its hosts are at a door where nobody rings.
struct Past {
    sandbox: Sandbox,
    door: Doorbell,
    folder: RunFolder,
}

fn past() -> Past {
    let sandbox = Sandbox::new();
    sandbox.hello();
    let door = Doorbell::new();
    let at = door.at();
    sandbox.write(
        "phalanx.yaml",
        format!(
            "cluster: example\nrecipe: ./recipe\nhosts:\n  \
             - {{ name: s1, role: server, {at} }}\n  \
             - {{ name: w1, role: worker, address: 127.77.0.2 }}\n  \
             - {{ name: w2, role: worker, address: 127.77.0.3 }}\n"
        ),
    );
    let home = sandbox.path().join(".phalanx");
    let folder = RunFolder::create(&home, &RunId::new(RUN), &plan()).unwrap();
    fs::write(folder.journal_path(), JOURNAL).unwrap();
    Past {
        sandbox,
        door,
        folder,
    }
}

/// Everything below the folder of runs: names, kinds, modes and content. A lock that was taken and let go again is
/// nothing.
fn all(home: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut all = BTreeMap::new();
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if path.ends_with("locks") {
                continue;
            }
            let content = if metadata.is_dir() {
                folders.push(path.clone());
                Vec::new()
            } else if metadata.is_file() {
                fs::read(&path).unwrap()
            } else {
                Vec::new()
            };
            all.insert(path, (metadata.permissions().mode(), content));
        }
    }
    all
}

impl Past {
    fn home(&self) -> PathBuf {
        self.sandbox.path().join(".phalanx")
    }

    fn set(&self, journal: impl AsRef<[u8]>) {
        fs::write(self.folder.journal_path(), journal).unwrap();
    }

    /// Nothing is done by `resume`, of this run and without a name.
    #[track_caller]
    fn refused(&self, what: &str) -> String {
        let before = all(&self.home());
        let mut said = String::new();
        for command in [&["resume", "--yes"][..], &["resume", RUN, "--yes"]] {
            let ran = self.sandbox.run(command);
            assert_eq!(ran.code, 2, "{what}: {command:?}: {ran:?}");
            assert_eq!(self.door.rung(), 0, "{what}: {command:?} contacted a host");
            assert!(all(&self.home()) == before, "{what}: {command:?} wrote");
            assert!(!ran.stderr.contains("is unfinished"), "{what}: {ran:?}");
            said = ran.stderr;
        }
        one_line(&said)
    }
}

/// What was said, without the line breaks of the message.
fn one_line(said: &str) -> String {
    let words = said.split_whitespace().filter(|word| *word != "│");
    words.collect::<Vec<_>>().join(" ")
}

/// A line of the journal, its end included.
fn lines() -> Vec<&'static str> {
    JOURNAL.split_inclusive('\n').collect()
}

/// The journal with another line in the place of the one with this number, counted from 1.
fn with_line(number: usize, line: impl AsRef<[u8]>) -> Vec<u8> {
    let lines = lines();
    let before = lines[..number - 1].concat();
    let after = lines[number..].concat();
    [before.as_bytes(), line.as_ref(), after.as_bytes()].concat()
}

/// The line with these bytes put in at a place.
fn at(number: usize, place: usize, bytes: &[u8]) -> Vec<u8> {
    let (before, after) = lines()[number - 1].as_bytes().split_at(place);
    with_line(number, [before, bytes, after].concat())
}

#[test]
fn the_run_itself_is_gone_on_with() {
    let past = past();
    let explained = past.sandbox.run(&["resume", "--explain"]);
    assert_eq!(explained.code, 0, "{explained:?}");
    assert_eq!(past.door.rung(), 0);
    // What was torn is cut off, and the rest is as it was.
    past.set(format!("{JOURNAL}{{\"seq\":18,\"at\":\"20"));
    let ran = past
        .sandbox
        .run_until_rung(&["resume", "--yes"], &past.door);
    assert_eq!(ran.code, 5, "{ran:?}");
    let now = fs::read_to_string(past.folder.journal_path()).unwrap();
    let more = now.strip_prefix(JOURNAL).unwrap();
    assert!(more.starts_with("{\"seq\":18,"), "{more}");
    assert!(more.contains("\"run-resumed\""), "{more}");
}

#[test]
fn a_journal_that_is_damaged_anywhere_is_refused_and_the_line_is_named() {
    let past = past();
    let lines = lines();
    let last = lines.len();
    let cases: Vec<(&str, Vec<u8>, usize)> = vec![
        ("windows", JOURNAL.replace('\n', "\r\n").into(), 1),
        ("crlf in one line", at(8, lines[7].len() - 1, b"\r"), 8),
        (
            "crlf in the last line",
            at(last, lines[last - 1].len() - 1, b"\r"),
            last,
        ),
        (
            "a byte 0xff in a text",
            at(6, lines[5].len() - 10, b"\xff"),
            6,
        ),
        ("four bytes 0xff", at(2, 90, b"\xff\xff\xff\xff"), 2),
        ("a surrogate", at(12, 100, b"\xed\xa0\x80"), 12),
        ("half a character", at(16, 100, b"\xc3"), 16),
        ("overlong", at(16, 100, b"\xc0\xaf"), 16),
        ("a NUL in a text", at(6, lines[5].len() - 10, b"\0"), 6),
        ("a NUL before a line", at(9, 0, b"\0"), 9),
        ("NULs in the last line", at(last, 10, b"\0\0\0"), last),
        ("an escape sequence", at(5, 60, b"\x1b]0;x\x07"), 5),
        ("a tab", at(5, 5, b"\t"), 5),
        ("a form feed", at(5, 5, b"\x0c"), 5),
        ("a bracket too many", at(10, lines[9].len() - 1, b"}"), 10),
        (
            "a bracket too few",
            with_line(10, lines[9].replacen("}", "", 1)),
            10,
        ),
        ("an empty line", with_line(7, format!("\n{}", lines[6])), 7),
        ("two events in a line", with_line(7, lines[6].trim_end()), 7),
        ("null", with_line(11, "null\n"), 11),
        ("another document", with_line(11, "[1,2,3]\n"), 11),
        ("text", with_line(11, "what is this\n"), 11),
        (
            "half a line",
            with_line(11, format!("{}\n", &lines[10][..40])),
            11,
        ),
        (
            "an event without its task",
            with_line(8, lines[7].replace("task\"", "tusk\"")),
            8,
        ),
        (
            "a number that is none",
            with_line(8, lines[7].replace("\"ms\":500", "\"ms\":-5")),
            8,
        ),
        (
            "no time",
            with_line(8, lines[7].replace("2026-01-01T", "x")),
            8,
        ),
        (
            "an outcome nobody knows",
            with_line(11, lines[10].replace("already\"", "eclipse\"")),
            11,
        ),
        ("a line less", with_line(9, ""), 9),
        (
            "two lines swapped",
            with_line(9, [lines[9], lines[8]].concat()),
            9,
        ),
        ("the first event less", with_line(2, ""), 2),
        (
            "a host with a path",
            with_line(8, lines[7].replace("\"s1\"}", "\"../s1\"}")),
            8,
        ),
        (
            "a stage with a path",
            with_line(8, lines[7].replace("\"prepare\",", "\"a/b\",")),
            8,
        ),
        ("the last line twice and damaged", at(last, 3, b" x"), last),
    ];
    for (what, journal, line) in cases {
        assert_ne!(journal, JOURNAL.as_bytes(), "{what}");
        past.set(&journal);
        let said = past.refused(what);
        let file =
            format!("{RUN}/journal.jsonl cannot be read: line {line} of the journal is damaged");
        assert!(said.contains(&file), "{what}: {said}");
        assert!(said.contains("help:"), "{what}: {said}");
        assert!(!said.chars().any(char::is_control), "{what}: {said:?}");
    }
    // A flushed line that was damaged with all behind it is not cut off either.
    past.set([JOURNAL.as_bytes(), b"{\"seq\":18,\"at\":\"2026\xff\n"].concat());
    let said = past.refused("a damaged last line");
    assert!(
        said.contains(&format!("line {} of the journal", last + 1)),
        "{said}"
    );
}

#[test]
fn a_first_line_that_is_damaged_is_refused_and_no_older_run_is_taken() {
    let past = past();
    // An older run, which is unfinished as well.
    let older = RunId::new("20251231-000000-oldr");
    let older = RunFolder::create(&past.home(), &older, &plan()).unwrap();
    let journal = JOURNAL.replace(RUN, older.id().as_str());
    fs::write(older.journal_path(), journal).unwrap();
    fs::write(older.path().join("number"), "1\n").unwrap();
    fs::write(past.folder.path().join("number"), "2\n").unwrap();
    let header = lines()[0];
    for first in [
        "",
        "null\n",
        "{}\n",
        "what is this\n",
        &header.replace(":1,", ":\"1\","),
        &header.replace(":1,", ":0,"),
        &header.replace(":1,", ":-1,"),
        &header.replace("phalanx_journal", "other_journal"),
        &header.replace("\"run\"", "\"rum\""),
        &header[1..],
    ] {
        past.set(with_line(1, first));
        let said = past.refused(first);
        assert!(
            said.contains(&format!("{RUN}/journal.jsonl")),
            "{first}: {said}"
        );
        assert!(
            said.contains("line 1 of the journal is damaged"),
            "{first}: {said}"
        );
        let explained = past.sandbox.run(&["resume", "--explain"]);
        assert_eq!(explained.code, 2, "{first}: {explained:?}");
        assert!(explained.stderr.contains(RUN), "{explained:?}");
    }
    past.set("");
    for what in ["an empty file", "no file"] {
        match what {
            "no file" => fs::remove_file(past.folder.journal_path()).unwrap(),
            _ => past.set(""),
        }
        let said = past.refused(what);
        let says = format!("the run {RUN} never began: its journal is empty");
        assert!(said.contains(&says), "{said}");
        // Where it has left anything, it may have been more.
        let logs = past.folder.path().join("logs");
        fs::create_dir(&logs).unwrap();
        let said = past.refused(what);
        assert!(said.contains(&format!("{RUN}/journal.jsonl")), "{said}");
        fs::remove_dir(&logs).unwrap();
    }
    past.set(JOURNAL.replacen(RUN, "20260101-000000-else", 1));
    let named = past.sandbox.run(&["resume", RUN, "--yes"]);
    assert_eq!((named.code, past.door.rung()), (2, 0), "{named:?}");
    assert!(
        one_line(&named.stderr).contains("is the journal of the run 2026"),
        "{named:?}"
    );
    // Who names the older one means it.
    past.set("");
    let explained = past.sandbox.run(&["resume", "20251231", "--explain"]);
    assert_eq!(explained.code, 0, "{explained:?}");
    // A run that only looked is not in the way, whatever became of it: its plan says so, or, of before plans did, its
    // flow's name.
    let plan_file = past.folder.path().join("plan.json");
    let text = fs::read_to_string(&plan_file).unwrap();
    let says = "\"changes\":\"hosts\"";
    assert!(text.contains(says), "{text}");
    let check = text.replace("\"flow\":\"install\"", "\"flow\":\"check\"");
    for plan in [
        text.replace(says, "\"changes\":\"nothing\""),
        check.replace(&format!("{says},"), ""),
    ] {
        fs::write(&plan_file, plan).unwrap();
        let explained = past.sandbox.run(&["resume", "--explain"]);
        assert_eq!(explained.code, 0, "{explained:?}");
        assert!(explained.stdout.contains("20251231"), "{explained:?}");
    }
    // One that says it changes hosts is in the way, whatever its flow is called.
    fs::write(&plan_file, check).unwrap();
    let explained = past.sandbox.run(&["resume", "--explain"]);
    assert_eq!(explained.code, 2, "{explained:?}");
}

#[test]
fn a_newer_format_is_shown_and_said_and_never_gone_on_with() {
    let past = past();
    let newer = lines()[0].replace(":1,", ":2,");
    past.set(with_line(1, newer));
    let said = past.refused("format 2");
    assert!(
        said.contains("format 2") && said.contains("use the newer phalanx"),
        "{said}"
    );
    let show = past.sandbox.run(&["show"]);
    let watch = past.sandbox.run(&["watch"]);
    let json = past.sandbox.run(&["watch", "--json"]);
    let bundle = past.sandbox.run(&["bundle", "--offline", "-o", "x.tar.gz"]);
    for ran in [&show, &watch, &json, &bundle] {
        assert!(
            one_line(&ran.stderr).contains("a newer phalanx has written the journal"),
            "{ran:?}"
        );
        assert!(!ran.stdout.contains("phalanx resume"), "{ran:?}");
    }
    assert_eq!((show.code, bundle.code), (0, 0));
    let runs = past.sandbox.run(&["runs"]);
    assert!(
        runs.stdout.contains("written by a newer phalanx"),
        "{runs:?}"
    );
    let runs = past.sandbox.run(&["runs", "--json"]);
    assert!(runs.stdout.contains("\"newer_format\": 2"), "{runs:?}");
}

#[test]
fn another_version_is_said() {
    let past = past();
    past.set(JOURNAL.replace("\"version\":\"0.1.0\"", "\"version\":\"9.9.9\\u001b[2J\""));
    let explained = past.sandbox.run(&["resume", "--explain"]);
    assert_eq!(explained.code, 0, "{explained:?}");
    assert!(
        explained
            .stderr
            .contains("phalanx 9.9.9 has worked on the run"),
        "{explained:?}"
    );
    past.set(JOURNAL);
    assert_eq!(past.sandbox.run(&["resume", "--explain"]).stderr, "");
}

#[test]
fn a_plan_that_is_damaged_is_refused() {
    let past = past();
    let path = past.folder.path().join("plan.json");
    let plan = fs::read(&path).unwrap();
    let text = String::from_utf8(plan.clone()).unwrap();
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to).into_bytes()
    };
    let mut bad_byte = plan.clone();
    bad_byte[20] = 0xff;
    for (what, plan) in [
        ("empty", Vec::new()),
        ("torn", plan[..plan.len() / 2].to_vec()),
        ("a byte that is not UTF-8", bad_byte),
        ("NULs", vec![0; plan.len()]),
        ("something behind it", [&plan[..], b"{}"].concat()),
        (
            "a host with a path",
            with("\"name\":\"w1\"", "\"name\":\"../../../victim\""),
        ),
        (
            "a host with a slash in front",
            with("\"name\":\"w1\"", "\"name\":\"/etc\""),
        ),
        (
            "a stage with a path",
            with("\"id\":\"serve\"", "\"id\":\"../serve\""),
        ),
        (
            "a host without a name",
            with("\"name\":\"w1\"", "\"name\":\"\""),
        ),
        (
            "a host that is a command",
            with("\"name\":\"w1\"", "\"name\":\"w1;id\""),
        ),
        (
            "a time that cannot be",
            with("\"within\":", "\"within\":-1e300,\"was\":"),
        ),
    ] {
        fs::write(&path, plan).unwrap();
        let said = past.refused(what);
        assert!(said.contains(&format!("{RUN}/plan.json")), "{what}: {said}");
        assert!(said.contains("help:"), "{what}: {said}");
    }
    fs::remove_file(&path).unwrap();
    let said = past.refused("no plan");
    assert!(said.contains(&format!("{RUN}/plan.json")), "{said}");
    // A plan of a resumption, of which the journal tells.
    fs::write(&path, &plan).unwrap();
    let resumed = "{\"seq\":18,\"at\":\"2026-01-02T00:00:00Z\",\"ms\":40000,\"event\":\"run-resumed\",\
                   \"plan\":2,\"hosts\":3,\"tasks\":5,\"version\":\"0.1.0\"}\n";
    past.set(format!("{JOURNAL}{resumed}"));
    let said = past.refused("the second plan is missing");
    assert!(said.contains(&format!("{RUN}/plan.2.json")), "{said}");
    past.set(format!(
        "{JOURNAL}{}",
        resumed.replace("\"plan\":2", "\"plan\":4294967295")
    ));
    let said = past.refused("four billion plans");
    assert!(said.contains(&format!("{RUN}/plan.2.json")), "{said}");
}

#[test]
fn links_and_what_would_wait_are_refused_at_once() {
    let past = past();
    let fifo = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let journal = past.folder.journal_path();
    let aside = past.sandbox.path().join("aside");
    fs::rename(&journal, &aside).unwrap();
    symlink(&aside, &journal).unwrap();
    let said = past.refused("the journal is a link");
    assert!(said.contains("journal.jsonl"), "{said}");
    fs::remove_file(&journal).unwrap();
    fifo(&journal);
    past.refused("the journal is a FIFO");
    for command in [
        &["show"][..],
        &["runs"],
        &["watch"],
        &["watch", "--json"],
        &["watch", "--svg", "x.svg"],
        &["logs"],
        &["bundle", "--offline", "--force", "-o", "y.tar.gz"],
        &["control", "pause"],
    ] {
        past.sandbox.run(command);
    }
    fs::remove_file(&journal).unwrap();
    past.set(JOURNAL);
    let plan = past.folder.path().join("plan.json");
    let aside = past.sandbox.path().join("plan-aside");
    fs::rename(&plan, &aside).unwrap();
    fifo(&plan);
    past.refused("the plan is a FIFO");
    fs::remove_file(&plan).unwrap();
    symlink(&aside, &plan).unwrap();
    past.refused("the plan is a link");
    fs::rename(&aside, &plan).unwrap();

    let logs = past.folder.path().join("logs");
    symlink("/etc", &logs).unwrap();
    past.refused("the folder of logs is a link");
    assert_eq!(past.sandbox.run(&["logs"]).stdout, "");
    fs::remove_file(&logs).unwrap();
    fs::create_dir_all(logs.join("s1")).unwrap();
    fs::write(logs.join("s1/prepare.log"), "fine\n").unwrap();
    for path in ["w1", "s1/serve.log"] {
        symlink("/etc/hostname", logs.join(path)).unwrap();
        past.refused("a link among the logs");
        let list = past.sandbox.run(&["logs"]);
        assert_eq!(list.stdout.lines().count(), 1, "{list:?}");
        fs::remove_file(logs.join(path)).unwrap();
    }
    fifo(&logs.join("s1/serve.log"));
    past.refused("a log is a FIFO");
    past.sandbox.run(&["logs", "s1"]);
    past.sandbox.run(&["show", "--html", "page.html"]);
}

#[test]
fn a_folder_that_others_may_change_is_refused_by_all_that_work() {
    let past = past();
    let home = past.home();
    let folders = [
        home.clone(),
        home.join("runs"),
        past.sandbox.path().to_owned(),
    ];
    let mode =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for folder in folders {
        mode(&folder, 0o777);
        for command in [
            &["resume", "--yes"][..],
            &["install", "--yes"],
            &["check"],
            &["verify"],
        ] {
            let Ran { code, stderr, .. } = past.sandbox.run(command);
            let said = one_line(&stderr);
            assert_eq!((code, past.door.rung()), (2, 0), "{command:?}: {said}");
            assert!(said.contains("0777") && said.contains("chmod"), "{said}");
        }
        assert_eq!(fs::read_dir(home.join("runs")).unwrap().count(), 1);
        // Who only looks harms nothing.
        assert_eq!(past.sandbox.run(&["show"]).code, 0);
        mode(&folder, 0o700);
    }
    mode(past.folder.path(), 0o770);
    let said = past.refused("the run's folder is a group's");
    assert!(said.contains("0770") && said.contains("chmod"), "{said}");
    mode(past.folder.path(), 0o700);

    // A link in the place of the lock: what it leads to is not touched.
    let victim = past.sandbox.write("victim", "kept");
    let _ = fs::remove_dir_all(home.join("locks"));
    fs::create_dir(home.join("locks")).unwrap();
    mode(&home.join("locks"), 0o700);
    symlink(&victim, home.join("locks/example")).unwrap();
    for command in [&["resume", "--yes"][..], &["install", "--yes"]] {
        let ran = past.sandbox.run(command);
        assert_eq!((ran.code, past.door.rung()), (2, 0), "{ran:?}");
        assert!(one_line(&ran.stderr).contains("locks/example"), "{ran:?}");
    }
    assert_eq!(fs::read(&victim).unwrap(), b"kept");
}

#[test]
fn the_newest_is_the_one_that_began_last_and_where_two_are_open_that_is_said() {
    let past = past();
    // The clock was set back a day before it began.
    let later =
        RunFolder::create(&past.home(), &RunId::new("20251231-000000-late"), &plan()).unwrap();
    fs::write(
        later.journal_path(),
        JOURNAL.replace(RUN, later.id().as_str()),
    )
    .unwrap();
    let explained = past.sandbox.run(&["resume", "--explain"]);
    assert_eq!(explained.code, 0, "{explained:?}");
    assert!(
        explained.stdout.contains("20251231-000000-late"),
        "{explained:?}"
    );
    assert!(
        explained
            .stderr
            .contains(&format!("{RUN} is unfinished as well")),
        "{explained:?}"
    );
    let runs = past.sandbox.run(&["runs"]).stdout;
    assert!(runs.starts_with("20251231-000000-late"), "{runs}");
    let show = past.sandbox.run(&["show"]).stdout;
    assert!(show.contains("20251231-000000-late"), "{show}");
    // Where nobody knows which is newer, none is taken.
    fs::write(later.path().join("number"), "x").unwrap();
    let ran = past.sandbox.run(&["resume", "--yes"]);
    assert_eq!((ran.code, past.door.rung()), (2, 0), "{ran:?}");
    assert!(one_line(&ran.stderr).contains("late/number"), "{ran:?}");
    // Runs of before there were numbers.
    for folder in [&later, &past.folder] {
        fs::remove_file(folder.path().join("number")).unwrap();
    }
    let explained = past.sandbox.run(&["resume", "--explain"]);
    assert!(explained.stdout.contains(RUN), "{explained:?}");
}

#[test]
fn nothing_of_a_foreign_run_reaches_the_terminal_as_it_is() {
    let past = past();
    let evil = "x\\u001b]52;c;ZXZpbA==\\u0007\\u009b31m\\u202ey";
    let plan = past.folder.path().join("plan.json");
    let text = fs::read_to_string(&plan).unwrap();
    let text = text
        .replace(
            "\"cluster\":\"example\"",
            &format!("\"cluster\":\"{evil}\""),
        )
        .replace("\"flow\":\"install\"", &format!("\"flow\":\"{evil}\""))
        .replace("\"recipe\":\"hello\"", &format!("\"recipe\":\"{evil}\""))
        .replace("\"on\":[]", &format!("\"on\":[\"$(id) {evil}\"]"));
    fs::write(&plan, text).unwrap();
    for field in [
        "cluster\":\"example",
        "flow\":\"install",
        "recipe\":\"hello",
        "version\":\"0.1.0",
    ] {
        let (name, value) = field.split_once(':').unwrap();
        let journal = fs::read_to_string(past.folder.journal_path()).unwrap();
        let with = journal.replace(
            &format!("\"{name}:{value}\""),
            &format!("\"{name}:\"{evil}\""),
        );
        assert_ne!(journal, with, "{field}");
        past.set(with);
    }
    fs::create_dir(past.home().join("runs/\u{1b}]0;title\u{7}")).unwrap();
    let broken = past.home().join("runs/20260102-000000-brok");
    fs::create_dir(&broken).unwrap();
    fs::write(
        broken.join("journal.jsonl"),
        format!("{{\"{}\":1}}\n", "\u{9b}31m\u{202e}"),
    )
    .unwrap();
    for command in [
        &["runs"][..],
        &["runs", "--json"],
        &["show", RUN],
        &["show", RUN, "--json"],
        &["show", "brok"],
        &["logs", RUN],
        &["logs", RUN, "nobody"],
        &["watch", RUN],
        &["watch", "brok"],
        &["bundle", RUN, "--offline", "-o", "z.tar.gz"],
        &["resume", RUN, "--explain"],
        &["resume", RUN, "--yes"],
        &["resume", "--yes"],
        &["control", "pause"],
    ] {
        let ran = past.sandbox.run(command);
        for said in [&ran.stdout, &ran.stderr] {
            let shown: String = said.replace('\n', "");
            let plain = |c: char| !c.is_control() && !('\u{202a}'..='\u{202e}').contains(&c);
            assert!(shown.chars().all(plain), "{command:?}: {said:?}");
        }
        assert!(
            !ran.stdout.contains("phalanx resume 2026"),
            "{command:?}: {ran:?}"
        );
    }
    assert_eq!(past.door.rung(), 0);
}

#[test]
fn times_that_cannot_be_break_nothing() {
    let past = past();
    let most = u64::MAX.to_string();
    let cases = [
        JOURNAL.replace("\"ms\":500,", &format!("\"ms\":{most},")),
        JOURNAL.replace("\"ms\":34620,", "\"ms\":0,"),
        JOURNAL.replace("\"ms\":0,", &format!("\"ms\":{most},")),
        JOURNAL
            .replace("\"host_ms\":2900", &format!("\"host_ms\":{most}"))
            .replace(
                "\"facts\":{\"os\":\"rhel\"}",
                &format!("\"facts\":{{}},\"host_ms\":{most}"),
            )
            .replace("\"took_ms\":280", &format!("\"took_ms\":{most}")),
        JOURNAL.replace("2026-01-01T00:00:00.500Z", "9999-12-30T00:00:00Z"),
        JOURNAL.replace("\"log_bytes\":24", &format!("\"log_bytes\":{most}")),
        JOURNAL.replace("\"attempt\":1", "\"attempt\":4294967295"),
    ];
    for (number, journal) in cases.iter().enumerate() {
        assert_ne!(journal, JOURNAL);
        past.set(journal);
        for command in [
            &["show"][..],
            &["show", "--json"],
            &["show", "--html", "page.html"],
            &["watch", "--svg", "run.svg"],
            &["watch"],
            &["runs"],
            &["bundle", "--offline", "--force", "-o", "w.tar.gz"],
            &["resume", "--explain"],
        ] {
            let ran = past.sandbox.run(command);
            assert!(matches!(ran.code, 0 | 1), "{number}: {command:?}: {ran:?}");
            assert!(
                !ran.stderr.contains("panicked"),
                "{number}: {command:?}: {ran:?}"
            );
        }
    }
}

#[test]
fn a_newer_run_that_never_began_is_told_with_the_one_before_it() {
    let past = past();
    let empty = "20260102-000000-none";
    let newer = RunFolder::create(&past.home(), &RunId::new(empty), &plan()).unwrap();
    for torn in [None, Some(""), Some("{\"phalanx_journal\":1,\"ru")] {
        if let Some(torn) = torn {
            fs::write(newer.journal_path(), torn).unwrap();
        }
        let explained = past.sandbox.run(&["resume", "--explain"]);
        assert_eq!(explained.code, 2, "{torn:?}: {explained:?}");
        let said = one_line(&explained.stderr);
        let says =
            format!("the run {empty} never began: its journal is empty, so no host was contacted");
        assert!(said.contains(&says), "{said}");
        let proposes = format!("`phalanx resume {RUN}` goes on with the one before");
        assert!(said.contains(&proposes), "{said}");
        let named = past.sandbox.run(&["resume", empty, "--explain"]);
        assert_eq!(named.code, 2, "{named:?}");
        assert!(one_line(&named.stderr).contains("never began"), "{named:?}");
        let before = past.sandbox.run(&["resume", RUN, "--explain"]);
        assert_eq!(before.code, 0, "{before:?}");
    }
}
