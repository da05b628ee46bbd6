//! What nodes install from, and what becomes of them when that or they are not as they should be.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::{Ran, Site};

/// On a node: who serves something else at the bootstrap node's address.
const LIAR: &str = r#"
mkdir -p /root/web/phalanx && cd /root/web || exit
for file in dcos_install.sh phalanx/ip-detect; do
    curl -fsS -o "$file" "http://10.77.0.11:9999/$file" || exit
done
echo 'touch /root/pwned' >> dcos_install.sh
sha256sum dcos_install.sh phalanx/ip-detect > phalanx/SHA256SUMS
ip address add 10.77.0.11/32 dev lo scope host
systemd-run --unit=liar python3 -m http.server --directory /root/web 9999 2>&1
for i in $(seq 50); do ss -lnt | grep -q :9999 && exit; sleep 0.1; done; exit 1
"#;

/// What the web server gives is not what was generated: nobody runs it. And that server comes from an
/// archive, on a bootstrap node without a registry.
pub(crate) fn somebody_serves_something_else(site: &Site) {
    let on = |script: &str| site.place.on("bootstrap", script);
    on(
        "docker pull -q nginx:1.10; docker save -o /root/nginx.tar nginx:1.10; docker rmi nginx:1.10",
    );
    // The registry and the installer's server are one machine here: the installer comes from this one.
    let url = site
        .conf
        .lines()
        .find(|line| line.starts_with("DOWNLOAD_URL="));
    site.conf(&[(url.unwrap(), "DOWNLOAD_FILE=installer.sh")]);
    let yaml = site.yaml();
    site.conf(&[]);
    let archive = "settings:\n  nginx_archive: /root/nginx.tar\n";
    let yaml = yaml.replace("settings:\n", archive);
    fs::write(site.place.folder().join("archive.yaml"), yaml).unwrap();
    on("iptables -A OUTPUT -p tcp --dport 443 -d registry-1.docker.io -j REJECT");
    let ran = site.install(&["-c", "archive.yaml", "--to", "serve"]);
    on("iptables -D OUTPUT -p tcp --dport 443 -d registry-1.docker.io -j REJECT");
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert!(
        ran.said.contains("loaded nginx:1.10 from /root/nginx.tar"),
        "{}",
        ran.said
    );

    // Somebody answers in its place, with a list of checksums that fits.
    site.place.on("master1", LIAR);
    let ran = site.install(&[]);
    site.place.on(
        "master1",
        "systemctl stop liar; ip address del 10.77.0.11/32 dev lo",
    );
    ran.found(
        1,
        "install_sha256",
        "master1",
        "and the bootstrap node has made one with",
    );
    assert_eq!(ran.stage("agents")["not_run"], 2, "{}", ran.said);
    let run = "test ! -e /root/pwned && test ! -e /opt/mesosphere && echo right";
    assert_eq!(site.place.on("master1", run), "right\n");
}

/// What anybody on the bootstrap node can do to what others install from; a line for all that goes.
const ATTACK: &str = r#"
cd /opt/phalanx-bootstrap/1.8.8/genconf/serve
exec setpriv --reuid 65534 --regid 65534 --clear-groups sh -c '
cd /opt/phalanx-bootstrap/1.8.8/genconf/serve && echo "gets in from outside"
# And who was in there before it was closed.
(echo "touch /root/was-here" >> dcos_install.sh) && echo "changed dcos_install.sh"
touch more packages/more && echo "added a file"
mv phalanx .away && mkdir phalanx && echo "exchanged the list of checksums"
mv bootstrap/*.tar.xz . && echo "moved the tarball away"
ls /opt/phalanx-bootstrap/1.8.8/sums && echo "sees the list"
true
' 2>/dev/null
"#;

/// Nobody but root can change what nodes install from; and what root has changed, nobody installs.
pub(crate) fn what_nodes_install_from_is_guarded(site: &Site) {
    let on = |script: &str| site.place.on("bootstrap", script);
    assert_eq!(on(ATTACK), "");
    let served = "/opt/phalanx-bootstrap/1.8.8/genconf/serve";
    let open = on(&format!("find {served} -perm /022; find {served} | wc -l"));
    assert!(
        open.trim().parse::<u32>().is_ok_and(|all| all > 10),
        "{open}"
    );

    // By root's hand a package, which no node ever compares; then agents are to be added.
    on(&format!(
        "cp -a {served}/packages /root/packages; for package in {served}/packages/dcos-config/*; do echo more >> $package; done"
    ));
    fs::write(site.place.folder().join("cluster.conf"), with_public(site)).unwrap();
    let ran = site.install(&[]);
    ran.found(
        3,
        "served",
        "bootstrap",
        "packages/dcos-config/dcos-config--setup_",
    );
    assert_eq!(ran.stage("agents")["not_run"], 2, "{}", ran.said);
    let run = "test ! -e /opt/mesosphere && echo right";
    assert_eq!(site.place.on("public1", run), "right\n");
    on(&format!("cp -a /root/packages {served}/"));
    a_resumed_run_looks_again(site, served);
}

/// Where a run is resumed, `generate` is done and stays so: what nodes install from is looked at all the same.
fn a_resumed_run_looks_again(site: &Site, served: &str) {
    let on = |script: &str| site.place.on("bootstrap", script);
    let agent = |script: &str| site.place.on("public1", script);
    // It waits for what the bootstrap node serves, and is killed.
    agent(
        "printf '#!/bin/sh\\ncase $* in *phalanx/SHA256SUMS*) touch /root/asked; exit 7 ;; esac\\n\
         exec /usr/bin/curl \"$@\"\\n' > /usr/local/bin/curl && chmod 755 /usr/local/bin/curl",
    );
    let mut child = site
        .place
        .command(&["lab", "exec", "--lab", "scenarios", "--", "phalanx"])
        .args(["install", "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while agent("test ! -e /root/asked || echo asked").is_empty() {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    agent("rm /usr/local/bin/curl");

    // As long as before, and with its time set back.
    let change = format!(
        "cd {served}/packages/dcos-config && for package in *; do cp -a $package /root/then && \
         printf x | dd of=$package bs=1 conv=notrunc 2>&1 && touch -r /root/then $package; done"
    );
    on(&change);
    for time in ["the first", "the second"] {
        let ran = site.run(&["resume", "--yes"]);
        let words = "packages/dcos-config/dcos-config--setup_";
        ran.found(ran.code, "served", "bootstrap", words);
        assert_ne!(ran.code, 0, "{time}: {}", ran.said);
        assert_eq!(ran.stage("generate")["already"], 1, "{time}: {}", ran.said);
        assert_eq!(ran.stage("recheck")["failed"], 1, "{time}: {}", ran.said);
        let waiting = ran.stage("agents")["not_run"].as_u64();
        assert!(waiting >= Some(1), "{time}: {}", ran.said);
        assert_eq!(agent("test ! -e /opt/mesosphere && echo right"), "right\n");
    }
    let checked = site.run(&["check"]);
    checked.found(3, "served", "bootstrap", "was changed");
    on(&format!("cp -a /root/packages {served}/"));
}

/// The cluster file as the password's scenario left it, with the public agent.
fn with_public(site: &Site) -> String {
    let conf = fs::read_to_string(site.place.folder().join("cluster.conf")).unwrap();
    let mut lines = site.conf.lines();
    let whole = lines.find(|line| line.starts_with("AWSNODESPUB=")).unwrap();
    conf.replace("AWSNODESPUB=\"\"", whole)
}

/// Nodes that were installed with another configuration than the bootstrap node has, and that somebody
/// has stopped; and one with a unit that is not well.
pub(crate) fn installed_nodes_that_are_not_as_they_should_be(site: &Site) {
    let on = |script: &str| site.place.on("private1", script);
    let yaml = site.yaml();
    let yaml = yaml.replace("settings:\n", "settings:\n  telemetry_enabled: false\n");
    fs::write(site.place.folder().join("quiet.yaml"), yaml).unwrap();
    on("systemctl stop dcos.target 'dcos-*' 2>&1; ! systemctl is-active --quiet dcos.target");
    let ran = site.install(&["-c", "quiet.yaml"]);
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert_eq!(ran.stage("generate")["changed"], 1, "{}", ran.said);
    assert_eq!(ran.stage("agents")["changed"], 1, "{}", ran.said);
    on("systemctl is-active --quiet dcos.target");
    let told = |ran: &Ran| {
        let problems = ran.report["problems"].as_array().unwrap().iter();
        let mut told = problems.filter(|problem| problem["check"] == "configuration");
        let hosts = told.next().map(|problem| problem["hosts"].clone());
        assert_eq!(told.next(), None, "it is told once: {}", ran.said);
        hosts.unwrap_or_default()
    };
    let all = serde_json::json!(["master1", "private1", "public1"]);
    assert_eq!(told(&ran), all, "{}", ran.said);

    let ran = site.run(&["verify", "-c", "quiet.yaml"]);
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert_eq!(told(&ran), all, "{}", ran.said);

    // As the recipe is, but less patient: a copy that another scenario has made.
    let file = site.place.folder().join("recipe/recipe.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let impatient = text.replace("within: 2m }", "within: 4s }");
    assert_ne!(text, impatient);
    fs::write(&file, impatient).unwrap();
    on("cd /etc/systemd/system; \
         printf '[Service]\\nType=oneshot\\nExecStart=/bin/sh -c \"seq 60; exit 7\"\\n' > dcos-broken.service; \
         ln -s ../dcos-broken.service dcos.target.wants/; systemctl daemon-reload; systemctl start dcos-broken 2>&1; true");
    let ran = site.run(&["verify", "--recipe", "recipe"]);
    on(
        "cd /etc/systemd/system; rm dcos.target.wants/dcos-broken.service dcos-broken.service; systemctl daemon-reload",
    );
    assert_eq!(ran.code, 1, "{}", ran.said);
    assert_eq!(ran.state("private1"), "failed", "{}", ran.said);
    let unwell = "3dt finds units of DC/OS on this host that are not well: dcos-broken.service";
    assert!(ran.said.contains(unwell), "{}", ran.said);

    // A login of root's whose start-up files bring DC/OS's own libraries along, as on EL 7: what the system's
    // own programs do with them must not be what a probe meets.
    on(
        "mkdir -p /root/.ssh && cp /home/*/.ssh/authorized_keys /root/.ssh/ \
         && echo '. /etc/profile.d/dcos.sh' >>/root/.bashrc",
    );
    let yaml = site.yaml().replace("user: ec2-user", "user: root");
    fs::write(site.place.folder().join("root.yaml"), yaml).unwrap();
    let ran = site.run(&["verify", "-c", "root.yaml", "--on", "private1"]);
    on("rm /root/.bashrc");
    assert_eq!(ran.code, 0, "{}", ran.said);
}
