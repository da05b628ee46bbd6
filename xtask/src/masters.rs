//! `phalanx demo` with one, three and five masters: each has to come to its quorum.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Outcome;
use crate::built::{self, Profile};
use crate::table::Table;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The phalanx to run; built from here where not given.
    #[arg(long)]
    phalanx: Option<PathBuf>,
    /// Only print; leave docs/campaigns alone.
    #[arg(long)]
    print_only: bool,
}

/// Sizes of a lab, and how many masters each has.
const SIZES: [(&str, usize); 3] = [("minimal", 1), ("small", 3), ("five-masters", 5)];

pub(crate) fn run(options: &Options) -> Outcome<()> {
    let phalanx = match &options.phalanx {
        Some(path) => fs::canonicalize(path)?,
        None => built::phalanx(Profile::Dev)?,
    };
    let mut table = Table::new(&[
        "masters",
        "hosts",
        "asked and healthy",
        "wall s",
        "quorum s",
    ]);
    for (size, masters) in SIZES {
        let said = Command::new(&phalanx)
            .args(["demo", "--json", "--size", size])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()?;
        let demo: Value = serde_json::from_slice(&said.stdout)?;
        let stages = demo["install"]["stages"].as_array();
        let stage = |id: &str| stages.into_iter().flatten().find(|stage| stage["id"] == id);
        let served = stage("quorum").map_or(0, |stage| stage["hosts"].as_u64().unwrap_or(0));
        let (healthy, hosts) = (demo["healthy"].as_u64(), demo["hosts"].as_u64());
        // All but the bootstrap node run what is verified.
        let all = healthy
            .zip(hosts)
            .is_some_and(|(healthy, hosts)| healthy + 1 == hosts);
        if !said.status.success() || !all || served != masters as u64 {
            return Err(format!(
                "{size} ended with {}: {healthy:?} of {hosts:?} are healthy, {served} masters",
                said.status
            )
            .into());
        }
        let seconds = |ms: Option<f64>| format!("{:.1}", ms.unwrap_or(f64::NAN) / 1000.0);
        println!("{size}: fine");
        table.row(vec![
            masters.to_string(),
            hosts.unwrap_or_default().to_string(),
            healthy.unwrap_or_default().to_string(),
            seconds(demo["figures"]["wall_ms"].as_f64()),
            seconds(stage("quorum").and_then(|stage| stage["wall_ms"].as_f64())),
        ]);
    }
    let text = format!(
        "# Masters\n\n\
         `phalanx demo` on labs with one, three and five masters: installed, every master serving, one leading, \
         and every agent registered. The stand-in release converges 3 s after its last master, which `quorum` waits \
         for.\n\n`cargo xtask campaign masters`, {}.\n\n{}",
        jiff::Zoned::now().date(),
        table.markdown(),
    );
    println!("\n{text}");
    if !options.print_only {
        fs::create_dir_all("docs/campaigns")?;
        fs::write("docs/campaigns/masters.md", text)?;
    }
    Ok(())
}
