//! The schema of the journal's lines: what is written fits it, what is damaged does not, and it is the one that
//! is committed and written about.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what it expects by unwrapping"
)]

mod from_schema;

use std::path::PathBuf;
use std::sync::LazyLock;

use from_schema::{Made, event_names, events};
use jsonschema::Validator;
use phalanx_events::schema::journal_schema;
use phalanx_events::{
    CancelLevel, Event, EventKind, Failure, FailureKind, Outcome, RebootPhase, ReportedProblem,
    ReportedSeverity, RunOutcome, TaskEnd, journal,
};
use phalanx_plan::TaskId;
use proptest::prelude::*;
use serde_json::{Value, json};

static SCHEMA: LazyLock<Value> = LazyLock::new(journal_schema);

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    jsonschema::options()
        .should_validate_formats(true)
        .build(&SCHEMA)
        .unwrap()
});

fn at_the_root(path: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../..", path].iter().collect()
}

/// Why a line does not fit.
fn faults(line: &Value) -> Vec<String> {
    VALIDATOR
        .iter_errors(line)
        .map(|error| error.to_string())
        .collect()
}

/// The line of an event, as a reader gets it.
fn line(event: &Event) -> Value {
    serde_json::from_str(&journal::line(event).unwrap()).unwrap()
}

fn event(kind: EventKind) -> Event {
    Event {
        seq: 1,
        at: jiff::Timestamp::UNIX_EPOCH,
        ms: 0,
        kind,
    }
}

#[test]
fn it_is_a_schema_and_the_committed_one() {
    assert!(jsonschema::draft202012::meta::is_valid(&SCHEMA));
    let path = at_the_root("docs/schema/journal.schema.json");
    let committed: Option<Value> = std::fs::read_to_string(&path)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok());
    assert!(
        committed.as_ref() == Some(&*SCHEMA),
        "docs/schema/journal.schema.json is not the schema of the events as they are. Renew it:\n\
         cargo run -- recipe schema --of journal > docs/schema/journal.schema.json\n\
         and write about what is new in docs/journal.md"
    );
}

#[test]
fn every_event_and_its_fields_are_written_about() {
    let page = std::fs::read_to_string(at_the_root("docs/journal.md")).unwrap();
    let rows: Vec<(&str, &str)> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .collect();
    for (name, fields) in from_schema::fields(&SCHEMA) {
        let (_, row) = rows
            .iter()
            .find(|(event, _)| *event == name)
            .unwrap_or_else(|| panic!("docs/journal.md has no row for the event `{name}`"));
        for field in fields {
            assert!(
                row.contains(&format!("`{field}`")),
                "docs/journal.md does not tell of `{field}` in the row of `{name}`"
            );
        }
    }
}

#[test]
fn headers() {
    let header: Value = serde_json::from_str(&journal::header_line("r1")).unwrap();
    assert_eq!(faults(&header), Vec::<String>::new());
    for bad in [
        json!({ "phalanx_journal": 1 }),
        json!({ "phalanx_journal": journal::FORMAT + 1, "run": "r1" }),
        json!({ "phalanx_journal": "1", "run": "r1" }),
        json!({ "run": "r1" }),
        json!({}),
        json!([]),
    ] {
        assert!(!VALIDATOR.is_valid(&bad), "{bad}");
    }
}

#[test]
fn what_is_added_later_is_let_through() {
    let newcomer = json!({ "seq": 9, "at": "2026-01-01T00:00:00Z", "ms": 5, "event": "eclipse", "of": ["sun"] });
    assert_eq!(faults(&newcomer), Vec::<String>::new());
    assert_eq!(
        serde_json::from_value::<Event>(newcomer.clone())
            .unwrap()
            .kind,
        EventKind::Unknown
    );
    for field in ["seq", "at", "ms", "event"] {
        let mut without = newcomer.clone();
        without.as_object_mut().unwrap().remove(field);
        assert!(!VALIDATOR.is_valid(&without), "{without}");
    }
    let mut more = line(&event(EventKind::RunEnded {
        outcome: RunOutcome::Done,
    }));
    more["because"] = json!({ "of": 1 });
    assert_eq!(faults(&more), Vec::<String>::new());
}

#[test]
fn every_word_for_an_end_is_a_word_of_the_schema() {
    let reason = || "r".to_owned();
    let task = || TaskId::new("s", "h");
    let ends = [
        TaskEnd::new(Outcome::Changed),
        TaskEnd::new(Outcome::Already),
        TaskEnd::new(Outcome::Skipped {
            reason: reason(),
            by_operator: true,
        }),
        TaskEnd::new(Outcome::NotRun { reason: reason() }),
        TaskEnd::new(Outcome::Cancelled),
        TaskEnd {
            problems: [
                ReportedSeverity::Note,
                ReportedSeverity::Warning,
                ReportedSeverity::Error,
            ]
            .map(|severity| ReportedProblem {
                check: "c".into(),
                severity,
                text: "t".into(),
                fix: "f".into(),
            })
            .to_vec(),
            ..TaskEnd::failed(
                Failure::new(FailureKind::Script, "m")
                    .advice("a")
                    .lines(vec!["l".into()]),
            )
        },
    ];
    let ends = ends.map(|end| EventKind::TaskEnded {
        task: task(),
        attempt: 1,
        end,
    });
    let phases = [
        RebootPhase::Requested,
        RebootPhase::Down,
        RebootPhase::Up,
        RebootPhase::Proven,
    ];
    let phases = phases.map(|phase| EventKind::Reboot {
        task: task(),
        phase,
        boot: None,
    });
    let levels = [
        CancelLevel::NoNewTasks,
        CancelLevel::StopJobs,
        CancelLevel::Leave,
    ];
    let levels = levels.map(|level| EventKind::CancelRequested { level });
    let outcomes = [
        RunOutcome::Done,
        RunOutcome::Failed,
        RunOutcome::ProblemsFound,
        RunOutcome::Interrupted,
        RunOutcome::Held,
    ];
    let outcomes = outcomes.map(|outcome| EventKind::RunEnded { outcome });
    let kinds = ends.into_iter().chain(phases).chain(levels).chain(outcomes);
    for kind in kinds.chain([EventKind::Unknown]) {
        let line = line(&event(kind));
        assert_eq!(faults(&line), Vec::<String>::new(), "{line}");
    }
}

/// The journal of a failed run that the command's tests look back at.
#[test]
fn a_whole_journal_fits() {
    let path = at_the_root("crates/phalanx/tests/data/failed-run.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.lines().count() > 10);
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(faults(&line), Vec::<String>::new(), "{line}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    /// Schema and types say the same: what fits the one is read by the others, and what they write fits again.
    #[test]
    fn what_fits_is_read_and_what_is_written_fits(made in events(&SCHEMA)) {
        let Made { name, line: told, .. } = made;
        prop_assert_eq!(faults(&told), Vec::<String>::new(), "{}", told);
        let read: Event = serde_json::from_value(told.clone()).unwrap();
        let known = event_names(&SCHEMA).contains(&name);
        prop_assert_eq!(read.kind != EventKind::Unknown, known, "{}", told);
        let written = line(&read);
        prop_assert_eq!(faults(&written), Vec::<String>::new(), "{}", written);
        prop_assert_eq!(serde_json::from_value::<Event>(written).unwrap(), read);
    }

    /// A line that has lost something it needs, or has something else in its place, fits no more; nor is it read.
    #[test]
    fn what_is_damaged_does_not_fit(made in events(&SCHEMA), which in any::<prop::sample::Index>(), lost: bool) {
        let Made { mut line, needed, .. } = made;
        let field = which.get(&needed).clone();
        // Nothing that is needed may be such a list.
        match lost {
            true => drop(line.as_object_mut().unwrap().remove(&field)),
            false => line[&field] = json!([true]),
        }
        prop_assert!(!VALIDATOR.is_valid(&line), "{field} of {line}");
        prop_assert!(serde_json::from_value::<Event>(line.clone()).is_err(), "{field} of {line}");
    }

    /// Where values are listed, there are no others.
    #[test]
    fn unknown_words_do_not_fit(made in events(&SCHEMA)) {
        let mut line = made.line;
        for field in ["outcome", "phase", "level"] {
            if let Some(word) = line.get_mut(field) {
                *word = json!("eclipsed");
                prop_assert!(!VALIDATOR.is_valid(&line), "{line}");
                return Ok(());
            }
        }
        if let Some(Value::Object(failure)) = line.get_mut("failure") {
            failure.insert("kind".into(), json!("eclipsed"));
            prop_assert!(!VALIDATOR.is_valid(&line), "{line}");
        }
    }
}
