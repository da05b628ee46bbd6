//! The `ssh` part of the cluster file.

use std::time::Duration;

use super::keys::SSH_KEYS;
use crate::cluster::{HostKeys, JobMode, Spanned, SshSettings};
use crate::cluster_checks::check_user;
use crate::duration::parse_duration;
use crate::problem::Problem;
use crate::read_context::ReadContext;
use crate::yaml::{Fields, Kind, Node, Reader};

/// Reads `ssh`; what it does not say is as [`SshSettings::default`] has it, but for the agent:
/// where a key is named, the agent's other keys are not tried unless the file says so.
pub(super) fn read(
    reader: &mut Reader<'_>,
    context: &ReadContext<'_>,
    node: Option<&Node>,
) -> SshSettings {
    let mut ssh = SshSettings::default();
    let Some(fields) = node.and_then(|node| reader.fields(node, "`ssh`", &SSH_KEYS)) else {
        return ssh;
    };
    if let Some(user) = fields.get("user").and_then(|node| user(reader, node)) {
        ssh.user = user;
    }
    if let Some(port) = fields.get("port").and_then(|node| port(reader, node)) {
        ssh.port = port;
    }
    keys(reader, context, fields, &mut ssh);
    if let Some(node) = fields.get("host_keys") {
        match word(reader, node, "`host_keys`", &["accept-new", "strict"]) {
            Some("strict") => ssh.host_keys = HostKeys::Strict,
            Some(_) => ssh.host_keys = HostKeys::AcceptNew,
            None => {}
        }
    }
    if let Some(node) = fields.get("known_hosts")
        && let Some(paths) = reader.texts(node, "`known_hosts`")
    {
        ssh.known_hosts = paths
            .into_iter()
            .filter_map(|path| home_path(reader, context, &path))
            .collect();
    }
    if let Some(node) = fields.get("jobs") {
        match word(reader, node, "`jobs`", &["systemd", "session"]) {
            Some("session") => ssh.jobs = JobMode::Session,
            Some(_) => ssh.jobs = JobMode::Systemd,
            None => {}
        }
    }
    if let Some(spool) = fields.get("spool").and_then(|node| spool(reader, node)) {
        ssh.spool = spool;
    }
    for (key, duration) in [
        ("connect_timeout", &mut ssh.connect_timeout),
        ("auth_timeout", &mut ssh.auth_timeout),
        ("keepalive", &mut ssh.keepalive),
        ("stall_timeout", &mut ssh.stall_timeout),
        ("reconnect_for", &mut ssh.reconnect_for),
    ] {
        if let Some(read) = fields
            .get(key)
            .and_then(|node| time(reader, node, &format!("`{key}`")))
        {
            *duration = read;
        }
    }
    ssh
}

/// A login.
pub(super) fn user(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let user = reader.text(node, "`user`")?;
    check_user(reader.source, &user, &mut reader.problems);
    Some(user.value)
}

/// A TCP port.
pub(super) fn port(reader: &mut Reader<'_>, node: &Node) -> Option<u16> {
    let port = reader.int(node, "`port`", 1..=65535)?;
    u16::try_from(port).ok()
}

fn keys(
    reader: &mut Reader<'_>,
    context: &ReadContext<'_>,
    fields: Fields<'_>,
    ssh: &mut SshSettings,
) {
    let named = match (fields.entry("key"), fields.entry("keys")) {
        (Some((key, _)), Some((keys, _))) => {
            reader.problems.push(
                Problem::error("cluster::keys", "`key` and `keys` are both given")
                    .at(reader.source, keys.span, "this")
                    .at(reader.source, key.span, "and this")
                    .help("keep one of the two: `keys` is a list, tried in its order"),
            );
            return;
        }
        (Some((_, node)), None) => reader.text(node, "`key`").map(|key| vec![key]),
        (None, Some((_, node))) => reader.texts(node, "`keys`"),
        (None, None) => None,
    };
    if let Some(named) = named {
        ssh.agent = named.is_empty();
        ssh.keys = named
            .iter()
            .filter_map(|path| context.named_key(reader.source, path, &mut reader.problems))
            .collect();
    }
    if let Some(agent) = fields
        .get("agent")
        .and_then(|node| reader.bool(node, "`agent`"))
    {
        ssh.agent = agent;
    }
}

fn home_path(
    reader: &mut Reader<'_>,
    context: &ReadContext<'_>,
    path: &Spanned<String>,
) -> Option<String> {
    let resolved = context.resolve(&path.value);
    if resolved.is_none() {
        reader.error(
            "cluster::home",
            path.span,
            "the home folder is not known",
            "`~` stands for it",
            "set HOME, or write the path in full",
        );
    }
    resolved
}

fn spool(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let path = reader.text(node, "`spool`")?.value;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    let good = path.starts_with('/')
        && path.len() > 1
        && path.chars().all(plain)
        && path.split('/').all(|part| part != "..");
    if !good {
        reader.expected(
            node,
            "`spool`",
            "the absolute path of a folder, of letters, digits, `.`, `_` and `-`",
        );
        return None;
    }
    Some(path)
}

fn time(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Duration> {
    let text = reader.text(node, what)?;
    match parse_duration(&text.value) {
        Ok(duration) => Some(duration),
        Err(error) => {
            let help = match text.value.parse::<u32>() {
                Ok(number) if number > 0 => format!("write `{number}s`, if seconds are meant"),
                _ => "write `30s`, `10m` or `1h`".to_owned(),
            };
            reader.error(
                "cluster::duration",
                text.span,
                format!("{what} is no span of time: {error}"),
                "not a span of time",
                help,
            );
            None
        }
    }
}

fn word<'w>(
    reader: &mut Reader<'_>,
    node: &Node,
    what: &str,
    words: &[&'w str],
) -> Option<&'w str> {
    let found = match &node.kind {
        Kind::Text(text) => words.iter().find(|word| **word == text.as_str()),
        _ => None,
    };
    if found.is_none() {
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        reader.expected(node, what, &words.join(" or "));
    }
    found.copied()
}
