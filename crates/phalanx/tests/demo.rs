//! The whole way on real local hosts: `phalanx demo`, a second installation that changes nothing,
//! the lab frozen and thawed, and nothing left when it is down. Needs Linux and root; the hosts' root
//! filesystem is built on the first time and kept where the command keeps it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod labs;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use labs::{Place, differences, machine};
use serde_json::Value;

/// What has to be so on every host; each line that it prints is something that is not.
const LOOKS: &str = r#"
want() { "$@" >/dev/null 2>&1 || echo "not so: $*"; }
no() { ! "$@"; }
for unit in firewalld dnsmasq; do
    want no systemctl is-active --quiet "$unit"
    want no systemctl is-enabled --quiet "$unit"
done
conf=/etc/systemd/system/docker.service.d/override.conf
for line in Restart=always 'ExecStartPre=-/sbin/ip link del docker0' 'ExecStart=.*--storage-driver=overlay'; do
    want grep -q "^$line" "$conf"
done
want test "$(systemctl show -p NeedDaemonReload docker)" = NeedDaemonReload=no
want systemctl is-enabled --quiet docker
want getent group nogroup
want grep -qx overlay /etc/modules-load.d/overlay.conf
want test "$(getenforce)" = Disabled
want grep -q '^enabled=0' /etc/yum.repos.d/dcos-docker.repo
want no grep -rq -e cluster.conf -e AWSKEY /etc /opt/mesosphere
if [ -d /opt/phalanx-bootstrap ]; then
    want docker inspect --format '{{.HostConfig.RestartPolicy.Name}}' dcos-bootstrap-nginx
    want test "$(docker inspect --format '{{.Config.Image}} {{.HostConfig.RestartPolicy.Name}}' dcos-bootstrap-nginx)" = 'nginx:1.10 always'
fi
"#;

/// What the installer of a node refuses, on a master that is installed: each with its status.
const REFUSALS: &str = r#"
cd /var/tmp && curl -fsSO http://bootstrap:9999/dcos_install.sh
tell() { "$@" > said 2>&1; echo "$? $(grep -o -e 'Found an existing DC/OS installation' -e 'must be run as root' \
    -e 'Atleast one role' -e 'Both --disable-preflight and' said)"; }
tell bash dcos_install.sh master
tell bash dcos_install.sh slave
tell bash dcos_install.sh
tell bash dcos_install.sh -d -p master
tell setpriv --reuid 99 --clear-groups bash dcos_install.sh master
tell script -qec 'env -u TERM bash dcos_install.sh master' /dev/null
"#;
const REFUSED: &str = "1 Found an existing DC/OS installation
1 Found an existing DC/OS installation
1 Atleast one role
1 Both --disable-preflight and
1 must be run as root
2 
";

/// The stand-in keeps the contract of what it stands in for: its generator by tests of its own, with the
/// Python that a host has; the installer that it makes, by what that refuses.
fn the_stand_in_refuses_what_the_real_one_does(place: &Place) {
    let recipe = concat!(env!("CARGO_MANIFEST_DIR"), "/../../recipes/dcos/lab");
    let packed = Command::new("tar")
        .args(["-C", recipe, "-cf", "-", "stand-in"])
        .output()
        .unwrap();
    let test = "mkdir /var/tmp/t && tar -xf - -C /var/tmp/t && \
                exec python3 -B /var/tmp/t/stand-in/test_generator.py";
    let mut child = Command::new(env!("CARGO_BIN_EXE_phalanx"))
        .args(["lab", "exec", "--lab", "demo", "--host", "bootstrap", "--"])
        .args(["sh", "-c", test])
        .env("XDG_STATE_HOME", place.state.path())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&packed.stdout).unwrap();
    drop(stdin);
    let tested = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&tested.stderr).into_owned();
    assert!(tested.status.success() && said.contains("OK"), "{said}");
    assert!(!said.contains("Ran 0 tests"), "{said}");

    let master = ["lab", "exec", "--lab", "demo", "--host", "master1", "--"];
    let said = place.well(&[&master[..], &["sh", "-c", REFUSALS]].concat());
    assert_eq!(said, REFUSED);
}

#[test]
fn the_demo_installs_proves_and_leaves_nothing() {
    let before = machine();
    let place = Place::new("demo");

    // How much of an installation is not the hosts' own work: of three, the one in the middle. Where
    // eight hosts share two processors it moves by a tenth of itself from one run to the next, so that
    // two more are asked where the first three are not sure.
    let share = |demo: &Value| demo["figures"]["phalanx_share"].as_f64().unwrap();
    let another = |_| share(&place.json(&["demo", "--json"]));
    let mut shares: Vec<f64> = (0..2).map(another).collect();
    let demo = place.json(&["demo", "--keep", "--json"]);
    shares.push(share(&demo));
    shares.sort_by(f64::total_cmp);
    if shares[1] > 0.10 {
        place.well(&["lab", "down", "demo"]);
        shares.extend((0..2).map(another));
        shares.sort_by(f64::total_cmp);
        place.well(&["demo", "--keep"]);
    }
    let median = shares[shares.len() / 2];
    assert!(median <= 0.10, "{shares:?} {:#}", demo["figures"]);
    assert_eq!(demo["hosts"], 8, "{demo:#}");
    assert!(demo["lab"].as_str().unwrap().contains("not real servers"));
    assert_eq!(demo["install"]["outcome"], "done");
    assert_eq!(demo["verify"]["outcome"], "done");
    let stages = demo["install"]["stages"].as_array().unwrap();
    let stage = |id: &str| {
        stages
            .iter()
            .find(|stage| stage["id"] == id)
            .unwrap_or_else(|| panic!("no stage {id}"))
    };
    assert_eq!(stage("reboot")["changed"], 8, "every host was rebooted");
    assert_eq!(stage("verify")["failed"], 0);

    let status = place.json(&["lab", "status", "--json"]);
    let hosts: Vec<String> = status["labs"][0]["hosts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|host| {
            assert_eq!(host["state"], "up", "{status:#}");
            assert_eq!(host["boots"], 2, "{status:#}");
            host["host"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(hosts.len(), 8);
    assert!(place.well(&["lab", "status"]).contains("no real servers"));

    for host in &hosts {
        let missing = place.on(host, LOOKS);
        assert_eq!(missing, "", "{host}");
    }

    let installed = place.fingerprints(&hosts);
    let in_lab = ["lab", "exec", "--lab", "demo", "--", "phalanx"];
    let again = place.json(&[&in_lab[..], &["install", "--yes", "--json"]].concat());
    assert_eq!(again["outcome"], "done");
    assert_eq!(again["total"]["changed"], 0, "{:#}", again["stages"]);
    let differs = differences(&installed, &place.fingerprints(&hosts));
    assert!(differs.is_empty(), "{differs:#?}");

    the_stand_in_refuses_what_the_real_one_does(&place);

    // Which of the masters is MASTER1 is no matter: they are known by the addresses that they have.
    let file = place.folder().join("cluster.conf");
    let conf = std::fs::read_to_string(&file).unwrap();
    let (one, other) = ("MASTER1=10.77.0.12", "MASTER2=10.77.0.13");
    assert!(conf.contains(one) && conf.contains(other), "{conf}");
    let swapped = conf
        .replace(one, "MASTER1=10.77.0.13")
        .replace(other, "MASTER2=10.77.0.12");
    std::fs::write(&file, swapped).unwrap();
    place.well(&[&in_lab[..], &["check"]].concat());
    std::fs::write(&file, conf).unwrap();

    for look in [&["runs"][..], &["show"], &["logs"], &["plan"]] {
        let said = place.well(&[&in_lab[..], look].concat());
        assert!(!said.trim().is_empty(), "{look:?}");
    }

    place.well(&["lab", "freeze", "demo"]);
    let frozen = place.json(&["lab", "status", "--json"]);
    assert_eq!(frozen["labs"][0]["frozen"], true);
    place.well(&["lab", "thaw", "demo"]);
    let verified = place.json(&[&in_lab[..], &["verify", "--json"]].concat());
    assert_eq!(verified["outcome"], "done");

    // A demo that was kept is not torn down by the next one.
    let second = place.phalanx(&["demo"]);
    assert_eq!(second.status.code(), Some(2));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("lab down demo"), "{said}");

    place.well(&["lab", "down", "demo"]);
    assert!(
        !Path::new(place.state.path())
            .join("phalanx/labs/demo")
            .exists()
    );
    assert_eq!(machine(), before);
}
