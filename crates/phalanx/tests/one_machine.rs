//! What is amiss with the machines themselves, seen by the built command: two hosts that are one, and this machine's
//! own limits.
#![allow(clippy::unwrap_used, clippy::panic)]

mod site;

use std::io::{BufRead as _, BufReader};
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use site::{Site, host, plain};

const WORK: &str = "    - { id: work, on: all, run: scripts/work.sh }\n";

#[test]
fn two_addresses_of_one_machine_are_told_by_check_and_before_install_begins() {
    // It listens on every loopback address.
    let mut one = host("one", "worker", plain().address(Ipv4Addr::UNSPECIFIED));
    one.fields = "address: 127.0.99.1".into();
    let other = host("other", "worker", plain());
    let mut site = Site::new(WORK, &[("work.sh", "echo at work\n")], vec![one, other]);
    let (port, user) = (
        site.hosts[0].host.port(),
        site.hosts[0].host.user().to_owned(),
    );
    site.extra(&format!(
        "  - {{ name: two, role: worker, address: 127.0.99.2, port: {port}, user: {user} }}\n"
    ));
    let says = format!(
        "one and two are one machine: 127.0.99.1 port {port} and 127.0.99.2 port {port} both lead to it"
    );
    let check = site.phalanx(&["check"]);
    check.expect(1);
    let failures = site.failures();
    let redacted = site.redact(&says);
    assert!(failures.contains(&redacted), "{failures}");
    assert!(
        failures.contains(
            "give one or two its own address in the cluster file, or remove one of the two"
        ),
        "{failures}"
    );
    assert!(
        !failures.contains("another run") && !failures.contains("other "),
        "{failures}"
    );
    let install = site.phalanx(&["install", "--yes"]);
    install.expect(1);
    let journal = site.journal_text();
    assert_eq!(
        journal.matches(&says).count(),
        2,
        "both are told: {journal}"
    );
    assert!(!journal.contains("task-started"), "{journal}");
    assert!(!journal.contains("another run"), "{journal}");
    assert!(
        !install.stdout.contains("another run"),
        "{}",
        install.stdout
    );
    // With its own machine it is a host like any other.
    site.extra("");
    site.phalanx(&["check"]).expect(0);
    site.phalanx(&["install", "--yes"]).expect(0);
}

#[test]
fn this_machines_own_limit_of_files_is_told_as_that() {
    let site = Site::new(
        WORK,
        &[("work.sh", "echo at work\n")],
        vec![host("one", "worker", plain())],
    );
    site.phalanx(&["check"]).expect(0);
    let mut told = 0;
    for files in 4..64u64 {
        let mut command = Command::new("sh");
        let check = site.command(&["check"]);
        command
            .args([
                "-c",
                &format!("exec 2>&1; ulimit -n {files}; exec \"$0\" check"),
            ])
            .arg(check.get_program())
            .current_dir(site.path())
            .envs(
                check
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn().unwrap();
        let mut said = String::new();
        let mut is_told = false;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            said.push_str(&line);
            said.push('\n');
            // Whatever needs the file that is one too many: the connection, the key, known_hosts.
            is_told |= line.contains(&format!(
                "this machine may have no more than {files} files open at once"
            ));
            assert!(!line.contains("no key to log in"), "{files}: {said}");
            assert!(!line.contains("does not answer"), "{files}: {said}");
            assert!(!line.contains("panicked"), "{files}: {said}");
            if is_told {
                // It tries again for a while: others may let go of some.
                let _ = child.kill();
                break;
            }
        }
        let status = child.wait().unwrap();
        told += u32::from(is_told);
        if status.code() == Some(0) {
            assert!(told > 0, "never told, and well with {files}: {said}");
            return;
        }
        // With fewer files than it needs for itself it says so, and contacts nobody.
        assert!(is_told || !said.contains("host failed"), "{files}: {said}");
    }
    panic!("it never went well");
}
