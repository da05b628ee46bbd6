//! The stand-in is as unkind to an installer as DC/OS: what its `pkgpanda` and its `dcos_install.sh` leave on
//! a host, and what the recipe makes of that. Nothing of systemd runs here: it only says that it was asked.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod host;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use host::Host;

const PACKAGE: &str = "stand-in--1234";
const DASH: &[&str] = &["dash"];

/// A node to which the bootstrap tarball and one package of the configuration were unpacked.
fn node(role: &str) -> Host {
    let host = Host::new(&[])
        .tool("systemctl", "echo \"systemctl $*\" >>\"${0%/*}/calls\"")
        .tool(
            "useradd",
            "for name; do :; done; echo \"$name\" >>\"${0%/*}/users\"",
        )
        .tool("id", "exec grep -qx \"$2\" \"${0%/*}/users\" 2>/dev/null")
        .tool("chown", "echo \"chown $*\" >>\"${0%/*}/calls\"");
    let root = host.path("opt");
    let package = root.join("packages").join(PACKAGE);
    let config = root.join("packages/dcos-config--setup_1");
    let metadata = root.join("packages/dcos-metadata--setup_1");
    for (folder, file, text) in [
        (root.clone(), "environment", "PATH=/opt/mesosphere/bin\n"),
        (root.clone(), "environment.export", "export PATH=x\n"),
        (root.clone(), "bootstrap", ""),
        (package.join("bin"), "3dt", "#!/bin/sh\n"),
        (package.join("lib"), "web.py", ""),
        (
            package.join("dcos.target.wants_slave"),
            "dcos-mesos-slave.service",
            "[Unit]\n",
        ),
        (
            package.join("dcos.target.wants_master"),
            "dcos-exhibitor.service",
            "[Unit]\n",
        ),
        (config.join("etc"), "stand-in.conf", ""),
        (config.join("etc/overlay/config"), "agent.json", ""),
        (config.join("etc_slave"), "of_slaves", ""),
        (config.join("etc_master"), "of_masters", ""),
        (
            metadata.join("etc"),
            "dcos-version.json",
            "{\n  \"version\": \"1.8.8\"\n}\n",
        ),
        (host.path("machine/roles"), role, ""),
        (
            host.path("machine/setup-flags"),
            "cluster-packages.json",
            "[\"dcos-config--setup_1\", \"dcos-metadata--setup_1\"]",
        ),
        (host.path("units"), "sshd.service", ""),
    ] {
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(file), text).unwrap();
    }
    fs::create_dir(host.path("knobs")).unwrap();
    host
}

/// `pkgpanda` with these arguments: its exit status and what it says.
fn pkgpanda(host: &Host, knobs: &str, arguments: &str) -> (i32, String) {
    fs::write(host.path("knobs/conf"), knobs).unwrap();
    let files = phalanx_recipes::find("dcos").unwrap();
    let script = &files["lab/stand-in/node/package/bin/pkgpanda"];
    let mut text = String::from_utf8(script.clone()).unwrap();
    for (path, instead) in [
        ("=/opt/mesosphere", "opt"),
        ("=/etc/mesosphere", "machine"),
        ("=/etc/systemd/system", "units"),
        ("=/var/lib/dcos", "state"),
    ] {
        assert!(text.contains(path), "{path}");
        text = text.replace(path, &format!("={}", host.path(instead).display()));
    }
    let conf = host.path("knobs/conf").display().to_string();
    text = text.replace("/etc/stand-in.conf ]", &format!("{conf} ]"));
    text = text.replace(". /etc/stand-in.conf", &format!(". {conf}"));
    let program = host.path("pkgpanda");
    fs::write(&program, text).unwrap();
    let output = Command::new("dash")
        .arg(&program)
        .args(arguments.split_whitespace())
        .env(
            "PATH",
            format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", host.path("").display()),
        )
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), said)
}

fn set_up(host: &Host) {
    let (status, said) = pkgpanda(host, "", "setup --no-block-systemd");
    assert_eq!(status, 0, "{said}");
}

/// What is in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// What the recipe's first look makes of the node.
fn state(host: &Host) -> String {
    let files = phalanx_recipes::find("dcos").unwrap();
    let text = String::from_utf8(files["scripts/facts.sh"].clone()).unwrap();
    let begin = text.find("dcos_role=none").unwrap();
    let end = text.find("\n# Which packages hold").unwrap();
    let mut text = text[begin..end].to_owned();
    for (path, instead) in [
        ("/opt/mesosphere", "opt"),
        ("/etc/mesosphere", "machine"),
        ("/etc/systemd/system", "units"),
    ] {
        assert!(text.contains(path), "{path}");
        text = text.replace(path, &host.path(instead).display().to_string());
    }
    let text = format!("set -u\nfact() {{ echo \"$2\"; }}\n{text}");
    let output = Command::new(DASH[0]).args(["-c", &text]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().replace('\n', " ")
}

#[test]
fn units_are_links_into_packages() {
    for (role, unit) in [
        ("slave", "dcos-mesos-slave.service"),
        ("master", "dcos-exhibitor.service"),
    ] {
        let host = node(role);
        set_up(&host);
        let units = host.path("units");
        let inside = format!("opt/packages/{PACKAGE}/dcos.target.wants_{role}/{unit}");
        for link in [units.join(unit), units.join("dcos.target.wants").join(unit)] {
            assert_eq!(fs::read_link(link).unwrap(), host.path(&inside));
        }
        assert_eq!(names(&units.join("dcos.target.wants")), [unit]);
        let target = fs::read_to_string(units.join("dcos.target")).unwrap();
        assert_eq!(target, "[Install]\nWantedBy=multi-user.target\n");
        // It waits until all of them have started, and the next boot starts them by the target.
        let calls = fs::read_to_string(host.path("calls")).unwrap();
        let calls: Vec<&str> = calls
            .lines()
            .filter(|line| line.starts_with("systemctl"))
            .collect();
        assert_eq!(
            calls,
            [
                "systemctl daemon-reload",
                "systemctl enable --no-reload dcos.target",
                "systemctl start dcos.target"
            ]
        );
        // Role by role, and folders in folders.
        let etc = host.path("opt/etc");
        assert!(etc.join(format!("of_{role}s")).exists());
        assert_eq!(names(&etc).len(), 4, "{:?}", names(&etc));
        assert!(etc.join("overlay/config/agent.json").is_symlink());
        assert!(
            state(&host).ends_with(" 1.8.8 installed "),
            "{}",
            state(&host)
        );
    }
}

#[test]
fn an_uninstallation_leaves_what_it_leaves() {
    let host = node("slave");
    set_up(&host);
    fs::remove_file(host.path("calls")).unwrap();
    let (status, said) = pkgpanda(&host, "", "uninstall");
    assert_eq!(status, 0, "{said}");
    // systemd is told nothing but to stop what ran: dcos.target is as active as before.
    let calls = fs::read_to_string(host.path("calls")).unwrap();
    assert_eq!(calls, "systemctl stop dcos-mesos-slave.service\n");
    assert!(!host.path("opt").exists());
    assert_eq!(names(&host.path("units")), ["sshd.service"]);
    assert!(host.path("machine/roles/slave").exists());
    assert!(
        host.path("machine/setup-flags/cluster-packages.json")
            .exists()
    );
    assert_eq!(state(&host), "private none half ");
}

#[test]
fn another_activation_leaves_the_one_before_it() {
    let host = node("slave");
    set_up(&host);
    assert!(!host.path("opt/bootstrap").exists());
    // Where all has been set up, nothing happens any more.
    let before = names(&host.path("opt"));
    set_up(&host);
    assert_eq!(names(&host.path("opt")), before);
    fs::write(host.path("opt/bootstrap"), "").unwrap();
    set_up(&host);
    let opt = names(&host.path("opt"));
    for name in [
        "active",
        "bin",
        "etc",
        "lib",
        "environment",
        "environment.export",
    ] {
        for name in [name.to_owned(), format!("{name}.old")] {
            assert!(opt.contains(&name), "{name}: {opt:?}");
        }
    }
    assert!(!opt.iter().any(|name| name.ends_with(".new")), "{opt:?}");
    assert!(!opt.contains(&"install_progress".to_owned()), "{opt:?}");
    let unit = host.path("units/dcos.target.wants.old/dcos-mesos-slave.service");
    assert!(unit.is_symlink());
    assert!(host.path("units/dcos-mesos-slave.service").exists());
    assert_eq!(state(&host), "private 1.8.8 installed ");
}

#[test]
fn a_swap_that_was_cut_short_is_half_an_installation() {
    // The target is there before anything else, also where nothing comes of it.
    let host = node("slave");
    assert_eq!(pkgpanda(&host, "FAIL_SETUP=yes\n", "setup").0, 1);
    assert!(host.path("units/dcos.target").exists());
    assert!(!host.path("opt/bin").exists() && host.path("opt/bootstrap").exists());

    let host = node("slave");
    set_up(&host);
    fs::write(host.path("opt/bootstrap"), "").unwrap();
    let (status, said) = pkgpanda(&host, "CUT_SWAP=yes\n", "setup");
    assert_eq!(status, 1, "{said}");
    let opt = names(&host.path("opt"));
    for name in [
        "install_progress",
        "bootstrap",
        "bin.new",
        "etc.new",
        "environment.new",
    ] {
        assert!(opt.contains(&name.to_owned()), "{name}: {opt:?}");
    }
    // What dcos-setup reads before it begins is not there: it cannot even be started.
    for name in ["environment", "bin", "etc"] {
        assert!(!opt.contains(&name.to_owned()), "{name}: {opt:?}");
    }
    assert_eq!(state(&host), "private none half ");
}

#[test]
fn services_have_users_and_folders_of_their_own() {
    let host = node("master");
    set_up(&host);
    let users = fs::read_to_string(host.path("users")).unwrap();
    assert!(users.contains("dcos_exhibitor\n") && users.contains("dcos_3dt\n"));
    assert_eq!(users.lines().count(), 10, "{users}");
    assert!(host.path("state/exhibitor").is_dir());
    // Once, and not where the operator makes them by hand.
    fs::write(host.path("opt/bootstrap"), "").unwrap();
    set_up(&host);
    assert_eq!(fs::read_to_string(host.path("users")).unwrap(), users);
    let host = node("master");
    fs::write(host.path("machine/manual_host_users"), "").unwrap();
    set_up(&host);
    assert!(!host.path("users").exists());
}

#[test]
fn its_environment_is_of_no_use_to_others() {
    let files = phalanx_recipes::find("dcos").unwrap();
    let text = |path: &str| String::from_utf8(files[path].clone()).unwrap();
    let export = text("lab/stand-in/node/environment.export");
    for line in [
        "export LD_LIBRARY_PATH=/opt/mesosphere/lib\n",
        "export PYTHONPATH=/opt/mesosphere/lib/python3.6/site-packages\n",
    ] {
        assert!(export.contains(line), "{export}");
    }
    // A library that every program but DC/OS's own fails with, where that is in its way.
    assert!(text("lab/stand-in/pack.py").contains("/lib/libcurl.so.4\""));
}

/// What `dcos_install.sh` says of ports where these are listened at, in hexadecimal.
fn ports(role: &str, listening: &[&str]) -> String {
    let files = phalanx_recipes::find("dcos").unwrap();
    let script = &files["lab/stand-in/generator/templates/dcos_install.sh"];
    let text = String::from_utf8(script.clone()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("tcp");
    let lines = listening.iter().map(|port| {
        format!("   0: 00000000:{port} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0\n")
    });
    fs::write(&table, lines.collect::<String>()).unwrap();
    let table = table.display().to_string();
    let text = text
        .replace("$EUID -ne 0", "1 -ne 1")
        .replace("/proc/net/tcp6", "/none/tcp6")
        .replace("/proc/net/udp6", "/none/udp6")
        .replace("/proc/net/tcp", &table)
        .replace("/proc/net/udp", "/dev/null");
    let output = Command::new("bash")
        .args(["-c", &text, "dcos_install.sh", "--preflight-only", role])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn its_installer_is_blind_for_ports_with_letters() {
    // 2181, 5050, 8181 and 443 on a master; the recipe's own check finds all of them.
    let said = ports("master", &["0885", "13BA", "1FF5", "01BB"]);
    for (port, state) in [
        (2181, "FAIL"),
        (5050, "PASS"),
        (8181, "PASS"),
        (443, "PASS"),
    ] {
        let line = said
            .lines()
            .find(|line| line.contains(&format!("port {port} ")))
            .unwrap_or_default();
        assert!(line.contains(state), "{port} {state}: {said}");
    }
}

/// What install-node.sh does on such a node; `repair` is the operator's word.
fn install(host: &Host, target: &str, repair: &str) -> (i32, String) {
    let systemctl = format!(
        "echo \"$*\" >>\"${{0%/*}}/calls\"\ncase $* in show*) printf 'ActiveState=inactive\\n\\n\
         ActiveState=%s\\n' {target} ;; list-units*) echo 'dcos.target loaded active active x' ;; esac"
    );
    let tool = host.path("systemctl");
    fs::write(&tool, format!("#!/bin/sh\n{systemctl}\n")).unwrap();
    // What is served: the installer comes as far as its own checks.
    let curl = "while [ $# -gt 0 ]; do case $1 in -o) shift; echo 'echo 10.0.0.9' >\"$1\" ;; esac; shift; done\n\
                sha256sum dcos_install.sh phalanx/ip-detect >phalanx/SHA256SUMS";
    let tool_path = host.path("curl");
    fs::write(&tool_path, format!("#!/bin/sh\n{curl}\n")).unwrap();
    fs::write(host.path("journalctl"), "#!/bin/sh\n").unwrap();
    for name in ["curl", "journalctl", "systemctl"] {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(host.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let files = phalanx_recipes::find("dcos").unwrap();
    let mut text = String::from_utf8(files["scripts/install-node.sh"].clone()).unwrap();
    for (path, instead) in [
        ("/opt/mesosphere", "opt"),
        ("/etc/mesosphere", "machine"),
        ("/etc/systemd/system", "units"),
        ("/var/tmp/phalanx", "tmp"),
    ] {
        assert!(text.contains(path), "{path}");
        text = text.replace(path, &host.path(instead).display().to_string());
    }
    let lib = "fact() { :; }\nalready() { echo \"already $1\"; }\nchanged() { echo \"changed $1\"; }\n\
               problem() { echo \"problem $1 $2 $3\"; }\npx_facts() { :; }\n";
    let output = Command::new(DASH[0])
        .args(["-c", &format!("{lib}{text}")])
        .envs([
            ("PX_ROLE", "private"),
            ("PX_RELEASE", "1.8.8"),
            ("PX_REPAIR", repair),
            ("PX_ADDRESSES_BOOTSTRAP", "10.0.0.1"),
            ("PX_ADDRESSES_MASTER", "10.0.0.2"),
            ("PX_SETTING_BOOTSTRAP_PORT", "9999"),
        ])
        .env(
            "PATH",
            format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", host.path("").display()),
        )
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), said)
}

#[test]
fn what_was_left_is_half_installed_until_it_is_repaired() {
    type Leave = fn(&Host);
    let leaves: [(Leave, &str); 2] = [
        // dcos.target is still active in systemd's eyes.
        (
            |host| {
                set_up(host);
                assert_eq!(pkgpanda(host, "", "uninstall").0, 0);
            },
            "active",
        ),
        (
            |host| assert_eq!(pkgpanda(host, "CUT_SWAP=yes\n", "setup").0, 1),
            "inactive",
        ),
    ];
    for (leave, target) in leaves {
        let host = node("slave");
        leave(&host);
        let (status, said) = install(&host, target, "");
        assert_eq!(status, 1, "{said}");
        assert!(said.contains("problem half_installed error"), "{said}");
        assert!(!said.contains("changed"), "{said}");
        let (_, said) = install(&host, target, "yes");
        assert!(
            said.contains("changed removed what an installation left"),
            "{said}"
        );
        let gone: [PathBuf; 3] = [
            host.path("opt"),
            host.path("machine/roles"),
            host.path("units/dcos.target.wants"),
        ];
        for path in gone {
            assert!(!path.exists(), "{}: {said}", path.display());
        }
        // systemd forgets what it has of the target before anything is installed again.
        let calls = fs::read_to_string(host.path("calls")).unwrap();
        assert!(calls.contains("daemon-reload\n"), "{calls}");
    }
}
