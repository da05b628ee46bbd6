//! Whole runs of the built command against real sshd's on the loopback interface.
#![allow(clippy::unwrap_used, clippy::panic)]

mod site;

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use phalanx_lab::{KeyFormat, KeyKind, KeyPair, Login, OnReboot, Sudo};
use rustix::process::{Pid, Signal, kill_process};
use site::{Site, all_text, host, plain};

const DO_ONCE: &str = "\
if [ -e \"$PX_DONE_FOLDER/$PX_STAGE\" ]; then already \"$PX_STAGE is done\"; exit 0; fi
: >\"$PX_DONE_FOLDER/$PX_STAGE\"
changed \"did $PX_STAGE\"
";

/// Does its stage once, in a folder of the host's own.
fn once() -> String {
    // /root is the host's own? No: only its spool and homes are. The operator's home is.
    DO_ONCE.replace("$PX_DONE_FOLDER", "/home/operator")
}

#[test]
fn own_gates_overlap_and_all_gates_do_not() {
    let hosts = vec![
        host("fast", "worker", plain()),
        host("slow", "worker", plain()),
    ];
    let prepare = "[ \"$PX_HOST\" = fast ] || sleep 2\necho prepared\nchanged 'prepared it'\n";
    let site = Site::new(
        "    - { id: prepare, on: all, run: scripts/prepare.sh }\n    \
             - { id: own, on: all, run: scripts/own.sh }\n    \
             - { id: all, on: all, run: scripts/own.sh, after: [own, { all: prepare }] }\n",
        &[
            ("prepare.sh", prepare),
            ("own.sh", "echo \"$PX_STAGE on $PX_HOST as $(id -un)\"\n"),
        ],
        hosts,
    );
    site.phalanx(&["install", "--yes"]).expect(0);
    let slow = site.when("task-ended", "prepare", "slow");
    assert!(
        site.when("task-ended", "own", "fast") < slow,
        "own gates overlap"
    );
    assert!(
        site.when("task-started", "all", "fast") >= slow,
        "all gates do not"
    );
    assert_eq!(site.log("fast", "own"), "own on fast as root\n");

    site.phalanx(&["install", "--yes", "--lockstep"]).expect(0);
    let slow = site.when("task-ended", "prepare", "slow");
    assert!(
        site.when("task-started", "own", "fast") >= slow,
        "in lockstep nothing overlaps"
    );

    for host in &site.hosts {
        let spool = all_names(&host.host.spool_path());
        assert!(
            !spool.iter().any(|name| name.contains("prepare")),
            "left behind: {spool:?}"
        );
    }
}

fn all_names(folder: &std::path::Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        names.push(path.display().to_string());
        if path.is_dir() {
            names.extend(all_names(&path));
        }
    }
    names
}

#[test]
fn a_second_install_changes_nothing() {
    let site = Site::new(
        "    - id: files\n      on: all\n      put: [{ template: scripts/motd, to: /home/operator/motd, \
         mode: \"0640\", owner: operator }]\n      run: scripts/once.sh\n    \
             - { id: more, on: all, run: scripts/once.sh }\n",
        &[
            ("once.sh", &once()),
            ("motd", "This is {{ host.name }}, a {{ role }}.\n"),
        ],
        vec![host("w1", "worker", plain())],
    );
    let first = site.phalanx(&["install", "--yes", "--json"]);
    first.expect(0);
    let home = site.hosts[0].host.home_path().unwrap();
    let motd = home.join("operator/motd");
    let motd = if motd.exists() {
        motd
    } else {
        home.join("motd")
    };
    assert_eq!(
        fs::read_to_string(&motd).unwrap(),
        "This is w1, a worker.\n"
    );
    let written = fs::metadata(&motd).unwrap().modified().unwrap();

    site.phalanx(&["install", "--yes"]).expect(0);
    for event in site.journal() {
        if event["event"] == "task-ended" {
            assert_eq!(event["outcome"], "already", "{event}");
        }
    }
    assert_eq!(
        fs::metadata(&motd).unwrap().modified().unwrap(),
        written,
        "not written again"
    );
}

/// One stage that says who it is.
fn who(hosts: Vec<site::SiteHost>) -> Site {
    Site::new(
        "    - { id: who, on: all, run: scripts/who.sh }\n",
        &[("who.sh", "id -un\n")],
        hosts,
    )
}

#[test]
fn root_needs_no_sudo_and_requiretty_is_no_hindrance() {
    let site = who(vec![
        host("root", "server", plain().login(Login::Root)),
        host("tty", "worker", plain().sudo(Sudo::RequireTty)),
    ]);
    site.phalanx(&["install", "--yes"]).expect(0);
    assert_eq!(site.log("root", "who").trim(), "root");
    assert_eq!(site.log("tty", "who").trim(), "root");
}

#[test]
fn an_old_server_is_reached_with_an_old_key_and_that_is_said_once() {
    let mut old = host(
        "old",
        "worker",
        plain().login(Login::Root).like_openssh_6_6(),
    );
    drop(old);
    // The server has to know the key, so the key is first.
    let keys = tempfile::tempdir().unwrap();
    let pair =
        KeyPair::generate(&keys.path().join("aws.pem"), KeyKind::Rsa, KeyFormat::Pem).unwrap();
    assert!(
        fs::read_to_string(pair.path())
            .unwrap()
            .starts_with("-----BEGIN RSA PRIVATE KEY")
    );
    old = host(
        "old",
        "worker",
        plain()
            .login(Login::Root)
            .like_openssh_6_6()
            .authorize(pair.public_line()),
    );
    old.key = Some(pair.path().to_owned());
    let site = who(vec![old]);
    let ran = site.phalanx(&["install", "--yes"]);
    ran.expect(0);
    assert!(ran.stdout.contains("SHA-1"), "{}", ran.stdout);
    assert_eq!(site.journal_text().matches("SHA-1").count(), 1, "said once");
    assert_eq!(
        site.journal()
            .iter()
            .filter(|e| e["event"] == "host-connected")
            .count(),
        1
    );
}

#[test]
fn a_host_that_cannot_be_reached_says_why() {
    let keys = tempfile::tempdir().unwrap();
    let stranger = KeyPair::generate(
        &keys.path().join("stranger"),
        KeyKind::Ed25519,
        KeyFormat::OpenSsh,
    );
    let mut refused = host("refused", "worker", plain());
    refused.key = Some(stranger.unwrap().path().to_owned());
    let site = who(vec![refused]);
    site.phalanx(&["install", "--yes"]).expect(1);
    insta::assert_snapshot!(
        site.failures()
            .replace(&keys.path().display().to_string(), "KEYS")
    );
}

#[test]
fn a_wrong_user_says_so() {
    let mut wrong = host("wrong", "worker", plain());
    wrong.fields = "user: nobody-here".into();
    let site = who(vec![wrong]);
    site.phalanx(&["install", "--yes"]).expect(1);
    insta::assert_snapshot!(site.failures());
}

#[test]
fn a_closed_port_says_so() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut gone = host("gone", "worker", plain());
    gone.fields = format!("address: 127.0.0.1, port: {}", closed.port());
    let site = who(vec![gone]);
    let ran = site.phalanx(&["install", "--yes"]);
    ran.expect(1);
    let port = closed.port().to_string();
    insta::assert_snapshot!(site.failures().replace(&port, "CLOSED"));
    assert!(ran.stderr.contains("gone") || ran.stdout.contains("gone"));
}

#[test]
fn a_changed_host_key_stops_that_host_and_names_the_line() {
    let site = who(vec![
        host("changed", "worker", plain()),
        host("same", "worker", plain()),
    ]);
    let other = KeyPair::generate(
        &site.path().join("other"),
        KeyKind::Ed25519,
        KeyFormat::OpenSsh,
    )
    .unwrap();
    let changed = &site.hosts[0].host;
    fs::write(
        site.path().join("known_hosts"),
        format!(
            "# ours\n[{}]:{} {}\n",
            changed.address(),
            changed.port(),
            other.algorithm_and_key()
        ),
    )
    .unwrap();
    site.phalanx(&["install", "--yes"]).expect(1);
    let told = site.failures();
    let shown = told
        .split("SHA256:")
        .nth(1)
        .map(|rest| &rest[..43])
        .unwrap_or_default()
        .to_owned();
    insta::assert_snapshot!(told.replace(&shown, "FINGERPRINT"));
    assert_eq!(
        site.log("same", "who").trim(),
        "root",
        "the other host goes on"
    );
}

#[test]
fn sudo_that_wants_a_password_says_so() {
    let site = who(vec![host(
        "asks",
        "worker",
        plain().sudo(Sudo::WantsPassword),
    )]);
    site.phalanx(&["install", "--yes"]).expect(1);
    insta::assert_snapshot!(site.failures());
}

#[test]
fn a_full_disk_says_so() {
    let site = Site::new(
        "    - { id: fill, on: all, run: scripts/fill.sh }\n",
        &[(
            "fill.sh",
            "head -c 5000000 /dev/zero | tr '\\0' x\nexit 0\n",
        )],
        vec![host("full", "worker", plain().spool_size(1_000_000))],
    );
    site.phalanx(&["install", "--yes"]).expect(1);
    insta::assert_snapshot!(site.failures());
}

#[test]
fn a_script_that_fails_is_told_with_its_last_lines() {
    let script = "echo starting\necho 'E: the mirror is gone' >&2\nexit 3\n";
    let site = Site::new(
        "    - { id: fetch, on: all, run: scripts/fetch.sh }\n    \
             - { id: after, on: all, run: scripts/fetch.sh }\n",
        &[("fetch.sh", script)],
        vec![host("w1", "worker", plain())],
    );
    let ran = site.phalanx(&["install", "--yes"]);
    ran.expect(1);
    insta::assert_snapshot!(site.failures());
    assert!(ran.stdout.contains("E: the mirror is gone") || ran.stderr.contains("E: the mirror"));
    let logs = site.phalanx(&["logs", "w1", "fetch"]);
    logs.expect(0);
    assert_eq!(logs.stdout, "starting\nE: the mirror is gone\n");
}

fn reboot_site(on_reboot: OnReboot, within: &str) -> Site {
    Site::new(
        &format!(
            "    - {{ id: reboot, on: all, reboot: {{ within: {within} }} }}\n    \
                 - {{ id: after, on: all, run: scripts/after.sh }}\n"
        ),
        &[("after.sh", "cat /proc/sys/kernel/random/boot_id\n")],
        vec![host("w1", "worker", plain().on_reboot(on_reboot))],
    )
}

#[test]
fn a_reboot_is_proven() {
    let site = reboot_site(OnReboot::Returns(Duration::from_millis(1500)), "60s");
    let before = site.hosts[0].host.boot_id().unwrap();
    site.phalanx(&["install", "--yes"]).expect(0);
    let phases: Vec<_> = site
        .journal()
        .iter()
        .filter(|event| event["event"] == "reboot")
        .map(|event| event["phase"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(phases, ["requested", "down", "up", "proven"]);
    let after = site.hosts[0].host.boot_id().unwrap();
    assert_ne!(before, after);
    assert_eq!(site.log("w1", "after").trim(), after);
    assert_eq!(site.hosts[0].host.boots(), 2);
}

#[test]
fn a_reboot_that_does_not_happen_is_no_success() {
    let site = reboot_site(OnReboot::Ignored, "4s");
    site.phalanx(&["install", "--yes"]).expect(1);
    insta::assert_snapshot!(site.failures());
    let site = reboot_site(OnReboot::NeverReturns, "5s");
    site.phalanx(&["install", "--yes"]).expect(1);
    let told = site.failures();
    assert!(told.contains("did not come back within 5 s"), "{told}");
}

#[test]
fn a_dropped_connection_loses_neither_job_nor_output() {
    // The script waits for the test, so that the connection is surely lost in its middle.
    let script = "echo one\nwhile [ ! -e /home/operator/go ]; do sleep 0.1; done\necho two\n";
    let site = Site::new(
        "    - { id: long, on: all, run: scripts/long.sh }\n",
        &[("long.sh", script)],
        vec![host("w1", "worker", plain())],
    );
    let go = site.first_home().join("go");
    let ran = site.phalanx_and(&["install", "--yes"], "task-accepted", |_| {
        assert!(site.hosts[0].host.drop_connections() > 0);
        site.wait_for("task-attached");
        fs::write(&go, "").unwrap();
    });
    ran.expect(0);
    assert_eq!(site.log("w1", "long"), "one\ntwo\n");
    let starts = site
        .journal()
        .iter()
        .filter(|e| e["event"] == "task-started")
        .count();
    assert_eq!(starts, 1);
}

fn signal(child: &std::process::Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// A script that runs until it is told to go on, and says so when it is ended.
fn waiting_site() -> Site {
    let script = "trap 'echo told to end; exit 1' TERM\necho waiting\n\
                  while [ ! -e /home/operator/go ]; do sleep 0.1; done\necho went on\n";
    Site::new(
        "    - { id: wait, on: all, run: scripts/wait.sh }\n    \
             - { id: after, on: all, run: scripts/wait.sh }\n",
        &[("wait.sh", script)],
        vec![host("w1", "worker", plain())],
    )
}

#[test]
fn interrupted_once_the_running_script_ends_and_no_other_begins() {
    let site = waiting_site();
    let go = site.first_home().join("go");
    let ran = site.phalanx_and(&["install", "--yes"], "task-accepted", |child| {
        signal(child, Signal::INT);
        site.wait_for("no-new-tasks");
        fs::write(&go, "").unwrap();
    });
    ran.expect(5);
    assert_eq!(site.log("w1", "wait"), "waiting\nwent on\n");
    assert!(!site.journal_text().contains("\"stage\":\"after\""));
}

#[test]
fn interrupted_twice_the_job_is_stopped_on_the_host() {
    let site = waiting_site();
    let ran = site.phalanx_and(&["install", "--yes"], "task-accepted", |child| {
        signal(child, Signal::INT);
        site.wait_for("no-new-tasks");
        signal(child, Signal::INT);
    });
    ran.expect(5);
    let log = site.log("w1", "wait");
    assert!(
        log.starts_with("waiting\n") && log.contains("told to end"),
        "{log}"
    );
    let ended = site
        .journal()
        .into_iter()
        .find(|event| event["event"] == "task-ended")
        .unwrap();
    assert_eq!(ended["outcome"], "cancelled");
}

#[test]
fn interrupted_thrice_we_leave_and_the_job_goes_on() {
    let site = waiting_site();
    let ran = site.phalanx_and(&["install", "--yes"], "task-accepted", |child| {
        for seen in ["no-new-tasks", "stop-jobs", "leave"] {
            if seen == "stop-jobs" {
                // Straight to the third: what stops jobs must not have its time.
                signal(child, Signal::HUP);
                return;
            }
            signal(child, Signal::INT);
            site.wait_for(seen);
        }
    });
    ran.expect(5);
    assert!(site.journal_text().contains("\"leave\""));
    // The job is still there and comes to its end by itself.
    let spool = site.hosts[0].host.spool_path();
    fs::write(site.first_home().join("go"), "").unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !all_text(&spool).contains("went on") {
        assert!(
            std::time::Instant::now() < deadline,
            "the job did not go on"
        );
        std::thread::yield_now();
    }
}

#[test]
fn a_check_changes_nothing_and_finds_everything() {
    let script = "[ \"$PX_HOST\" = bad ] || exit 0\n\
                  problem ports error 'port 9000 is in use' 'stop what uses it'\n\
                  problem disk warning 'the disk is small' 'take a larger one'\nexit 1\n";
    let site = Site::new(
        "    - { id: preflight, on: all, run: scripts/preflight.sh }\n    \
             - { id: change, on: all, run: scripts/preflight.sh, after: [{ all: preflight }] }\n",
        &[("preflight.sh", script)],
        vec![
            host("bad", "worker", plain()),
            host("good", "worker", plain()),
        ],
    );
    let ran = site.phalanx(&["install", "--yes"]);
    ran.expect(3);
    let told = format!("{}{}", ran.stdout, ran.stderr);
    for text in [
        "port 9000 is in use",
        "stop what uses it",
        "the disk is small",
    ] {
        assert!(told.contains(text), "{text} is missing in\n{told}");
    }
}

#[test]
fn a_hanging_host_does_not_keep_us_when_we_want_to_leave() {
    let site = Site::new(
        "    - { id: who, on: all, run: scripts/who.sh }\n",
        &[("who.sh", "id -un\n"), ("facts.sh", "sleep 600\n")],
        vec![host("w1", "worker", plain())],
    );
    let recipe = site.path().join("recipe/recipe.yaml");
    let text = fs::read_to_string(&recipe).unwrap();
    let facts = "facts: { run: scripts/facts.sh, names: {} }\nflows:";
    fs::write(&recipe, text.replace("flows:", facts)).unwrap();
    for stop in [Signal::INT, Signal::HUP] {
        let began = std::time::Instant::now();
        let ran = site.phalanx_and(&["install", "--yes"], "host-connected", |child| {
            signal(child, stop);
        });
        ran.expect(5);
        // The limits on the way out are 20 s and more; none of them may be needed here.
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "{:?}",
            began.elapsed()
        );
        fs::remove_dir_all(site.path().join(".phalanx")).unwrap();
    }
}
