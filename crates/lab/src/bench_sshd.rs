//! One sshd for thousands of loopback addresses, to measure against.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::error::LabError;
use crate::host_builder::{Login, LoopbackHostBuilder};
use crate::loopback_host::LoopbackHost;
use crate::privilege::is_root;

/// One sshd behind every address of 127.0.0.0/8.
pub struct BenchSshd {
    host: LoopbackHost,
}

impl BenchSshd {
    /// Starts it on a free port: for root where this is run as root, else without name spaces for the
    /// current user, on whose shell and start-up files the figures then depend.
    ///
    /// # Errors
    /// See [`LabError`].
    pub fn start() -> Result<Self, LabError> {
        Self::start_for(if is_root() {
            Login::Root
        } else {
            Login::Current
        })
    }

    /// Starts it on a free port for this login. All of its hosts are one: they share a spool.
    ///
    /// # Errors
    /// See [`LabError`].
    pub fn start_for(login: Login) -> Result<Self, LabError> {
        LoopbackHostBuilder::default()
            .login(login)
            .address(Ipv4Addr::UNSPECIFIED)
            .sshd_line("MaxStartups 4000:30:6000")
            .sshd_line("MaxSessions 1000")
            .sshd_line("LoginGraceTime 120")
            .start()
            .map(|host| Self { host })
    }

    /// The address of host `number`, counted from 0; there are 65 000.
    pub fn address(&self, number: u16) -> Ipv4Addr {
        let [high, low] = number.to_be_bytes();
        Ipv4Addr::new(127, 1, high, low)
    }

    /// The port of all hosts.
    pub fn port(&self) -> u16 {
        self.host.port()
    }

    /// Who can log in.
    pub fn user(&self) -> &str {
        self.host.user()
    }

    /// A private key that gets in.
    pub fn key_path(&self) -> &Path {
        self.host.key_path()
    }

    /// The line of known_hosts for all of them.
    pub fn known_hosts_line(&self) -> String {
        let line = self.host.known_hosts_line();
        let key = line.split_once(' ').map_or("", |(_, key)| key);
        format!("[127.1.*]:{} {key}", self.port())
    }

    /// The hosts' spool, on the hosts.
    pub fn spool_on_host(&self) -> PathBuf {
        self.host.spool_on_host()
    }

    /// A folder for whatever is needed beside it; removed with it.
    pub fn folder(&self) -> &Path {
        self.host.folder()
    }

    /// All that the sshd has said so far.
    pub fn log(&self) -> String {
        self.host.log()
    }
}
