//! What is counted by `cargo xtask campaign benches`: the schedule of a run from its beginning to its end, where every
//! task succeeds. `schedule schedule HOSTS` does it once, in the function `counted`, and prints how many seconds that took.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program of the project's own, which stops where its input is not as it should be"
)]

#[path = "../tests/support/plan_maker.rs"]
#[expect(dead_code, reason = "tests use more of it")]
mod plan_maker;

use std::hint::black_box;
use std::time::Instant;

use phalanx_engine::Course;
use phalanx_plan::Plan;
use plan_maker::{PlanMaker, script};

const STAGES: usize = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // `cargo bench` says more than is asked for.
    let hosts = match words.as_slice() {
        ["schedule", hosts, ..] => hosts.parse().unwrap_or(100),
        _ => 100,
    };
    let course = Course::new(plan(hosts));
    let began = Instant::now();
    // One input at a time: what is decided is decided anew after each.
    let end = black_box(counted(|| course.carry_out(1)));
    println!("{}", began.elapsed().as_secs_f64());
    assert!(end.is_done, "not every task was done: {end:?}");
}

/// What callgrind looks at: found by its name.
#[inline(never)]
fn counted<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Ten stages: own gates and gates for all, and conditions.
fn plan(hosts: usize) -> Plan {
    let names: Vec<String> = (0..hosts)
        .map(|host| {
            let role = if host % 100 == 0 { "server" } else { "worker" };
            format!("h{host}:{role}")
        })
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut maker = PlanMaker::new(&names);
    for stage in 0..STAGES {
        let gate = match stage {
            0 => Vec::new(),
            1 | 5 | 9 => vec![format!("*s{}", stage - 1)],
            _ => vec![format!("s{}", stage - 1)],
        };
        let gate: Vec<&str> = gate.iter().map(String::as_str).collect();
        maker = maker.stage_with(&format!("s{stage}"), "", script(), &gate, |planned| {
            planned.when = (stage % 4 == 2).then(|| "host.role == 'worker'".to_owned());
        });
    }
    maker.plan()
}
