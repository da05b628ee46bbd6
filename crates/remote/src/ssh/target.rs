//! What is known of a host before it is reached.

use std::path::PathBuf;
use std::time::Duration;

use crate::host_protocol::JobKeeper;

/// How to reach one host.
#[derive(Clone, Debug)]
pub struct SshTarget {
    /// Its name, under which it is asked for.
    pub name: String,
    /// Host name or IP address; what known_hosts calls it.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// Who to log in as. Anybody but `root` becomes root by sudo.
    pub user: String,
    /// Keys that were asked for, tried first and in this order. Where a file can't sign (its key has a
    /// passphrase, or it is a public key), the agent signs if it holds that very key.
    pub keys: Vec<PathBuf>,
    /// The agent's socket.
    pub agent: Option<PathBuf>,
    /// Whether the agent's other keys come next.
    pub agent_keys: bool,
    /// Keys to try last. One that is not there is passed over.
    pub default_keys: Vec<PathBuf>,
    /// What to do about a host key that is not known.
    pub host_keys: HostKeyPolicy,
    /// known_hosts files. New keys are appended to the first.
    pub known_hosts: Vec<PathBuf>,
    /// The folder on the host where jobs live.
    pub spool: String,
    /// What keeps jobs alive on the host.
    pub jobs: JobKeeper,
    /// For resolving the name and the TCP connection.
    pub connect_timeout: Duration,
    /// For key exchange and login.
    pub auth_timeout: Duration,
    /// How long nothing may come before the host is asked for a sign of life. After three questions
    /// without an answer the connection counts as lost. Zero: never ask.
    pub keepalive: Duration,
    /// How long a channel may go without progress.
    pub stall_timeout: Duration,
}

/// What to do about a host key that is in no known_hosts file. A key that differs from the one
/// written down is refused either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostKeyPolicy {
    /// Take it and write it down.
    #[default]
    AcceptNew,
    /// Refuse it.
    Strict,
}

/// Limits for all hosts together.
#[derive(Clone, Debug)]
pub struct SshOptions {
    /// Logins in progress at a time.
    pub handshakes: usize,
    /// Logins in progress at a time to one address and port. sshd's default (`MaxStartups
    /// 10:30:100`) drops some of them from the tenth on.
    pub handshakes_per_endpoint: usize,
}

impl Default for SshOptions {
    fn default() -> Self {
        Self {
            handshakes: 64,
            handshakes_per_endpoint: 8,
        }
    }
}

impl SshTarget {
    /// `ADDRESS:PORT`, for messages.
    pub(crate) fn endpoint(&self) -> String {
        if self.address.contains(':') {
            format!("[{}]:{}", self.address, self.port)
        } else {
            format!("{}:{}", self.address, self.port)
        }
    }
}
