mod secrets;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::flow::Changes;
use crate::ids::TaskId;
use crate::plan::PlannedTask;
use crate::stage_parts::{Gate, Handing};
use crate::testing::{check_places, cluster, files, recipe};

const RECIPE: &str = "\
roles: { leader: { count: [1, 3] }, worker: { count: 0.., may_miss: 20% }, spare: { count: 0..2 } }
groups: { nodes: [leader, worker] }
facts: { run: scripts/facts.sh, names: { reboot_needed: bool } }
settings: settings
releases: [1.8.8, 1.9.0]
default_release: 1.8.8
flows:
  install:
    - { id: check, on: all, run: scripts/a.sh }
    - { id: prepare, on: all, run: scripts/a.sh, after: [{all: check}] }
    - { id: reboot, on: nodes, reboot: {within: 10m}, when: reboot_needed }
    - { id: lead, on: leader, run: scripts/b.sh, within: 20m, retries: 2 }
    - { id: join, on: worker, until: scripts/c.sh, after: [reboot, {all: lead}], at_once: 2 }
    - { id: last, on: all, run: scripts/a.sh }
    - { id: own, on: all, run: scripts/a.sh, after: [lead] }
    - { id: free, on: all, run: scripts/a.sh, after: [] }
  other: [{ id: only, on: spare, run: scripts/d.sh }]
";
const SETTINGS: &str = "\
schema:
  properties:
    port: { type: integer, default: 80 }
    extra: { type: string }
    password: { type: string }
rules:
  - { check: port != 81, message: 'port {{ port }} is taken', at: port }
  - { check: port < 1000, message: 'port {{ port }} is high', at: port, severity: warning }
  - { check: hosts|length < 9, message: '{{ hosts|length }} hosts are many', severity: note }
secrets: { password: [lead, check] }
";
const CLUSTER: &str = "hosts: { l1: leader, w1: worker, w2: worker, s1: spare }\n";

fn example() -> Recipe {
    recipe(&[("recipe.yaml", RECIPE), ("settings/any.yaml", SETTINGS)])
}

fn request() -> PlanRequest {
    PlanRequest {
        flow: "install".into(),
        ..PlanRequest::default()
    }
}

fn plan_of(cluster_text: &str, request: &PlanRequest) -> PreparedPlan {
    match build(&cluster(cluster_text), &example(), request) {
        Ok((plan, problems)) => {
            assert_eq!(problems.to_plain_text(), "");
            plan
        }
        Err(problems) => panic!("{}", problems.to_plain_text()),
    }
}

fn problems_of(cluster_text: &str, request: &PlanRequest) -> String {
    let problems = match build(&cluster(cluster_text), &example(), request) {
        Ok((_, problems)) => problems,
        Err(problems) => {
            assert!(problems.has_errors());
            problems
        }
    };
    check_places(&problems);
    problems.to_plain_text()
}

#[test]
fn a_plan_says_whether_it_changes_hosts() {
    assert_eq!(plan_of(CLUSTER, &request()).changes(), Changes::Hosts);
    let recipe = recipe(&[(
        "recipe.yaml",
        "roles: { a: {} }\nflows: { audit: { changes: nothing, stages: [{ id: x, on: a, run: scripts/x.sh }] } }\n",
    )]);
    let request = PlanRequest {
        flow: "audit".into(),
        ..PlanRequest::default()
    };
    let (plan, _) = build(&cluster("hosts: { h: a }\n"), &recipe, &request).expect("a plan");
    assert_eq!(plan.changes(), Changes::Nothing);
    // It is kept with the plan, and a plan of before that goes by its flow's name.
    let mut json = serde_json::to_value(&*plan).expect("JSON");
    assert_eq!(json["changes"], "nothing");
    let read =
        |json: &Value| serde_json::from_value::<Plan>(json.clone()).map(|plan| plan.changes());
    assert_eq!(read(&json).expect("a plan"), Changes::Nothing);
    json.as_object_mut().expect("an object").remove("changes");
    assert_eq!(read(&json).expect("a plan"), Changes::Hosts);
    json["flow"] = "verify".into();
    assert_eq!(read(&json).expect("a plan"), Changes::Nothing);
    json["changes"] = "everything".into();
    assert!(read(&json).is_err());
}

#[test]
fn a_plan_may_do_nothing_but_connect() {
    let check = PlanRequest {
        flow: "check".into(),
        on: vec!["leader".into()],
        ..PlanRequest::default()
    };
    let connect = |text: &str, request: &PlanRequest| {
        build_connect_only(&cluster(text), &example(), request)
            .map_err(|problems| problems.to_plain_text())
    };
    let (plan, problems) = connect(CLUSTER, &check).expect("a plan");
    assert_eq!(problems.to_plain_text(), "");
    assert_eq!(
        (plan.flow.as_str(), plan.changes()),
        ("check", Changes::Nothing)
    );
    assert!(plan.stages.is_empty() && plan.tasks.is_empty());
    assert_eq!(plan.hosts.len(), 1);
    assert_eq!(plan.flows, ["install", "other"]);
    let files: Vec<&str> = plan.files.keys().map(String::as_str).collect();
    assert_eq!(files, ["scripts/facts.sh"]);
    // What is wrong with the cluster is told all the same.
    let wrong = format!("{CLUSTER}settings: {{ port: 81 }}\n");
    assert_snapshot!(connect(&wrong, &check).expect_err("a problem"), @"
    error[settings::rule]: cluster.yaml:2:19: port 81 is taken
      2:19 `81` this setting
    ");
    let to = PlanRequest {
        to: Some("lead".into()),
        ..check
    };
    assert_snapshot!(connect(CLUSTER, &to).expect_err("a problem"), @"
    error[plan::to]: r/recipe.yaml: the flow `check` has no stage `lead`
      help: it only connects: it has no stages
    ");
}

#[test]
fn that_there_is_nothing_to_do_is_said() {
    let nothing = PlanRequest {
        flow: "other".into(),
        on: vec!["l1".into()],
        ..PlanRequest::default()
    };
    let text = problems_of(CLUSTER, &nothing);
    assert!(
        text.contains("no stage of `other` is for the hosts"),
        "{text}"
    );
}

#[test]
fn accepted_checks_are_those_of_the_scripts() {
    let script = "if x; then problem ports error a b; fi\nproblem \"disk\" warning a\n";
    let recipe = recipe(&[
        ("recipe.yaml", RECIPE),
        ("settings/any.yaml", SETTINGS),
        ("scripts/a.sh", script),
    ]);
    let mut cluster = cluster(CLUSTER);
    let accept = |checks: &[&str]| PlanRequest {
        accept: checks.iter().map(|check| (*check).to_owned()).collect(),
        ..request()
    };
    cluster.accept.push(crate::cluster::Spanned {
        value: "disk".into(),
        span: Default::default(),
    });
    let (plan, _) = build(&cluster, &recipe, &accept(&["ports"])).expect("a plan");
    assert_eq!(plan.accept, ["disk".to_owned(), "ports".to_owned()].into());
    let problems = build(&cluster, &recipe, &accept(&["port"])).unwrap_err();
    let text = problems.to_plain_text();
    assert!(
        text.contains("has no check `port`") && text.contains("did you mean `ports`?"),
        "{text}"
    );
}

fn gate(gate: &Gate) -> String {
    match gate {
        Gate::Own(stage) => stage.to_string(),
        Gate::All(stage) => format!("all:{stage}"),
    }
}

fn gates(task: &PlannedTask) -> String {
    format!("{}{}\n", task.id, arrow(&task.gates))
}

fn arrow(gates: &[Gate]) -> String {
    let gates: Vec<String> = gates.iter().map(gate).collect();
    match gates.as_slice() {
        [] => String::new(),
        gates => format!(" <- {}", gates.join(", ")),
    }
}

fn all_gates(plan: &Plan) -> String {
    plan.tasks.iter().map(gates).collect()
}

#[test]
fn every_task_and_its_gates() {
    let plan = plan_of(CLUSTER, &request());
    assert_snapshot!(all_gates(&plan), @"
    check@l1
    check@w1
    check@w2
    check@s1
    prepare@l1 <- all:check
    prepare@w1 <- all:check
    prepare@w2 <- all:check
    prepare@s1 <- all:check
    reboot@l1 <- prepare
    reboot@w1 <- prepare
    reboot@w2 <- prepare
    lead@l1 <- reboot
    join@w1 <- reboot, all:lead
    join@w2 <- reboot, all:lead
    last@l1 <- lead
    last@w1 <- join
    last@w2 <- join
    last@s1 <- prepare
    own@l1 <- lead
    own@w1
    own@w2
    own@s1
    free@l1
    free@w1
    free@w2
    free@s1
    ");
    let shown: String = plan
        .stages
        .iter()
        .map(|stage| format!("{}{}\n", stage.id, arrow(&stage.after)))
        .collect();
    assert_snapshot!(shown, @"
    check
    prepare <- all:check
    reboot <- prepare
    lead <- reboot
    join <- reboot, all:lead
    last <- lead, prepare, join
    own <- lead
    free
    ");
}

#[test]
fn in_lockstep_every_gate_is_an_all_gate() {
    let plan = plan_of(
        CLUSTER,
        &PlanRequest {
            lockstep: true,
            ..request()
        },
    );
    assert!(plan.lockstep);
    assert_snapshot!(all_gates(&plan), @"
    check@l1
    check@w1
    check@w2
    check@s1
    prepare@l1 <- all:check
    prepare@w1 <- all:check
    prepare@w2 <- all:check
    prepare@s1 <- all:check
    reboot@l1 <- all:prepare
    reboot@w1 <- all:prepare
    reboot@w2 <- all:prepare
    lead@l1 <- all:reboot
    join@w1 <- all:reboot, all:lead
    join@w2 <- all:reboot, all:lead
    last@l1 <- all:lead
    last@w1 <- all:join
    last@w2 <- all:join
    last@s1 <- all:prepare
    own@l1 <- all:lead
    own@w1 <- all:lead
    own@w2 <- all:lead
    own@s1 <- all:lead
    free@l1
    free@w1
    free@w2
    free@s1
    ");
}

#[test]
fn only_some_hosts() {
    let on = |selectors: &[&str]| {
        let plan = plan_of(
            CLUSTER,
            &PlanRequest {
                on: selectors.iter().map(|on| (*on).to_owned()).collect(),
                ..request()
            },
        );
        assert_eq!(plan.roster.len(), 4, "the others are still known");
        let names: Vec<String> = plan
            .hosts
            .iter()
            .map(|host| host.name.to_string())
            .collect();
        (names.join(" "), plan)
    };
    assert_eq!(on(&["w2"]).0, "w2");
    assert_eq!(on(&["worker", "l1"]).0, "l1 w1 w2");
    assert_eq!(on(&["nodes"]).0, "l1 w1 w2");
    assert_eq!(on(&["first"]).0, "l1", "a label");
    assert_eq!(on(&["all"]).0, "l1 w1 w2 s1");
    // No leader takes part: nothing is waited for on one.
    assert_snapshot!(all_gates(&on(&["w2"]).1), @"
    check@w2
    prepare@w2 <- all:check
    reboot@w2 <- prepare
    join@w2 <- reboot
    last@w2 <- join
    own@w2
    free@w2
    ");
}

#[test]
fn only_some_stages() {
    let plan = plan_of(
        CLUSTER,
        &PlanRequest {
            to: Some("prepare".into()),
            ..request()
        },
    );
    let stages: Vec<&str> = plan.stages.iter().map(|stage| stage.id.as_str()).collect();
    assert_eq!(stages, ["check", "prepare"]);
    assert_eq!(plan.tasks.len(), 8);
    assert_eq!(
        plan.files.keys().map(String::as_str).collect::<Vec<_>>(),
        ["scripts/a.sh", "scripts/facts.sh"],
        "no more than is needed"
    );
}

#[test]
fn what_a_plan_holds() {
    let plan = plan_of(
        "release: 1.9.0\nhosts: { l1: leader }\nsettings: { port: 82 }\nsecrets: { password: geheim }\n",
        &request(),
    );
    assert_eq!(plan.release.as_deref(), Some("1.9.0"));
    assert_eq!(plan.settings["port"], 82);
    let stage = |id: &str| plan.stage_named(&id.into()).expect(id);
    assert_eq!(
        stage("lead").secrets,
        [("password".to_owned(), Handing::Plain)].into()
    );
    assert_eq!(stage("own").secrets, [].into());
    assert_eq!(stage("lead").retries, 2);
    assert_eq!(stage("join").at_once, Some(2));
    let json = serde_json::to_string(&*plan).expect("json");
    assert!(!json.contains("geheim"), "a plan holds no secret");
    assert_eq!(serde_json::from_str::<Plan>(&json).expect("plan"), *plan);
    assert_eq!(
        plan_of(CLUSTER, &request()).release.as_deref(),
        Some("1.8.8"),
        "the recipe's default"
    );
}

#[test]
fn counts_of_roles() {
    assert_snapshot!(problems_of("hosts: { a: leader, b: leader }\n", &request()), @"
    error[plan::role-count]: cluster.yaml:1:13: 2 hosts have the role `leader`: the recipe `r` allows 1 or 3
      1:13 `leader` `leader` number 1
      1:24 `leader` `leader` number 2
      help: add 1 host, or remove 1 host
    ");
    assert_snapshot!(problems_of("hosts: { a: leader, b: leader, c: leader, d: leader }\n", &request()), @"
    error[plan::role-count]: cluster.yaml:1:13: 4 hosts have the role `leader`: the recipe `r` allows 1 or 3
      1:13 `leader` `leader` number 1
      1:24 `leader` `leader` number 2
      1:35 `leader` `leader` number 3
      1:46 `leader` `leader` number 4
      help: remove 1 host
    ");
    assert_snapshot!(problems_of("hosts: { a: worker }\n", &request()), @"
    error[plan::role-missing]: cluster.yaml: no host has the role `leader`: the recipe `r` allows 1 or 3
      help: add 1 host
    ");
    assert_snapshot!(problems_of("hosts: { a: leader, b: spare, c: spare, d: spare }\n", &request()), @"
    error[plan::role-count]: cluster.yaml:1:24: 3 hosts have the role `spare`: the recipe `r` allows 0 to 2
      1:24 `spare` `spare` number 1
      1:34 `spare` `spare` number 2
      1:44 `spare` `spare` number 3
      help: remove 1 host
    ");
    assert_snapshot!(problems_of("hosts: {}\n", &request()), @"
    error[plan::role-missing]: cluster.yaml: no host has the role `leader`: the recipe `r` allows 1 or 3
      help: add 1 host
    error[plan::no-hosts]: cluster.yaml: the cluster file names no host
    ");
    let mut two = cluster("hosts: { a: leader, b: leader }\n");
    two.role_places.insert("leader".into(), Span::new(0, 5));
    let problems = build(&two, &example(), &request()).expect_err("two leaders");
    assert_snapshot!(problems.to_plain_text(), @"
    error[plan::role-count]: cluster.yaml:1:1: 2 hosts have the role `leader`: the recipe `r` allows 1 or 3
      1:1 `hosts` `leader`: 2 hosts
      help: add 1 host, or remove 1 host
    ");
}

#[test]
fn what_is_not_there_is_told_all_at_once() {
    assert_snapshot!(problems_of(
        "release: 1.8.9\nhosts: { a: ledaer, b: worker }\nsettings: { prot: 1 }\n",
        &PlanRequest {
            flow: "instal".into(),
            on: vec!["wroker".into(), "spare".into(), "zzzzz".into()],
            ..PlanRequest::default()
        },
    ), @"
    error[plan::role-missing]: cluster.yaml: no host has the role `leader`: the recipe `r` allows 1 or 3
      help: add 1 host
    error[plan::on]: cluster.yaml: `wroker` is no host, role, group or label of this cluster
      help: did you mean `worker`?
    error[plan::on]: cluster.yaml: no host of this cluster is a `spare`
    error[plan::on]: cluster.yaml: `zzzzz` is no host, role, group or label of this cluster
      help: there are the hosts `a`, `b`; the roles and groups `leader`, `worker`, `spare`, `all`, `nodes`; the labels `first`
    error[plan::release]: cluster.yaml:1:10: the recipe `r` does not know the release `1.8.9`
      1:10 `1.8.9` unknown release
      help: it knows 1.8.8, 1.9.0
    error[plan::role]: cluster.yaml:2:13: the recipe `r` has no role `ledaer`
      2:13 `ledaer` unknown role
      help: did you mean `leader`?
    error[settings::unknown]: cluster.yaml:3:13: the recipe `r` has no setting `prot`
      3:13 `prot` unknown setting
      help: did you mean `port`?
    error[plan::flow]: r/recipe.yaml: the recipe `r` has no flow `instal`
      help: did you mean `install`?
    ");
    assert_snapshot!(problems_of(CLUSTER, &PlanRequest {
        to: Some("prepaer".into()),
        ..request()
    }), @"
    error[plan::to]: r/recipe.yaml: the flow `install` has no stage `prepaer`
      help: did you mean `prepare`?
    ");
    assert_snapshot!(problems_of(CLUSTER, &PlanRequest {
        flow: "nothing".into(),
        ..request()
    }), @"
    error[plan::flow]: r/recipe.yaml: the recipe `r` has no flow `nothing`
      help: it has `install`, `other`
    ");
}

#[test]
fn rules_of_the_settings() {
    assert_snapshot!(problems_of("hosts: { a: leader }\nsettings: { port: 81 }\n", &request()), @"
    error[settings::rule]: cluster.yaml:2:19: port 81 is taken
      2:19 `81` this setting
    ");
    assert_snapshot!(problems_of("hosts: { a: leader }\nsettings: { port: 8080 }\n", &request()), @"
    warning[settings::rule]: cluster.yaml:2:19: port 8080 is high
      2:19 `8080` this setting
    ");
    assert_snapshot!(problems_of("hosts: { a: leader, b: worker, c: worker, d: worker, e: worker, f: worker, g: worker, h: worker, i: worker }\n", &request()), @"note[settings::rule]: cluster.yaml: 9 hosts are many");
    assert_snapshot!(problems_of("hosts: { a: leader }\nsettings: { port: x }\n", &request()), @"
    error[settings::value]: cluster.yaml:2:19: `port` must be a whole number, found the text `x`
      2:19 `x` must be a whole number
    ");
}

#[test]
fn a_name_without_a_value_is_found_before_anything_runs() {
    let recipe = recipe(&[
        ("recipe.yaml", "\
roles: { leader: {} }
facts: { names: { os: text } }
settings: settings
flows:
  install:
    - { id: a, on: leader, run: scripts/x.sh, when: \"extra == 'x'\" }
    - { id: b, on: leader, run: scripts/x.sh, when: \"extra is defined or release is at_least('1')\" }
    - { id: c, on: leader, put: { template: templates/t, to: \"/x/{{ extra }}\" } }
    - { id: d, on: leader, run: scripts/x.sh, when: \"port + 1\" }
    - { id: e, on: leader, put: { template: templates/wrong, to: \"{{ port }}\" } }
    - { id: f, on: leader, run: scripts/x.sh, when: \"os == 'x' and extra|default('') == ''\" }
"),
        ("templates/t", "{{ port }}\n{{ extra }}{{ extra }}\n"),
        ("templates/wrong", "{{ port.a.b }}\n"),
        ("settings/any.yaml", "schema: { properties: { port: { default: 1 }, extra: { type: string } } }\n"),
    ]);
    let told = |cluster_text: &str| {
        let problems = build(&cluster(cluster_text), &recipe, &request()).expect_err("faults");
        check_places(&problems);
        problems.to_plain_text()
    };
    assert_snapshot!(told("hosts: { l1: leader }\n"), @"
    error[plan::no-value]: r/recipe.yaml:6:54: this condition needs `extra`, which has no value
      6:54 `extra` needed here
      help: give the setting `extra` in the cluster file
    error[plan::no-value]: r/recipe.yaml:7:74: this condition needs `release`, which has no value
      7:74 `release` needed here
      help: name a `release` in the cluster file
    error[plan::no-value]: r/recipe.yaml:8:69: this path needs `extra`, which has no value
      8:69 `extra` needed here
      help: give the setting `extra` in the cluster file
    error[plan::no-value]: r/templates/t:2:4: this template needs `extra`, which has no value
      2:4 `extra` needed here
      help: give the setting `extra` in the cluster file
    ");
    assert_snapshot!(told("release: 1.8\nhosts: { l1: leader }\nsettings: { extra: x }\n"), @r#"
    error[plan::expression]: r/recipe.yaml:9:53: the condition of stage `d` must be true or false, and is the number 2
      9:53 `\"port + 1\"` this
    error[plan::expression]: r/templates/wrong:1:8: the template `templates/wrong` of stage `e` cannot be worked out: line 1: `port.a` is undefined
      1:8 `.a.b` here
    "#);
}

#[test]
fn a_rule_whose_message_cannot_be_worked_out_is_told_in_other_words() {
    let recipe = recipe(&[
        (
            "recipe.yaml",
            "\
roles: { leader: {} }
settings: settings
flows: { install: [{ id: a, on: leader, run: scripts/x.sh }] }
",
        ),
        (
            "settings/any.yaml",
            "schema: { properties: { port: { type: integer } } }\nrules: [{ check: port > 80, message: 'not {{ port.a.b }}', at: port }]\n",
        ),
    ]);
    let text = "hosts: { l1: leader }\nsettings: { port: 8 }\n";
    let problems = build(&cluster(text), &recipe, &request()).expect_err("a broken rule");
    assert_snapshot!(problems.to_plain_text(), @"
    error[settings::rule]: cluster.yaml:2:19: the settings break the recipe's rule `port > 80`
      2:19 `8` this setting
      help: the recipe's own message can't be worked out: `port.a` is undefined
    ");
}

#[test]
fn the_index_finds_what_a_search_finds() {
    let plan = plan_of(CLUSTER, &request());
    for at in plan.task_ixs() {
        let task = plan.task(at);
        assert_eq!(plan.task_ix(&task.id), Some(at));
        assert_eq!(plan.task_at(task.stage, task.host), Some(at));
        assert_eq!(
            plan.stage_named(&task.id.stage),
            Some(plan.stage(task.stage))
        );
        assert_eq!(plan.host_named(&task.id.host), Some(plan.host(task.host)));
        assert!(
            plan.tasks_of_stage(task.stage)
                .any(|of_stage| of_stage == at)
        );
        assert!(plan.tasks_of_host(task.host).contains(&at));
    }
    let of_hosts = plan.host_ixs().map(|host| plan.tasks_of_host(host).len());
    let of_stages = plan
        .stage_ixs()
        .map(|stage| plan.tasks_of_stage(stage).len());
    assert_eq!(of_hosts.sum::<usize>(), plan.tasks.len());
    assert_eq!(of_stages.sum::<usize>(), plan.tasks.len());
    assert_eq!(plan.task_ix(&TaskId::new("lead", "w1")), None);
    assert_eq!(plan.task_ix(&TaskId::new("nothing", "w1")), None);
    assert_eq!(plan.host_named(&"nobody".into()), None);
}

#[test]
fn a_thousand_hosts_are_planned_in_no_time() {
    let mut text = "hosts:\n  l1: leader\n".to_owned();
    for number in 0..1000 {
        text.push_str(&format!("  w{number}: worker\n"));
    }
    let (cluster, recipe) = (cluster(&text), example());
    let start = std::time::Instant::now();
    let (plan, _) = build(&cluster, &recipe, &request()).expect("a plan");
    assert_eq!(plan.tasks.len(), 7 * 1001);
    let facts = [("reboot_needed".to_owned(), "true".to_owned())].into();
    for task in &plan.tasks {
        assert_eq!(plan.condition(task.stage, task.host, &facts), Ok(true));
        assert!(
            !plan
                .environment(task.host, Some(task.stage), &facts, "r")
                .is_empty()
        );
    }
    // It takes less than a tenth of a second, unoptimised; what grows with the square, minutes.
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

/// Recipes of stages that name stages above them, and clusters for them.
fn recipes() -> impl Strategy<Value = (String, String, bool)> {
    let stage = (
        prop::sample::subsequence(vec!["a", "b", "c"], 1..=3),
        prop::option::of(prop::collection::vec(
            (any::<bool>(), any::<prop::sample::Index>()),
            0..4,
        )),
    );
    let hosts = prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..8);
    (prop::collection::vec(stage, 1..10), hosts, any::<bool>()).prop_map(
        |(stages, hosts, lockstep)| {
            let mut recipe = "roles: { a: {}, b: {}, c: {} }\nflows:\n  install:\n".to_owned();
            for (at, (on, after)) in stages.iter().enumerate() {
                recipe.push_str(&format!(
                    "    - {{ id: s{at}, on: [{}], run: scripts/x.sh",
                    on.join(", ")
                ));
                if let Some(after) = after.as_ref().filter(|_| at > 0) {
                    let gates: Vec<String> = after
                        .iter()
                        .map(|(all, stage)| match (all, stage.index(at)) {
                            (true, stage) => format!("{{ all: s{stage} }}"),
                            (false, stage) => format!("s{stage}"),
                        })
                        .collect();
                    recipe.push_str(&format!(", after: [{}]", gates.join(", ")));
                }
                recipe.push_str(" }\n");
            }
            let hosts: Vec<String> = hosts
                .iter()
                .enumerate()
                .map(|(at, role)| format!("h{at}: {role}"))
                .collect();
            (
                recipe,
                format!("hosts: {{ {} }}\n", hosts.join(", ")),
                lockstep,
            )
        },
    )
}

proptest! {
    #[test]
    fn gates_only_point_upwards_and_to_tasks_that_exist((text, hosts, lockstep) in recipes()) {
        let (recipe, problems) = Recipe::read(&files(&[("recipe.yaml", &text)]));
        prop_assert!(!problems.has_errors(), "{}", problems.to_plain_text());
        let recipe = recipe.expect("a recipe");
        let request = PlanRequest { lockstep, ..request() };
        let (plan, _) = build(&cluster(&hosts), &recipe, &request).expect("a plan");
        for task in &plan.tasks {
            prop_assert!(plan.stage(task.stage).roles.contains(&plan.host(task.host).role));
            for gate in &task.gates {
                let (Gate::Own(stage) | Gate::All(stage)) = gate;
                let above = plan.stage_ix(stage).expect("a stage");
                prop_assert!(above < task.stage);
                match gate {
                    Gate::Own(_) => {
                        prop_assert!(!lockstep);
                        prop_assert!(plan.task_at(above, task.host).is_some());
                    }
                    Gate::All(_) => prop_assert!(plan.tasks_of_stage(above).len() > 0),
                }
            }
        }
    }
}

#[test]
fn a_template_that_takes_too_much_is_told_at_its_place() {
    let recipe = recipe(&[
        (
            "recipe.yaml",
            "\
roles: { leader: {} }
flows:
  install:
    - { id: a, on: all, put: { template: templates/t, to: /t } }
    - { id: b, on: all, run: scripts/x.sh, when: \"range(10000)|join('x' * 9000) == ''\" }
",
        ),
        (
            "templates/t",
            "one\ntwo {{ range(10000)|join('x' * 9000) }}\n",
        ),
    ]);
    let request = PlanRequest {
        flow: "install".into(),
        ..PlanRequest::default()
    };
    let problems = build(&cluster("hosts: { l1: leader }\n"), &recipe, &request)
        .expect_err("it takes too much");
    let told = problems.to_string();
    for (place, what) in [
        ("templates/t:2:", "the template `templates/t` of stage `a`"),
        ("recipe.yaml:5:", "the condition of stage `b`"),
    ] {
        assert!(
            told.lines().any(|line| line.contains(place)
                && line.contains(what)
                && line.contains("it takes more than 1000000 steps")),
            "{told}"
        );
    }
}

#[test]
fn a_plan_of_before_takes_no_more_than_a_new_one() {
    let recipe = recipe(&[(
        "recipe.yaml",
        "roles: { leader: {} }\nflows:\n  install:\n    - { id: a, on: all, run: scripts/x.sh, when: \"true\" }\n",
    )]);
    let request = PlanRequest {
        flow: "install".into(),
        ..PlanRequest::default()
    };
    let (plan, _) = build(&cluster("hosts: { l1: leader }\n"), &recipe, &request).expect("a plan");
    let written = serde_json::to_string(&*plan).expect("written");
    for (evil, limit) in [
        ("[1]|tojson(indent=1000000000) == ''", "from 0 to 16"),
        ("'x' * 1000000000 == ''", "more than 1000000 steps"),
    ] {
        let edited = written.replace("\"when\":\"true\"", &format!("\"when\":\"{evil}\""));
        assert_ne!(edited, written);
        let plan: Plan = serde_json::from_str(&edited).expect("read back");
        let plan = PreparedPlan::new(plan);
        let task = &plan.tasks[0];
        let decided = plan.condition(task.stage, task.host, &Facts::new());
        let error = decided.expect_err("stopped");
        assert!(error.to_string().contains(limit), "{error}");
    }
}
