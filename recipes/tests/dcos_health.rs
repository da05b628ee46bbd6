//! What the recipe `dcos` makes of the answers of Exhibitor and Mesos.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Exhibitor's list of three masters: code and description of the first, and who leads.
fn exhibitor(code: u8, description: &str, leader: usize) -> String {
    let masters: Vec<String> = (0..3)
        .map(|n| {
            let (code, description) = match n {
                0 => (code, description),
                _ => (3, "serving"),
            };
            let leads = n + 1 == leader;
            format!(
                r#"{{"code":{code},"description":"{description}","hostname":"10.0.0.{}","isLeader":{leads}}}"#,
                n + 1
            )
        })
        .collect();
    format!("[{}]", masters.join(","))
}

/// The metrics of a master, as Mesos writes them.
fn metrics(elected: &str, recovered: &str) -> String {
    format!(
        r#"{{"allocator\/runs":7.0,"master\/elected":{elected},"registrar\/log\/recovered":{recovered},"system\/cpus":2.0}}"#
    )
}

/// The list of agents: public or private, and whether it is connected.
fn agents(list: &[(bool, bool)]) -> String {
    let agents: Vec<String> = list
        .iter()
        .map(|(public, active)| {
            let reserved = if *public { r#""slave_public":{"cpus":1.0}"# } else { "" };
            format!(
                r#"{{"id":"5-S1","pid":"slave(1)@10.0.0.9:5051","attributes":{{}},"resources":{{"cpus":4.0,"ports":"[1025-2180]"}},"reserved_resources":{{{reserved}}},"used_resources_full":[{{"scalar":{{"value":1.0}}}}],"active":{active}}}"#
            )
        })
        .collect();
    format!(r#"{{"slaves":[{}]}}"#, agents.join(","))
}

/// Exit status and output of the probe on a host of the role, with `curl` answering so.
fn probe(role: &str, stage: &str, answer: &str) -> (i32, String) {
    let files = phalanx_recipes::find("dcos").unwrap();
    let script = String::from_utf8(files["scripts/health.sh"].clone()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("answer"), answer).unwrap();
    let curl = format!("#!/bin/sh\ncat '{}'\n", path("answer").display());
    fs::write(path("curl"), curl).unwrap();
    fs::set_permissions(path("curl"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(
        path("version.json"),
        r#"{ "version": "1.8.8", "bootstrap-id": "x" }"#,
    )
    .unwrap();
    let version = "/opt/mesosphere/etc/dcos-version.json";
    assert!(script.contains(version));
    let script = script.replace(version, &path("version.json").to_string_lossy());
    let output = Command::new("sh")
        .args(["-c", &format!("fact() {{ echo \"fact $*\"; }}\n{script}")])
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
        .envs([
            ("PX_ROLE", role),
            ("PX_STAGE", stage),
            ("PX_RELEASE", "1.8.8"),
            ("PX_ADDRESS", "54.0.0.1"),
            ("PX_PRIVATE_ADDRESS", "10.0.0.1"),
            ("PX_FACT_DETECTED_ADDRESS", "10.0.0.1"),
            ("PX_ADDRESSES_MASTER", "10.0.0.1 10.0.0.2 10.0.0.3"),
            ("PX_HOSTS_PRIVATE", "a b c d e"),
            ("PX_HOSTS_PUBLIC", "p"),
        ])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

#[test]
fn a_quorum_is_all_masters_one_leader_and_a_recovered_registry() {
    for (answer, waits_for) in [
        (
            String::new(),
            "Exhibitor on this host does not answer yet\n",
        ),
        ("[]".into(), "Exhibitor on this host does not answer yet\n"),
        (
            exhibitor(2, "not serving", 2) + &metrics("0.0", "0.0"),
            "2 of 3 masters serve: 10.0.0.1 is not serving\n",
        ),
        (
            exhibitor(30, "down", 2) + &metrics("0.0", "0.0"),
            "2 of 3 masters serve: 10.0.0.1 is down\n",
        ),
        (
            exhibitor(3, "serving", 0) + &metrics("0.0", "0.0"),
            "all 3 masters serve, and 0 of them lead\n",
        ),
        (
            exhibitor(3, "serving", 2),
            "the Mesos master on this host does not answer yet\n",
        ),
        (
            exhibitor(3, "serving", 2) + &metrics("1.0", "0.0"),
            "the leading Mesos master, on this host, has not recovered its registry yet\n",
        ),
        (exhibitor(3, "serving", 2) + &metrics("1.0", "1.0"), ""),
        (exhibitor(3, "serving", 2) + &metrics("1", "1"), ""),
        (exhibitor(3, "serving", 2) + &metrics("0.0", "0.0"), ""),
        // As others may write the same.
        (
            (exhibitor(3, "serving", 2) + &metrics("1", "1"))
                .replace(':', " : ")
                .replace(',', ",\n  ")
                .replace('}', "\n}")
                .replace(r"\/", "/"),
            "",
        ),
    ] {
        let status = i32::from(!waits_for.is_empty());
        assert_eq!(
            probe("master", "quorum", &answer),
            (status, waits_for.to_owned()),
            "{answer}"
        );
    }
    let three = exhibitor(3, "serving", 1);
    let two = three.rsplit_once(",{").unwrap().0.to_owned() + "]";
    assert_eq!(
        probe("master", "quorum", &(two + &metrics("1.0", "1.0"))),
        (1, "Exhibitor knows 2 of 3 masters\n".to_owned())
    );
}

#[test]
fn where_mesos_leads_the_agents_are_counted_in_their_roles() {
    let here = exhibitor(3, "serving", 1) + &metrics("1.0", "1.0");
    let private = (false, true);
    let public = (true, true);
    let healthy = (0, "fact ui_url http://54.0.0.1/\n".to_owned());
    for (list, wanted) in [
        (
            vec![private, private, private, private, private, public],
            None,
        ),
        // One private agent of five may be missing, and no public one of one.
        (vec![private, private, public, private, private], None),
        (
            vec![private, private, public, private, (false, false)],
            Some("3 private agents are registered, and 4 have to be\n"),
        ),
        (
            vec![private, private, private, private, private, (true, false)],
            Some("0 public agents are registered, and 1 have to be\n"),
        ),
        (
            vec![],
            Some("0 private agents are registered, and 4 have to be\n"),
        ),
    ] {
        let found = probe("master", "verify", &(here.clone() + &agents(&list)));
        match wanted {
            None => assert_eq!(found, healthy, "{list:?}"),
            Some(text) => assert_eq!(found, (1, text.to_owned()), "{list:?}"),
        }
    }
    // Another master leads: it is the one that counts.
    let elsewhere = exhibitor(3, "serving", 2) + &metrics("0.0", "0.0");
    assert_eq!(probe("master", "verify", &elsewhere), healthy);
}

#[test]
fn an_agent_is_registered() {
    for (answer, status, says) in [
        (
            r#"{"slave\/registered":1.0,"slave\/uptime_secs":3.0}"#,
            0,
            "",
        ),
        (
            r#"{"slave\/registered":0.0,"slave\/uptime_secs":1.0}"#,
            1,
            "the Mesos agent on this host is not registered with a master yet\n",
        ),
        ("", 1, "the Mesos agent on this host does not answer yet\n"),
        (
            "<html>",
            1,
            "the Mesos agent on this host does not answer yet\n",
        ),
    ] {
        for role in ["private", "public"] {
            assert_eq!(
                probe(role, "verify", answer),
                (status, says.to_owned()),
                "{answer}"
            );
        }
    }
}
