//! What a host would see of scripts and files: whether its shell can read them, and how their lines end.

use std::cell::RefCell;

use insta::assert_snapshot;

use super::super::{Recipe, Shell, Verdict};
use crate::testing::{check_places, files, lint};

/// A shell that says of each text what it was told to.
struct Told<'a> {
    answers: &'a [(&'a str, &'a str)],
    asked: RefCell<Vec<String>>,
}

impl Shell for Told<'_> {
    fn read(&self, scripts: &[&str]) -> Result<Vec<Verdict>, String> {
        self.asked
            .borrow_mut()
            .extend(scripts.iter().map(|text| (*text).to_owned()));
        let verdict = |text: &&str| {
            let mut answers = self.answers.iter();
            let answer = answers.find(|(part, _)| text.contains(part));
            answer.map_or(Verdict::Good, |(_, said)| Verdict::Bad((*said).to_owned()))
        };
        Ok(scripts.iter().map(verdict).collect())
    }
}

struct NoShell;

impl Shell for NoShell {
    fn read(&self, _: &[&str]) -> Result<Vec<Verdict>, String> {
        Err("this machine has none of /bin/sh\u{1b}[2J".to_owned())
    }
}

const RECIPE: &str = "\
roles: { a: {} }
facts: scripts/facts.sh
flows:
  f:
    - { id: one, on: a, run: scripts/one.sh }
    - { id: two, on: a, until: scripts/two.sh }
    - id: three
      on: a
      run: scripts/one.sh
      put:
        - { file: files/for-sh, to: /x }
        - { file: files/for-bash, to: /y }
        - { template: templates/t, to: /z }
";

fn given<'a>(one: &'a str, two: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("recipe.yaml", RECIPE),
        ("scripts/facts.sh", "true\n"),
        ("scripts/one.sh", one),
        ("scripts/two.sh", two),
        ("files/for-sh", "#!/bin/sh\necho put\n"),
        ("files/for-bash", "#!/bin/bash\na=(1 2)\n"),
        ("templates/t", "#!/bin/sh\n{% if true %}x{% endif %}\n"),
    ]
}

fn said(one: &str, two: &str, answers: &[(&str, &str)]) -> (String, Vec<String>) {
    let shell = Told {
        answers,
        asked: RefCell::default(),
    };
    let (_, problems) = Recipe::read_with(&files(&given(one, two)), Some(&shell));
    check_places(&problems);
    (problems.to_plain_text(), shell.asked.into_inner())
}

#[test]
fn every_script_is_read_once_and_nothing_else_is() {
    let (told, asked) = said("echo one\n", "echo two\n", &[]);
    assert_eq!(told, "");
    assert_eq!(
        asked,
        [
            "#!/bin/sh\necho put\n",
            "true\n",
            "echo one\n",
            "echo two\n"
        ]
    );
    // What is wrong with these was told: a shell would only say it again.
    let (_, asked) = said("if true\r\nthen\r\n", "#!/bin/bash\nx=(1)\n", &[]);
    assert_eq!(asked, ["#!/bin/sh\necho put\n", "true\n"]);
}

#[test]
fn a_first_line_that_looks_for_sh_asks_for_it_as_well() {
    let (one, two) = ("#!/usr/bin/env sh\necho one\n", "#! /bin/env sh -e\ntrue\n");
    let (told, asked) = said(one, two, &[]);
    assert_eq!(told, "");
    assert!(asked.iter().any(|text| text == one) && asked.iter().any(|text| text == two));
    let (told, asked) = said(
        "#!/usr/bin/env bash\necho one\n",
        "#!/usr/bin/env\ntrue\n",
        &[],
    );
    assert_eq!(told.matches("recipe::shebang").count(), 2, "{told}");
    assert_eq!(asked.len(), 2, "{asked:?}");
}

#[test]
fn what_a_shell_cannot_read_is_told_at_its_line() {
    let answers = [
        (
            "one",
            "sh: 4: Syntax error: end of file unexpected (expecting \"fi\")\n",
        ),
        (
            "two",
            "sh: line 2: syntax error near unexpected token `)'\nsh: line 2: `x)'\n",
        ),
        (
            "put",
            "\n/bin/sh: syntax error: \u{1b}[2J unterminated quoted string\n",
        ),
    ];
    assert_snapshot!(said("echo one\nif true; then\n  echo x\n", "echo two\n  x)\n", &answers).0, @r#"
    warning[recipe::syntax]: r/files/for-sh: a shell can't read this script: ?[2J unterminated quoted string
      help: a quote is opened, here or further up, and not closed
    error[recipe::syntax]: r/scripts/one.sh:3:3: a shell can't read this script: end of file unexpected (expecting "fi")
      3:3 `echo x` here
      help: an `if` further up is not closed: write `fi`
    error[recipe::syntax]: r/scripts/two.sh:2:3: a shell can't read this script: syntax error near unexpected token `)'
      2:3 `x)` here
      help: no host could run it; look at this line and those above it
    "#);
    let answers = [
        ("one", "sh: 2: Syntax error: Unterminated quoted string"),
        ("two", ""),
        ("put", "sh: 99: Syntax error: \")\" unexpected"),
    ];
    assert_snapshot!(said("echo one\necho 'x\n", "echo two\n", &answers).0, @r#"
    warning[recipe::syntax]: r/files/for-sh:2:1: a shell can't read this script: ")" unexpected
      2:1 `echo put` here
      help: no host could run it; look at this line and those above it
    error[recipe::syntax]: r/scripts/one.sh:2:1: a shell can't read this script: Unterminated quoted string
      2:1 `echo \'x` here
      help: a quote is opened, here or further up, and not closed
    error[recipe::syntax]: r/scripts/two.sh: a shell can't read this script: it does not say why
      help: no host could run it; look at this line and those above it
    "#);
}

#[test]
fn where_there_is_no_shell_that_is_told() {
    let (recipe, problems) = Recipe::read_with(&files(&given("true\n", "true\n")), Some(&NoShell));
    assert!(recipe.is_some());
    assert_snapshot!(problems.to_plain_text(), @"
    warning[recipe::no-shell]: no shell has looked at the scripts: this machine has none of /bin/sh?[2J
      help: what is wrong with one shows on a host then, and not before
    ");
}

#[test]
fn what_a_shell_says_never_makes_it_panic() {
    for word in [
        "",
        ": : : :",
        "sh: 0: x",
        "sh: line 18446744073709551616: x",
        "sh: 1:",
        "é: é",
        "sh: x (expecting \"",
    ] {
        let (told, _) = said("echo one\n", "\n", &[("one", word)]);
        assert!(told.contains("recipe::syntax"), "{word}: {told}");
    }
    let long = "x".repeat(100_000);
    let (told, _) = said("echo one\n", "true\n", &[("one", &long)]);
    assert!(told.len() < 1000, "{}", told.len());
}

#[test]
fn windows_line_ends() {
    assert_snapshot!(lint(&[
        ("recipe.yaml", RECIPE),
        ("scripts/facts.sh", "true\n"),
        ("scripts/one.sh", "echo\r\necho\r\n"),
        ("files/for-sh", "one\r\ntwo\n"),
        ("files/for-bash", "one\rtwo\n"),
        ("templates/t", "one\ntwo\r\n{{ host.name }}\r\n"),
    ]), @r#"
    warning[recipe::crlf]: r/files/for-sh:1:4: this file has Windows line ends, and is put on hosts with them
      1:4 `\r` a carriage return
      help: save it with plain line feeds, where the program that reads it wants no others
    error[recipe::crlf]: r/scripts/one.sh:1:5: this script has Windows line ends, which no shell can read
      1:5 `\r` a carriage return, the first of 2
      help: save it with plain line feeds
    error[recipe::crlf]: r/templates/t:2:4: this template has Windows line ends, and hosts would be given them
      2:4 `\r` a carriage return, the first of 2
      help: save it with plain line feeds
    "#);
}

#[test]
fn what_only_bash_understands() {
    assert_snapshot!(lint(&[
        ("recipe.yaml", "roles: { a: {} }\nflows: { f: [{ id: x, on: a, run: scripts/x.sh }] }\n"),
        ("scripts/x.sh", "\
set -o pipefail
if [ \"$a\" == b ] && test a == b; then echo -e 'a\\n'; fi
declare -a list; mapfile -t lines </x
pushd /tmp && popd
# Neither of these.
[ a = b ] || echo 'a == b' -e
awk '$1 == \"x\"' /x; set -e
"),
    ]), @r#"
    warning[recipe::bashism]: r/scripts/x.sh:1:8: `pipefail` is bash, and a script is POSIX sh
      1:8 `pipefail` not in sh
      help: look at the status of each command
    warning[recipe::bashism]: r/scripts/x.sh:2:11: `==` is bash, and a script is POSIX sh
      2:11 `==` not in sh
      help: write `=`
    warning[recipe::bashism]: r/scripts/x.sh:2:28: `==` is bash, and a script is POSIX sh
      2:28 `==` not in sh
      help: write `=`
    warning[recipe::bashism]: r/scripts/x.sh:2:44: `-e` is bash, and a script is POSIX sh
      2:44 `-e` not in sh
      help: write `printf '%s\n' ...`
    warning[recipe::bashism]: r/scripts/x.sh:3:1: `declare` is bash, and a script is POSIX sh
      3:1 `declare` not in sh
      help: assign it: `name=value`
    warning[recipe::bashism]: r/scripts/x.sh:3:18: `mapfile` is bash, and a script is POSIX sh
      3:18 `mapfile` not in sh
      help: write `while read -r line; do ...; done`
    warning[recipe::bashism]: r/scripts/x.sh:4:1: `pushd` is bash, and a script is POSIX sh
      4:1 `pushd` not in sh
      help: write `(cd DIR && ...)`
    warning[recipe::bashism]: r/scripts/x.sh:4:15: `popd` is bash, and a script is POSIX sh
      4:15 `popd` not in sh
      help: write `(cd DIR && ...)`
    "#);
}

/// Stages that tell and want the fact `csr`.
fn facts(stages: &str) -> String {
    let stages = stages.lines().map(|line| format!("    {}\n", line.trim()));
    let stages: String = stages.collect();
    let recipe = format!(
        "\
roles: {{ one: {{ count: [1] }}, many: {{}} }}
facts: {{ names: {{ csr: text, crt: text }} }}
flows:
  f:
{stages}"
    );
    lint(&[
        ("recipe.yaml", &recipe),
        ("scripts/key.sh", "fact csr \"$(cat /x)\"\n"),
        ("scripts/ca.sh", "px_facts csr\nfact crt x\n"),
    ])
}

#[test]
fn facts_that_nobody_tells_before() {
    assert_snapshot!(facts("\
    - { id: key, on: many, run: scripts/key.sh, all_facts: crt }
    - { id: ca, on: many, run: scripts/ca.sh, all_facts: csr, after: [{ all: key }] }
"), @"
    warning[recipe::facts-not-told]: r/recipe.yaml:5:13: the stage `key` is given `crt` of all hosts, and no script that runs before it tells that
      5:13 `key` is given nothing
      help: a script of a stage above tells it: `fact crt VALUE`
    ");
}

#[test]
fn facts_that_nobody_waits_for() {
    assert_snapshot!(facts("\
    - { id: key, on: many, run: scripts/key.sh }
    - { id: ca, on: many, run: scripts/ca.sh, all_facts: csr, after: [] }
"), @"
    warning[recipe::facts-not-awaited]: r/recipe.yaml:6:13: the stage `ca` may begin before every host has told `csr`: it does not wait for `key` on all of them
      6:13 `ca` may begin too early
      help: write `after: [{ all: key }]`
    ");
    // Its own host's key is not everybody's.
    assert_snapshot!(facts("\
    - { id: key, on: many, run: scripts/key.sh }
    - { id: other, on: all, run: scripts/x.sh }
    - { id: ca, on: many, run: scripts/ca.sh, all_facts: csr, after: [key] }
    - { id: cb, on: many, run: scripts/ca.sh, all_facts: csr }
"), @"
    warning[recipe::facts-not-awaited]: r/recipe.yaml:7:13: the stage `ca` may begin before every host has told `csr`: it does not wait for `key` on all of them
      7:13 `ca` may begin too early
      help: write `after: [{ all: key }]`
    warning[recipe::facts-not-awaited]: r/recipe.yaml:8:13: the stage `cb` may begin before every host has told `csr`: it does not wait for `key` on all of them
      8:13 `cb` may begin too early
      help: write `after: [{ all: key }]`
    ");
    assert_snapshot!(facts("\
    - { id: key, on: all, run: scripts/key.sh }
    - { id: many, on: many, run: scripts/x.sh }
    - { id: ca, on: one, run: scripts/ca.sh, all_facts: csr, after: [{ all: many }] }
    - { id: cb, on: all, run: scripts/ca.sh, all_facts: [csr, crt], after: [many] }
"), @"
    warning[recipe::facts-not-awaited]: r/recipe.yaml:7:13: the stage `ca` may begin before every host has told `csr`: it does not wait for `key` on all of them
      7:13 `ca` may begin too early
      help: write `after: [{ all: many }, { all: key }]`
    warning[recipe::facts-not-awaited]: r/recipe.yaml:8:13: the stage `cb` may begin before every host has told `crt`, `csr`: it does not wait for `key`, `ca` on all of them
      8:13 `cb` may begin too early
      help: write `after: [many, { all: key }, { all: ca }]`
    warning[recipe::empty-gate]: r/recipe.yaml:8:77: nothing is waited for on the hosts of `one`: they take no part in what is named
      8:77 `many` not on these hosts
      help: name a stage that they take part in, or wait for other hosts with `{all: NAME}`
    ");
}

#[test]
fn nobody_is_told_to_wait_where_a_gate_cannot_be_read() {
    for gate in ["{ all: kye }", "{ any: key }", "ca"] {
        let told = facts(&format!(
            "- {{ id: key, on: many, run: scripts/key.sh }}\n- {{ id: ca, on: many, run: scripts/ca.sh, all_facts: csr, after: [{gate}] }}\n"
        ));
        assert_eq!(
            told.matches("[recipe::").count() + told.matches("[yaml::").count(),
            1,
            "{told}"
        );
    }
}

#[test]
fn facts_that_are_waited_for() {
    for stages in [
        "    - { id: key, on: many, run: scripts/key.sh }\n    - { id: ca, on: all, run: scripts/ca.sh, all_facts: csr, after: [{ all: key }] }\n",
        // By way of others.
        "    - { id: key, on: many, run: scripts/key.sh }\n    - { id: x, on: many, run: scripts/x.sh }\n    - { id: y, on: all, run: scripts/x.sh, after: [{ all: x }] }\n    - { id: ca, on: all, run: scripts/ca.sh, all_facts: csr }\n",
        // A role of one host waits for all of itself.
        "    - { id: key, on: one, run: scripts/key.sh }\n    - { id: ca, on: one, run: scripts/ca.sh, all_facts: csr }\n",
        // What is told again below was told before.
        "    - { id: key, on: many, run: scripts/key.sh }\n    - { id: ca, on: many, run: scripts/ca.sh, all_facts: csr, after: [{ all: key }] }\n    - { id: again, on: many, run: scripts/key.sh, after: [] }\n    - { id: cb, on: many, run: scripts/ca.sh, all_facts: csr, after: [{ all: ca }] }\n",
    ] {
        assert_eq!(facts(stages), "", "{stages}");
    }
}
