//! What both spellings of the cluster file check about its hosts.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::address::{canonical, is_link_local, zone};
use crate::cluster::{Host, Spanned};
use crate::ids::{RoleName, is_plain_name};
use crate::problem::{Problem, Problems};
use crate::source::{SourceFile, Span};

/// An address in a list of the file.
#[derive(Clone, Debug)]
pub(crate) struct ListedAddress {
    /// The address.
    pub address: String,
    /// The port; two hosts may share an address behind two ports.
    pub port: u16,
    /// The role that it is listed for.
    pub role: RoleName,
    /// Where it stands in the list.
    pub at: Span,
    /// Where it was written, should two of them stand at one place.
    pub origin: Span,
}

/// Finds addresses that are listed twice.
pub(crate) fn check_twice(source: &SourceFile, listed: &[ListedAddress], problems: &mut Problems) {
    let mut seen: HashMap<(String, u16), &ListedAddress> = HashMap::new();
    for entry in listed {
        let Some(first) = seen.get(&(canonical(&entry.address), entry.port)) else {
            seen.insert((canonical(&entry.address), entry.port), entry);
            continue;
        };
        let (here, there) = match entry.at == first.at {
            true => (entry.origin, first.origin),
            false => (entry.at, first.at),
        };
        let address = &entry.address;
        problems.push(match entry.role == first.role {
            true => Problem::error(
                "cluster::address-twice",
                format!("the address {address} is given twice"),
            )
            .at(source, here, "given again here")
            .at(source, there, "given here first")
            .help("write the address of another host, or remove one of the two"),
            false => Problem::error(
                "cluster::two-roles",
                format!(
                    "the host {address} has two roles: `{}` and `{}`",
                    first.role, entry.role
                ),
            )
            .at(source, here, format!("`{}` here", entry.role))
            .at(source, there, format!("`{}` here", first.role))
            .help("give every host one role: keep one of the two"),
        });
    }
}

/// Finds private addresses that are given twice, or that are another host's address.
pub(crate) fn check_private(source: &SourceFile, hosts: &[Host], problems: &mut Problems) {
    let mut seen: HashMap<String, Span> = HashMap::new();
    let mut reached: HashMap<String, Vec<&Host>> = HashMap::new();
    for host in hosts {
        reached
            .entry(canonical(&host.address.value))
            .or_default()
            .push(host);
    }
    for host in hosts {
        let Some(private) = &host.private_address else {
            continue;
        };
        let key = canonical(&private.value);
        if let Some(first) = seen.get(&key) {
            problems.push(
                Problem::error(
                    "cluster::address-twice",
                    format!("the private address {} is given twice", private.value),
                )
                .at(source, private.span, "given again here")
                .at(source, *first, "given here first")
                .help("each host has a private address of its own"),
            );
            continue;
        }
        let others = reached.get(&key).map_or(&[][..], Vec::as_slice);
        if let Some(other) = others.first()
            && !others
                .iter()
                .any(|other| other.name.value == host.name.value)
        {
            problems.push(
                Problem::warning(
                    "cluster::address-pairing",
                    format!(
                        "the private address of `{}`, {}, is the address of `{}`",
                        host.name.value, private.value, other.name.value
                    ),
                )
                .at(
                    source,
                    private.span,
                    format!("private address of `{}`", host.name.value),
                )
                .at(
                    source,
                    other.address.span,
                    format!("address of `{}`", other.name.value),
                )
                .help("write both lists in the same order"),
            );
        }
        seen.insert(key, private.span);
    }
}

/// Finds link-local addresses that do not lead anywhere: a zone is a network card of this machine, without which
/// this machine cannot go there, and with which no other one can.
pub(crate) fn check_zones(source: &SourceFile, hosts: &[Host], problems: &mut Problems) {
    for host in hosts {
        let (name, address) = (&host.name.value, &host.address);
        if is_link_local(&address.value) {
            let text = format!(
                "the address of `{name}`, {}, is link-local, and does not say on which network",
                address.value
            );
            problems.push(
                Problem::error("cluster::zone", text)
                    .at(source, address.span, "a zone is missing")
                    .help(format!(
                        "write the network card of this machine that leads there, as in `{}%eth0`",
                        address.value
                    )),
            );
        }
        match &host.private_address {
            None if zone(&address.value).is_some() => {
                let text = format!(
                    "the address of `{name}`, {}, is valid on this machine only: no other host can reach it by that",
                    address.value
                );
                problems.push(
                    Problem::error("cluster::zone", text)
                        .at(source, address.span, "the zone is a network card of this machine")
                        .help("name its private address as well, by which the hosts know each other: `private_address` in a phalanx.yaml"),
                );
            }
            Some(private) if zone(&private.value).is_some() => {
                let text = format!(
                    "the private address of `{name}`, {}, is valid on one machine only",
                    private.value
                );
                problems.push(
                    Problem::error("cluster::zone", text)
                        .at(
                            source,
                            private.span,
                            "the zone is a network card of one machine",
                        )
                        .help("write an address that is the same on every host"),
                );
            }
            _ => {}
        }
    }
}

/// Checks the cluster's name.
pub(crate) fn check_cluster_name(
    source: &SourceFile,
    name: &Spanned<String>,
    problems: &mut Problems,
) {
    if !is_plain_name(&name.value) {
        problems.push(
            Problem::error("cluster::name", "this can't be a cluster's name")
                .at(source, name.span, "the name")
                .help(
                    "write letters, digits, `.`, `_` and `-`, at most 64, a letter or digit first",
                ),
        );
    }
}

/// Checks a login. One of a directory may have an `@` inside: `admin@corp.example`.
pub(crate) fn check_user(source: &SourceFile, user: &Spanned<String>, problems: &mut Problems) {
    let behind = user.value.rsplit_once('@').map(|(_, behind)| behind);
    if behind.is_some_and(|behind| behind.parse::<IpAddr>().is_ok()) {
        problems.push(
            Problem::error("cluster::user", "the login holds an address")
                .at(source, user.span, "the login and an address")
                .help("write the login alone; where a host is reached, its `address` says"),
        );
    } else if !is_login(&user.value) {
        problems.push(
            Problem::error("cluster::user", "this can't be a login")
                .at(source, user.span, "the login")
                .help("write the name of one user, such as `admin` or `admin@corp.example`"),
        );
    }
}

/// Whether this can be a login.
pub(crate) fn is_login(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | ':' | '\'' | '"');
    !text.is_empty() && !text.starts_with(['-', '@']) && !text.ends_with('@') && !text.contains(odd)
}
