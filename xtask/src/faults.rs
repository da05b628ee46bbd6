//! Faults on local hosts, many of them: what `crates/phalanx/tests/faults.rs` does a little of in every test
//! run. Its table goes to `docs/reliability.md`.

use std::fs;
use std::process::Command;

use crate::Outcome;
use crate::table::write_between;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How often the controller is killed in runs that count what they do.
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// How often it is killed while it installs.
    #[arg(long, default_value_t = 50)]
    install_kills: u32,
    /// How many hosts there are of which a tenth flaps.
    #[arg(long, default_value_t = 100)]
    hosts: u32,
    /// What the moments come from.
    #[arg(long, default_value_t = 20_261_125)]
    seed: u64,
    /// Only print; leave docs alone.
    #[arg(long)]
    print_only: bool,
}

pub(crate) fn run(options: &Options) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let table = folder.path().join("table.md");
    let status = Command::new("cargo")
        .args([
            "test",
            "--package",
            "phalanx",
            "--test",
            "faults",
            "--",
            "--nocapture",
        ])
        .env("PHALANX_FAULT_KILLS", options.kills.to_string())
        .env(
            "PHALANX_FAULT_INSTALL_KILLS",
            options.install_kills.to_string(),
        )
        .env("PHALANX_FAULT_HOSTS", options.hosts.to_string())
        .env("PHALANX_FAULT_MEGABYTES", "200")
        .env("PHALANX_FAULT_SILENCE", "60")
        .env("PHALANX_FAULT_SEED", options.seed.to_string())
        .env("PHALANX_FAULT_TABLE", &table)
        .status()?;
    if !status.success() {
        return Err(format!("something was lost: {status}").into());
    }
    let text = format!(
        "`cargo xtask campaign faults --seed {}`, {}.\n\n{}",
        options.seed,
        jiff::Zoned::now().date(),
        fs::read_to_string(&table)?,
    );
    println!("\n{text}");
    if !options.print_only {
        write_between("docs/reliability.md", "faults", &text)?;
    }
    Ok(())
}
