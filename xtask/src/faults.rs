//! Faults on local hosts, many of them: what `crates/phalanx/tests/faults.rs` does a little of in every test
//! run. Its table goes to `docs/reliability.md`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Outcome;

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
        "# Reliability\n\n\
         What was done to hosts, connections, disks, clocks and to phalanx itself, and what was lost by it. After each, a \
         checker that shares no code with the engine compared the journal with what the hosts had counted themselves: no \
         attempt ran twice, none ran that was not written down, each end is recorded once and as it was, every byte of output \
         is there in order, and nothing is left on hosts or on this machine.\n\n\
         `cargo xtask campaign faults --seed {}`, {}. A smaller one is part of the tests \
         (`crates/phalanx/tests/faults.rs`).\n\n{}\n\
         What a power loss of the controller's machine may take from journal and logs is tried on a scripted world, in \
         `crates/engine/tests/resume.rs`. A clock that steps on a host is not tried: lab hosts share this machine's. By a \
         host's wall clock only one thing is decided: which folders of older runs are removed when a run is done.\n",
        options.seed,
        jiff::Zoned::now().date(),
        fs::read_to_string(&table)?,
    );
    println!("\n{text}");
    if !options.print_only {
        fs::write(Path::new("docs/reliability.md"), text)?;
    }
    Ok(())
}
