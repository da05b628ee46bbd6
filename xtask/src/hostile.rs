//! One host among 21 that floods: what it costs the others, and this machine.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;

use crate::Outcome;
use crate::table::Table;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only print; leave docs/campaigns alone.
    #[arg(long)]
    print_only: bool,
}

pub(crate) fn run(options: &Options) -> Outcome<()> {
    // The test has the hostile server, which is no part of the command.
    let tested = Command::new("cargo")
        .args(["test", "--release", "--package", "phalanx"])
        .args(["--test", "hostile_host", "--"])
        .args(["--ignored", "--nocapture", "--exact", "campaign"])
        .stderr(Stdio::inherit())
        .output()?;
    let said = String::from_utf8(tested.stdout)?;
    let mut table = Table::new(&["figure", "is"]);
    let figures = said.lines().filter_map(|line| {
        let (_, figure) = line.split_once("figure|")?;
        figure.split_once('|')
    });
    for (name, figure) in figures {
        table.row(vec![name.to_owned(), figure.to_owned()]);
    }
    let text = format!(
        "# One host that floods\n\n20 loopback hosts with scripts of a second, and one whose two jobs say 64 MiB each, whose probe \
         tells 150 000 facts that nobody asked for, and that tells 8000 problems. {} processors, shared by client, hosts and the \
         hostile server.\n\n`cargo xtask campaign hostile`, {}.\n\n{}",
        thread::available_parallelism()?,
        jiff::Zoned::now().date(),
        table.markdown(),
    );
    println!("\n{text}");
    if !tested.status.success() {
        return Err(format!("the goals were missed\n{said}").into());
    }
    if !options.print_only {
        fs::create_dir_all("docs/campaigns")?;
        fs::write("docs/campaigns/hostile.md", text)?;
    }
    Ok(())
}
