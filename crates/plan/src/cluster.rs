//! The cluster file's model: what both spellings (`cluster.conf` and YAML) read into.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{HostName, RoleName};
use crate::secret::Secret;
use crate::source::{SourceFile, Span};

/// A value and where it stands in the cluster file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// What the operator wrote, read and checked for itself; whether it suits the recipe is decided
/// when the plan is made.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The file it was read from.
    pub source: SourceFile,
    /// The cluster's name.
    pub name: Spanned<String>,
    /// The recipe: the name of one inside the binary, or a folder's path.
    pub recipe: Spanned<String>,
    /// The version of what the recipe installs.
    pub release: Option<Spanned<String>>,
    /// How hosts are reached where a host says nothing else.
    pub ssh: SshSettings,
    /// Checks whose errors are to be warnings.
    pub accept: Vec<Spanned<String>>,
    /// The hosts, in the file's order.
    pub hosts: Vec<Host>,
    /// Where the file lists a role's hosts, for problems that concern the role as a whole.
    pub role_places: BTreeMap<RoleName, Span>,
    /// The recipe's settings as written, secrets excepted.
    pub settings: BTreeMap<String, Spanned<Value>>,
    /// Where each value inside a setting stands, by JSON pointer below `settings`
    /// (`/resolvers/0`); a pointer that is missing here has its setting's place.
    pub setting_places: BTreeMap<String, Span>,
    /// Where the name of each setting and secret stands, where the file has it.
    pub setting_names: BTreeMap<String, Span>,
    /// Settings that must not be seen.
    pub secrets: BTreeMap<String, Spanned<Secret>>,
}

/// One host of the cluster file.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its name, unique in the cluster.
    pub name: Spanned<HostName>,
    /// What it is to become.
    pub role: Spanned<RoleName>,
    /// Where SSH reaches it: an IP address or a host name.
    pub address: Spanned<String>,
    /// The address the hosts know each other by, where it differs.
    pub private_address: Option<Spanned<String>>,
    /// Names of the operator's own, to select hosts by.
    pub labels: BTreeSet<String>,
    /// How this host is reached: the file's `ssh`, with the host's own port and user.
    pub ssh: SshSettings,
    /// The whole entry.
    pub span: Span,
}

/// How a host is reached. Every duration is at least one second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SshSettings {
    /// The login.
    pub user: String,
    /// The port.
    pub port: u16,
    /// Key files in the order they are tried, before all other keys; `~` resolved. Empty: the agent's
    /// keys, then ssh's default ones.
    pub keys: Vec<String>,
    /// Whether the agent's other keys are tried too. One that a file names is used either way.
    pub agent: bool,
    /// What to do with a host key that no known_hosts file names.
    pub host_keys: HostKeys,
    /// known_hosts files, `~` resolved; the first is the one that new keys are written to. Empty:
    /// ssh's defaults.
    pub known_hosts: Vec<String>,
    /// How jobs are kept alive on the host.
    pub jobs: JobMode,
    /// The folder on the host where jobs live.
    pub spool: String,
    /// How long a TCP connection may take.
    pub connect_timeout: Duration,
    /// How long key exchange and login may take together.
    pub auth_timeout: Duration,
    /// A connection that carries nothing for this long is asked for a sign of life; after three
    /// without an answer it is given up.
    pub keepalive: Duration,
    /// A transfer that moves no byte for this long is given up.
    pub stall_timeout: Duration,
    /// How long a lost connection is tried again before the host counts as unreachable.
    pub reconnect_for: Duration,
}

impl Default for SshSettings {
    fn default() -> Self {
        Self {
            user: "root".into(),
            port: 22,
            keys: Vec::new(),
            agent: true,
            host_keys: HostKeys::AcceptNew,
            known_hosts: Vec::new(),
            jobs: JobMode::Systemd,
            spool: "/var/lib/phalanx".into(),
            connect_timeout: Duration::from_secs(10),
            auth_timeout: Duration::from_secs(20),
            keepalive: Duration::from_secs(15),
            stall_timeout: Duration::from_secs(60),
            reconnect_for: Duration::from_secs(120),
        }
    }
}

/// What to do with a host key that no known_hosts file names. A key that *differs* from the one a
/// file names always stops that host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostKeys {
    /// Write it down and go on (OpenSSH's `StrictHostKeyChecking=accept-new`).
    AcceptNew,
    /// Refuse the host.
    Strict,
}

/// How jobs are kept alive on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobMode {
    /// Each job is a systemd scope: it survives the end of the login session and is cancelled as a
    /// whole.
    Systemd,
    /// Each job is a session of its own. For hosts without systemd; a logind that kills a user's
    /// processes at logout would kill such a job.
    Session,
}
