//! The pauses before a host is tried again that was left behind.

use std::time::Duration;

/// The first pause before a host is tried again, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// The pause before a host is tried again that was left behind so often before.
pub(crate) fn pause(times: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << times.min(8))
        .min(LONGEST_PAUSE)
}

/// The pause after this one.
pub(crate) fn longer(pause: Duration) -> Duration {
    (pause * 2).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_at_five_minutes() {
        let seconds: Vec<u64> = (0..6).map(|times| pause(times).as_secs()).collect();
        assert_eq!(seconds, [30, 60, 120, 240, 300, 300]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
        assert_eq!(longer(pause(1)), pause(2));
    }
}
