//! What the recipe `dcos` finds wrong with hosts before it changes anything.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod host;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use host::Host;

/// A host of EL 7 on which nothing is installed and with which nothing is wrong.
fn fresh(role: &str) -> Host {
    let host = Host::new(&[
        ("PX_ROLE", role),
        ("PX_HOST", "h1"),
        ("PX_RELEASE", "1.8.8"),
        ("PX_REPAIR", ""),
        ("PX_CLOCK", "1000000000000"),
        ("PX_PRIVATE_ADDRESS", "10.0.0.7"),
        ("PX_ADDRESSES_BOOTSTRAP", "10.0.0.1"),
        ("PX_ADDRESSES_MASTER", "10.0.0.7 10.0.0.8 10.0.0.9"),
        ("PX_FACT_OS", "centos"),
        ("PX_FACT_OS_VERSION", "7"),
        ("PX_FACT_ARCH", "x86_64"),
        ("PX_FACT_SYSTEMD_VERSION", "219"),
        ("PX_FACT_CORES", "8"),
        ("PX_FACT_MEMORY_MB", "64000"),
        ("PX_FACT_DOCKER_VERSION", "1.11.2"),
        ("PX_FACT_DCOS_ROLE", "none"),
        ("PX_FACT_DCOS_VERSION", "none"),
        ("PX_FACT_DCOS_STATE", "none"),
        ("PX_FACT_FOUND_RESOLVERS", ""),
        ("PX_SETTING_ENTERPRISE", "false"),
        ("PX_SETTING_IP_DETECT", "route"),
        ("PX_SETTING_BOOTSTRAP_PORT", "9999"),
        ("PX_SETTING_BOOTSTRAP_FOLDER", "/nowhere"),
        ("PX_SETTING_DOCKER_REPO_URL", "https://yum.example/repo/"),
        ("PX_SETTING_DOCKER_PACKAGE", "docker-engine-1.11.2"),
    ]);
    host.says("df", DISKS)
        .says("date", "1000000000040\n")
        .says("getent", "10.0.0.7 h1\n")
        .says("ss", "Netid State Recv-Q Send-Q Local Peer\n")
        .says("docker", "")
        // Every target that it is given answers.
        .tool("timeout", "shift 5; printf '%s\\n' \"$@\"")
        .tool(
            "ip",
            "case $* in *route*) echo '10.0.0.7 dev eth0 src 10.0.0.7 uid 0';; \
             *) echo '2: eth0    inet 10.0.0.7/24 brd 10.0.0.255 scope global eth0';; esac",
        )
        .tool("curl", "exit 0")
        .tool("yum", "exit 1")
        .tool("tar", "exit 1")
        .tool("ping", "exit 1")
        .tool("xz", "exit 1")
        .tool("unzip", "exit 1")
        .tool("ipset", "exit 1")
        .tool("systemctl", "exit 1")
        .file("/proc/mounts", "/dev/sda1 / ext4 rw 0 0\n")
        .file("/etc/mesosphere/setup-flags/repository-url", "")
        .file("/opt/mesosphere/etc/master_list", "")
        .file("/etc/resolv.conf", "nameserver 10.0.0.2\n")
}

const DISKS: &str = "Filesystem 1024-blocks Used Available Capacity Mounted on
/dev/sda1 200000000 1000 190000000 1% /
/dev/sda1 200000000 1000 190000000 1% /\n";

/// The problems that preflight tells on this host.
fn problems(host: &Host) -> Vec<String> {
    let (status, said) = host.run("dcos", "scripts/preflight.sh");
    assert_eq!(status, 0, "it looks at everything: {said}");
    let problems = said
        .lines()
        .filter_map(|line| line.strip_prefix("problem "));
    problems.map(str::to_owned).collect()
}

/// It tells exactly this problem: its check and severity, and words in its text.
fn finds(host: &Host, check: &str, words: &[&str]) {
    let found = problems(host);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with(check), "{found:#?}");
    for word in words {
        assert!(found[0].contains(word), "{word}: {found:#?}");
    }
}

#[test]
fn a_good_host_has_no_problem() {
    for role in ["bootstrap", "master", "private", "public"] {
        let host = fresh(role);
        assert_eq!(problems(&host), Vec::<String>::new(), "{role}");
        let (_, said) = host.run("dcos", "scripts/preflight.sh");
        for fact in [
            "fact clock_ahead_ms 40\n",
            "fact networks 10.0.0.7/24\n",
            "fact detected_address 10.0.0.7\n",
        ] {
            assert!(said.contains(fact), "{said}");
        }
    }
}

#[test]
fn a_point_to_point_interface_is_a_network_of_one() {
    let host = fresh("private").tool(
        "ip",
        "case $* in *route*) echo '10.0.0.7 dev eth0 src 10.0.0.7 uid 0';; \
         *) echo '3: tun0    inet 10.8.0.6 peer 10.8.0.5/32 scope global tun0'; \
            echo '4: m-blue    inet 9.0.0.1/25 scope global m-blue';; esac",
    );
    let (_, said) = host.run("dcos", "scripts/preflight.sh");
    assert!(said.contains("fact networks 10.8.0.6/32\n"), "{said}");
}

#[test]
fn what_does_not_suit_is_told() {
    let with = |name: &str, value: &str| fresh("master").with(name, value);
    finds(&with("PX_FACT_OS", "debian"), "os error", &["debian"]);
    finds(&with("PX_FACT_OS_VERSION", "6.9"), "os error", &["6.9"]);
    finds(&with("PX_FACT_ARCH", "aarch64"), "arch error", &["aarch64"]);
    finds(
        &with("PX_FACT_SYSTEMD_VERSION", "187"),
        "systemd error",
        &["187"],
    );
    finds(
        &with("PX_FACT_CORES", "2"),
        "cores warning",
        &["2 cores", "4"],
    );
    finds(
        &with("PX_FACT_MEMORY_MB", "8000"),
        "memory warning",
        &["8000 MB"],
    );
    finds(
        &with("PX_FACT_DOCKER_VERSION", "17.03.1-ce"),
        "docker error",
        &["17.03.1-ce", "1.9 to 1.11"],
    );
    finds(
        &fresh("master").tool("getent", "exit 2"),
        "hostname error",
        &["does not resolve"],
    );
    // Three masters in any order are fine, a fourth address is none of theirs.
    finds(
        &with("PX_ADDRESSES_MASTER", "10.0.0.1 10.0.0.2 10.0.0.3"),
        "master_address error",
        &["10.0.0.7", "10.0.0.1 10.0.0.2 10.0.0.3"],
    );
    let shuffled = with("PX_ADDRESSES_MASTER", "10.0.0.9 10.0.0.7 10.0.0.8");
    assert_eq!(problems(&shuffled), Vec::<String>::new());
}

#[test]
fn file_systems_that_do_not_suit_are_told() {
    let mounts = "/dev/sda1 / xfs rw 0 0\ntmpfs /tmp tmpfs rw,nosuid,noexec 0 0\n";
    let host = |release: &str, ftype: u8| {
        let info = format!("naming =version 2 bsize=4096 ascii-ci=0 ftype={ftype}\n");
        fresh("private")
            .with("PX_RELEASE", release)
            .says("xfs_info", &info)
    };
    let host =
        |release: &str, ftype: u8, mounts: &str| host(release, ftype).again("/proc/mounts", mounts);
    finds(&host("1.8.8", 1, mounts), "tmp_noexec error", &["/tmp"]);
    let root = "/dev/sda1 / xfs rw 0 0\n";
    finds(
        &host("1.8.8", 0, root),
        "xfs_ftype warning",
        &["without ftype"],
    );
    finds(
        &host("1.10.0", 0, root),
        "xfs_ftype error",
        &["without ftype"],
    );
    // What is mounted deeper down counts.
    let apart = "/dev/sda1 / xfs rw 0 0\n/dev/sdb1 /var/lib/docker ext4 rw 0 0\n";
    assert_eq!(problems(&host("1.8.8", 0, apart)), Vec::<String>::new());
}

#[test]
fn ports_in_use_are_told_by_role() {
    let listening = |lines: &str| {
        format!("Netid  State      Recv-Q Send-Q Local Address:Port  Peer Address:Port\n{lines}")
    };
    let mesos = listening(
        "tcp    LISTEN     0      5      *:5050   *:*    users:((\"python\",pid=7,fd=3))\n",
    );
    finds(
        &fresh("master").says("ss", &mesos),
        "ports error",
        &["5050 (python, process 7)"],
    );
    // What masters follow their leader by, which upstream does not look for.
    let zookeeper = listening("tcp LISTEN 0 50 :::2888 :::* users:((\"java\",pid=11,fd=3))\n");
    finds(
        &fresh("master").says("ss", &zookeeper),
        "ports error",
        &["2888 (java, process 11)"],
    );
    let free = fresh("private").says("ss", &mesos);
    assert_eq!(problems(&free), Vec::<String>::new(), "no agent's port");
    let dns = listening(
        "udp    UNCONN     0      0   :::53   :::*    users:((\"dnsmasq\",pid=9,fd=4))\n",
    );
    let dnsmasq = fresh("master")
        .says("ss", &dns)
        .says("systemctl", "MainPID=9\n");
    assert_eq!(
        problems(&dnsmasq),
        Vec::<String>::new(),
        "prepare turns it off"
    );
    let libvirt = fresh("master")
        .says("ss", &dns)
        .says("systemctl", "MainPID=8\n");
    finds(&libvirt, "ports error", &["53 (dnsmasq, process 9)"]);
    let alone = fresh("master")
        .says("systemctl", "MainPID=9\n")
        .again("/etc/resolv.conf", "search x\nnameserver 127.0.0.1\n");
    finds(&alone, "local_resolver error", &["its own dnsmasq"]);
    // Docker 1.11's own proxy, as iproute 3.10 shows it, and somebody who is only called so.
    let web = listening(
        "tcp LISTEN 0 128 :::9999 :::* users:((\"exe\",5,4))\n\
         tcp LISTEN 0 128 *:9000 *:* users:((\"java\",6,4))\n",
    );
    let proxy = "/proc/${number:-0}/cmdline";
    let ours = fresh("bootstrap")
        .says("ss", &web)
        .says("cmdline", "docker-proxy\0-proto\0tcp\0");
    let said = ours.path("cmdline.says").to_string_lossy().into_owned();
    let ours = ours.exchange(proxy, &said);
    finds(&ours, "ports error", &["use: 9000 (java, process 6)"]);
    let other = ours.says("cmdline", "/usr/bin/exe\0");
    finds(
        &other,
        "ports error",
        &["use: 9999 (exe, process 5), 9000 (java"],
    );
    let installed = fresh("master")
        .with("PX_FACT_DCOS_STATE", "installed")
        .with("PX_FACT_DCOS_ROLE", "master")
        .with("PX_FACT_DCOS_VERSION", "1.8.8")
        .says("ss", &mesos);
    assert_eq!(
        problems(&installed),
        Vec::<String>::new(),
        "they are its own"
    );
}

#[test]
fn what_is_there_already_is_told() {
    let half = fresh("private").with("PX_FACT_DCOS_STATE", "half");
    finds(&half, "half_installed error", &["cut short"]);
    finds(
        &half.with("PX_REPAIR", "yes"),
        "half_installed note",
        &["cut short"],
    );
    finds(
        &fresh("private").says("docker", "c1\nc2\n"),
        "containers error",
        &["2 containers"],
    );
    let other = fresh("private")
        .with("PX_FACT_DCOS_STATE", "installed")
        .with("PX_FACT_DCOS_ROLE", "public")
        .with("PX_FACT_DCOS_VERSION", "1.8.8");
    finds(&other, "role error", &["as public", "says private"]);
    let grown = fresh("master")
        .with("PX_FACT_DCOS_STATE", "installed")
        .with("PX_FACT_DCOS_ROLE", "master")
        .with("PX_FACT_DCOS_VERSION", "1.8.8");
    let same = "[\"10.0.0.9\", \"10.0.0.7\", \"10.0.0.8\"]";
    let grown = grown.again("/opt/mesosphere/etc/master_list", same);
    assert_eq!(problems(&grown), Vec::<String>::new());
    let grown = grown.again("/opt/mesosphere/etc/master_list", "[\"10.0.0.7\"]");
    finds(
        &grown,
        "master_list error",
        &["the masters 10.0.0.7 ", "10.0.0.8 10.0.0.9"],
    );
    let foreign = fresh("private")
        .with("PX_FACT_DCOS_STATE", "installed")
        .with("PX_FACT_DCOS_ROLE", "private")
        .with("PX_FACT_DCOS_VERSION", "1.8.8")
        .again(
            "/etc/mesosphere/setup-flags/repository-url",
            "http://10.9.9.9:80\n",
        );
    finds(
        &foreign,
        "foreign_cluster error",
        &["10.9.9.9", "10.0.0.1:9999"],
    );
}

#[test]
fn what_cannot_be_fetched_is_told() {
    let no_docker = fresh("private")
        .with("PX_FACT_DOCKER_VERSION", "none")
        .tool(
            "curl",
            "echo 'curl: (6) Could not resolve host' >&2; exit 6",
        );
    finds(
        &no_docker,
        "docker_repo error",
        &["https://yum.example/repo", "(6) Could not resolve host"],
    );
    let repos = "[base]\nmirrorlist=http://mirror.example/?release=$releasever&arch=$basearch\n\
                 [extra]\nenabled=0\nbaseurl=http://off.example/\n\
                 [sealed]\nbaseurl=https://cdn.example/\nsslclientcert=/x.pem\n\
                 [more]\nbaseurl = http://dead.example/$releasever/os/\n";
    let no_tools = fresh("bootstrap")
        .with("PX_SETTING_DOWNLOAD_URL", "http://installer.example/x.sh")
        .file("/etc/yum.repos.d/*.repo", repos)
        .exchange("have \"$tool\" || lacking", "false || lacking")
        .tool(
            "curl",
            "case $* in *dead.example/7/os/repodata*) echo 'curl: (22) 404' >&2; exit 22;; \
             *mirror.example/?release=7\\&arch=x86_64*) exit 0;; *installer.example*) exit 0;; *) exit 9;; esac",
        );
    finds(
        &no_tools,
        "yum_repos error",
        &["more, http://dead.example/7/os", "404"],
    );
    let usual = fresh("bootstrap")
        .with("PX_RELEASE_URL", "https://downloads.example/usual.sh")
        .tool("curl", "echo 'curl: (6) gone' >&2; exit 6");
    let words = ["https://downloads.example/usual.sh", "gone"];
    finds(&usual, "installer error", &words);
    let uploaded = usual.with("PX_SETTING_DOWNLOAD_FILE", "/home/me/installer.sh");
    assert_eq!(problems(&uploaded), Vec::<String>::new());
    let no_installer = fresh("bootstrap")
        .with("PX_SETTING_DOWNLOAD_URL", "http://installer.example/x.sh")
        .tool("curl", "echo 'curl: (22) 403' >&2; exit 22");
    finds(
        &no_installer,
        "installer error",
        &["http://installer.example/x.sh", "403"],
    );
}

#[test]
fn a_wall_between_hosts_is_told() {
    // All but one have answered.
    let wall = fresh("private").tool(
        "timeout",
        "shift 5; for target; do case $target in 10.0.0.8:5050) ;; *) echo \"$target\";; esac; done",
    );
    finds(&wall, "firewall error", &["from 10.0.0.8 port 5050"]);
    let (_, said) = fresh("master")
        .tool("timeout", "exit 124")
        .run("dcos", "scripts/preflight.sh");
    let masters = "10.0.0.1 port 9999, 10.0.0.8 port 2181, 10.0.0.8 port 2888, 10.0.0.8 port 3888";
    assert!(said.contains(masters), "not itself: {said}");
}

#[test]
fn masters_that_answer_no_ping_are_told_on_agents() {
    // Everything else is refused at once, which has come all the way.
    let agent = |role: &str, ping: &str| {
        fresh(role)
            .with("PX_ADDRESSES_BOOTSTRAP", "127.0.0.1")
            .with("PX_ADDRESSES_MASTER", "127.0.0.2 127.0.0.3 127.0.0.4")
            .with("PX_PRIVATE_ADDRESS", "127.0.0.2")
            .with("PX_SETTING_BOOTSTRAP_PORT", "1")
            .tool("timeout", "exec /usr/bin/timeout \"$@\"")
            .tool(
                "ip",
                "case $* in *route*) echo '127.0.0.2 dev eth0 src 127.0.0.2 uid 0';; \
                 *) echo '2: eth0    inet 10.0.0.7/24 brd 10.0.0.255 scope global eth0';; esac",
            )
            .tool("ping", ping)
    };
    let asks = "[ \"$*\" = \"-n -c 1 -W 1 ${6}\" ] || exit 0; ";
    for role in ["private", "public"] {
        let two = format!("{asks}case $6 in 127.0.0.3) exit 0 ;; *) exit 1 ;; esac");
        finds(
            &agent(role, &two),
            "ping error",
            &["a ping of the masters 127.0.0.2, 127.0.0.4, and"],
        );
        // Who may not ask, or finds no way, is not told that nobody answers.
        for status in [0, 2] {
            let host = agent(role, &format!("{asks}exit {status}"));
            assert_eq!(problems(&host), Vec::<String>::new(), "{role} {status}");
        }
        // One answer that is lost is none of all.
        let host = agent(
            role,
            "cd \"${0%/*}\" && mkdir \"once.$6\" 2>/dev/null && exit 1; exit 0",
        );
        let (_, said) = host.run_in(host::SHELLS[0], "dcos", "scripts/preflight.sh");
        assert!(!said.contains("problem"), "{said}");
        assert!(host.path("once.127.0.0.4").exists());
        // It is installed later.
        let host = agent(role, "exit 1").exchange("if have ping; then", "if false; then");
        assert_eq!(problems(&host), Vec::<String>::new(), "{role}");
    }
    // Masters ask nobody.
    let master = agent("master", "exit 1");
    assert_eq!(problems(&master), Vec::<String>::new());
}

/// What the bootstrap node makes of what all hosts have told.
fn compare(detected: &str, clocks: &str, networks: &str) -> Host {
    Host::new(&[
        ("PX_ROLE", "bootstrap"),
        ("PX_HOSTS_MASTER", "m1 m2 m3"),
        ("PX_ADDRESSES_MASTER", "10.0.0.1 10.0.0.2 10.0.0.3"),
        ("PX_FACTS_DETECTED_ADDRESS", detected),
        ("PX_FACTS_CLOCK_AHEAD_MS", clocks),
        ("PX_FACTS_NETWORKS", networks),
        ("PX_SETTING_BOOTSTRAP_FOLDER", "/none"),
        ("PX_RELEASE", "1.8.8"),
    ])
}

#[test]
fn a_bootstrap_folder_that_others_can_change_is_told() {
    let host = compare("", "", "");
    let (above, folder) = (host.path("above"), host.path("above/folder"));
    let host = host
        .with("PX_HOSTS_MASTER", "")
        .with("PX_ADDRESSES_MASTER", "");
    let host = host.with("PX_SETTING_BOOTSTRAP_FOLDER", folder.to_str().unwrap());
    let open = |mode: u32| {
        fs::set_permissions(&above, fs::Permissions::from_mode(mode)).unwrap();
        host.run("dcos", "scripts/compare.sh")
    };
    // Neither the folder nor the one of the release has to be there yet.
    fs::create_dir(&above).unwrap();
    for there in [false, true] {
        if there {
            fs::create_dir_all(folder.join("1.8.8")).unwrap();
        }
        assert_eq!(open(0o755), (0, String::new()));
        for mode in [0o777, 0o775, 0o757] {
            let words = format!("by the folder {} (owner", above.display());
            let (status, said) = open(mode);
            assert_eq!(status, 0, "{said}");
            assert!(said.contains("problem bootstrap_folder error"), "{said}");
            assert!(said.contains(&words), "{words}: {said}");
        }
    }
}

#[test]
fn what_was_changed_since_it_was_made_is_told_before_anything_changes() {
    let host = compare("", "", "")
        .with("PX_HOSTS_MASTER", "")
        .with("PX_ADDRESSES_MASTER", "");
    let said = |differs: &str| {
        let host = compare("", "", "").with("PX_FACT_SERVED_DIFFERS", differs);
        let host = host
            .with("PX_HOSTS_MASTER", "")
            .with("PX_ADDRESSES_MASTER", "");
        host.run("dcos", "scripts/compare.sh")
    };
    assert_eq!(host.run("dcos", "scripts/compare.sh"), (0, String::new()));
    assert_eq!(said(""), (0, String::new()));
    let (status, text) = said("dcos_install.sh was changed");
    assert_eq!(status, 0, "{text}");
    assert!(
        text.starts_with("problem served error")
            && text.ends_with("in /none/1.8.8/genconf/serve, dcos_install.sh was changed\n"),
        "{text}"
    );
}

#[test]
fn hosts_have_to_go_together() {
    let masters = "b 10.0.0.9\nm1 10.0.0.2\nm2 10.0.0.1\nm3 10.0.0.3\na1 10.0.1.1\n";
    let clocks = "b 120\nm1 90\nm2 2300\nm3 -400\na1 60\n";
    let networks = "b 10.0.0.9/24\nm1 10.0.0.2/24 192.168.7.2/16\na1 10.0.1.1/24\n";
    let said = |host: Host| host.run("dcos", "scripts/compare.sh");
    let good = || compare(masters, clocks, networks);
    assert_eq!(said(good()), (0, String::new()), "masters in any order");

    let wrong = masters.replace("10.0.0.3", "10.0.0.33");
    let (_, text) = said(compare(&wrong, clocks, networks));
    assert_eq!(
        text,
        "problem master_address error no master has the private address 10.0.0.3; they have 10.0.0.2 (m1), 10.0.0.1 (m2), 10.0.0.33 (m3)\n"
    );
    // A script of the operator's own is not known yet: nothing is said against it.
    let unknown = masters.replace("10.0.0.3", "none");
    assert_eq!(said(compare(&unknown, clocks, networks)).1, "");

    let twice = masters.replace("10.0.1.1", "10.0.0.9");
    let (_, text) = said(compare(&twice, clocks, networks));
    assert!(text.contains("same_host error"), "{text}");
    assert!(text.contains("b, a1: 10.0.0.9"), "{text}");

    let off = clocks.replace("2300", "61000").replace("-400", "-7000");
    let (_, text) = said(compare(masters, &off, networks));
    assert!(text.contains("clock error"), "{text}");
    assert!(
        text.contains("m3 is 7 s behind, m2 is 60 s ahead"),
        "{text}"
    );

    for (network, taken) in [
        ("9.1.2.3/24", "9.0.0.0/8"),
        ("11.200.0.4/16", "11.0.0.0/8"),
        ("44.128.3.4/30", "44.128.0.0/20"),
        ("0.0.0.1/0", "9.0.0.0/8"),
    ] {
        let inside = networks.replace("10.0.1.1/24", network);
        let (_, text) = said(compare(masters, clocks, &inside));
        let words = format!("a1 is in {network}, DC/OS takes {taken}");
        assert!(
            text.contains("overlay_network error") && text.contains(&words),
            "{text}"
        );
    }
    let near = networks.replace("10.0.1.1/24", "44.128.16.1/24");
    assert_eq!(said(compare(masters, clocks, &near)).1, "");
    // A point-to-point interface.
    let tunnel = format!("{networks}a2 10.8.0.6/32\n");
    assert_eq!(said(compare(masters, clocks, &tunnel)).1, "");
    // Others than usual, and none.
    let none = compare(masters, clocks, "a1 9.1.2.3/24\n");
    let none = none.with("PX_SETTING_CONFIG", r#"{"dcos_overlay_enable":false}"#);
    assert_eq!(said(none).1, "");
    let config = r#"{"dcos_overlay_network":{"overlays":[{"name":"dcos","prefix":24,"subnet":"10.0.1.0/24"}],"vtep_subnet":"44.1.0.0/20"}}"#;
    let own = good().with("PX_SETTING_CONFIG", config);
    let (_, text) = said(own);
    assert!(
        text.contains("a1 is in 10.0.1.1/24, DC/OS takes 10.0.1.0/24"),
        "{text}"
    );
}
