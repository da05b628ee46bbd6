//! How much is done at once: permits that are passed on, never batches.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits for work on hosts.
#[derive(Clone, Debug)]
pub(super) struct Permits(Arc<Semaphore>);

impl Permits {
    pub(super) fn new(parallel: usize) -> Self {
        Self(Arc::new(Semaphore::new(
            parallel.clamp(1, Semaphore::MAX_PERMITS),
        )))
    }

    /// Waits for a permit; it is given back when dropped.
    pub(super) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::task::JoinSet;
    use tokio::time::sleep;

    use super::*;

    /// How many worked at once at most, of tasks that take so many milliseconds each.
    async fn most_at_once(parallel: usize, tasks: Vec<u64>) -> usize {
        let permits = Permits::new(parallel);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut working = JoinSet::new();
        for takes in tasks {
            let (permits, now, most) = (permits.clone(), Arc::clone(&now), Arc::clone(&most));
            working.spawn(async move {
                let permit = permits.take().await;
                let count = now.fetch_add(1, Ordering::Relaxed) + 1;
                most.fetch_max(count, Ordering::Relaxed);
                sleep(Duration::from_millis(takes)).await;
                now.fetch_sub(1, Ordering::Relaxed);
                drop(permit);
            });
        }
        working.join_all().await;
        most.load(Ordering::Relaxed)
    }

    proptest! {
        #[test]
        fn no_more_work_at_once_than_may_and_as_many_as_can(
            parallel in 0..6usize,
            tasks in prop::collection::vec(1..50u64, 1..20),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()?;
            let expected = parallel.max(1).min(tasks.len());
            prop_assert_eq!(runtime.block_on(most_at_once(parallel, tasks)), expected);
        }
    }
}
