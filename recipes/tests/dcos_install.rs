//! What `masters` and `agents` make of a node where DC/OS is installed already.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod host;

use std::fs;

use host::{Host, SHELLS};

/// systemd, as far as the script asks for it: the units' states are files. As the real pkgpanda does,
/// setting up acts only while its mark is there.
const SYSTEMCTL: &str = r#"
cd "${0%/*}" || exit 9
echo "$*" >>calls
case $* in
"show -p ActiveState dcos-setup.service dcos.target")
    printf 'ActiveState=%s\n\nActiveState=%s\n' "$(cat setup)" "$(cat target)"
    ;;
"start dcos-setup.service")
    [ -e opt/bootstrap ] || exit 0
    cp target.starts target
    rm opt/bootstrap
    ;;
"start dcos.target") cp target.starts target ;;
*) exit 9 ;;
esac
"#;

/// A master with DC/OS, whose dcos.target is in this state, and comes to that one when it is started.
fn node(target: &str, starts: &str) -> Host {
    let host = Host::new(&[
        ("PX_ROLE", "master"),
        ("PX_RELEASE", "1.8.8"),
        ("PX_REPAIR", ""),
        ("PX_ADDRESSES_BOOTSTRAP", "10.0.0.1"),
        ("PX_ADDRESSES_MASTER", "10.0.0.2"),
        ("PX_SETTING_BOOTSTRAP_PORT", "9999"),
    ])
    .tool("systemctl", SYSTEMCTL)
    .says("journalctl", "a line of the journal\n")
    .tool("curl", "echo 'it is installed anew'");
    for (folder, file, text) in [
        (
            "opt/etc",
            "dcos-version.json",
            "{\n  \"version\": \"1.8.8\"\n}\n",
        ),
        ("etc/roles", "master", ""),
        (
            "etc/setup-flags",
            "cluster-packages.json",
            "[\"dcos-config--setup_0123456789\",\n \"dcos-metadata--setup_0123456789\"]\n",
        ),
    ] {
        fs::create_dir_all(host.path(folder)).unwrap();
        fs::write(host.path(folder).join(file), text).unwrap();
    }
    fs::write(host.path("setup"), "inactive").unwrap();
    fs::write(host.path("target"), target).unwrap();
    fs::write(host.path("target.starts"), starts).unwrap();
    let (opt, etc) = (host.path("opt"), host.path("etc"));
    host.exchange("/opt/mesosphere", opt.to_str().unwrap())
        .exchange("/etc/mesosphere", etc.to_str().unwrap())
}

fn install(host: &Host, shell: &[&str]) -> (i32, String) {
    host.run_in(shell, "dcos", "scripts/install-node.sh")
}

fn calls(host: &Host) -> Vec<String> {
    let calls = fs::read_to_string(host.path("calls")).unwrap();
    calls.lines().map(str::to_owned).collect()
}

#[test]
fn what_is_installed_and_runs_is_left_alone() {
    for shell in SHELLS {
        let host = node("active", "active");
        assert_eq!(install(&host, shell), (0, String::new()));
        let looked = "show -p ActiveState dcos-setup.service dcos.target";
        assert_eq!(calls(&host), [looked]);
    }
}

#[test]
fn what_is_installed_and_was_stopped_is_started() {
    for shell in SHELLS {
        for state in ["inactive", "failed"] {
            let host = node(state, "active");
            let (status, said) = install(&host, shell);
            assert_eq!(status, 0, "{said}");
            assert!(said.contains("\nchanged started DC/OS 1.8.8"), "{said}");
            assert!(calls(&host).contains(&"start dcos.target".to_owned()));
        }
    }
}

#[test]
fn what_does_not_start_is_not_done() {
    for shell in SHELLS {
        // What `fail` says is on stderr, and no test of the script's words.
        let host =
            node("inactive", "failed").exchange("    echo \"$1\" >&2\n", "    echo \"$1\"\n");
        let (status, said) = install(&host, shell);
        assert_eq!(status, 1, "{said}");
        assert!(!said.contains("changed"), "{said}");
        assert!(said.contains("a line of the journal\n"), "{said}");
        let last = said.lines().last().unwrap();
        assert!(
            last.contains("dcos.target does not start: it is failed"),
            "{said}"
        );
    }
}

#[test]
fn what_was_begun_is_brought_to_its_end_and_runs_then() {
    for shell in SHELLS {
        let host = node("inactive", "active");
        fs::write(host.path("opt/bootstrap"), "").unwrap();
        let (status, said) = install(&host, shell);
        assert_eq!(status, 0, "{said}");
        assert!(
            said.contains("\nchanged brought the installation"),
            "{said}"
        );
        assert!(!host.path("opt/bootstrap").exists());
        assert_eq!(fs::read_to_string(host.path("target")).unwrap(), "active");
    }
}

#[test]
fn an_installed_node_with_another_configuration_is_named() {
    let made = |id: &str| format!("bootstrap dcos-config--setup_{id} dcos-metadata--setup_{id}\n");
    for shell in SHELLS {
        for state in ["active", "inactive"] {
            let host = node(state, "active").with("PX_FACTS_CLUSTER_PACKAGES", &made("0123456789"));
            let (status, said) = install(&host, shell);
            assert_eq!(status, 0, "{said}");
            assert!(!said.contains("problem"), "{said}");
            let host = node(state, "active").with("PX_FACTS_CLUSTER_PACKAGES", &made("9876543210"));
            let (status, said) = install(&host, shell);
            assert_eq!(status, 0, "{said}");
            let told = "problem configuration warning DC/OS keeps the configuration here that it was \
                        installed with, dcos-config--setup_01234567; the bootstrap node has made another \
                        one since, dcos-config--setup_98765432\n";
            assert!(said.contains(told), "{said}");
        }
    }
}
