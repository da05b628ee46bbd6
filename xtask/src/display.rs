//! What a display costs a run: none to speak of, a screen that is read, and one that nobody reads.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use phalanx_lab::BenchSshd;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::Outcome;
use crate::built::{self, Profile};
use crate::many_hosts;
use crate::table::{Table, median};

/// A run takes no longer than this.
const WITHIN: Duration = Duration::from_secs(300);

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many hosts.
    #[arg(long, default_value_t = 200)]
    hosts: u16,
    /// How many stages, each behind an `all` gate.
    #[arg(long, default_value_t = 8)]
    stages: usize,
    /// How often each is measured; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only print; leave docs/campaigns alone.
    #[arg(long)]
    print_only: bool,
}

/// Where the run is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// Lines, into nothing.
    Nowhere,
    /// A screen, on a terminal that is read.
    Read,
    /// A screen, on a terminal that takes a few kilobytes and then nothing.
    Unread,
}

pub(crate) fn run(options: &Options) -> Outcome<()> {
    let phalanx = built::phalanx(Profile::Release)?;
    let sshd = BenchSshd::start()?;
    let spool = tempfile::tempdir_in("/dev/shm")?;
    let mut kept = Vec::new();
    let ways = [Shown::Nowhere, Shown::Read, Shown::Unread];
    let mut took: [Vec<f64>; 3] = Default::default();
    for round in 1..=options.rounds {
        println!("round {round} of {}", options.rounds);
        for (shown, took) in ways.iter().zip(&mut took) {
            let folder = tempfile::tempdir_in("/tmp")?;
            let addresses: Vec<String> = (0..options.hosts)
                .map(|number| sshd.address(number).to_string())
                .collect();
            let at = folder.path();
            many_hosts::write(at, &sshd, &addresses, spool.path(), "run", options.stages)?;
            took.push(measure(&phalanx, at, *shown)?);
            kept.push(folder);
        }
    }
    let mut table = Table::new(&["shown", "run s", "against none"]);
    let base = median(&took[0]);
    let names = [
        "nothing: lines into nothing",
        "the screen, on a terminal that is read",
        "the screen, on a terminal that nobody reads",
    ];
    for (name, took) in names.iter().zip(&took) {
        let wall = median(took);
        table.row(vec![
            (*name).to_owned(),
            format!("{wall:.2}"),
            format!("{:.2}", wall / base),
        ]);
    }
    let text = format!(
        "# What a display costs\n\n{} loopback hosts, {} stages with `all` gates, {} rounds in turns, medians of the time from \
         the run\u{2019}s first event to its last by its own journal; a terminal of 200 columns and 100 rows. {} processors, shared by client \
         and hosts.\n\n`cargo xtask campaign display`, {}.\n\n{}",
        options.hosts,
        options.stages,
        options.rounds,
        thread::available_parallelism()?,
        jiff::Zoned::now().date(),
        table.markdown(),
    );
    println!("\n{text}");
    if !options.print_only {
        fs::create_dir_all("docs/campaigns")?;
        fs::write("docs/campaigns/display.md", text)?;
    }
    Ok(())
}

/// The seconds of a run, by its journal.
fn measure(phalanx: &Path, at: &Path, shown: Shown) -> Outcome<f64> {
    let (master, slave) = terminal()?;
    let other = |file: &File| file.try_clone().map(Stdio::from);
    let mut command = Command::new("setsid");
    command
        .args(["-c", "-w"])
        .arg(phalanx)
        .arg("verify")
        .current_dir(at)
        .env("TERM", "xterm")
        .stdin(other(&slave)?);
    match shown {
        Shown::Nowhere => command.stdout(Stdio::null()).stderr(Stdio::null()),
        Shown::Read | Shown::Unread => command.stdout(other(&slave)?).stderr(other(&slave)?),
    };
    let mut child = command.spawn()?;
    drop((command, slave));
    let read = move || {
        let mut master = master;
        // The end of a terminal is an error.
        let _ = master.read_to_end(&mut Vec::new());
    };
    let reader = match shown {
        Shown::Unread => {
            ended(at)?;
            thread::spawn(read)
        }
        Shown::Nowhere | Shown::Read => thread::spawn(read),
    };
    let status = child.wait()?;
    let ms = ended(at)?;
    if !status.success() {
        let shown = Command::new(phalanx).arg("show").current_dir(at).output()?;
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        return Err(format!("the run ended with {status}\n{text}").into());
    }
    let _ = reader.join();
    Ok(ms / 1_000.0)
}

/// Waits until the run's journal says that it is over; gives its milliseconds.
fn ended(at: &Path) -> Outcome<f64> {
    let deadline = Instant::now() + WITHIN;
    loop {
        if let Some(journal) = journal(at)
            && let Some(line) = fs::read_to_string(journal)?.lines().last()
            && let Ok(event) = serde_json::from_str::<serde_json::Value>(line)
            && event["event"] == "run-ended"
        {
            return Ok(event["ms"].as_f64().unwrap_or(f64::NAN));
        }
        if Instant::now() > deadline {
            return Err("the run does not end".into());
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn journal(at: &Path) -> Option<PathBuf> {
    let run = fs::read_dir(at.join(".phalanx/runs")).ok()?.next()?.ok()?;
    let journal = run.path().join("journal.jsonl");
    journal.is_file().then_some(journal)
}

/// A terminal: our end, and the command's.
fn terminal() -> Outcome<(File, File)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY;
    let slave = rustix::fs::open(name.as_c_str(), flags, Mode::empty())?;
    let size = Winsize {
        ws_row: 100,
        ws_col: 200,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&slave, size)?;
    Ok((File::from(master), File::from(slave)))
}
