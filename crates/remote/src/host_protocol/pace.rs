//! How fast a host's words are taken, so that one that floods costs the others no time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// So many bytes a second are taken in the long run: more than any log needs, and a small part of what a
/// processor can do.
const RATE: u32 = 32 << 20;
/// So many are taken at once.
const BURST: u32 = 32 << 20;

/// The pace of one channel. A host that is faster is left waiting by SSH's window; nothing is lost.
#[derive(Debug)]
pub(super) struct Pace {
    /// Bytes that were taken and are not paid for by time yet.
    owed: f64,
    since: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            owed: 0.0,
            since: Instant::now(),
        }
    }

    /// Counts bytes that have come, and waits where they came too fast. May be dropped while it waits.
    pub(super) async fn take(&mut self, bytes: usize) {
        let now = Instant::now();
        let paid = now.duration_since(self.since).as_secs_f64() * f64::from(RATE);
        self.since = now;
        self.owed = (self.owed - paid).max(0.0) + bytes as f64;
        let beyond = self.owed - f64::from(BURST);
        if beyond > 0.0 {
            sleep(Duration::from_secs_f64(beyond / f64::from(RATE))).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_slowed_and_a_burst_is_not() {
        let began = Instant::now();
        let mut pace = Pace::new();
        for _ in 0..1024 {
            pace.take(32 << 10).await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO, "32 MiB are a burst");
        for _ in 0..10 * 1024 {
            pace.take(32 << 10).await;
        }
        let took = began.elapsed().as_secs_f64();
        // tokio's clock counts in milliseconds.
        assert!((9.5..21.0).contains(&took), "{took}");
    }
}
