//! What a script is given that is too long for a variable: facts of all hosts, lists of hosts.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests say what they expect by unwrapping"
)]

mod support;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use phalanx_remote::{HostProtocol, JobState, Script};
use support::{Host, Recorder, call, id, within};

const HOSTS: usize = 10_000;

/// Lines of a host's name and a fact of 4 KiB.
fn facts() -> Arc<str> {
    let mut text = String::new();
    for host in 0..HOSTS {
        let _ = writeln!(text, "host{host} {}", "é$\\'\"x ".repeat(512));
    }
    text.into()
}

fn script(text: &str, facts: &Arc<str>) -> Script {
    let names = |length| {
        let names = (0..length).map(|host| format!("a-host-with-a-name-{host}"));
        names.collect::<Vec<_>>().join(" ")
    };
    Script {
        text: text.to_owned(),
        env: vec![
            ("PX_HOSTS_BIG_WORKER".into(), names(HOSTS)),
            ("PX_HOSTS_LEADER".into(), names(3)),
            ("PX_HOSTS_NONE".into(), String::new()),
            ("PX_SETTING_TEXT".into(), "one\ntwo\n".into()),
        ],
        shared: vec![
            ("PX_FACTS_NETWORKS".into(), Arc::clone(facts)),
            ("PX_FACTS_OS".into(), "a el 7\nb el 8\n".into()),
        ],
    }
}

/// Calls programs, and prints in some words all that it is given.
const LOOK: &str = "\
ls / >/dev/null || exit 1
env | awk '{ if (length($0) > 131000) exit 1 }' || exit 2
[ -z \"${PX_FACTS_NETWORKS+x}${PX_HOSTS_BIG_WORKER+x}\" ] || exit 3
px_facts networks | awk '{ words += length($1); bytes += length($0) + 1 } END { print NR, words, bytes }'
px_facts networks | sha256sum
px_hosts big-worker | wc -w
px_hosts leader; px_hosts none; px_setting text; px_facts os
echo \"$PX_FACTS_OS\" | wc -l
px_facts other && exit 4
sh -c 'ls / >/dev/null' || exit 5
";

fn expected(facts: &str) -> String {
    use sha2::{Digest as _, Sha256};

    let sum = Sha256::digest(facts.as_bytes());
    let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    let words: usize = facts.lines().map(|line| line.find(' ').unwrap()).sum();
    format!(
        "{HOSTS} {words} {}\n{sum}  -\n{HOSTS}\na-host-with-a-name-0 a-host-with-a-name-1 \
         a-host-with-a-name-2\none\ntwo\na el 7\nb el 8\n3\nthis script is not given PX_FACTS_OTHER\n",
        facts.len()
    )
}

#[tokio::test]
async fn a_job_is_given_the_long_facts_of_ten_thousand_hosts() {
    let facts = facts();
    for host in Host::each() {
        let script = script(LOOK, &facts);
        let (protocol, id, mut seen) = (host.protocol(), id("long"), Recorder::default());
        let began = Instant::now();
        let end = within(protocol.job(call(&id, Some(&script)), &mut seen)).await;
        println!("job, {}: {:?}", host.shell, began.elapsed());
        assert_eq!(end.unwrap().state, JobState::Ended(0), "{}", seen.text());
        assert_eq!(seen.text(), expected(&facts));
        // A start that comes again, with all of it, attaches.
        let mut again = Recorder::default();
        let end = within(protocol.job(call(&id, Some(&script)), &mut again)).await;
        assert_eq!(end.unwrap().state, JobState::Ended(0));
        within(protocol.collect_jobs("run1", 0)).await.unwrap();
        assert!(!host.job_folder(&id).exists());
    }
}

#[tokio::test]
async fn a_probe_is_given_the_long_facts_of_ten_thousand_hosts() {
    let facts = facts();
    for host in Host::each() {
        let mut output = Vec::new();
        let began = Instant::now();
        let end = within(host.protocol().probe(&script(LOOK, &facts), &mut output)).await;
        println!("probe, {}: {:?}", host.shell, began.elapsed());
        let output = String::from_utf8(output).unwrap();
        assert_eq!(end.unwrap().status, 0, "{output}");
        assert_eq!(output, expected(&facts));
        assert!(!host.spool().exists(), "nothing is written");
    }
}

#[tokio::test]
async fn nothing_is_run_of_what_was_cut_on_its_way() {
    let facts = facts();
    for host in Host::each() {
        let mut exec = host.exec.clone();
        exec.cut_input_after = Some(20 << 20);
        let protocol: HostProtocol = host.protocol_over(exec, host.options());
        let mark = host.folder.path().join("ran");
        let script = script(&format!("echo ran >{}", mark.display()), &facts);
        let (id, mut seen) = (id("cut"), Recorder::default());
        let end = within(protocol.job(call(&id, Some(&script)), &mut seen)).await;
        assert!(end.is_err());
        let mut output = Vec::new();
        assert!(within(protocol.probe(&script, &mut output)).await.is_err());
        host.idle().await;
        assert!(!mark.exists() && !host.job_folder(&id).exists());
    }
}
