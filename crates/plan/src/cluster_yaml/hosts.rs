//! The `hosts` part of the cluster file.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::keys::HOST_KEYS;
use super::ssh;
use crate::address::check_address;
use crate::cluster::{Host, Spanned, SshSettings};
use crate::cluster_checks::{ListedAddress, check_private, check_twice, check_zones};
use crate::ids::{HostName, RoleName, is_plain_name};
use crate::problem::Problem;
use crate::source::Span;
use crate::yaml::{Fields, Node, Reader};

/// A host whose name may still be missing.
struct Entry {
    name: Option<Spanned<String>>,
    host: Host,
}

/// Reads the hosts, and where each role is named first.
pub(super) fn read(
    reader: &mut Reader<'_>,
    fields: Fields<'_>,
    ssh: &SshSettings,
) -> (Vec<Host>, BTreeMap<RoleName, Span>) {
    let Some(node) = fields.get("hosts") else {
        reader.missing(
            fields.node,
            "the cluster file",
            "hosts",
            "write the hosts: a list of `{role: ..., address: ...}`",
        );
        return Default::default();
    };
    let Some(items) = reader.list(node, "`hosts`") else {
        return Default::default();
    };
    if items.is_empty() {
        reader.error(
            "cluster::no-hosts",
            node.span,
            "there are no hosts",
            "an empty list",
            "write the hosts: a list of `{role: ..., address: ...}`",
        );
    }
    let entries: Vec<Entry> = items
        .iter()
        .filter_map(|item| entry(reader, item, ssh))
        .collect();
    let mut places = BTreeMap::new();
    for entry in &entries {
        let role = &entry.host.role;
        places.entry(role.value.clone()).or_insert(role.span);
    }
    let hosts = name(reader, entries);
    let listed: Vec<ListedAddress> = hosts
        .iter()
        .map(|host| ListedAddress {
            address: host.address.value.clone(),
            port: host.ssh.port,
            role: host.role.value.clone(),
            at: host.address.span,
            origin: host.address.span,
        })
        .collect();
    check_twice(reader.source, &listed, &mut reader.problems);
    check_private(reader.source, &hosts, &mut reader.problems);
    check_zones(reader.source, &hosts, &mut reader.problems);
    (hosts, places)
}

fn entry(reader: &mut Reader<'_>, node: &Node, ssh: &SshSettings) -> Option<Entry> {
    let fields = reader.fields(node, "a host", &HOST_KEYS)?;
    let mut host_ssh = ssh.clone();
    if let Some(port) = fields.get("port").and_then(|node| ssh::port(reader, node)) {
        host_ssh.port = port;
    }
    if let Some(user) = fields.get("user").and_then(|node| ssh::user(reader, node)) {
        host_ssh.user = user;
    }
    let name = fields
        .get("name")
        .and_then(|node| plain(reader, node, "`name`"));
    let role = match fields.get("role") {
        Some(node) => plain(reader, node, "`role`"),
        None => {
            reader.missing(
                node,
                "a host",
                "role",
                "write what it is to become: `role: ...`",
            );
            None
        }
    };
    let address = match fields.get("address") {
        Some(node) => address(reader, node, "`address`"),
        None => {
            reader.missing(
                node,
                "a host",
                "address",
                "write where SSH reaches it: `address: ...`",
            );
            None
        }
    };
    let private_address = fields
        .get("private_address")
        .and_then(|node| address_of(reader, node));
    let labels = fields
        .get("labels")
        .map_or_else(BTreeSet::new, |node| labels(reader, node));
    let role = role?;
    Some(Entry {
        name,
        host: Host {
            name: Spanned {
                value: HostName::new(""),
                span: node.span,
            },
            role: Spanned {
                value: RoleName::new(role.value),
                span: role.span,
            },
            address: address?,
            private_address,
            labels,
            ssh: host_ssh,
            span: node.span,
        },
    })
}

fn address_of(reader: &mut Reader<'_>, node: &Node) -> Option<Spanned<String>> {
    address(reader, node, "`private_address`")
}

fn address(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Spanned<String>> {
    let text = reader.text(node, what)?;
    match check_address(&text.value) {
        Ok(()) => Some(text),
        Err(reason) => {
            let shown: String = text.value.chars().take(60).collect();
            reader.error(
                "cluster::address",
                text.span,
                format!(
                    "`{}` is not an IP address or host name: {reason}",
                    shown.escape_debug()
                ),
                "not an address",
                "write an address such as 192.0.2.10, or a host name",
            );
            None
        }
    }
}

fn plain(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Spanned<String>> {
    let text = reader.text(node, what)?;
    if !is_plain_name(&text.value) {
        reader.error(
            "cluster::name",
            text.span,
            format!("this can't be a {}", what.trim_matches('`')),
            "the name",
            "write letters, digits, `.`, `_` and `-`, at most 64, a letter or digit first",
        );
        return None;
    }
    Some(text)
}

fn labels(reader: &mut Reader<'_>, node: &Node) -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    for label in reader.texts(node, "`labels`").unwrap_or_default() {
        if is_plain_name(&label.value) {
            labels.insert(label.value);
        } else {
            reader.error(
                "cluster::name",
                label.span,
                "this can't be a label",
                "the label",
                "write letters, digits, `.`, `_` and `-`, at most 64, a letter or digit first",
            );
        }
    }
    labels
}

/// Gives names to the hosts that have none: their role and number in it, or the next number that makes a new name.
fn name(reader: &mut Reader<'_>, entries: Vec<Entry>) -> Vec<Host> {
    let mut seen: HashMap<String, Span> = HashMap::new();
    for name in entries.iter().filter_map(|entry| entry.name.as_ref()) {
        match seen.get(&name.value) {
            Some(first) => {
                let problem = Problem::error(
                    "cluster::name-twice",
                    format!("two hosts are named `{}`", name.value),
                )
                .at(reader.source, name.span, "named again here")
                .at(reader.source, *first, "named here first")
                .help("give each host a name of its own");
                reader.problems.push(problem);
            }
            None => {
                seen.insert(name.value.clone(), name.span);
            }
        }
    }
    let mut taken: HashSet<String> = seen.into_keys().collect();
    let mut numbers: HashMap<RoleName, usize> = HashMap::new();
    entries
        .into_iter()
        .map(|Entry { name, mut host }| {
            let number = numbers.entry(host.role.value.clone()).or_insert(0);
            *number += 1;
            match name {
                Some(name) => {
                    host.name = Spanned {
                        value: HostName::new(name.value),
                        span: name.span,
                    };
                }
                None => {
                    let role = &host.role.value;
                    while taken.contains(&format!("{role}{number}")) {
                        *number += 1;
                    }
                    let name = format!("{role}{number}");
                    host.name.value = HostName::new(name.clone());
                    taken.insert(name);
                }
            }
            host
        })
        .collect()
}
