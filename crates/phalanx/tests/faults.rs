//! Faults on real local hosts, and what is lost by them: nothing. After each, a checker that shares no
//! code with the engine compares the journal with what the hosts counted themselves. Needs Linux and root.
//!
//! `PHALANX_FAULT_KILLS` says how often the controller is killed (5), `PHALANX_FAULT_SEED` from which seed on
//! (1), `PHALANX_FAULT_INSTALL_KILLS` how often while it installs DC/OS (0), `PHALANX_FAULT_HOSTS` how many
//! hosts there are of which a tenth flaps (20), `PHALANX_FAULT_ONLY` which of the faults are tried, and
//! `PHALANX_FAULT_TABLE` where the table goes. `PHALANX_FAULT_OLD` is another phalanx, with which runs are begun and
//! resumed in turns (none), `PHALANX_FAULT_NEW` the other one of the two (the built one), and
//! `PHALANX_FAULT_HANDOVERS` says how often (8). `cargo xtask campaign faults` and `old-and-new` set them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods
)]

#[path = "faults/bench.rs"]
mod bench;
#[path = "faults/checker.rs"]
mod checker;
#[path = "faults/handed_over.rs"]
mod handed_over;
mod labs;
mod site;

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use bench::{HOSTS, Random, Site, kill, number, table};
use checker::{Checked, check};
use labs::{Place, machine};
use rustix::process::Signal;
use serde_json::Value;

/// A name, and what happens.
type Fault = (&'static str, fn(&Site));

#[test]
fn nothing_is_lost_whatever_breaks() {
    let before = machine();
    let site = Site::new();
    let faults: [Fault; 8] = [
        ("kills", killed_at_random),
        ("handed-over", handed_over::killed_under_another),
        ("hosts", hosts_in_trouble),
        ("two", two_controllers),
        ("disks", full_disks),
        ("output", much_output),
        ("odd", odd_scripts),
        ("clock", clock_steps),
    ];
    let only = std::env::var("PHALANX_FAULT_ONLY").ok();
    let wanted = |name: &str| {
        only.as_deref()
            .is_none_or(|only| only.split(',').any(|only| only == name))
    };
    for (name, fault) in faults {
        if wanted(name) {
            fault(&site);
        }
    }
    site.place.well(&["lab", "down", "faults"]);
    if wanted("flapping") {
        flapping(&site);
    }
    if wanted("installs") {
        killed_while_installing(&site);
    }
    let table = table(&site.rows.borrow());
    println!("{table}");
    if let Ok(path) = std::env::var("PHALANX_FAULT_TABLE") {
        fs::write(path, &table).unwrap();
    }
    assert_eq!(machine(), before, "left on this machine");
}

/// `kill -9` at seeded moments of a run and of its resumptions.
fn killed_at_random(site: &Site) {
    let kills = number("PHALANX_FAULT_KILLS", 5);
    let seed = number("PHALANX_FAULT_SEED", 1);
    let (mut done, mut sum) = (0, Checked::default());
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    while done < kills {
        let case = site.case("killed", 100, "", "");
        let _ = fs::remove_dir_all(case.folder().join(".phalanx"));
        let mut last = None;
        // Not more than three in one run: the next one begins with nothing again.
        for round in 0..4 {
            let args: &[&str] = match case.journal_has("\"run-started\"") {
                false => &["install", "--yes"],
                true => &["resume", "--yes"],
            };
            let mut child = case.start(args);
            if done == kills || round == 3 {
                case.well(&child.wait_with_output().unwrap());
                break;
            }
            let pid = case.controller(last);
            let moment = Duration::from_millis(random.below(2_500));
            std::thread::sleep(moment);
            if child.try_wait().unwrap().is_none() {
                println!("seed {seed}, kill {done}: {moment:?} after it began (round {round})");
                kill(pid, Signal::KILL);
                let _ = child.wait();
                last = Some(pid);
                done += 1;
            }
            // It may have been over before.
            if case.journal_has("\"outcome\":\"done\"") {
                break;
            }
        }
        let checked = case.check();
        sum.attempts += checked.attempts;
        sum.bytes += checked.bytes;
    }
    site.row(
        "the controller killed (`kill -9`) at random moments, and resumed",
        done as usize,
        sum,
    );
}

/// Four hosts, and to each of them something else happens in the same run.
fn hosts_in_trouble(site: &Site) {
    let case = site.case("trouble", 1_400, "", "  keepalive: 3s\n");
    let child = case.start(&["install", "--yes"]);
    case.wait_for("\"task-accepted\"", HOSTS.len());
    case.wait_for_output("one");
    // Nothing comes or goes any more, for longer than the keepalive allows.
    let wall =
        "iptables -I INPUT -p tcp --dport 22 -j DROP; iptables -I OUTPUT -p tcp --sport 22 -j DROP";
    let down = wall.replace("-I", "-D");
    site.place.on(
        "master1",
        &format!("systemd-run -q sh -c '{wall}; sleep 16; {down}'"),
    );
    // The servers of the login are killed under it, twice.
    site.place
        .on("public1", "pkill -9 -f '[s]shd: ec2-user'; true");
    // Everything on the host stands still.
    let group = site.group("bootstrap");
    fs::write(group.join("cgroup.freeze"), "1").unwrap();
    std::thread::sleep(Duration::from_secs(5));
    fs::write(group.join("cgroup.freeze"), "0").unwrap();
    site.place
        .on("public1", "pkill -9 -f '[s]shd: ec2-user'; true");
    // And one loses its power: its job is cut short.
    site.place.reboot("private1");
    case.well(&child.wait_with_output().unwrap());
    let checked = case.check();
    for fault in [
        "no packets to or from a host for 16 s, longer than the keepalive",
        "sshd of the connection killed under a running script, twice",
        "everything on a host stopped for 5 s",
        "a host rebooted under a running script",
    ] {
        site.row(fault, 1, checked);
    }

    let case = site.case("short-cut", 600, "  reboots: false\n", "");
    let child = case.start(&["install", "--yes"]);
    case.wait_for("\"task-accepted\"", HOSTS.len());
    let cut = format!("systemd-run -q sh -c '{wall}; sleep 5; {down}'");
    site.place.on("master1", &cut);
    case.well(&child.wait_with_output().unwrap());
    site.row("no packets to or from a host for 5 s", 1, case.check());
}

/// Two at once: in the same folder, and from a copy of it, as if on another machine.
fn two_controllers(site: &Site) {
    let case = site.case("two", 1_200, "  reboots: false\n", "");
    let first = case.start(&["install", "--yes"]);
    case.wait_for("\"task-accepted\"", HOSTS.len());
    let second = case.run(&["install", "--yes"]);
    assert_eq!(second.status.code(), Some(4), "{second:?}");

    let copy = case.elsewhere("two-copy");
    let other = copy.run(&["install", "--yes"]);
    let said = String::from_utf8_lossy(&other.stdout).into_owned();
    assert_eq!(other.status.code(), Some(4), "{said}");
    assert!(said.contains("holds it with run"), "{said}");
    // Who only looks is in nobody's way.
    let looked = copy.run(&["check"]);
    assert!(looked.status.success(), "{looked:?}");
    case.well(&first.wait_with_output().unwrap());
    site.row(
        "a second controller, in the same folder and from elsewhere",
        2,
        case.check(),
    );

    // One falls asleep, is taken for dead, and wakes up again.
    let case = site.case("asleep", 600, "  reboots: false\n", "");
    let asleep = case.start(&["install", "--yes"]);
    case.wait_for("\"task-accepted\"", HOSTS.len());
    let pid = case.controller(None);
    kill(pid, Signal::STOP);
    let copy = case.elsewhere("asleep-copy");
    let taken = copy.run(&["install", "--yes"]);
    kill(pid, Signal::CONT);
    let woken = asleep.wait_with_output().unwrap();
    copy.well(&taken);
    let said = String::from_utf8_lossy(&woken.stdout).into_owned();
    assert_eq!(woken.status.code(), Some(4), "{said}");
    assert!(
        said.contains("another run has taken over this host"),
        "{said}"
    );
    // What the sleeper had running ran to its end; nobody began it again, and it began no more.
    for host in HOSTS {
        let book = site.place.on(host, "cat /var/lib/faults/book");
        let run = case.run_folder();
        let run = run.file_name().unwrap().to_string_lossy();
        let begun = book
            .lines()
            .filter(|line| line.starts_with(&format!("begin {run}.")))
            .count();
        assert_eq!(begun, 1, "{book}");
    }
    site.row(
        "a controller asleep for more than 30 s, taken for dead, and awake again",
        1,
        Checked::default(),
    );
}

/// No room: on a host, and here. And somebody removes the run's folder.
fn full_disks(site: &Site) {
    let much = "  reboots: false\n  megabytes: 2\n";
    let case = site.case("full-host", 100, much, "");
    site.place.on(
        "private1",
        "mount -t tmpfs -o size=400k,mode=700 tmpfs /var/lib/phalanx",
    );
    let ran = case.run(&["install", "--yes"]);
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    site.place.on("private1", "umount /var/lib/phalanx");
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("ran out of space"), "{said}");
    case.well(&case.run(&["resume", "--yes"]));
    site.row(
        "the disk of a host's spool full in the middle of a script, freed, and resumed",
        1,
        case.check(),
    );

    let case = site.case("full-here", 100, much, "");
    let home = case.folder().join(".phalanx");
    fs::create_dir_all(&home).unwrap();
    let mount = |options: &str| {
        let done = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&home)
            .status();
        assert!(done.unwrap().success());
    };
    mount("size=1m,mode=700");
    let ran = case.run(&["install", "--yes"]);
    let said =
        String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(!ran.status.success(), "{said}");
    assert!(said.contains("No space left"), "{said}");
    mount("remount,size=64m");
    case.well(&case.run(&["resume", "--yes"]));
    site.row(
        "the disk of the run's folder full, freed, and resumed",
        1,
        case.check(),
    );
    let gone = std::process::Command::new("umount").arg(&home).status();
    assert!(gone.unwrap().success());

    let case = site.case("vanished", 400, "  reboots: false\n", "");
    let child = case.start(&["install", "--yes"]);
    case.wait_for("\"task-accepted\"", HOSTS.len());
    // At one stroke: while it is emptied bit by bit, the run may still put a log into it.
    let away = case.folder().join("away");
    fs::rename(case.run_folder(), &away).unwrap();
    fs::remove_dir_all(away).unwrap();
    let ran = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(5), "{said}");
    assert!(said.contains("somebody has removed it"), "{said}");
    // Nobody knows of that run any more; what it had running ends by itself, once.
    for host in HOSTS {
        let ended = "until grep -q ^end /var/lib/faults/book; do sleep 0.1; done";
        site.place.on(host, &format!("timeout 30 sh -c '{ended}'"));
        let book = site
            .place
            .on(host, "cat /var/lib/faults/book; rm /var/lib/faults/book");
        assert_eq!(book.matches("begin").count(), 1, "{book}");
    }
    case.well(&case.run(&["install", "--yes"]));
    site.row(
        "the run's folder removed under it: stopped, told, installed anew",
        1,
        case.check(),
    );
}

/// 200 MB of every byte there is, with no line feed for long, and a script that leaves a child.
fn much_output(site: &Site) {
    let megabytes = number("PHALANX_FAULT_MEGABYTES", 50);
    let settings = format!("  reboots: false\n  megabytes: {megabytes}\n");
    let case = site.case("much", 100, &settings, "");
    case.well(&case.run(&["install", "--yes", "--on", "private1"]));
    let checked = case.check();
    let log = fs::read(case.run_folder().join("logs/private1/two.log")).unwrap();
    let spoken = checker::said("two", "private1", 100).len();
    fs::write(case.folder().join("said"), &log[spoken..]).unwrap();
    let here = std::process::Command::new("sha256sum")
        .arg(case.folder().join("said"))
        .output()
        .unwrap();
    let there = site.place.on("private1", "sha256sum /var/lib/faults/said");
    assert_eq!(String::from_utf8_lossy(&here.stdout)[..64], there[..64]);
    assert_eq!(log.len() - spoken, megabytes as usize * 1_048_576);
    site.row(
        &format!("{megabytes} MB of random bytes from one script"),
        1,
        checked,
    );
}

/// Scripts that do what scripts should not: each host does another thing.
fn odd_scripts(site: &Site) {
    let seconds = number("PHALANX_FAULT_SILENCE", 5);
    let case = site.case(
        "odd",
        100,
        &format!("  reboots: false\n  odd: {seconds}\n"),
        "",
    );
    case.well(&case.run(&["install", "--yes"]));
    let checked = case.check();
    let rest = |host: &str| {
        let log = fs::read(case.run_folder().join("logs").join(host).join("two.log")).unwrap();
        log[checker::said("two", host, 100).len()..].to_vec()
    };
    assert_eq!(rest("master1"), vec![b'.'; seconds as usize]);
    let bytes = b"\xff\xfe\x00\x80\n@0123456789abcdef0123456789abcdef end ended rc=0 whole\n\xc3";
    assert_eq!(rest("private1"), bytes);
    assert_eq!((rest("public1"), rest("bootstrap")), (vec![], vec![]));
    let child = site.place.on("public1", "pgrep -x -f 'sleep 1234'; true");
    assert_eq!(child, "", "its child was not ended");
    for fault in [
        format!("a script without a line feed for {seconds} s"),
        "output that is no UTF-8, with NUL and marks like the protocol's".to_owned(),
        "a script that leaves a child with its output in hand".to_owned(),
        "a script that closes its output".to_owned(),
    ] {
        site.row(&fault, 1, checked);
    }
}

/// The controller's clock, and that of all its requests, jumps by an hour and back.
fn clock_steps(site: &Site) {
    let library = phalanx_lab::library("faketime/libfaketime.so.1", "libfaketime").unwrap();
    let case = site.case("clock", 400, "", "");
    let clock = case.folder().join("clock");
    fs::write(&clock, "+0\n").unwrap();
    let file = case.file();
    let mut child = site
        .place
        .command(&case.args(&file, &["install", "--yes"]))
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", &clock)
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    case.wait_for("\"task-accepted\"", HOSTS.len());
    for step in ["+3600", "-3600", "+0"] {
        fs::write(&clock, format!("{step}\n")).unwrap();
        std::thread::sleep(Duration::from_millis(1_500));
    }
    assert!(child.wait().unwrap().success());
    let journal = fs::read_to_string(case.run_folder().join("journal.jsonl")).unwrap();
    let years = journal.matches("\"at\":\"").count();
    assert!(years > 10, "{journal}");
    site.row(
        "the controller's clock steps by an hour, forth, back and back again",
        3,
        case.check(),
    );
}

/// Many hosts, and the connections to a tenth of them break again and again.
fn flapping(site: &Site) {
    const SCRIPT: &str = "id=$(printenv \"PX\"\"_DIR\")\nid=${id##*/}\n\
        echo \"begin $id\" >>/home/operator/book\nn=0\n\
        while [ $n -lt 100 ]; do n=$((n + 1)); echo \"$PX_STAGE $PX_HOST $n\"; \
        [ $((n % 20)) != 0 ] || sleep 0.4; done\n\
        changed worked\necho \"end $id\" >>/home/operator/book\n";
    let count = number("PHALANX_FAULT_HOSTS", 20) as usize;
    let names: Vec<&'static str> = (0..count).map(|n| &*format!("h{n}").leak()).collect();
    // One key for all: a server that is offered too many hangs up.
    let first = site::host(names[0], "worker", site::plain());
    let key = first.host.key_path().to_owned();
    let public = fs::read_to_string(format!("{}.pub", key.display())).unwrap();
    let others = names[1..].iter().map(|name| {
        let like = site::plain().authorize(public.trim());
        let mut host = site::host(name, "worker", like);
        host.key = Some(key.clone());
        host
    });
    let others: Vec<site::SiteHost> = others.collect();
    let hosts: Vec<site::SiteHost> = [first].into_iter().chain(others).collect();
    let many = site::Site::new(
        "    - { id: one, on: all, run: scripts/work.sh }\n    \
             - { id: two, on: all, run: scripts/work.sh, after: [{ all: one }] }\n    \
             - { id: three, on: all, run: scripts/work.sh }\n",
        &[("work.sh", SCRIPT)],
        hosts,
    );
    let mut random = Random(number("PHALANX_FAULT_SEED", 1) * 77 + 1);
    let mut child = many
        .command(&["install", "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    many.wait_for("\"task-accepted\"");
    let mut dropped = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let host = random.below(count as u64 / 10) as usize;
        dropped += many.hosts[host].host.drop_connections();
        std::thread::sleep(Duration::from_millis(100 + random.below(400)));
    };
    assert!(status.success(), "{}", many.failures());
    let home = |host: &site::SiteHost| {
        let home = host.host.home_path().unwrap();
        let login = home.join("operator");
        if login.is_dir() { login } else { home }
    };
    let books = many.hosts.iter().map(|host| {
        let book = fs::read_to_string(home(host).join("book")).unwrap();
        (host.name.to_owned(), book)
    });
    let checked = check(&many.runs().pop().unwrap(), &books.collect(), 100);
    for host in &many.hosts {
        let left = fs::read_dir(host.host.spool_path().join("j"))
            .unwrap()
            .count();
        assert_eq!(left, 0, "left on {}", host.name);
    }
    site.row(
        &format!("{count} hosts, connections to a tenth of them broken again and again"),
        dropped,
        checked,
    );
}

/// `kill -9` at seeded moments of whole installations of DC/OS (the stand-in release).
fn killed_while_installing(site: &Site) {
    let kills = number("PHALANX_FAULT_INSTALL_KILLS", 0);
    let seed = number("PHALANX_FAULT_SEED", 1);
    let mut random = Random(seed.wrapping_mul(0xD134_2543_DE82_EF95) | 1);
    let (mut done, mut sum) = (0, Checked::default());
    while done < kills {
        let place = Place::new("installs");
        place.well(&["lab", "up", "installs", "--size", "minimal"]);
        let home = place.folder().join(".phalanx");
        let start = |args: &[&str]| {
            let enter = ["lab", "exec", "--lab", "installs", "--", "phalanx"];
            let mut command = place.command(&[&enter, args].concat());
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        };
        let folder = || {
            let mut runs = home.join("runs").read_dir().ok()?.flatten();
            let folder = runs.next()?.path();
            let journal = fs::read_to_string(folder.join("journal.jsonl")).ok()?;
            journal
                .contains("\"run-started\"")
                .then_some((folder, journal))
        };
        let mut last = 0;
        // Each goes a little further.
        loop {
            let args: &[&str] = match folder() {
                None => &["install", "--yes"],
                Some(_) => &["resume", "--yes"],
            };
            let mut child = start(args);
            let deadline = Instant::now() + Duration::from_secs(20);
            let pid = loop {
                let text = fs::read_to_string(home.join("locks/dcos")).unwrap_or_default();
                let holder: Value = serde_json::from_str(&text).unwrap_or_default();
                match holder["pid"].as_u64() {
                    Some(pid) if pid != last => break pid,
                    _ if Instant::now() > deadline => panic!("no controller: {text}"),
                    _ => std::thread::sleep(Duration::from_millis(5)),
                }
            };
            std::thread::sleep(Duration::from_millis(random.below(9_000)));
            if done < kills && child.try_wait().unwrap().is_none() {
                kill(u32::try_from(pid).unwrap(), Signal::KILL);
                done += 1;
                last = pid;
            }
            let ended = child.wait_with_output().unwrap();
            if folder().is_some_and(|(_, journal)| journal.contains("\"outcome\":\"done\"")) {
                break;
            }
            // Killed, or ended by the signal's way out: nothing failed, and nobody was refused.
            let code = ended.status.code();
            assert!(!matches!(code, Some(0..=4)), "{ended:?}");
        }
        let (run, _) = folder().unwrap();
        let verified = place.inside(&["verify"]);
        assert!(verified.status.success(), "{verified:?}");
        // systemd's own journal on each host says which jobs it has seen begin.
        let books = HOSTS.map(|host| {
            let seen = "journalctl -q --no-pager -o cat SYSLOG_IDENTIFIER=systemd | \
                        sed -n 's/^Started phalanx-.* - Phalanx job \\(.*\\)\\.$/begin \\1/p'";
            let book = place.on(host, seen);
            // The verification's jobs are of another run.
            let run = run.file_name().unwrap().to_string_lossy().into_owned();
            let of_run = |line: &&str| line.starts_with(&format!("begin {run}."));
            let book: Vec<&str> = book.lines().filter(of_run).collect();
            (host.to_owned(), book.join("\n"))
        });
        assert!(
            books.iter().all(|(_, book)| book.lines().count() > 2),
            "{books:?}"
        );
        let checked = checker::check_begun(&run, &books.into_iter().collect());
        sum.attempts += checked.attempts;
        sum.bytes += checked.bytes;
        println!("seed {seed}: {done} kills while installing");
        place.well(&["lab", "down", "installs"]);
    }
    if kills > 0 {
        site.row(
            "the controller killed at random moments of whole installations, resumed, verified",
            done as usize,
            sum,
        );
    }
}
