//! Why a connection was not made.

use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use thiserror::Error;

use super::human;

/// Of an address with a zone it is the zone that is not known.
fn no_address(name: &str) -> String {
    match name.split_once('%') {
        Some((address, zone)) => {
            format!("this machine has no network card {zone}, by which {address} would be reached")
        }
        None => format!("the name {name} has no address"),
    }
}

/// Why a connection was not made.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The transport has no host of that name.
    #[error("no host is called {0}")]
    UnknownHost(String),
    /// The name has no address.
    #[error("{}", no_address(name))]
    Resolve {
        /// The name.
        name: String,
        /// What the resolver said.
        source: std::io::Error,
    },
    /// TCP would not connect.
    #[error("{address} does not answer")]
    Tcp {
        /// Address and port.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// This machine may not open another file, which a connection is.
    #[error(
        "{address} was not asked: this machine may have no more than {limit} files open at once"
    )]
    OwnFiles {
        /// Address and port.
        address: String,
        /// How many.
        limit: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// No answer in time.
    #[error("{address} did not answer within {}", human(*.within))]
    ConnectTimeout {
        /// Address and port.
        address: String,
        /// The limit.
        within: Duration,
    },
    /// Key exchange or login took too long.
    #[error("{address} took the connection but did not finish the login within {}", human(*.within))]
    AuthTimeout {
        /// Address and port.
        address: String,
        /// The limit.
        within: Duration,
    },
    /// The server closed before it named itself: a full server (MaxStartups) or no SSH server.
    #[error("{address} closed the connection before the login")]
    ClosedEarly {
        /// Address and port.
        address: String,
    },
    /// No algorithm in common, or the exchange broke.
    #[error("{address} and we could not agree on how to talk: {reason}")]
    Handshake {
        /// Address and port.
        address: String,
        /// Why.
        reason: String,
    },
    /// The host shows another key than the one written down.
    #[error("{host} shows another host key than the one in {file}:{line}")]
    HostKeyChanged {
        /// The host as known_hosts names it.
        host: String,
        /// The known_hosts file.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What it showed: `SHA256:...`.
        shown: String,
    },
    /// The host shows another key than on an earlier connection of this run, and no file says that
    /// both are its own.
    #[error("{host} shows another host key than earlier in this run")]
    HostKeyOther {
        /// The host as known_hosts names it.
        host: String,
        /// What it showed: `SHA256:...`.
        shown: String,
    },
    /// The host's key is marked as revoked.
    #[error("the key that {host} shows is revoked in {file}:{line}")]
    HostKeyRevoked {
        /// The host.
        host: String,
        /// The known_hosts file.
        file: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// The host's key is in no known_hosts file, and new ones are not taken.
    #[error("the key of {host} is in no known_hosts file")]
    HostKeyUnknown {
        /// The host.
        host: String,
        /// What it showed: `SHA256:...`.
        shown: String,
    },
    /// A known_hosts file could not be read or written.
    #[error("{file} could not be read or written")]
    KnownHosts {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// None of the keys was taken.
    #[error("{address} took none of our keys for user {user}")]
    Refused {
        /// Address and port.
        address: String,
        /// The login that was tried.
        user: String,
        /// The keys that were tried, each as file or agent comment.
        tried: Vec<String>,
        /// What the server would accept instead, such as `publickey,password`.
        server_takes: String,
        /// It ended the login after some keys: there may be others that it was not offered.
        cut_short: bool,
    },
    /// There is no key to try.
    #[error("there is no key to log in with")]
    NoKeys {
        /// Where was looked, each with what was found.
        looked: Vec<String>,
        /// Whether the cluster file names keys.
        named: bool,
    },
}

impl ConnectError {
    /// The same error; but where this machine is out of files, that is said, and not something of the host.
    pub(crate) fn of_own_limit(self, address: String) -> Self {
        match self {
            Self::Tcp { source, .. }
            | Self::Resolve { source, .. }
            | Self::KnownHosts { source, .. }
                if is_out_of_files(&source) =>
            {
                Self::out_of_files(address, source)
            }
            other => other,
        }
    }

    /// This machine is out of files.
    pub(crate) fn out_of_files(address: String, source: std::io::Error) -> Self {
        Self::OwnFiles {
            address,
            limit: open_files(&source),
            source,
        }
    }

    /// Whether trying again may help: the host may be booting, or busy. A wrong key stays wrong.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Tcp { .. }
                | Self::OwnFiles { .. }
                | Self::ConnectTimeout { .. }
                | Self::AuthTimeout { .. }
                | Self::ClosedEarly { .. }
        )
    }

    /// What the operator can do about it, in one or two sentences.
    pub fn advice(&self) -> String {
        match self {
            Self::UnknownHost(_) => "this is a defect of the program; please report it".into(),
            Self::Resolve { name, .. } if name.contains('%') => {
                "`ip link` shows this machine's network cards; write the one that leads to the host behind the `%`"
                    .into()
            }
            Self::Resolve { .. } => "check the spelling in the cluster file, or write the address".into(),
            Self::Tcp { .. } | Self::ConnectTimeout { .. } => {
                "check that the host is up, that the address and port are right, and that no firewall \
                 or security group is in the way"
                    .into()
            }
            Self::OwnFiles { .. } => {
                "each host takes one, and the program a dozen: raise the limit where phalanx is started \
                 (`ulimit -n 4096`; as root, or in /etc/security/limits.conf, where the hard limit is \
                 lower), or work on fewer hosts at once"
                    .into()
            }
            Self::AuthTimeout { .. } => {
                "the host may be overloaded, or its sshd waits for DNS (UseDNS); try `ssh` by hand".into()
            }
            Self::ClosedEarly { .. } => {
                "either no SSH server listens there, or it has too many logins in progress \
                 (MaxStartups), or the host can start no more processes; try `ssh` by hand"
                    .into()
            }
            Self::Handshake { .. } => "the host's sshd may be very old or restricted; see its sshd_config".into(),
            Self::HostKeyChanged { host, file, line, shown } => format!(
                "if the host was reinstalled and really shows {shown}, remove line {line} of {file} \
                 (`ssh-keygen -R '{host}' -f {file}`); if not, somebody may be in between"
            ),
            Self::HostKeyOther { shown, .. } => format!(
                "if the host was reinstalled meanwhile and really shows {shown}, run again; if not, two \
                 machines may have this address, or somebody may be in between"
            ),
            Self::HostKeyRevoked { .. } => "do not log in there; ask whoever revoked the key".into(),
            Self::HostKeyUnknown { shown, .. } => format!(
                "compare {shown} with the host's own console and add it to known_hosts, or set \
                 `host_keys: accept-new`"
            ),
            Self::KnownHosts { .. } => "check the file's owner and permissions".into(),
            Self::Refused { tried, server_takes, cut_short, .. } => format!(
                "tried {}; the server takes {server_takes}. {}",
                if tried.is_empty() { "nothing".into() } else { tried.join(", ") },
                match cut_short {
                    true => {
                        "It ends a login after a few keys (MaxAuthTries): name the one that it accepts as \
                         `key` in the cluster file, then that one is offered first"
                    }
                    false => "Check user and key in the cluster file, and the host's authorized_keys",
                }
            ),
            Self::NoKeys { looked, named } => format!(
                "looked at {}; {}",
                if looked.is_empty() { "nothing".into() } else { looked.join(", ") },
                match named {
                    true => "or name another key in the cluster file",
                    false => "name a key in the cluster file or start an agent",
                }
            ),
        }
    }
}

/// Whether this process, or this machine, may open no more files.
pub fn is_out_of_files(error: &std::io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(number, Some(Errno::MFILE | Errno::NFILE))
}

/// How many files may be open: of this process, or of all.
fn open_files(error: &std::io::Error) -> String {
    if error.raw_os_error() == Some(Errno::NFILE.raw_os_error()) {
        return "all its processes together have".to_owned();
    }
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or("some".to_owned(), |limit| limit.to_string())
}
