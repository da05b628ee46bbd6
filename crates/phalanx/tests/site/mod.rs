//! A cluster of loopback hosts, a recipe and a cluster file in a folder of their own, and the built
//! command let loose on them.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, missing_docs)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use phalanx_lab::{LoopbackHost, LoopbackHostBuilder};
use serde_json::Value;

pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) hosts: Vec<SiteHost>,
    extra: String,
}

pub(crate) struct SiteHost {
    pub(crate) name: &'static str,
    pub(crate) role: &'static str,
    pub(crate) host: LoopbackHost,
    /// What differs from the host as it is, as YAML fields.
    pub(crate) fields: String,
    /// Another key than the host's own.
    pub(crate) key: Option<PathBuf>,
}

/// A host with everything as it should be.
pub(crate) fn host(name: &'static str, role: &'static str, like: LoopbackHostBuilder) -> SiteHost {
    let host = like.name(name).start().unwrap();
    SiteHost {
        name,
        role,
        host,
        fields: String::new(),
        key: None,
    }
}

pub(crate) fn plain() -> LoopbackHostBuilder {
    LoopbackHost::builder()
}

impl Site {
    /// A recipe's stages (YAML of the flow `install`) and scripts, and the hosts.
    pub(crate) fn new(stages: &str, scripts: &[(&str, &str)], hosts: Vec<SiteHost>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let recipe = folder.path().join("recipe");
        fs::create_dir_all(recipe.join("scripts")).unwrap();
        for (name, text) in scripts {
            fs::write(recipe.join("scripts").join(name), text).unwrap();
        }
        fs::write(
            recipe.join("recipe.yaml"),
            format!(
                "name: site\ntitle: a test\nroles:\n  server: {{ count: 0.. }}\n  worker: {{ count: 0.. \
                 }}\nflows:\n  install:\n{stages}\n"
            ),
        )
        .unwrap();
        let site = Self {
            folder,
            hosts,
            extra: String::new(),
        };
        site.write_cluster();
        site
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// More of the cluster file, such as settings.
    pub(crate) fn extra(&mut self, yaml: &str) {
        self.extra = yaml.to_owned();
        self.write_cluster();
    }

    /// The recipe's settings file.
    pub(crate) fn settings(&self, yaml: &str) {
        let recipe = self.path().join("recipe");
        fs::create_dir_all(recipe.join("settings")).unwrap();
        fs::write(recipe.join("settings/any.yaml"), yaml).unwrap();
        let path = recipe.join("recipe.yaml");
        let text = fs::read_to_string(&path).unwrap();
        let with = text.replace("flows:", "settings: settings/\nflows:");
        fs::write(&path, with).unwrap();
    }

    /// Facts that scripts tell, as YAML fields.
    pub(crate) fn with_facts(self, names: &str) -> Self {
        let path = self.path().join("recipe/recipe.yaml");
        let text = fs::read_to_string(&path).unwrap();
        let facts = format!("facts: {{ names: {{ {names} }} }}\nflows:");
        fs::write(&path, text.replace("flows:", &facts)).unwrap();
        self
    }

    /// The home folder of the first host's login.
    pub(crate) fn first_home(&self) -> PathBuf {
        let home = self.hosts[0].host.home_path().unwrap();
        let login = home.join("operator");
        if login.is_dir() { login } else { home }
    }

    pub(crate) fn write_cluster(&self) {
        let mut text = format!(
            "cluster: site\nrecipe: {}\nssh:\n  agent: false\n  jobs: session\n  known_hosts: {}\n  \
             reconnect_for: 20s\n",
            self.path().join("recipe").display(),
            self.path().join("known_hosts").display()
        );
        let keys: Vec<String> = self
            .hosts
            .iter()
            .map(|host| {
                let key = host.key.clone();
                key.unwrap_or_else(|| host.host.key_path().to_owned())
                    .display()
                    .to_string()
            })
            .collect();
        let mut keys = keys;
        keys.dedup();
        text.push_str(&format!("  keys: [{}]\nhosts:\n", keys.join(", ")));
        for SiteHost {
            name,
            role,
            host,
            fields,
            ..
        } in &self.hosts
        {
            let mut entry = format!("name: {name}, role: {role}");
            if !fields.contains("address:") {
                entry.push_str(&format!(", address: {}", host.address()));
            }
            if !fields.contains("port:") {
                entry.push_str(&format!(", port: {}", host.port()));
            }
            if !fields.contains("user:") {
                entry.push_str(&format!(", user: {}", host.user()));
            }
            if !fields.is_empty() {
                entry.push_str(&format!(", {fields}"));
            }
            text.push_str(&format!("  - {{ {entry} }}\n"));
        }
        text.push_str(&self.extra);
        fs::write(self.path().join("phalanx.yaml"), text).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phalanx"));
        command
            .args(args)
            .current_dir(self.path())
            .env("HOME", self.path())
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100")
            .env("PHALANX_PROGRAM", "phalanx")
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn phalanx(&self, args: &[&str]) -> Ran {
        Ran::from(self.command(args).output().unwrap())
    }

    /// The same as if it was started in the network of the lab `blue`.
    pub(crate) fn in_lab(&self, args: &[&str]) -> Ran {
        let mut command = self.command(args);
        Ran::from(command.env("PHALANX_LAB", "blue").output().unwrap())
    }

    /// Runs it and does `then` once a line of the journal has this in it.
    pub(crate) fn phalanx_and(&self, args: &[&str], seen: &str, then: impl FnOnce(&Child)) -> Ran {
        let child = self
            .command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        self.wait_for(seen);
        then(&child);
        Ran::from(child.wait_with_output().unwrap())
    }

    /// Waits until the newest run's journal has this in it.
    pub(crate) fn wait_for(&self, seen: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if self.journal_text().contains(seen) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "never saw {seen} in\n{}",
                self.journal_text()
            );
            std::thread::yield_now();
        }
    }

    pub(crate) fn runs(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path().join(".phalanx/runs")) else {
            return Vec::new();
        };
        let mut runs: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        // Two runs may begin within a second; the journal's own time tells them apart.
        runs.sort_by_key(|run| {
            fs::metadata(run.join("plan.json"))
                .and_then(|m| m.modified())
                .ok()
        });
        runs
    }

    pub(crate) fn journal_text(&self) -> String {
        let newest = self.runs().pop();
        newest
            .and_then(|run| fs::read_to_string(run.join("journal.jsonl")).ok())
            .unwrap_or_default()
    }

    /// The events of the newest run.
    pub(crate) fn journal(&self) -> Vec<Value> {
        self.journal_text()
            .lines()
            .skip(1)
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// When something happened to a task, in milliseconds of the run.
    pub(crate) fn when(&self, event: &str, stage: &str, host: &str) -> u64 {
        let journal = self.journal();
        let found = journal.iter().find(|e| {
            e["event"] == event && e["task"]["stage"] == stage && e["task"]["host"] == host
        });
        found.unwrap_or_else(|| panic!("no {event} of {stage}@{host}"))["ms"]
            .as_u64()
            .unwrap()
    }

    pub(crate) fn log(&self, host: &str, stage: &str) -> String {
        let path = self
            .runs()
            .pop()
            .unwrap()
            .join(format!("logs/{host}/{stage}.log"));
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Text without what changes from run to run.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut text = text.replace(&self.path().display().to_string(), "SITE");
        for (index, host) in self.hosts.iter().enumerate() {
            text = text.replace(
                &format!("{}:{}", host.host.address(), host.host.port()),
                "ADDRESS",
            );
            text = text.replace(
                &host.host.key_path().display().to_string(),
                &format!("KEY{index}"),
            );
            text = text.replace(&host.host.address().to_string(), "ADDRESS");
            text = text.replace(&host.host.port().to_string(), "PORT");
        }
        text
    }

    /// What the run says went wrong, from its JSON: one text a failure, with advice and lines.
    pub(crate) fn failures(&self) -> String {
        let mut told = Vec::new();
        for event in self.journal() {
            let failure = &event["failure"];
            if failure.is_object() {
                let mut text = format!(
                    "{}: {}",
                    failure["kind"].as_str().unwrap(),
                    failure["message"].as_str().unwrap()
                );
                for line in failure["lines"].as_array().into_iter().flatten() {
                    text.push_str(&format!("\n  | {}", line.as_str().unwrap()));
                }
                if let Some(advice) = failure["advice"].as_str() {
                    text.push_str(&format!("\n  -> {advice}"));
                }
                told.push(self.redact(&text));
            }
        }
        told.join("\n")
    }
}

/// A command that is over.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn expect(&self, code: i32) -> &Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }
}

/// All text below a folder, for looking for what must not be there.
pub(crate) fn all_text(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text.push_str(&all_text(&path));
        } else {
            let mut bytes = Vec::new();
            fs::File::open(&path)
                .unwrap()
                .read_to_end(&mut bytes)
                .unwrap();
            text.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    text
}

/// The lines of a reader, one by one; for watching a command at work.
pub(crate) fn lines(reader: impl std::io::Read) -> impl Iterator<Item = String> {
    BufReader::new(reader).lines().map(Result::unwrap)
}
