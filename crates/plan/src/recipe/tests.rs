mod foreign;
mod once;
mod scripts;
mod stages;
mod texts;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::stage_parts::{Action, Allowance, Gate};
use crate::testing::{check_places, files, lint, recipe};

/// A recipe with these stages in its flow `install`.
fn with_stages(stages: &str) -> String {
    let stages: String = stages
        .lines()
        .map(|line| format!("    {}\n", line.trim()))
        .collect();
    format!(
        "\
roles: {{ leader: {{ count: [1, 3] }}, worker: {{ }} }}
groups: {{ nodes: [leader, worker] }}
facts: {{ run: scripts/facts.sh, names: {{ reboot_needed: bool, cores: number }} }}
flows:
  install:
{stages}"
    )
}

fn lint_stages(stages: &str) -> String {
    lint(&[("recipe.yaml", &with_stages(stages))])
}

/// The example of the design page, with what it leaves out.
const DESIGN: &str = "\
roles:
  bootstrap: { count: [1] }
  leader:    { count: [1, 3, 5, 7, 9] }
  private:   { count: 0.., may_miss: 20% }
  public:    { count: 0.., may_miss: 3 }
groups: { cluster: [leader, private, public], agents: [private, public] }
facts: { run: scripts/facts.sh, names: { reboot_needed: bool } }
settings: settings/
cluster_conf: cluster-conf.yaml
flows:
  install:
    - { id: preflight, on: all,       run: scripts/preflight.sh }
    - { id: prepare,   on: all,       run: scripts/prepare.sh, after: [{all: preflight}] }
    - { id: reboot,    on: all,       reboot: { within: 10m }, when: reboot_needed }
    - { id: docker,    on: all,       run: scripts/docker.sh }
    - { id: generate,  on: bootstrap, put: [{file: files/x, to: /x, mode: 0600, owner: \"root:root\"}], run: scripts/generate.sh, within: 60m }
    - { id: serve,     on: bootstrap, run: scripts/serve.sh }
    - { id: reach,     on: cluster,   run: scripts/reach.sh, after: [docker, {all: serve}] }
    - { id: leaders,   on: leader,    run: scripts/install-node.sh }
    - { id: quorum,    on: leader,    until: scripts/quorum.sh, within: 20m, after: [{all: leaders}] }
    - { id: agents,    on: agents,    run: scripts/install-node.sh, at_once: 100, after: [reach, {all: quorum}] }
    - { id: verify,    on: cluster,   until: scripts/verify.sh, within: 20m, after: [{all: agents}], retries: 2 }
";

fn design() -> Vec<(&'static str, &'static str)> {
    vec![
        ("recipe.yaml", DESIGN),
        ("files/x", "x\n"),
        (
            "settings/any.yaml",
            "schema: { properties: { port: { type: integer } } }\n",
        ),
        (
            "cluster-conf.yaml",
            "names:\n  NODES: { addresses: leader, about: the leaders }\n  PORT: { setting: port, type: port, about: a port }\n",
        ),
    ]
}

#[test]
fn the_design_pages_example_is_without_fault() {
    assert_eq!(lint(&design()), "");
    let recipe = recipe(&design());
    assert_eq!(recipe.name, "r", "the folder's");
    assert_eq!(recipe.groups["all"].len(), 4);
    assert_eq!(
        recipe.role("private").and_then(|role| role.may_miss),
        Some(Allowance::Percent(20))
    );
    assert_eq!(
        recipe.role("public").and_then(|role| role.may_miss),
        Some(Allowance::Hosts(3))
    );
    let stages = &recipe.flow("install").expect("install").stages;
    let stage = |id: &str| {
        let found = stages.iter().find(|stage| stage.id.value.as_str() == id);
        found.expect(id)
    };
    assert_eq!(
        stage("reach").after,
        Some(vec![Gate::Own("docker".into()), Gate::All("serve".into())])
    );
    assert_eq!(stage("docker").after, None);
    assert_eq!(stage("reboot").action, Action::Reboot);
    assert_eq!(
        stage("reboot").within.map(|limit| limit.as_secs()),
        Some(600)
    );
    assert_eq!(stage("generate").put[0].value.mode, 0o600);
    assert_eq!(stage("agents").at_once, Some(100));
    assert_eq!(stage("verify").retries, 2);
}

#[test]
fn the_hello_example_is_without_fault() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/hello");
    let mut files = std::collections::BTreeMap::new();
    for path in [
        "recipe.yaml",
        "settings/any.yaml",
        "templates/host.conf",
        "scripts/facts.sh",
        "scripts/look.sh",
        "scripts/prepare.sh",
        "scripts/serve.sh",
        "scripts/join.sh",
    ] {
        let bytes = std::fs::read(format!("{folder}/{path}")).expect(path);
        files.insert(path.to_owned(), bytes);
    }
    let (recipe, problems) = Recipe::read(&RecipeFiles::new("examples/hello", files));
    assert_eq!(problems.to_plain_text(), "");
    assert_eq!(recipe.expect("hello").name, "hello");
}

#[test]
fn no_recipe_at_all() {
    assert_snapshot!(lint(&[("readme", "x")]), @"
    error[recipe::no-recipe]: there is no `recipe.yaml` in `r`
      help: a recipe is a folder with a `recipe.yaml` in it
    ");
    assert_snapshot!(lint(&[("recipe.yaml", "")]), @"error[yaml::empty]: r/recipe.yaml: the file is empty");
    assert_snapshot!(lint(&[("recipe.yaml", "- a\n")]), @"
    error[yaml::type]: r/recipe.yaml:1:1: a recipe must be a mapping, found a list
      1:1 `- a` expected a mapping
    ");
    assert_snapshot!(lint(&[("recipe.yaml", "name: a b\n")]), @"
    error[yaml::missing-key]: r/recipe.yaml:1:1: a recipe needs `roles`
      1:1 `name: a b` no `roles` here
      help: say what hosts can become: `roles: { server: { count: [1] } }`
    error[yaml::missing-key]: r/recipe.yaml:1:1: a recipe needs `flows`
      1:1 `name: a b` no `flows` here
      help: say what there is to do: `flows: { install: [...] }`
    error[recipe::name]: r/recipe.yaml:1:7: `a b` can't be `name`
      1:7 `a b` not a plain name
      help: use letters, digits, `.`, `_` and `-`, a letter or digit first, at most 64
    ");
}

#[test]
fn bytes_that_are_no_text() {
    let files = RecipeFiles::new("r", [("recipe.yaml".to_owned(), vec![0xff, 0xfe])].into());
    assert_snapshot!(super::lint(&files).to_plain_text(), @"
    error[file::not-text]: r/recipe.yaml: this is not a text file: invalid UTF-8 (0xff) at byte 0, in line 1
      help: is this the right file? It must be plain text, encoded as UTF-8
    ");
}

#[test]
fn unknown_fields() {
    assert_snapshot!(lint(&[("recipe.yaml", "rolls: {}\nroles: { a: { cuont: 1 } }\nflows: { f: [{ id: x, om: all, on: all, run: scripts/x.sh }] }\n")]), @"
    error[yaml::unknown-key]: r/recipe.yaml:1:1: a recipe has no key `rolls`
      1:1 `rolls` unknown key
      help: did you mean `roles`?
    error[yaml::unknown-key]: r/recipe.yaml:2:15: the role `a` has no key `cuont`
      2:15 `cuont` unknown key
      help: did you mean `count`?
    error[yaml::unknown-key]: r/recipe.yaml:3:23: the stage `x` has no key `om`
      3:23 `om` unknown key
      help: the keys are `id`, `on`, `after`, `when`, `put`, `run`, `reboot`, `until`, `within`, `at_once`, `stop_after`, `retries`, `all_facts`
    ");
}

#[test]
fn releases_may_have_a_file_of_their_own() {
    let recipe = "roles: { a: {} }\nreleases: releases.yaml\ndefault_release: 1.9\nflows: { f: [{ id: x, on: a, run: scripts/x.sh }] }\n";
    let script = "echo \"$PX_RELEASE_URL $PX_RELEASE_URI\"\n";
    let files = |releases: &'static str| {
        vec![
            ("recipe.yaml", recipe),
            ("releases.yaml", releases),
            ("scripts/x.sh", script),
        ]
    };
    let text = lint(&files("1.8: { url: u }\n1.9: { url: v }\n"));
    assert!(
        text.contains("no script is given `PX_RELEASE_URI`"),
        "{text}"
    );
    assert!(
        !text.contains("no script is given `PX_RELEASE_URL`"),
        "{text}"
    );
    assert!(!text.contains("there is no release"), "{text}");
    let text = lint(&files("1.8: [u]\n"));
    assert!(
        text.contains("releases.yaml:1:6: the release `1.8`"),
        "{text}"
    );
    assert!(text.contains("there is no release `1.9`"), "{text}");
}

#[test]
fn an_upload_names_a_setting() {
    let text = lint_stages("    - { id: one, on: leader, put: { upload: no_such, to: /x } }\n");
    assert!(text.contains("there is no setting `no_such`"), "{text}");
}

#[test]
fn an_upload_has_no_default() {
    let given = |schema: &str| {
        lint(&[
            (
                "recipe.yaml",
                "roles: { leader: {} }\nsettings: settings\nflows:\n  install:\n    - { id: one, on: leader, put: { upload: key, to: /x } }\n",
            ),
            (
                "settings/any.yaml",
                &format!("schema: {{ properties: {{ key: {schema} }} }}\n"),
            ),
        ])
    };
    assert_eq!(given("{ type: string }"), "");
    let text = given("{ type: string, default: /root/.ssh/id_rsa }");
    assert!(
        text.contains("r/recipe.yaml:5:45: the setting `key` has a default in r/settings/any.yaml"),
        "{text}"
    );
}

#[test]
fn facts_of_all_hosts() {
    assert_snapshot!(lint_stages("\
    - { id: one, on: leader, run: scripts/x.sh, all_facts: [reboot_neded] }
    - { id: two, on: leader, reboot: true, all_facts: reboot_needed }
"), @"
    error[recipe::unknown]: r/recipe.yaml:6:61: there is no fact `reboot_neded`
      6:61 `reboot_neded` unknown fact
      help: did you mean `reboot_needed`?
    error[recipe::no-script]: r/recipe.yaml:7:44: the stage `two` has no script that could be given facts
      7:44 `all_facts` nobody reads them
      help: remove it, or give the stage a `run` or an `until`
    ");
}

#[test]
fn unknown_roles_groups_and_stages() {
    assert_snapshot!(lint_stages("\
    - { id: one, on: ledaer, run: scripts/x.sh }
    - { id: two, on: [nodse, worker], run: scripts/x.sh, after: [on, { all: oen }] }
"), @"
    error[recipe::unknown]: r/recipe.yaml:6:22: there is no role or group `ledaer`
      6:22 `ledaer` unknown role or group
      help: did you mean `leader`?
    error[recipe::unknown]: r/recipe.yaml:7:23: there is no role or group `nodse`
      7:23 `nodse` unknown role or group
      help: did you mean `nodes`?
    error[recipe::unknown]: r/recipe.yaml:7:66: there is no stage `on`
      7:66 `on` unknown stage
      help: there is `one`
    error[recipe::unknown]: r/recipe.yaml:7:77: there is no stage `oen`
      7:77 `oen` unknown stage
      help: did you mean `one`?
    ");
    assert_snapshot!(lint(&[("recipe.yaml", "roles: { a: }\ngroups: { g: [b], a: [a], all: [a] }\nflows: { f: [{ id: x, on: g, run: scripts/x.sh }] }\n")]), @"
    error[recipe::unknown]: r/recipe.yaml:2:15: there is no role `b`
      2:15 `b` unknown role
      help: there is `a`
    error[recipe::name]: r/recipe.yaml:2:19: `a` can't be a group's name
      2:19 `a` taken by a role, or built in
      help: call the group something else
    error[recipe::name]: r/recipe.yaml:2:27: `all` can't be a group's name
      2:27 `all` taken by a role, or built in
      help: call the group something else
    ");
}

#[test]
fn names_that_are_none() {
    assert_snapshot!(lint(&[("recipe.yaml", "\
name: a/b
roles: { all: {}, 'x y': {}, a: {} }
facts: { names: { Big: text, hosts: text, not: bool, fine: bool, odd: string } }
flows: { 'in stall': [{ id: 'a b', on: a, run: scripts/x.sh }] }
")]), @r#"
    error[recipe::name]: r/recipe.yaml:1:7: `a/b` can't be `name`
      1:7 `a/b` not a plain name
      help: use letters, digits, `.`, `_` and `-`, a letter or digit first, at most 64
    error[recipe::name]: r/recipe.yaml:2:10: `all` can't be a role's name: it stands for every host
      2:10 `all` taken
      help: call the role something else
    error[recipe::name]: r/recipe.yaml:2:19: `x y` can't be a role's name
      2:19 `\'x y\'` not a plain name
      help: use letters, digits, `.`, `_` and `-`, a letter or digit first, at most 64
    error[recipe::name]: r/recipe.yaml:3:19: `Big` can't be a fact's name: expressions and scripts could not name it
      3:19 `Big` not a name for expressions
      help: use small letters, digits and `_`, a letter first, at most 64
    error[recipe::name]: r/recipe.yaml:3:30: `hosts` can't be a fact's name: it means something else in expressions
      3:30 `hosts` not a name for expressions
      help: call it something else
    error[recipe::name]: r/recipe.yaml:3:43: `not` can't be a fact's name: it means something else in expressions
      3:43 `not` not a name for expressions
      help: call it something else
    error[yaml::type]: r/recipe.yaml:3:71: the fact `odd` must be `text`, `bool` or `number`, found the text `string`
      3:71 `string` not a kind of fact
      help: write `odd: text`
    error[recipe::name]: r/recipe.yaml:4:10: `in stall` can't be the name of a flow
      4:10 `\'in stall\'` not a plain name
      help: use letters, digits, `.`, `_` and `-`, a letter or digit first, at most 64
    error[recipe::name]: r/recipe.yaml:4:29: `a b` can't be the name of a stage
      4:29 `\'a b\'` not a plain name
      help: use letters, digits, `.`, `_` and `-`, a letter or digit first, at most 64
    "#);
}

#[test]
fn missing_files() {
    assert_snapshot!(lint(&[
        ("recipe.yaml", "\
roles: { a: {} }
facts: scripts/none.sh
settings: settngs
cluster_conf: conf.yaml
flows:
  f:
    - { id: x, on: a, run: scripts/none-such.sh }
    - { id: y, on: a, run: script/serve.sh }
    - { id: z, on: a, put: [{ template: templates/none, to: /x }, { file: none, to: /y }] }
"),
        ("scripts/serve.sh", "true\n"),
    ]), @"
    error[recipe::no-file]: r/recipe.yaml:2:8: there is no script `scripts/none.sh`
      2:8 `scripts/none.sh` no such file in the recipe
      help: paths begin at the recipe's folder: `scripts/serve.sh`
    error[recipe::no-settings]: r/recipe.yaml:3:11: there is no settings file in `settngs`
      3:11 `settngs` no `.yaml` file below it
      help: write `settngs/any.yaml`, or one for a release line: `settngs/1.8.yaml`
    error[recipe::no-file]: r/recipe.yaml:4:15: there is no file `conf.yaml`
      4:15 `conf.yaml` no such file in the recipe
      help: paths begin at the recipe's folder: `scripts/serve.sh`
    error[recipe::no-file]: r/recipe.yaml:7:28: there is no script `scripts/none-such.sh`
      7:28 `scripts/none-such.sh` no such file in the recipe
      help: paths begin at the recipe's folder: `scripts/serve.sh`
    error[recipe::no-file]: r/recipe.yaml:8:28: there is no script `script/serve.sh`
      8:28 `script/serve.sh` no such file in the recipe
      help: did you mean `scripts/serve.sh`?
    error[recipe::no-file]: r/recipe.yaml:9:41: there is no template `templates/none`
      9:41 `templates/none` no such file in the recipe
      help: paths begin at the recipe's folder: `scripts/serve.sh`
    error[recipe::no-file]: r/recipe.yaml:9:75: there is no file `none`
      9:75 `none` no such file in the recipe
      help: paths begin at the recipe's folder: `scripts/serve.sh`
    ");
}

#[test]
fn files_that_nothing_uses() {
    assert_snapshot!(lint(&[
        ("recipe.yaml", "roles: { a: {} }\nflows: { f: [{ id: x, on: a, run: scripts/x.sh }] }\n"),
        ("scripts/idle.sh", "true\n"),
        ("templates/idle", "\n"),
        ("README.md", "not asked for\n"),
    ]), @"
    note[recipe::unused-file]: r/scripts/idle.sh: no stage uses this file
      help: name it in a stage, or remove it
    note[recipe::unused-file]: r/templates/idle: no stage uses this file
      help: name it in a stage, or remove it
    ");
}

#[test]
fn the_schema_for_editors_accepts_what_the_reader_accepts() {
    let validator = jsonschema::validator_for(&recipe_schema()).expect("a schema");
    let source = crate::source::SourceFile::new("r", DESIGN);
    let (root, _) = crate::yaml::read(&source);
    let design = root.expect("yaml").to_json();
    let errors: Vec<String> = validator
        .iter_errors(&design)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    assert!(!validator.is_valid(&serde_json::json!({ "roles": {}, "flows": {}, "more": 1 })));
    let stages = serde_json::json!([{ "id": "x", "on": "a", "run": "scripts/x.sh" }]);
    let with = |flow| serde_json::json!({ "roles": {}, "flows": { "f": flow } });
    for (flow, good) in [
        (stages.clone(), true),
        (serde_json::json!({ "stages": stages }), true),
        (
            serde_json::json!({ "changes": "nothing", "stages": stages }),
            true,
        ),
        (
            serde_json::json!({ "changes": "hosts", "stages": stages }),
            true,
        ),
        (
            serde_json::json!({ "changes": "some", "stages": stages }),
            false,
        ),
        (serde_json::json!({ "changes": "hosts" }), false),
        (serde_json::json!({ "stages": [] }), false),
    ] {
        assert_eq!(validator.is_valid(&with(flow.clone())), good, "{flow}");
    }
}

proptest! {
    #[test]
    fn no_recipe_makes_it_panic(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "roles:", "\n", "\n  ", "\n    - ", "a", ": ", "{", "}", "[", "]", ", ", "flows:",
                "id: x", "on: all", "after: ", "{all: x}", "when: ", "run: scripts/x.sh", "put: ",
                "count: ", "0..", "settings: s", "facts: ", "names: ", "reboot: ", "within: 1m",
                "ü", "'", "\"", "{{ ", " }}", "cluster_conf: c", "groups:", "~", "1",
            ]),
            0..60,
        ),
        settings in "\\PC{0,80}",
        script in "\\PC{0,80}",
    ) {
        let files = files(&[
            ("recipe.yaml", &parts.concat()),
            ("s/any.yaml", &settings),
            ("scripts/x.sh", &script),
            ("c", &settings),
        ]);
        check_places(&super::lint(&files));
    }

    #[test]
    fn no_script_or_settings_make_it_panic(
        script in "(fact|problem|PX_[A-Z_]{0,9}|['\"#;|\\\\$`(){}\r\n ü]|[a-z]{1,4}){0,40}",
        when in "\\PC{0,40}",
        schema in "\\PC{0,40}",
    ) {
        let mut stages = with_stages("    - { id: x, on: all, run: scripts/x.sh, put: { template: templates/t, to: /x } }\n");
        stages.push_str("settings: s\n");
        let settings = format!("schema:\n  properties:\n    port: {schema}\nrules:\n  - check: {when}\n    message: {when}\n");
        let files = files(&[
            ("recipe.yaml", &stages),
            ("s/any.yaml", &settings),
            ("scripts/x.sh", &script),
            ("templates/t", &when),
        ]);
        check_places(&super::lint(&files));
    }
}
