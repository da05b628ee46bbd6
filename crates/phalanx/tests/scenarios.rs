//! What goes wrong on real local hosts, and what is told about it: each scenario asserts the exit code,
//! the host, the check, and that no host was changed where nothing may change. They go one after the
//! other on one lab, from its first boot to a cluster that grows. Needs Linux and root.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[path = "scenarios/installed_from.rs"]
mod installed_from;
mod labs;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use installed_from::{
    installed_nodes_that_are_not_as_they_should_be, somebody_serves_something_else,
    what_nodes_install_from_is_guarded,
};
use labs::{Place, differences, machine};
use serde_json::Value;

const HOSTS: [&str; 4] = ["bootstrap", "master1", "private1", "public1"];

/// One lab with a master and an agent of each kind, and its cluster file as it was written.
struct Site {
    place: Place,
    conf: String,
}

/// A name, and what happens.
type Scenario = (&'static str, fn(&Site));

/// A run that has ended: its exit code and its report.
struct Ran {
    code: i32,
    report: Value,
    said: String,
}

impl Site {
    fn new() -> Self {
        let place = Place::new("scenarios");
        place.well(&["lab", "up", "scenarios", "--size", "minimal"]);
        let conf = fs::read_to_string(place.folder().join("cluster.conf")).unwrap();
        let site = Self { place, conf };
        site.yaml();
        site
    }

    /// Writes the cluster file anew: as the lab has it, with these words exchanged.
    fn conf(&self, words: &[(&str, &str)]) {
        let mut conf = self.conf.clone();
        for (from, to) in words {
            assert!(conf.contains(from), "{from} is not in\n{conf}");
            conf = conf.replace(from, to);
        }
        fs::write(self.place.folder().join("cluster.conf"), conf).unwrap();
    }

    /// The same cluster as YAML, which can say more: `yaml.txt` in the lab's folder.
    fn yaml(&self) -> String {
        let made = self
            .place
            .inside(&["init", "--from", "cluster.conf", "--output", "-"]);
        assert!(made.status.success(), "{made:?}");
        String::from_utf8(made.stdout).unwrap()
    }

    fn run(&self, args: &[&str]) -> Ran {
        let output = self.place.inside(&[args, &["--json"]].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        Ran {
            code: output.status.code().unwrap(),
            report: serde_json::from_str(&text).unwrap_or_default(),
            said: text + &errors,
        }
    }

    fn install(&self, more: &[&str]) -> Ran {
        self.run(&[&["install", "--yes"], more].concat())
    }

    fn fingerprints(&self) -> std::collections::BTreeMap<String, String> {
        self.place.fingerprints(&HOSTS.map(str::to_owned))
    }

    /// `install` refuses because of this check on this host, and changes nothing anywhere.
    fn refuses(&self, check: &str, host: &str, word: &str) {
        let before = self.fingerprints();
        let ran = self.install(&[]);
        ran.found(3, check, host, word);
        assert_eq!(ran.report["total"]["changed"], 0, "{}", ran.said);
        let differs = differences(&before, &self.fingerprints());
        assert!(differs.is_empty(), "{check}: {differs:#?}");
    }
}

impl Ran {
    /// It ended with this code, and told this error of this host.
    fn found(&self, code: i32, check: &str, host: &str, word: &str) {
        assert_eq!(self.code, code, "{}", self.said);
        let problems = self.report["problems"].as_array().unwrap();
        let told = problems.iter().any(|problem| {
            problem["check"] == check
                && problem["severity"] == "error"
                && problem["hosts"].as_array().unwrap().contains(&host.into())
                && problem["text"].as_str().unwrap().contains(word)
                && !problem["fix"].as_str().unwrap().is_empty()
        });
        assert!(told, "{check} on {host} with {word}: {}", self.said);
    }

    fn state(&self, host: &str) -> &str {
        let hosts = self.report["hosts"].as_array().unwrap();
        let host = hosts.iter().find(|known| known["name"] == host).unwrap();
        host["state"].as_str().unwrap()
    }

    fn stage(&self, id: &str) -> &Value {
        let stages = self.report["stages"].as_array().unwrap();
        stages.iter().find(|stage| stage["id"] == id).unwrap()
    }
}

#[test]
fn what_goes_wrong_is_told_and_mended() {
    let before = machine();
    let site = Site::new();
    let scenarios: [Scenario; 12] = [
        ("nothing is installed", refused_before_anything_changes),
        ("reboot", a_host_that_never_returns_from_its_reboot),
        ("docker", a_host_that_fails_in_docker),
        ("manual reboot", a_reboot_by_hand),
        ("with Docker", with_docker),
        ("other bytes", somebody_serves_something_else),
        ("password", passwords_and_installers),
        ("a changed package", what_nodes_install_from_is_guarded),
        (
            "a new agent",
            an_agent_is_added_after_a_reboot_of_the_bootstrap_node,
        ),
        (
            "another configuration",
            installed_nodes_that_are_not_as_they_should_be,
        ),
        ("down", an_agent_that_is_down_from_the_start),
        ("cut short", an_installation_that_was_cut_short),
    ];
    for (name, scenario) in scenarios {
        let began = Instant::now();
        scenario(&site);
        println!("{name}: {:.1} s", began.elapsed().as_secs_f64());
    }
    site.place.well(&["lab", "down", "scenarios"]);
    drop(site);
    assert_eq!(machine(), before);
}

/// Nothing is installed yet.
fn refused_before_anything_changes(site: &Site) {
    let on = |host: &str, script: &str| site.place.on(host, script);

    // A misspelt setting is found before any host is contacted.
    let misspelt = "settings:\n  config: { dcos_overlay_mtuu: 1400 }\n";
    let yaml = site.yaml().replace("settings:\n", misspelt);
    assert!(yaml.contains("mtuu"), "{yaml}");
    fs::write(site.place.folder().join("wrong.yaml"), yaml).unwrap();
    let ran = site.install(&["-c", "wrong.yaml"]);
    assert_eq!(ran.code, 2, "{}", ran.said);
    assert!(ran.said.contains("dcos_overlay_mtuu"), "{}", ran.said);
    assert!(ran.said.contains("dcos_overlay_mtu`"), "{}", ran.said);

    site.conf(&[("MASTER1=10.77.0.12", "MASTER1=10.77.0.99")]);
    site.refuses("master_address", "master1", "10.77.0.12");
    site.conf(&[]);

    // A port that upstream's own check would not see.
    on(
        "master1",
        "systemd-run --unit=squatter python3 -c \
         'import socket, time; s = socket.socket(); s.bind((\"0.0.0.0\", 5050)); s.listen(); time.sleep(9999)' 2>&1; \
         for i in $(seq 50); do ss -lnt | grep -q :5050 && exit; sleep 0.1; done; exit 1",
    );
    site.refuses("ports", "master1", "5050 (python3");
    on("master1", "systemctl stop squatter");

    // A clock that is off by a minute: of this host's `date` only, the machine's is left alone.
    on(
        "private1",
        "printf '#!/bin/sh\\nexec /usr/bin/date -d \"61 seconds\" \"$@\"\\n' > /usr/local/bin/date && \
         chmod 755 /usr/local/bin/date",
    );
    site.refuses("clock", "bootstrap", "private1 is 6");
    on("private1", "rm /usr/local/bin/date");

    // A firewall between an agent and the bootstrap node.
    let rule = "OUTPUT -d 10.77.0.11 -p tcp --dport 9999 -j DROP";
    on("private1", &format!("iptables -A {rule}"));
    site.refuses("firewall", "private1", "10.77.0.11 port 9999");
    on("private1", &format!("iptables -D {rule}"));

    // What an installation leaves that is cut short while it unpacks.
    on("public1", "mkdir -p /opt/mesosphere/bin");
    site.refuses("half_installed", "public1", "cut short");
    on("public1", "rm -r /opt/mesosphere");

    // An error that the operator accepts is a warning.
    on("private1", &format!("iptables -A {rule}"));
    let ran = site.run(&["check", "--accept", "firewall"]);
    on("private1", &format!("iptables -D {rule}"));
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert!(ran.said.contains("(accepted)"), "{}", ran.said);
}

fn a_host_that_never_returns_from_its_reboot(site: &Site) {
    // As the recipe is, but less patient.
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes/dcos");
    let copy = site.place.folder().join("recipe");
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .args([recipe.as_os_str(), copy.as_os_str()])
        .status();
    assert!(copied.unwrap().success());
    let file = copy.join("recipe.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let impatient = text.replace("reboot: { within: 15m }", "reboot: { within: 10s }");
    assert_ne!(text, impatient);
    fs::write(&file, impatient).unwrap();

    site.place.on("private1", "systemctl mask ssh 2>&1");
    let ran = site.install(&["--recipe", "recipe", "--to", "reboot"]);
    assert_eq!(ran.code, 1, "{}", ran.said);
    assert_eq!(ran.state("private1"), "failed");
    assert_eq!(ran.stage("reboot")["changed"], 3, "{}", ran.said);
    assert!(
        ran.said.contains("did not come back within 10 s"),
        "{}",
        ran.said
    );
    site.place
        .on("private1", "systemctl unmask ssh 2>&1; systemctl start ssh");
}

fn a_host_that_fails_in_docker(site: &Site) {
    site.place.on(
        "public1",
        "printf '#!/bin/sh\\necho no space left >&2\\nexit 1\\n' > /usr/local/bin/yum && chmod 755 /usr/local/bin/yum",
    );
    let ran = site.install(&["--to", "docker"]);
    assert_eq!(ran.code, 1, "{}", ran.said);
    assert_eq!(ran.state("public1"), "failed");
    assert_eq!(ran.stage("docker")["changed"], 3, "{}", ran.said);
    let failure = &ran.report["failures"][0];
    assert_eq!(failure["stage"], "docker");
    assert!(
        failure["lines"].to_string().contains("no space left"),
        "{failure:#}"
    );
    site.place.on("public1", "rm /usr/local/bin/yum");
    let ran = site.install(&["--to", "docker"]);
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert_eq!(
        ran.stage("docker")["changed"],
        1,
        "only where it is not yet so"
    );
    assert_eq!(ran.stage("reboot")["skipped"], 4, "{}", ran.said);
}

/// SELinux is on again on one host: it has to be rebooted, and the operator does it.
fn a_reboot_by_hand(site: &Site) {
    site.place.on(
        "public1",
        "sed -i 's/^SELINUX=.*/SELINUX=enforcing/' /etc/selinux/config",
    );
    site.place.reboot("public1");
    let before = site.place.boots("public1");
    let mut child = site
        .place
        .command(&["lab", "exec", "--lab", "scenarios", "--", "phalanx"])
        .args(["install", "--yes", "--to", "reboot", "--manual-reboot"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while !said.contains("waits for you to reboot it") {
        let line = lines
            .next()
            .unwrap_or_else(|| panic!("never asked: {said}"));
        said.push_str(&line.unwrap());
    }
    assert_eq!(
        site.place.boots("public1"),
        before,
        "nobody else reboots it"
    );
    site.place.reboot("public1");
    for line in lines {
        said.push_str(&line.unwrap());
    }
    assert!(child.wait().unwrap().success(), "{said}");
    assert!(said.contains("the boot identity is another one"), "{said}");
    let enforced = site.place.on("public1", "getenforce");
    assert_eq!(enforced.trim(), "Disabled");
}

/// Everything is ready for DC/OS.
fn with_docker(site: &Site) {
    let on = |host: &str, script: &str| site.place.on(host, script);

    // Containers that the installation would end.
    on(
        "private1",
        "docker pull -q nginx:1.10 && docker run -d --name guest nginx:1.10",
    );
    site.refuses("containers", "private1", "1 containers run here");
    on("private1", "docker rm -f guest");

    // Agents that ping a master in vain never start their services.
    let rule = "OUTPUT -d 10.77.0.12 -p icmp -j DROP";
    on("private1", &format!("iptables -A {rule}"));
    site.refuses("ping", "private1", "the masters 10.77.0.12, and");
    on("private1", &format!("iptables -D {rule}"));

    // An installer with another checksum than was promised.
    let sum = site
        .conf
        .lines()
        .find_map(|line| line.strip_prefix("DOWNLOAD_SHA256="))
        .unwrap();
    site.conf(&[(sum, &"0".repeat(64))]);
    let ran = site.install(&[]);
    // config.yaml was written before.
    ran.found(1, "sha256", "bootstrap", sum);
    assert_eq!(ran.stage("masters")["not_run"], 1, "{}", ran.said);

    // The installer as a file of this machine; first one that is not there.
    let url = site
        .conf
        .lines()
        .find_map(|line| line.strip_prefix("DOWNLOAD_URL="));
    let url = url.unwrap();
    let as_file = format!("DOWNLOAD_URL={url}");
    site.conf(&[(&as_file, "DOWNLOAD_FILE=installer.sh")]);
    let ran = site.install(&["--to", "generate"]);
    assert_eq!(ran.code, 2, "{}", ran.said);
    assert!(
        ran.said.contains("installer.sh can't be read"),
        "{}",
        ran.said
    );
    let fetched = site.place.phalanx(&[
        "lab",
        "exec",
        "--lab",
        "scenarios",
        "--host",
        "private1",
        "--",
        "curl",
        "-fsS",
        url,
    ]);
    assert!(fetched.stdout.len() > 1_000_000, "{fetched:?}");
    fs::write(site.place.folder().join("installer.sh"), fetched.stdout).unwrap();
    // Nothing on the hosts reaches the server any more.
    on(
        "bootstrap",
        "iptables -A OUTPUT -p tcp --dport 443 -j REJECT",
    );
    let ran = site.install(&["--to", "generate"]);
    on(
        "bootstrap",
        "iptables -D OUTPUT -p tcp --dport 443 -j REJECT",
    );
    assert_eq!(ran.code, 0, "{}", ran.said);
    let again = site.install(&["--to", "generate"]);
    assert_eq!(again.report["total"]["changed"], 0, "{}", again.said);

    // Other ways to find a node's address: its route to the first master, and a script of one's own.
    on(
        "bootstrap",
        "printf '#!/bin/sh\\necho 10.77.0.11 # mine\\n' > /root/my-ip-detect",
    );
    for (way, mark) in [
        ("route", "ip -4 route get 10.77.0.12"),
        ("/root/my-ip-detect", "# mine"),
    ] {
        site.conf(&[("IP_DETECT=ec2", &format!("IP_DETECT={way}"))]);
        let ran = site.install(&["--to", "generate"]);
        assert_eq!(ran.code, 0, "{}", ran.said);
        assert_eq!(ran.stage("generate")["changed"], 1, "{}", ran.said);
        let script = "cd /opt/phalanx-bootstrap/1.8.8/genconf; cat ip-detect; bash ip-detect; cat config.yaml";
        let said = on("bootstrap", script);
        assert!(said.contains(mark), "{said}");
        assert!(said.contains("\n10.77.0.11\n"), "{said}");
        assert!(said.contains("# No REX-Ray"), "{said}");
    }
    site.conf(&[(&as_file, "DOWNLOAD_FILE=installer.sh")]);

    // The image's file is there, and Docker has not loaded it: left alone, the installer would fail.
    on(
        "bootstrap",
        "docker rmi -f $(docker images -q mesosphere/dcos-genconf) >/dev/null; \
         cd /opt/phalanx-bootstrap/1.8.8; ls dcos-genconf.*.tar && rm generated.from",
    );
    let ran = site.install(&["-v", "--to", "generate"]);
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert!(
        ran.said.contains("which Docker has not loaded"),
        "{}",
        ran.said
    );
    site.conf(&[]);
}

/// A name server that knows no name, but answers.
const RESOLVER: &str = r#"
systemd-run --unit=resolver python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 53))
while True:
    asked, who = s.recvfrom(512)
    s.sendto(asked[:2] + b"\x81\x83" + asked[4:], who)
' 2>&1
for i in $(seq 50); do ss -lnu | grep -q ':53 ' && exit; sleep 0.1; done; exit 1
"#;

/// Where a word is found: in the run's folder, on a host's disk, in what the bootstrap node serves.
fn found(site: &Site, word: &str) -> Vec<String> {
    let mut places = Vec::new();
    let folder = site.place.folder().join(".phalanx");
    let grep = std::process::Command::new("grep")
        .args(["-rlaF", "--", word])
        .arg(&folder)
        .output()
        .unwrap();
    places.extend(
        String::from_utf8_lossy(&grep.stdout)
            .lines()
            .map(str::to_owned),
    );
    for host in HOSTS {
        // The word goes in by the environment of grep's shell only.
        let script = format!(
            "grep -rlaF --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev -- '{word}' \
             /etc /opt /var /root /home /tmp /run /usr/local 2>/dev/null; true"
        );
        let said = site.place.on(host, &script);
        places.extend(said.lines().map(|line| format!("{host}:{line}")));
    }
    places
}

/// A password that only DC/OS Enterprise has a use for goes nowhere. The control: a word that does leak is
/// found by the same search.
fn passwords_and_installers(site: &Site) {
    let password = format!("Zq{}x", std::process::id());
    let control = format!("Kw{}y", std::process::id());
    let conf = site.conf.clone() + &format!("\nSUPASSWORD={password}\nCLUSTER_NAME={control}\n");
    // Without the public agent: it is added later.
    let conf: String = conf
        .lines()
        .map(|line| match line.starts_with("AWSNODESPUB=") {
            true => "AWSNODESPUB=\"\"\n".to_owned(),
            false => format!("{line}\n"),
        })
        .collect();
    fs::write(site.place.folder().join("cluster.conf"), conf).unwrap();
    // Two name servers and a comment: the article's script made invalid YAML of that.
    site.place.on("bootstrap", RESOLVER);
    site.place.on(
        "bootstrap",
        "cp /etc/resolv.conf /root/resolv.conf; \
         printf '# nameserver 10.0.0.1\\nnameserver 10.77.0.11\\nnameserver 127.0.0.1\\nnameserver 203.0.113.11\\n' > /etc/resolv.conf",
    );

    let mut child = site
        .place
        .command(&["lab", "exec", "--lab", "scenarios", "--", "phalanx"])
        .args(["install", "--yes", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Every command line on the machine, hosts' processes among them, as often as can be.
    let mut leaks = Vec::new();
    let (mut samples, mut controls) = (0, 0);
    while child.try_wait().unwrap().is_none() {
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Ok(line) = fs::read(entry.path().join("cmdline")) else {
                continue;
            };
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains(&password) {
                leaks.push(line.clone());
            }
            controls += usize::from(line.contains("dcos_install.sh"));
        }
        samples += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    site.place
        .on("bootstrap", "mv /root/resolv.conf /etc/resolv.conf");
    assert!(output.status.success(), "{said}");
    assert_eq!(leaks, Vec::<String>::new(), "in a command line");
    assert!(
        samples > 50 && controls > 0,
        "{samples} samples, {controls} of the installer"
    );
    assert!(!said.contains(&password), "{said}");

    let places = found(site, &control);
    let served =
        |place: &String| place.contains("/genconf/serve/") || place.contains("/opt/mesosphere/");
    assert!(
        places.iter().any(|place| place.contains(".phalanx")),
        "{places:#?}"
    );
    assert!(places.iter().any(served), "{places:#?}");
    assert_eq!(found(site, &password), Vec::<String>::new());

    let config = site.place.on(
        "bootstrap",
        "cat /opt/phalanx-bootstrap/1.8.8/genconf/config.yaml",
    );
    assert!(
        config.contains("resolvers:\n- 10.77.0.11\n- 203.0.113.11\n"),
        "{config}"
    );
}

fn an_agent_is_added_after_a_reboot_of_the_bootstrap_node(site: &Site) {
    site.place.reboot("bootstrap");
    // Its name servers are others than before; those that DC/OS has are kept while they answer.
    site.place.on("bootstrap", RESOLVER);
    let ran = site.install(&[]);
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert_eq!(ran.stage("agents")["changed"], 1, "{}", ran.said);
    assert_eq!(ran.stage("masters")["changed"], 0, "{}", ran.said);
    assert_eq!(ran.stage("generate")["changed"], 0, "{}", ran.said);
    let verified = site.run(&["verify"]);
    assert_eq!(verified.code, 0, "{}", verified.said);
}

fn an_agent_that_is_down_from_the_start(site: &Site) {
    let conf = site.yaml().replace("ssh:\n", "ssh:\n  reconnect_for: 3s\n");
    fs::write(site.place.folder().join("short.yaml"), conf).unwrap();
    site.place.on(
        "private1",
        "systemctl stop ssh.socket ssh 2>&1; pkill -x sshd; true",
    );
    let ran = site.install(&["-c", "short.yaml"]);
    site.place.on("private1", "systemctl start ssh");
    assert_eq!(ran.code, 1, "{}", ran.said);
    assert_eq!(ran.state("private1"), "missing");
    assert_ne!(ran.state("master1"), "failed");
    assert!(ran.said.contains("private1"), "{}", ran.said);
}

fn an_installation_that_was_cut_short(site: &Site) {
    // The power went while it unpacked: nothing of it runs after the next boot.
    site.place.on(
        "private1",
        "systemctl stop 'dcos*' 2>&1; rm -r /opt/mesosphere /etc/systemd/system/dcos.target*; \
         mkdir /opt/mesosphere; systemctl daemon-reload",
    );
    let ran = site.install(&[]);
    ran.found(3, "half_installed", "private1", "cut short");
    let ran = site.install(&["--repair"]);
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert_eq!(ran.stage("agents")["changed"], 1, "{}", ran.said);

    // Somebody has uninstalled one agent, by DC/OS's own hand: systemd still takes its target for active. On
    // the other one an activation was cut short while it moved one set of links away and another in.
    let uninstalled = site.place.on(
        "private1",
        "/opt/mesosphere/bin/pkgpanda uninstall 2>&1; systemctl is-active dcos.target; ls /etc/mesosphere/roles",
    );
    assert!(uninstalled.ends_with("active\nslave\n"), "{uninstalled}");
    let cut = site.place.on(
        "public1",
        "touch /opt/mesosphere/bootstrap; echo CUT_SWAP=yes > /etc/stand-in.conf; \
         systemctl start dcos-setup 2>&1; rm /etc/stand-in.conf; systemctl start dcos-setup 2>&1; \
         ls /opt/mesosphere; journalctl -u dcos-setup -n 5 --no-pager",
    );
    for words in [
        "install_progress",
        "bin.new",
        "etc.old",
        "Failed to load environment files",
    ] {
        assert!(cut.contains(words), "{words}: {cut}");
    }
    let ran = site.install(&[]);
    ran.found(3, "half_installed", "private1", "cut short");
    ran.found(3, "half_installed", "public1", "cut short");
    let ran = site.install(&["--repair"]);
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert_eq!(ran.stage("agents")["changed"], 2, "{}", ran.said);
    let verified = site.run(&["verify"]);
    assert_eq!(verified.code, 0, "{}", verified.said);
}
