//! A run that was killed under the phalanx of commit e452d5b, whose journal has format 1: what that program said of it,
//! and the resumption that it would have made after every event, are kept in `data/killed-run/said`. This program says
//! the same, word for word.
//!
//! The run was carried out on the four hosts of a lab. `data/killed-run` has its cluster file, its recipe and the
//! run's folder as it was left, without the socket.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what it expects by unwrapping"
)]

mod sandbox;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sandbox::{Sandbox, copy};

const RUN: &str = "20261129-074512-bjrmh";

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/killed-run")
}

/// The cluster file, the recipe and the run, where the lab's hosts are taken for ours.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let here = sandbox.path();
    copy(&kept().join("recipe"), &here.join("recipe"));
    copy(&kept().join("run"), &run(&sandbox));
    fs::copy(kept().join("phalanx.yaml"), here.join("phalanx.yaml")).unwrap();
    // Nobody logs in with it.
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
    sandbox.write_mode("key", key, 0o600);
    sandbox
}

fn run(sandbox: &Sandbox) -> PathBuf {
    sandbox.path().join(".phalanx/runs").join(RUN)
}

/// What a command says and how it ends, as a block of text.
fn said(sandbox: &Sandbox, args: &[&str]) -> String {
    let ran = sandbox.run_in_lab("kept", args);
    format!("-- {}: {}\n{}", args.join(" "), ran.code, ran.stdout)
}

fn compare(name: &str, said: &str) {
    let path = kept().join("said").join(name);
    assert_eq!(fs::read_to_string(path).unwrap(), said);
}

#[test]
fn it_is_shown_as_it_was() {
    let sandbox = sandbox();
    let mut all = String::new();
    for args in [
        &["runs"][..],
        &["runs", "--json"],
        &["show"],
        &["show", "--json"],
        &["logs"],
        &["logs", "master1"],
        &["logs", "private1", "flaky", "-t"],
        &["logs", "--grep", "begins"],
    ] {
        all.push_str(&said(&sandbox, args));
    }
    compare("shown.txt", &all);
}

/// The program may have been killed behind any of its journal's lines.
#[test]
fn it_would_be_resumed_as_before_wherever_it_was_cut() {
    let sandbox = sandbox();
    let path = run(&sandbox).join("journal.jsonl");
    let journal = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = journal.split_inclusive('\n').collect();
    let mut all = String::new();
    for events in 0..lines.len() {
        fs::write(&path, lines[..=events].concat()).unwrap();
        let _ = writeln!(all, "== after {events} events");
        all.push_str(&said(&sandbox, &["resume", "--explain"]));
    }
    compare("resumed.txt", &all);
}

#[test]
fn it_would_be_resumed_as_before_where_the_recipe_has_changed() {
    let sandbox = sandbox();
    let mut all = String::new();
    sandbox.append("recipe/scripts/prepare.sh", "echo more\n");
    all.push_str(&said(&sandbox, &["resume", "--explain"]));
    sandbox.append("recipe/templates/note", "more\n");
    all.push_str(&said(&sandbox, &["resume", "--explain"]));
    let settings = fs::read_to_string(sandbox.path().join("phalanx.yaml")).unwrap();
    sandbox.write("phalanx.yaml", settings.replace("8080", "80"));
    all.push_str(&said(&sandbox, &["resume", "--explain"]));
    let recipe = fs::read_to_string(sandbox.path().join("recipe/recipe.yaml")).unwrap();
    let without = recipe.lines().filter(|line| !line.contains("id: broken"));
    let without: Vec<&str> = without.collect();
    sandbox.write("recipe/recipe.yaml", without.join("\n") + "\n");
    all.push_str(&said(&sandbox, &["resume", "--explain"]));
    compare("changed.txt", &all);
}
