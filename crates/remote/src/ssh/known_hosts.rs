//! What a known_hosts file says about a host: a matcher for OpenSSH's format (sshd(8), section
//! "SSH_KNOWN_HOSTS FILE FORMAT").
//!
//! Of the markers, `@revoked` is heeded; lines with any other (`@cert-authority` above all) have no
//! effect, for host certificates are not asked for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::algorithms::can_check;

/// What is asked about: how known_hosts names a host.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    revoked: bool,
    /// The line names the host without its port.
    bare: bool,
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

/// All lines of `text` that speak of `host`. `first_line` is the number of its first line.
pub(crate) fn lines_about(
    host: &HostName,
    text: &str,
    file: usize,
    first_line: usize,
) -> Vec<KnownKey> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some(line) = Line::parse(line) else {
            continue;
        };
        let bare = if names_match(line.names, &host.full) {
            false
        } else if host
            .bare
            .as_ref()
            .is_some_and(|bare| names_match(line.names, bare))
        {
            true
        } else {
            continue;
        };
        let Ok(blob) = BASE64.decode(line.key) else {
            continue;
        };
        let Some(algorithm) = algorithm_of(&blob) else {
            continue;
        };
        found.push(KnownKey {
            file,
            line: first_line + number,
            algorithm: algorithm.to_owned(),
            revoked: line.revoked,
            bare,
            blob,
        });
    }
    found
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

struct Line<'a> {
    revoked: bool,
    names: &'a str,
    key: &'a str,
}

impl<'a> Line<'a> {
    /// `None` for comments, for lines without effect, and for what makes no sense.
    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let mut names = words.next()?;
        if names.starts_with('#') {
            return None;
        }
        let marker = names.starts_with('@').then_some(names);
        if marker.is_some() {
            names = words.next()?;
        }
        let revoked = match marker {
            None => false,
            Some("@revoked") => true,
            Some(_) => return None,
        };
        // What the algorithm's name says does not count; the key itself says it again.
        let _algorithm = words.next()?;
        Some(Self {
            revoked,
            names,
            key: words.next()?,
        })
    }
}

/// Whether a list of names, patterns and hashes means `name`. One `!pattern` that matches outweighs
/// everything else.
fn names_match(names: &str, name: &str) -> bool {
    let mut matched = false;
    for entry in names.split(',') {
        if let Some(hashed) = entry.strip_prefix("|1|") {
            matched |= hash_matches(hashed, name);
        } else if let Some(pattern) = entry.strip_prefix('!') {
            if wildcard_match(pattern.as_bytes(), name.as_bytes()) {
                return false;
            }
        } else {
            matched |= wildcard_match(entry.as_bytes(), name.as_bytes());
        }
    }
    matched
}

/// `SALT|HMAC-SHA1(SALT, name)`, both in base64.
fn hash_matches(hashed: &str, name: &str) -> bool {
    let Some((salt, hash)) = hashed.split_once('|') else {
        return false;
    };
    let (Ok(salt), Ok(hash)) = (BASE64.decode(salt), BASE64.decode(hash)) else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&salt) else {
        return false;
    };
    mac.update(name.as_bytes());
    mac.verify_slice(&hash).is_ok()
}

/// `*` is any text, `?` any one character; case does not matter. Takes time in proportion to the
/// product of both lengths, whatever the pattern.
fn wildcard_match(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when the text after the last `*` does not fit: after one more byte of it.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(b'?') => {
                p += 1;
                t += 1;
            }
            Some(wanted) if wanted.eq_ignore_ascii_case(byte) => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after_star, from)) => {
                    retry = Some((after_star, from + 1));
                    p = after_star;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern
        .get(p..)
        .unwrap_or_default()
        .iter()
        .all(|byte| *byte == b'*')
}

/// The algorithm that a key in wire format names itself.
pub(crate) fn algorithm_of(blob: &[u8]) -> Option<&str> {
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    std::str::from_utf8(rest.get(..length)?).ok()
}

#[cfg(test)]
#[path = "known_hosts_tests.rs"]
mod tests;
