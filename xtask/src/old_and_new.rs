//! The phalanx of before a change beside the one that is built from here, in turns, in the same run: how long the demo
//! and the fan-out take with each, and whether a run that was killed under one is resumed by the other.

mod pairs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::ValueEnum;

use crate::Outcome;
use crate::built::{self, Profile};
use crate::demo;
use crate::fan_out::{Bench, Took};
use crate::table::{Table, write_between};
use pairs::{Comparison, Pair};

const PAGE: &str = "docs/campaigns/old-and-new.md";

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The phalanx of before the change.
    #[arg(long)]
    old: PathBuf,
    /// The commit that it was built from: a name that git knows.
    #[arg(long)]
    old_commit: String,
    /// The other phalanx; built from here where not given.
    #[arg(long, requires = "new_commit")]
    new: Option<PathBuf>,
    /// The commit that the other one was built from.
    #[arg(long)]
    new_commit: Option<String>,
    /// What to do; the rest of the page stays.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Part::Demo, Part::FanOut, Part::HandedOver])]
    parts: Vec<Part>,
    /// How often each of the two is measured. Below 6, the noise cannot be told with 95 % certainty.
    #[arg(long, default_value_t = 6)]
    rounds: usize,
    /// How many hosts the fan-out has.
    #[arg(long, default_value_t = 200)]
    hosts: u16,
    /// How many stages it has.
    #[arg(long, default_value_t = 8)]
    stages: usize,
    /// How many runs are killed under each of the two.
    #[arg(long, default_value_t = 24)]
    kills: u32,
    /// What the moments come from.
    #[arg(long, default_value_t = 20_261_129)]
    seed: u64,
    /// Only print; leave docs/campaigns alone.
    #[arg(long)]
    print_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Demo,
    FanOut,
    HandedOver,
}

impl Part {
    /// Between which marks it stands on the page.
    fn mark(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::FanOut => "fan-out",
            Self::HandedOver => "handed-over",
        }
    }
}

/// The two programs, and what they were built from.
struct Programs {
    old: PathBuf,
    new: PathBuf,
    /// One sentence that names both.
    named: String,
}

pub(crate) fn run(options: &Options) -> Outcome<()> {
    let programs = Programs::find(options)?;
    for part in &options.parts {
        let text = match part {
            Part::Demo => demo_in_turns(options, &programs)?,
            Part::FanOut => fan_out_in_turns(options, &programs)?,
            Part::HandedOver => handed_over(options, &programs)?,
        };
        println!("\n{text}");
        if !options.print_only {
            write_between(PAGE, part.mark(), &text)?;
        }
    }
    Ok(())
}

impl Programs {
    fn find(options: &Options) -> Outcome<Self> {
        let old = fs::canonicalize(&options.old)?;
        let old_commit = commit(&options.old_commit)?;
        let (new, new_commit) = match (&options.new, &options.new_commit) {
            (Some(path), Some(name)) => (fs::canonicalize(path)?, commit(name)?),
            _ => (built::phalanx(Profile::Release)?, here()?),
        };
        let named = format!(
            "Old: {}, commit {old_commit}; new: {}, commit {new_commit}; both built for release.",
            version(&old)?,
            version(&new)?,
        );
        println!("{named}");
        Ok(Self { old, new, named })
    }

    /// Measures both, `rounds` times; which one comes first changes with every round, so that neither is always the
    /// one that finds the machine warm.
    fn in_turns<T>(
        &self,
        rounds: usize,
        mut measure: impl FnMut(&Path) -> Outcome<T>,
    ) -> Outcome<Vec<(T, T)>> {
        let mut measured = Vec::new();
        for round in 1..=rounds.max(1) {
            println!("round {round} of {rounds}");
            let both = if round % 2 == 1 {
                let old = measure(&self.old)?;
                (old, measure(&self.new)?)
            } else {
                let new = measure(&self.new)?;
                (measure(&self.old)?, new)
            };
            measured.push(both);
        }
        Ok(measured)
    }
}

fn version(phalanx: &Path) -> Outcome<String> {
    let said = Command::new(phalanx).arg("--version").output()?;
    Ok(String::from_utf8(said.stdout)?.trim().to_owned())
}

/// The short name of a commit.
fn commit(name: &str) -> Outcome<String> {
    let wanted = format!("{name}^{{commit}}");
    let said = Command::new("git")
        .args(["rev-parse", "--short", "--verify", &wanted])
        .output()?;
    if !said.status.success() {
        return Err(format!("git knows no commit {name}").into());
    }
    Ok(String::from_utf8(said.stdout)?.trim().to_owned())
}

/// The commit that is built from here, and that more was built than it, where that is so.
fn here() -> Outcome<String> {
    let changed = Command::new("git")
        .args([
            "status",
            "--porcelain",
            "--",
            "crates",
            "recipes",
            "Cargo.toml",
            "Cargo.lock",
        ])
        .output()?;
    let head = commit("HEAD")?;
    Ok(match changed.stdout.is_empty() {
        true => head,
        false => format!("{head} with changes that are in no commit"),
    })
}

/// What was measured, how many digits to show of it, and the pairs.
struct Row {
    what: &'static str,
    digits: usize,
    pairs: Vec<Pair>,
}

fn comparisons(rows: &[Row]) -> String {
    let mut table = Table::new(&[
        "what",
        "old, median (least to most)",
        "new, median (least to most)",
        "new / old",
        "ratio of a round, interval",
        "verdict",
    ]);
    let mut certainty = 1.0_f64;
    for Row {
        what,
        digits,
        pairs,
    } in rows
    {
        let compared = Comparison::of(pairs);
        let spread = |of: pairs::Spread| {
            format!(
                "{:.digits$} ({:.digits$} to {:.digits$})",
                of.median, of.least, of.most
            )
        };
        certainty = certainty.min(compared.interval.certainty);
        table.row(vec![
            (*what).to_owned(),
            spread(compared.old),
            spread(compared.new),
            format!("{:.3}", compared.ratio),
            format!(
                "{:.3} to {:.3}",
                compared.interval.low, compared.interval.high
            ),
            compared.verdict().words().to_owned(),
        ]);
    }
    format!(
        "{}\nThe median of all such rounds' ratios lies in the interval with a certainty of {:.1} %.\n",
        table.markdown(),
        // Never told as more than it is.
        (certainty * 1000.0).floor() / 10.0
    )
}

fn demo_in_turns(options: &Options, programs: &Programs) -> Outcome<String> {
    let figure = |phalanx: &Path| -> Outcome<[f64; 2]> {
        let demo = demo::once(phalanx)?;
        let seconds = |name: &str| demo["figures"][name].as_f64().unwrap_or(f64::NAN) / 1000.0;
        Ok([seconds("wall_ms"), seconds("phalanx_ms")])
    };
    // What is only prepared once is prepared by then.
    figure(&programs.old)?;
    let measured = programs.in_turns(options.rounds, figure)?;
    let pairs = |index: usize| {
        let pair = |(old, new): &([f64; 2], [f64; 2])| Pair {
            old: old[index],
            new: new[index],
        };
        measured.iter().map(pair).collect()
    };
    let rows = [
        Row {
            what: "wall s",
            digits: 2,
            pairs: pairs(0),
        },
        Row {
            what: "not the hosts' work, s",
            digits: 2,
            pairs: pairs(1),
        },
    ];
    Ok(format!(
        "`phalanx demo`, as in [demo](demo.md): {} rounds. {}\n\n\
         `cargo xtask campaign old-and-new --parts demo`, {}.\n\n{}",
        options.rounds,
        programs.named,
        jiff::Zoned::now().date(),
        comparisons(&rows)
    ))
}

fn fan_out_in_turns(options: &Options, programs: &Programs) -> Outcome<String> {
    let bench = Bench::start(options.hosts)?;
    let tasks = f64::from(options.hosts) * options.stages as f64;
    let mut rows = Vec::new();
    for (kind, wall, client) in [
        (
            "until",
            "until (direct channels), wall s",
            "until, client CPU ms/task",
        ),
        ("run", "run (jobs), wall s", "run, client CPU ms/task"),
    ] {
        let measure = |phalanx: &Path| bench.phalanx(phalanx, kind, options.stages);
        measure(&programs.old)?;
        let measured = programs.in_turns(options.rounds, measure)?;
        let pairs = |of: &dyn Fn(&Took) -> f64| {
            let pair = |(old, new): &(Took, Took)| Pair {
                old: of(old),
                new: of(new),
            };
            measured.iter().map(pair).collect::<Vec<Pair>>()
        };
        rows.push(Row {
            what: wall,
            digits: 2,
            pairs: pairs(&|took| took.wall),
        });
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        rows.push(Row {
            what: client,
            digits: 3,
            pairs: pairs(&|took| millis(took.client) / tasks),
        });
    }
    Ok(format!(
        "{} loopback hosts, {} stages with `all` gates, as in [fan-out](fan-out.md): {} rounds. {}\n\n\
         `cargo xtask campaign old-and-new --parts fan-out`, {}.\n\n{}",
        options.hosts,
        options.stages,
        options.rounds,
        programs.named,
        jiff::Zoned::now().date(),
        comparisons(&rows)
    ))
}

/// Runs that are killed under one program and resumed by the other, by `crates/phalanx/tests/faults/handed_over.rs`.
fn handed_over(options: &Options, programs: &Programs) -> Outcome<String> {
    let folder = tempfile::tempdir()?;
    let table = folder.path().join("table.md");
    let status = Command::new("cargo")
        .args(["test", "--package", "phalanx", "--test", "faults"])
        .args(["--", "--nocapture"])
        .env("PHALANX_FAULT_ONLY", "handed-over")
        .env("PHALANX_FAULT_OLD", &programs.old)
        .env("PHALANX_FAULT_NEW", &programs.new)
        .env("PHALANX_FAULT_HANDOVERS", options.kills.to_string())
        .env("PHALANX_FAULT_SEED", options.seed.to_string())
        .env("PHALANX_FAULT_TABLE", &table)
        .status()?;
    if !status.success() {
        return Err(format!("not handed over as it should be: {status}").into());
    }
    Ok(format!(
        "{}\n\n`cargo xtask campaign old-and-new --parts handed-over --kills {} --seed {}`, {}.\n\n{}",
        programs.named,
        options.kills,
        options.seed,
        jiff::Zoned::now().date(),
        fs::read_to_string(&table)?,
    ))
}
