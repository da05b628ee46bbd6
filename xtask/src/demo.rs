//! `phalanx demo` again and again: how long an installation on eight local hosts takes, and how much of
//! that is not the hosts' own work. Everything shares this machine's processors.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Outcome;
use crate::built::{self, Profile};
use crate::table::{Table, median};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How often; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The phalanx to measure; built from here where not given.
    #[arg(long)]
    phalanx: Option<PathBuf>,
    /// Only print; leave docs/campaigns alone.
    #[arg(long)]
    print_only: bool,
}

/// What is to be reached: seconds from the first connection to the end of `verify`, and the share of
/// them that is not the hosts' own work.
const GOAL_SECONDS: f64 = 30.0;
const GOAL_SHARE: f64 = 0.10;

pub(crate) fn run(options: &Options) -> Outcome<()> {
    let phalanx = match &options.phalanx {
        Some(path) => fs::canonicalize(path)?,
        // What the README has its reader type.
        None => built::phalanx(Profile::Dev)?,
    };
    let mut table = Table::new(&["round", "wall s", "hosts' work s", "the rest s", "share"]);
    let (mut walls, mut shares) = (Vec::new(), Vec::new());
    let mut path = String::new();
    for round in 1..=options.rounds.max(1) {
        let demo = once(&phalanx).map_err(|error| format!("round {round}: {error}"))?;
        let seconds = |name: &str| demo["figures"][name].as_f64().unwrap_or(f64::NAN) / 1000.0;
        let share = demo["figures"]["phalanx_share"]
            .as_f64()
            .unwrap_or(f64::NAN);
        table.row(vec![
            round.to_string(),
            format!("{:.1}", seconds("wall_ms")),
            format!("{:.1}", seconds("hosts_ms")),
            format!("{:.1}", seconds("phalanx_ms")),
            format!("{:.1} %", share * 100.0),
        ]);
        println!(
            "round {round}: {:.1} s, {:.1} %",
            seconds("wall_ms"),
            share * 100.0
        );
        walls.push(seconds("wall_ms"));
        shares.push(share);
        path = critical_path(&demo["figures"]["steps"]);
    }
    let (wall, share) = (median(&walls), median(&shares));
    table.row(vec![
        "median".into(),
        format!("{wall:.1}"),
        String::new(),
        String::new(),
        format!("{:.1} %", share * 100.0),
    ]);
    let processors = std::thread::available_parallelism()?;
    let text = format!(
        "# Demo\n\n\
         `phalanx demo`: a bootstrap node, three masters, three private agents and one public agent, each a lab \
         host; all are rebooted, and the stand-in release converges 3 s after its last master. From the first \
         connection to the end of `verify`; building the root filesystem and starting the lab are not counted. \
         {processors} processors, shared by eight hosts and the client.\n\n\
         `cargo xtask campaign demo`, {}.\n\n{}\n\
         The hosts' work is what they measured themselves along the critical path: jobs from start to end, \
         reboots from the request until their SSH server was there again, facts, and what probes waited for \
         until it was so with the time of the probe that saw it; files as a host wrote them. The goals are {GOAL_SECONDS:.0} s ({}) and a share of {:.0} % for the rest ({}), as medians. The \
         article's own script took 478 s for this on such hosts, 444 s of which it slept.\n\n\
         The critical path of the last round:\n\n{path}",
        jiff::Zoned::now().date(),
        table.markdown(),
        reached(wall <= GOAL_SECONDS),
        GOAL_SHARE * 100.0,
        reached(share <= GOAL_SHARE),
    );
    println!("\n{text}");
    if !options.print_only {
        fs::create_dir_all("docs/campaigns")?;
        fs::write("docs/campaigns/demo.md", text)?;
    }
    Ok(())
}

/// An installation, and what `phalanx demo` says of it.
pub(crate) fn once(phalanx: &Path) -> Outcome<Value> {
    let said = Command::new(phalanx)
        .args(["demo", "--json"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()?;
    let demo: Value = serde_json::from_slice(&said.stdout)?;
    // All but the bootstrap node run what is verified.
    let healthy = (demo["healthy"].as_u64(), demo["hosts"].as_u64());
    if !said.status.success() || healthy != (Some(7), Some(8)) {
        return Err(format!("ended with {}, {healthy:?} healthy", said.status).into());
    }
    Ok(demo)
}

fn reached(reached: bool) -> &'static str {
    if reached { "reached" } else { "missed" }
}

fn critical_path(steps: &Value) -> String {
    let mut table = Table::new(&[
        "task",
        "waited ms",
        "took ms",
        "host's facts ms",
        "the host ms",
    ]);
    for step in steps.as_array().into_iter().flatten() {
        let number = |name: &str| step[name].as_u64().unwrap_or_default().to_string();
        let name = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
        let task = format!("{}@{}", name("stage"), name("host"));
        table.row(vec![
            task,
            number("wait_ms"),
            number("took_ms"),
            number("facts_ms"),
            number("host_ms"),
        ]);
    }
    table.markdown()
}
