mod mapping;
mod planted;
mod robust;
mod words;

use insta::assert_snapshot;

use super::*;
use crate::cluster::Cluster;
use crate::problem::Problems;
use crate::read_context::{KeyFile, ReadContext};
use crate::shown_settings::ShownSettings;
use crate::source::SourceFile;

const MAPPING: &str = "\
names:
  GUIDE: { private_addresses: guide, about: the guide's private address }
  LEADER{1..9}: { private_addresses: leader, about: the leaders' private addresses }
  NODES_G: { addresses: guide, about: where SSH reaches the guide }
  NODES_L: { addresses: leader, about: where SSH reaches the leaders }
  NODES_W: { addresses: worker, about: where SSH reaches the workers }
  NODES: { all_addresses: true, about: every address once more }
  PORT: { setting: port, type: port, about: where the guide listens }
  RETRIES: { setting: retries, type: number, about: how often }
  FAST: { setting: fast, type: bool, about: whether }
  RESOLVERS: { setting: resolvers, type: list, about: name servers }
  MOTTO: { setting: motto, about: any text }
  PASSWORD: { secret: password, about: the first user's password }
  KEY: { ssh: key, default: [agent, ~/.ssh/lab.pem, ssh], about: the private key }
  LOGIN: { ssh: user, default: admin, about: the login }
  CLUSTER: { cluster: name, default: lab, ours: true, about: the cluster's name }
host_names: { guide: guide, leader: 'leader{n}' }
";

const GOOD: &str = "\
# private
GUIDE=10.0.0.1
LEADER1=10.0.0.2
LEADER2='10.0.0.3'
# public
NODES_G=54.0.0.1
NODES_L=\"54.0.0.2 54.0.0.3\"
NODES_W='54.0.0.4'
NODES=\"${NODES_G} $NODES_L ${NODES_W}\"
";

fn mapping() -> ConfMapping {
    let source = SourceFile::new("mapping.yaml", MAPPING);
    let (mapping, problems) = ConfMapping::read(&source);
    assert!(problems.is_empty(), "{}", problems.to_plain_text());
    mapping.expect("a mapping")
}

fn key_file(path: &str) -> KeyFile {
    match path {
        "/home/me/.ssh/good.pem" | "/home/me/.ssh/id_rsa" => KeyFile::Readable { mode: 0o100_600 },
        "/home/me/.ssh/open.pem" => KeyFile::Readable { mode: 0o100_644 },
        "/home/me/.ssh" => KeyFile::NotAFile,
        "/root/key" => KeyFile::Unreadable("permission denied".into()),
        _ => KeyFile::Missing,
    }
}

fn read_with(text: &str, home: Option<&str>) -> (Option<Cluster>, Problems) {
    let settings = ShownSettings::new(["password"], []);
    let context = ReadContext {
        home,
        key_file: &key_file,
        settings: &settings,
        recipe: "small",
    };
    read_conf(&SourceFile::new("cluster.conf", text), &mapping(), &context)
}

fn read(text: &str) -> (Option<Cluster>, Problems) {
    read_with(text, Some("/home/me"))
}

fn good(text: &str) -> Cluster {
    let (cluster, problems) = read(text);
    assert!(problems.is_empty(), "{}", problems.to_plain_text());
    cluster.expect("a cluster")
}

/// The problems of a file; that it gives a cluster exactly where there is no error.
fn problems(text: &str) -> String {
    let (cluster, problems) = read(text);
    assert_eq!(cluster.is_none(), problems.has_errors());
    problems.to_plain_text()
}

/// The problems of the good file with `more` below.
fn with(more: &str) -> String {
    problems(&format!("{GOOD}{more}"))
}

/// The problems of the good file with one text replaced.
fn instead(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from));
    problems(&GOOD.replacen(from, to, 1))
}

fn hosts(cluster: &Cluster) -> String {
    cluster
        .hosts
        .iter()
        .map(|host| {
            let (line, column) = cluster.source.line_column(host.address.span.start);
            let private = host.private_address.as_ref();
            let private = private.map_or("-", |private| private.value.as_str());
            format!(
                "{} {} {} {private} at {line}:{column} `{}`\n",
                host.name.value,
                host.role.value,
                host.address.value,
                cluster.source.slice(host.address.span)
            )
        })
        .collect()
}

#[test]
fn a_good_file() {
    let cluster = good(GOOD);
    assert_snapshot!(hosts(&cluster), @r"
    guide guide 54.0.0.1 10.0.0.1 at 6:9 `54.0.0.1`
    leader1 leader 54.0.0.2 10.0.0.2 at 7:10 `54.0.0.2`
    leader2 leader 54.0.0.3 10.0.0.3 at 7:19 `54.0.0.3`
    worker1 worker 54.0.0.4 - at 8:10 `54.0.0.4`
    ");
    assert_eq!(cluster.name.value, "lab");
    assert_eq!(cluster.recipe.value, "small");
    assert_eq!(cluster.ssh.user, "admin");
    assert!(cluster.ssh.agent);
    // The agent's keys, then ssh's own: what is tried where no file is named.
    assert!(cluster.ssh.keys.is_empty());
    let place = cluster.role_places.get("leader").expect("a place");
    assert_eq!(cluster.source.slice(*place), "\"54.0.0.2 54.0.0.3\"");
}

#[test]
fn a_secret_is_shown_nowhere() {
    let text = format!("{GOOD}P='s3cret word'\nPASSWORD=$P # really s3cret\n");
    let cluster = good(&text);
    assert_eq!(
        cluster.secrets.get("password").expect("set").value.reveal(),
        "s3cret word"
    );
    assert!(!cluster.source.text().contains("s3cret"));
    assert_eq!(cluster.source.text().len(), text.len());

    for line in [
        "PASSWORD=s3cret s3cret\n",
        "PASWORD=s3cret\n",
        "PASSWORD=\"s3cret$s3cret${s3cret:-s3cret}\"\n",
        "PASSWORD=\"s3cret\n",
        "PASSWORD=$(s3cret)`s3cret`\n",
        "PASSWORD= s3cret\n",
        "PASSWORD = s3cret\n",
        "PASSWORD=~s3cret\n",
        "PASSWORD='s3cret\nPORT=1\n",
        "PASSWORD=s3cret\nPASSWORD=s3cret\n",
        "PASSWORD=s3cret;s3cret\n",
        "PASSWORD=s3cret&s3cret\n",
    ] {
        let (_, problems) = read(&format!("{GOOD}{line}"));
        assert!(!problems.is_empty(), "{line}");
        assert!(
            !problems.to_plain_text().contains("s3cret"),
            "{line}{}",
            problems.to_plain_text()
        );
        for problem in problems.iter() {
            let source = problem.source.as_ref().expect("a source");
            assert!(!source.text().contains("s3cret"), "{line}{}", source.text());
        }
    }
    assert_snapshot!(with("PASSWORD=\"pa$$w$rd\"\n"), @r"
    error[conf::expansion]: cluster.conf:10:13: a shell's own variables are not known here
      10:13 `**` not expanded
      help: write `PASSWORD='...'`: single quotes keep every character
    error[conf::unset]: cluster.conf:10:16: the `$` in the value of `PASSWORD` names nothing that is set
      10:16 `***` not set
      help: write `PASSWORD='...'`: single quotes keep every character
    ");
}

#[test]
fn fewer_addresses_than_private_ones() {
    assert_snapshot!(instead("NODES_L=\"54.0.0.2 54.0.0.3\"", "NODES_L=54.0.0.2"), @r#"
    error[cluster::address-count]: cluster.conf:7:9: `LEADER1` and `LEADER2` name 2 hosts of the role `leader`, but `NODES_L` lists only 1 address
      7:9 `54.0.0.2` 1 address: `LEADER1`
      4:10 `10.0.0.3` `LEADER2`: no address in `NODES_L` to reach it at
      help: write one address for each: NODES_L="54.0.0.2 <public address of LEADER2 10.0.0.3>"
    "#);
    assert_snapshot!(instead("# public", "LEADER3=10.0.0.4\nLEADER4=10.0.0.5\nLEADER5=10.0.0.6"), @r#"
    error[cluster::address-count]: cluster.conf:9:9: `LEADER1` to `LEADER5` name 5 hosts of the role `leader`, but `NODES_L` lists only 2 addresses
      9:9 `\"54.0.0.2 54.0.0.3\"` 2 addresses: `LEADER1` and `LEADER2`
      5:9 `10.0.0.4` `LEADER3`: no address in `NODES_L` to reach it at
      6:9 `10.0.0.5` `LEADER4`: no address in `NODES_L` to reach it at
      7:9 `10.0.0.6` `LEADER5`: no address in `NODES_L` to reach it at
      help: write one address for each: NODES_L="54.0.0.2 54.0.0.3 <public address of LEADER3 10.0.0.4> <public address of LEADER4 10.0.0.5> <public address of LEADER5 10.0.0.6>"
    "#);
    assert_snapshot!(problems("GUIDE=10.0.0.1\n"), @r#"
    error[cluster::address-count]: cluster.conf:1:7: `GUIDE` names 1 host of the role `guide`, but `NODES_G` is not set
      1:7 `10.0.0.1` `GUIDE`: no address in `NODES_G` to reach it at
      help: add the line: NODES_G="<public address of GUIDE 10.0.0.1>"
    "#);
}

#[test]
fn more_addresses_than_private_ones() {
    assert_snapshot!(instead("LEADER2='10.0.0.3'\n", ""), @r"
    error[cluster::address-count]: cluster.conf:6:19: `NODES_L` lists 2 addresses for the role `leader`, but `LEADER1` names only 1 host
      6:19 `54.0.0.3` no private address belongs to this
      3:9 `10.0.0.2` `LEADER1` is the last one
      help: add `LEADER2=<private address of 54.0.0.3>`, or remove 54.0.0.3 from `NODES_L`
    ");
    assert_snapshot!(problems("GUIDE=10.0.0.1\nNODES_G='a b'\n"), @r"
    error[cluster::address-count]: cluster.conf:2:12: `NODES_G` lists 2 addresses for the role `guide`, but `GUIDE` names only 1 host
      2:12 `b` no private address belongs to this
      1:7 `10.0.0.1` `GUIDE` is the last one
      help: remove b from `NODES_G`
    ");
}

#[test]
fn a_gap_in_a_series() {
    assert_snapshot!(instead("LEADER2", "LEADER3"), @r"
    error[cluster::series-gap]: cluster.conf:4:1: `LEADER3` is set, but `LEADER2` is not
      4:1 `LEADER3` `LEADER2` must come first
      help: rename it to `LEADER2`, or set `LEADER2` as well
    ");
    assert_snapshot!(with("LEADER10=10.0.0.9\n"), @r"
    error[conf::unknown-name]: cluster.conf:10:1: `LEADER10` is not one of LEADER1..LEADER9
      10:1 `LEADER10` unknown name
      help: the series is LEADER1..LEADER9
    ");
    assert_snapshot!(instead("'10.0.0.3'", "'10.0.0.3 10.0.0.4'"), @r"
    error[cluster::one-address]: cluster.conf:4:9: `LEADER2` holds 2 addresses
      4:9 `\'10.0.0.3 10.0.0.4\'` expected one
      help: write one address for each of LEADER1..LEADER9
    ");
}

#[test]
fn an_address_twice() {
    assert_snapshot!(instead("54.0.0.2 54.0.0.3", "54.0.0.2 54.0.0.2"), @r"
    error[cluster::address-twice]: cluster.conf:7:19: the address 54.0.0.2 is given twice
      7:19 `54.0.0.2` given again here
      7:10 `54.0.0.2` given here first
      help: write the address of another host, or remove one of the two
    ");
    assert_snapshot!(instead("'10.0.0.3'", "10.0.0.2"), @r"
    error[cluster::address-twice]: cluster.conf:4:9: the address 10.0.0.2 is given twice
      4:9 `10.0.0.2` given again here
      3:9 `10.0.0.2` given here first
      help: write the address of another host, or remove one of the two
    ");
    assert_snapshot!(instead("NODES_W='54.0.0.4'", "NODES_W=$NODES_G"), @r"
    error[cluster::two-roles]: cluster.conf:8:9: the host 54.0.0.1 has two roles: `guide` and `worker`
      8:9 `$NODES_G` `worker` here
      6:9 `54.0.0.1` `guide` here
      help: give every host one role: keep one of the two
    ");
    assert_snapshot!(problems("A=h1\nNODES_W=\"$A h2 $A\"\n"), @r"
    error[cluster::address-twice]: cluster.conf:2:16: the address h1 is given twice
      2:16 `$A` given again here
      2:10 `$A` given here first
      help: write the address of another host, or remove one of the two
    ");
    assert_snapshot!(problems("A='h1 h1'\nNODES_W=$A\n"), @r"
    error[cluster::address-twice]: cluster.conf:1:7: the address h1 is given twice
      1:7 `h1` given again here
      1:4 `h1` given here first
      help: write the address of another host, or remove one of the two
    ");
}

#[test]
fn no_address() {
    assert_snapshot!(instead("54.0.0.2 54.0.0.3", "54.0.0.300 me@host"), @r"
    error[cluster::address]: cluster.conf:7:10: `54.0.0.300` is not an IP address or host name: 300 is more than 255
      7:10 `54.0.0.300` not an address
      help: write an address such as 192.0.2.10, or a host name
    error[cluster::address]: cluster.conf:7:21: `me@host` is not an IP address or host name: the login does not belong here
      7:21 `me@host` not an address
      help: write an address such as 192.0.2.10, or a host name
    ");
}

#[test]
fn a_login_of_a_directory_and_an_address_with_a_zone() {
    let text = GOOD.replace("54.0.0.1", "fe80::1%eth0") + "LOGIN=admin@corp.example\n";
    let cluster = good(&text);
    assert_eq!(cluster.ssh.user, "admin@corp.example");
    assert_eq!(cluster.hosts[0].address.value, "fe80::1%eth0");
    assert_snapshot!(instead("54.0.0.4", "fe80::4%eth0"), @r"
    error[cluster::zone]: cluster.conf:8:10: the address of `worker1`, fe80::4%eth0, is valid on this machine only: no other host can reach it by that
      8:10 `fe80::4%eth0` the zone is a network card of this machine
      help: name its private address as well, by which the hosts know each other: `private_address` in a phalanx.yaml
    ");
    assert_snapshot!(with("LOGIN=admin@54.0.0.1\n"), @r"
    error[cluster::user]: cluster.conf:10:7: the login holds an address
      10:7 `admin@54.0.0.1` the login and an address
      help: write the login alone; where a host is reached, its `address` says
    ");
}

#[test]
fn not_all_addresses() {
    assert_snapshot!(instead("${NODES_W}", "54.0.0.9"), @r#"
    error[cluster::all-addresses]: cluster.conf:9:7: `NODES` must name every host: 54.0.0.4 is missing; 54.0.0.9 is in no other list
      9:7 `\"${NODES_G} $NODES_L 54.0.0.9\"` this list
      8:10 `54.0.0.4` 54.0.0.4, in `NODES_W`, is missing
      9:28 `54.0.0.9` in no other list
      help: write NODES="${NODES_G} ${NODES_L} ${NODES_W}" below the other lists
    "#);
    assert_snapshot!(instead(" $NODES_L ${NODES_W}", ""), @r#"
    error[cluster::all-addresses]: cluster.conf:9:7: `NODES` must name every host: 54.0.0.2, 54.0.0.3, 54.0.0.4 are missing
      9:7 `\"${NODES_G}\"` this list
      7:10 `54.0.0.2` 54.0.0.2, in `NODES_L`, is missing
      7:19 `54.0.0.3` 54.0.0.3, in `NODES_L`, is missing
      8:10 `54.0.0.4` 54.0.0.4, in `NODES_W`, is missing
      help: write NODES="${NODES_G} ${NODES_L} ${NODES_W}" below the other lists
    "#);
}

#[test]
fn a_private_address_of_another_host() {
    let text = "NODES_L='10.0.0.2 10.0.0.1'\nLEADER1=10.0.0.1\nLEADER2=10.0.0.2\n";
    assert_snapshot!(problems(text), @r"
    warning[cluster::address-pairing]: cluster.conf:2:9: the private address of `leader1`, 10.0.0.1, is the address of `leader2`
      2:9 `10.0.0.1` private address of `leader1`
      1:19 `10.0.0.1` address of `leader2`
      help: write both lists in the same order
    warning[cluster::address-pairing]: cluster.conf:3:9: the private address of `leader2`, 10.0.0.2, is the address of `leader1`
      3:9 `10.0.0.2` private address of `leader2`
      1:10 `10.0.0.2` address of `leader1`
      help: write both lists in the same order
    ");
}

#[test]
fn wrong_settings() {
    assert_snapshot!(with("PORT=0\nRETRIES=x\nFAST=yes\nCLUSTER='a b'\nLOGIN='a b'\n"), @r"
    error[cluster::setting]: cluster.conf:10:6: `PORT` must be a port: a number from 1 to 65535
      10:6 `0` expected a port: a number from 1 to 65535
    error[cluster::setting]: cluster.conf:11:9: `RETRIES` must be a whole number
      11:9 `x` expected a whole number
    error[cluster::setting]: cluster.conf:12:6: `FAST` must be `true` or `false`
      12:6 `yes` expected `true` or `false`
    error[cluster::name]: cluster.conf:13:9: this can't be a cluster's name
      13:9 `\'a b\'` the name
      help: write letters, digits, `.`, `_` and `-`, at most 64, a letter or digit first
    error[cluster::user]: cluster.conf:14:7: this can't be a login
      14:7 `\'a b\'` the login
      help: write the name of one user, such as `admin` or `admin@corp.example`
    ");
}

#[test]
fn key_files() {
    assert_snapshot!(with("KEY=~/.ssh/none.pem\n"), @r"
    error[cluster::key-missing]: cluster.conf:10:5: there is no key file `/home/me/.ssh/none.pem`
      10:5 `~/.ssh/none.pem` this key
      help: write the path of the private key that the hosts accept
    ");
    assert_snapshot!(with("KEY=$HOME/.ssh/open.pem\n"), @r"
    error[cluster::key-mode]: cluster.conf:10:5: the key file `/home/me/.ssh/open.pem` can be read by others (mode 0644)
      10:5 `$HOME/.ssh/open.pem` this key
      help: run `chmod 600 /home/me/.ssh/open.pem`
    ");
    assert_snapshot!(with("KEY=~/.ssh\n"), @r"
    error[cluster::key-missing]: cluster.conf:10:5: `/home/me/.ssh` is not a file
      10:5 `~/.ssh` this key
      help: write the path of the private key itself
    ");
    assert_snapshot!(with("KEY=/root/key\n"), @r"
    error[cluster::key-unreadable]: cluster.conf:10:5: the key file `/root/key` can't be read: permission denied
      10:5 `/root/key` this key
      help: make it readable for you, and for nobody else: `chmod 600`
    ");
}
