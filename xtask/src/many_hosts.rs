//! A cluster file and a recipe for many loopback hosts behind one sshd.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use phalanx_lab::BenchSshd;

use crate::Outcome;

/// Writes both into a folder: so many stages of one kind, each behind an `all` gate. The flow is `verify`, which
/// does not hold its hosts: to others they are all the same one, with one spool.
pub(crate) fn write(
    at: &Path,
    sshd: &BenchSshd,
    addresses: &[String],
    spool: &Path,
    kind: &str,
    stages: usize,
) -> Outcome<()> {
    let recipe = at.join("recipe");
    fs::create_dir_all(recipe.join("scripts"))?;
    fs::write(recipe.join("scripts/one.sh"), "echo \"on $PX_HOST\"\n")?;
    let mut text = String::from(
        "name: fan-out\ntitle: many hosts, many gates\nroles:\n  host: { count: 1.. }\nflows:\n  \
             verify:\n",
    );
    for stage in 1..=stages {
        let after = match stage {
            1 => String::new(),
            _ => format!(", after: [{{all: s{}}}]", stage - 1),
        };
        let within = if kind == "until" { ", within: 10m" } else { "" };
        writeln!(
            text,
            "    - {{ id: s{stage}, on: all, {kind}: scripts/one.sh{within}{after} }}"
        )?;
    }
    fs::write(recipe.join("recipe.yaml"), text)?;
    let known_hosts = at.join("known_hosts");
    fs::write(&known_hosts, sshd.known_hosts_line() + "\n")?;
    let mut cluster = format!(
        "cluster: fan-out\nrecipe: ./recipe\nssh:\n  user: {}\n  port: {}\n  key: {}\n  agent: \
             false\n  known_hosts: {}\n  jobs: session\n  spool: {}\nhosts:\n",
        sshd.user(),
        sshd.port(),
        sshd.key_path().display(),
        known_hosts.display(),
        spool.join("spool").display(),
    );
    for (number, address) in addresses.iter().enumerate() {
        writeln!(
            cluster,
            "  - {{ name: h{number}, role: host, address: {address} }}"
        )?;
    }
    fs::write(at.join("phalanx.yaml"), cluster)?;
    Ok(())
}
