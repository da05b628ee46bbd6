//! What both spellings of the cluster file check about its hosts.

use std::collections::HashMap;

use crate::address::canonical;
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

/// Checks a login.
pub(crate) fn check_user(source: &SourceFile, user: &Spanned<String>, problems: &mut Problems) {
    let odd =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '/' | ':' | '\'' | '"');
    if user.value.is_empty() || user.value.starts_with('-') || user.value.contains(odd) {
        problems.push(
            Problem::error("cluster::user", "this can't be a login")
                .at(source, user.span, "the login")
                .help("write the name of one user, such as `admin`"),
        );
    }
}
