//! A state folder of its own for a lab, the built command in it, and looks at hosts from outside.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what it expects by unwrapping"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What checks a host from outside: every file of the folders that an installation writes to, and
/// since when each unit runs. Logins, and the jobs themselves, come and go.
const FINGERPRINT: &str = r#"
find /etc /opt /var/lib/dcos /usr/local -xdev -type f -exec sha256sum {} + 2>/dev/null | sort -k 2
find /etc /opt -xdev -type l -exec sh -c 'for l; do echo "$l -> $(readlink "$l")"; done' sh {} + | sort
for unit in $(systemctl list-units --type=service,socket,target --state=active --plain --no-legend |
    cut -d' ' -f1 | grep -v -e '^user' -e '^session' -e '^systemd-tmpfiles' -e '^phalanx-'); do
    echo "$unit $(systemctl show -p MainPID -p ActiveEnterTimestampMonotonic "$unit" | tr '\n' ' ')"
done | sort
"#;

/// A state folder of its own, so that the operator's labs are left alone.
pub(crate) struct Place {
    pub(crate) state: tempfile::TempDir,
    pub(crate) lab: &'static str,
}

impl Place {
    pub(crate) fn new(lab: &'static str) -> Self {
        Self {
            state: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
            lab,
        }
    }

    /// The lab's folder, where its cluster file is.
    pub(crate) fn folder(&self) -> PathBuf {
        self.state.path().join("phalanx/labs").join(self.lab)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.command_by(Path::new(env!("CARGO_BIN_EXE_phalanx")), args)
    }

    /// The same by another phalanx than the built one.
    pub(crate) fn command_by(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).env("XDG_STATE_HOME", self.state.path());
        command
    }

    pub(crate) fn phalanx(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// The same, which has to end well; gives what it wrote to standard output.
    pub(crate) fn well(&self, args: &[&str]) -> String {
        let output = self.phalanx(args);
        assert!(
            output.status.success(),
            "phalanx {args:?} ended with {}\n{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let text = self.well(args);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}\n{text}"))
    }

    /// Where the lab's hosts can be reached, in the folder with its cluster file.
    pub(crate) fn inside(&self, args: &[&str]) -> Output {
        let enter = ["lab", "exec", "--lab", self.lab, "--", "phalanx"];
        let mut command = self.command(&[&enter, args].concat());
        command.current_dir(self.folder()).output().unwrap()
    }

    /// On a host, as root; it has to end well.
    pub(crate) fn on(&self, host: &str, script: &str) -> String {
        let enter = ["lab", "exec", "--lab", self.lab, "--host", host, "--"];
        self.well(&[&enter[..], &["sh", "-c", script]].concat())
    }

    /// A host as `lab status` has it.
    fn status(&self, host: &str) -> Value {
        let status = self.json(&["lab", "status", "--json"]);
        let hosts = status["labs"][0]["hosts"].as_array().unwrap();
        let known = hosts.iter().find(|known| known["host"] == host);
        known.unwrap().clone()
    }

    /// How often the host has booted.
    pub(crate) fn boots(&self, host: &str) -> u64 {
        self.status(host)["boots"].as_u64().unwrap()
    }

    /// Reboots a host, and returns when it is up again.
    pub(crate) fn reboot(&self, host: &str) {
        let booted = self.boots(host);
        let enter = ["lab", "exec", "--lab", self.lab, "--host", host, "--"];
        // The answer may be cut off by the reboot.
        self.phalanx(&[&enter[..], &["systemctl", "reboot"]].concat());
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let status = self.status(host);
            if status["state"] == "up" && status["boots"] == booted + 1 {
                return;
            }
            assert!(Instant::now() < deadline, "{status:#}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What all of these hosts look like, taken at the same time.
    pub(crate) fn fingerprints(&self, hosts: &[String]) -> BTreeMap<String, String> {
        std::thread::scope(|scope| {
            let looks: Vec<_> = hosts
                .iter()
                .map(|host| (host, scope.spawn(|| self.on(host, FINGERPRINT))))
                .collect();
            let looks = looks.into_iter().map(|(host, look)| {
                let said = look.join().unwrap();
                assert!(said.lines().count() > 100, "{host}: {said}");
                (host.clone(), said)
            });
            looks.collect()
        })
    }
}

/// What differs between two looks at the same hosts, by host.
pub(crate) fn differences(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (host, then) in before {
        let now = &after[host];
        let gone = then.lines().filter(|line| !now.contains(line));
        let new = now.lines().filter(|line| !then.contains(line));
        found.extend(gone.map(|line| format!("{host}: - {line}")));
        found.extend(new.map(|line| format!("{host}: + {line}")));
    }
    found
}

impl Drop for Place {
    fn drop(&mut self) {
        // Where the test broke off; otherwise there is nothing.
        let _ = self.phalanx(&["lab", "down", self.lab]);
    }
}

/// What a lab would leave on the machine.
pub(crate) fn machine() -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    seen.extend(mounts.lines().map(|line| format!("mount {line}")));
    for (what, folder) in [("cgroup", "/sys/fs/cgroup"), ("netns", "/run/netns")] {
        let mut folders = vec![PathBuf::from(folder)];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else {
                continue;
            };
            for entry in entries.flatten() {
                if entry.path().to_string_lossy().contains("phalanx") || what == "netns" {
                    seen.push(format!("{what} {}", entry.path().display()));
                }
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(entry.path());
                }
            }
        }
    }
    // Processes in network namespaces other than ours.
    let own = fs::read_link("/proc/self/ns/net").unwrap();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(namespace) = fs::read_link(entry.path().join("ns/net")) else {
            continue;
        };
        if namespace != own {
            seen.push(format!("process in {}", namespace.display()));
        }
    }
    seen.sort();
    seen.dedup();
    seen
}
