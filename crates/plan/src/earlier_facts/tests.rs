use super::*;
use crate::build::{PlanRequest, build};
use crate::testing::{cluster, recipe};

const RECIPE: &str = "\
roles: { a: {}, b: {} }
facts: { run: scripts/facts.sh, names: { os: text, ca: bool, cert: text, up: bool, odd: text } }
flows:
  install:
    - { id: key, on: a, run: scripts/key.sh, when: ca }
    - { id: up, on: [a, b], run: scripts/up.sh, when: host.name != \"a3\" }
    - { id: use, on: [a, b], run: scripts/use.sh, all_facts: [os, cert, up, odd] }
    - { id: late, on: [a, b], run: scripts/late.sh }
    - { id: other, on: b, run: scripts/other.sh, all_facts: [os] }
";

/// A plan of only one of four hosts.
fn plan(on: &str) -> PreparedPlan {
    plan_with(on, "fact os x\nfact ca false\n", "fact cert x\n")
}

/// The same, with these scripts to ask for facts and to make keys.
fn plan_with(on: &str, facts: &str, key: &str) -> PreparedPlan {
    let recipe = recipe(&[
        ("recipe.yaml", RECIPE),
        ("scripts/facts.sh", facts),
        ("scripts/key.sh", key),
        ("scripts/up.sh", "if true; then fact \"up\" true; fi\n"),
        ("scripts/late.sh", "fact odd x\n"),
    ]);
    let cluster = cluster("hosts: { a1: a, a2: a, a3: a, b1: b }\n");
    let request = PlanRequest {
        flow: "install".into(),
        on: vec![on.into()],
        ..PlanRequest::default()
    };
    build(&cluster, &recipe, &request).unwrap().0
}

/// A host, the facts that it told, and the scripts that ended there.
type Known<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);

/// A run that knows this of hosts.
fn run(plan: &Plan, name: &str, known: &[Known<'_>]) -> EarlierRun {
    let host = |name: &str| plan.roster.iter().find(|host| host.name.as_str() == name);
    let hosts = known.iter().map(|(name, told, scripts)| {
        let told = told
            .iter()
            .map(|(fact, value)| ((*fact).to_owned(), ((*value).to_owned(), 7)));
        let known = EarlierHost {
            host: host(name).unwrap().clone(),
            told: told.collect(),
            scripts: scripts
                .iter()
                .map(|script| (format!("scripts/{script}.sh"), 9))
                .collect(),
            earlier: BTreeMap::new(),
        };
        (HostName::from(*name), known)
    });
    EarlierRun {
        run: name.into(),
        hosts: hosts.collect(),
    }
}

fn missing(found: &[MissingFact]) -> Vec<(String, String, String)> {
    let words = found.iter().map(|missing| {
        let hosts: Vec<&str> = missing.hosts.iter().map(HostName::as_str).collect();
        (
            missing.fact.clone(),
            missing.stage.to_string(),
            hosts.join(" "),
        )
    });
    words.collect()
}

fn row(fact: &str, stage: &str, hosts: &str) -> (String, String, String) {
    (fact.into(), stage.into(), hosts.into())
}

#[test]
fn what_left_out_hosts_would_have_told_is_missing_where_no_run_knows_it() {
    let plan = plan("a1");
    let search = FactSearch::new(&plan);
    assert!(search.goes_on());
    let (known, lacks) = search.end();
    assert!(known.is_empty());
    // `cert` is told by hosts of one role, `up` not where its stage is skipped, and `odd` comes too late to be
    // there in a run of all hosts.
    assert_eq!(
        missing(&lacks),
        [
            row("cert", "use", "a2 a3"),
            row("os", "use", "a2 a3 b1"),
            row("up", "use", "a2 b1"),
        ]
    );
    let by_script: Vec<bool> = lacks.iter().map(|lacks| lacks.by_facts_script).collect();
    assert_eq!(by_script, [false, true, false]);
}

#[test]
fn a_script_that_puts_names_together_may_tell_what_no_other_names() {
    let plan = plan_with(
        "a1",
        "fact os x\nfact ca false\n",
        "for name in cert; do fact \"$name\" x; done\n",
    );
    let (_, lacks) = FactSearch::new(&plan).end();
    // `odd` is named by a script that comes too late: the other one may have told it before.
    assert_eq!(
        missing(&lacks),
        [
            row("cert", "use", "a2 a3"),
            row("odd", "use", "a2 a3"),
            row("os", "use", "a2 a3 b1"),
            row("up", "use", "a2 b1"),
        ]
    );
    // It came to its end and told nothing: then there is nothing to tell.
    let mut search = FactSearch::new(&plan);
    search.look_at(&run(&plan, "r1", &[("a2", &[], &["key"])]));
    let (known, _) = search.end();
    assert_eq!(known["a2"]["cert"].value, None);
    assert!(!known["a2"].contains_key("os"));
}

#[test]
fn what_fact_calls_counts_as_fact() {
    for (key, cert, odd) in [
        ("px_tell fact cert x\n", true, false),
        ("px_tell 'fact' \"cert\" x\n", true, false),
        ("px_tell fact \"$name\" x\n", true, true),
        ("px_tell \"$kind\" cert x\n", true, true),
        ("px_tell changed cert\n", false, false),
        ("px_tell changed \"$cert\"\n", false, false),
    ] {
        let plan = plan_with("a1", "fact os x\n", key);
        let (_, lacks) = FactSearch::new(&plan).end();
        let lacks = |fact: &str| lacks.iter().any(|lacks| lacks.fact == fact);
        assert_eq!((lacks("cert"), lacks("odd")), (cert, odd), "{key}");
    }
}

#[test]
fn the_newest_run_that_knows_counts_and_so_does_that_nothing_was_told() {
    let plan = plan("a1");
    let mut search = FactSearch::new(&plan);
    // The newest only read facts; a2 is no CA by it, so that its key is not needed.
    search.look_at(&run(
        &plan,
        "r3",
        &[
            ("a2", &[("os", "new"), ("ca", "false")], &["facts"]),
            ("b1", &[("os", "new")], &["facts"]),
        ],
    ));
    search.look_at(&run(
        &plan,
        "r2",
        &[
            ("a2", &[("os", "old"), ("up", "true")], &["facts", "up"]),
            (
                "a3",
                &[("os", "old"), ("cert", "c3")],
                &["facts", "key", "up"],
            ),
            ("b1", &[], &["facts", "up"]),
        ],
    ));
    search.look_at(&run(&plan, "r1", &[("b1", &[("up", "true")], &["up"])]));
    let (known, lacks) = search.end();
    assert_eq!(missing(&lacks), [], "{known:?}");
    let told = |host: &str, fact: &str| {
        let known = &known[host][fact];
        (known.run.clone(), known.value.clone(), known.told_ms)
    };
    assert_eq!(told("a2", "os"), ("r3".into(), Some("new".into()), 7));
    assert_eq!(told("a3", "os"), ("r2".into(), Some("old".into()), 7));
    assert_eq!(told("a3", "cert").1.as_deref(), Some("c3"));
    assert_eq!(
        told("b1", "up"),
        ("r2".into(), None, 9),
        "it ended and told nothing"
    );
}

#[test]
fn another_machine_by_the_name_and_what_cannot_be_told_do_not_count() {
    let plan = plan("a1");
    let long = "x".repeat(LONGEST_FACT + 1);
    let mut odd = run(
        &plan,
        "r1",
        &[
            ("a2", &[("up", "yes"), ("os", &long)], &["up"]),
            ("b1", &[("os", "x")], &[]),
        ],
    );
    odd.hosts.get_mut("b1").unwrap().host.address = "192.0.2.9".into();
    let mut search = FactSearch::new(&plan);
    search.look_at(&odd);
    let (known, lacks) = search.end();
    assert!(known.is_empty(), "{known:?}");
    assert_eq!(missing(&lacks)[1], row("os", "use", "a2 a3 b1"));
}

#[test]
fn what_a_run_knew_of_others_is_handed_on() {
    let plan = plan("a1");
    let mut before = run(&plan, "r2", &[("a2", &[], &[])]);
    let fact = EarlierFact {
        value: Some("el".into()),
        run: "r1".into(),
        told_ms: 3,
    };
    let known = before.hosts.get_mut("a2").unwrap();
    known.earlier.insert("os".into(), fact.clone());
    let mut search = FactSearch::new(&plan);
    search.look_at(&before);
    assert_eq!(search.end().0["a2"]["os"], fact);
}

#[test]
fn nothing_is_looked_for_that_no_script_is_given() {
    // Nobody is left out; and no stage of this host is given anything.
    for plan in [plan("all"), {
        let mut plan = plan("a1").into_plan().into_data();
        plan.stages[2].all_facts.clear();
        PreparedPlan::new(Plan::new(plan).unwrap())
    }] {
        let search = FactSearch::new(&plan);
        assert!(!search.goes_on());
        assert_eq!(search.end(), (EarlierFacts::new(), Vec::new()));
    }
    assert_eq!(plan("a1").left_out().count(), 3);
}
