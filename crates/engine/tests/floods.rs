//! Hosts that tell more than anybody wants to know.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use phalanx_events::{EventKind, RunOutcome};
use phalanx_plan::FactKind;
use support::{Job, PlanMaker, Ran, World, script, until};

fn notices(ran: &Ran) -> Vec<&str> {
    let texts = ran.events.iter().map(|event| match &event.kind {
        EventKind::HostNotice { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.flatten().collect()
}

#[tokio::test(start_paused = true)]
async fn of_facts_that_nobody_asked_for_a_hundred_are_told() {
    let world = World::default();
    let facts: String = (0..10_000).map(|n| format!("fact\tf{n}\tx\n")).collect();
    world.facts("w1", &(facts + "fact\tos\tlinux\n"));
    world.job("w1", "work", Job::ok(1));
    let plan = PlanMaker::new(&["w1:worker"])
        .fact("os", FactKind::Text)
        .stage("work", "", script(), &[])
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    let told = notices(&ran);
    assert_eq!(told.len(), 101);
    assert_eq!(
        told[0],
        "s.sh told the fact `f0` as `x`, which the recipe does not declare: it is passed over"
    );
    assert!(
        told[100].contains("more of them are not told"),
        "{}",
        told[100]
    );
    let os = ran
        .events
        .iter()
        .any(|event| matches!(&event.kind, EventKind::FactsRead { facts, .. } if facts.len() == 1));
    assert!(os, "what was asked for is known");
}

#[tokio::test(start_paused = true)]
async fn of_ten_thousand_problems_the_first_are_told_and_the_error_counts() {
    let world = World::default();
    let notes = "problem\tp\tnote\tn\t\n".repeat(10_000);
    let job = Job::ok(1).result(&(notes + "problem\tdisk\terror\tit is full\t\n"));
    world.job("w1", "work", job);
    let plan = PlanMaker::new(&["w1:worker"])
        .stage("work", "", script(), &[])
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::ProblemsFound);
    let end = ran.end("work@w1").1;
    assert_eq!(end.problems.len(), 102);
    let failure = end.failure.as_ref().unwrap();
    assert!(
        failure.message.starts_with("it found a problem"),
        "{}",
        failure.message
    );
}

/// It asks every two seconds, and hears something else each time.
#[tokio::test(start_paused = true)]
async fn a_probe_that_reads_other_facts_each_time_does_not_fill_the_journal() {
    let world = World::default();
    world.facts("w1", "");
    for number in 0..400 {
        let result = format!("fact\tseen\t{number}\nfact\tother{number}\tx\n");
        world.probe_tells("w1", "wait", 1, &result);
    }
    world.probe_tells("w1", "wait", 0, "");
    let plan = PlanMaker::new(&["w1:worker"])
        .fact("seen", FactKind::Text)
        .stage("wait", "", until(), &[])
        .plan();
    let ran = world.run(plan).await;
    assert_eq!(ran.outcome, RunOutcome::Done);
    let read = |event: &&phalanx_events::Event| matches!(event.kind, EventKind::FactsRead { .. });
    // One is the facts script's.
    assert_eq!(ran.events.iter().filter(read).count(), 101);
    assert_eq!(notices(&ran).len(), 101);
    let end = ran.end("wait@w1").1;
    assert_eq!(end.facts.get("seen").map(String::as_str), Some("399"));
}
