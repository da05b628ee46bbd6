//! The host keys that were taken since the run began. Where known_hosts files keep nothing (`/dev/null`,
//! or none at all), a host that shows another key on its next connection is refused all the same.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::known_hosts::{HostName, algorithm_of};

/// One key a host: the one that it showed last and that was taken.
#[derive(Debug, Default)]
pub(crate) struct PinnedKeys(Mutex<HashMap<String, Vec<u8>>>);

impl PinnedKeys {
    /// Whether the host has shown this key before. A host that has shown none is given this one.
    pub(crate) fn agree(&self, host: &HostName, blob: &[u8]) -> Agreed {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match keys.get(host.as_str()) {
            Some(key) if key == blob => Agreed::Same,
            Some(_) => Agreed::Other,
            None => {
                keys.insert(host.as_str().to_owned(), blob.to_owned());
                Agreed::First
            }
        }
    }

    /// A file says that this key is the host's, whatever it has shown before.
    pub(crate) fn replace(&self, host: &HostName, blob: &[u8]) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(host.as_str().to_owned(), blob.to_owned());
    }

    /// The kind of key that the host has shown: it is asked for that one again.
    pub(crate) fn algorithm(&self, host: &HostName) -> Option<String> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        algorithm_of(keys.get(host.as_str())?).map(str::to_owned)
    }
}

/// What a key is, beside those that a host has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agreed {
    /// The first one.
    First,
    /// The same.
    Same,
    /// Another one.
    Other,
}
