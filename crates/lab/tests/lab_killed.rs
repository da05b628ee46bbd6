//! Whoever puts a lab up can be killed at any moment: nothing of the lab is left. Needs root.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod lab_support;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lab_support::{Labs, data, root_filesystem, ssh};
use phalanx_lab::Lab;
use rustix::process::{Pid, WaitOptions};

const NAME: &str = "killed";
/// Set in the process that puts a lab up, to the folder of all labs.
const ROLE: &str = "PHALANX_LAB_TEST_UP";
const MOMENTS: u32 = 20;

/// Not a test of its own: the process that is killed.
#[test]
#[ignore = "the other half of nothing_is_left_of_a_lab_whose_maker_was_killed"]
#[allow(clippy::disallowed_methods)]
fn put_up() {
    let Some(labs) = std::env::var_os(ROLE) else {
        return;
    };
    let lab = Lab::up(
        Path::new(&labs),
        NAME,
        "two",
        &data(),
        &root_filesystem(),
        &mut |_| {},
    );
    println!("up: {}", lab.unwrap().name());
}

fn start_to_put_up(labs: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "put_up", "--ignored", "--nocapture"])
        .arg("--test-threads=1")
        .env(ROLE, labs)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// All that a lab could leave on this machine outside its folder. Orphans of the process that was
/// killed become children of this one, which is their subreaper.
#[derive(Debug, PartialEq, Eq)]
struct Traces {
    mounts: BTreeSet<String>,
    links: BTreeSet<String>,
    named_networks: BTreeSet<PathBuf>,
    control_groups: BTreeSet<PathBuf>,
    processes: BTreeSet<String>,
}

impl Traces {
    fn now() -> Self {
        reap();
        let lines = |file: &str| -> BTreeSet<String> {
            let text = fs::read_to_string(file).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        };
        let names = |folder: &str| -> BTreeSet<PathBuf> {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).collect()
        };
        let own = std::process::id().to_string();
        let processes = all_processes();
        let mut below = BTreeSet::from([own.clone()]);
        // Parents first: a child has a greater number than its parent nearly always; thrice is enough.
        for _ in 0..3 {
            for (pid, parent, _) in &processes {
                if below.contains(parent) {
                    below.insert(pid.clone());
                }
            }
        }
        let named = |(pid, _, name): &(String, String, String)| format!("{pid} {name}");
        Self {
            mounts: lines("/proc/self/mountinfo"),
            links: names("/sys/class/net")
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
            named_networks: names("/run/netns"),
            control_groups: control_groups(),
            processes: processes
                .iter()
                .filter(|process| process.0 != own && below.contains(&process.0))
                .map(named)
                .collect(),
        }
    }
}

/// Pid, parent and name of every process.
fn all_processes() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some((front, back)) = stat.rsplit_once(") ")
            && let Some((pid, name)) = front.split_once(" (")
            && let Some(parent) = back.split(' ').nth(1)
        {
            found.push((pid.to_owned(), parent.to_owned(), name.to_owned()));
        }
    }
    found
}

/// The control groups of labs of this test's name; other labs may come and go meanwhile.
fn control_groups() -> BTreeSet<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let point = mounts
        .lines()
        .find(|line| line.contains(" - cgroup2 "))
        .and_then(|line| line.split(' ').nth(4))
        .unwrap();
    let folder = Path::new(point).join("phalanx-lab");
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let ours = |path: &PathBuf| path.to_string_lossy().contains(&format!("/{NAME}-"));
    entries.map(|entry| entry.path()).filter(ours).collect()
}

/// Takes leave of the children that have ended. The only other child, which is waited for by its pid,
/// is not touched: it is waited for before this.
fn reap() {
    while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
}

fn equal_soon(before: &Traces, what: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let now = Traces::now();
        if now == *before {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{what}: {now:#?} is not {before:#?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn nothing_is_left_of_a_lab_whose_maker_was_killed() {
    // Built before the clock runs, and not by a process that is to be killed.
    drop(root_filesystem());
    rustix::process::set_child_subreaper(Pid::from_raw(std::process::id().cast_signed())).unwrap();
    let labs = Labs::new();
    let before = Traces::now();

    let began = Instant::now();
    let mut whole = start_to_put_up(labs.path());
    let mut said = String::new();
    whole
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(
        whole.wait().unwrap().success() && said.contains("up: killed"),
        "{said}"
    );
    let takes = began.elapsed();
    // The lab outlives the process that has put it up.
    let lab = Lab::open(labs.path(), NAME).unwrap().unwrap();
    assert!(ssh(&lab, lab.hosts()[0].address, "true").status.success());
    assert_ne!(Traces::now(), before);
    lab.down().unwrap();
    equal_soon(&before, "taken down");

    let mut half_made = 0;
    for moment in 1..=MOMENTS {
        // The last ones are after it is up.
        let after = takes * moment / (MOMENTS - 2);
        let mut maker = start_to_put_up(labs.path());
        std::thread::sleep(after);
        maker.kill().unwrap();
        maker.wait().unwrap();
        let up = Lab::open(labs.path(), NAME).unwrap();
        let runs = up.is_some_and(|lab| lab.status().unwrap().running);
        let what = format!("killed after {after:?}");
        if !runs {
            // It ends by itself: only its folder and its empty control group wait for the next one.
            half_made += 1;
            let deadline = Instant::now() + Duration::from_secs(5);
            while Traces::now().processes != before.processes {
                assert!(Instant::now() < deadline, "{what}: {:#?}", Traces::now());
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        Lab::clean_up(labs.path(), NAME).unwrap();
        equal_soon(&before, &what);
        assert!(Lab::list(labs.path()).unwrap().is_empty(), "{what}");
    }
    println!("{half_made} of {MOMENTS} labs were half made");
    assert!(half_made > MOMENTS / 4);
}
