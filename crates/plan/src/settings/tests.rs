use insta::assert_snapshot;

use super::*;
use crate::recipe::Recipe;
use crate::testing::{check_places, cluster, recipe};

const RECIPE: &str = "\
roles: { leader: {} }
settings: settings
flows: { install: [{ id: x, on: leader, run: scripts/x.sh }] }
";
const SETTINGS: &str = "\
schema:
  type: object
  additionalProperties: false
  required: [name]
  properties:
    name: { type: string, minLength: 1, description: what it is called }
    port: { type: integer, minimum: 1, maximum: 65535, default: 80, description: where it listens }
    mode: { enum: [fast, safe], default: safe }
    resolvers:
      type: array
      maxItems: 2
      uniqueItems: true
      items: { type: string, pattern: '^[0-9.]+$', description: an IPv4 address }
    proxy:
      type: object
      required: [host]
      additionalProperties: false
      properties:
        host: { type: string }
        port: { type: integer, default: 3128 }
    password: { type: string, minLength: 8, pattern: '^[a-z]+$' }
    odd: { not: { type: string } }
secrets: { password: [x] }
";

fn example() -> Recipe {
    recipe(&[("recipe.yaml", RECIPE), ("settings/any.yaml", SETTINGS)])
}

fn resolved(text: &str) -> Resolved {
    let recipe = example();
    let resolved = resolve(&cluster(text), recipe.settings_for(None), "r");
    check_places(&resolved.problems);
    resolved
}

fn problems(text: &str) -> String {
    resolved(text).problems.to_plain_text()
}

#[test]
fn defaults_are_filled_in() {
    let resolved =
        resolved("settings: { name: x, proxy: { host: p } }\nsecrets: { password: abcdefghi }\n");
    assert_eq!(resolved.problems.to_plain_text(), "");
    assert_eq!(
        serde_json::to_value(&resolved.settings).expect("json"),
        serde_json::json!({
            "name": "x", "port": 80, "mode": "safe", "proxy": { "host": "p", "port": 3128 }
        })
    );
    assert_eq!(resolved.secrets, ["password".to_owned()].into());
}

#[test]
fn every_violation_has_its_place_and_plain_words() {
    assert_snapshot!(problems("\
settings:
  port: many
  mode: fats
  resolvers: [8.8.8.8, local, 8.8.8.8]
  proxy: { prot: 1 }
  odd: text
"), @r#"
    error[settings::value]: cluster.yaml:3:9: `mode` must be `fast` or `safe`, found the text `fats`
      3:9 `fats` must be `fast` or `safe`
      help: did you mean `fast`?
    error[settings::value]: cluster.yaml:6:8: `odd`: {"type":"string"} is not allowed for value
      6:8 `text` does not fit
    error[settings::value]: cluster.yaml:2:9: `port` must be a whole number, found the text `many`
      2:9 `many` must be a whole number
      help: where it listens
    error[settings::value]: cluster.yaml:5:10: `proxy` has no `prot`
      5:10 `{ prot: 1 }` an unknown key in here
      help: did you mean `port`?
    error[settings::value]: cluster.yaml:5:10: `proxy` needs `host`
      5:10 `{ prot: 1 }` incomplete
    error[settings::value]: cluster.yaml:4:14: `resolvers` must have at most 2 entries, found a list of 3
      4:14 `[8.8.8.8, local, 8.8.8.8]` must have at most 2 entries
    error[settings::value]: cluster.yaml:4:14: `resolvers` must name nothing twice, found a list of 3
      4:14 `[8.8.8.8, local, 8.8.8.8]` must name nothing twice
    error[settings::value]: cluster.yaml:4:24: `resolvers[1]` must match `^[0-9.]+$`, found the text `local`
      4:24 `local` must match `^[0-9.]+$`
      help: an IPv4 address
    error[settings::missing]: cluster.yaml: the setting `name` is missing
      help: write `name: ...` under `settings`: what it is called
    "#);
    assert_snapshot!(problems("settings: { name: '', port: 70000, proxy: x, mode: [1] }\n"), @r#"
    error[settings::value]: cluster.yaml:1:52: `mode` must be `fast` or `safe`, found a list of 1
      1:52 `[1] ` must be `fast` or `safe`
    error[settings::value]: cluster.yaml:1:19: `name` must not be empty, found an empty text
      1:19 `\'\'` must not be empty
      help: what it is called
    error[settings::value]: cluster.yaml:1:29: `port` must be at most 65535, found the number 70000
      1:29 `70000` must be at most 65535
      help: where it listens
    error[settings::value]: cluster.yaml:1:43: `proxy` must be a mapping, found the text `x`
      1:43 `x` must be a mapping
    "#);
}

#[test]
fn an_unknown_setting() {
    assert_snapshot!(problems("settings: { name: x, prot: 1, nothing: 2 }\nsecrets: { pasword: x }\n"), @"
    error[settings::unknown]: cluster.yaml:1:31: the recipe `r` has no setting `nothing`
      1:31 `nothing` unknown setting
      help: its settings are `mode`, `name`, `odd`, `password`, `port`, `proxy`, `resolvers`
    error[settings::unknown]: cluster.yaml:1:22: the recipe `r` has no setting `prot`
      1:22 `prot` unknown setting
      help: did you mean `port`?
    error[settings::unknown]: cluster.yaml:2:12: the recipe `r` has no setting `pasword`
      2:12 `pasword` unknown setting
      help: did you mean `password`?
    ");
    let cluster = cluster("settings: { port: 1 }\n");
    assert_snapshot!(resolve(&cluster, None, "r").problems.to_plain_text(), @"
    error[settings::unknown]: cluster.yaml:1:13: the recipe `r` has no setting `port`
      1:13 `port` unknown setting
      help: it has no settings at all
    ");
}

#[test]
fn a_secret_is_checked_and_never_shown() {
    for text in [
        "settings: { name: x }\nsecrets: { password: HUNTER2 }\n",
        "settings: { name: x, password: HUNTER2 }\n",
    ] {
        let resolved = resolved(text);
        let told = resolved.problems.to_plain_text().replace(text, "");
        // The place's own text is the operator's, and is masked by whoever shows it.
        for problem in resolved.problems.iter() {
            assert!(!format!("{} {:?}", problem.message, problem.help).contains("HUNTER"));
            assert!(
                problem
                    .labels
                    .iter()
                    .all(|label| !label.text.contains("HUNTER"))
            );
        }
        assert!(told.contains("must have at least 8 characters"), "{told}");
        assert!(!resolved.settings.contains_key("password"));
    }
}

#[test]
fn a_nul_is_refused() {
    assert_snapshot!(problems("settings: { name: \"a\\0b\" }\n"), @r#"
    error[settings::nul]: cluster.yaml:1:19: `name` holds a NUL character, which no script can be given
      1:19 `\"a\\0b\"` a NUL in here
    "#);
}

#[test]
fn the_line_with_the_most_parts_counts() {
    let empty = "schema: { properties: {} }\n";
    let recipe = recipe(&[
        ("recipe.yaml", RECIPE),
        ("settings/any.yaml", empty),
        ("settings/1.yaml", empty),
        ("settings/1.8.yaml", empty),
        ("settings/1.8.8.yaml", empty),
    ]);
    let line = |release| recipe.settings_for(release).map(|line| line.line.as_str());
    assert_eq!(line(Some("1.8.8")), Some("1.8.8"));
    assert_eq!(line(Some("1.8.9")), Some("1.8"));
    assert_eq!(line(Some("1.80.1")), Some("1"));
    assert_eq!(line(Some("1.10")), Some("1"));
    assert_eq!(line(Some("2.0")), Some("any"));
    assert_eq!(line(None), Some("any"));
}

#[test]
fn secrets_are_found_wherever_they_are_written() {
    let recipe = example();
    let cluster = cluster("settings: { password: one }\nsecrets: { other: two }\n");
    let secrets = secret_values(&cluster, recipe.settings_for(None));
    let told: Vec<_> = secrets
        .iter()
        .map(|(name, secret)| (name.as_str(), secret.reveal()))
        .collect();
    assert_eq!(told, [("other", "two"), ("password", "one")]);
}
