//! Lab hosts as targets, and what errors about them look like.
#![allow(
    dead_code,
    clippy::panic,
    clippy::unwrap_used,
    reason = "every test file uses its own part of this"
)]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use phalanx_lab::LoopbackHost;
use phalanx_remote::exec::{Exec, FromHost};
use phalanx_remote::{
    ConnectError, HostKeyPolicy, JobKeeper, SshOptions, SshSession, SshTarget, SshTransport,
};

/// A target for a lab host, with its own known_hosts file, which holds nothing yet.
pub(crate) fn target(host: &LoopbackHost) -> SshTarget {
    SshTarget {
        port: host.port(),
        user: host.user().into(),
        keys: vec![host.key_path().into()],
        known_hosts: vec![host.folder().join("known_hosts")],
        spool: host.spool_on_host().display().to_string(),
        ..bare_target(&host.address().to_string())
    }
}

/// A target that is no lab host.
pub(crate) fn bare_target(address: &str) -> SshTarget {
    SshTarget {
        name: "host".into(),
        address: address.into(),
        port: 22,
        user: "operator".into(),
        keys: Vec::new(),
        agent: None,
        agent_keys: true,
        default_keys: Vec::new(),
        host_keys: HostKeyPolicy::AcceptNew,
        known_hosts: Vec::new(),
        spool: "/var/lib/phalanx".into(),
        jobs: JobKeeper::Session,
        connect_timeout: Duration::from_secs(10),
        auth_timeout: Duration::from_secs(20),
        keepalive: Duration::from_secs(15),
        stall_timeout: Duration::from_secs(20),
    }
}

pub(crate) fn transport(target: SshTarget) -> Arc<SshTransport> {
    Arc::new(SshTransport::new(vec![target], SshOptions::default()))
}

pub(crate) async fn connect(target: SshTarget) -> Result<SshSession, ConnectError> {
    transport(target).open_session("host").await
}

/// Lets only these public keys of known_hosts be known.
pub(crate) fn know(target: &SshTarget, lines: &[String]) {
    std::fs::write(&target.known_hosts[0], lines.join("\n") + "\n").unwrap();
}

/// What a command says and how it ends.
pub(crate) async fn run(session: &SshSession, command: &str) -> (String, i32) {
    let mut channel = session.open(command, false).await.unwrap();
    let (mut said, mut status) = (Vec::new(), None);
    while let Some(next) = channel.next().await.unwrap() {
        match next {
            FromHost::Stdout(bytes) | FromHost::Stderr(bytes) => said.extend(bytes),
            FromHost::Exit(exit) => status = Some(exit),
            FromHost::Flood => panic!("more came than is kept"),
            FromHost::Killed(signal) => status = Some(128 + signal),
        }
    }
    (String::from_utf8(said).unwrap(), status.unwrap())
}

/// The error as an operator is told it, without what differs from run to run.
pub(crate) fn told(error: &ConnectError, target: &SshTarget, folder: &Path) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!("\nbecause: {cause}");
        source = cause.source();
    }
    text += &format!("\nadvice: {}", error.advice());
    text += if error.is_transient() {
        "\n(may pass)"
    } else {
        ""
    };
    let text = text
        .replace(&target.address, "ADDRESS")
        .replace(&target.port.to_string(), "PORT")
        .replace(&folder.display().to_string(), "FOLDER");
    without_fingerprints(&text)
}

fn without_fingerprints(text: &str) -> String {
    let mut parts = text.split("SHA256:");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean += "SHA256:...";
        clean += part.get(43..).unwrap_or_default();
    }
    clean
}
