//! Every kind of bad cluster file: what is said about it, exit code 2, and nothing is contacted.

mod sandbox;

use sandbox::{Doorbell, Sandbox};

/// Runs `check` and `install --yes` and gives what `check` said.
fn refused(sandbox: &Sandbox, file: &str) -> String {
    let install = sandbox.run(&["-c", file, "install", "--yes"]);
    assert_eq!(install.code, 2, "{install:?}");
    let check = sandbox.run(&["-c", file, "check"]);
    assert_eq!(check.code, 2, "{check:?}");
    assert_eq!(check.stdout, "");
    assert!(!sandbox.path().join(".phalanx").exists(), "a run was begun");
    check.stderr
}

/// What is said about a cluster.conf.
fn conf(text: &str) -> String {
    let sandbox = Sandbox::new();
    sandbox.write("cluster.conf", text);
    refused(&sandbox, "cluster.conf")
}

/// What is said about a phalanx.yaml, in which `DOOR` stands for a host's address and port.
fn yaml(text: &str) -> String {
    let sandbox = Sandbox::new();
    sandbox.hello();
    let door = Doorbell::new();
    sandbox.write("phalanx.yaml", text.replace("DOOR", &door.at()));
    let said = refused(&sandbox, "phalanx.yaml");
    assert_eq!(door.rung(), 0, "a host was contacted");
    said.replace(&door.at(), "DOOR")
}

/// A cluster.conf without fault.
const CONF: &str = "\
BOOTSTRAP=10.10.0.10
MASTER1=10.10.0.20
AWSNODESB=127.77.0.1
AWSNODESM=127.77.0.2
AWSNODESPRIV=\"127.77.0.3 127.77.0.4\"
AWSNODESPUB=127.77.0.5
AWSNODES=\"${AWSNODESB} ${AWSNODESM} ${AWSNODESPUB} ${AWSNODESPRIV}\"
";

/// A phalanx.yaml without fault.
const YAML: &str = "\
cluster: example
recipe: ./recipe
hosts:
  - { name: s1, role: server, DOOR }
  - { name: w1, role: worker, address: 127.77.0.2 }
";

fn conf_with(from: &str, to: &str) -> String {
    assert!(CONF.contains(from), "{from}");
    conf(&CONF.replace(from, to))
}

fn yaml_with(from: &str, to: &str) -> String {
    assert!(YAML.contains(from), "{from}");
    yaml(&YAML.replace(from, to))
}

#[test]
fn a_good_file_is_taken_and_its_host_contacted() {
    let sandbox = Sandbox::new();
    sandbox.write("cluster.conf", CONF);
    let plan = sandbox.run(&["plan", "check"]);
    assert_eq!(plan.code, 0, "{plan:?}");

    // The doorbell takes the connection and never says a word.
    sandbox.hello();
    let door = Doorbell::new();
    sandbox.write("phalanx.yaml", YAML.replace("DOOR", &door.at()));
    let plan = sandbox.run(&["-c", "phalanx.yaml", "plan"]);
    assert_eq!(plan.code, 0, "{plan:?}");
    assert_eq!(door.rung(), 0, "`plan` contacts nothing");
    let check = sandbox.run_until_rung(&["-c", "phalanx.yaml", "check"], &door);
    assert_eq!(check.code, 5, "{check:?}");
}

#[test]
fn the_articles_own_sample_is_one_error() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "cluster.conf",
        "\
#AWS private IPs
BOOTSTRAP=10.10.0.10
MASTER1=10.10.0.20
MASTER2=10.10.0.30
MASTER3=10.10.0.40
#AWS public IPs
AWSNODESB=54.1.2.3
AWSNODESM=\"54.1.2.4 54.1.2.5\"
AWSNODESPRIV=\"54.1.2.6 54.1.2.7 54.1.2.8\"
AWSNODESPUB=54.1.2.9
AWSNODES=\"${AWSNODESB} ${AWSNODESM} ${AWSNODESPUB} ${AWSNODESPRIV}\"
",
    );
    let json = sandbox.run(&["--json", "check"]);
    assert_eq!(json.code, 2);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let problems = document["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert_eq!(problems[0]["severity"], "error");
    insta::assert_snapshot!(json.stderr);
    assert_eq!(refused(&sandbox, "cluster.conf"), json.stderr);
}

#[test]
fn two_masters() {
    insta::assert_snapshot!(conf_with(
        "MASTER1=10.10.0.20\nAWSNODESB=127.77.0.1\nAWSNODESM=127.77.0.2",
        "MASTER1=10.10.0.20\nMASTER2=10.10.0.21\nAWSNODESB=127.77.0.1\nAWSNODESM=\"127.77.0.2 127.77.0.6\""
    ));
}

#[test]
fn two_masters_in_yaml() {
    insta::assert_snapshot!(yaml(
        "\
cluster: example
recipe: dcos
hosts:
  - { name: b1, role: bootstrap, DOOR }
  - { name: m1, role: master, address: 127.77.0.2 }
  - { name: m2, role: master, address: 127.77.0.3 }
"
    ));
}

#[test]
fn four_masters() {
    insta::assert_snapshot!(conf_with(
        "MASTER1=10.10.0.20\nAWSNODESB=127.77.0.1\nAWSNODESM=127.77.0.2",
        "MASTER1=10.10.0.20\nMASTER2=10.10.0.21\nMASTER3=10.10.0.22\nMASTER4=10.10.0.23\n\
         AWSNODESB=127.77.0.1\nAWSNODESM=\"127.77.0.2 127.77.0.6 127.77.0.7 127.77.0.8\""
    ));
}

#[test]
fn an_address_twice() {
    insta::assert_snapshot!(conf_with("127.77.0.4", "127.77.0.3"));
}

#[test]
fn an_address_twice_in_yaml() {
    let twice = "{ name: w1, role: worker, address: 127.77.0.2 }\n  - { name: w2, role: worker, address: 127.77.0.2 }";
    insta::assert_snapshot!(yaml_with(
        "{ name: w1, role: worker, address: 127.77.0.2 }",
        twice
    ));
}

#[test]
fn one_host_as_master_and_agent() {
    insta::assert_snapshot!(conf_with("127.77.0.3 127.77.0.4", "127.77.0.2 127.77.0.4"));
}

#[test]
fn a_role_without_the_host_it_needs() {
    insta::assert_snapshot!(yaml_with("  - { name: s1, role: server, DOOR }\n", ""));
}

#[test]
fn a_role_without_the_host_it_needs_in_conf() {
    let without = CONF
        .replace("BOOTSTRAP=10.10.0.10\n", "")
        .replace("AWSNODESB=127.77.0.1\n", "")
        .replace("${AWSNODESB} ", "");
    insta::assert_snapshot!(conf(&without));
}

#[test]
fn no_ip_address_and_no_host_name() {
    insta::assert_snapshot!(conf_with("127.77.0.5", "127.77.0.555"));
}

#[test]
fn no_ip_address_and_no_host_name_in_yaml() {
    insta::assert_snapshot!(yaml_with("127.77.0.2", "\"a host?\""));
}

#[test]
fn a_list_of_all_that_is_not_all() {
    insta::assert_snapshot!(conf_with("${AWSNODESPUB} ", ""));
}

#[test]
fn a_misspelt_name() {
    insta::assert_snapshot!(conf_with("AWSNODESPUB=", "AWSNODEPUB="));
}

#[test]
fn a_misspelt_key_in_yaml() {
    insta::assert_snapshot!(yaml_with("hosts:", "setings:\n  greeting: Hi\nhosts:"));
}

#[test]
fn a_recipe_that_is_not_there() {
    insta::assert_snapshot!(yaml_with("recipe: ./recipe", "recipe: ./recipes"));
}

#[test]
fn an_unset_variable() {
    insta::assert_snapshot!(conf_with("AWSNODESPUB=127.77.0.5", "AWSNODESPUB=$PUBLIC"));
}

#[test]
fn a_missing_key_file() {
    insta::assert_snapshot!(conf(&format!("{CONF}AWSKEY=~/.ssh/none.pem\n")));
}

#[test]
fn a_missing_key_file_in_yaml() {
    insta::assert_snapshot!(yaml_with("hosts:", "ssh: { key: ~/.ssh/none.pem }\nhosts:"));
}

#[test]
fn a_key_file_that_others_can_read() {
    let sandbox = Sandbox::new();
    sandbox.write_mode(".ssh/open.pem", "key", 0o644);
    sandbox.write("cluster.conf", format!("{CONF}AWSKEY=~/.ssh/open.pem\n"));
    insta::assert_snapshot!(refused(&sandbox, "cluster.conf"));
}

#[test]
fn a_yaml_key_given_twice() {
    insta::assert_snapshot!(yaml_with(
        "recipe: ./recipe\n",
        "recipe: ./recipe\ncluster: another\n"
    ));
}

#[test]
fn an_unclosed_quote() {
    insta::assert_snapshot!(conf_with(
        "127.77.0.3 127.77.0.4\"",
        "127.77.0.3 127.77.0.4"
    ));
}

#[test]
fn an_unclosed_quote_in_yaml() {
    insta::assert_snapshot!(yaml_with("cluster: example", "cluster: \"example"));
}

#[test]
fn an_empty_file() {
    insta::assert_snapshot!(conf(""));
}

#[test]
fn an_empty_file_in_yaml() {
    insta::assert_snapshot!(yaml(""));
}

#[test]
fn a_file_of_50_mb() {
    let text = format!("{CONF}# {}\n", "x".repeat(50 * 1024 * 1024));
    insta::assert_snapshot!(conf(&text));
    insta::assert_snapshot!(
        "a_file_of_50_mb_in_yaml",
        yaml(&format!("{YAML}# {}\n", "x".repeat(50 * 1024 * 1024)))
    );
}

#[test]
fn binary_junk() {
    // The beginning of an ELF file, and bytes by a fixed rule.
    let mut junk = b"\x7fELF\x02\x01\x01".to_vec();
    junk.extend((0..4_096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8));
    for file in ["cluster.conf", "phalanx.yaml"] {
        let sandbox = Sandbox::new();
        sandbox.write(file, &junk);
        insta::assert_snapshot!(format!("binary_junk_as_{file}"), refused(&sandbox, file));
    }
}

#[test]
fn a_folder_a_fifo_and_nothing() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path().join("cluster.conf")).unwrap();
    insta::assert_snapshot!("a_folder", refused(&sandbox, "cluster.conf"));
    insta::assert_snapshot!("nothing_there", refused(&sandbox, "none.yaml"));
}

#[test]
fn two_cluster_files_or_none() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!("no_cluster_file", sandbox.run(&["plan"]).stderr);
    sandbox.write("cluster.conf", CONF);
    assert_eq!(sandbox.run(&["plan", "check"]).code, 0);
    sandbox.write("phalanx.yaml", YAML);
    let both = sandbox.run(&["plan"]);
    assert_eq!(both.code, 2);
    insta::assert_snapshot!("two_cluster_files", both.stderr);
}

#[test]
fn install_is_not_begun_without_a_yes() {
    let sandbox = Sandbox::new();
    sandbox.hello();
    let door = Doorbell::new();
    sandbox.write("phalanx.yaml", YAML.replace("DOOR", &door.at()));
    let install = sandbox.run(&["install"]);
    assert_eq!((install.code, door.rung()), (2, 0), "{install:?}");
    insta::assert_snapshot!(install.stderr);
}

/// What was said, without the colours and lines around it: how many problems were drawn, and the last lines.
fn drawn(said: &str) -> (usize, String) {
    let problems = said.lines().filter(|line| line.contains("::")).count();
    let last: Vec<&str> = said
        .lines()
        .rev()
        .filter(|line| !line.is_empty())
        .take(2)
        .collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    (problems, last.join("\n"))
}

#[test]
fn of_thousands_of_problems_a_hundred_are_told_and_the_rest_is_counted() {
    let mut names = "cluster: example\nrecipe: ./recipe\nhosts:\n".to_owned();
    for host in 0..9_000 {
        let (third, fourth) = (host / 256, host % 256);
        names += &format!("  - {{ name: same, role: server, address: 127.77.{third}.{fourth} }}\n");
    }
    let (told, last) = drawn(&yaml(&names));
    assert_eq!(told, 100);
    assert_eq!(last, "and 8899 more\n8999 errors");
    let (told, last) = drawn(&yaml_with("hosts:\n", &{
        let keys: String = (0..60_000).map(|key| format!("k{key}: 1\n")).collect();
        format!("{keys}hosts:\n")
    }));
    assert_eq!(told, 100);
    assert_eq!(last, "and 59900 more\n60000 errors");
    let addresses = "127.77.0.3 ".repeat(60_000);
    let (told, last) = drawn(&conf_with(
        "\"127.77.0.3 127.77.0.4\"",
        &format!("\"{addresses}\""),
    ));
    assert_eq!(told, 100, "{last}");
    assert!(last.contains(" more\n"), "{last}");
}
