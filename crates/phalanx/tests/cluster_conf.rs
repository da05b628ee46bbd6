//! The mapping that ships with the DC/OS recipe, on the article's own file and on the example.

#![expect(clippy::expect_used, reason = "a test says what it expects")]

use insta::assert_snapshot;
use phalanx_plan::cluster_conf::{ConfMapping, Meaning, read_conf};
use phalanx_plan::read_context::{KeyFile, ReadContext};
use phalanx_plan::{Cluster, Problems, ShownSettings, SourceFile};

const MAPPING: &str = include_str!("../../../recipes/dcos/cluster-conf.yaml");
const EXAMPLE: &str = include_str!("../../../examples/cluster.conf");
const ARTICLE: &str = include_str!("data/article-cluster.conf");

fn mapping() -> ConfMapping {
    let (mapping, problems) = ConfMapping::read(&SourceFile::new("cluster-conf.yaml", MAPPING));
    assert!(problems.is_empty(), "{}", problems.to_plain_text());
    mapping.expect("a mapping")
}

fn read(text: &str) -> (Option<Cluster>, Problems) {
    let settings = ShownSettings::new(["superuser_password"], []);
    let key_file = |path: &str| match path {
        "/home/me/.ssh/ec2default.pem" => KeyFile::Readable { mode: 0o400 },
        "/home/me/.ssh/id_ed25519" => KeyFile::Readable { mode: 0o600 },
        _ => KeyFile::Missing,
    };
    let context = ReadContext {
        home: Some("/home/me"),
        key_file: &key_file,
        settings: &settings,
        recipe: "dcos",
    };
    read_conf(&SourceFile::new("cluster.conf", text), &mapping(), &context)
}

fn problems(text: &str) -> String {
    let (cluster, problems) = read(text);
    assert_eq!(cluster.is_none(), problems.has_errors());
    problems.to_plain_text()
}

#[test]
fn the_articles_sample_gives_one_error() {
    assert_snapshot!(problems(ARTICLE), @r#"
    error[cluster::address-count]: cluster.conf:8:11: `MASTER1`, `MASTER2` and `MASTER3` name 3 hosts of the role `master`, but `AWSNODESM` lists only 2 addresses
      8:11 `\"54.1.2.4 54.1.2.5\"` 2 addresses: `MASTER1` and `MASTER2`
      5:9 `10.10.0.40` `MASTER3`: no address in `AWSNODESM` to reach it at
      help: write one address for each: AWSNODESM="54.1.2.4 54.1.2.5 <public address of MASTER3 10.10.0.40>"
    "#);
    assert_eq!(read(ARTICLE).1.len(), 1);
}

#[test]
fn the_example_gives_eight_hosts() {
    let (cluster, problems) = read(EXAMPLE);
    assert!(problems.is_empty(), "{}", problems.to_plain_text());
    let cluster = cluster.expect("a cluster");
    let hosts: String = cluster
        .hosts
        .iter()
        .map(|host| {
            let private = host.private_address.as_ref();
            let private = private.map_or("-", |private| private.value.as_str());
            let name = &host.name.value;
            format!(
                "{name} {} {} {private}\n",
                host.role.value, host.address.value
            )
        })
        .collect();
    assert_snapshot!(hosts, @r"
    bootstrap bootstrap 54.1.2.3 10.10.0.10
    master1 master 54.1.2.4 10.10.0.20
    master2 master 54.1.2.5 10.10.0.30
    master3 master 54.1.2.10 10.10.0.40
    private1 private 54.1.2.6 -
    private2 private 54.1.2.7 -
    private3 private 54.1.2.8 -
    public1 public 54.1.2.9 -
    ");
    assert_eq!(cluster.name.value, "dcos");
    assert_eq!(cluster.ssh.user, "ec2-user");
    assert!(cluster.ssh.agent);
    assert_eq!(
        cluster.ssh.keys,
        ["/home/me/.ssh/ec2default.pem", "/home/me/.ssh/id_ed25519"]
    );
}

#[test]
fn the_scripts_settings_are_known() {
    let (cluster, problems) = read(&format!(
        "{EXAMPLE}
BOOTSTRAP_PORT=9999
SUPASSWORD=\"deleteme\"
AWSKEY=\"${{HOME}}/.ssh/ec2default.pem\"
AWSUSER=\"centos\"
CLUSTER_NAME=DCOS188
DOWNLOAD_URL=https://downloads.example/dcos_generate_config.sh
IP_DETECT=\"curl -fsSL http://169.254.169.254/latest/meta-data/local-ipv4\"
"
    ));
    assert!(problems.is_empty(), "{}", problems.to_plain_text());
    let cluster = cluster.expect("a cluster");
    let setting = |name: &str| cluster.settings.get(name).expect("set").value.clone();
    assert_eq!(setting("bootstrap_port"), 9999);
    assert_eq!(
        setting("download_url"),
        "https://downloads.example/dcos_generate_config.sh"
    );
    assert_eq!(cluster.settings.len(), 3);
    let password = cluster.secrets.get("superuser_password").expect("set");
    assert_eq!(password.value.reveal(), "deleteme");
    assert!(!cluster.source.text().contains("deleteme"));
    assert_eq!(cluster.name.value, "DCOS188");
    assert_eq!(cluster.ssh.user, "centos");
    assert_eq!(cluster.ssh.keys, ["/home/me/.ssh/ec2default.pem"]);
    assert!(!cluster.ssh.agent);
}

#[test]
fn what_is_not_of_the_article_is_listed_as_such() {
    let mapping = mapping();
    let ours: Vec<&str> = mapping
        .names
        .iter()
        .filter(|entry| entry.ours)
        .map(|entry| entry.name.as_str())
        .collect();
    assert_eq!(
        ours,
        [
            "CLUSTER_NAME",
            "DOWNLOAD_URL",
            "DOWNLOAD_FILE",
            "DOWNLOAD_SHA256",
            "IP_DETECT",
            "DOCKER_REPO_URL",
            "DOCKER_REPO_KEY"
        ]
    );
    assert!(mapping.find("MASTER9").is_some());
    assert!(mapping.find("MASTER10").is_none());
    assert!(
        mapping
            .names
            .iter()
            .any(|entry| entry.meaning == Meaning::AllAddresses)
    );
}

#[test]
fn each_slip_has_its_own_words() {
    let with = |from: &str, to: &str| {
        assert!(EXAMPLE.contains(from), "{from}");
        problems(&EXAMPLE.replacen(from, to, 1))
    };
    assert_snapshot!(with("MASTER3=10.10.0.40", "#"), @r"
    error[cluster::address-count]: cluster.conf:11:30: `AWSNODESM` lists 3 addresses for the role `master`, but `MASTER1` and `MASTER2` name only 2 hosts
      11:30 `54.1.2.10` no private address belongs to this
      6:9 `10.10.0.30` `MASTER2` is the last one
      help: add `MASTER3=<private address of 54.1.2.10>`, or remove 54.1.2.10 from `AWSNODESM`
    ");
    assert_snapshot!(with("MASTER2=", "MASTER4="), @r"
    error[cluster::series-gap]: cluster.conf:7:1: `MASTER3` is set, but `MASTER2` is not
      7:1 `MASTER3` `MASTER2` must come first
      help: rename it to `MASTER2`, or set `MASTER2` as well
    ");
    assert_snapshot!(with("AWSNODESM=", "AWSNODEM="), @r"
    error[conf::unknown-name]: cluster.conf:11:1: `AWSNODEM` is a name that means nothing
      11:1 `AWSNODEM` unknown name
      14:24 `${AWSNODESM}` `AWSNODESM` is used here
      help: did you mean `AWSNODESM`?
    ");
    assert_snapshot!(with("AWSNODESPUB=54.1.2.9", "AWSNODESPUB=54.1.2.4"), @r"
    error[cluster::two-roles]: cluster.conf:13:13: the host 54.1.2.4 has two roles: `master` and `public`
      13:13 `54.1.2.4` `public` here
      11:12 `54.1.2.4` `master` here
      help: give every host one role: keep one of the two
    ");
    assert_snapshot!(with("54.1.2.7 54.1.2.8", "54.1.2.7 54.1.2.7"), @r"
    error[cluster::address-twice]: cluster.conf:12:33: the address 54.1.2.7 is given twice
      12:33 `54.1.2.7` given again here
      12:24 `54.1.2.7` given here first
      help: write the address of another host, or remove one of the two
    ");
    assert_snapshot!(with("54.1.2.3", "54.1.2.300"), @r"
    error[cluster::address]: cluster.conf:10:11: `54.1.2.300` is not an IP address or host name: 300 is more than 255
      10:11 `54.1.2.300` not an address
      help: write an address such as 192.0.2.10, or a host name
    ");
    assert_snapshot!(with(" ${AWSNODESPUB}", ""), @r#"
    error[cluster::all-addresses]: cluster.conf:14:10: `AWSNODES` must name every host: 54.1.2.9 is missing
      14:10 `\"${AWSNODESB} ${AWSNODESM} ${AWSNODESPRIV}\"` this list
      13:13 `54.1.2.9` 54.1.2.9, in `AWSNODESPUB`, is missing
      help: write AWSNODES="${AWSNODESB} ${AWSNODESM} ${AWSNODESPRIV} ${AWSNODESPUB}" below the other lists
    "#);
    assert_snapshot!(with("${AWSNODESB}", "${AWSNODESBOOT}"), @r"
    error[conf::unset]: cluster.conf:14:11: `AWSNODESBOOT` is not set
      14:11 `${AWSNODESBOOT}` used here
      help: did you mean `AWSNODESB`?
    ");
    assert_snapshot!(with("54.1.2.10\"", "54.1.2.10"), @r#"
    error[conf::unclosed-quote]: cluster.conf:11:11: the value of `AWSNODESM` has no closing quote
      11:11 `\"` opened here
      help: write `"` at the end of the value
    "#);
    assert_snapshot!(with("#AWSKEY=\"${HOME}/.ssh/ec2default.pem", "AWSKEY=\"${HOME}/.ssh/ec2-default.pem"), @r#"
    error[cluster::key-missing]: cluster.conf:18:8: there is no key file `/home/me/.ssh/ec2-default.pem`
      18:8 `\"${HOME}/.ssh/ec2-default.pem\"` this key
      help: write the path of the private key that the hosts accept
    "#);
    assert_snapshot!(with("AWSNODESPUB=54.1.2.9", "AWSNODESPUB=$(dig +short pub)"), @r"
    error[conf::substitution]: cluster.conf:13:13: `$(...)` would be run: the file is read, never run
      13:13 `$(dig +short pub)` not run
      help: write the value itself
    ");
    assert_snapshot!(with("#BOOTSTRAP_PORT=9999", "BOOTSTRAP_PORT=99999\nSUPASWORD=x"), @r"
    error[cluster::setting]: cluster.conf:21:16: `BOOTSTRAP_PORT` must be a port: a number from 1 to 65535
      21:16 `99999` expected a port: a number from 1 to 65535
    error[conf::unknown-name]: cluster.conf:22:1: `SUPASWORD` is a name that means nothing
      22:1 `SUPASWORD` unknown name
      help: did you mean `SUPASSWORD`?
    ");
}
