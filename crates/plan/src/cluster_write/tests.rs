use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::cluster::Spanned;
use crate::cluster_yaml::read_yaml;
use crate::ids::{HostName, RoleName};
use crate::read_context::{KeyFile, ReadContext};
use crate::secret::Secret;
use crate::shown_settings::ShownSettings;
use crate::source::{SourceFile, Span};

fn spanned<T>(value: T) -> Spanned<T> {
    Spanned {
        value,
        span: Span::default(),
    }
}

fn host(name: &str, role: &str, address: &str, ssh: &SshSettings) -> Host {
    Host {
        name: spanned(HostName::new(name)),
        role: spanned(RoleName::new(role)),
        address: spanned(address.to_owned()),
        private_address: None,
        labels: BTreeSet::new(),
        ssh: ssh.clone(),
        span: Span::default(),
    }
}

fn cluster(ssh: SshSettings, hosts: Vec<Host>, settings: BTreeMap<String, Value>) -> Cluster {
    Cluster {
        source: SourceFile::new("x", ""),
        name: spanned("lab".to_owned()),
        recipe: spanned("./my recipe".to_owned()),
        release: Some(spanned("1.10".to_owned())),
        ssh,
        hosts,
        accept: Vec::new(),
        role_places: BTreeMap::new(),
        settings: settings
            .into_iter()
            .map(|(name, value)| (name, spanned(value)))
            .collect(),
        setting_places: BTreeMap::new(),
        setting_names: BTreeMap::new(),
        secrets: BTreeMap::new(),
    }
}

fn read(text: &str) -> Cluster {
    let settings = ShownSettings::new(["password"], []);
    let context = ReadContext {
        home: Some("/home/me"),
        key_file: &|_| KeyFile::Readable { mode: 0o600 },
        settings: &settings,
        recipe: "other",
    };
    let (cluster, problems) = read_yaml(&SourceFile::new("phalanx.yaml", text), &context);
    assert!(problems.is_empty(), "{text}{}", problems.to_plain_text());
    cluster.expect("a cluster")
}

/// All but the places and the secrets.
fn model(cluster: &Cluster) -> String {
    let hosts: Vec<_> = cluster
        .hosts
        .iter()
        .map(|host| {
            (
                &host.name.value,
                &host.role.value,
                &host.address.value,
                host.private_address.as_ref().map(|private| &private.value),
                &host.labels,
                &host.ssh,
            )
        })
        .collect();
    let settings: Vec<_> = cluster
        .settings
        .iter()
        .map(|(name, setting)| (name, &setting.value))
        .collect();
    format!(
        "{:?} {:?} {:?} {:?} {hosts:#?} {settings:#?}",
        cluster.name.value,
        cluster.recipe.value,
        cluster.release.as_ref().map(|release| &release.value),
        cluster.ssh
    )
}

#[test]
fn a_whole_file() {
    let ssh = SshSettings {
        user: "admin".into(),
        port: 2222,
        keys: vec!["/home/me/.ssh/lab.pem".into(), "/keys/a b".into()],
        agent: true,
        host_keys: HostKeys::Strict,
        known_hosts: vec!["/home/me/known".into()],
        jobs: JobMode::Session,
        spool: "/var/x".into(),
        reconnect_for: Duration::from_secs(3600),
        ..SshSettings::default()
    };
    let mut worker = host("worker1", "worker", "fe80::1%eth0", &ssh);
    worker.private_address = Some(spanned("10.0.0.1".into()));
    worker.labels = BTreeSet::from(["ssd".into(), "1".into()]);
    worker.ssh.port = 22;
    worker.ssh.user = "root".into();
    let hosts = vec![host("leader1", "leader", "leader.example", &ssh), worker];
    let settings = BTreeMap::from([
        ("port".to_owned(), json!(9999)),
        ("motto".to_owned(), json!("a: \"b\"\n#c\u{85}ü")),
        (
            "list".to_owned(),
            json!(["1", 1, 1.0, true, "true", null, {"a b": {}}]),
        ),
    ]);
    let mut cluster = cluster(ssh, hosts, settings);
    cluster
        .secrets
        .insert("password".into(), spanned(Secret::new("s3cret")));
    let text = to_yaml(&cluster, Some("/home/me/"));
    assert!(!text.contains("s3cret"));
    assert_snapshot!(text, @r#"
    # The cluster: its hosts, and what they are to become.
    cluster: lab
    recipe: "./my recipe"
    release: "1.10"

    # How SSH reaches the hosts; what is not written here is as usual.
    ssh:
      user: admin
      port: 2222
      # Private keys, in the order they are tried.
      keys: [~/.ssh/lab.pem, "/keys/a b"]
      # Whether the agent's other keys are tried too, after these.
      agent: true
      host_keys: strict
      known_hosts: [~/known]
      jobs: session
      spool: /var/x
      reconnect_for: 1h

    # Where SSH reaches each host, and the address that the hosts know each other by.
    hosts:
      - { name: leader1, role: leader, address: leader.example }
      - { name: worker1, role: worker, address: "fe80::1%eth0", private_address: 10.0.0.1, port: 22, user: root, labels: ["1", ssd] }

    # The recipe's settings.
    settings:
      list: ["1", 1, 1.0, true, "true", null, {"a b": {}}]
      motto: "a: \"b\"\n#c\u0085ü"
      port: 9999
      # password: ...
      # ^ A secret, which was not copied: write it here, and let nobody else read this file.
    "#);
    let again = read(&text);
    assert_eq!(model(&again), model(&cluster));
    assert!(again.secrets.is_empty());
}

#[test]
fn the_least_file() {
    let ssh = SshSettings::default();
    let hosts = vec![host("a", "b", "c", &ssh)];
    let mut cluster = cluster(ssh, hosts, BTreeMap::new());
    cluster.release = None;
    let text = to_yaml(&cluster, None);
    assert_snapshot!(text, @r#"
    # The cluster: its hosts, and what they are to become.
    cluster: lab
    recipe: "./my recipe"
    # release: the recipe's usual one, where none is written here

    # How SSH reaches the hosts; what is not written here is as usual.
    ssh:
      user: root

    # Where SSH reaches each host, and the address that the hosts know each other by.
    hosts:
      - { name: a, role: b, address: c }
    "#);
    assert_eq!(model(&read(&text)), model(&cluster));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has no such number", |number| number.is_finite())
            .prop_map(Value::from),
        ".*".prop_map(Value::from),
        "[-~:#{}\\[\\],&*!|>'\"%@` 0-9a-z.]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("\\PC{0,8}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

fn any_ssh() -> impl Strategy<Value = SshSettings> {
    (
        (
            "[a-z0-9_.]{1,8}(@[a-z.]{1,8})?",
            1..=u16::MAX,
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
        ),
        prop::collection::vec("(/[ -~é]{1,6}){1,2}", 0..3),
        prop::collection::vec("/home/me/[ -~]{1,6}", 0..3),
        "(/[a-z._-]*[a-z]){1,3}",
        prop::collection::vec(1u64..1_000_000, 5),
    )
        .prop_map(
            |((user, port, agent, strict, session), keys, known_hosts, spool, times)| {
                let time =
                    |index: usize| Duration::from_secs(times.get(index).copied().unwrap_or(1));
                SshSettings {
                    user,
                    port,
                    keys,
                    agent,
                    host_keys: if strict {
                        HostKeys::Strict
                    } else {
                        HostKeys::AcceptNew
                    },
                    known_hosts,
                    jobs: if session {
                        JobMode::Session
                    } else {
                        JobMode::Systemd
                    },
                    spool,
                    connect_timeout: time(0),
                    auth_timeout: time(1),
                    keepalive: time(2),
                    stall_timeout: time(3),
                    reconnect_for: time(4),
                }
            },
        )
}

type HostParts = (
    String,
    Option<u8>,
    Option<u16>,
    Option<String>,
    BTreeSet<String>,
);

fn any_host() -> impl Strategy<Value = HostParts> {
    (
        "[a-zA-Z0-9][a-zA-Z0-9._-]{0,10}",
        any::<Option<u8>>(),
        prop::option::of(1..=u16::MAX),
        prop::option::of("[a-z0-9_]{1,6}(@[a-z]{1,4})?"),
        prop::collection::btree_set("[a-zA-Z0-9][a-zA-Z0-9._-]{0,6}", 0..3),
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        ssh in any_ssh(),
        hosts in prop::collection::vec(any_host(), 1..6),
        settings in prop::collection::btree_map("\\PC{0,12}", any_json(), 0..6),
        release in prop::option::of("[0-9a-z.]{1,6}"),
        recipe in "[ -~ü]{1,12}",
    ) {
        let hosts = hosts
            .into_iter()
            .enumerate()
            .map(|(index, (role, private, port, user, labels))| Host {
                private_address: private.map(|_| spanned(format!("10.0.1.{index}"))),
                labels,
                ssh: SshSettings {
                    port: port.unwrap_or(ssh.port),
                    user: user.unwrap_or_else(|| ssh.user.clone()),
                    ..ssh.clone()
                },
                ..host(&format!("h{index}"), &role, &format!("10.0.0.{index}"), &ssh)
            })
            .collect();
        let settings = settings
            .into_iter()
            .filter(|(name, value)| !value.is_null() && name != "password")
            .collect();
        let mut cluster = cluster(ssh, hosts, settings);
        cluster.release = release.map(spanned);
        cluster.recipe = spanned(recipe);
        let again = read(&to_yaml(&cluster, Some("/home/me")));
        prop_assert_eq!(model(&again), model(&cluster));
    }
}
