//! Hosts that `--on` leaves out: what is known of them, and what a run says where nothing is.
#![allow(clippy::unwrap_used, clippy::panic)]

mod site;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use site::{Site, host, plain};

/// The first host founds a cluster, the others join it: by what all of them have told.
const STAGES: &str = "    - { id: look, on: server, run: scripts/look.sh }
    - { id: join, on: server, run: scripts/join.sh, at_once: 1, all_facts: [member], after: [{ all: look }] }";
const LOOK: &str =
    "if [ -e /home/operator/member ]; then fact member true; else fact member false; fi\n";
const JOIN: &str = "\
if [ -e /home/operator/member ]; then already 'it is a member'; exit; fi
case $(px_facts member) in
*true*) changed \"joined, without '$(px_left_out)'\" ;;
*) changed 'founded a cluster' ;;
esac
: >/home/operator/member
fact member true
";

fn etcd() -> Site {
    let hosts = ["e1", "e2", "e3"].map(|name| host(name, "server", plain()));
    let scripts = [("look.sh", LOOK), ("join.sh", JOIN)];
    Site::new(STAGES, &scripts, hosts.into()).with_facts("member: bool")
}

/// What was said, without the bar that a wrapped message has at its side.
fn words(said: &str) -> String {
    // How lines are broken, with what the locale's letters have for it.
    let words = said
        .split_whitespace()
        .filter(|word| !["│", "|"].contains(word));
    words.collect::<Vec<_>>().join(" ")
}

/// A host has lost its data. That the others are members is known from the run before: whoever forgot it
/// would found a second cluster.
#[test]
fn what_hosts_that_are_left_out_told_before_is_known() {
    let site = etcd();
    site.phalanx(&["install", "--yes"]).expect(0);
    let first = site.runs().pop().unwrap();
    let first = first.file_name().unwrap().to_str().unwrap().to_owned();
    let journal = site.journal_text();
    assert_eq!(journal.matches("founded a cluster").count(), 1);
    let home = site.first_home();
    fs::remove_file(home.join("member")).unwrap();

    let told = format!("facts of e2, e3 (member) are from run {first}");
    let planned = site.phalanx(&["plan", "--on", "e1"]);
    planned.expect(0);
    assert!(planned.stderr.contains(&told), "{}", planned.stderr);
    let ran = site.phalanx(&["install", "--yes", "--on", "e1"]);
    ran.expect(0);
    let journal = site.journal_text();
    assert!(journal.contains("joined, without 'e2 e3'"), "{journal}");
    assert!(!journal.contains("founded"), "{journal}");
    assert!(ran.stdout.contains(&told), "{}", ran.stdout);
    assert!(site.phalanx(&["show"]).stdout.contains(&first));

    // What that run knew of them it hands on, with where it is from.
    fs::remove_dir_all(site.path().join(".phalanx/runs").join(&first)).unwrap();
    fs::remove_file(home.join("member")).unwrap();
    let ran = site.phalanx(&["install", "--yes", "--on", "e1"]);
    ran.expect(0);
    assert!(ran.stdout.contains(&told), "{}", ran.stdout);
    assert!(site.journal_text().contains("joined"));

    // Another machine by the same name has told nothing.
    let cluster = site.path().join("phalanx.yaml");
    let text = fs::read_to_string(&cluster).unwrap();
    let moved = text.replace(
        "name: e2, role: server,",
        "name: e2, role: server, private_address: 10.9.9.9,",
    );
    assert_ne!(text, moved);
    fs::write(&cluster, moved).unwrap();
    let refused = site.phalanx(&["install", "--yes", "--on", "e1"]);
    refused.expect(2);
    assert!(refused.stderr.contains("of e2"), "{}", refused.stderr);
}

#[test]
fn a_run_that_would_miss_what_left_out_hosts_tell_is_refused() {
    let site = etcd();
    for args in [
        &["plan", "--on", "e1"][..],
        &["install", "--yes", "--on", "e1,e2"],
    ] {
        let refused = site.phalanx(args);
        refused.expect(2);
        let said = words(&refused.stderr);
        assert!(
            said.contains("`join` is given the fact `member` of all hosts"),
            "{said}"
        );
        assert!(said.contains("e3, which `--on` leaves out"), "{said}");
        assert!(said.contains("once without `--on`"), "{said}");
    }
    assert!(site.runs().is_empty(), "nothing was begun");
    // The stage that needs it is not asked for.
    site.phalanx(&["install", "--yes", "--on", "e1", "--to", "look"])
        .expect(0);
    site.phalanx(&["install", "--yes", "--on", "e1"]).expect(2);
}

/// A whole run, and then one of the first host that failed: what is gone on with. Gives the first run's folder.
fn failed_on_e1(site: &Site) -> PathBuf {
    site.phalanx(&["install", "--yes"]).expect(0);
    let first = site.runs().pop().unwrap();
    let member = site.first_home().join("member");
    fs::remove_file(&member).unwrap();
    let script = site.path().join("recipe/scripts/join.sh");
    fs::write(&script, "echo 'not today' >&2\nexit 1\n").unwrap();
    site.phalanx(&["install", "--yes", "--on", "e1"]).expect(1);
    fs::write(&script, JOIN).unwrap();
    first
}

/// A run that is gone on with needs no other run: it has what it knew.
#[test]
fn a_run_that_is_resumed_knows_what_it_knew() {
    let site = etcd();
    let first = failed_on_e1(&site);
    fs::remove_dir_all(first).unwrap();
    site.phalanx(&["resume", "--yes"]).expect(0);
    let journal = site.journal_text();
    assert!(journal.contains("joined, without 'e2 e3'"), "{journal}");
}

/// A run of an older program did not keep what it knew of hosts that it left out: other runs know it.
#[test]
fn a_run_without_earlier_facts_is_resumed_by_what_other_runs_know() {
    let site = etcd();
    let first = failed_on_e1(&site);
    let second = site.runs().pop().unwrap();
    let plan = second.join("plan.json");
    let text = fs::read_to_string(&plan).unwrap();
    let mut older: Value = serde_json::from_str(&text).unwrap();
    let known = older.as_object_mut().unwrap().remove("earlier_facts");
    assert!(known.is_some(), "{text}");
    fs::write(&plan, older.to_string()).unwrap();

    // Where nobody knows it, what is proposed is something that `resume` does not refuse.
    let elsewhere = site.path().join("elsewhere");
    fs::rename(&first, &elsewhere).unwrap();
    let refused = site.phalanx(&["resume", "--yes"]);
    refused.expect(2);
    let said = words(&refused.stderr);
    assert!(said.contains("plan::facts-left-out"), "{said}");
    let proposed = "`phalanx install --on e1,e2,e3`";
    assert!(said.contains(proposed), "{said}");
    assert!(said.contains("begin a new run instead"), "{said}");

    fs::rename(&elsewhere, &first).unwrap();
    site.phalanx(&["resume", "--yes"]).expect(0);
    let journal = site.journal_text();
    assert!(journal.contains("joined, without 'e2 e3'"), "{journal}");
}

/// The hosts of a lab may be called what the real ones are: what they told says nothing of those.
#[test]
fn what_hosts_of_a_lab_told_is_not_known_of_real_ones() {
    let site = etcd();
    site.in_lab(&["install", "--yes"]).expect(0);
    fs::remove_file(site.first_home().join("member")).unwrap();
    let refused = site.phalanx(&["install", "--yes", "--on", "e1"]);
    refused.expect(2);
    let said = words(&refused.stderr);
    assert!(said.contains("no run here knows it of e2, e3"), "{said}");
    assert_eq!(site.runs().len(), 1, "nothing was begun");
    site.in_lab(&["install", "--yes", "--on", "e1"]).expect(0);
}
