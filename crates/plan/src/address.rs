//! Addresses that SSH can be told to go to: IP addresses and host names.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A network card's name has at most so many characters.
const LONGEST_ZONE: usize = 15;

/// Checks that `text` is an IP address or a host name. A link-local IPv6 address may have its zone behind it:
/// `fe80::1%eth0`.
///
/// # Errors
///
/// The reason why it is neither, to follow "`...` is not an IP address or host name: ".
pub fn check_address(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("it is empty".into());
    }
    if let Some(odd) = text
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_' | ':' | '%'))
    {
        return Err(match odd {
            ',' | ';' => format!("addresses are separated by spaces, not by `{odd}`"),
            '@' => "the login does not belong here".into(),
            '/' => "it must be one host, not a network or a URL".into(),
            '[' | ']' => "an IPv6 address is written without brackets".into(),
            '{' | '}' | '*' | '?' => format!("`{odd}` is not expanded here"),
            odd => format!("it holds `{}`", odd.escape_debug()),
        });
    }
    if let Some((address, zone)) = text.split_once('%') {
        return check_zoned(address, zone);
    }
    if text.contains(':') {
        return match text.parse::<Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) if text.matches(':').count() == 1 => Err("a port does not belong here".into()),
            Err(_) => Err("an IPv6 address has eight groups of hex digits".into()),
        };
    }
    // The last label of a host name is never a number: such a name means an IPv4 address.
    let last = text.rsplit('.').next().unwrap_or_default();
    if !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()) {
        return check_ipv4(text);
    }
    check_host_name(text)
}

fn check_zoned(address: &str, zone: &str) -> Result<(), String> {
    if !is_link_local(address) {
        return Err(match address.parse::<Ipv6Addr>() {
            Ok(_) => "only a link-local IPv6 address, fe80::..., has a zone".into(),
            Err(_) => "`%` stands only behind an IPv6 address, as in `fe80::1%eth0`".into(),
        });
    }
    if zone.is_empty() || zone.contains(['%', ':']) || zone.len() > LONGEST_ZONE {
        return Err("behind the `%` stands the name of a network card of this machine".into());
    }
    Ok(())
}

/// The zone of a link-local address: the network card of this machine that leads to it. It means nothing on any
/// other machine.
pub fn zone(address: &str) -> Option<&str> {
    address.split_once('%').map(|(_, zone)| zone)
}

/// The address alone, as the host itself has it: without the zone, which is of this machine.
pub fn without_zone(address: &str) -> &str {
    address
        .split_once('%')
        .map_or(address, |(address, _)| address)
}

/// Whether this is a link-local IPv6 address, without a zone.
pub(crate) fn is_link_local(address: &str) -> bool {
    let address = address.parse::<Ipv6Addr>();
    address.is_ok_and(|address| address.is_unicast_link_local())
}

fn check_ipv4(text: &str) -> Result<(), String> {
    if text.parse::<Ipv4Addr>().is_ok() {
        return Ok(());
    }
    let parts: Vec<&str> = text.split('.').collect();
    for part in &parts {
        match part.parse::<u32>() {
            _ if part.is_empty() => return Err("there is nothing between two dots".into()),
            Ok(number) if number > 255 => return Err(format!("{part} is more than 255")),
            Ok(_) if part.len() > 1 && part.starts_with('0') => {
                return Err(format!("{part} has a leading zero"));
            }
            Ok(_) => {}
            Err(_) if part.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Err(format!("{part} is more than 255"));
            }
            Err(_) => return Err(format!("`{part}` is not a number")),
        }
    }
    Err(format!(
        "an IPv4 address has four numbers, this has {}",
        parts.len()
    ))
}

fn check_host_name(text: &str) -> Result<(), String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.len() > 253 {
        return Err("it is longer than 253 characters".into());
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err("there is nothing between two dots".into());
        }
        if label.len() > 63 {
            return Err("a part of it is longer than 63 characters".into());
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err("no part of it may begin or end with `-`".into());
        }
    }
    Ok(())
}

/// The same text for the same address, whatever way it is written.
pub fn canonical(text: &str) -> String {
    // A network card's name knows case.
    if let Some((address, zone)) = text.split_once('%') {
        return format!("{}%{zone}", canonical(address));
    }
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return address.to_string();
    }
    text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in [
            "10.0.0.1",
            "255.255.255.255",
            "::1",
            "fe80::1:2",
            "fe80::1%eth0",
            "FE80::1%enp3s0.100",
            "febf::1%3",
            "localhost",
            "a.example.org",
            "a.example.org.",
            "vm-54-1-2-3.compute.example.com",
            "my_host",
            "3com.example",
        ] {
            assert_eq!(check_address(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_is_none_and_why() {
        for (bad, reason) in [
            ("", "it is empty"),
            ("54.1.2.300", "300 is more than 255"),
            ("99999999999.1.1.1", "99999999999 is more than 255"),
            ("54.1.2", "an IPv4 address has four numbers, this has 3"),
            ("54.1.2.3.4", "an IPv4 address has four numbers, this has 5"),
            ("5", "an IPv4 address has four numbers, this has 1"),
            ("54.1.02.3", "02 has a leading zero"),
            ("54..2.3", "there is nothing between two dots"),
            ("a.2.3.4", "`a` is not a number"),
            (
                "1.2.3.4,1.2.3.5",
                "addresses are separated by spaces, not by `,`",
            ),
            ("me@host", "the login does not belong here"),
            ("1.2.3.4:22", "a port does not belong here"),
            ("10.0.0.0/24", "it must be one host, not a network or a URL"),
            ("[::1]", "an IPv6 address is written without brackets"),
            ("1:2:3", "an IPv6 address has eight groups of hex digits"),
            (
                "2001:db8::1%eth0",
                "only a link-local IPv6 address, fe80::..., has a zone",
            ),
            (
                "10.0.0.1%eth0",
                "`%` stands only behind an IPv6 address, as in `fe80::1%eth0`",
            ),
            (
                "fe80::1%",
                "behind the `%` stands the name of a network card of this machine",
            ),
            (
                "fe80::1%eth0%eth1",
                "behind the `%` stands the name of a network card of this machine",
            ),
            (
                "fe80::1%a-name-too-long-for-a-card",
                "behind the `%` stands the name of a network card of this machine",
            ),
            (
                "[fe80::1%eth0]",
                "an IPv6 address is written without brackets",
            ),
            (
                "fe80::1%eth0/64",
                "it must be one host, not a network or a URL",
            ),
            ("-a", "no part of it may begin or end with `-`"),
            ("a..b", "there is nothing between two dots"),
            ("10.0.0.{1..3}", "`{` is not expanded here"),
            ("hö", "it holds `ö`"),
        ] {
            assert_eq!(check_address(bad), Err(reason.to_owned()), "{bad}");
        }
        assert!(check_address(&"a".repeat(64)).is_err());
        assert!(check_address(&"a.".repeat(200)).is_err());
    }

    #[test]
    fn one_address_in_two_ways() {
        assert_eq!(canonical("A.Example."), canonical("a.example"));
        assert_eq!(canonical("::0001"), canonical("::1"));
        assert_eq!(canonical("FE80::01%eth0"), canonical("fe80::1%eth0"));
        assert_ne!(canonical("fe80::1%eth0"), canonical("fe80::1%Eth0"));
        assert_ne!(canonical("fe80::1%eth0"), canonical("fe80::1%eth1"));
    }

    #[test]
    fn an_address_and_its_zone() {
        assert_eq!(zone("fe80::1%eth0"), Some("eth0"));
        assert_eq!(without_zone("fe80::1%eth0"), "fe80::1");
        assert_eq!(zone("fe80::1"), None);
        assert_eq!(without_zone("a.example"), "a.example");
        assert!(is_link_local("fe80::1") && is_link_local("febf::1"));
        assert!(!is_link_local("fec0::1") && !is_link_local("10.0.0.1"));
    }
}
