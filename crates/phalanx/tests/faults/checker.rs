//! Compares what a run's journal says with what the hosts counted themselves. It reads the journal's
//! lines as they stand, and shares no code with the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

/// What was found in order.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Checked {
    /// Attempts of scripts.
    pub(crate) attempts: usize,
    /// Bytes of their output.
    pub(crate) bytes: usize,
}

/// A host's own book: which attempts began and ended there, in order.
pub(crate) type Books = BTreeMap<String, String>;

/// What a script says whose output is counted.
pub(crate) fn said(stage: &str, host: &str, lines: usize) -> String {
    (1..=lines)
        .map(|line| format!("{stage} {host} {line}\n"))
        .collect()
}

/// What a journal says, once it was looked at by itself and beside the hosts' books.
struct Told {
    /// Jobs that were started: stage, host and attempt.
    journaled: BTreeMap<String, (String, String, u64)>,
    /// How attempts ended.
    ends: BTreeMap<(String, String, u64), Value>,
    begun: BTreeSet<String>,
    ended_there: BTreeSet<String>,
}

/// Nothing ran twice or unwritten, and what ended is recorded once; panics where that does not hold.
fn compare(run: &Path, books: &Books) -> Told {
    let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
    let mut events: Vec<Value> = Vec::new();
    for line in journal.lines().skip(1) {
        events.push(serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")));
    }
    for (index, event) in events.iter().enumerate() {
        assert_eq!(
            event["seq"],
            index as u64 + 1,
            "a gap or a duplicate: {event}"
        );
    }
    let name = |event: &Value| {
        let part = |part: &str| event["task"][part].as_str().unwrap().to_owned();
        (
            part("stage"),
            part("host"),
            event["attempt"].as_u64().unwrap(),
        )
    };
    let is = |event: &&Value, kind: &str| event["event"] == kind;

    // Nothing ran that was not written down, and nothing ran twice.
    let mut journaled = BTreeMap::new();
    for event in events.iter().filter(|event| is(event, "task-started")) {
        if let Some(job) = event["job"].as_str() {
            let known = journaled.insert(job.to_owned(), name(event));
            assert!(known.is_none(), "{job} was started twice");
        }
    }
    let mut ended_there = BTreeSet::new();
    let mut begun = BTreeSet::new();
    for (host, book) in books {
        for entry in book.lines() {
            let (what, job) = entry
                .split_once(' ')
                .unwrap_or_else(|| panic!("{host}: {entry}"));
            let fresh = match what {
                "begin" => begun.insert(job.to_owned()),
                _ => ended_there.insert(job.to_owned()),
            };
            assert!(fresh, "{host} ran {job} twice:\n{book}");
            assert!(
                journaled.contains_key(job),
                "{host} ran {job}, which is not in the journal"
            );
        }
    }
    // What ended is recorded once, and as it was. (Number 0 is no attempt: a condition was false, or the
    // task never came to run. A resumption asks that again.)
    let mut ends: BTreeMap<(String, String, u64), Value> = BTreeMap::new();
    let ended = |event: &&Value| is(event, "task-ended") && event["attempt"] != 0;
    for event in events.iter().filter(ended) {
        let before = ends.insert(name(event), event.clone());
        let was_open = before.is_none_or(|before| before["failure"]["may_run"] == true);
        assert!(was_open, "ended twice: {event}");
    }
    // And it came to its end.
    let last = events.last().unwrap();
    assert_eq!(
        (&last["event"], &last["outcome"]),
        (&"run-ended".into(), &"done".into())
    );
    Told {
        journaled,
        ends,
        begun,
        ended_there,
    }
}

/// What must hold of any run that came to its end, where the books only say what began.
pub(crate) fn check_begun(run: &Path, books: &Books) -> Checked {
    let told = compare(run, books);
    let mut done = BTreeSet::new();
    let mut checked = Checked::default();
    for (job, task) in &told.journaled {
        let end = told
            .ends
            .get(task)
            .unwrap_or_else(|| panic!("{job} has no end"));
        checked.attempts += 1;
        if end["outcome"] == "changed" || end["outcome"] == "already" {
            assert!(done.insert((&task.0, &task.1)), "{job} was done before");
            let (stage, host, attempt) = task;
            let log = log_of(run, stage, host, *attempt);
            assert_eq!(
                end["log_bytes"].as_u64().unwrap() as usize,
                log.len(),
                "{job}"
            );
            checked.bytes += log.len();
        }
    }
    checked
}

fn log_of(run: &Path, stage: &str, host: &str, attempt: u64) -> Vec<u8> {
    let log = match attempt {
        1 => format!("{stage}.log"),
        _ => format!("{stage}.{attempt}.log"),
    };
    fs::read(run.join("logs").join(host).join(log)).unwrap_or_default()
}

/// Everything that must hold of a run of `data/faults` that came to its end; panics where it does not.
pub(crate) fn check(run: &Path, books: &Books, lines: usize) -> Checked {
    let Told {
        journaled,
        ends,
        begun,
        ended_there,
    } = compare(run, books);
    let mut checked = Checked::default();
    let mut done = BTreeSet::new();
    for (job, task) in &journaled {
        let Some(end) = ends.get(task) else {
            panic!("{job} has no end");
        };
        let (stage, host, attempt) = task;
        let log = log_of(run, stage, host, *attempt);
        let expected = said(stage, host, lines);
        checked.attempts += 1;
        checked.bytes += log.len();
        if end["outcome"] == "changed" {
            assert!(
                begun.contains(job) && ended_there.contains(job),
                "{job} is told as done, and {host} does not know of it"
            );
            assert!(
                log.starts_with(expected.as_bytes()),
                "{job}: bytes are missing or out of order"
            );
            assert_eq!(
                end["log_bytes"].as_u64().unwrap() as usize,
                log.len(),
                "{job}"
            );
            assert!(done.insert((stage, host)), "{job} was done before");
        } else {
            let whole = &log[..log.len().min(expected.len())];
            let text = String::from_utf8_lossy(whole);
            let lines_of_it = text.rfind('\n').map_or(0, |at| at + 1);
            assert!(
                expected.starts_with(&text[..lines_of_it]),
                "{job}: what it said before it was cut short is not what is held"
            );
        }
    }
    checked
}
