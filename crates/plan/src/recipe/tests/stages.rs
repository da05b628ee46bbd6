//! Stages and their fields.

use insta::assert_snapshot;

use super::lint_stages;
use crate::flow::Changes;
use crate::testing::{lint, recipe};

#[test]
fn after_may_only_name_stages_above() {
    assert_snapshot!(lint_stages("\
    - { id: one, on: all, run: scripts/x.sh, after: [two] }
    - { id: two, on: all, run: scripts/x.sh, after: [two] }
    - { id: three, on: all, run: scripts/x.sh, after: [{ all: one, any: two }, [one], { }] }
"), @"
    error[recipe::after-below]: r/recipe.yaml:6:54: `two` stands below this stage
      6:54 `two` not above
      help: `after` may only name stages above: so nothing waits in a circle
    error[recipe::after-below]: r/recipe.yaml:7:54: a stage can't wait for itself
      7:54 `two` not above
      help: `after` may only name stages above: so nothing waits in a circle
    error[yaml::unknown-key]: r/recipe.yaml:8:68: a gate has no key `any`
      8:68 `any` unknown key
      help: there is no `any` here: `{all: NAME}` waits for every host of that stage, `NAME` for this host's own
    error[yaml::type]: r/recipe.yaml:8:80: a gate must be a stage's name, or `{all: NAME}`, found a list
      8:80 `[one]` expected a stage's name, or `{all: NAME}`
    error[yaml::type]: r/recipe.yaml:8:87: a gate must be a stage's name, or `{all: NAME}`, found a mapping
      8:87 `{ }` expected a stage's name, or `{all: NAME}`
    ");
}

#[test]
fn a_gate_that_waits_for_nothing() {
    assert_snapshot!(lint_stages("\
    - { id: one, on: leader, run: scripts/x.sh }
    - { id: two, on: worker, run: scripts/x.sh, after: [one] }
    - { id: three, on: all, run: scripts/x.sh, after: [one] }
    - { id: four, on: all, run: scripts/x.sh, after: [one, two] }
    - { id: five, on: all, run: scripts/x.sh, after: [one, { all: two }] }
    - { id: six, on: all, run: scripts/x.sh, after: [] }
"), @"
    warning[recipe::empty-gate]: r/recipe.yaml:7:57: nothing is waited for on the hosts of `worker`: they take no part in what is named
      7:57 `one` not on these hosts
      help: name a stage that they take part in, or wait for other hosts with `{all: NAME}`
    warning[recipe::empty-gate]: r/recipe.yaml:8:56: nothing is waited for on the hosts of `worker`: they take no part in what is named
      8:56 `one` not on these hosts
      help: name a stage that they take part in, or wait for other hosts with `{all: NAME}`
    ");
}

#[test]
fn names_twice() {
    assert_snapshot!(lint_stages("\
    - { id: one, on: all, run: scripts/x.sh }
    - { id: one, on: all, run: scripts/x.sh }
"), @"
    error[recipe::duplicate-stage]: r/recipe.yaml:7:13: there are two stages `one` in the flow `install`: the first is in line 6
      7:13 `one` again here
      help: give each stage a name of its own
    ");
}

#[test]
fn a_stage_does_one_thing() {
    assert_snapshot!(lint_stages("\
    - { id: none, on: all }
    - { id: two, on: all, run: scripts/x.sh, until: scripts/y.sh }
    - { id: three, on: all, run: scripts/x.sh, reboot: true, until: scripts/y.sh }
    - { on: all, run: scripts/x.sh }
    - { id: nowhere, run: scripts/x.sh }
    - { id: twice, on: all, reboot: { within: 1m }, within: 1m }
"), @"
    error[yaml::missing-key]: r/recipe.yaml:6:7: the stage `none` needs `run`
      6:7 `{ id: none, on: all }` no `run` here
      help: say what it does with `run`, `until`, `reboot` or `put`
    error[recipe::two-actions]: r/recipe.yaml:7:27: the stage `two` has both `run` and `until`
      7:27 `run` this
      7:46 `until` and this
      help: a stage does one thing: make two stages of it
    error[recipe::two-actions]: r/recipe.yaml:8:29: the stage `three` has both `run` and `reboot` and `until`
      8:29 `run` this
      8:48 `reboot` and this
      8:62 `until` and this
      help: a stage does one thing: make two stages of it
    error[yaml::missing-key]: r/recipe.yaml:9:7: a stage needs `id`
      9:7 `{ on: all, run: scripts/x.sh }` no `id` here
      help: give it a name: `id: prepare`
    error[yaml::missing-key]: r/recipe.yaml:10:7: the stage `nowhere` needs `on`
      10:7 `{ id: nowhere, run: scripts/x.sh }` no `on` here
      help: say which hosts: `on: all`, or a role
    error[recipe::two-limits]: r/recipe.yaml:11:53: the stage `twice` says twice how long it may take
      11:53 `within` once here, once in `reboot`
      help: keep the one in `reboot`
    ");
    assert_snapshot!(lint(&[("recipe.yaml", "roles: { a: {} }\nflows: { f: [], g: { x: y } }\n")]), @"
    error[recipe::empty-flow]: r/recipe.yaml:2:10: the flow `f` has no stage
      2:10 `f` nothing to do
      help: write a stage, such as `- { id: check, on: all, run: scripts/check.sh }`
    error[yaml::type]: r/recipe.yaml:2:20: the flow `g` must be a list, found a mapping
      2:20 `{ x: y } ` expected a list
    ");
}

#[test]
fn values_that_are_none() {
    assert_snapshot!(lint(&[
        ("recipe.yaml", "\
roles:
  a: { count: [1, x], may_miss: 120% }
  b: { count: 5..2, may_miss: few }
  c: { count: [] }
releases: [1.8, 1.9]
default_release: 1.10
flows:
  f:
    - { id: x, on: a, run: scripts/x.sh, within: 10, at_once: 0, retries: -1, when: true }
    - { id: y, on: a, reboot: { within: soon } }
    - { id: z, on: a, put: { file: scripts/x.sh, to: etc/x, mode: 999, owner: 'a b' } }
    - { id: q, on: a, put: [{ file: scripts/x.sh, template: scripts/x.sh, to: /x }, { to: /x }, { file: scripts/x.sh }] }
"),
    ]), @r#"
    error[yaml::type]: r/recipe.yaml:2:15: `count` must be a list of numbers (`[1, 3]`), a number or a range (`0..`, `2..5`), found a list
      2:15 `[1, x]` expected a list of numbers (`[1, 3]`), a number or a range (`0..`, `2..5`)
    error[yaml::type]: r/recipe.yaml:2:33: `may_miss` must be a number of hosts, or `20%` of them, found the text `120%`
      2:33 `120%` expected a number of hosts, or `20%` of them
    error[yaml::type]: r/recipe.yaml:3:15: `count` must be a list of numbers (`[1, 3]`), a number or a range (`0..`, `2..5`), found the text `5..2`
      3:15 `5..2` expected a list of numbers (`[1, 3]`), a number or a range (`0..`, `2..5`)
    error[yaml::type]: r/recipe.yaml:3:31: `may_miss` must be a number of hosts, or `20%` of them, found the text `few`
      3:31 `few` expected a number of hosts, or `20%` of them
    error[yaml::type]: r/recipe.yaml:4:15: `count` must be a list of numbers (`[1, 3]`), a number or a range (`0..`, `2..5`), found a list
      4:15 `[] ` expected a list of numbers (`[1, 3]`), a number or a range (`0..`, `2..5`)
    error[recipe::unknown]: r/recipe.yaml:6:18: there is no release `1.10`
      6:18 `1.10` unknown release
      help: there is `1.8`, `1.9`
    error[recipe::duration]: r/recipe.yaml:9:50: `within` is no span of time: the unit is missing: write `s` for seconds, `m` for minutes or `h` for hours
      9:50 `10` not a span of time
      help: such as `30s`, `10m` or `1h`
    error[yaml::type]: r/recipe.yaml:9:63: `at_once` must be a whole number from 1 to 100000, found the number 0
      9:63 `0` expected a whole number from 1 to 100000
    error[yaml::type]: r/recipe.yaml:9:75: `retries` must be a whole number from 0 to 100, found the number -1
      9:75 `-1` expected a whole number from 0 to 100
    error[yaml::type]: r/recipe.yaml:9:85: `when` must be a condition, such as `reboot_needed`, found `true`
      9:85 `true` expected a condition, such as `reboot_needed`
    error[recipe::duration]: r/recipe.yaml:10:41: `within` is no span of time: a span of time is a number and a unit: `30s`, `10m`, `1h`
      10:41 `soon` not a span of time
      help: such as `30s`, `10m` or `1h`
    error[recipe::put-path]: r/recipe.yaml:11:54: `etc/x` is no absolute path
      11:54 `etc/x` must begin with `/`
      help: write `/etc/x`
    error[yaml::type]: r/recipe.yaml:11:67: `mode` must be three or four octal digits, such as `"0644"`, found the number 999
      11:67 `999` expected three or four octal digits, such as `"0644"`
    error[yaml::type]: r/recipe.yaml:11:79: `owner` must be `user` or `user:group`, such as `root:root`, found the text `a b`
      11:79 `\'a b\'` expected `user` or `user:group`, such as `root:root`
    error[recipe::put-source]: r/recipe.yaml:12:29: a file to put needs one of `file`, `template` and `upload`
      12:29 `{ file: scripts/x.sh, template: scripts/x.sh, to: /x }` one of the three
      help: `file` is brought as it stands, `template` is rendered for each host, `upload` names a setting with a path
    error[recipe::put-source]: r/recipe.yaml:12:85: a file to put needs one of `file`, `template` and `upload`
      12:85 `{ to: /x }` one of the three
      help: `file` is brought as it stands, `template` is rendered for each host, `upload` names a setting with a path
    error[yaml::missing-key]: r/recipe.yaml:12:97: a file to put needs `to`
      12:97 `{ file: scripts/x.sh }` no `to` here
      help: say where it goes: `to: /etc/example.conf`
    "#);
}

#[test]
fn flows_that_are_to_change_nothing() {
    assert_snapshot!(lint(&[("recipe.yaml", "\
roles: { a: {} }
flows:
  check:
    - { id: x, on: a, reboot: true }
    - { id: y, on: a, put: { file: scripts/x.sh, to: /x }, run: scripts/x.sh }
  verify:
    - { id: x, on: a, until: scripts/x.sh }
")]), @"
    warning[recipe::changing-check]: r/recipe.yaml:4:13: the flow `check` is to change nothing, and this stage reboots hosts
      4:13 `x` reboots hosts
      help: move the stage to another flow
    warning[recipe::changing-check]: r/recipe.yaml:5:13: the flow `check` is to change nothing, and this stage brings files to hosts
      5:13 `y` brings files to hosts
      help: move the stage to another flow
    ");
}

#[test]
fn a_flow_may_say_whether_it_changes_hosts() {
    let text = "\
roles: { a: {} }
flows:
  check: { changes: hosts, stages: [{ id: x, on: a, reboot: true }] }
  verify: { stages: [{ id: x, on: a, until: scripts/x.sh }] }
  audit:
    changes: nothing
    stages:
      - { id: x, on: a, run: scripts/x.sh }
  install: [{ id: x, on: a, run: scripts/x.sh }]
";
    let recipe = recipe(&[("recipe.yaml", text)]);
    let said: Vec<(&str, Changes, usize)> = recipe
        .flows
        .iter()
        .map(|flow| (flow.name.value.as_str(), flow.changes, flow.stages.len()))
        .collect();
    assert_eq!(
        said,
        [
            ("check", Changes::Hosts, 1),
            ("verify", Changes::Nothing, 1),
            ("audit", Changes::Nothing, 1),
            ("install", Changes::Hosts, 1),
        ]
    );
}

#[test]
fn what_a_flow_says_of_itself_that_cannot_be() {
    assert_snapshot!(lint(&[("recipe.yaml", "\
roles: { a: {} }
flows:
  audit:
    changes: nothing
    stages:
      - { id: x, on: a, reboot: true }
      - { id: y, on: a, put: { file: scripts/x.sh, to: /x } }
  a: { changes: nothin, stages: [{ id: x, on: a, run: scripts/x.sh }] }
  b: { changes: [hosts], stages: [{ id: x, on: a, run: scripts/x.sh }] }
  c: { changes: no, stages: [{ id: x, on: a, run: scripts/x.sh }] }
  d: { changes: hosts }
  e: { changes: hosts, tasks: [] }
  f: { chnages: hosts, stages: [] }
  g: { changes: nothing, stages: x }
")]), @"
    warning[recipe::changing-check]: r/recipe.yaml:6:15: the flow `audit` is to change nothing, and this stage reboots hosts
      6:15 `x` reboots hosts
      4:14 `nothing` said here
      help: move the stage to another flow, or write `changes: hosts`
    warning[recipe::changing-check]: r/recipe.yaml:7:15: the flow `audit` is to change nothing, and this stage brings files to hosts
      7:15 `y` brings files to hosts
      4:14 `nothing` said here
      help: move the stage to another flow, or write `changes: hosts`
    error[yaml::type]: r/recipe.yaml:8:17: `changes` must be `nothing` or `hosts`, found the text `nothin`
      8:17 `nothin` expected `nothing` or `hosts`
      help: write `changes: nothing`
    error[yaml::type]: r/recipe.yaml:9:17: `changes` must be `nothing` or `hosts`, found a list
      9:17 `[hosts]` expected `nothing` or `hosts`
    error[yaml::type]: r/recipe.yaml:10:17: `changes` must be `nothing` or `hosts`, found the text `no`
      10:17 `no` expected `nothing` or `hosts`
      help: write `changes: nothing`
    error[yaml::missing-key]: r/recipe.yaml:11:6: the flow `d` needs `stages`
      11:6 `{ changes: hosts }` no `stages` here
      help: list what it does: `stages: [{ id: ..., on: ..., run: ... }]`
    error[yaml::unknown-key]: r/recipe.yaml:12:24: the flow `e` has no key `tasks`
      12:24 `tasks` unknown key
      help: `tasks` are `stages` here
    error[recipe::empty-flow]: r/recipe.yaml:13:3: the flow `f` has no stage
      13:3 `f` nothing to do
      help: write a stage, such as `- { id: check, on: all, run: scripts/check.sh }`
    error[yaml::unknown-key]: r/recipe.yaml:13:8: the flow `f` has no key `chnages`
      13:8 `chnages` unknown key
      help: did you mean `changes`?
    error[yaml::type]: r/recipe.yaml:14:34: the flow `g` must be a list, found the text `x`
      14:34 `x` expected a list
    ");
}

#[test]
fn a_stage_may_stop_after_failures() {
    let stages = "\
roles: { a: { count: [1, 3] }, b: { count: 2..4 }, c: {} }
flows:
  f:
    - { id: turns, on: all, run: scripts/x.sh, at_once: 1 }
    - { id: pairs, on: all, run: scripts/x.sh, at_once: 2 }
    - { id: never, on: all, run: scripts/x.sh, at_once: 1, stop_after: never }
    - { id: three, on: all, reboot: true, stop_after: 3 }
    - { id: seven, on: [a, b], run: scripts/x.sh, stop_after: 7 }
";
    let limits: Vec<Option<usize>> = recipe(&[("recipe.yaml", stages)]).flows[0]
        .stages
        .iter()
        .map(|stage| stage.stop_after)
        .collect();
    assert_eq!(limits, [Some(1), None, None, Some(3), Some(7)]);
    assert_snapshot!(lint(&[("recipe.yaml", "\
roles: { a: { count: [1, 3] }, b: { count: 2..4 }, c: {} }
flows:
  f:
    - { id: none, on: all, run: scripts/x.sh, stop_after: 0 }
    - { id: many, on: [a, b], run: scripts/x.sh, stop_after: 8 }
    - { id: word, on: c, run: scripts/x.sh, stop_after: 20% }
    - { id: yes, on: c, run: scripts/x.sh, stop_after: true }
")]), @"
    error[yaml::type]: r/recipe.yaml:4:59: `stop_after` must be a whole number from 1 to 100000, found the number 0
      4:59 `0` expected a whole number from 1 to 100000
    warning[recipe::stop-after]: r/recipe.yaml:5:62: the stage `many` never stops after 8 failures: it has at most 7 hosts
      5:62 `8` never comes about
      help: write a smaller number; or `never`, where a failure is to stop nobody
    error[yaml::type]: r/recipe.yaml:6:57: `stop_after` must be a number of hosts, such as 1, or `never`, found the text `20%`
      6:57 `20%` expected a number of hosts, such as 1, or `never`
    error[yaml::type]: r/recipe.yaml:7:56: `stop_after` must be a number of hosts, such as 1, or `never`, found `true`
      7:56 `true` expected a number of hosts, such as 1, or `never`
    ");
}

#[test]
fn a_file_goes_to_a_whole_path() {
    let recipe = "\
roles:
  server: { count: 0.. }
flows:
  install:
    - { id: a, on: server, put: { file: scripts/x.sh, to: ~/x } }
    - { id: b, on: server, put: { file: scripts/x.sh, to: $HOME/x } }
    - { id: c, on: server, put: { file: scripts/x.sh, to: /etc/x/ } }
";
    assert_snapshot!(lint(&[("recipe.yaml", recipe)]), @"
    error[recipe::put-path]: r/recipe.yaml:5:59: `~/x` is no absolute path
      5:59 `~/x` must begin with `/`
      help: write the whole path, such as `/etc/example.conf`: nothing stands for a folder here
    error[recipe::put-path]: r/recipe.yaml:6:59: `$HOME/x` is no absolute path
      6:59 `$HOME/x` must begin with `/`
      help: write the whole path, such as `/etc/example.conf`: nothing stands for a folder here
    error[recipe::put-path]: r/recipe.yaml:7:59: `/etc/x/` names a folder
      7:59 `/etc/x/` ends with `/`
      help: write the file's name too
    ");
}
