//! What other tools call it gets a word of ours.

use insta::assert_snapshot;

use super::super::foreign;
use super::lint_stages;
use crate::testing::lint;

#[test]
fn words_of_ansible_in_a_stage() {
    assert_snapshot!(lint_stages("\
    - { id: one, on: all, run: scripts/x.sh, serial: 1, become: true, notify: restart, loop: [1] }
    - { id: two, hosts: all, run: scripts/x.sh, register: x, run_once: true, any_errors_fatal: true }
    - { name: three, on: all, shell: 'echo x', when: reboot_needed }
    - { id: four, on: all, put: { src: scripts/x.sh, dest: /x, group: root } }
"), @r#"
    error[yaml::unknown-key]: r/recipe.yaml:6:46: the stage `one` has no key `serial`
      6:46 `serial` unknown key
      help: Ansible's `serial` is `at_once` here
    error[yaml::unknown-key]: r/recipe.yaml:6:57: the stage `one` has no key `become`
      6:57 `become` unknown key
      help: there is no `become` here: every script runs as root; `ssh: { user: ... }` in the cluster file says who logs in
    error[yaml::unknown-key]: r/recipe.yaml:6:71: the stage `one` has no key `notify`
      6:71 `notify` unknown key
      help: there is no `notify` here: let the script tell a fact (`fact NAME true`, else `fact NAME false`), and write a stage below with `when: NAME`
    error[yaml::unknown-key]: r/recipe.yaml:6:88: the stage `one` has no key `loop`
      6:88 `loop` unknown key
      help: there is no `loop` here: write the loop in the script; a setting that is a list is words in PX_SETTING_NAME
    error[yaml::unknown-key]: r/recipe.yaml:7:18: the stage `two` has no key `hosts`
      7:18 `hosts` unknown key
      help: Ansible's `hosts` is `on` here
    error[yaml::unknown-key]: r/recipe.yaml:7:49: the stage `two` has no key `register`
      7:49 `register` unknown key
      help: there is no `register` here: let the script tell a fact (`fact NAME VALUE`), declared in recipe.yaml under `facts`, `names`
    error[yaml::unknown-key]: r/recipe.yaml:7:62: the stage `two` has no key `run_once`
      7:62 `run_once` unknown key
      help: there is no `run_once` here: give that host a label, and write `when: '"NAME" in host.labels'`
    error[yaml::unknown-key]: r/recipe.yaml:7:78: the stage `two` has no key `any_errors_fatal`
      7:78 `any_errors_fatal` unknown key
      help: Ansible's `any_errors_fatal` is `stop_after` here, as a number of hosts
    error[yaml::unknown-key]: r/recipe.yaml:8:9: the stage `three` has no key `name`
      8:9 `name` unknown key
      help: a stage's name is its `id`
    error[yaml::unknown-key]: r/recipe.yaml:8:31: the stage `three` has no key `shell`
      8:31 `shell` unknown key
      help: there is no `shell` here: write the commands into a script, and name it: `run: scripts/NAME.sh`
    error[yaml::unknown-key]: r/recipe.yaml:9:35: a file to put has no key `src`
      9:35 `src` unknown key
      help: `src` is `file` here, or `template` where it is to be rendered
    error[yaml::unknown-key]: r/recipe.yaml:9:54: a file to put has no key `dest`
      9:54 `dest` unknown key
      help: `dest` is `to` here
    error[yaml::unknown-key]: r/recipe.yaml:9:64: a file to put has no key `group`
      9:64 `group` unknown key
      help: write both in `owner`: `owner: USER:GROUP`
    "#);
}

#[test]
fn a_playbook_is_no_recipe() {
    assert_snapshot!(lint(&[("recipe.yaml", "- hosts: all\n  become: true\n  tasks:\n    - name: x\n      shell: y\n")]), @"
    error[yaml::type]: r/recipe.yaml:1:1: a recipe must be a mapping, and this looks like a playbook of Ansible
      1:1 `-` a list begins here
      help: write `roles:` and `flows: { install: [...] }`; each stage has an `id`, `on: ROLE` and `run: scripts/NAME.sh`
    ");
    assert_snapshot!(lint(&[("recipe.yaml", "roles: { a: {} }\nvars: { x: 1 }\ntasks: []\nflow: { f: [{ id: x, on: a, run: scripts/x.sh }] }\n")]), @"
    error[yaml::unknown-key]: r/recipe.yaml:2:1: a recipe has no key `vars`
      2:1 `vars` unknown key
      help: there is no `vars` here: what the operator decides is declared in `settings: settings/`, in any.yaml
    error[yaml::unknown-key]: r/recipe.yaml:3:1: a recipe has no key `tasks`
      3:1 `tasks` unknown key
      help: `tasks` are the stages of a flow here: `flows: { install: [...] }`
    error[yaml::unknown-key]: r/recipe.yaml:4:1: a recipe has no key `flow`
      4:1 `flow` unknown key
      help: did you mean `flows`?
    ");
}

#[test]
fn whoever_brings_a_word_along_is_told_what_to_write() {
    for word in [
        "serial",
        "become",
        "notify",
        "loop",
        "hosts",
        "tasks",
        "register",
        "with_items",
        "delegate_to",
        "run_once",
        "max_fail_percentage",
        "any_errors_fatal",
        "ignore_errors",
        "timeout",
        "environment",
        "vars",
        "tags",
        "handlers",
        "async",
        "needs",
        "if",
        "env",
    ] {
        assert!(foreign::of_a_stage(word).is_some(), "{word}");
    }
    // What a stage has, it is never told that it lacks.
    for word in [
        "on", "after", "when", "put", "run", "until", "reboot", "within", "retries",
    ] {
        assert_eq!(foreign::of_a_stage(word), None, "{word}");
    }
}
