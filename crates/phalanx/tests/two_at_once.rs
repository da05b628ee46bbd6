//! Two controllers that are started in the same instant, from two folders, on real SSH servers: one works, the
//! other one leaves and says who stays, and never are scripts of both at work on the cluster.
//!
//! `PHALANX_TWO_STARTS` says how often (8), half of them with clocks that are a minute apart; `PHALANX_TWO_SEED`
//! from which seed on (1); `PHALANX_TWO_TABLE` where the table goes; `PHALANX_TWO_PROGRAM` which phalanx it is.
//! `cargo xtask campaign two-at-once` sets them.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what it expects by unwrapping, and is told by its environment how much to do"
)]

mod site;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use site::{Ran, Site, host, plain};

const HOSTS: [&str; 4] = ["w1", "w2", "w3", "w4"];

/// How long a start may take. Who leaves does so within the 10 s between two signs of life.
const LIMIT: Duration = Duration::from_secs(120);

/// Writes down when it begins and ends, and runs until it may end.
const SCRIPT: &str = "book() { echo \"$1 $PX_RUN $(date +%s%N)\" >>/home/operator/book; }\n\
                      book begin\n\
                      ticks=0\n\
                      while [ ! -e /home/operator/go ] && [ $ticks -lt 2400 ]; do sleep 0.05; ticks=$((ticks + 1)); done\n\
                      changed 'counted'\n\
                      book end\n";

/// What became of some starts.
#[derive(Default)]
struct Tally {
    starts: u32,
    one_worked: u32,
    both: u32,
    neither: u32,
    /// In which scripts of both were at work at the same time.
    beside: u32,
    /// Where the other one did not say which run stays.
    unnamed: u32,
    /// How long the one that left took, in ms.
    left_after: Vec<u128>,
    wrong: Vec<String>,
}

fn number(name: &str, default: u32) -> u32 {
    let told = std::env::var(name).ok();
    told.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The library that gives a program another clock.
fn faketime() -> PathBuf {
    phalanx_lab::library("faketime/libfaketime.so.1", "libfaketime").unwrap()
}

/// A folder with the same cluster in it, as on another machine.
fn elsewhere(site: &Site) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(site.path().join("phalanx.yaml")).unwrap();
    let known = site.path().join("known_hosts").display().to_string();
    let own = folder.path().join("known_hosts").display().to_string();
    fs::write(
        folder.path().join("phalanx.yaml"),
        text.replace(&known, &own),
    )
    .unwrap();
    folder
}

fn start(site: &Site, folder: &Path, clock: Option<&str>) -> Child {
    let ours = site.command(&["install", "--yes"]);
    let mut command = match std::env::var_os("PHALANX_TWO_PROGRAM") {
        None => ours,
        Some(program) => {
            let mut other = Command::new(program);
            other.args(ours.get_args());
            for (name, value) in ours.get_envs() {
                match value {
                    Some(value) => other.env(name, value),
                    None => other.env_remove(name),
                };
            }
            other.stdin(Stdio::null());
            other
        }
    };
    if let Some(clock) = clock {
        command
            .env("LD_PRELOAD", faketime())
            .env("FAKETIME", clock)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
    command
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn homes(site: &Site) -> Vec<PathBuf> {
    let home = |host: &site::SiteHost| {
        let home = host.host.home_path().unwrap();
        let login = home.join("operator");
        if login.is_dir() { login } else { home }
    };
    site.hosts.iter().map(home).collect()
}

/// Each run's scripts by the books of the hosts: how many, from when to when one of them ran.
fn booked(site: &Site) -> BTreeMap<String, (u32, u128, u128)> {
    let mut runs: BTreeMap<String, (u32, u128, u128)> = BTreeMap::new();
    for home in homes(site) {
        for line in fs::read_to_string(home.join("book"))
            .unwrap_or_default()
            .lines()
        {
            let words: Vec<&str> = line.split(' ').collect();
            let [what, run, at] = words[..] else {
                panic!("{line}")
            };
            let at = at.parse().unwrap();
            let run = runs.entry(run.to_owned()).or_insert((0, at, at));
            run.0 += u32::from(what == "begin");
            run.1 = run.1.min(at);
            run.2 = run.2.max(at);
        }
    }
    runs
}

/// One start of two, the second so many microseconds after the first.
fn once(
    site: &Site,
    folders: &[PathBuf; 2],
    apart: Duration,
    clock: Option<&str>,
    tally: &mut Tally,
) {
    for home in homes(site) {
        for name in ["book", "go"] {
            let _ = fs::remove_file(home.join(name));
        }
    }
    let first = start(site, &folders[0], None);
    let began = Instant::now();
    // Finer than a sleep: what is looked for lies within milliseconds.
    while began.elapsed() < apart {
        std::hint::spin_loop();
    }
    let second = start(site, &folders[1], clock);
    let mut both = [first, second];
    let left = 'left: loop {
        for (index, child) in both.iter_mut().enumerate() {
            if child.try_wait().unwrap().is_some() {
                break 'left Some(index);
            }
        }
        if began.elapsed() > LIMIT / 2 {
            break None; // both are at work
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let left_after = began.elapsed();
    for home in homes(site) {
        fs::write(home.join("go"), "").unwrap();
    }
    let ran: Vec<Ran> = both
        .into_iter()
        .map(|child| Ran::from(child.wait_with_output().unwrap()))
        .collect();
    let codes: Vec<i32> = ran.iter().map(|ran| ran.code).collect();
    let runs = booked(site);
    tally.starts += 1;
    let mut wrong = String::new();
    let spans: Vec<_> = runs.values().collect();
    if let [a, b] = spans[..]
        && a.1 < b.2
        && b.1 < a.2
    {
        tally.beside += 1;
        wrong.push_str("scripts of both were at work; ");
    }
    match codes.iter().filter(|code| **code == 0).count() {
        1 if codes.contains(&4) && runs.len() == 1 => {
            tally.one_worked += 1;
            tally.left_after.push(left_after.as_millis());
            let said = left
                .map(|left| ran[left].stdout.as_str())
                .unwrap_or_default();
            let stays = runs.keys().next().unwrap();
            if !said.contains(stays.as_str()) {
                tally.unnamed += 1;
                wrong.push_str("who stays is not said; ");
            }
            let scripts = runs.values().next().unwrap().0;
            if scripts != HOSTS.len() as u32 {
                write!(wrong, "{scripts} scripts; ").unwrap();
            }
        }
        2 => tally.both += 1,
        0 => tally.neither += 1,
        _ => wrong.push_str("one failed; "),
    }
    if codes.iter().filter(|code| **code == 0).count() != 1 || !wrong.is_empty() {
        let said: Vec<_> = ran.iter().map(|ran| ran.stdout.as_str()).collect();
        tally.wrong.push(format!(
            "{apart:?} apart: {wrong}{codes:?}, {runs:?}\n{}",
            said.join("\n---\n")
        ));
    }
}

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[test]
fn of_two_that_are_started_in_the_same_instant_one_works() {
    let starts = number("PHALANX_TWO_STARTS", 8);
    let mut random = Random(u64::from(number("PHALANX_TWO_SEED", 1)));
    let site = Site::new(
        "    - { id: work, on: all, run: scripts/work.sh }\n",
        &[("work.sh", SCRIPT)],
        HOSTS.map(|name| host(name, "worker", plain())).into(),
    );
    let other = elsewhere(&site);
    let mut folders = [site.path().to_owned(), other.path().to_owned()];
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    for start in 0..starts {
        // As it comes, and up to 10 ms apart; who comes first takes turns.
        folders.swap(0, 1);
        let apart = Duration::from_micros(random.below(2) * random.below(10_000));
        let (what, clock) = match start % 4 {
            0 | 1 => ("the same clock", None),
            2 => ("clocks a minute apart", Some("+60")),
            _ => ("clocks a minute apart", Some("-60")),
        };
        let tally = tallies.entry(what).or_default();
        once(&site, &folders, apart, clock, tally);
    }
    let table = table(&mut tallies);
    println!("{table}");
    if let Some(path) = std::env::var_os("PHALANX_TWO_TABLE") {
        fs::write(path, &table).unwrap();
    }
    let wrong: Vec<&str> = tallies
        .values()
        .flat_map(|tally| tally.wrong.iter().map(String::as_str))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    // Each has its own folder, and no run's name came twice.
    let runs = |folder: &PathBuf| fs::read_dir(folder.join(".phalanx/runs")).unwrap();
    let names: BTreeSet<_> = folders
        .iter()
        .flat_map(runs)
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len() as u32, starts * 2);
}

fn table(tallies: &mut BTreeMap<&str, Tally>) -> String {
    let mut table = "| clocks | starts | one worked, the other left with 4 | both worked | \
                     neither worked | scripts of both at the same time | who stays not named | left after, median s | \
                     longest s |\n| - | -: | -: | -: | -: | -: | -: | -: | -: |\n"
        .to_owned();
    for (what, tally) in tallies {
        tally.left_after.sort_unstable();
        let seconds =
            |ms: Option<&u128>| ms.map_or("-".to_owned(), |ms| format!("{:.1}", *ms as f64 / 1e3));
        let median = seconds(tally.left_after.get(tally.left_after.len() / 2));
        let longest = seconds(tally.left_after.last());
        writeln!(
            table,
            "| {what} | {} | {} | {} | {} | {} | {} | {median} | {longest} |",
            tally.starts, tally.one_worked, tally.both, tally.neither, tally.beside, tally.unnamed
        )
        .unwrap();
    }
    table
}
