//! How much is done at once: permits that are passed on, never batches.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits for work on hosts.
#[derive(Clone, Debug)]
pub(crate) struct Permits(Arc<Semaphore>);

impl Permits {
    pub(crate) fn new(parallel: usize) -> Self {
        Self(Arc::new(Semaphore::new(
            parallel.clamp(1, Semaphore::MAX_PERMITS),
        )))
    }

    /// Waits for a permit; it is given back when dropped.
    pub(crate) async fn take(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}
