//! The example recipe, as a newcomer would use it, on three loopback hosts. Run with `--nocapture`
//! it shows what the newcomer sees.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod site;

use std::fs;
use std::path::Path;

use site::{Ran, Site, host, plain};

/// The example's recipe in the site's place, with a folder of the host's own.
fn hello() -> Site {
    let mut site = Site::new(
        "    []",
        &[],
        vec![
            host("server1", "server", plain()),
            host("worker1", "worker", plain()),
            host("worker2", "worker", plain()),
        ],
    );
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello");
    let recipe = site.path().join("recipe");
    fs::remove_dir_all(&recipe).unwrap();
    copy(&example, &recipe);
    site.extra("settings:\n  folder: /home/operator/hello\n  greeting: Good morning\n");
    site
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn show(site: &Site, args: &[&str]) -> Ran {
    let ran = site.phalanx(args);
    println!(
        "$ phalanx {}\n{}{}",
        args.join(" "),
        site.redact(&ran.stdout),
        site.redact(&ran.stderr)
    );
    ran
}

#[test]
fn the_example_checks_installs_and_verifies() {
    let site = hello();
    show(&site, &["plan"]).expect(0);
    show(&site, &["check"]).expect(0);
    for host in &site.hosts {
        let spool = host.host.spool_path();
        assert!(!spool.join("j").exists() || fs::read_dir(spool.join("j")).unwrap().count() == 0);
    }
    show(&site, &["verify"]).expect(1);
    show(&site, &["install", "--yes"]).expect(0);
    let again = show(&site, &["install", "--yes", "--json"]);
    again.expect(0);
    let report: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(report["format"], 1, "{report}");
    assert!(
        !site.journal_text().contains("\"outcome\":\"changed\""),
        "nothing left to change"
    );
    show(&site, &["verify"]).expect(0);
    let runs = show(&site, &["runs"]);
    runs.expect(0);
    assert_eq!(site.runs().len(), 5);
    show(&site, &["show"]).expect(0);
    let logs = show(&site, &["logs"]);
    logs.expect(0);
}

#[test]
fn one_host_alone_can_be_taken() {
    let site = hello();
    show(
        &site,
        &["install", "--yes", "--on", "server", "--to", "prepare"],
    )
    .expect(0);
    let journal = site.journal_text();
    assert!(journal.contains("server1") && !journal.contains("worker1"));
    assert!(!journal.contains("\"stage\":\"serve\""));
}

/// The commands that the README tells people to use on hosts of their own.
fn readme_commands() -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let block = readme.split("<!-- use -->").nth(1).unwrap();
    let block = block.split("```").nth(1).unwrap();
    let commands = block
        .lines()
        .filter_map(|line| line.strip_prefix("phalanx "));
    commands
        .map(|line| line.split('#').next().unwrap().trim().to_owned())
        .collect()
}

#[test]
fn what_the_readme_says_to_use_works() {
    let site = hello();
    let commands = readme_commands();
    assert!(commands.len() >= 6, "{commands:?}");
    for command in commands {
        let mut args: Vec<&str> = command.split(' ').collect();
        if command == "install" {
            args.push("--yes"); // there is nobody to ask
        }
        show(&site, &args).expect(0);
    }
}
