//! What the recipe `dcos` makes of the answers of Exhibitor and Mesos.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod host;

use host::Host;

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
    asked(role, stage, answer).run("dcos", "scripts/health.sh")
}

fn asked(role: &str, stage: &str, answer: &str) -> Host {
    let host = Host::new(&[
        ("PX_ROLE", role),
        ("PX_STAGE", stage),
        ("PX_RELEASE", "1.8.8"),
        ("PX_HOST", "m2"),
        ("PX_ADDRESS", "54.0.0.1"),
        ("PX_PRIVATE_ADDRESS", "10.0.0.1"),
        ("PX_FACT_DETECTED_ADDRESS", "10.0.0.1"),
        ("PX_ADDRESSES_MASTER", "10.0.0.1 10.0.0.2 10.0.0.3"),
        ("PX_HOSTS_MASTER", "m1 m2 m3"),
        ("PX_HOSTS_PRIVATE", "a b c d e"),
        ("PX_HOSTS_PUBLIC", "p"),
        ("PX_SETTING_ENTERPRISE", "false"),
        ("PX_SETTING_OAUTH_ENABLED", "true"),
        ("PX_WAITED", "5"),
        ("PX_WITHIN", "120"),
    ]);
    host.says("curl", answer).file(
        "/opt/mesosphere/etc/dcos-version.json",
        r#"{ "version": "1.8.8", "bootstrap-id": "x" }"#,
    )
}

#[test]
fn when_time_is_nearly_up_the_likely_cause_is_told() {
    let host = asked("master", "quorum", "")
        .with("PX_WAITED", "110")
        .says(
            "systemctl",
            "dcos-exhibitor.service loaded failed failed Exhibitor\n",
        )
        .says("journalctl", "no route to 10.0.0.3\n")
        .says("detect_ip", "10.0.9.9\n");
    let script = host.path("detect_ip").to_string_lossy().into_owned();
    let host = host.exchange("/opt/mesosphere/bin/detect_ip", &script);
    let (status, said) = host.run("dcos", "scripts/health.sh");
    assert_eq!(status, 1);
    for line in [
        "dcos-exhibitor.service loaded failed",
        "ip-detect prints \"10.0.9.9\" here; the masters are 10.0.0.1 10.0.0.2 10.0.0.3",
        "no route to 10.0.0.3",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let last = said.lines().last().unwrap();
    assert_eq!(last, "Exhibitor on this host does not answer yet");
}

#[test]
fn who_has_no_dcos_is_told_at_once() {
    let host = asked("private", "verify", "").with("PX_RELEASE", "1.8.9");
    let (status, said) = host.run("dcos", "scripts/health.sh");
    assert_eq!(status, 1);
    assert_eq!(
        said,
        "problem not_installed error DC/OS 1.8.9 is not installed here; there is: 1.8.8\n"
    );
}

/// What 3dt prints: a title for each unit that is not well, the unit's last fifty journal lines behind it,
/// and its own log.
fn diagnosis(units: &[&str]) -> String {
    let mut said =
        "time=\"2026-11-28T10:00:00Z\" level=info msg=\"no endpoints_config.json\"\n".to_owned();
    for unit in units {
        said += &format!("[{unit}]: What it is ExecMainStatus return failed status for {unit}\n");
        for line in 1..=49 {
            said += &format!("[notice]: line {line} of {unit}\n");
        }
        said += "Main process exited\n\n";
    }
    said + "time=\"2026-11-28T10:00:00Z\" level=fatal msg=\"Found unhealthy systemd units\"\n"
}

/// A healthy agent whose 3dt prints this and ends so.
fn diagnosed(said: &str, status: u8) -> Host {
    let host = asked("private", "verify", r#"{"slave/registered":1.0}"#).says("3dt.said", said);
    let said = host.path("3dt.said.says").display().to_string();
    let host = host.tool("3dt", &format!("cat '{said}'; exit {status}"));
    let bin = host.path("3dt").to_string_lossy().into_owned();
    host.exchange("/opt/mesosphere/bin/3dt", &bin)
}

#[test]
fn units_that_are_not_well_are_named() {
    let units = ["dcos-mesos-slave.service", "dcos-gen-resolvconf.timer"];
    let (status, said) = diagnosed(&diagnosis(&units), 1).run("dcos", "scripts/health.sh");
    assert_eq!(status, 1);
    assert_eq!(
        said.lines().last().unwrap(),
        "3dt finds units of DC/OS on this host that are not well: dcos-mesos-slave.service dcos-gen-resolvconf.timer"
    );
    for line in [
        "[dcos-mesos-slave.service]: What it is ExecMainStatus",
        "line 49 of dcos-mesos-slave.service\n",
        "[dcos-gen-resolvconf.timer]: What it is",
        "Main process exited\n",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(
        said.lines().count() < 12 && !said.contains("level="),
        "{said}"
    );

    let many: Vec<String> = (1..=30).map(|n| format!("dcos-{n}.service")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let (_, said) = diagnosed(&diagnosis(&many), 1).run("dcos", "scripts/health.sh");
    assert!(
        said.ends_with(&format!("well: {}\n", many.join(" "))),
        "{said}"
    );
    assert!(said.lines().count() < 25, "{said}");

    // What has another reason.
    let broken = diagnosed("cannot connect to dbus\n", 2);
    let (status, said) = broken.run("dcos", "scripts/health.sh");
    assert_eq!(status, 2);
    assert_eq!(
        said,
        "cannot connect to dbus\n3dt ended with status 2 on this host, and names no unit that is not well\n"
    );
    let (status, said) = diagnosed("level=info\n", 0).run("dcos", "scripts/health.sh");
    assert_eq!((status, said.as_str()), (0, ""));
}

#[test]
fn a_node_with_another_configuration_than_the_bootstrap_node_has_is_told() {
    let flags = "/etc/mesosphere/setup-flags/cluster-packages.json";
    let has = format!(
        r#"["dcos-config--setup_{0}", "dcos-metadata--setup_{0}"]"#,
        "e0c81db5".repeat(5)
    );
    let of = |id: &str| {
        format!(
            "dcos-config--setup_{0} dcos-metadata--setup_{0}",
            id.repeat(5)
        )
    };
    let agent = |role: &str, stage: &str, made: &str| {
        asked(role, stage, r#"{"slave/registered":1.0}"#)
            .file(flags, &has)
            .with("PX_FACTS_CLUSTER_PACKAGES", made)
            .run("dcos", "scripts/health.sh")
    };
    let same = format!("bootstrap {}\n", of("e0c81db5"));
    assert_eq!(agent("private", "verify", &same), (0, String::new()));
    let (status, said) = agent(
        "public",
        "verify",
        &format!("bootstrap {}\n", of("e663890c")),
    );
    assert_eq!(status, 0, "{said}");
    assert_eq!(
        said,
        "problem configuration warning DC/OS keeps the configuration here that it was installed with, \
         dcos-config--setup_e0c81db5; the bootstrap node has made another one since, dcos-config--setup_e663890c\n"
    );
    // Nothing is made, and nobody has told.
    for made in ["bootstrap none\n", ""] {
        assert_eq!(agent("private", "verify", made), (0, String::new()));
    }
    // It is told as soon as the bootstrap node is connected to; where that takes no part, never.
    let early = asked("private", "verify", r#"{"slave/registered":1.0}"#).with("PX_WAITED", "1");
    let (status, said) = early.run("dcos", "scripts/health.sh");
    assert_eq!(
        (status, said.as_str()),
        (
            1,
            "the bootstrap node has not told yet which configuration it has made\n"
        )
    );
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
fn only_the_agents_of_this_run_are_counted() {
    let (private, public) = ((false, true), (true, true));
    let healthy = (0, "fact ui_url http://54.0.0.1/\n".to_owned());
    let here = exhibitor(3, "serving", 1) + &metrics("1.0", "1.0");
    let asked = |list: &[(bool, bool)], left_out: &str| {
        asked("master", "verify", &(here.clone() + &agents(list)))
            .with("PX_LEFT_OUT", left_out)
            .run("dcos", "scripts/health.sh")
    };
    // Masters first: `--on bootstrap,master`. Agents that are there already are no matter.
    for list in [&[][..], &[private, public]] {
        assert_eq!(asked(list, "a b c d e p"), healthy);
    }
    let waits = |text: &str| (1, format!("{text}\n"));
    // Of those that take part, a fifth may be missing: of two none.
    assert_eq!(asked(&[private, private], "c d e p bootstrap"), healthy);
    assert_eq!(
        asked(&[private], "c d e p bootstrap"),
        waits("1 private agents are registered, and 2 have to be")
    );
    assert_eq!(
        asked(&[private], "a b c d e"),
        waits("0 public agents are registered, and 1 have to be")
    );
    // With nobody left out, all of them are meant.
    assert_eq!(
        asked(&[private, public], ""),
        waits("1 private agents are registered, and 4 have to be")
    );
}

#[test]
fn the_agents_of_a_cluster_of_ten_thousand_are_counted() {
    let names = |from: usize| {
        let names: Vec<String> = (from..10_000)
            .map(|n| format!("private-{n:04}.of-a-long-domain.example"))
            .collect();
        names.join(" ") + "\n"
    };
    let here = exhibitor(3, "serving", 1) + &metrics("1.0", "1.0");
    let asked = |list: &[(bool, bool)], left_out: &str| {
        asked("master", "verify", &(here.clone() + &agents(list)))
            .with("PX_HOSTS_PRIVATE", "")
            .with("PX_HOSTS_PUBLIC", "")
            .long("PX_HOSTS_PRIVATE", &names(0))
            .long("PX_LEFT_OUT", left_out)
            .run("dcos", "scripts/health.sh")
    };
    let private = (false, true);
    assert_eq!(
        asked(&[private], ""),
        (
            1,
            "1 private agents are registered, and 8000 have to be\n".to_owned()
        )
    );
    // Of ten that take part, two may be missing.
    let left_out = names(10);
    assert_eq!(
        asked(&[private; 7], &left_out),
        (
            1,
            "7 private agents are registered, and 8 have to be\n".to_owned()
        )
    );
    assert_eq!(asked(&[private; 8], &left_out).0, 0);
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
