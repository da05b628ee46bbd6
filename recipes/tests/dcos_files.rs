//! What the recipe `dcos` brings to a bootstrap node: config.yaml and ip-detect.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod host;

use std::process::Command;

use host::planned::install;
use phalanx_plan::PreparedPlan;
use phalanx_plan::plan::Facts;

const HOSTS: &str = "\
hosts:
  - { role: bootstrap, address: 54.0.0.1, private_address: 10.0.0.1 }
  - { role: master, address: 54.0.0.2, private_address: 10.0.0.2 }
  - { role: master, address: 54.0.0.3, private_address: 10.0.0.3 }
  - { role: master, address: 54.0.0.4, private_address: 10.0.0.4 }
  - { role: public, address: 54.0.0.5 }
";

/// A plan of the flow `install` for a cluster called `name`.
fn plan(name: &str, settings: &str) -> PreparedPlan {
    install(&format!(
        "cluster: {name}\nrecipe: dcos\n{HOSTS}settings: {{ {settings} }}\n"
    ))
}

/// Path and text of the n-th file that `generate` puts on the bootstrap node.
fn put(plan: &PreparedPlan, number: usize, ec2: bool, found_resolvers: &str) -> (String, String) {
    let facts: Facts = [
        ("ec2", ec2.to_string()),
        ("found_resolvers", found_resolvers.to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let generate = plan
        .stages
        .iter()
        .find(|stage| stage.id.as_str() == "generate")
        .unwrap();
    let first = plan.host_ixs().next().unwrap();
    let put = plan
        .render_put(&generate.put[number], first, &facts)
        .unwrap();
    let text = put.content.text().unwrap().to_owned();
    (put.path, text)
}

fn config(name: &str, settings: &str, ec2: bool, found_resolvers: &str) -> String {
    put(&plan(name, settings), 0, ec2, found_resolvers).1
}

#[test]
fn config_yaml_as_in_the_article() {
    let (path, text) = put(&plan("dcos", ""), 0, false, "10.0.0.53 10.0.1.53");
    assert_eq!(path, "/opt/phalanx-bootstrap/1.8.8/config.yaml");
    assert_eq!(
        text,
        "\
# DC/OS 1.8.8, cluster dcos. Made from the cluster file: what is changed here is undone.
cluster_name: 'DCOS188'
bootstrap_url: http://10.0.0.1:9999
exhibitor_storage_backend: static
master_discovery: static
master_list:
- 10.0.0.2
- 10.0.0.3
- 10.0.0.4
telemetry_enabled: true
oauth_enabled: true
resolvers:
- 10.0.0.53
- 10.0.1.53
# No REX-Ray: its ec2 driver needs EC2.
"
    );
}

#[test]
fn config_yaml_by_settings() {
    let text = config(
        "prod",
        "bootstrap_port: 8000, resolvers: [1.1.1.1], oauth_enabled: false, telemetry_enabled: false",
        false,
        "10.0.0.53",
    );
    for line in [
        "cluster_name: 'prod'\n",
        "bootstrap_url: http://10.0.0.1:8000\n",
        "resolvers:\n- 1.1.1.1\n#",
        "oauth_enabled: false\n",
        "telemetry_enabled: false\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let named = config("prod", "cluster_name: Bob's", false, "");
    assert!(named.contains("cluster_name: 'Bob''s'\n"), "{named}");
    assert!(!named.contains("resolvers:"), "{named}");
}

#[test]
fn rex_ray_only_on_ec2() {
    for (settings, ec2, wanted) in [
        ("", true, true),
        ("", false, false),
        ("ip_detect: ec2", false, true),
        ("ip_detect: route", true, false),
        ("ip_detect: /root/ip-detect", true, false),
    ] {
        let text = config("dcos", settings, ec2, "");
        let has = text.contains("\nrexray_config:\n  rexray:\n");
        assert_eq!(has, wanted, "{settings} {ec2}\n{text}");
        assert!(!text.contains("rexray_config_method:"), "{text}");
    }
}

#[test]
fn ip_detect_prints_one_address() {
    // What the tools say on real hosts.
    let route = "10.0.0.2 via 10.0.1.1 dev eth0 src 10.0.1.7 uid 0 \n    cache ";
    let own = "local 10.0.0.2 dev lo src 10.0.0.2 uid 0 \n    cache <local> ";
    for (settings, ec2, tool, says, wanted) in [
        ("", false, "ip", route, Some("10.0.1.7\n")),
        ("", false, "ip", own, Some("10.0.0.2\n")),
        ("", false, "ip", "10.0.0.2 dev eth0", None),
        ("", false, "ip", "", None),
        ("", true, "curl", "10.0.0.9", Some("10.0.0.9\n")),
        ("", true, "curl", "<html>404</html>", None),
        ("", true, "curl", "10.0.0.9 10.0.0.10", None),
        ("ip_detect: ec2", false, "curl", "", None),
        ("ip_detect: route", true, "ip", route, Some("10.0.1.7\n")),
    ] {
        let (path, script) = put(&plan("dcos", settings), 1, ec2, "");
        assert_eq!(path, "/opt/phalanx-bootstrap/1.8.8/ip-detect");
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path();
        std::fs::write(bin.join("says"), says).unwrap();
        // The script sets its own PATH, so that DC/OS's tools cannot come in between.
        let line = "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n";
        assert!(script.contains(line), "{script}");
        let tools = format!(
            "{line}{tool}() {{ cat '{}'; }}\n",
            bin.join("says").display()
        );
        let script = script.replace(line, &tools);
        for shell in ["sh", "bash"] {
            let output = Command::new(shell).args(["-c", &script]).output().unwrap();
            let printed = String::from_utf8(output.stdout).unwrap();
            match wanted {
                Some(address) => assert_eq!((output.status.code(), &*printed), (Some(0), address)),
                None => {
                    assert_ne!(output.status.code(), Some(0), "{says}: {printed}");
                    assert_eq!(printed, "", "{says}");
                }
            }
        }
    }
}

#[test]
fn the_first_user_is_written_for_enterprise_only() {
    let open = config("dcos", "", false, "");
    assert!(
        !open.contains("superuser") && !open.contains("security"),
        "{open}"
    );
    let settings =
        "enterprise: true, superuser_password: x, download_url: /root/x.sh, security: disabled";
    let enterprise = config("dcos", settings, false, "");
    assert!(
        enterprise.contains("security: disabled\nsuperuser_username: bootstrapuser\n"),
        "{enterprise}"
    );
    assert!(!enterprise.contains("oauth_enabled"), "{enterprise}");
    assert!(!enterprise.contains("password_hash:"), "{enterprise}");
}

#[test]
fn scripts_are_given_where_the_installer_is_and_its_checksum() {
    let plan = plan("dcos", "");
    let first = plan.host_ixs().next().unwrap();
    let environment = plan.environment(first, None, &Facts::new(), "r1");
    let value = |name: &str| {
        let found = environment.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    let sum = value("PX_RELEASE_SHA256").unwrap();
    assert!(sum.len() == 64 && sum.starts_with("d00f31df"), "{sum}");
    let url = value("PX_RELEASE_URL").unwrap();
    assert!(url.ends_with("/602edc1b4da9364297d166d4857fc8ed7b0b65ca/dcos_generate_config.sh"));
}
