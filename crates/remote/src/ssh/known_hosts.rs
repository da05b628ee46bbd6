//! What known_hosts files say about a host (sshd(8), section "SSH_KNOWN_HOSTS FILE FORMAT").
//!
//! Of the markers, `@revoked` is heeded; lines with any other (`@cert-authority` above all) have no
//! effect, for host certificates are not asked for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::algorithms::can_check;

/// What is asked about: how known_hosts names a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HostName {
    /// `name`, or `[name]:port` where the port is not 22.
    full: String,
    /// `name` alone, where that is not all of it. It is good enough to know a key by, but a
    /// different key under it says nothing.
    bare: Option<String>,
}

impl HostName {
    /// Host names know no case.
    pub(crate) fn new(address: &str, port: u16) -> Self {
        let name = address.to_ascii_lowercase();
        if port == 22 {
            Self {
                full: name,
                bare: None,
            }
        } else {
            Self {
                full: format!("[{name}]:{port}"),
                bare: Some(name),
            }
        }
    }

    /// The name as a new line has it.
    pub(crate) fn as_str(&self) -> &str {
        &self.full
    }

    /// The name without its port, where that is not all of it.
    pub(crate) fn bare(&self) -> Option<&str> {
        self.bare.as_deref()
    }
}

/// One line that speaks of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownKey {
    /// Which file, by its place in the list of files.
    pub(crate) file: usize,
    /// Which line, counted from 1.
    pub(crate) line: usize,
    /// The key's algorithm, as it stands in the key.
    pub(crate) algorithm: String,
    /// The key as it is sent over the wire.
    pub(crate) blob: Vec<u8>,
    pub(crate) revoked: bool,
    /// The line names the host without its port.
    pub(crate) bare: bool,
}

/// What the lines say about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    /// It is the host's.
    Known,
    /// Nothing is known of the host.
    New,
    /// The host is known, and not by this key.
    Changed(&'a KnownKey),
    /// It must not be used any more.
    Revoked(&'a KnownKey),
}

/// What these lines say about the key that the host shows.
pub(crate) fn judge<'a>(known: &'a [KnownKey], blob: &[u8]) -> Verdict<'a> {
    let same = |key: &&KnownKey| key.blob == blob;
    if let Some(revoked) = known.iter().filter(|key| key.revoked).find(same) {
        return Verdict::Revoked(revoked);
    }
    if known
        .iter()
        .filter(|key| !key.revoked)
        .any(|key| same(&key))
    {
        return Verdict::Known;
    }
    // A host that is known by one kind of key and now shows another kind only has changed, too: it
    // was asked for the known kinds first. Keys that nobody could check say nothing.
    let binding = || {
        known
            .iter()
            .filter(|key| !key.revoked && !key.bare && can_check(&key.algorithm))
    };
    let algorithm = algorithm_of(blob);
    binding()
        .find(|key| Some(key.algorithm.as_str()) == algorithm)
        .or_else(|| binding().next())
        .map_or(Verdict::New, Verdict::Changed)
}

/// The algorithms of the keys that the host is known by.
pub(crate) fn algorithms(known: &[KnownKey]) -> Vec<String> {
    known
        .iter()
        .filter(|key| !key.revoked)
        .map(|key| key.algorithm.clone())
        .collect()
}

/// A line for a new key.
pub(crate) fn new_line(host: &HostName, blob: &[u8]) -> Option<String> {
    let algorithm = algorithm_of(blob)?;
    Some(format!(
        "{} {algorithm} {}\n",
        host.full,
        BASE64.encode(blob)
    ))
}

/// The algorithm that a key in wire format names itself.
pub(crate) fn algorithm_of(blob: &[u8]) -> Option<&str> {
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    std::str::from_utf8(rest.get(..length)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As OpenSSH writes such a host, the zone in small letters like the rest.
    #[test]
    fn an_address_with_a_zone_is_named_whole() {
        assert_eq!(HostName::new("fe80::1%Eth0", 22).as_str(), "fe80::1%eth0");
        let behind_a_port = HostName::new("fe80::1%eth0", 2222);
        assert_eq!(behind_a_port.as_str(), "[fe80::1%eth0]:2222");
        assert_eq!(behind_a_port.bare(), Some("fe80::1%eth0"));
    }
}
