//! Lines of a known_hosts file, read once and asked about one host after another.

use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::known_hosts::{HostName, KnownKey, algorithm_of};
use super::known_hosts_hash::{HashedName, NameBlocks};

/// The lines of a file, or those at its end. Names that stand there as they are, are found without looking
/// at the others; hashed names and patterns are compared one by one.
#[derive(Debug, Default)]
pub(crate) struct KnownLines {
    text: String,
    count: usize,
    /// Those that may have an effect.
    lines: Vec<Place>,
    /// In lower case: host names know no case.
    plain: HashMap<String, Vec<usize>>,
    hashed: Vec<(HashedName, usize)>,
    /// Lines with a pattern among their names: one `!pattern` that matches outweighs all others.
    patterns: Vec<usize>,
}

/// Where a line is.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Which one it is in its file, counted from 1.
    number: usize,
    /// Where it begins in the text.
    at: usize,
}

impl KnownLines {
    /// Reads lines; the first one has the number `first`.
    pub(crate) fn parse(text: String, first: usize) -> Self {
        let mut all = Self::default();
        let (mut number, mut at) = (first, 0);
        for text in text.split_inclusive('\n') {
            let place = Place { number, at };
            if let Some(name) = only_hash(text) {
                all.hashed.push((name, all.lines.len()));
                all.lines.push(place);
            } else if let Some(line) = Line::parse(text) {
                all.add(&line, place);
            }
            number += 1;
            at += text.len();
        }
        Self {
            text,
            count: number - first,
            ..all
        }
    }

    /// How many lines there are, with those that have no effect.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    fn add(&mut self, line: &Line<'_>, place: Place) {
        let index = self.lines.len();
        self.lines.push(place);
        if line.names.contains(['*', '?', '!']) {
            self.patterns.push(index);
            return;
        }
        for name in line.names.split(',') {
            if let Some(hashed) = name.strip_prefix("|1|") {
                let hashed = HashedName::parse(hashed);
                self.hashed.extend(hashed.map(|hashed| (hashed, index)));
            } else {
                let name = name.to_ascii_lowercase();
                self.plain.entry(name).or_default().push(index);
            }
        }
    }

    /// What they say about a host. The keys' file is the first.
    pub(crate) fn about(&self, host: &HostName) -> Vec<KnownKey> {
        // A line that names the host in full counts as such, whatever else it names.
        let mut found: BTreeMap<usize, bool> = BTreeMap::new();
        if let Some(bare) = host.bare() {
            found.extend(self.naming(bare).into_iter().map(|index| (index, true)));
        }
        let full = self.naming(host.as_str());
        found.extend(full.into_iter().map(|index| (index, false)));
        found
            .into_iter()
            .filter_map(|(index, bare)| self.key(*self.lines.get(index)?, bare))
            .collect()
    }

    /// The lines that mean this name.
    fn naming(&self, name: &str) -> Vec<usize> {
        let mut found = self.plain.get(name).cloned().unwrap_or_default();
        let blocks = NameBlocks::new(name);
        for (hashed, index) in &self.hashed {
            if hashed.matches(&blocks) {
                found.push(*index);
            }
        }
        let meant = |index: &usize| {
            let place = self.lines.get(*index);
            let line = place.and_then(|place| self.line(*place));
            line.is_some_and(|line| names_match(line.names, name))
        };
        found.extend(self.patterns.iter().copied().filter(meant));
        found
    }

    fn line(&self, place: Place) -> Option<Line<'_>> {
        Line::parse(self.text.get(place.at..)?.lines().next()?)
    }

    fn key(&self, place: Place, bare: bool) -> Option<KnownKey> {
        let line = self.line(place)?;
        let blob = BASE64.decode(line.key).ok()?;
        Some(KnownKey {
            file: 0,
            line: place.number,
            algorithm: algorithm_of(&blob)?.to_owned(),
            revoked: line.revoked,
            bare,
            blob,
        })
    }
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

/// The name of a line that begins with one hashed name and no other. A large file has hardly any other
/// lines: the rest of this one is looked at when a host has that name.
fn only_hash(line: &str) -> Option<HashedName> {
    let (name, _key) = line.split_once(' ')?;
    HashedName::parse(name.strip_prefix("|1|")?)
}

/// Whether a list of names, patterns and hashes means `name`. One `!pattern` that matches outweighs
/// everything else.
fn names_match(names: &str, name: &str) -> bool {
    let mut matched = false;
    for entry in names.split(',') {
        if let Some(hashed) = entry.strip_prefix("|1|") {
            let hashed = HashedName::parse(hashed);
            matched |= hashed.is_some_and(|hashed| hashed.matches(&NameBlocks::new(name)));
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

#[cfg(test)]
#[path = "known_hosts_lines_tests.rs"]
mod tests;
