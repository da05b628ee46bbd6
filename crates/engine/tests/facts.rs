//! Facts: of hosts that take no part, and those that are not as the recipe says, on a scripted world.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;

use phalanx_events::{EventKind, Failure, FailureKind, Outcome, RunOutcome, TaskEnd};
use phalanx_plan::{EarlierFact, FactKind, Plan};
use support::{Job, PlanMaker, Ran, World, changed, script, until};

fn notices(ran: &Ran) -> Vec<&str> {
    let texts = ran.events.iter().filter_map(|event| match &event.kind {
        EventKind::HostNotice { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

fn tells(job: Job, result: &str) -> Job {
    Job {
        result: result.to_owned(),
        ..job
    }
}

/// A stage that tells facts, and one that needs nothing of them.
fn plan(action: phalanx_plan::Action) -> Plan {
    PlanMaker::new(&["a:w"])
        .fact("up", FactKind::Bool)
        .fact("cores", FactKind::Number)
        .stage("look", "", action, &[])
        .stage("next", "", script(), &["look"])
        .plan()
}

fn failure<'a>(ran: &'a Ran, task: &str) -> &'a Failure {
    ran.end(task).1.failure.as_ref().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_fact_of_the_wrong_kind_fails_the_stage_that_told_it() {
    let world = World::default();
    world.facts("a", "").job(
        "a",
        "look",
        tells(
            Job::ok(1),
            "fact\tcores\t4\nfact\tup\tyes\nfact\tcores\tmany\n",
        ),
    );
    let ran = world.run(plan(script())).await;
    assert_eq!(ran.outcome, RunOutcome::Failed);
    let failed = failure(&ran, "look@a");
    assert_eq!(failed.kind, FailureKind::Protocol);
    assert_eq!(
        failed.message,
        "s.sh told the fact `up` as `yes`, and the recipe declares it as `true` or `false`"
    );
    assert!(failed.advice.as_ref().unwrap().contains("recipe.yaml"));
    assert_eq!(
        notices(&ran),
        ["s.sh told the fact `cores` as `many`, and the recipe declares it as a whole number"]
    );
    assert_eq!(ran.end("look@a").1.facts, BTreeMap::new());
    assert!(ran.never_started("next@a"));
}

#[tokio::test(start_paused = true)]
async fn what_failed_otherwise_has_failed_by_that_and_the_fact_is_told_beside() {
    let world = World::default();
    world
        .facts("a", "")
        .job("a", "look", tells(Job::fails(1, 3), "fact\tup\tyes\n"));
    let ran = world.run(plan(script())).await;
    assert_eq!(failure(&ran, "look@a").kind, FailureKind::Script);
    assert!(
        notices(&ran)[0].ends_with("it is passed over"),
        "{:?}",
        notices(&ran)
    );
}

#[tokio::test(start_paused = true)]
async fn a_host_whose_facts_are_wrong_is_given_up_and_undeclared_ones_are_told() {
    let world = World::default();
    let long = "y".repeat(100);
    world.facts("a", &format!("fact\tkernel\t{long}\nfact\tcores\t\n"));
    let ran = world.run(plan(script())).await;
    let failed = ran.events.iter().find_map(|event| match &event.kind {
        EventKind::HostFailed { failure, .. } => Some(failure.message.clone()),
        _ => None,
    });
    assert_eq!(
        failed.as_deref(),
        Some("s.sh told the fact `cores` as ``, and the recipe declares it as a whole number")
    );
    let told = format!(
        "s.sh told the fact `kernel` as `{}...`, which the recipe does not declare: it is passed over",
        "y".repeat(60)
    );
    assert_eq!(notices(&ran), [told]);
}

#[tokio::test(start_paused = true)]
async fn a_probe_may_come_right_until_it_says_yes() {
    for (last, fails) in [("true", false), ("yes", true)] {
        let world = World::default();
        world
            .facts("a", "")
            .probe_tells("a", "look", 1, "fact\tup\tnot yet\n")
            .probe_tells("a", "look", 0, &format!("fact\tup\t{last}\n"))
            .job("a", "next", Job::ok(1));
        let ran = world.run(plan(until())).await;
        assert_eq!(ran.outcome == RunOutcome::Failed, fails);
        assert!(
            notices(&ran)[0].contains("`not yet`"),
            "{:?}",
            notices(&ran)
        );
        let end: &TaskEnd = ran.end("look@a").1;
        match fails {
            true => assert!(failure(&ran, "look@a").message.contains("`yes`")),
            false => assert_eq!(end.facts["up"], "true"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn scripts_are_given_what_left_out_hosts_told_before_in_the_cluster_files_order() {
    let world = World::default();
    for host in ["e2", "e10"] {
        world.facts(host, &format!("fact\tmember\tof {host}\n"));
        world.job(host, "join", Job::ok(1));
    }
    let plan = PlanMaker::new(&["e1:e", "e2:e", "e10:e", "e3:e", "e4:e"])
        .fact("member", FactKind::Text)
        .stage_with("look", "none", script(), &[], |_| {})
        .stage_with("join", "", script(), &[], |stage| {
            stage.all_facts.insert("member".into());
        })
        .plan();
    let plan = changed(plan, |plan| {
        // Only e2 and e10 take part.
        plan.hosts = plan.hosts[1..3].to_vec();
        for task in std::mem::take(&mut plan.tasks) {
            if ["e2", "e10"].contains(&task.id.host.as_str()) {
                plan.add_task(task.id, task.gates).unwrap();
            }
        }
        for (host, value) in [
            ("e1", Some("before")),
            ("e3", Some("as well")),
            ("e4", None),
            ("e2", Some("stale")),
        ] {
            let fact = EarlierFact {
                value: value.map(str::to_owned),
                run: "r0".into(),
                told_ms: 0,
            };
            let facts = BTreeMap::from([("member".to_owned(), fact)]);
            plan.earlier_facts.insert(host.into(), facts);
        }
    });
    let (_keep, cancel) = tokio::sync::watch::channel(None);
    let ran = world.run_with(plan, cancel, 1).await;
    assert_eq!(ran.outcome_of("join@e10"), &Outcome::Already);
    let last = [("e2", "join"), ("e10", "join")]
        .map(|(host, stage)| world.environment(host, stage)["PX_FACTS_MEMBER"].clone());
    assert!(
        last.contains(&"e1 before\ne2 of e2\ne10 of e10\ne3 as well\n".to_owned()),
        "{last:?}"
    );
    assert_eq!(world.environment("e2", "join")["PX_LEFT_OUT"], "e1 e3 e4");
}
