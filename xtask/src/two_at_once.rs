//! Two controllers started in the same instant, many times: what `crates/phalanx/tests/two_at_once.rs` does a
//! little of in every test run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How often.
    #[arg(long, default_value_t = 200)]
    starts: u32,
    /// What the moments come from.
    #[arg(long, default_value_t = 20_261_128)]
    seed: u64,
    /// The phalanx to try; built from here where not given.
    #[arg(long)]
    phalanx: Option<PathBuf>,
    /// Only print; leave docs/campaigns alone.
    #[arg(long)]
    print_only: bool,
}

pub(crate) fn run(options: &Options) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let table = folder.path().join("table.md");
    let mut command = Command::new("cargo");
    command
        .args([
            "test",
            "--package",
            "phalanx",
            "--test",
            "two_at_once",
            "--",
            "--nocapture",
        ])
        .env("PHALANX_TWO_STARTS", options.starts.to_string())
        .env("PHALANX_TWO_SEED", options.seed.to_string())
        .env("PHALANX_TWO_TABLE", &table);
    if let Some(phalanx) = &options.phalanx {
        command.env("PHALANX_TWO_PROGRAM", fs::canonicalize(phalanx)?);
    }
    let status = command.status()?;
    let text = format!(
        "# Two at once\n\n\
         Two controllers start `install` of the same four hosts in the same instant, each in a folder of its own, as \
         if on two machines: half of the starts as they come, the others up to 10 ms apart, and in half of them the \
         second one's clock is a minute ahead or behind. The hosts are real SSH servers on this machine. Every script \
         writes down its run, its begin and its end, and runs until one of the two controllers has left.\n\n\
         `cargo xtask campaign two-at-once --starts {} --seed {}`, {}. A smaller one is part of the tests \
         (`crates/phalanx/tests/two_at_once.rs`).\n\n{}\n\
         Who finds that the other one works already leaves with its next sign of life, which comes within 10 s. Of the \
         program of commit fdf1af5, which began on every host that it had, 8 such starts gave: one worked 3 times, \
         neither 5 times, and each of those 5 times scripts of both were at work.\n",
        options.starts,
        options.seed,
        jiff::Zoned::now().date(),
        fs::read_to_string(&table)?,
    );
    println!("\n{text}");
    if !status.success() {
        return Err(format!("not exactly one worked each time: {status}").into());
    }
    if !options.print_only {
        fs::write(Path::new("docs/campaigns/two-at-once.md"), text)?;
    }
    Ok(())
}
