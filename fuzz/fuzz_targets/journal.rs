//! A journal that is read back, by `show` and by `resume`: what is read, and all that is made of it.

#![no_main]

#[path = "../looking.rs"]
mod looking;

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use phalanx_events::journal;
use phalanx_plan::Plan;

static PLAN: LazyLock<Arc<Plan>> = LazyLock::new(|| {
    let plan = include_bytes!("../seeds/plan/plan.json");
    Arc::new(serde_json::from_slice(plan).expect("the seed is a plan"))
});

fuzz_target!(|data: &[u8]| {
    let shown = journal::read(data);
    if let Ok(journal) = journal::read_to_continue(data) {
        // What is kept of it is whole lines, and all that is known of the run.
        let kept = &data[..journal.whole_bytes];
        assert!(kept.ends_with(b"\n"));
        let again = journal::read_to_continue(kept).expect("it was read");
        assert_eq!(again.events, journal.events);
        assert_eq!(again.whole_bytes, kept.len());
        assert_eq!(
            shown.as_ref().map(|shown| &shown.events).ok(),
            Some(&journal.events)
        );
    }
    if let Ok(journal) = shown {
        looking::look(&PLAN, &journal.events);
    }
});
