//! A plan that is read back: its names are names, and all that is shown of a run of it can be.
//!
//! Its templates and conditions are not worked out here: that is what `recipe` and the engine's own tests do.

#![no_main]

#[path = "../looking.rs"]
mod looking;

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use phalanx_events::{Event, journal};
use phalanx_plan::{Plan, PreparedPlan};

static EVENTS: LazyLock<Vec<Event>> = LazyLock::new(|| {
    let events = include_bytes!("../seeds/journal/failed-run.jsonl");
    journal::read(events).expect("the seed is a journal").events
});

fuzz_target!(|data: &[u8]| {
    let Ok(plan) = serde_json::from_slice::<Plan>(data) else {
        return;
    };
    let leads_nowhere = |name: &str| !name.contains('/') && !name.starts_with('.');
    assert!(
        plan.hosts
            .iter()
            .all(|host| leads_nowhere(host.name.as_str()))
    );
    assert!(
        plan.stages
            .iter()
            .all(|stage| leads_nowhere(stage.id.as_str()))
    );
    let text = serde_json::to_vec(&plan).expect("a plan can be written");
    let again: Plan = serde_json::from_slice(&text).expect("what was written can be read");
    let text_again = serde_json::to_vec(&again).expect("a plan can be written");
    assert_eq!(text, text_again);
    looking::look(&Arc::new(PreparedPlan::new(plan)), &EVENTS);
});
