//! How many logins may be in progress: in all, and to one server. A server with too many of them
//! drops connections, and more at once would not be faster.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Hands out permits to log in.
pub(crate) struct HandshakeLimit {
    all: Arc<Semaphore>,
    per_endpoint: usize,
    endpoints: Mutex<HashMap<SocketAddr, Weak<Semaphore>>>,
}

/// A permit to log in.
pub(crate) struct HandshakePermit {
    /// For the client's sake: released when the login is over.
    pub(crate) all: OwnedSemaphorePermit,
    /// For the server's sake: released when it knows that the login is over.
    pub(crate) endpoint: OwnedSemaphorePermit,
}

impl HandshakeLimit {
    /// At least one login at a time is always allowed.
    pub(crate) fn new(all: usize, per_endpoint: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all.max(1))),
            per_endpoint: per_endpoint.max(1),
            endpoints: Mutex::default(),
        }
    }

    /// Waits for its turn. `None` cannot happen: the semaphores are never closed.
    pub(crate) async fn permit(&self, endpoint: SocketAddr) -> Option<HandshakePermit> {
        // The narrow one first: who waits for one server must not keep others from theirs.
        let endpoint = self.endpoint(endpoint).acquire_owned().await.ok()?;
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(HandshakePermit { all, endpoint })
    }

    fn endpoint(&self, endpoint: SocketAddr) -> Arc<Semaphore> {
        let mut endpoints = self
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = endpoints.get(&endpoint).and_then(Weak::upgrade) {
            return known;
        }
        // Permits keep their semaphore alive; without any, it may go.
        endpoints.retain(|_, semaphore| semaphore.strong_count() > 0);
        let semaphore = Arc::new(Semaphore::new(self.per_endpoint));
        endpoints.insert(endpoint, Arc::downgrade(&semaphore));
        semaphore
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_server_does_not_keep_others_waiting() {
        let limit = HandshakeLimit::new(3, 2);
        let (a, b): (SocketAddr, SocketAddr) = (
            "127.0.0.1:22".parse().unwrap(),
            "127.0.0.2:22".parse().unwrap(),
        );
        let first = limit.permit(a).now_or_never().flatten().unwrap();
        let second = limit.permit(a).now_or_never().flatten().unwrap();
        assert!(
            limit.permit(a).now_or_never().is_none(),
            "two at a time to one server"
        );
        let third = limit.permit(b).now_or_never().flatten().unwrap();
        assert!(
            limit.permit(b).now_or_never().is_none(),
            "three at a time in all"
        );
        drop(first.all);
        assert!(
            limit.permit(a).now_or_never().is_none(),
            "the server has not let go yet"
        );
        let fourth = limit.permit(b).now_or_never().flatten().unwrap();
        assert_eq!(limit.endpoints.lock().unwrap().len(), 2);
        drop((second, third, fourth, first.endpoint));
        limit
            .permit("127.0.0.3:22".parse().unwrap())
            .now_or_never()
            .flatten()
            .unwrap();
        assert_eq!(limit.endpoints.lock().unwrap().len(), 1, "unused ones go");
    }
}
