//! A run that is killed under another phalanx, such as the last release, and resumed by the one that is built here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::bench::{Case, Random, Site, kill, number};
use crate::checker::Checked;

/// A moment of a run: from where in the journal on, and how much later at most.
struct Aim {
    mark: &'static str,
    later_ms: u64,
}

/// The moments that are aimed at, one after the other.
const AIMS: [Aim; 4] = [
    Aim {
        mark: "\"run-started\"",
        later_ms: 150,
    },
    Aim {
        mark: "\"task-accepted\"",
        later_ms: 600,
    },
    Aim {
        mark: "\"task-waiting\"",
        later_ms: 300,
    },
    Aim {
        mark: "\"phase\":\"requested\"",
        later_ms: 1_000,
    },
];

/// What a run was at when it was killed, by its journal: what is aimed at may be over by then.
const MOMENTS: [&str; 4] = [
    "before its first task",
    "while scripts ran",
    "while a host rebooted",
    "between tasks, or while a probe was asked",
];

/// `PHALANX_FAULT_OLD` is the other phalanx; without it nothing is tried. `PHALANX_FAULT_NEW` stands in for the built
/// one, and `PHALANX_FAULT_HANDOVERS` says how often.
pub(crate) fn killed_under_another(site: &Site) {
    let Some(old) = std::env::var_os("PHALANX_FAULT_OLD").map(PathBuf::from) else {
        return;
    };
    let new = std::env::var_os("PHALANX_FAULT_NEW")
        .map_or_else(|| env!("CARGO_BIN_EXE_phalanx").into(), PathBuf::from);
    let tries = number("PHALANX_FAULT_HANDOVERS", 8);
    let seed = number("PHALANX_FAULT_SEED", 1);
    let mut random = Random(seed.wrapping_mul(0xA076_1D64_78BD_642F) | 1);
    for (first, second, words) in [
        (
            &old,
            &new,
            "killed under the old program, resumed by the new one",
        ),
        (
            &new,
            &old,
            "killed under the new program, resumed by the old one",
        ),
    ] {
        let mut of_moment = [(0, Checked::default()); MOMENTS.len()];
        for aim in AIMS.iter().cycle().take(tries as usize) {
            let case = site.case("handed-over", 100, "", "");
            let _ = fs::remove_dir_all(case.folder().join(".phalanx"));
            let Some(moment) = cut_short(&case, first, aim, &mut random) else {
                continue;
            };
            println!("seed {seed}: {words}, {}", MOMENTS[moment]);
            read_alike(&case, &old, &new, true);
            case.well(&case.run_by(second, &["resume", "--yes"]));
            read_alike(&case, &old, &new, false);
            let checked = case.check();
            let (times, sum) = &mut of_moment[moment];
            *times += 1;
            sum.attempts += checked.attempts;
            sum.bytes += checked.bytes;
        }
        for ((times, sum), moment) in of_moment.into_iter().zip(MOMENTS) {
            if times > 0 {
                site.row(&format!("{words}: {moment}"), times, sum);
            }
        }
    }
}

/// Begins a run and kills it near the moment that is aimed at. Returns what it was at; none, if it was over.
fn cut_short(case: &Case<'_>, program: &Path, aim: &Aim, random: &mut Random) -> Option<usize> {
    let mut child = case
        .command_by(program, &["install", "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = case.controller(None);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !case.journal_has(aim.mark) {
        assert!(Instant::now() < deadline, "never saw {}", aim.mark);
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(random.below(aim.later_ms)));
    if child.try_wait().unwrap().is_none() {
        kill(pid, Signal::KILL);
    }
    let _ = child.wait();
    let journal = fs::read_to_string(case.run_folder().join("journal.jsonl")).unwrap();
    (!journal.contains("\"event\":\"run-ended\"")).then(|| moment(&journal))
}

fn moment(journal: &str) -> usize {
    let count = |what: &str| journal.matches(what).count();
    let event = |name: &str| count(&format!("\"event\":\"{name}\""));
    if event("task-started") == 0 {
        0
    } else if count("\"phase\":\"requested\"") > count("\"phase\":\"proven\"") {
        2
    } else if count("\"job\":\"") > event("task-ended") {
        1
    } else {
        3
    }
}

/// Both programs say the same of a run, word for word: what it was, what it did, and what a resumption would do.
fn read_alike(case: &Case<'_>, old: &Path, new: &Path, unfinished: bool) {
    let mut commands = vec![
        &["runs"][..],
        &["show"],
        &["show", "--json"],
        &["logs"],
        &["logs", "master1"],
    ];
    if unfinished {
        commands.push(&["resume", "--explain"]);
    }
    for command in commands {
        let said = |program: &Path| {
            let output: Output = case.run_by(program, command);
            // What is to be typed next names the program.
            let text = String::from_utf8_lossy(&output.stdout);
            let text = text.replace(program.to_str().unwrap(), "phalanx");
            (output.status.code(), text)
        };
        let (by_old, by_new) = (said(old), said(new));
        assert_eq!(by_old, by_new, "{command:?}");
        assert_eq!(by_new.0, Some(0), "{command:?}: {}", by_new.1);
    }
}
