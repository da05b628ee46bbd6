//! A recipe's script, run here with tools that only say what a test gives them.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    reason = "a test says what it expects by unwrapping"
)]

pub(crate) mod bootstrap;
pub(crate) mod planned;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What every script has beside plain sh; here they only say that they were called.
const LIB: &str = "\
fact() { echo \"fact $1 $2\"; }
problem() { echo \"problem $1 $2 $3\"; }
already() { :; }
changed() { echo \"changed $1\"; }
px_long() {
    px_name=$(echo \"$1\" | tr a-z A-Z)
    if [ -e \"${PX_DIR:-/none}/v.$px_name\" ]; then
        cat \"$PX_DIR/v.$px_name\"
    else
        eval \"printf '%s\\n' \\\"\\${$px_name-}\\\"\"
    fi
}
px_left_out() { px_long PX_LEFT_OUT; }
px_hosts() { px_long \"PX_HOSTS_$1\"; }
px_facts() { eval \"printf '%s\\n' \\\"\\${PX_FACTS_$(echo \"$1\" | tr a-z A-Z)-}\\\"\"; }
";

/// The shells that a script may meet: dash, and bash in POSIX mode as on EL 7.
pub(crate) const SHELLS: [&[&str]; 2] = [&["dash"], &["bash", "--posix"]];

/// A host as a script sees it.
pub(crate) struct Host {
    folder: tempfile::TempDir,
    environment: BTreeMap<String, String>,
    exchanged: Vec<(String, String)>,
}

impl Host {
    pub(crate) fn new(environment: &[(&str, &str)]) -> Self {
        let host = Self {
            folder: tempfile::tempdir().unwrap(),
            environment: BTreeMap::new(),
            exchanged: Vec::new(),
        };
        environment
            .iter()
            .fold(host, |host, (name, value)| host.with(name, value))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A variable of its environment.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A list that may be too long for a variable: only the functions for it print it.
    pub(crate) fn long(self, name: &str, text: &str) -> Self {
        fs::write(self.path(&format!("v.{name}")), text).unwrap();
        let folder = self.path("").display().to_string();
        self.with("PX_DIR", folder.trim_end_matches('/'))
    }

    /// A tool that is this script.
    pub(crate) fn tool(self, name: &str, script: &str) -> Self {
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// A tool that prints this text.
    pub(crate) fn says(self, name: &str, text: &str) -> Self {
        let said = self.path(&format!("{name}.says"));
        fs::write(&said, text).unwrap();
        self.tool(name, &format!("cat '{}'", said.display()))
    }

    /// A file: where the script has this path, it reads that text.
    pub(crate) fn file(mut self, path: &str, text: &str) -> Self {
        let name = path.replace('/', "_");
        fs::write(self.path(&name), text).unwrap();
        let instead = self.path(&name).to_string_lossy().into_owned();
        self.exchanged.push((path.to_owned(), instead));
        self
    }

    /// A file that was given before, with another text.
    pub(crate) fn again(self, path: &str, text: &str) -> Self {
        let file = self.path(&path.replace('/', "_"));
        assert!(file.exists(), "{path}");
        fs::write(file, text).unwrap();
        self
    }

    /// Where the script has this text, it has that one here.
    pub(crate) fn exchange(mut self, text: &str, instead: &str) -> Self {
        self.exchanged.push((text.to_owned(), instead.to_owned()));
        self
    }

    /// Exit status and output of a recipe's script, which has to be the same in every shell.
    pub(crate) fn run(&self, recipe: &str, script: &str) -> (i32, String) {
        let mut results = SHELLS.map(|shell| self.run_in(shell, recipe, script));
        let first = results[0].clone();
        for (shell, result) in SHELLS.iter().zip(&mut results) {
            assert_eq!(*result, first, "{shell:?}");
        }
        first
    }

    /// The same in one shell.
    pub(crate) fn run_in(&self, shell: &[&str], recipe: &str, script: &str) -> (i32, String) {
        let files = phalanx_recipes::find(recipe).unwrap();
        let mut text = String::from_utf8(files[script].clone()).unwrap();
        for (path, instead) in &self.exchanged {
            assert!(text.contains(path.as_str()), "{script} reads no {path}");
            text = text.replace(path.as_str(), instead);
        }
        let text = format!("{LIB}{text}");
        run(shell, &text, self.folder.path(), &self.environment)
    }
}

fn run(
    shell: &[&str],
    text: &str,
    folder: &Path,
    environment: &BTreeMap<String, String>,
) -> (i32, String) {
    let output = Command::new(shell[0])
        .args(&shell[1..])
        .args(["-c", text])
        .env_clear()
        .env(
            "PATH",
            format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", folder.display()),
        )
        .env("LANG", "C")
        .envs(environment)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{shell:?}");
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
    )
}
