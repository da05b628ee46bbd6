//! Writing a cluster file of YAML, for a reader and for people.

use std::fmt::Write as _;

use serde_json::Value;

use crate::cluster::{Cluster, Host, HostKeys, JobMode, SshSettings};
use crate::duration::format_duration;
use crate::yaml::plain_is_text;

/// The cluster as a `phalanx.yaml`, which reads as the same cluster. Paths below `home` are written
/// with `~`. No secret's value is written: a comment says where it belongs.
pub fn to_yaml(cluster: &Cluster, home: Option<&str>) -> String {
    let mut out = String::from("# The cluster: its hosts, and what they are to become.\n");
    line(
        &mut out,
        format_args!("cluster: {}", text(&cluster.name.value)),
    );
    line(
        &mut out,
        format_args!("recipe: {}", text(&cluster.recipe.value)),
    );
    match &cluster.release {
        Some(release) => line(&mut out, format_args!("release: {}", text(&release.value))),
        None => out.push_str("# release: the recipe's usual one, where none is written here\n"),
    }
    ssh(&mut out, &cluster.ssh, home);
    if !cluster.accept.is_empty() {
        let checks: Vec<String> = cluster
            .accept
            .iter()
            .map(|check| text(&check.value))
            .collect();
        out.push_str("\n# Checks whose errors are warnings here.\n");
        line(&mut out, format_args!("accept: [{}]", checks.join(", ")));
    }
    out.push_str(
        "\n# Where SSH reaches each host, and the address that the hosts know each other by.\n",
    );
    out.push_str("hosts:\n");
    for host in &cluster.hosts {
        line(
            &mut out,
            format_args!("  - {{ {} }}", entry(host, &cluster.ssh)),
        );
    }
    settings(&mut out, cluster);
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

fn ssh(out: &mut String, ssh: &SshSettings, home: Option<&str>) {
    let usual = SshSettings::default();
    out.push_str("\n# How SSH reaches the hosts; what is not written here is as usual.\nssh:\n");
    line(out, format_args!("  user: {}", text(&ssh.user)));
    if ssh.port != usual.port {
        line(out, format_args!("  port: {}", ssh.port));
    }
    if !ssh.keys.is_empty() {
        out.push_str("  # Private keys, in the order they are tried.\n");
        line(out, format_args!("  keys: {}", paths(&ssh.keys, home)));
    }
    if ssh.agent != ssh.keys.is_empty() {
        out.push_str("  # Whether the agent's other keys are tried too, after these.\n");
        line(out, format_args!("  agent: {}", ssh.agent));
    }
    if ssh.host_keys == HostKeys::Strict {
        out.push_str("  host_keys: strict\n");
    }
    if !ssh.known_hosts.is_empty() {
        line(
            out,
            format_args!("  known_hosts: {}", paths(&ssh.known_hosts, home)),
        );
    }
    if ssh.jobs == JobMode::Session {
        out.push_str("  jobs: session\n");
    }
    if ssh.spool != usual.spool {
        line(out, format_args!("  spool: {}", text(&ssh.spool)));
    }
    for (key, value, usual) in [
        (
            "connect_timeout",
            ssh.connect_timeout,
            usual.connect_timeout,
        ),
        ("auth_timeout", ssh.auth_timeout, usual.auth_timeout),
        ("keepalive", ssh.keepalive, usual.keepalive),
        ("stall_timeout", ssh.stall_timeout, usual.stall_timeout),
        ("reconnect_for", ssh.reconnect_for, usual.reconnect_for),
    ] {
        if value != usual {
            line(out, format_args!("  {key}: {}", format_duration(value)));
        }
    }
}

fn entry(host: &Host, ssh: &SshSettings) -> String {
    let mut parts = vec![
        format!("name: {}", text(host.name.value.as_str())),
        format!("role: {}", text(host.role.value.as_str())),
        format!("address: {}", text(&host.address.value)),
    ];
    if let Some(private) = &host.private_address {
        parts.push(format!("private_address: {}", text(&private.value)));
    }
    if host.ssh.port != ssh.port {
        parts.push(format!("port: {}", host.ssh.port));
    }
    if host.ssh.user != ssh.user {
        parts.push(format!("user: {}", text(&host.ssh.user)));
    }
    if !host.labels.is_empty() {
        let labels: Vec<String> = host.labels.iter().map(|label| text(label)).collect();
        parts.push(format!("labels: [{}]", labels.join(", ")));
    }
    parts.join(", ")
}

fn settings(out: &mut String, cluster: &Cluster) {
    if cluster.settings.is_empty() && cluster.secrets.is_empty() {
        return;
    }
    out.push_str("\n# The recipe's settings.\nsettings:\n");
    for (name, setting) in &cluster.settings {
        line(
            out,
            format_args!("  {}: {}", text(name), value(&setting.value)),
        );
    }
    for name in cluster.secrets.keys() {
        line(out, format_args!("  # {}: ...", text(name)));
        out.push_str(
            "  # ^ A secret, which was not copied: write it here, and let nobody else read this file.\n",
        );
    }
}

fn paths(paths: &[String], home: Option<&str>) -> String {
    let home = home
        .map(|home| home.trim_end_matches('/'))
        .filter(|home| !home.is_empty());
    let short = |path: &String| {
        let below = home.and_then(|home| path.strip_prefix(home)?.strip_prefix('/'));
        text(&below.map_or_else(|| path.clone(), |below| format!("~/{below}")))
    };
    format!(
        "[{}]",
        paths.iter().map(short).collect::<Vec<_>>().join(", ")
    )
}

/// A setting's value, on one line.
fn value(json: &Value) -> String {
    match json {
        Value::String(string) => text(string),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(value).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, item)| format!("{}: {}", text(key), value(item)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => json.to_string(),
    }
}

/// A text, in quotes where it needs them.
fn text(text: &str) -> String {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | '@');
    let start = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_');
    let body = text
        .strip_prefix('~')
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(text);
    if body.starts_with(start) && body.chars().all(plain) && plain_is_text(text) {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
