//! No diagnostic shows a secret, however its file was mistyped.

use super::*;
use crate::build::{PlanRequest, build};
use crate::planted::{CORE, check, secret, slipped, slips, tells};
use crate::recipe::Recipe;
use crate::testing::recipe;

const RECIPE: &str = "\
roles: { leader: {} }
settings: settings
flows: { install: [{ id: x, on: leader, run: scripts/x.sh }] }
";
const SETTINGS: &str = "\
schema:
  additionalProperties: false
  properties:
    port: { type: integer, maximum: 80 }
    motto: { type: string, maxLength: 3 }
    proxy: { type: object, additionalProperties: false, properties: { host: { type: integer } } }
    token: { type: string, minLength: 90 }
secrets: { token: [x] }
rules: [{ check: motto == '', message: 'the motto is {{ motto }}' }]
";

/// The recipe's cluster files in many styles; `KEY` is the secret's name, `SECRET` its value.
const FILES: [&str; 8] = [
    "cluster: a\nhosts:\n  - { role: leader, address: h1 }\nsettings:\n  port: 80\n  KEY: SECRET\n  motto: abc\n",
    "cluster: a\nsettings:\n  motto: 'abcd'\n  KEY: 'SECRET'\n  port: '81'\nhosts:\n  - role: leader\n    address: 'h1'\n",
    "cluster: a\nsettings:\n  motto: \"abcd\"\n  KEY: \"SECRET\"\n  proxy: { host: \"x\" }\nhosts: [{ role: leader, address: \"h1\" }]\n",
    "cluster: a\nhosts: [{ role: leader, address: h1 }]\nsettings: { port: 80, KEY: SECRET, motto: abc }\n",
    "cluster: a\nhosts: [{ role: leader, address: h1 }]\nsettings: { \"motto\": \"abcd\", \"KEY\": \"SECRET\", \"port\": \"80\" }\n",
    "{\"cluster\":\"a\",\"settings\":{\"port\":80,\"KEY\":\"SECRET\",\"motto\":\"abcd\"},\"hosts\":[{\"role\":\"leader\",\"address\":\"h1\"}]}\n",
    "cluster: a\nhosts:\n  - { role: leader, address: h1 }\nsettings:\n  proxy:\n    host: 1\n  KEY: |\n    SECRET\n  motto: >-\n    abc\n",
    "cluster: a\nssh: { user: 'admin' }\nhosts:\n  - { role: leader, address: h1 }\nsettings:\n  # KEY: SECRET\n  KEY:\n    SECRET\n  prot: 80\n",
];

fn told(recipe: &Recipe, text: &str) -> Problems {
    let settings = recipe.shown_settings();
    let context = ReadContext {
        home: None,
        key_file: &key_file,
        settings: &settings,
        recipe: "r",
    };
    let source = SourceFile::new("phalanx.yaml", text);
    let (cluster, mut problems) = parse(&source).read_in_part(&context);
    if let Some(cluster) = cluster {
        assert!(
            !tells(cluster.source.text()),
            "{text}\n{}",
            cluster.source.text()
        );
        let request = PlanRequest {
            flow: "install".into(),
            ..PlanRequest::default()
        };
        problems.extend(match build(&cluster, recipe, &request) {
            Ok((_, remarks)) => remarks,
            Err(problems) => problems,
        });
    }
    problems
}

fn example() -> Recipe {
    recipe(&[("recipe.yaml", RECIPE), ("settings/any.yaml", SETTINGS)])
}

#[test]
fn a_secret_that_lost_its_name_or_its_quotes_is_blanked() {
    for settings in [
        format!("{{ tokne: {CORE} }}"),
        format!("{{ TOKEN: {CORE}, zonk: {CORE} }}"),
        format!("{{ token {CORE} }}"),
        format!("{{ token:{CORE} }}"),
        format!("{{ token, {CORE} }}"),
        format!("{{ motto: \"abc, token: {CORE}\" }}"),
        format!("{{ proxy: {{ password: {CORE}, token: {CORE} }} }}"),
        format!("{{ port: 80 tokne {CORE}, motto: abc }}"),
        format!("{{ port: 80 to-ken {CORE} }}"),
        format!("{{ motto: abc, port: 80 zonk {CORE} }}"),
        format!("[ {{ port: 80 zonk {CORE} }} ]"),
        format!("\n  port: 80  zonk {CORE}\n"),
        format!("\n  port: 80 Token {CORE}\n"),
        format!("\n  port:\n    zonk: {CORE}\n"),
        format!(
            "\n  # token: x  token:\n    {}: {}\n",
            &CORE[..6],
            &CORE[6..]
        ),
        format!("token:{CORE}"),
        format!("[ {CORE} ]"),
        format!("\n  tokne: {CORE}\n  motto: \"abc\n  port: 80\n"),
        format!("\n  motto: \"abc\n  token: {CORE}\"\n"),
        format!("\n  token: a: {CORE}\n"),
        format!("\n  token: *{CORE}\n"),
        format!("\n  token: &{CORE} x\n"),
        format!("\n  token: !{CORE} x\n"),
        format!("\n  token: @{CORE}\n"),
        format!("\n  token: {CORE}\n   port: 80\n"),
        format!("\n  token: {CORE}\n  token: {CORE}\n"),
        format!("\n  # token: {CORE}\n  prot: 80\n"),
        format!("\nsetings:\n  token: {CORE}\ntoken: {CORE}\n"),
    ] {
        let text =
            format!("cluster: a\nhosts: [{{ role: leader, address: h }}]\nsettings: {settings}\n");
        let problems = told(&example(), &text);
        assert!(!problems.is_empty(), "{text}");
        check(&text, &problems).unwrap();
    }
}

#[test]
fn without_its_recipe_nothing_below_settings_is_shown() {
    let text = format!("recipe: none\nsettings: {{ port: {CORE} }}\n");
    let shown = parse(&SourceFile::new("x", text)).shown(&ShownSettings::default());
    assert_snapshot!(shown.text(), @"
    recipe: none
    settings: { port: ************ }
    ");
}

#[test]
fn what_is_plain_stays_to_be_seen() {
    let recipe = example();
    let shown = |text: &str| {
        let file = SourceFile::new("x", text);
        let shown = parse(&file).shown(&recipe.shown_settings());
        shown.text().to_owned()
    };
    assert_snapshot!(shown("\
cluster: a # b
ssh: { user: admin, zonk: x }
hosts:
  - { role: leader, address: h1, labels: [a, b] }
settings:
  port: 80
  motto: |
    any text
  proxy: { host: 'x', prot: 1 }
  tokne: x
  token: [x, y]
"), @"
    cluster: a # *
    ssh: { user: admin, zonk: * }
    hosts:
      - { role: leader, address: h1, labels: [a, b] }
    settings:
      port: 80
      motto: |
        any text
      proxy: { host: 'x', prot: * }
      tokne: *
      token: [*, *]
    ");
    // No YAML: keys, and what stands behind them before the settings.
    assert_snapshot!(shown("\
cluster: a
ssh: { user: admin, zonk: x }
hosts:
  - { role: leader, address: 10.0.0.1
settings:
  port: 80
  tokne: x
hosts:
  - { role: leader, address: 10.0.0.1 }
"), @"
    cluster: a
    ssh: { user: admin, ****: * }
    hosts:
      - { role: leader, address: 10.0.0.1
    settings:
      port: **
      tokne: *
    hosts:
      - { role: leader, address: 10.0.0.1 }
    ");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_mistyped_file_shows_its_secret(
        file in prop::sample::select(FILES.to_vec()),
        key in prop::sample::select(vec!["token", "token", "tokne", "Token", "to-ken", "zonk"]),
        secret in secret(),
        slips in slips(),
    ) {
        let text = slipped(&file.replace("KEY", key).replace("SECRET", &secret), &slips);
        check(&text, &told(&example(), &text))?;
    }
}
