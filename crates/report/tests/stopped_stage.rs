//! A stage that stopped after a failure: what every display says of the hosts that it held back.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what it expects by unwrapping"
)]

mod scenario;

use std::sync::Arc;

use phalanx_events::{Event, Failure, FailureKind, RunOutcome, TaskEnd};
use phalanx_plan::{Action, PlannedStage, PreparedPlan};
use phalanx_report::closing::{ClosingOptions, closing};
use phalanx_report::{Charset, LineDisplay, LineOptions, Verbosity};
use scenario::{Story, already, not_run, plain, plan, report, stage};

const WHY: &str = "the stage stopped after 1 failure, on e2";

/// Five hosts, one after the other; the second one fails.
fn stopped() -> (Arc<PreparedPlan>, Vec<Event>) {
    let names = ["e1", "e2", "e3", "e4", "e5"];
    let plan = plan(
        &names.map(|name| (name, "server")),
        vec![
            PlannedStage {
                at_once: Some(1),
                stop_after: Some(1),
                ..stage("bounce", &["server"], Action::Run("scripts/b.sh".into()))
            },
            stage("look", &["server"], Action::Run("scripts/l.sh".into())),
        ],
    );
    let mut story = Story::new(&plan);
    let failed = Failure::new(FailureKind::Script, "the script ended with status 1");
    story
        .connected(300, &names)
        .task(400, 1_400, "bounce", "e1", already())
        .task(1_400, 2_000, "look", "e1", already())
        .task(1_500, 2_500, "bounce", "e2", TaskEnd::failed(failed))
        .ended(2_500, "look", "e2", not_run("bounce@e2 failed"));
    for host in ["e3", "e4", "e5"] {
        story.ended(2_500, "bounce", host, not_run(WHY)).ended(
            2_500,
            "look",
            host,
            not_run("bounce did not succeed here"),
        );
    }
    story.sort().over(2_600, RunOutcome::Failed);
    (plan, story.events)
}

#[test]
fn the_lines_and_the_closing_say_who_did_not_begin_and_why() {
    let (plan, events) = stopped();
    let mut out = Vec::new();
    let options = LineOptions {
        verbosity: Verbosity::Normal,
        width: Some(100),
        charset: Charset::Unicode,
    };
    let mut display = LineDisplay::new(plan.clone(), &mut out, options);
    for event in &events {
        display.event(event).unwrap();
    }
    drop(display);
    let lines = plain(&out);
    let told = format!("bounce, look on e3, e4, e5: {WHY}");
    assert!(lines.contains(&told), "{lines}");

    let report = report(&plan, &events);
    let options = ClosingOptions {
        width: 100,
        charset: Charset::Unicode,
        quiet: true,
        notices: false,
    };
    let closed = plain(closing(&report, options).as_bytes());
    let told = format!("Not begun\n  bounce on e3, e4, e5: {WHY}\n");
    assert!(closed.contains(&told), "{closed}");
    assert!(
        !closed.contains("look on"),
        "the cause is told, once: {closed}"
    );
    let data = serde_json::to_value(&report).unwrap();
    assert_eq!(data["not_begun"][0]["reason"], WHY);
    assert_eq!(data["not_begun"][0]["hosts"].as_array().unwrap().len(), 3);
}
