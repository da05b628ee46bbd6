//! Labs: hosts with a systemd of their own, with the real ssh as the client. They need root.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

mod lab_support;

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use lab_support::{Labs, data, root_filesystem, ssh};
use phalanx_lab::{HostState, Lab, LabError, LabHost};

const WITHIN: Duration = Duration::from_secs(60);

fn up(labs: &Path, name: &str, size: &str) -> Lab {
    let (data, root) = (data(), root_filesystem());
    let began = Instant::now();
    let lab = Lab::up(labs, name, size, &data, &root, &mut |text| {
        println!("{text}");
    });
    println!("{name}: up after {:?}", began.elapsed());
    lab.unwrap()
}

fn text(output: Output) -> String {
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    said.trim().to_owned()
}

fn says(lab: &Lab, host: &LabHost, line: &str) -> String {
    text(ssh(lab, host.private_address, line))
}

fn inside(lab: &Lab, host: &str, line: &str) -> String {
    text(
        lab.host_command(host, "sh")
            .unwrap()
            .args(["-c", line])
            .output()
            .unwrap(),
    )
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + WITHIN;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "never {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn hosts_are_hosts() {
    let folder = Labs::new();
    let lab = up(folder.path(), "first", "two");
    let hosts = lab.hosts().to_vec();
    assert_eq!(
        hosts
            .iter()
            .map(|host| host.name.as_str())
            .collect::<Vec<_>>(),
        ["one", "other1"]
    );
    for host in &hosts {
        for address in [host.address, host.private_address] {
            let line = "hostname; id -un; sudo id -un";
            let expected = format!("{}\nsomebody\nroot", host.name);
            assert_eq!(text(ssh(&lab, address, line)), expected);
        }
        until("settled", || {
            let state = inside(&lab, &host.name, "systemctl is-system-running || :");
            assert!(
                ["starting", "initializing", "running"].contains(&state.as_str()),
                "{state}"
            );
            (state == "running").then_some(())
        });
        // The data's files, the internet by its name and its address, and the neighbour's addresses.
        assert_eq!(
            says(&lab, host, "laid-over; cat /etc/lab-test"),
            "laid over\nlaid over"
        );
        for url in ["http://hello.example/hello", "http://169.254.169.254/hello"] {
            assert_eq!(
                says(&lab, host, &format!("curl -sS {url}")),
                "hello from the internet"
            );
        }
        for other in &hosts {
            for address in [
                other.address.to_string(),
                other.private_address.to_string(),
                other.name.clone(),
            ] {
                says(&lab, host, &format!("ping -c 1 -W 2 {address}"));
            }
        }
        // Started just now, and its own kernel settings are not the machine's.
        let uptime: f64 = says(&lab, host, "cut -d' ' -f1 /proc/uptime")
            .parse()
            .unwrap();
        assert!(uptime < WITHIN.as_secs_f64(), "{uptime}");
        let machine = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        assert_ne!(
            says(&lab, host, "cat /proc/sys/kernel/random/boot_id"),
            machine.trim()
        );
        assert_eq!(
            inside(&lab, &host.name, "id -u; hostname"),
            format!("0\n{}", host.name)
        );
        inside(&lab, &host.name, "! echo 1 > /proc/sys/vm/swappiness");
        // What the internet serves is not lying on the hosts.
        assert_eq!(inside(&lab, &host.name, "ls /srv/lab"), "");
        for plain in ["/var/lib/phalanx", "/var/lib/plain"] {
            let kind = inside(&lab, &host.name, &format!("stat -f -c %T {plain}"));
            assert_ne!(kind, "overlayfs");
        }
    }
    let values = lab.values().unwrap();
    assert_eq!(values.get("word").map(String::as_str), Some("a=b"));
    assert_ne!(
        says(&lab, &hosts[0], "cat /etc/machine-id"),
        says(&lab, &hosts[1], "cat /etc/machine-id")
    );
    let error = lab.host_command("third", "true").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the lab first has no host third; there are one, other1"
    );

    let again = Lab::up(
        folder.path(),
        "first",
        "two",
        &data(),
        &root_filesystem(),
        &mut |_| {},
    );
    assert!(matches!(again, Err(LabError::Exists { .. })), "{again:?}");
    assert_eq!(Lab::list(folder.path()).unwrap(), ["first"]);
    Lab::open(folder.path(), "first")
        .unwrap()
        .unwrap()
        .down()
        .unwrap();
    assert!(Lab::open(folder.path(), "first").unwrap().is_none());
    assert!(!lab.folder().exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    // And what is not there can be taken down.
    Lab::clean_up(folder.path(), "first").unwrap();
    lab.down().unwrap();
}

#[test]
fn a_reboot_is_a_reboot() {
    let folder = Labs::new();
    let lab = up(folder.path(), "reboots", "two");
    let host = lab.hosts()[1].clone();
    let identity = |lab: &Lab| {
        let line =
            "cat /proc/sys/kernel/random/boot_id; cat /etc/machine-id /sys/class/net/eth0/address";
        let output = ssh(lab, host.address, line);
        let said = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<String> = said.lines().map(str::to_owned).collect();
        (output.status.success() && lines.len() == 3).then_some(lines)
    };
    let leave = "echo kept | sudo tee /etc/kept /var/lib/phalanx/kept /var/lib/plain/kept > /dev/null; \
                 echo gone | sudo tee /run/gone > /dev/null; sudo ip link add extra0 type bridge";
    says(&lab, &host, leave);
    let mut before = identity(&lab).unwrap();
    assert_eq!(before[2], "02:77:00:00:00:0c");
    for (number, reboot) in ["sudo reboot", "sudo systemctl reboot", "sudo reboot -f"]
        .iter()
        .enumerate()
    {
        let began = Instant::now();
        ssh(&lab, host.address, reboot);
        let after = until("rebooted", || {
            identity(&lab).filter(|now| now[0] != before[0])
        });
        println!("{reboot}: {:?}", began.elapsed());
        assert_eq!(before[1..], after[1..]);
        let kept = "cat /etc/kept /var/lib/phalanx/kept /var/lib/plain/kept 2>&1";
        assert_eq!(
            says(&lab, &host, &format!("sudo sh -c '{kept}'")),
            "kept\nkept\nkept"
        );
        says(
            &lab,
            &host,
            "! test -e /run/gone && ! ip link show extra0 2> /dev/null",
        );
        let uptime: f64 = says(&lab, &host, "cut -d' ' -f1 /proc/uptime")
            .parse()
            .unwrap();
        assert!(uptime <= began.elapsed().as_secs_f64() + 1.0, "{uptime}");
        let status = lab.status().unwrap();
        assert_eq!(
            (status.hosts[1].boots, status.hosts[0].boots),
            (number as u64 + 2, 1)
        );
        before = after;
    }
    ssh(&lab, host.address, "sudo poweroff");
    until("off", || {
        (lab.status().unwrap().hosts[1].state == HostState::Off).then_some(())
    });
    assert!(matches!(
        lab.host_command(&host.name, "true"),
        Err(LabError::NotRunning { .. })
    ));
    assert_eq!(lab.status().unwrap().hosts[0].state, HostState::Up);
    lab.down().unwrap();
}

#[test]
fn eight_hosts_are_up_soon() {
    let folder = Labs::new();
    let lab = up(folder.path(), "eight", "many");
    assert_eq!(lab.hosts().len(), 8);
    let status = lab.status().unwrap();
    assert!(status.hosts.iter().all(|host| host.state == HostState::Up));
    lab.down().unwrap();
}

#[test]
fn labs_side_by_side_and_one_of_them_frozen() {
    let folder = Labs::new();
    let (left, right) = std::thread::scope(|scope| {
        let left = scope.spawn(|| up(folder.path(), "left", "two"));
        let right = up(folder.path(), "right", "two");
        (left.join().unwrap(), right)
    });
    // The same addresses, and other hosts.
    assert_eq!(left.hosts(), right.hosts());
    let host = left.hosts()[0].clone();
    let id = |lab: &Lab| says(lab, &host, "cat /etc/machine-id");
    assert_ne!(id(&left), id(&right));

    left.freeze().unwrap();
    let status = left.status().unwrap();
    assert!(status.running && status.frozen);
    assert!(!right.status().unwrap().frozen);
    let mut asked = left.command("ssh-keyscan");
    let asked = asked
        .args(["-T", "1", &host.address.to_string()])
        .output()
        .unwrap();
    assert!(asked.stdout.is_empty(), "a frozen host answers");
    assert!(!id(&right).is_empty());
    // Everything in it stands still, hosts and internet alike.
    left.thaw().unwrap();
    let status = left.status().unwrap();
    assert!(!status.frozen && status.internet);
    assert!(
        status
            .hosts
            .iter()
            .all(|host| host.state == HostState::Up && host.boots == 1)
    );
    assert!(!id(&left).is_empty());

    left.freeze().unwrap();
    left.down().unwrap();
    assert!(!id(&right).is_empty());
    assert_eq!(Lab::list(folder.path()).unwrap(), ["right"]);
    right.down().unwrap();
}

#[test]
fn a_lab_that_does_not_come_up_says_why_and_leaves_nothing() {
    let folder = Labs::new();
    let root = root_filesystem();
    let mut files = std::collections::BTreeMap::new();
    for (path, content) in [("login", "nobody-else\n"), ("sizes", "one host=1\n")] {
        files.insert(path.to_owned(), content.as_bytes().to_vec());
    }
    let other = phalanx_lab::LabData::read(files).unwrap();
    let error = Lab::up(folder.path(), "bad", "one", &other, &root, &mut |_| {}).unwrap_err();
    let LabError::LabNotUp {
        what, within, log, ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!((what.as_str(), within), ("the host host", &None));
    assert!(
        log.contains("there is no user nobody-else on this host"),
        "{log}"
    );
    let unknown = Lab::up(folder.path(), "bad", "huge", &other, &root, &mut |_| {}).unwrap_err();
    assert_eq!(unknown.to_string(), "a lab has no size huge; there are one");
    // The logs are there to be looked at; the next one to come takes them away.
    assert_eq!(Lab::list(folder.path()).unwrap(), ["bad"]);
    assert!(Lab::open(folder.path(), "bad").unwrap().is_none());
    Lab::up(folder.path(), "bad", "two", &data(), &root, &mut |_| {})
        .unwrap()
        .down()
        .unwrap();
}
