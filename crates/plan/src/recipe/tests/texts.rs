//! What recipes hold beside `recipe.yaml`: expressions, templates, settings files, scripts.

use insta::assert_snapshot;

use crate::Recipe;
use crate::testing::{files, lint};

#[test]
fn conditions_and_templates() {
    assert_snapshot!(lint(&[
        ("recipe.yaml", "\
roles: { a: {} }
facts: { names: { reboot_needed: bool, cores: number } }
settings: settings
flows:
  f:
    - { id: x, on: a, run: scripts/x.sh, when: reboot_neded }
    - { id: y, on: a, run: scripts/x.sh, when: 'cores >' }
    - { id: z, on: a, run: scripts/x.sh, when: cores }
    - id: w
      on: a
      when: >
        cores > 1
        and coers > 2
      put:
        - { template: templates/t, to: \"/x/{{ nane }}\" }
        - { template: templates/broken, to: /y }
    - { id: v, on: a, run: scripts/x.sh, when: \"host.adress == '\\x41' and password == port\" }
"),
        ("templates/t", "line\n{{ port }} {{ prot }}\n{% for h in hosts %}{{ h.nam }}{% endfor %}\n"),
        ("templates/broken", "fine\n{{ open\n"),
        ("settings/any.yaml", "schema: { properties: { port: { type: integer }, password: {} } }\nsecrets: { password: }\n"),
    ]), @r#"
    error[recipe::expression]: r/recipe.yaml:6:48: in this condition, `reboot_neded` is neither a setting nor a fact
      6:48 `reboot_neded` unknown
      help: did you mean `reboot_needed`?
    error[recipe::expression]: r/recipe.yaml:7:55: in this condition, unexpected end of input, expected expression
      7:55 `>` here
    error[recipe::expression]: r/recipe.yaml:8:48: in this condition, `cores` is a number, and a condition must be true or false
      8:48 `cores` a number
      help: compare it, such as `cores == ...`
    error[recipe::expression]: r/recipe.yaml:12:9: in this condition, `coers` is neither a setting nor a fact
      12:9 `cores > 1\n        and coers > 2` unknown
      help: did you mean `cores`?
    error[recipe::expression]: r/recipe.yaml:15:47: in this path, `nane` is neither a setting nor a fact
      15:47 `nane` unknown
      help: declare it under `facts`, or in the schema of a settings file
    error[recipe::expression]: r/recipe.yaml:17:48: in this condition, a host has no `adress`
      17:48 `\"host.adress == \'\\x41\' and password == port\"` unknown
      help: did you mean `address`?
    error[recipe::expression]: r/recipe.yaml:17:48: in this condition, `password` is a secret, which no expression or template may name
      17:48 `\"host.adress == \'\\x41\' and password == port\"` not here
      help: hand it to the stage's script in the settings file's `secrets`
    error[recipe::expression]: r/templates/broken:2:4: in this template, unexpected end of input, expected end of variable block
      2:4 `open` here
    error[recipe::expression]: r/templates/t:2:15: in this template, `prot` is neither a setting nor a fact
      2:15 `prot` unknown
      help: did you mean `port`?
    error[recipe::expression]: r/templates/t:3:26: in this template, a host has no `nam`
      3:26 `nam` unknown
      help: did you mean `name`?
    "#);
}

#[test]
fn a_setting_of_some_releases_only() {
    assert_snapshot!(lint(&[
        ("recipe.yaml", "\
roles: { a: {} }
settings: settings
flows: { f: [{ id: x, on: a, run: scripts/x.sh, when: proxy }] }
"),
        ("settings/1.9.yaml", "schema: { properties: { proxy: { type: boolean } } }\n"),
        ("settings/1.8.yaml", "schema: { properties: { port: { type: integer } } }\n"),
    ]), @"
    warning[recipe::some-releases]: r/recipe.yaml:3:55: `proxy` is neither a setting nor a fact, in the settings for release 1.8
      3:55 `proxy` not there
      help: a plan for such a release will be refused; declare it in `r/settings/1.8.yaml`
    ");
}

#[test]
fn settings_files() {
    assert_snapshot!(lint(&[
        ("recipe.yaml", "\
roles: { a: {} }
facts: { names: { os: text } }
settings: settings
flows: { f: [{ id: x, on: a, run: scripts/x.sh }, { id: y, on: a, until: scripts/x.sh }] }
"),
        ("settings/any.yaml", "\
schema:
  type: objekt
  properties:
    port: { type: integer, minimum: one }
"),
        ("settings/1.9.yaml", "\
schema:
  properties:
    port: { type: integer, default: many }
    Big: {}
    os: {}
    list: { type: array, items: { type: string }, default: [a, 1] }
    password: { type: string }
rules:
  - { check: prot > 1, message: 'port is {{ port', at: prot }
  - { check: port, message: x, severity: bad }
  - { check: host.name == 'x', message: '{{ password }}' }
  - { chek: port > 1 }
secrets:
  passwort: [x]
  password: [x, y, z]
"),
        ("settings/later.yaml", "rules: []\n"),
    ]), @r#"
    error[recipe::default]: r/settings/1.9.yaml:3:37: the default of `port` does not fit its own schema
      3:37 `many` "many" is not of type "integer"
    error[recipe::name]: r/settings/1.9.yaml:4:5: `Big` can't be a setting's name: expressions and scripts could not name it
      4:5 `Big` not a setting's name
      help: use small letters, digits and `_`, a letter first, at most 64
    error[recipe::name]: r/settings/1.9.yaml:5:5: `os` can't be a setting's name: a fact is called so
      5:5 `os` not a setting's name
      help: call one of them something else
    error[recipe::default]: r/settings/1.9.yaml:6:60: the default of `list` does not fit its own schema
      6:60 `[a, 1] ` 1 is not of type "string"
    error[recipe::expression]: r/settings/1.9.yaml:9:14: in this rule, `prot` is neither a setting nor a fact
      9:14 `prot` unknown
      help: did you mean `port`?
    error[recipe::expression]: r/settings/1.9.yaml:9:45: in this message, unexpected end of input, expected end of variable block
      9:45 `port` here
    error[recipe::unknown]: r/settings/1.9.yaml:9:56: there is no setting `prot`
      9:56 `prot` unknown setting
      help: did you mean `port`?
    error[recipe::expression]: r/settings/1.9.yaml:10:14: in this rule, `port` is a setting of another kind, and a condition must be true or false
      10:14 `port` a setting of another kind
      help: compare it, such as `port == ...`
    error[yaml::type]: r/settings/1.9.yaml:10:42: `severity` must be `error`, `warning` or `note`, found the text `bad`
      10:42 `bad` expected `error`, `warning` or `note`
    error[recipe::expression]: r/settings/1.9.yaml:11:14: in this rule, `host` belongs to one host, and a rule is about the whole cluster
      11:14 `host` not here
      help: a rule may use settings, `release`, `cluster` and `hosts`
    error[recipe::expression]: r/settings/1.9.yaml:11:45: in this message, `password` is a secret, which no expression or template may name
      11:45 `password` not here
      help: hand it to the stage's script in the settings file's `secrets`
    error[yaml::missing-key]: r/settings/1.9.yaml:12:5: a rule needs `message`
      12:5 `{ chek: port > 1 }` no `message` here
      help: write what to say where it does not
    error[yaml::unknown-key]: r/settings/1.9.yaml:12:7: a rule has no key `chek`
      12:7 `chek` unknown key
      help: did you mean `check`?
    error[recipe::unknown]: r/settings/1.9.yaml:14:3: there is no setting `passwort`
      14:3 `passwort` unknown setting
      help: did you mean `password`?
    error[recipe::secret-stage]: r/settings/1.9.yaml:15:17: the stage `y` can't be handed a secret
      15:17 `y` runs no job
      help: only a stage with `run` is handed secrets
    error[recipe::unknown]: r/settings/1.9.yaml:15:20: there is no stage `z`
      15:20 `z` unknown stage
      help: there is `x`, `y`
    error[recipe::schema]: r/settings/any.yaml:2:9: this is no JSON Schema: "objekt" is not valid under any of the schemas listed in the 'anyOf' keyword
      2:9 `objekt` here
    error[recipe::schema]: r/settings/any.yaml:4:37: this is no JSON Schema: "one" is not of type "number"
      4:37 `one` here
    error[recipe::release-line]: r/settings/later.yaml: `later` is no release line
      help: name the file for a release line, such as `1.8.yaml`, or `any.yaml`
    error[yaml::missing-key]: r/settings/later.yaml:1:1: a settings file needs `schema`
      1:1 `rules: []` no `schema` here
      help: write the JSON Schema of the settings: `schema: { properties: { ... } }`
    "#);
}

#[test]
fn a_cluster_conf_that_does_not_suit() {
    assert_snapshot!(lint(&[
        ("recipe.yaml", "\
roles: { leader: {} }
settings: settings
cluster_conf: conf.yaml
flows: { f: [{ id: x, on: leader, run: scripts/x.sh }] }
"),
        ("settings/any.yaml", "schema: { properties: { port: {} } }\n"),
        ("conf.yaml", "\
names:
  NODES: { addresses: ledaer, about: x }
  PORT: { setting: prot, type: port, about: y }
  WORD: { secret: nothing, about: z }
"),
    ]), @"
    error[recipe::unknown]: r/conf.yaml:2:23: there is no role `ledaer`
      2:23 `ledaer` unknown role
      help: did you mean `leader`?
    error[recipe::unknown]: r/conf.yaml:3:20: there is no setting `prot`
      3:20 `prot` unknown setting
      help: did you mean `port`?
    error[recipe::unknown]: r/conf.yaml:4:19: there is no setting `nothing`
      4:19 `nothing` unknown setting
      help: there is `port`
    ");
}

#[test]
fn scripts() {
    assert_snapshot!(lint(&[
        ("recipe.yaml", "\
roles: { leader: {}, big-worker: {} }
facts: { run: scripts/facts.sh, names: { os: text, cores: number } }
settings: settings
flows:
  f:
    - { id: x, on: leader, run: scripts/x.sh }
    - { id: y, on: leader, run: scripts/y.sh }
    - { id: z, on: leader, until: scripts/empty.sh }
    - { id: w, on: leader, run: scripts/w.sh, all_facts: [os] }
"),
        ("scripts/w.sh", "\
px_facts os | wc -l; echo $PX_FACTS_OS
x=$(px_facts cores); px_facts osx; px_facts \"$fact\"
px_hosts big-worker; px_addresses Big_Worker; px_hosts followers; px_setting port; px_setting password
"),
        ("settings/any.yaml", "\
schema: { properties: { port: { type: integer }, password: { type: string } } }
secrets: { password: [x] }
"),
        ("scripts/facts.sh", "#!/bin/bash\nfact oss linux\nif true; then fact \"cores\" 2; fi\nfact $name x\n"),
        ("scripts/x.sh", "\
#! /usr/bin/env sh
# PX_NOTHING in a comment, and problem x bad y
echo \"$PX_SETTING_PROT $PX_SETTING_PORT $PX_HOSTS_BIG_WORKER $PX_FACT_OS\" # fact nothing 1
echo ${PX_HOST} $PX_HOSTNAME $MY_PX_HOST \"$(eval echo \\$PX_HOSTS_$role)\"
. \"$PX_SECRETS\"; echo $PX_SECRET_PASSWORD $PX_SETTING_PASSWORD
problem disk eror 'too; fact small' 'buy more'
test -e /x || problem disk warning 'x' 'y'
changed 'it; problem is bad'
"),
        ("scripts/y.sh", "echo $PX_SECRET_PASSWORD\r\n[[ -e /x ]] && source /x\n"),
        ("scripts/empty.sh", "\n"),
    ]), @r#"
    error[recipe::empty-script]: r/scripts/empty.sh: this script is empty
    error[recipe::shebang]: r/scripts/facts.sh:1:1: a script is POSIX sh, and this line asks for something else
      1:1 `#!/bin/bash` not heeded
      help: write `#!/bin/sh`, and no more than sh understands
    error[recipe::unknown]: r/scripts/facts.sh:2:6: there is no fact `oss`
      2:6 `oss` unknown fact
      help: did you mean `os`?
    warning[recipe::long-variable]: r/scripts/w.sh:1:28: `PX_FACTS_OS` is not set where there are many hosts: it is too long then
      1:28 `PX_FACTS_OS` set only where it is short
      help: use the output of `px_facts os`
    error[recipe::facts-not-given]: r/scripts/w.sh:2:14: `cores` of all hosts is not given to every stage that runs this script
      2:14 `cores` may not be given
      help: write `all_facts: [cores]` in the stage
    error[recipe::unknown]: r/scripts/w.sh:2:31: there is no fact `osx`
      2:31 `osx` unknown fact
      help: did you mean `os`?
    error[recipe::unknown]: r/scripts/w.sh:3:56: there is no role `followers`
      3:56 `followers` unknown role
      help: there is `leader`, `big-worker`
    error[recipe::unknown]: r/scripts/w.sh:3:95: there is no setting `password`
      3:95 `password` unknown setting
      help: there is `port`
    error[recipe::variable]: r/scripts/x.sh:3:8: no script is given `PX_SETTING_PROT`
      3:8 `PX_SETTING_PROT` unknown
      help: did you mean `PX_SETTING_PORT`?
    error[recipe::variable]: r/scripts/x.sh:4:18: no script is given `PX_HOSTNAME`
      4:18 `PX_HOSTNAME` unknown
      help: there is PX_SETTING_..., PX_FACT_..., PX_HOSTS_... and PX_ADDRESSES_...
    error[recipe::variable]: r/scripts/x.sh:5:44: no script is given `PX_SETTING_PASSWORD`
      5:44 `PX_SETTING_PASSWORD` unknown
      help: did you mean `PX_SECRET_PASSWORD`?
    error[recipe::unknown]: r/scripts/x.sh:6:14: there is no severity `eror`
      6:14 `eror` unknown severity
      help: did you mean `error`?
    error[recipe::secret-not-handed]: r/scripts/y.sh:1:7: `PX_SECRET_PASSWORD` is not handed to every stage that runs this script
      1:7 `PX_SECRET_PASSWORD` may not be set
      help: name the stage in the settings file's `secrets`
    error[recipe::crlf]: r/scripts/y.sh:1:25: this script has Windows line ends, which no shell can read
      1:25 `\r` a carriage return
      help: save it with plain line feeds
    warning[recipe::bashism]: r/scripts/y.sh:2:1: `[[` is bash, and a script is POSIX sh
      2:1 `[[` not in sh
      help: write `[ ... ]`, or `case`
    warning[recipe::bashism]: r/scripts/y.sh:2:16: `source` is bash, and a script is POSIX sh
      2:16 `source` not in sh
      help: write `. file`
    "#);
}

#[test]
fn causes_have_words_and_say_what_to_do() {
    let recipe = "roles: { m: { count: 0.. } }\ncauses: causes.yaml\nflows: { install: [{ id: x, on: m, run: scripts/x.sh }] }\n";
    let good = "- { words: [No SPACE left], says: a disk is full, fix: free some }\n";
    let with = |causes: &str| {
        files(&[
            ("recipe.yaml", recipe),
            ("causes.yaml", causes),
            ("scripts/x.sh", "true\n"),
        ])
    };
    let (read, problems) = Recipe::read(&with(good));
    assert_eq!(problems.to_plain_text(), "");
    let causes = read.expect("a recipe").causes;
    assert_eq!(
        causes[0].words,
        ["no space left"],
        "the case of words does not count"
    );
    let bad = "- { words: [' ', x], says: y, fix: z }\n- { word: [a], says: b }\n- c\n";
    let (_, problems) = Recipe::read(&with(bad));
    let told = problems.to_plain_text();
    for word in [
        "r/causes.yaml:1:13: every line",
        "`word`",
        "`fix`",
        "causes.yaml:3:3",
    ] {
        assert!(told.contains(word), "{word} is not in\n{told}");
    }
}
