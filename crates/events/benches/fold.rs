//! What is counted by `cargo xtask campaign benches`: the fold of a run's events, and reading them as lines. `fold CASE
//! EVENTS` does it once, in the function `counted`, and prints how many seconds that took.
#![expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "a program of the project's own, which stops where its input is not as it should be"
)]

use std::hint::black_box;
use std::time::Instant;

use jiff::Timestamp;
use phalanx_events::{Event, EventKind, Outcome, RunStarted, RunState, TaskEnd};
use phalanx_plan::TaskId;

const STAGES: usize = 33;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // `cargo bench` says more than is asked for.
    let (case, count) = match words.as_slice() {
        [case, count, ..] => (*case, count.parse().unwrap_or(1_000)),
        _ => ("fold", 1_000),
    };
    let events = events(count);
    match case {
        "read" => {
            let lines: Vec<String> = events
                .iter()
                .map(|event| match serde_json::to_string(event) {
                    Ok(line) => line,
                    Err(error) => panic!("{error}"),
                })
                .collect();
            timed(|| -> usize {
                let read = lines.iter().filter(|line| {
                    let event: Result<Event, _> = serde_json::from_str(line);
                    event.is_ok()
                });
                read.count()
            });
        }
        _ => timed(|| RunState::of(&events)),
    }
}

fn timed<T>(work: impl FnOnce() -> T) {
    let began = Instant::now();
    let done = black_box(counted(work));
    println!("{}", began.elapsed().as_secs_f64());
    // What it takes to drop it is not counted.
    drop(done);
}

/// What callgrind looks at: found by its name.
#[inline(never)]
fn counted<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Events of a run on as many hosts as it takes: each task begins, is accepted and ends.
fn events(count: usize) -> Vec<Event> {
    let hosts = count.div_ceil(3 * STAGES);
    let begun = EventKind::RunStarted(RunStarted {
        run: "20260101-000000-bench".into(),
        cluster: "many".into(),
        recipe: "bench".into(),
        release: None,
        flow: "install".into(),
        hosts,
        tasks: hosts * STAGES,
        version: "0.1.0".into(),
        origin: None,
    });
    let tasks = (0..STAGES).flat_map(|stage| {
        (0..hosts).map(move |host| TaskId::new(&*format!("s{stage}"), &*format!("h{host}")))
    });
    let of_task = |task: TaskId| {
        [
            EventKind::TaskStarted {
                job: Some(format!(
                    "20260101-000000-bench.{}.{}.1",
                    task.stage, task.host
                )),
                task: task.clone(),
                attempt: 1,
            },
            EventKind::TaskAccepted { task: task.clone() },
            EventKind::TaskEnded {
                task,
                attempt: 1,
                end: TaskEnd::new(Outcome::Changed),
            },
        ]
    };
    std::iter::once(begun)
        .chain(tasks.flat_map(of_task))
        .take(count)
        .zip(1..)
        .map(|(kind, seq)| Event {
            seq,
            at: Timestamp::UNIX_EPOCH,
            ms: seq,
            kind,
        })
        .collect()
}
