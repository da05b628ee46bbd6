//! All that is made for people of a journal that is read back.

#![no_main]

#[path = "../looking.rs"]
mod looking;

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use phalanx_events::journal;
use phalanx_plan::PreparedPlan;

static PLAN: LazyLock<Arc<PreparedPlan>> = LazyLock::new(|| {
    let plan = include_bytes!("../seeds/plan/plan.json");
    let plan = serde_json::from_slice(plan).expect("the seed is a plan");
    Arc::new(PreparedPlan::new(plan))
});

fuzz_target!(|data: &[u8]| {
    if let Ok(journal) = journal::read(data) {
        looking::look(&PLAN, &journal.events);
    }
});
