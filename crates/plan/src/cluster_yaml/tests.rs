mod planted;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::cluster::{Cluster, HostKeys, JobMode};
use crate::problem::Problems;
use crate::read_context::{KeyFile, ReadContext};
use crate::shown_settings::ShownSettings;
use crate::source::SourceFile;

const GOOD: &str = "\
cluster: lab
recipe: small
release: 1.10
ssh:
  user: admin
  keys: [~/.ssh/good.pem]
  port: 2222
  agent: true
  host_keys: strict
  known_hosts: [~/known, /etc/known]
  jobs: session
  spool: /var/spool/x
  connect_timeout: 5s
  auth_timeout: 6s
  keepalive: 1m
  stall_timeout: 1h
  reconnect_for: 2m
hosts:
  - {name: guide, role: guide, address: 54.0.0.1, private_address: 10.0.0.1}
  - role: leader
    address: leader.example
    port: 22
    user: root
    labels: [rack-1, ssd]
  - {name: leader3, role: leader, address: '54.0.0.3', labels: rack-2}
  - {role: leader, address: 54.0.0.4}
settings:
  port: 9999
  resolvers: [1.1.1.1, 2.2.2.2]
  nested: {a/b: [x]}
  left:
  password: s3cret
";

fn key_file(path: &str) -> KeyFile {
    match path {
        "/home/me/.ssh/good.pem" => KeyFile::Readable { mode: 0o600 },
        "/home/me/.ssh/open.pem" => KeyFile::Readable { mode: 0o640 },
        "/home/me/.ssh/agents.pub" => KeyFile::Public,
        _ => KeyFile::Missing,
    }
}

fn read_with(text: &str, home: Option<&str>) -> (Option<Cluster>, Problems) {
    let settings = ShownSettings::new(["password"], ["port", "resolvers", "nested", "left"]);
    let context = ReadContext {
        home,
        key_file: &key_file,
        settings: &settings,
        recipe: "small",
    };
    read_yaml(&SourceFile::new("phalanx.yaml", text), &context)
}

fn read(text: &str) -> (Option<Cluster>, Problems) {
    read_with(text, Some("/home/me"))
}

fn good(text: &str) -> Cluster {
    let (cluster, problems) = read(text);
    assert!(problems.is_empty(), "{}", problems.to_plain_text());
    cluster.expect("a cluster")
}

fn problems(text: &str) -> String {
    let (cluster, problems) = read(text);
    assert_eq!(cluster.is_none(), problems.has_errors());
    problems.to_plain_text()
}

fn instead(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    problems(&GOOD.replacen(from, to, 1))
}

#[test]
fn a_good_file() {
    let cluster = good(GOOD);
    let hosts: String = cluster
        .hosts
        .iter()
        .map(|host| {
            format!(
                "{} {} {}@{}:{} {:?} {:?} `{}`\n",
                host.name.value,
                host.role.value,
                host.ssh.user,
                host.address.value,
                host.ssh.port,
                host.private_address.as_ref().map(|private| &private.value),
                host.labels,
                cluster
                    .source
                    .slice(host.name.span)
                    .lines()
                    .next()
                    .unwrap_or_default(),
            )
        })
        .collect();
    assert_snapshot!(hosts, @r#"
    guide guide admin@54.0.0.1:2222 Some("10.0.0.1") {} `guide`
    leader1 leader root@leader.example:22 None {"rack-1", "ssd"} `role: leader`
    leader3 leader admin@54.0.0.3:2222 None {"rack-2"} `leader3`
    leader4 leader admin@54.0.0.4:2222 None {} `{role: leader, address: 54.0.0.4}`
    "#);
    assert_eq!(cluster.release.expect("set").value, "1.10");
    assert_eq!(cluster.ssh.keys, ["/home/me/.ssh/good.pem"]);
    assert_eq!(cluster.ssh.known_hosts, ["/home/me/known", "/etc/known"]);
    assert_eq!(cluster.ssh.host_keys, HostKeys::Strict);
    assert_eq!(cluster.ssh.jobs, JobMode::Session);
    assert_eq!(cluster.ssh.spool, "/var/spool/x");
    assert!(cluster.ssh.agent);
    let times = [
        cluster.ssh.connect_timeout,
        cluster.ssh.auth_timeout,
        cluster.ssh.keepalive,
        cluster.ssh.stall_timeout,
        cluster.ssh.reconnect_for,
    ];
    assert_eq!(times.map(|time| time.as_secs()), [5, 6, 60, 3600, 120]);
    assert_eq!(cluster.settings.get("port").expect("set").value, 9999);
    assert!(!cluster.settings.contains_key("left"));
    assert!(!cluster.settings.contains_key("password"));
    let place = |pointer: &str| {
        let span = cluster.setting_places.get(pointer).copied();
        cluster.source.slice(span.unwrap_or_default()).to_owned()
    };
    assert_eq!(place("/resolvers/1"), "2.2.2.2");
    assert_eq!(place("/nested/a~1b/0"), "x");
    assert_eq!(place("/port"), "9999");
    let role = cluster.role_places.get("leader").copied().expect("a place");
    assert_eq!(cluster.source.line_column(role.start), (20, 11));
}

#[test]
fn the_shortest_file() {
    let cluster = good("cluster: lab\nhosts: [{role: leader, address: h}]\n");
    assert_eq!(cluster.recipe.value, "small");
    assert_eq!(cluster.ssh, crate::cluster::SshSettings::default());
    let cluster =
        good("cluster: lab\nssh: {key: ~/.ssh/good.pem}\nhosts: [{role: a, address: h}]\n");
    assert!(!cluster.ssh.agent, "the named key is the only one");
}

#[test]
fn names_that_are_made_are_all_different() {
    let mut text = "cluster: x\nrecipe: r\nhosts:\n".to_owned();
    for number in 1..=11 {
        text.push_str(&format!("  - {{ role: a, address: 10.0.0.{number} }}\n"));
    }
    text.push_str("  - { role: a1, address: 10.0.0.12 }\n  - { role: a1, address: 10.0.0.13 }\n");
    let (cluster, problems) = read_with(&text, None);
    assert!(!problems.has_errors(), "{}", problems.to_plain_text());
    let hosts = cluster.expect("a cluster").hosts;
    let names: Vec<&str> = hosts.iter().map(|host| host.name.value.as_str()).collect();
    assert_eq!(names[10..], ["a11", "a12", "a13"]);
}

#[test]
fn a_public_key_names_one_of_the_agents() {
    let cluster =
        good("cluster: lab\nssh: {key: ~/.ssh/agents.pub}\nhosts: [{role: a, address: h}]\n");
    assert_eq!(cluster.ssh.keys, ["/home/me/.ssh/agents.pub"]);
    assert!(!cluster.ssh.agent);
}

#[test]
fn a_secret_is_shown_nowhere() {
    let cluster = good(GOOD);
    let secret = cluster.secrets.get("password").expect("set");
    assert_eq!(secret.value.reveal(), "s3cret");
    assert!(!cluster.source.text().contains("s3cret"));
    assert_eq!(cluster.source.text().len(), GOOD.len());
    for settings in [
        "settings:\n  password: s3cret\n  password: s3cret\n",
        "settings: {port: 1, \"password\" : 's3cret', x: [}\n",
        "settings:\n  pasword: s3cret\n  - x\n",
        "settings:\n  password: |\n    s3cret\n\n    s3cret\n  x: }\n",
        "settings:\n  password: [s3cret]\n",
        "settings:\n  password: \"s3cret\n",
        "settings:\n  password: {s3cret: s3cret}\n",
        "password: s3cret\n",
    ] {
        let (_, problems) = read(&format!(
            "cluster: lab\nhosts: [{{role: a, address: h}}]\n{settings}"
        ));
        assert!(!problems.is_empty(), "{settings}");
        let text = problems.to_plain_text();
        assert!(!text.contains("s3cret"), "{settings}{text}");
        for problem in problems.iter() {
            let source = problem.source.as_ref().expect("a source");
            assert!(!source.text().contains("s3cret"), "{}", source.text());
        }
    }
}

#[test]
fn keys_that_are_missing_or_unknown() {
    assert_snapshot!(problems("hosts: [{role: a, addres: h}, {address: h}, x]\nclustr: a\nssh: {usr: x}\n"), @r"
    error[yaml::unknown-key]: phalanx.yaml:1:19: a host has no key `addres`
      1:19 `addres` unknown key
      help: did you mean `address`?
    error[yaml::missing-key]: phalanx.yaml:1:31: a host needs `role`
      1:31 `{address: h}` no `role` here
      help: write what it is to become: `role: ...`
    error[yaml::type]: phalanx.yaml:1:45: a host must be a mapping, found a text
      1:45 `*` expected a mapping
    error[yaml::unknown-key]: phalanx.yaml:2:1: the cluster file has no key `clustr`
      2:1 `clustr` unknown key
      help: did you mean `cluster`?
    error[yaml::unknown-key]: phalanx.yaml:3:7: `ssh` has no key `usr`
      3:7 `usr` unknown key
      help: did you mean `user`?
    ");
    assert_snapshot!(problems("cluster: a\n"), @r"
    error[yaml::missing-key]: phalanx.yaml:1:1: the cluster file needs `hosts`
      1:1 `cluster: a` no `hosts` here
      help: write the hosts: a list of `{role: ..., address: ...}`
    ");
    assert_snapshot!(problems("cluster: a\nhosts: []\n"), @r"
    error[cluster::no-hosts]: phalanx.yaml:2:8: there are no hosts
      2:8 `[]` an empty list
      help: write the hosts: a list of `{role: ..., address: ...}`
    ");
    assert_snapshot!(problems("cluster: a\nhosts: {a: b}\n"), @r"
    error[yaml::type]: phalanx.yaml:2:8: `hosts` must be a list, found a mapping
      2:8 `{*: *}` expected a list
    ");
    assert_snapshot!(problems("[a]\n"), @r"
    error[yaml::type]: phalanx.yaml:1:1: the cluster file must be a mapping, found a list
      1:1 `[*]` expected a mapping
    ");
    assert_snapshot!(problems("cluster:\nhosts:\n"), @r"
    error[yaml::missing-key]: phalanx.yaml:1:1: `cluster` is empty
      1:1 `cluster` nothing here
      help: write the cluster's name: `cluster: my-cluster`
    error[yaml::missing-key]: phalanx.yaml:2:1: `hosts` is empty
      2:1 `hosts` nothing here
      help: write the hosts: a list of `{role: ..., address: ...}`
    ");
    assert_snapshot!(problems("A=1\n"), @r"
    error[yaml::type]: phalanx.yaml:1:1: the cluster file must be a mapping, found a text
      1:1 `***` expected a mapping
    ");
}

#[test]
fn a_key_given_twice() {
    assert_snapshot!(instead("release: 1.10\n", "release: 1\nrelease: 2\n"), @r"
    error[yaml::duplicate-key]: phalanx.yaml:4:1: `release` is given twice
      4:1 `release` given again here
      3:1 `release` given here first
      help: keep one of the two
    ");
}

#[test]
fn an_empty_file() {
    assert_eq!(
        problems("# nothing\n"),
        "error[yaml::empty]: phalanx.yaml: the file is empty\n"
    );
}

#[test]
fn a_login_of_a_directory() {
    let text = GOOD
        .replacen("user: admin", "user: admin@corp.example", 1)
        .replacen("user: root", "{}", 1);
    let text = text.replacen("{}", r"user: 'CORP\me'", 1);
    let cluster = good(&text);
    assert_eq!(cluster.ssh.user, "admin@corp.example");
    assert_eq!(cluster.hosts[1].ssh.user, r"CORP\me");
    for wrong in ["'@corp'", "me@", "-me", "a/b", "a:b"] {
        let told = instead("user: admin", &format!("user: {wrong}"));
        assert!(told.contains("this can't be a login"), "{wrong}: {told}");
    }
    assert_snapshot!(instead("user: admin", "user: admin@10.0.0.1"), @r"
    error[cluster::user]: phalanx.yaml:5:9: the login holds an address
      5:9 `admin@10.0.0.1` the login and an address
      help: write the login alone; where a host is reached, its `address` says
    ");
}

#[test]
fn a_link_local_address_has_a_zone_and_a_private_address_beside_it() {
    let address = "address: 54.0.0.1, private_address: 10.0.0.1";
    let cluster = good(&GOOD.replacen(
        address,
        "address: fe80::1%eth0, private_address: 10.0.0.1",
        1,
    ));
    assert_eq!(cluster.hosts[0].address.value, "fe80::1%eth0");
    assert_snapshot!(instead(address, "address: fe80::1%eth0"), @r"
    error[cluster::zone]: phalanx.yaml:19:41: the address of `guide`, fe80::1%eth0, is valid on this machine only: no other host can reach it by that
      19:41 `fe80::1%eth0` the zone is a network card of this machine
      help: name its private address as well, by which the hosts know each other: `private_address` in a phalanx.yaml
    ");
    assert_snapshot!(instead(address, "address: fe80::1, private_address: 10.0.0.1"), @r"
    error[cluster::zone]: phalanx.yaml:19:41: the address of `guide`, fe80::1, is link-local, and does not say on which network
      19:41 `fe80::1` a zone is missing
      help: write the network card of this machine that leads there, as in `fe80::1%eth0`
    ");
    assert_snapshot!(instead(address, "address: 54.0.0.1, private_address: fe80::1%eth0"), @r"
    error[cluster::zone]: phalanx.yaml:19:68: the private address of `guide`, fe80::1%eth0, is valid on one machine only
      19:68 `fe80::1%eth0` the zone is a network card of one machine
      help: write an address that is the same on every host
    ");
    assert_snapshot!(instead(address, "address: fe80::01%eth0, private_address: 10.0.0.1}\n  - {role: guide, address: fe80::1%eth0, private_address: 10.0.0.2"), @r"
    error[cluster::address-twice]: phalanx.yaml:20:28: the address fe80::1%eth0 is given twice
      20:28 `fe80::1%eth0` given again here
      19:41 `fe80::01%eth0` given here first
      help: write the address of another host, or remove one of the two
    ");
}

#[test]
fn wrong_values() {
    assert_snapshot!(instead("cluster: lab", "cluster: a b"), @r"
    error[cluster::name]: phalanx.yaml:1:10: this can't be a cluster's name
      1:10 `a b` the name
      help: write letters, digits, `.`, `_` and `-`, at most 64, a letter or digit first
    ");
    assert_snapshot!(instead("port: 2222", "port: 0"), @r"
    error[yaml::type]: phalanx.yaml:7:9: `port` must be a whole number from 1 to 65535, found the number 0
      7:9 `0` expected a whole number from 1 to 65535
    ");
    assert_snapshot!(instead("user: admin", "user: 'a b'"), @r"
    error[cluster::user]: phalanx.yaml:5:9: this can't be a login
      5:9 `\'a b\'` the login
      help: write the name of one user, such as `admin` or `admin@corp.example`
    ");
    assert_snapshot!(instead("strict", "ask"), @r"
    error[yaml::type]: phalanx.yaml:9:14: `host_keys` must be `accept-new` or `strict`, found the text `ask`
      9:14 `ask` expected `accept-new` or `strict`
    ");
    assert_snapshot!(instead("session", "cron"), @r"
    error[yaml::type]: phalanx.yaml:11:9: `jobs` must be `systemd` or `session`, found the text `cron`
      11:9 `cron` expected `systemd` or `session`
    ");
    assert_snapshot!(instead("/var/spool/x", "../x"), @r"
    error[yaml::type]: phalanx.yaml:12:10: `spool` must be the absolute path of a folder, of letters, digits, `.`, `_` and `-`, found the text `../x`
      12:10 `../x` expected the absolute path of a folder, of letters, digits, `.`, `_` and `-`
    ");
    assert_snapshot!(instead("5s", "5"), @r"
    error[cluster::duration]: phalanx.yaml:13:20: `connect_timeout` is no span of time: the unit is missing: write `s` for seconds, `m` for minutes or `h` for hours
      13:20 `5` not a span of time
      help: write `5s`, if seconds are meant
    ");
    assert_snapshot!(instead("6s", "soon"), @r"
    error[cluster::duration]: phalanx.yaml:14:17: `auth_timeout` is no span of time: a span of time is a number and a unit: `30s`, `10m`, `1h`
      14:17 `soon` not a span of time
      help: write `30s`, `10m` or `1h`
    ");
    assert_snapshot!(instead("agent: true", "agent: maybe"), @r"
    error[yaml::type]: phalanx.yaml:8:10: `agent` must be `true` or `false`, found the text `maybe`
      8:10 `maybe` expected `true` or `false`
    ");
    assert_snapshot!(instead("[rack-1, ssd]", "[rack 1, {}]"), @r"
    error[yaml::type]: phalanx.yaml:24:22: an entry of `labels` must be a text, found a mapping
      24:22 `{}` expected a text
    ");
    assert_snapshot!(instead("  password: s3cret", "  password: [x]"), @r"
    error[yaml::type]: phalanx.yaml:32:13: the secret `password` must be a text, found a list
      32:13 `[*]` expected a text
    ");
}

#[test]
fn hosts_that_clash() {
    assert_snapshot!(instead("54.0.0.4", "54.0.0.3"), @r"
    error[cluster::address-twice]: phalanx.yaml:26:29: the address 54.0.0.3 is given twice
      26:29 `54.0.0.3` given again here
      25:44 `\'54.0.0.3\'` given here first
      help: write the address of another host, or remove one of the two
    ");
    assert_snapshot!(instead("address: 54.0.0.4", "address: 54.0.0.1"), @r"
    error[cluster::two-roles]: phalanx.yaml:26:29: the host 54.0.0.1 has two roles: `guide` and `leader`
      26:29 `54.0.0.1` `leader` here
      19:41 `54.0.0.1` `guide` here
      help: give every host one role: keep one of the two
    ");
    assert_snapshot!(instead("name: leader3", "name: guide"), @r"
    error[cluster::name-twice]: phalanx.yaml:25:12: two hosts are named `guide`
      25:12 `guide` named again here
      19:12 `guide` named here first
      help: give each host a name of its own
    ");
    assert_snapshot!(instead("54.0.0.4", "54.0.0.4, private_address: 10.0.0.1"), @r"
    error[cluster::address-twice]: phalanx.yaml:26:56: the private address 10.0.0.1 is given twice
      26:56 `10.0.0.1` given again here
      19:68 `10.0.0.1` given here first
      help: each host has a private address of its own
    ");
    assert_snapshot!(instead("54.0.0.4", "54.0.0.400"), @r"
    error[cluster::address]: phalanx.yaml:26:29: `54.0.0.400` is not an IP address or host name: 400 is more than 255
      26:29 `54.0.0.400` not an address
      help: write an address such as 192.0.2.10, or a host name
    ");
    // Two ports of one address are two hosts.
    good(&GOOD.replace("54.0.0.4", "54.0.0.3, port: 23"));
}

#[test]
fn key_files() {
    assert_snapshot!(instead("~/.ssh/good.pem", "~/.ssh/none.pem, ~/.ssh/open.pem"), @r"
    error[cluster::key-missing]: phalanx.yaml:6:10: there is no key file `/home/me/.ssh/none.pem`
      6:10 `~/.ssh/none.pem` this key
      help: write the path of the private key that the hosts accept
    error[cluster::key-mode]: phalanx.yaml:6:27: the key file `/home/me/.ssh/open.pem` can be read by others (mode 0640)
      6:27 `~/.ssh/open.pem` this key
      help: run `chmod 600 /home/me/.ssh/open.pem`
    ");
    assert_snapshot!(instead("  port: 2222", "  key: ~/.ssh/good.pem"), @r"
    error[cluster::keys]: phalanx.yaml:6:3: `key` and `keys` are both given
      6:3 `keys` this
      7:3 `key` and this
      help: keep one of the two: `keys` is a list, tried in its order
    ");
    let (_, problems) = read_with(GOOD, None);
    assert_snapshot!(problems.to_plain_text(), @r"
    error[cluster::home]: phalanx.yaml:6:10: the home folder is not known
      6:10 `~/.ssh/good.pem` `~` stands for it
      help: set HOME, or write the path in full
    error[cluster::home]: phalanx.yaml:10:17: the home folder is not known
      10:17 `~/known` `~` stands for it
      help: set HOME, or write the path in full
    ");
}

#[test]
fn the_recipe_can_be_told_before_all_else() {
    let peek = |text: &str| {
        parse(&SourceFile::new("x", text))
            .recipe()
            .map(|recipe| recipe.value)
    };
    assert_eq!(peek(GOOD).as_deref(), Some("small"));
    assert_eq!(
        peek("recipe: ./mine\nnonsense: true\n").as_deref(),
        Some("./mine")
    );
    for text in ["cluster: a\n", "recipe: []\n", "recipe:\n", "{", ""] {
        assert_eq!(peek(text), None, "{text}");
    }
}

#[test]
fn large_files_are_read_in_time() {
    let host = |n: usize| format!("- {{role: a, address: h{n}}}\n");
    let hosts: String = (0..10_000).map(host).collect();
    let begun = std::time::Instant::now();
    let cluster = good(&format!("cluster: a\nhosts:\n{hosts}"));
    assert_eq!(cluster.hosts.len(), 10_000);
    read(&format!(
        "cluster: a\nhosts:\n{}",
        "- {role: a, address: h}\n".repeat(10_000)
    ));
    read(&format!("{GOOD}{}", "  password: x\n".repeat(20_000)));
    let taken = begun.elapsed().as_secs();
    assert!(taken < 60, "{taken} s");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*") {
        check(&text)?;
    }

    #[test]
    fn no_mutation_of_a_good_file_makes_the_reader_panic(
        at in 0..GOOD.len(),
        length in 0usize..12,
        with in prop::collection::vec(
            prop::sample::select(vec![
                "\"", "'", "[", "]", "{", "}", ": ", "- ", "\n", "\n  ", "#", "&a ", "*a", "!!int ",
                "~", "ü", "\0", "hosts", ": ~\n", "null", "9999999999999999999", "1e999", "\t", "|\n", "? ",
            ]),
            0..4,
        ),
    ) {
        let mut text = GOOD.to_owned();
        let end = (at + length).min(text.len());
        text.replace_range(at..end, &with.concat());
        check(&text)?;
    }
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let (cluster, problems) = read(text);
    prop_assert_eq!(cluster.is_none(), problems.has_errors());
    for problem in problems.iter() {
        for label in &problem.labels {
            prop_assert!(text.get(label.span.start..label.span.end).is_some());
        }
    }
    Ok(())
}
