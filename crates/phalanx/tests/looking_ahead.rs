//! `plan`, `init` and `recipe`: what can be known without contacting anything.
#![allow(
    clippy::unwrap_used,
    reason = "a test says what it expects by unwrapping"
)]

mod sandbox;

use sandbox::{Doorbell, Sandbox};

const YAML: &str = "\
cluster: example
recipe: ./recipe
hosts:
  - { name: s1, role: server, address: 10.0.0.1, private_address: 192.168.0.1 }
  - { name: w1, role: worker, address: 10.0.0.2 }
  - { name: w2, role: worker, address: 10.0.0.3, labels: [spare] }
settings:
  greeting: Hi
";

fn hello() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.hello();
    sandbox.write("phalanx.yaml", YAML);
    sandbox
}

#[test]
fn the_plan_of_the_example() {
    let sandbox = hello();
    let plan = sandbox.run(&["plan"]);
    assert_eq!(plan.code, 0, "{plan:?}");
    insta::assert_snapshot!(plan.stdout);
    assert_eq!(plan.stderr, "");
    assert!(!sandbox.path().join(".phalanx").exists());
}

#[test]
fn the_plan_as_data() {
    let plan = hello().run(&["plan", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(document["format"], 1);
    assert_eq!(document["stages"].as_array().unwrap().len(), 3);
    assert_eq!(document["settings"]["greeting"], "Hi");
}

#[test]
fn a_part_of_the_plan() {
    let sandbox = hello();
    let plan = sandbox.run(&[
        "plan",
        "--on",
        "spare,s1",
        "--to",
        "serve",
        "--lockstep",
        "--json",
    ]);
    let document: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    let names = |list: &str, name: &str| -> Vec<String> {
        let list = document[list].as_array().unwrap().iter();
        list.map(|entry| entry[name].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("hosts", "name"), ["s1", "w2"]);
    assert_eq!(names("stages", "id"), ["prepare", "serve"]);
    assert_eq!(document["lockstep"], true);
    for (args, about) in [
        (["plan", "--on", "w7"], "w7"),
        (["plan", "--to", "dance"], "dance"),
        (["plan", "--recipe", "none"], "none"),
    ] {
        let refused = sandbox.run(&args);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.stderr.contains(about), "{}", refused.stderr);
    }
    let refused = sandbox.run(&["plan", "uninstall"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    insta::assert_snapshot!("no_such_flow", refused.stderr);
}

/// One host behind the door, and a recipe whose flows say what they change.
fn with_flows(door: &Doorbell, flows: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("r/scripts/x.sh", "true\n");
    sandbox.write(
        "r/recipe.yaml",
        format!("roles: {{ a: {{}} }}\nflows: {{ {flows} }}\n"),
    );
    sandbox.write(
        "phalanx.yaml",
        format!(
            "cluster: c\nrecipe: ./r\nhosts: [{{ name: h, role: a, {} }}]\n",
            door.at()
        ),
    );
    sandbox
}

#[test]
fn what_a_flow_says_that_it_changes_decides_what_is_asked_and_what_is_resumed() {
    let door = Doorbell::new();
    let stages = "stages: [{ id: x, on: a, run: scripts/x.sh }]";
    let changes = |flow: &str, what: &str| format!("{flow}: {{ changes: {what}, {stages} }}");
    // One that changes hosts is not begun without a yes, whatever it is called.
    for flow in ["check", "verify", "install"] {
        let asked = with_flows(&door, &changes(flow, "hosts")).run(&[flow]);
        assert_eq!(asked.code, 2, "{asked:?}");
        assert!(asked.stderr.contains("command::not-asked"), "{asked:?}");
    }
    assert_eq!(door.rung(), 0);
    // One that changes nothing is begun at once, and afterwards there is nothing to go on with.
    let sandbox = with_flows(&door, &changes("install", "nothing"));
    sandbox.run_until_rung(&["install"], &door);
    let resumed = sandbox.run(&["resume"]);
    assert_eq!(resumed.code, 2, "{resumed:?}");
    assert!(
        resumed.stderr.contains("no run of c is unfinished"),
        "{resumed:?}"
    );
    // And one that changes hosts can be gone on with.
    let sandbox = with_flows(&door, &changes("verify", "hosts"));
    sandbox.run_until_rung(&["verify", "--yes"], &door);
    let explained = sandbox.run(&["resume", "--explain"]);
    assert_eq!(explained.code, 0, "{explained:?}");
}

#[test]
fn a_check_of_a_recipe_without_one_only_connects() {
    let door = Doorbell::new();
    let sandbox = with_flows(&door, "install: [{ id: x, on: a, run: scripts/x.sh }]");
    let plan = sandbox.run(&["plan", "check", "--json"]);
    assert_eq!(plan.code, 0, "{plan:?}");
    let document: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(document["flow"], "check");
    assert_eq!(document["stages"].as_array().unwrap().len(), 0);
    assert_eq!(document["hosts"].as_array().unwrap().len(), 1);
    let refused = sandbox.run(&["plan", "check", "--to", "x"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    // No other flow is made up.
    assert_eq!(sandbox.run(&["plan", "verify"]).code, 2);
    assert_eq!(door.rung(), 0);
    sandbox.run_until_rung(&["check"], &door);
}

#[test]
fn a_cluster_conf_becomes_yaml_without_its_password() {
    let sandbox = Sandbox::new();
    let conf = include_str!("../../../examples/cluster.conf");
    sandbox.write(
        "old/cluster.conf",
        format!("{conf}SUPASSWORD='dont-show-me'\n"),
    );
    let init = sandbox.run(&["init", "--from", "old/cluster.conf"]);
    assert_eq!(init.code, 0, "{init:?}");
    assert_eq!(init.stdout, "");
    insta::assert_snapshot!(init.stderr);
    let yaml = std::fs::read_to_string(sandbox.path().join("old/phalanx.yaml")).unwrap();
    assert!(!yaml.contains("dont-show-me") && !init.stderr.contains("dont-show-me"));
    insta::assert_snapshot!("init_yaml", yaml);
    let shown = sandbox.run(&["init", "--from", "old/cluster.conf", "-o", "-"]);
    assert_eq!(shown.stdout, yaml);
    // Both spellings make the same plan.
    let plan = |file| sandbox.run(&["-c", file, "--json", "plan", "check"]);
    let (conf, yaml) = (plan("old/cluster.conf"), plan("old/phalanx.yaml"));
    assert_eq!(yaml.code, 0, "{yaml:?}");
    assert_eq!(conf.stdout, yaml.stdout);
    // What is there is not overwritten.
    let again = sandbox.run(&["init", "--from", "old/cluster.conf"]);
    assert_eq!(again.code, 2);
    insta::assert_snapshot!("init_again", again.stderr);
}

#[test]
fn a_recipe_without_fault() {
    let sandbox = hello();
    let lint = sandbox.run(&["recipe", "lint", "recipe"]);
    assert_eq!(
        (lint.code, lint.stdout.as_str()),
        (0, "recipe: no faults\n"),
        "{lint:?}"
    );
    assert_eq!(sandbox.run(&["recipe", "lint"]).code, 0);
}

#[test]
fn every_fault_of_a_recipe_is_told_at_its_place() {
    let sandbox = hello();
    let path = sandbox.path().join("recipe/recipe.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let text = text
        .replace("on: server", "on: servers")
        .replace("within: 30s", "wihtin: 30s");
    sandbox.write("recipe/recipe.yaml", text);
    let lint = sandbox.run(&["recipe", "lint", "recipe"]);
    assert_eq!(lint.code, 2, "{lint:?}");
    insta::assert_snapshot!(lint.stderr);
    let json = sandbox.run(&["recipe", "lint", "recipe", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(
        document["problems"].as_array().unwrap().len() >= 2,
        "{document:#}"
    );
    // A command that needs the recipe tells the same.
    assert_eq!(sandbox.run(&["plan"]).code, 2);
}

/// Adds a line to a script of the recipe, and gives what each command that would use it says.
fn with_line(script: &str, line: &str) -> [(String, i32, String); 5] {
    let sandbox = Sandbox::new();
    sandbox.hello();
    let door = Doorbell::new();
    sandbox.write(
        "phalanx.yaml",
        YAML.replace("address: 10.0.0.1", &door.at()),
    );
    sandbox.append(&format!("recipe/scripts/{script}"), &format!("{line}\n"));
    let said = [
        &["recipe", "lint", "recipe"][..],
        &["plan"],
        &["plan", "check"],
        &["install", "--yes", "--to", "none"],
        &["--on", "none", "check"],
    ]
    .map(|args| {
        let ran = sandbox.run(args);
        (args.join(" "), ran.code, ran.stderr)
    });
    assert_eq!(door.rung(), 0, "a host was contacted");
    said
}

#[test]
fn a_script_that_no_shell_can_read_stops_every_command_before_contact() {
    for (command, code, said) in with_line("serve.sh", "if true; then") {
        assert_eq!(code, 2, "{command}: {said}");
        let at_its_line = said.contains("recipe/scripts/serve.sh:");
        assert!(
            at_its_line && said.contains("recipe::syntax") && said.contains("if true; then"),
            "{command}: {said}"
        );
        assert!(
            !said.contains(".phalanx") && !said.contains("sh: "),
            "{command}: {said}"
        );
    }
}

#[test]
fn what_is_likely_a_mistake_in_a_script_is_told_by_every_command() {
    for (command, _, said) in with_line("serve.sh", "[[ -e /tmp ]]").iter().take(3) {
        assert!(said.contains("`[[` is bash"), "{command}: {said}");
    }
}

#[test]
fn an_unknown_role_is_told_beside_what_else_is_wrong_with_the_file() {
    let sandbox = hello();
    let text = YAML
        .replace("worker", "wroker")
        .replace("10.0.0.2", "10.0.0.1");
    sandbox.write("phalanx.yaml", text);
    let said = sandbox.run(&["plan"]).stderr;
    assert!(said.contains("cluster::two-roles"), "{said}");
    assert!(said.contains("did you mean `worker`?"), "{said}");
}

#[test]
fn a_recipe_that_is_near() {
    let sandbox = hello();
    for (name, help) in [
        ("./recip", "did you mean `./recipe`?"),
        ("./recipes/hello", "there is `./recipe`"),
    ] {
        let lint = sandbox.run(&["recipe", "lint", name]);
        assert_eq!(lint.code, 2, "{lint:?}");
        assert!(lint.stderr.contains(help), "{}", lint.stderr);
    }
}

#[test]
fn a_file_that_is_too_large_for_a_recipe() {
    let sandbox = hello();
    for (path, help) in [
        ("recipe/lab/big.deb", "let lab/prepare.sh"),
        ("recipe/files/big.deb", "upload: SETTING"),
    ] {
        let large = sandbox.write(path, vec![b'x'; 4_823_450]);
        let lint = sandbox.run(&["recipe", "lint", "recipe"]);
        assert_eq!(lint.code, 2, "{lint:?}");
        assert!(
            lint.stderr.contains("big.deb has 4.6 MiB"),
            "{}",
            lint.stderr
        );
        assert!(lint.stderr.contains(help), "{}", lint.stderr);
        std::fs::remove_file(large).unwrap();
    }
    // Beside recipe.yaml all kinds of things may lie.
    sandbox.write("recipe/big.deb", vec![b'x'; 4_823_450]);
    assert_eq!(sandbox.run(&["recipe", "lint", "recipe"]).code, 0);
}

#[test]
fn a_recipe_shown() {
    insta::assert_snapshot!(hello().run(&["recipe", "show", "recipe"]).stdout);
    let json = hello().run(&["recipe", "show", "recipe", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(document["flows"][0]["stages"][0]["id"], "prepare");
}

#[test]
fn schemas_for_editors() {
    let sandbox = hello();
    for args in [
        &["recipe", "schema"][..],
        &["recipe", "schema", "recipe"],
        &["recipe", "schema", "--of", "recipe"],
        &["recipe", "schema", "--of", "journal"],
    ] {
        let schema = sandbox.run(args);
        assert_eq!(schema.code, 0, "{schema:?}");
        let document: serde_json::Value = serde_json::from_str(&schema.stdout).unwrap();
        assert!(
            document["$schema"]
                .as_str()
                .unwrap()
                .contains("json-schema.org"),
            "{args:?}"
        );
    }
    let schema = sandbox.run(&["recipe", "schema", "recipe"]).stdout;
    assert!(
        schema.contains("\"greeting\"") && schema.contains("\"worker\""),
        "{schema}"
    );
}

#[test]
fn the_journals_schema_is_the_committed_one() {
    let schema = Sandbox::new().run(&["recipe", "schema", "--of", "journal"]);
    assert_eq!(schema.code, 0, "{schema:?}");
    let committed = include_str!("../../../docs/schema/journal.schema.json");
    assert!(
        schema.stdout == committed,
        "docs/schema/journal.schema.json is stale. Renew it:\n\
         cargo run -- recipe schema --of journal > docs/schema/journal.schema.json"
    );
}

#[test]
fn a_wrong_command_line_has_the_code_of_bad_input() {
    let sandbox = Sandbox::new();
    for args in [
        &["instal"][..],
        &["--nothing"],
        &["plan", "-q", "-v"],
        &["--parallel", "0", "plan"],
    ] {
        assert_eq!(sandbox.run(args).code, 2, "{args:?}");
    }
    assert_eq!(sandbox.run(&["--version"]).code, 0);
    assert_eq!(sandbox.run(&["--help"]).code, 0);
}

#[test]
fn ctrl_c_ends_a_run_that_waits_for_a_host() {
    let sandbox = Sandbox::new();
    sandbox.hello();
    let door = Doorbell::new();
    let yaml = YAML.replace("address: 10.0.0.1", &door.at());
    sandbox.write("phalanx.yaml", yaml);
    let args = ["--on", "s1", "--json", "check"];
    let check = sandbox.run_until_rung(&args, &door);
    assert_eq!(check.code, 5, "{check:?}");
    assert!(
        check.stderr.contains("stopping: no new tasks"),
        "{}",
        check.stderr
    );
    let document: serde_json::Value = serde_json::from_str(&check.stdout).unwrap();
    assert_eq!(document["outcome"], "interrupted");
    assert_eq!(document["hosts"].as_array().unwrap().len(), 1);
    let runs = sandbox.run(&["runs"]);
    assert!(runs.stdout.contains("interrupted"), "{runs:?}");
}

/// A recipe that brings a file of this machine to its hosts.
const UPLOADS: &str = "\
roles: { server: {} }
settings: settings
flows:
  install:
    - { id: bring, on: server, put: { upload: key, to: /tmp/key } }
";

fn uploading(schema: &str, settings: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    for folder in ["up/settings", "up/scripts"] {
        std::fs::create_dir_all(sandbox.path().join(folder)).unwrap();
    }
    sandbox.write("up/recipe.yaml", UPLOADS);
    sandbox.write(
        "up/settings/any.yaml",
        format!("schema: {{ properties: {{ key: {schema} }} }}\n"),
    );
    sandbox.write(
        "phalanx.yaml",
        format!("cluster: c\nrecipe: ./up\nhosts: [{{ name: s1, role: server, address: 10.0.0.1 }}]\n{settings}"),
    );
    sandbox.write("mine.bin", "twelve bytes");
    sandbox
}

#[test]
fn the_plan_shows_which_file_of_this_machine_is_uploaded() {
    let sandbox = uploading("{ type: string }", "settings: { key: mine.bin }\n");
    let plan = sandbox.run(&["plan"]);
    assert_eq!(plan.code, 0, "{plan:?}");
    let line =
        "puts   /tmp/key (0644) from [HOME]/mine.bin of this machine (setting key, 12 bytes)";
    assert!(plan.stdout.contains(line), "{}", plan.stdout);
}

#[test]
fn a_recipe_does_not_say_which_file_of_this_machine_is_uploaded() {
    let with_default = "{ type: string, default: /etc/hostname }";
    let sandbox = uploading(with_default, "");
    for command in [vec!["plan"], vec!["recipe", "lint", "up"]] {
        let refused = sandbox.run(&command);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(
            refused.stderr.contains("recipe::upload-default"),
            "{refused:?}"
        );
        assert!(refused.stderr.contains("recipe.yaml:5:"), "{refused:?}");
    }
}

#[test]
fn a_link_out_of_a_recipe_is_told_before_anything_is_read_through_it() {
    let sandbox = hello();
    sandbox.write("secret.txt", "what this machine keeps for itself");
    let link = sandbox.path().join("recipe/scripts/stolen.sh");
    std::os::unix::fs::symlink("../../secret.txt", &link).unwrap();
    for command in [vec!["plan"], vec!["recipe", "lint", "recipe"]] {
        let refused = sandbox.run(&command);
        assert_eq!(refused.code, 2, "{refused:?}");
        let words = refused.stderr.replace('│', " ");
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("scripts/stolen.sh"), "{words}");
        assert!(words.contains("outside of the recipe's folder"), "{words}");
        assert!(!words.contains("keeps for itself"), "{words}");
    }
}
