//! One lab host.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::error::{LabError, at};
use crate::host_builder::{Login, LoopbackHostBuilder, OnReboot};
use crate::host_files::HostFiles;
use crate::keys::{KeyFormat, KeyPair};
use crate::namespace::SPOOL;
use crate::privilege::need_root;
use crate::processes::{descendants, signal};
use crate::supervisor::Supervisor;
use crate::tools::{self, Tool};
use crate::users;

/// How long a host may take to listen. It takes 30 ms; a busy machine may take its time.
const UP_WITHIN: Duration = Duration::from_secs(20);

/// One host with a real sshd. Dropping it takes it down and removes all of it.
pub struct LoopbackHost {
    // First: processes go before the files they use.
    supervisor: Supervisor,
    files: HostFiles,
    address: Ipv4Addr,
    port: u16,
    user: String,
}

impl LoopbackHostBuilder {
    /// Starts the host and waits until it can be reached.
    ///
    /// # Errors
    /// See [`LabError`]; above all [`LabError::Missing`] and [`LabError::NeedsRoot`].
    pub fn start(self) -> Result<LoopbackHost, LabError> {
        LoopbackHost::start_from(&self)
    }
}

impl LoopbackHost {
    /// A host that can be shaped before it starts.
    pub fn builder() -> LoopbackHostBuilder {
        LoopbackHostBuilder::default()
    }

    fn start_from(options: &LoopbackHostBuilder) -> Result<Self, LabError> {
        if let Some(what) = options.root_needed_for() {
            need_root(what)?;
        }
        let files = HostFiles::make(options)?;
        let address = options.address.unwrap_or_else(own_address);
        let port = match options.port {
            Some(port) => port,
            None => free_port(address)?,
        };
        let launch = files.launch(options, address, port)?;
        let host = Self {
            supervisor: Supervisor::new(launch, options.on_reboot)?,
            address,
            port,
            user: user_name(options.login)?,
            files,
        };
        host.set_on_reboot(options.on_reboot)?;
        host.supervisor.start(UP_WITHIN)?;
        Ok(host)
    }

    /// The address it listens on.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Who can log in.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// A private key that gets in.
    pub fn key_path(&self) -> &Path {
        self.files.key.path()
    }

    /// The line of known_hosts for its first host key, without a line end.
    pub fn known_hosts_line(&self) -> String {
        self.known_hosts_lines()
            .into_iter()
            .next()
            .unwrap_or_default()
    }

    /// The lines of known_hosts for all of its host keys.
    pub fn known_hosts_lines(&self) -> Vec<String> {
        let name = format!("[{}]:{}", self.address, self.port);
        self.files
            .host_keys
            .iter()
            .map(|(_, pair)| format!("{name} {}", pair.algorithm_and_key()))
            .collect()
    }

    /// The host's spool, seen from outside; on the host it is [`LoopbackHost::spool_on_host`].
    pub fn spool_path(&self) -> PathBuf {
        self.files.folder.path().join("spool")
    }

    /// The spool's path on the host.
    pub fn spool_on_host(&self) -> PathBuf {
        if self.files.namespaced {
            PathBuf::from(SPOOL)
        } else {
            self.spool_path()
        }
    }

    /// The home of `operator`, seen from outside.
    ///
    /// # Errors
    /// [`LabError::NeedsRoot`] where the host has no home of its own.
    pub fn home_path(&self) -> Result<PathBuf, LabError> {
        self.only_namespaced("a home of its own")?;
        Ok(self.files.folder.path().join("inside/home"))
    }

    /// A folder for whatever a test needs beside the host; removed with it.
    pub fn folder(&self) -> &Path {
        self.files.folder.path()
    }

    /// All that its sshd has said so far.
    pub fn log(&self) -> String {
        let log = fs::read(self.files.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The boot id that it shows, or showed last.
    ///
    /// # Errors
    /// [`LabError::NeedsRoot`] where it shows this machine's.
    pub fn boot_id(&self) -> Result<String, LabError> {
        self.only_namespaced("a boot id of its own")?;
        let path = self.files.folder.path().join("inside/boot_id");
        Ok(at("reading", &path, fs::read_to_string(&path))?
            .trim()
            .to_owned())
    }

    /// How often it was started.
    pub fn boots(&self) -> u32 {
        self.supervisor.boots()
    }

    /// Whether anything of it runs.
    pub fn is_up(&self) -> bool {
        self.supervisor.pid().is_some()
    }

    /// Takes it down by force, every process of it.
    pub fn stop(&self) {
        self.supervisor.stop();
    }

    /// Takes it up again: same address, port, host keys and spool.
    ///
    /// # Errors
    /// [`LabError::NotUp`].
    pub fn start(&self) -> Result<(), LabError> {
        self.supervisor.start(UP_WITHIN)
    }

    /// Waits until it listens, after a reboot for instance.
    ///
    /// # Errors
    /// [`LabError::NotUp`] when that does not happen in time.
    pub fn wait_until_up(&self, within: Duration) -> Result<(), LabError> {
        self.supervisor.wait_until_up(within)
    }

    /// Cuts its power; whether and when it returns is for [`OnReboot`] to say.
    ///
    /// # Errors
    /// [`LabError::NeedsRoot`] where the host is a part of this machine.
    pub fn power_cycle(&self) -> Result<(), LabError> {
        self.only_namespaced("a host that can be rebooted")?;
        self.supervisor.power_cycle()
    }

    /// What a request to reboot does from now on.
    ///
    /// # Errors
    /// The lab's folder cannot be written.
    pub fn set_on_reboot(&self, on_reboot: OnReboot) -> Result<(), LabError> {
        self.supervisor.set_on_reboot(on_reboot);
        if self.files.namespaced {
            let path = self.files.folder.path().join("inside/reboot-ignored");
            if on_reboot == OnReboot::Ignored {
                at("writing", &path, fs::write(&path, ""))?;
            } else if path.exists() {
                at("removing", &path, fs::remove_file(&path))?;
            }
        }
        Ok(())
    }

    /// Stops every process of it where it stands. Connections stay open and nobody answers.
    pub fn freeze(&self) {
        self.signal_all(Signal::STOP);
    }

    /// Lets it go on after [`LoopbackHost::freeze`].
    pub fn thaw(&self) {
        self.signal_all(Signal::CONT);
    }

    /// Kills the sshd processes that hold connections, and only these: what they had started lives
    /// on. Gives their number.
    pub fn drop_connections(&self) -> usize {
        let Some(holder) = self.supervisor.pid() else {
            return 0;
        };
        let all = descendants(holder);
        // Below `unshare` comes the sshd that listens; without name spaces it is the holder itself.
        let listener = if self.files.namespaced {
            all.iter()
                .find(|process| process.parent == holder)
                .map(|process| process.pid)
        } else {
            Some(holder)
        };
        let connections: Vec<i32> = all
            .iter()
            .filter(|process| process.name.starts_with("sshd") && Some(process.pid) != listener)
            .map(|process| process.pid)
            .collect();
        for pid in &connections {
            signal(*pid, Signal::KILL);
        }
        connections.len()
    }

    /// Gives the host new host keys, as if it had been installed anew, and restarts it.
    ///
    /// # Errors
    /// ssh-keygen says no, or the host does not come up.
    pub fn replace_host_keys(&mut self) -> Result<(), LabError> {
        self.stop();
        for (kind, pair) in &mut self.files.host_keys {
            *pair = KeyPair::generate(pair.path(), *kind, KeyFormat::OpenSsh)?;
        }
        self.start()
    }

    fn signal_all(&self, which: Signal) {
        let Some(holder) = self.supervisor.pid() else {
            return;
        };
        for process in descendants(holder) {
            signal(process.pid, which);
        }
        if !self.files.namespaced {
            signal(holder, which);
        }
    }

    fn only_namespaced(&self, what: &str) -> Result<(), LabError> {
        if self.files.namespaced {
            Ok(())
        } else {
            Err(LabError::NeedsRoot { what: what.into() })
        }
    }
}

/// A loopback address that no other host of this process has; other processes most likely neither.
fn own_address() -> Ipv4Addr {
    static LAST: AtomicU8 = AtomicU8::new(0);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let number = LAST.fetch_add(1, Ordering::Relaxed) % 250 + 2;
    Ipv4Addr::new(127, high | 0x40, low, number)
}

/// A port that is free on this address right now.
fn free_port(address: Ipv4Addr) -> Result<u16, LabError> {
    TcpListener::bind((address, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| LabError::Io {
            doing: format!("listening on {address}"),
            source,
        })
}

fn user_name(login: Login) -> Result<String, LabError> {
    match login {
        Login::Operator => Ok(users::OPERATOR.to_owned()),
        Login::Root => Ok("root".to_owned()),
        Login::Current => {
            let [id] = tools::require([Tool::program("id", "coreutils")])?;
            Ok(tools::run(&id, &["-un"])?.trim().to_owned())
        }
    }
}
