//! A lab to break things on, cluster files of its own for each fault, and the table of what was tried.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::checker::{Checked, check};
use crate::labs::Place;

pub(crate) const HOSTS: [&str; 4] = ["bootstrap", "master1", "private1", "public1"];

/// One lab, and a table of what was tried.
pub(crate) struct Site {
    pub(crate) place: Place,
    pub(crate) hosts: String,
    pub(crate) rows: RefCell<Vec<Row>>,
}

pub(crate) struct Row {
    pub(crate) fault: String,
    pub(crate) tries: usize,
    pub(crate) checked: Checked,
}

/// A cluster file of its own for one fault, and with it runs of its own.
pub(crate) struct Case<'a> {
    pub(crate) site: &'a Site,
    pub(crate) name: &'static str,
    pub(crate) lines: usize,
}

impl Site {
    pub(crate) fn new() -> Self {
        let place = Place::new("faults");
        place.well(&["lab", "up", "faults", "--size", "minimal"]);
        let made = place.inside(&["init", "--from", "cluster.conf", "--output", "-"]);
        let yaml = String::from_utf8(made.stdout).unwrap();
        let hosts = yaml.split("\n# The recipe's settings.").next().unwrap();
        let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/faults");
        let hosts = hosts
            .replace("cluster: dcos", "cluster: faults")
            .replace("recipe: dcos", &format!("recipe: {}", recipe.display()));
        Self {
            place,
            hosts,
            rows: RefCell::default(),
        }
    }

    /// A cluster file in a folder of its own.
    pub(crate) fn case(
        &self,
        name: &'static str,
        lines: usize,
        settings: &str,
        ssh: &str,
    ) -> Case<'_> {
        let case = Case {
            site: self,
            name,
            lines,
        };
        fs::create_dir_all(case.folder()).unwrap();
        let hosts = self.hosts.replace("ssh:\n", &format!("ssh:\n{ssh}"));
        let text = format!("{hosts}settings:\n  lines: {lines}\n{settings}");
        fs::write(case.folder().join("phalanx.yaml"), text).unwrap();
        for host in HOSTS {
            self.place.on(host, "rm -rf /var/lib/faults");
        }
        case
    }

    pub(crate) fn row(&self, fault: &str, tries: usize, checked: Checked) {
        println!("{fault}: {tries} tries, {} attempts", checked.attempts);
        self.rows.borrow_mut().push(Row {
            fault: fault.to_owned(),
            tries,
            checked,
        });
    }

    /// The control group of a host.
    pub(crate) fn group(&self, host: &str) -> PathBuf {
        let root = Path::new("/sys/fs/cgroup");
        let inner = root.read_dir().unwrap().flatten().map(|entry| entry.path());
        let labs = [root.to_owned()].into_iter().chain(inner);
        let labs = labs.filter_map(|folder| folder.join("phalanx-lab").read_dir().ok());
        let groups = labs.flatten().flatten().map(|entry| entry.path());
        let mut ours = groups.filter(|group| {
            let name = group.file_name().unwrap().to_string_lossy();
            name.starts_with("faults-") && group.join("hosts").join(host).is_dir()
        });
        ours.next().unwrap().join("hosts").join(host)
    }
}

impl Case<'_> {
    pub(crate) fn folder(&self) -> PathBuf {
        self.site.place.folder().join("cases").join(self.name)
    }

    pub(crate) fn args<'a>(&self, file: &'a str, args: &[&'a str]) -> Vec<&'a str> {
        [
            &[
                "lab", "exec", "--lab", "faults", "--", "phalanx", "-c", file,
            ],
            args,
        ]
        .concat()
    }

    pub(crate) fn file(&self) -> String {
        self.folder().join("phalanx.yaml").display().to_string()
    }

    pub(crate) fn start(&self, args: &[&str]) -> Child {
        let file = self.file();
        let mut command = self.site.place.command(&self.args(&file, args));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// A command of another phalanx, with this cluster file.
    pub(crate) fn command_by(&self, program: &Path, args: &[&str]) -> Command {
        let file = self.file();
        self.site.place.command_by(program, &self.args(&file, args))
    }

    /// The same by another phalanx, to its end.
    pub(crate) fn run_by(&self, program: &Path, args: &[&str]) -> Output {
        self.command_by(program, args).output().unwrap()
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.start(args).wait_with_output().unwrap()
    }

    /// The process that works on a run, once there is one that is not `before`.
    pub(crate) fn controller(&self, before: Option<u32>) -> u32 {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let text =
                fs::read_to_string(self.folder().join(".phalanx/locks/faults")).unwrap_or_default();
            let holder: Value = serde_json::from_str(&text).unwrap_or_default();
            let pid = holder["pid"].as_u64().map(|pid| pid as u32);
            if let Some(pid) = pid.filter(|pid| Some(*pid) != before) {
                return pid;
            }
            assert!(Instant::now() < deadline, "no controller: {text}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn run_folder(&self) -> PathBuf {
        let runs = fs::read_dir(self.folder().join(".phalanx/runs")).unwrap();
        let mut runs: Vec<PathBuf> = runs.map(|run| run.unwrap().path()).collect();
        runs.sort();
        runs.pop().unwrap()
    }

    /// Whether there is a run whose journal has this in it.
    pub(crate) fn journal_has(&self, word: &str) -> bool {
        let runs = self.folder().join(".phalanx/runs");
        let mut runs = runs.read_dir().into_iter().flatten().flatten();
        runs.any(|run| {
            let journal = fs::read_to_string(run.path().join("journal.jsonl"));
            journal.is_ok_and(|journal| journal.contains(word))
        })
    }

    /// The same cluster file in another folder, as if on another machine.
    pub(crate) fn elsewhere(&self, name: &'static str) -> Case<'_> {
        let copy = Case { name, ..*self };
        fs::create_dir_all(copy.folder()).unwrap();
        let file = |case: &Case<'_>| case.folder().join("phalanx.yaml");
        fs::copy(file(self), file(&copy)).unwrap();
        copy
    }

    /// Waits until every host has said something in this stage.
    pub(crate) fn wait_for_output(&self, stage: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        for host in HOSTS {
            let log = self
                .run_folder()
                .join("logs")
                .join(host)
                .join(format!("{stage}.log"));
            while fs::metadata(&log).map_or(0, |log| log.len()) == 0 {
                assert!(Instant::now() < deadline, "{host} says nothing");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// Waits until the journal has this in it, so often.
    pub(crate) fn wait_for(&self, seen: &str, times: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let journal = self
                .folder()
                .join(".phalanx/runs")
                .read_dir()
                .ok()
                .and_then(|_| fs::read_to_string(self.run_folder().join("journal.jsonl")).ok())
                .unwrap_or_default();
            if journal.matches(seen).count() >= times {
                return;
            }
            assert!(Instant::now() < deadline, "never saw {seen}:\n{journal}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn well(&self, output: &Output) {
        assert!(
            output.status.success(),
            "{}: {}\n{}\n{}",
            self.name,
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
    }

    /// Nothing was lost, nothing ran twice, nothing is left on any host.
    pub(crate) fn check(&self) -> Checked {
        let books = HOSTS.map(|host| {
            let book = self
                .site
                .place
                .on(host, "cat /var/lib/faults/book 2>/dev/null; true");
            (host.to_owned(), book)
        });
        let checked = check(&self.run_folder(), &books.into_iter().collect(), self.lines);
        for host in HOSTS {
            let left = self.site.place.on(
                host,
                "ls -A /var/lib/phalanx/j /var/lib/phalanx/holder 2>/dev/null; \
                 systemctl list-units --plain --no-legend 'phalanx-*'; \
                 find /var/lib/phalanx -name 'gone.*'; true",
            );
            let left: Vec<&str> = left
                .lines()
                .filter(|line| !line.is_empty() && !line.ends_with(':'))
                .collect();
            assert!(
                left.is_empty(),
                "{}: on {host} is left: {left:?}",
                self.name
            );
        }
        checked
    }
}

pub(crate) fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Numbers that a seed leads to.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
    }
}

pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

pub(crate) fn table(rows: &[Row]) -> String {
    let mut text =
        "| fault | tries | attempts of scripts | bytes of output | lost or run twice |\n\
                    |---|---|---|---|---|\n"
            .to_owned();
    for row in rows {
        let (attempts, bytes) = (row.checked.attempts, row.checked.bytes);
        let _ = writeln!(
            text,
            "| {} | {} | {attempts} | {bytes} | 0 |",
            row.fault, row.tries
        );
    }
    text
}
