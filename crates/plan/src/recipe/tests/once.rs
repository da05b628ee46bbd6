//! One cause is told once: what follows from it is not.

use insta::assert_snapshot;

use super::lint_stages;
use crate::testing::lint;

#[test]
fn a_stage_that_cannot_be_read_is_still_there() {
    assert_snapshot!(lint_stages("\
    - { id: key, on: all, runn: scripts/x.sh }
    - { id: ca, on: all, run: scripts/none.sh, after: [{ all: key }] }
    - { id: two, on: all, run: scripts/x.sh, until: scripts/x.sh, after: ca }
    - { id: last, on: leader, run: scripts/x.sh, after: [key, { all: ca }, { all: two }] }
"), @"
    error[yaml::unknown-key]: r/recipe.yaml:6:27: the stage `key` has no key `runn`
      6:27 `runn` unknown key
      help: did you mean `run`?
    error[recipe::no-file]: r/recipe.yaml:7:31: there is no script `scripts/none.sh`
      7:31 `scripts/none.sh` no such file in the recipe
      help: paths begin at the recipe's folder: `scripts/serve.sh`
    error[recipe::two-actions]: r/recipe.yaml:8:27: the stage `two` has both `run` and `until`
      8:27 `run` this
      8:46 `until` and this
      help: a stage does one thing: make two stages of it
    ");
}

#[test]
fn a_misspelt_stage_is_told_and_may_be_one_that_cannot_be_read() {
    assert_snapshot!(lint_stages("\
    - { id: key, on: all, runn: scripts/x.sh }
    - { id: last, on: leader, run: scripts/x.sh, after: [{ all: kye }] }
"), @"
    error[yaml::unknown-key]: r/recipe.yaml:6:27: the stage `key` has no key `runn`
      6:27 `runn` unknown key
      help: did you mean `run`?
    error[recipe::unknown]: r/recipe.yaml:7:65: there is no stage `kye`
      7:65 `kye` unknown stage
      help: did you mean `key`?
    ");
}

#[test]
fn a_gate_that_is_none() {
    assert_snapshot!(lint_stages("\
    - { id: key, on: all, run: scripts/x.sh }
    - { id: ca, on: all, run: scripts/x.sh, after: [{ any: key }] }
    - { id: cb, on: all, run: scripts/x.sh, after: [{ alle: key }, {}] }
"), @"
    error[yaml::unknown-key]: r/recipe.yaml:7:55: a gate has no key `any`
      7:55 `any` unknown key
      help: there is no `any` here: `{all: NAME}` waits for every host of that stage, `NAME` for this host's own
    error[yaml::unknown-key]: r/recipe.yaml:8:55: a gate has no key `alle`
      8:55 `alle` unknown key
      help: did you mean `all`?
    error[yaml::type]: r/recipe.yaml:8:68: a gate must be a stage's name, or `{all: NAME}`, found a mapping
      8:68 `{}` expected a stage's name, or `{all: NAME}`
    ");
}

/// A recipe whose parts all name each other.
fn whole(recipe: &str, settings: &str, facts: &str) -> String {
    let text = format!(
        "\
{recipe}: {{ leader: {{}}, worker: {{}} }}
groups: {{ nodes: [leader, worker] }}
{facts}
settings: settings
cluster_conf: conf.yaml
flows:
  install:
    - {{ id: key, on: nodes, run: scripts/x.sh, when: 'port > 1 and not member' }}
    - {{ id: ca, on: leader, run: scripts/y.sh, after: [{{ all: key }}], all_facts: [csr] }}
    - {{ id: conf, on: leader, put: {{ template: templates/t, to: '/x/{{{{ folder }}}}' }} }}
    - {{ id: lib, on: leader, put: {{ upload: licence, to: /l }} }}
"
    );
    let settings = format!(
        "\
{settings}:
  properties:
    port: {{ type: integer }}
    folder: {{ type: string }}
    licence: {{ type: string }}
    password: {{ type: string }}
rules:
  - {{ check: port > 1, message: 'port is {{{{ port }}}}', at: port }}
secrets: {{ password: [key] }}
"
    );
    lint(&[
        ("recipe.yaml", &text),
        ("settings/any.yaml", &settings),
        (
            "scripts/x.sh",
            "fact csr x\nfact member true\n. \"$PX_SECRETS\"\necho $PX_SETTING_PORT $PX_SECRET_PASSWORD $PX_FACT_MEMBER $PX_HOSTS_LEADER\n",
        ),
        (
            "scripts/y.sh",
            "px_facts csr; px_hosts worker; px_setting folder\n",
        ),
        (
            "templates/t",
            "{{ port }} {{ folder }} {{ csr }} {{ member }}\n",
        ),
        (
            "conf.yaml",
            "names:\n  NODES: { addresses: leader, about: x }\n  PORT: { setting: port, type: port, about: y }\n  WORD: { secret: password, about: z }\n",
        ),
    ])
}

const FACTS: &str = "facts: { names: { csr: text, member: bool } }";

#[test]
fn nothing_is_wrong_with_it_as_it_is() {
    assert_eq!(whole("roles", "schema", FACTS), "");
}

#[test]
fn a_misspelt_schema() {
    assert_snapshot!(whole("roles", "schemas", FACTS), @"
    error[yaml::unknown-key]: r/settings/any.yaml:1:1: a settings file has no key `schemas`
      1:1 `schemas` unknown key
      help: did you mean `schema`?
    ");
}

#[test]
fn a_bracket_in_a_settings_file() {
    assert_snapshot!(whole("roles", "x: [\nschema", FACTS), @"
    error[yaml::syntax]: r/settings/any.yaml:2:1: this is not valid YAML: invalid indentation
      2:1 `` here
      help: check the indentation here, and whether a bracket further up is not closed
    ");
}

#[test]
fn misspelt_roles() {
    assert_snapshot!(whole("rolls", "schema", FACTS), @"
    error[yaml::unknown-key]: r/recipe.yaml:1:1: a recipe has no key `rolls`
      1:1 `rolls` unknown key
      help: did you mean `roles`?
    ");
}

#[test]
fn facts_that_cannot_be_read() {
    assert_snapshot!(whole("roles", "schema", "factss: { names: { csr: text, member: bool } }"), @"
    error[yaml::unknown-key]: r/recipe.yaml:3:1: a recipe has no key `factss`
      3:1 `factss` unknown key
      help: did you mean `facts`?
    ");
    assert_snapshot!(whole("roles", "schema", "facts: { csr: text, member: bool }"), @"
    error[yaml::unknown-key]: r/recipe.yaml:3:10: `facts` has no key `csr`
      3:10 `csr` unknown key
      help: a fact is declared under `names`: `names: { csr: ... }`
    error[yaml::unknown-key]: r/recipe.yaml:3:21: `facts` has no key `member`
      3:21 `member` unknown key
      help: a fact is declared under `names`: `names: { member: ... }`
    ");
    assert_snapshot!(whole("roles", "schema", "facts: { nams: { csr: text, member: bool } }"), @"
    error[yaml::unknown-key]: r/recipe.yaml:3:10: `facts` has no key `nams`
      3:10 `nams` unknown key
      help: did you mean `names`?
    ");
    assert_snapshot!(whole("roles", "schema", "facts: { names: [csr, member] }"), @"
    error[yaml::type]: r/recipe.yaml:3:17: `names` must be a mapping, found a list
      3:17 `[csr, member] ` expected a mapping
    ");
    assert_snapshot!(whole("roles", "schema", "facts: { names: { csr: txt, member: boolean } }"), @"
    error[yaml::type]: r/recipe.yaml:3:24: the fact `csr` must be `text`, `bool` or `number`, found the text `txt`
      3:24 `txt` not a kind of fact
      help: write `csr: text`
    error[yaml::type]: r/recipe.yaml:3:37: the fact `member` must be `text`, `bool` or `number`, found the text `boolean`
      3:37 `boolean` not a kind of fact
      help: write `member: bool`
    ");
    assert_snapshot!(whole("roles", "schema", "facts: { names: { csr: [], member: integr } }"), @"
    error[yaml::type]: r/recipe.yaml:3:24: the fact `csr` must be `text`, `bool` or `number`, found a list
      3:24 `[]` expected `text`, `bool` or `number`
    error[yaml::type]: r/recipe.yaml:3:36: the fact `member` must be `text`, `bool` or `number`, found the text `integr`
      3:36 `integr` expected `text`, `bool` or `number`
    ");
}

#[test]
fn misspelt_words_of_a_schema() {
    assert_snapshot!(lint(&[
        ("recipe.yaml", "roles: { a: {} }\nsettings: s\nflows: { f: [{ id: x, on: a, run: scripts/x.sh, when: port > 1 }] }\n"),
        ("s/any.yaml", "schema: { propertis: { port: { type: integer } } }\nrules: [{ check: port > 1, message: x, at: port }]\n"),
        ("scripts/x.sh", "echo $PX_SETTING_PORT\n"),
    ]), @"
    error[recipe::schema]: r/s/any.yaml:1:11: JSON Schema has no word `propertis`
      1:11 `propertis` says nothing
      help: did you mean `properties`?
    ");
    assert_snapshot!(lint(&[
        ("recipe.yaml", "roles: { a: {} }\nsettings: s\nflows: { f: [{ id: x, on: a, run: scripts/x.sh, when: port > 1 }] }\n"),
        ("s/any.yaml", "schema: { required: [port], x-own: 1, properties: { port: { type: integer, defualt: 1, anyOf: [{ minimun: 1 }] }, defualt: { titel: x } } }\n"),
    ]), @"
    error[recipe::schema]: r/s/any.yaml:1:76: JSON Schema has no word `defualt`
      1:76 `defualt` says nothing
      help: did you mean `default`?
    error[recipe::schema]: r/s/any.yaml:1:98: JSON Schema has no word `minimun`
      1:98 `minimun` says nothing
      help: did you mean `minimum`?
    error[recipe::schema]: r/s/any.yaml:1:126: JSON Schema has no word `titel`
      1:126 `titel` says nothing
      help: did you mean `title`?
    ");
}

#[test]
fn a_misspelt_fact_of_all_hosts_is_read_as_the_right_one() {
    assert_snapshot!(lint(&[
        ("recipe.yaml", "\
roles: { a: {} }
facts: { names: { csr: text, crt: text } }
flows:
  f:
    - { id: key, on: a, run: scripts/key.sh }
    - { id: ca, on: a, run: scripts/ca.sh, after: [{ all: key }], all_facts: [crs] }
"),
        ("scripts/key.sh", "fact csr x\n"),
        ("scripts/ca.sh", "px_facts csr\necho \"$PX_FACTS_CSR\"\necho \"$PX_FACTS_CRT\"\necho \"$PX_FACTS_CRTS\"\n"),
    ]), @"
    error[recipe::unknown]: r/recipe.yaml:6:79: there is no fact `crs`
      6:79 `crs` unknown fact
      help: did you mean `csr`?
    warning[recipe::long-variable]: r/scripts/ca.sh:2:8: `PX_FACTS_CSR` is not set where there are many hosts: it is too long then
      2:8 `PX_FACTS_CSR` set only where it is short
      help: use the output of `px_facts csr`
    error[recipe::facts-not-given]: r/scripts/ca.sh:3:8: `crt` of all hosts is not given to every stage that runs this script
      3:8 `PX_FACTS_CRT` may not be given
      help: write `all_facts: [crt]` in the stage
    error[recipe::variable]: r/scripts/ca.sh:4:8: no script is given `PX_FACTS_CRTS`
      4:8 `PX_FACTS_CRTS` unknown
      help: did you mean `PX_FACT_CRT`?
    ");
}
