//! Every display of a run with all outcomes, of 8 and of 1000 hosts. (The page is tried in a browser.)
#![expect(
    clippy::unwrap_used,
    reason = "a test says what it expects by unwrapping"
)]

mod scenario;

use std::sync::Arc;

use phalanx_events::Event;
use phalanx_plan::PreparedPlan;
use phalanx_report::closing::{ClosingOptions, closing};
use phalanx_report::{Charset, LineDisplay, LineOptions, Verbosity};
use scenario::big::{big_plan, over};
use scenario::{plain, report};

fn closed(plan: &Arc<PreparedPlan>, events: &[Event]) -> String {
    let options = ClosingOptions {
        width: 100,
        charset: Charset::Unicode,
        quiet: false,
        notices: true,
    };
    plain(closing(&report(plan, events), options).as_bytes())
}

fn lines(plan: &Arc<PreparedPlan>, events: &[Event], verbosity: Verbosity) -> String {
    let mut out = Vec::new();
    let options = LineOptions {
        verbosity,
        width: Some(100),
        charset: Charset::Unicode,
    };
    let mut display = LineDisplay::new(Arc::clone(plan), &mut out, options);
    for event in events {
        display.event(event).unwrap();
    }
    drop(display);
    plain(&out)
}

#[test]
fn eight_hosts() {
    let plan = big_plan(2, 6);
    let events = over(&plan);
    insta::assert_snapshot!(
        "eight_hosts_lines",
        lines(&plan, &events, Verbosity::Normal)
    );
    insta::assert_snapshot!("eight_hosts_closing", closed(&plan, &events));
}

#[test]
fn a_thousand_hosts() {
    let plan = big_plan(5, 995);
    let events = over(&plan);
    let said = lines(&plan, &events, Verbosity::Normal);
    // What many say alike is one line; what one host says is its own.
    let folded: String = said
        .lines()
        .filter(|line| line.contains("stage ") || line.contains(" more"))
        .map(|line| format!("{line}\n"))
        .collect();
    insta::assert_snapshot!("a_thousand_hosts_folded_lines", folded);
    let closing = closed(&plan, &events);
    assert!(
        closing.lines().count() < 120,
        "not a line for each host: {closing}"
    );
    insta::assert_snapshot!("a_thousand_hosts_closing", closing);
    let data = serde_json::to_value(report(&plan, &events)).unwrap();
    assert_eq!(data["hosts"].as_array().unwrap().len(), 1000);
}
