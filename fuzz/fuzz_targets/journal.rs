//! A journal that is read back, by `show` and by `resume`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use phalanx_events::{RunState, journal};

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
        RunState::of(&journal.events);
    }
});
