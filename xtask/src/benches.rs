//! The benches of the crates, counted in instructions by valgrind's callgrind: the same number on a busy machine and on
//! an idle one, so that two commits can be compared. What is counted is the function `counted` of each bench.
//!
//! No library of benches is used: criterion tells times; what counts by the processor's own counters needs a machine
//! that shows them, which virtual ones often do not; and what calls callgrind brings a second program that has to be
//! installed in exactly its version, for the one line that [`counted`] reads.
//!
//! A further bench is a file in its crate's `benches`, a `[[bench]]` in the crate's `Cargo.toml`, and a [`Case`] here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::table::{Table, median};

/// What to count.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How often each is timed; the median counts. The instructions are counted once.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only print; leave docs/campaigns alone.
    #[arg(long)]
    print_only: bool,
}

/// One case of a bench, small and large: what grows with the square is seen by the large one.
struct Case {
    what: &'static str,
    /// The bench that has it, by the name of its file.
    bench: &'static str,
    case: &'static str,
    small: usize,
    large: usize,
    /// The most that the large one may take, where that is a goal.
    goal_seconds: Option<f64>,
}

/// The packages that have a bench.
const PACKAGES: [&str; 3] = ["phalanx-plan", "phalanx-events", "phalanx-engine"];

const CASES: [Case; 5] = [
    Case {
        what: "read a cluster file, by hosts",
        bench: "plan",
        case: "read",
        small: 1_000,
        large: 10_000,
        goal_seconds: None,
    },
    Case {
        what: "plan ten stages, by hosts",
        bench: "plan",
        case: "plan",
        small: 1_000,
        large: 10_000,
        goal_seconds: Some(0.15),
    },
    Case {
        what: "schedule ten stages, by hosts",
        bench: "schedule",
        case: "schedule",
        small: 1_000,
        large: 10_000,
        goal_seconds: None,
    },
    Case {
        what: "read a journal's lines, by events",
        bench: "fold",
        case: "read",
        small: 100_000,
        large: 1_000_000,
        goal_seconds: None,
    },
    Case {
        what: "fold events into a run's state, by events",
        bench: "fold",
        case: "fold",
        small: 100_000,
        large: 1_000_000,
        goal_seconds: None,
    },
];

pub(crate) fn run(options: &Options) -> Outcome<()> {
    let valgrind = phalanx_lab::program("valgrind", "valgrind")?;
    let programs = built()?;
    let mut table = Table::new(&[
        "what",
        "size",
        "instructions",
        "of each",
        "growth",
        "s, median",
        "goal",
    ]);
    for case in &CASES {
        let program = programs
            .get(case.bench)
            .ok_or_else(|| format!("cargo built no bench {}", case.bench))?;
        let mut before = None;
        for size in [case.small, case.large] {
            println!("{} {size}", case.what);
            let instructions = counted(&valgrind, program, case.case, size)?;
            let times = (0..options.rounds.max(1))
                .map(|_| timed(program, case.case, size))
                .collect::<Outcome<Vec<f64>>>()?;
            let seconds = median(&times);
            let each = instructions as f64 / size as f64;
            let goal = match case.goal_seconds.filter(|_| size == case.large) {
                Some(goal) if seconds <= goal => format!("{goal} s, reached"),
                Some(goal) => format!("{goal} s, missed"),
                None => String::new(),
            };
            table.row(vec![
                case.what.to_owned(),
                size.to_string(),
                instructions.to_string(),
                format!("{each:.0}"),
                before.map_or_else(String::new, |before: f64| format!("{:.2}", each / before)),
                format!("{seconds:.3}"),
                goal,
            ]);
            before = Some(each);
        }
    }
    let text = format!(
        "# Benches\n\n\
         What the program works out alone, without hosts and disk, counted in instructions by callgrind: the count is the same on a \
         busy machine and on an idle one, and it is what two commits are to be compared by. It depends on the \
         compiler and a little on the C library. *Growth* is what the large one needs for each host or event, \
         divided by what the small one needs: 1 is linear, and a little more where things are kept sorted. The seconds are an honest figure beside it, of one \
         machine, on one day.\n\n\
         `cargo xtask campaign benches`, {}; {}; {}.\n\n{}",
        jiff::Zoned::now().date(),
        version("rustc")?,
        version("valgrind")?,
        table.markdown(),
    );
    println!("\n{text}");
    if !options.print_only {
        fs::write("docs/campaigns/benches.md", text)?;
    }
    Ok(())
}

/// Builds all benches; the program of each by its name.
fn built() -> Outcome<BTreeMap<String, PathBuf>> {
    let mut cargo = Command::new("cargo");
    cargo.args(["bench", "--no-run", "--benches", "--message-format=json"]);
    for package in PACKAGES {
        cargo.args(["--package", package]);
    }
    let built = cargo.stderr(Stdio::inherit()).output()?;
    if !built.status.success() {
        return Err(format!("cargo bench ended with {}", built.status).into());
    }
    let programs = String::from_utf8(built.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["kind"][0] == "bench")
        .filter_map(|message| {
            let name = message["target"]["name"].as_str()?.to_owned();
            Some((name, PathBuf::from(message["executable"].as_str()?)))
        })
        .collect();
    Ok(programs)
}

/// The seconds that a bench says it took.
fn timed(program: &Path, case: &str, size: usize) -> Outcome<f64> {
    let output = Command::new(program)
        .args([case, &size.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{case} ended with {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// The instructions of the function `counted`, and of all that it calls.
fn counted(valgrind: &Path, program: &Path, case: &str, size: usize) -> Outcome<u64> {
    let folder = tempfile::tempdir()?;
    let output = Command::new(valgrind)
        .arg("--tool=callgrind")
        .arg("--toggle-collect=*counted*")
        .arg(format!(
            "--callgrind-out-file={}",
            folder.path().join("out").display()
        ))
        .arg(program)
        .args([case, &size.to_string()])
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("valgrind ended with {}: {told}", output.status).into());
    }
    let collected = told
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .and_then(|(_, count)| count.trim().parse().ok());
    match collected {
        Some(0) | None => Err(format!("valgrind counted nothing: {told}").into()),
        Some(count) => Ok(count),
    }
}

fn version(program: &str) -> Outcome<String> {
    let said = Command::new(program).arg("--version").output()?;
    let text = String::from_utf8(said.stdout)?;
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    Ok(words.join(" ").replace('-', " "))
}
