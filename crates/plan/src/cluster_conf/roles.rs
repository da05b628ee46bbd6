//! The hosts of each role: where SSH reaches them, and the addresses they know each other by.

use std::collections::{BTreeMap, HashSet};

use super::mapping::{ConfName, Meaning};
use super::reader::ConfReader;
use super::value::Item;
use crate::address::{canonical, check_address};
use crate::cluster::{Host, Spanned, SshSettings};
use crate::cluster_checks::{ListedAddress, check_twice};
use crate::ids::{HostName, RoleName};
use crate::problem::Problem;
use crate::sentence::count;
use crate::source::Span;

/// What the file says about one role.
struct RoleHosts<'m> {
    role: RoleName,
    /// The name that lists its addresses.
    entry: &'m ConfName,
    /// Where that name stands, and its value; nowhere if it is not set.
    place: Option<(Span, Span)>,
    addresses: Vec<Item>,
    /// Private addresses, each with the name that gives it.
    private: Vec<(String, Item)>,
    /// Whether more can't be said because of a problem that has been told.
    broken: bool,
}

impl<'m> ConfReader<'m> {
    /// The hosts in the order of the file, and where each role's are listed. Empty where a problem
    /// was found.
    pub(super) fn hosts(&mut self, ssh: &SshSettings) -> (Vec<Host>, BTreeMap<RoleName, Span>) {
        let mapping = self.mapping;
        let mut roles: Vec<RoleHosts<'m>> = Vec::new();
        for entry in &mapping.names {
            if let Meaning::Addresses(role) = &entry.meaning {
                roles.push(self.role(role, entry));
            }
        }
        roles.sort_by_key(|role| role.place.map_or(usize::MAX, |(name, _)| name.start));
        let listed: Vec<ListedAddress> = roles
            .iter()
            .flat_map(|role| {
                role.addresses.iter().map(|item| ListedAddress {
                    address: item.text.clone(),
                    port: ssh.port,
                    role: role.role.clone(),
                    at: item.at,
                    origin: item.origin,
                })
            })
            .collect();
        check_twice(self.source, &listed, &mut self.problems);
        for role in &roles {
            self.check_count(role);
        }
        self.check_all(&roles);
        let places = roles
            .iter()
            .filter_map(|role| Some((role.role.clone(), role.place?.1)))
            .collect();
        let hosts = match self.problems.has_errors() {
            true => Vec::new(),
            false => roles
                .into_iter()
                .flat_map(|role| self.hosts_of(role, ssh))
                .collect(),
        };
        (hosts, places)
    }

    fn role(&mut self, role: &RoleName, entry: &'m ConfName) -> RoleHosts<'m> {
        let mut found = RoleHosts {
            role: role.clone(),
            entry,
            place: None,
            addresses: Vec::new(),
            private: Vec::new(),
            broken: self.mistaken.contains(&entry.name),
        };
        match self.variable(&entry.name) {
            None => found.broken |= self.lost_lines,
            Some(variable) => {
                found.place = Some((variable.name_span, variable.value_span));
                found.broken |= variable.broken;
                if !variable.broken {
                    found.addresses = variable.value.items(self.source);
                }
            }
        }
        for item in found.addresses.clone() {
            self.check(&item);
        }
        let private_entry =
            self.mapping.names.iter().find(
                |entry| matches!(&entry.meaning, Meaning::PrivateAddresses(of) if of == role),
            );
        if let Some(private_entry) = private_entry {
            self.private(private_entry, &mut found);
        }
        found
    }

    fn private(&mut self, entry: &ConfName, found: &mut RoleHosts<'_>) {
        let mut gap: Option<String> = None;
        for name in entry.each() {
            let Some(variable) = self.variable(&name) else {
                gap.get_or_insert(name.clone());
                found.broken |= self.mistaken.contains(&name) || self.lost_lines;
                continue;
            };
            let (name_span, value_span) = (variable.name_span, variable.value_span);
            if variable.broken {
                found.broken = true;
                continue;
            }
            let items = variable.value.items(self.source);
            for item in &items {
                self.check(item);
            }
            if let Some(missing) = gap.take()
                && !self.mistaken.contains(&missing)
                && !self.lost_lines
            {
                found.broken = true;
                self.problems.push(
                    Problem::error(
                        "cluster::series-gap",
                        format!("`{name}` is set, but `{missing}` is not"),
                    )
                    .at(
                        self.source,
                        name_span,
                        format!("`{missing}` must come first"),
                    )
                    .help(format!(
                        "rename it to `{missing}`, or set `{missing}` as well"
                    )),
                );
            }
            if entry.numbers.is_some() && items.len() > 1 {
                found.broken = true;
                self.problems.push(
                    Problem::error(
                        "cluster::one-address",
                        format!("`{name}` holds {} addresses", items.len()),
                    )
                    .at(self.source, value_span, "expected one")
                    .help(format!("write one address for each of {}", entry.shown())),
                );
            }
            for item in items {
                found.private.push((name.clone(), item));
            }
        }
        self.check_private_once(found);
    }

    fn check_private_once(&mut self, found: &RoleHosts<'_>) {
        let listed: Vec<ListedAddress> = found
            .private
            .iter()
            .map(|(_, item)| ListedAddress {
                address: item.text.clone(),
                port: 0,
                role: found.role.clone(),
                at: item.at,
                origin: item.origin,
            })
            .collect();
        check_twice(self.source, &listed, &mut self.problems);
    }

    fn check(&mut self, item: &Item) {
        if let Err(reason) = check_address(&item.text) {
            let shown: String = item
                .text
                .chars()
                .take(60)
                .collect::<String>()
                .escape_debug()
                .collect();
            self.problems.push(
                Problem::error(
                    "cluster::address",
                    format!("`{shown}` is not an IP address or host name: {reason}"),
                )
                .at(self.source, item.origin, "not an address")
                .help("write an address such as 192.0.2.10, or a host name"),
            );
        }
    }

    /// As many addresses as private ones.
    fn check_count(&mut self, role: &RoleHosts<'_>) {
        let (reached, private) = (role.addresses.len(), role.private.len());
        if role.broken || private == 0 || reached == private {
            return;
        }
        if reached < private {
            self.too_few(role);
        } else {
            self.too_many(role);
        }
    }

    fn too_few(&mut self, role: &RoleHosts<'_>) {
        let list = &role.entry.name;
        let (reached, private) = (role.addresses.len(), role.private.len());
        let unreached = role.private.get(reached..).unwrap_or_default();
        let message = format!(
            "{} {} {} of the role `{}`, but `{list}` {}",
            names(role),
            if private == 1 { "names" } else { "name" },
            count(private, "host"),
            role.role,
            match reached {
                0 => "is not set".to_owned(),
                number => format!("lists only {}", count(number, "address")),
            }
        );
        let mut problem = Problem::error("cluster::address-count", message);
        if let Some((_, value)) = role.place {
            let covered = role.private.get(..reached).unwrap_or_default();
            let covered: Vec<&str> = covered.iter().map(|(name, _)| name.as_str()).collect();
            problem = problem.at(
                self.source,
                value,
                format!("{}: {}", count(reached, "address"), joined(&covered)),
            );
        }
        for (name, item) in unreached.iter().take(3) {
            problem = problem.at(
                self.source,
                item.at,
                format!("`{name}`: no address in `{list}` to reach it at"),
            );
        }
        let mut words: Vec<String> = role
            .addresses
            .iter()
            .map(|item| item.text.clone())
            .collect();
        words.extend(
            unreached
                .iter()
                .map(|(name, item)| format!("<public address of {name} {}>", item.text)),
        );
        let write = match role.place {
            Some(_) => "write one address for each",
            None => "add the line",
        };
        let help = match words.len() > 12 {
            true => format!("{write}: `{list}` needs {} more", private - reached),
            false => format!("{write}: {list}=\"{}\"", words.join(" ")),
        };
        self.problems.push(problem.help(help));
    }

    fn too_many(&mut self, role: &RoleHosts<'_>) {
        let list = &role.entry.name;
        let (reached, private) = (role.addresses.len(), role.private.len());
        let message = format!(
            "`{list}` lists {reached} addresses for the role `{}`, but {} {} only {}",
            role.role,
            names(role),
            if private == 1 { "names" } else { "name" },
            count(private, "host"),
        );
        let surplus = role.addresses.get(private..).unwrap_or_default();
        let mut problem = Problem::error("cluster::address-count", message);
        for item in surplus.iter().take(3) {
            problem = problem.at(self.source, item.at, "no private address belongs to this");
        }
        if let Some((name, item)) = role.private.last() {
            problem = problem.at(self.source, item.at, format!("`{name}` is the last one"));
        }
        let entry = self.mapping.names.iter().find(
            |entry| matches!(&entry.meaning, Meaning::PrivateAddresses(of) if *of == role.role),
        );
        let next = entry.and_then(|entry| entry.each().into_iter().nth(private));
        let series = entry.is_some_and(|entry| entry.numbers.is_some());
        let first: &str = surplus.first().map_or("", |item| &item.text);
        let help = match (next, series) {
            (Some(next), true) => format!(
                "add `{next}=<private address of {first}>`, or remove {first} from `{list}`"
            ),
            (None, true) => format!("remove {first} from `{list}`: there can be no more"),
            (_, false) => format!("remove {first} from `{list}`"),
        };
        self.problems.push(problem.help(help));
    }

    /// The list of all addresses holds each of them, and no other.
    fn check_all(&mut self, roles: &[RoleHosts<'_>]) {
        let Some(entry) = self
            .mapping
            .names
            .iter()
            .find(|entry| entry.meaning == Meaning::AllAddresses)
        else {
            return;
        };
        let Some(variable) = self.variable(&entry.name) else {
            return;
        };
        let unsure = |role: &RoleHosts<'_>| match role.place {
            Some(_) => role.broken && role.addresses.is_empty(),
            None => role.broken,
        };
        if variable.broken || roles.iter().any(unsure) {
            return;
        }
        let value_span = variable.value_span;
        let all = variable.value.items(self.source);
        let known: HashSet<String> = roles
            .iter()
            .flat_map(|role| &role.addresses)
            .map(|item| canonical(&item.text))
            .collect();
        let named: HashSet<String> = all.iter().map(|item| canonical(&item.text)).collect();
        let mut told = HashSet::new();
        let missing: Vec<(&RoleHosts<'_>, &Item)> = roles
            .iter()
            .flat_map(|role| role.addresses.iter().map(move |item| (role, item)))
            .filter(|(_, item)| !named.contains(&canonical(&item.text)))
            .filter(|(_, item)| told.insert(canonical(&item.text)))
            .collect();
        let extra: Vec<&Item> = all
            .iter()
            .filter(|item| !known.contains(&canonical(&item.text)))
            .filter(|item| told.insert(canonical(&item.text)))
            .collect();
        if missing.is_empty() && extra.is_empty() {
            return;
        }
        let texts = |items: &mut dyn Iterator<Item = &Item>| {
            let texts: Vec<String> = items.map(|item| item.text.clone()).collect();
            match texts.len() {
                0..=8 => texts.join(", "),
                count => format!(
                    "{}, ... ({count})",
                    texts.get(..8).unwrap_or_default().join(", ")
                ),
            }
        };
        let mut faults = Vec::new();
        if !missing.is_empty() {
            let list = texts(&mut missing.iter().map(|(_, item)| *item));
            faults.push(format!("{list} {} missing", verb(missing.len())));
        }
        if !extra.is_empty() {
            let list = texts(&mut extra.iter().copied());
            faults.push(format!("{list} {} in no other list", verb(extra.len())));
        }
        let mut problem = Problem::error(
            "cluster::all-addresses",
            format!(
                "`{}` must name every host: {}",
                entry.name,
                faults.join("; ")
            ),
        )
        .at(self.source, value_span, "this list");
        for (role, item) in missing.iter().take(8) {
            let text = format!("{}, in `{}`, is missing", item.text, role.entry.name);
            problem = problem.at(self.source, item.at, text);
        }
        for item in extra.iter().take(8) {
            problem = problem.at(self.source, item.at, "in no other list");
        }
        let lists: Vec<String> = roles
            .iter()
            .filter(|role| role.place.is_some())
            .map(|role| format!("${{{}}}", role.entry.name))
            .collect();
        self.problems.push(problem.help(format!(
            "write {}=\"{}\" below the other lists",
            entry.name,
            lists.join(" ")
        )));
    }

    fn hosts_of(&self, role: RoleHosts<'_>, ssh: &SshSettings) -> Vec<Host> {
        let count = role.addresses.len();
        let span = role.place.map_or(Span::default(), |(name, _)| name);
        let mut private = role.private.into_iter();
        role.addresses
            .into_iter()
            .enumerate()
            .map(|(index, item)| Host {
                name: Spanned {
                    value: HostName::new(self.mapping.host_name(&role.role, index + 1, count)),
                    span: item.at,
                },
                role: Spanned {
                    value: role.role.clone(),
                    span,
                },
                address: Spanned {
                    value: item.text,
                    span: item.at,
                },
                private_address: private.next().map(|(_, item)| Spanned {
                    value: item.text,
                    span: item.at,
                }),
                labels: std::collections::BTreeSet::new(),
                ssh: ssh.clone(),
                span: item.at,
            })
            .collect()
    }
}

/// The names that give private addresses, for a sentence.
fn names(role: &RoleHosts<'_>) -> String {
    let mut names: Vec<&str> = role.private.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    joined(&names)
}

fn joined(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first, .., last] if quoted.len() > 3 => format!("{first} to {last}"),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn verb(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}
