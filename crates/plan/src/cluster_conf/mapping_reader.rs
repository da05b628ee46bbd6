//! Reading a mapping file, and telling every fault of it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::mapping::{ConfMapping, ConfName, KeyDefault, Meaning, ValueKind, is_variable};
use crate::cluster::Spanned;
use crate::cluster_checks::is_login;
use crate::ids::{RoleName, is_plain_name};
use crate::problem::{Problem, Problems};
use crate::source::{SourceFile, Span};
use crate::yaml::{self, Fields, Key, Kind, Node, Reader};

impl ConfMapping {
    /// Reads a mapping file. The mapping is `None` where the problems hold an error.
    pub fn read(source: &SourceFile) -> (Option<Self>, Problems) {
        let (root, problems) = yaml::read(source);
        let mut lint = Lint {
            reader: Reader::after(source, problems),
            entries: Vec::new(),
        };
        let mapping = root.as_ref().and_then(|root| lint.file(root));
        let mut problems = lint.reader.problems;
        problems.sort();
        (mapping.filter(|_| !problems.has_errors()), problems)
    }
}

const MEANINGS: [&str; 7] = [
    "addresses",
    "private_addresses",
    "all_addresses",
    "setting",
    "secret",
    "ssh",
    "cluster",
];

/// More names than any recipe needs; each is compared with each other.
const MAX_NAMES: usize = 200;

struct Lint<'a> {
    reader: Reader<'a>,
    entries: Vec<(ConfName, Span)>,
}

impl Lint<'_> {
    fn file(&mut self, root: &Node) -> Option<ConfMapping> {
        let fields = self
            .reader
            .fields(root, "the mapping", &["names", "host_names"])?;
        let Some(names) = fields.get("names") else {
            self.reader.missing(
                root,
                "the mapping",
                "names",
                "write which assignment means what",
            );
            return None;
        };
        let entries = self.reader.map(names, "`names`")?;
        if entries.len() > MAX_NAMES {
            self.reader
                .expected(names, "`names`", &format!("at most {MAX_NAMES} names"));
            return None;
        }
        for (key, node) in entries {
            if let Some(entry) = self.entry(key, node) {
                self.entries.push((entry, key.span));
            }
        }
        self.check_each_once();
        self.check_roles(names);
        let host_names = fields
            .get("host_names")
            .map_or_else(BTreeMap::new, |node| self.host_names(node));
        Some(ConfMapping {
            names: self.entries.drain(..).map(|(entry, _)| entry).collect(),
            host_names,
        })
    }

    fn entry(&mut self, key: &Key, node: &Node) -> Option<ConfName> {
        let name = self.name(key);
        let what = format!("`{}`", key.text.escape_debug());
        let mut known = MEANINGS.to_vec();
        known.extend(["type", "default", "about", "ours"]);
        let fields = self.reader.fields(node, &what, &known)?;
        let meant: Vec<&str> = MEANINGS
            .into_iter()
            .filter(|meaning| fields.get(meaning).is_some())
            .collect();
        let [meant] = meant.as_slice() else {
            self.reader.error(
                "mapping::meaning",
                key.span,
                format!("{what} must mean one thing, not {}", meant.len()),
                "this name",
                format!("write one of `{}`", MEANINGS.join("`, `")),
            );
            return None;
        };
        let meaning = self.meaning(meant, &what, fields)?;
        let about = match fields.get("about") {
            Some(about) => self.reader.text(about, &format!("{what}'s `about`"))?.value,
            None => {
                self.reader.error(
                    "mapping::about",
                    key.span,
                    format!("{what} lacks a word about what it is"),
                    "this name",
                    "write `about: ...`, one line for people",
                );
                return None;
            }
        };
        let ours = match fields.get("ours") {
            Some(ours) => self.reader.bool(ours, &format!("{what}'s `ours`"))?,
            None => false,
        };
        let (name, numbers) = name?;
        if numbers.is_some() && !matches!(meaning, Meaning::PrivateAddresses(_)) {
            self.reader.error(
                "mapping::series",
                key.span,
                "only `private_addresses` can be a numbered series",
                "this series",
                "write a single name",
            );
            return None;
        }
        Some(ConfName {
            name,
            numbers,
            meaning,
            about,
            ours,
        })
    }

    /// `NAME` or `NAME{1..9}`.
    fn name(&mut self, key: &Key) -> Option<(String, Option<RangeInclusive<u32>>)> {
        let (name, numbers) = match key.text.split_once('{') {
            None => (key.text.as_str(), Some(None)),
            Some((name, rest)) => {
                let numbers = rest
                    .strip_suffix('}')
                    .and_then(|range| range.split_once(".."))
                    .and_then(|(low, high)| Some(low.parse().ok()?..=high.parse().ok()?))
                    .filter(|range| *range.end() <= 1000 && range.start() < range.end());
                (name, numbers.map(Some))
            }
        };
        match numbers {
            Some(numbers) if is_variable(name) => Some((name.to_owned(), numbers)),
            _ => {
                self.reader.error(
                    "mapping::name",
                    key.span,
                    "this can't be the name of an assignment",
                    "letters, digits and `_` only",
                    "write `NAME`, or `NAME{1..9}` for a series",
                );
                None
            }
        }
    }

    fn meaning(&mut self, meant: &str, what: &str, fields: Fields<'_>) -> Option<Meaning> {
        let node = fields.get(meant)?;
        let shown = format!("{what}'s `{meant}`");
        let allowed: &[&str] = match meant {
            "setting" => &["type"],
            "ssh" | "cluster" => &["default"],
            _ => &[],
        };
        for extra in ["type", "default"] {
            if let Some((key, _)) = fields.entry(extra)
                && !allowed.contains(&extra)
            {
                self.reader.error(
                    "mapping::extra",
                    key.span,
                    format!("`{extra}` means nothing beside `{meant}`"),
                    "not used",
                    "remove it",
                );
            }
        }
        match meant {
            "addresses" => Some(Meaning::Addresses(self.role(node, &shown)?)),
            "private_addresses" => Some(Meaning::PrivateAddresses(self.role(node, &shown)?)),
            "all_addresses" => match self.reader.bool(node, &shown)? {
                true => Some(Meaning::AllAddresses),
                false => {
                    self.reader.expected(node, &shown, "`true`");
                    None
                }
            },
            "setting" => Some(Meaning::Setting {
                name: self.reader.text(node, &shown)?.value,
                kind: match fields.get("type") {
                    Some(kind) => self.kind(kind, what)?,
                    None => ValueKind::Text,
                },
            }),
            "secret" => Some(Meaning::Secret(self.reader.text(node, &shown)?.value)),
            "ssh" => self.ssh(node, &shown, fields),
            _ => {
                self.word(node, &shown, &["name"])?;
                Some(Meaning::ClusterName {
                    default: self.plain_default(what, fields)?,
                })
            }
        }
    }

    fn ssh(&mut self, node: &Node, shown: &str, fields: Fields<'_>) -> Option<Meaning> {
        if self.word(node, shown, &["key", "user"])? == "user" {
            return Some(Meaning::SshUser {
                default: self.login_default(fields)?,
            });
        }
        let default = match fields.get("default") {
            None => Vec::new(),
            Some(node) => self.reader.texts(node, "`default`")?,
        };
        let default = default
            .into_iter()
            .map(|text| match text.value.as_str() {
                "agent" => KeyDefault::Agent,
                "ssh" => KeyDefault::Ssh,
                path => KeyDefault::File(path.to_owned()),
            })
            .collect();
        Some(Meaning::SshKey { default })
    }

    #[expect(clippy::option_option, reason = "a wrong default, and none")]
    fn plain_default(&mut self, what: &str, fields: Fields<'_>) -> Option<Option<String>> {
        let Some(node) = fields.get("default") else {
            return Some(None);
        };
        let text = self.reader.text(node, &format!("{what}'s `default`"))?;
        if !is_plain_name(&text.value) {
            self.reader
                .expected(node, &format!("{what}'s `default`"), PLAIN);
            return None;
        }
        Some(Some(text.value))
    }

    #[expect(clippy::option_option, reason = "a wrong default, and none")]
    fn login_default(&mut self, fields: Fields<'_>) -> Option<Option<String>> {
        let Some(node) = fields.get("default") else {
            return Some(None);
        };
        let what = "the login's `default`";
        let text = self.reader.text(node, what)?;
        if !is_login(&text.value) {
            self.reader
                .expected(node, what, "the name of one user, such as `admin`");
            return None;
        }
        Some(Some(text.value))
    }

    fn role(&mut self, node: &Node, what: &str) -> Option<RoleName> {
        let text = self.reader.text(node, what)?;
        if !is_plain_name(&text.value) {
            self.reader.expected(node, what, "a role's name");
            return None;
        }
        Some(RoleName::new(text.value))
    }

    fn word(&mut self, node: &Node, what: &str, words: &[&'static str]) -> Option<&'static str> {
        let word = match &node.kind {
            Kind::Text(text) => words.iter().find(|word| **word == text.as_str()),
            _ => None,
        };
        if word.is_none() {
            let expected = format!("`{}`", words.join("` or `"));
            self.reader.expected(node, what, &expected);
        }
        word.copied()
    }

    fn kind(&mut self, node: &Node, what: &str) -> Option<ValueKind> {
        let words = ["text", "number", "port", "bool", "list"];
        Some(
            match self.word(node, &format!("{what}'s `type`"), &words)? {
                "number" => ValueKind::Number,
                "port" => ValueKind::Port,
                "bool" => ValueKind::Bool,
                "list" => ValueKind::List,
                _ => ValueKind::Text,
            },
        )
    }

    /// No name stands for two things, and what there can be one of, there is one of.
    fn check_each_once(&mut self) {
        let mut problems = Vec::new();
        for (index, (entry, span)) in self.entries.iter().enumerate() {
            for (earlier, earlier_span) in self.entries.iter().take(index) {
                let overlap = entry.each().iter().any(|name| earlier.covers(name));
                let same = match (&entry.meaning, &earlier.meaning) {
                    (Meaning::SshKey { .. }, Meaning::SshKey { .. })
                    | (Meaning::SshUser { .. }, Meaning::SshUser { .. })
                    | (Meaning::ClusterName { .. }, Meaning::ClusterName { .. }) => true,
                    (Meaning::Setting { name: a, .. }, Meaning::Setting { name: b, .. }) => a == b,
                    (a, b) => a == b,
                };
                if overlap || same {
                    problems.push((
                        entry.shown(),
                        *span,
                        earlier.shown(),
                        *earlier_span,
                        overlap,
                    ));
                }
            }
        }
        for (name, span, earlier, earlier_span, overlap) in problems {
            let message = match overlap {
                true => format!("`{name}` and `{earlier}` overlap"),
                false => format!("`{name}` and `{earlier}` mean the same"),
            };
            self.reader.problems.push(
                Problem::error("mapping::twice", message)
                    .at(self.reader.source, span, "this")
                    .at(self.reader.source, earlier_span, "and this")
                    .help("keep one of the two"),
            );
        }
    }

    fn check_roles(&mut self, names: &Node) {
        let reached: Vec<&RoleName> = self
            .entries
            .iter()
            .filter_map(|(entry, _)| match &entry.meaning {
                Meaning::Addresses(role) => Some(role),
                _ => None,
            })
            .collect();
        let mut unreached = Vec::new();
        for (entry, span) in &self.entries {
            if let Meaning::PrivateAddresses(role) = &entry.meaning
                && !reached.contains(&role)
            {
                unreached.push((role.clone(), *span));
            }
        }
        if reached.is_empty() {
            self.reader.error(
                "mapping::incomplete",
                Span::new(names.span.start, names.span.start),
                "no name lists the addresses of hosts",
                "among these",
                "add a name with `addresses: ROLE`",
            );
        }
        for (role, span) in unreached {
            self.reader.error(
                "mapping::role",
                span,
                format!("no name lists the addresses at which the hosts of `{role}` are reached"),
                "these are only the private ones",
                format!("add a name with `addresses: {role}`"),
            );
        }
    }

    fn host_names(&mut self, node: &Node) -> BTreeMap<RoleName, String> {
        let mut patterns: BTreeMap<RoleName, Spanned<String>> = BTreeMap::new();
        let Some(entries) = self.reader.map(node, "`host_names`") else {
            return BTreeMap::new();
        };
        for (key, node) in entries {
            let Some(text) = self.reader.text(node, "a pattern for host names") else {
                continue;
            };
            let known = self.entries.iter().any(
                |(entry, _)| matches!(&entry.meaning, Meaning::Addresses(role) if role.as_str() == key.text),
            );
            if !known {
                self.reader.error(
                    "mapping::role",
                    key.span,
                    format!(
                        "no name lists hosts of the role `{}`",
                        key.text.escape_debug()
                    ),
                    "this role",
                    "remove it, or add a name with `addresses`",
                );
            }
            if !is_plain_name(&text.value.replace("{n}", "1")) {
                self.reader
                    .expected(node, "a pattern for host names", PLAIN);
            }
            let plain = text.value.replace("{n}", "");
            if let Some(other) = patterns
                .values()
                .find(|other| other.value.replace("{n}", "") == plain)
            {
                self.reader.problems.push(
                    Problem::error(
                        "mapping::host-names",
                        "hosts of two roles would have the same names",
                    )
                    .at(self.reader.source, text.span, "this")
                    .at(self.reader.source, other.span, "and this")
                    .help("let each role have names of its own"),
                );
            }
            patterns.insert(RoleName::new(key.text.clone()), text);
        }
        patterns
            .into_iter()
            .map(|(role, pattern)| (role, pattern.value))
            .collect()
    }
}

const PLAIN: &str = "letters, digits, `.`, `_` and `-`, at most 64";
