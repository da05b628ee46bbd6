//! What other tools call it: words that people bring along, and what is written here instead.

use crate::yaml::Node;

/// What it is called here, as far as one key stands for another.
fn ours(key: &str) -> Option<&'static str> {
    Some(match key {
        "name" => "id",
        "hosts" | "role" | "roles" | "group" | "groups" | "nodes" | "targets" | "host" => "on",
        "shell" | "command" | "cmd" | "raw" | "exec" | "script" | "action" | "copy"
        | "template" | "file" | "files" | "upload" | "service" | "systemd" | "package" | "apt"
        | "yum" | "dnf" | "user" | "lineinfile" | "tasks" | "steps" | "stages" | "block"
        | "include" | "include_tasks" | "import_tasks" | "include_role" | "import_role" => "run",
        _ => return None,
    })
}

/// Whether a stage has this key by another name, which was told.
pub(super) fn stands_for(stage: &Node, key: &str) -> bool {
    let mut entries = stage.as_map().unwrap_or_default().iter();
    entries.any(|(name, _)| ours(&name.text) == Some(key))
}

/// Whether a file to put says by other names where it comes from, or where it goes, which was told.
pub(super) fn put_by_other_names(put: &Node) -> (bool, bool) {
    let has = |names: &[&str]| names.iter().any(|name| put.entry(name).is_some());
    (
        has(&["src", "source", "from", "content"]),
        has(&["dest", "destination", "path", "target"]),
    )
}

/// Of a key that a stage lacks.
pub(super) fn of_a_stage(key: &str) -> Option<String> {
    let ansible = |ours: &str| Some(format!("Ansible's `{key}` is `{ours}` here"));
    let is = |ours: &str| Some(format!("`{key}` is `{ours}` here"));
    let none = |instead: &str| Some(format!("there is no `{key}` here: {instead}"));
    match key {
        "name" => Some("a stage's name is its `id`".to_owned()),
        "serial" | "throttle" | "forks" => ansible("at_once"),
        "batch" | "batch_size" | "parallel" | "parallelism" | "max_parallel" | "max_in_flight" => {
            is("at_once")
        }
        "hosts" => ansible("on"),
        "role" | "roles" | "group" | "groups" | "nodes" | "targets" | "host" => is("on"),
        "timeout" => ansible("within"),
        "time_limit" | "deadline" => is("within"),
        "max_fail_percentage" | "any_errors_fatal" => Some(format!(
            "Ansible's `{key}` is `stop_after` here, as a number of hosts"
        )),
        "needs" | "requires" | "depends_on" | "depends" | "wait_for" => is("after"),
        "if" | "only_if" | "condition" => is("when"),
        "unless" => Some("write `when: not ...`".to_owned()),
        "shell" | "command" | "cmd" | "raw" | "exec" | "script" | "action" => {
            none("write the commands into a script, and name it: `run: scripts/NAME.sh`")
        }
        "copy" | "template" | "file" | "files" | "upload" | "src" | "dest" => {
            none("files are brought with `put: { template: templates/NAME, to: /PATH }`")
        }
        "service" | "systemd" | "package" | "apt" | "yum" | "dnf" | "user" | "lineinfile" => {
            none("there are no modules; do it in a script: `run: scripts/NAME.sh`")
        }
        "become" | "become_user" | "sudo" => none(
            "every script runs as root; `ssh: { user: ... }` in the cluster file says who logs in",
        ),
        "notify" | "listen" | "handlers" => none(
            "let the script tell a fact (`fact NAME true`, else `fact NAME false`), and write a stage below with `when: NAME`",
        ),
        "register" | "set_fact" => none(
            "let the script tell a fact (`fact NAME VALUE`), declared in recipe.yaml under `facts`, `names`",
        ),
        "loop" | "with_items" | "with_dict" | "with_list" | "with_sequence" | "for_each" => none(
            "write the loop in the script; a setting that is a list is words in PX_SETTING_NAME",
        ),
        "matrix" => none("a stage runs once on each host of `on`"),
        "delegate_to" | "local_action" | "connection" => {
            none("a stage runs on the hosts of `on`: write a stage for that host's role")
        }
        "run_once" => none("give that host a label, and write `when: '\"NAME\" in host.labels'`"),
        "ignore_errors" | "failed_when" | "continue_on_error" => {
            none("the script's status counts: write `|| true` behind a command that may fail")
        }
        "changed_when" => none("the script says `changed TEXT` or `already TEXT`"),
        "delay" => none("between two attempts it waits 1 s, 2 s, 4 s, up to 32 s"),
        "async" | "poll" => none("every `run` is a job that outlives the connection"),
        "environment" | "env" => none(
            "set the variable in the script; what the operator decides is a setting: PX_SETTING_NAME",
        ),
        "vars" | "vars_files" | "defaults" | "args" | "params" | "with" => none(
            "what the operator decides is a setting, declared in settings/any.yaml: PX_SETTING_NAME",
        ),
        "tags" => none("write a flow of its own for them, or end early with `--to STAGE`"),
        "no_log" => none("what must not be seen is named in the settings file's `secrets`"),
        "tasks" | "steps" | "stages" | "block" | "rescue" | "always" => {
            none("a stage does one thing: write a stage for each step")
        }
        "include" | "include_tasks" | "import_tasks" | "include_role" | "import_role" => {
            none("write the stages out in the flow")
        }
        "check_mode" | "diff" => none("`phalanx plan` shows what would run"),
        "description" | "title" | "comment" => none("write it as a comment: `# ...`"),
        _ => None,
    }
}

/// Of a key that a recipe lacks.
pub(super) fn of_a_recipe(key: &str) -> Option<String> {
    let none = |instead: &str| Some(format!("there is no `{key}` here: {instead}"));
    match key {
        "tasks" | "stages" | "steps" | "jobs" | "plays" | "pre_tasks" | "post_tasks" => Some(
            format!("`{key}` are the stages of a flow here: `flows: {{ install: [...] }}`"),
        ),
        "hosts" | "inventory" | "nodes" => none(
            "hosts stand in the cluster file; here are `roles`, and each stage says `on: ROLE`",
        ),
        "vars" | "vars_files" | "defaults" | "variables" | "params" => {
            none("what the operator decides is declared in `settings: settings/`, in any.yaml")
        }
        "gather_facts" => Some(
            "Ansible's `gather_facts` is `facts: { run: scripts/facts.sh, names: { ... } }` here"
                .to_owned(),
        ),
        "handlers" => {
            none("write a stage with `when: NAME`, and let a script tell the fact `NAME`")
        }
        "description" => Some("`description` is `title` here".to_owned()),
        "version" => none("`releases` are the versions of what it installs"),
        "secrets" => none("name them in the settings file's `secrets`"),
        "serial"
        | "become"
        | "environment"
        | "tags"
        | "any_errors_fatal"
        | "max_fail_percentage" => of_a_stage(key),
        _ => None,
    }
}

/// Of a key that a flow lacks.
pub(super) fn of_a_flow(key: &str) -> Option<String> {
    match key {
        "tasks" | "steps" | "jobs" | "block" => Some(format!("`{key}` are `stages` here")),
        "name" => Some("a flow's name is its key: `flows: { NAME: ... }`".to_owned()),
        "read_only" | "readonly" | "check_mode" | "dry_run" => {
            Some(format!("`{key}` is `changes: nothing` here"))
        }
        _ => None,
    }
}

/// Whether a flow lists its stages by another name, which was told.
pub(super) fn stands_for_stages(flow: &Node) -> bool {
    let mut entries = flow.as_map().unwrap_or_default().iter();
    entries.any(|(name, _)| matches!(name.text.as_str(), "tasks" | "steps" | "jobs" | "block"))
}

/// What others write where a flow says what it changes.
pub(super) fn changes(word: &str) -> Option<&'static str> {
    match word {
        "none" | "no" | "false" => Some("nothing"),
        "all" | "yes" | "true" | "host" => Some("hosts"),
        _ => None,
    }
}

/// Of a key that a file to put lacks.
pub(super) fn of_a_put(key: &str) -> Option<String> {
    let is = |ours: &str| Some(format!("`{key}` is `{ours}` here"));
    match key {
        "src" | "source" | "from" => Some(format!(
            "`{key}` is `file` here, or `template` where it is to be rendered"
        )),
        "dest" | "destination" | "path" | "target" => is("to"),
        "permissions" | "chmod" | "perm" => is("mode"),
        "user" | "chown" => is("owner"),
        "group" => Some("write both in `owner`: `owner: USER:GROUP`".to_owned()),
        "content" => Some(
            "there is no `content` here: write the text into a file of the recipe, and name it with `file`"
                .to_owned(),
        ),
        "backup" | "force" | "validate" => Some(format!(
            "there is no `{key}` here: a file is there whole or not at all; look at it in a script"
        )),
        _ => None,
    }
}

/// Of a key that a gate lacks.
pub(super) fn of_a_gate(key: &str) -> Option<String> {
    let all = "write `{all: NAME}`: it waits for every host of that stage";
    match key {
        "any" | "one" | "first" => Some(format!(
            "there is no `{key}` here: `{{all: NAME}}` waits for every host of that stage, `NAME` for this host's own"
        )),
        "own" | "self" | "same" | "each" => {
            Some("write `NAME` alone: it waits for this host's own".to_owned())
        }
        "every" | "stage" | "id" | "name" => Some(all.to_owned()),
        _ => None,
    }
}

/// Of a kind that a fact lacks.
pub(super) fn kind_of_a_fact(kind: &str) -> Option<&'static str> {
    match kind.to_ascii_lowercase().as_str() {
        "boolean" | "truth" | "yesno" | "flag" => Some("bool"),
        "integer" | "int" | "numeric" | "float" | "count" => Some("number"),
        "string" | "str" | "list" | "json" => Some("text"),
        _ => None,
    }
}
