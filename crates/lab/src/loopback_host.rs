//! One lab host.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::error::{LabError, at};
use crate::host_builder::{Login, LoopbackHostBuilder, free_port, own_address};
use crate::keys::{KeyFormat, KeyKind, KeyPair};
use crate::missing_programs::provide;
use crate::namespace::{self, INSIDE, SPOOL};
use crate::processes::{descendants, signal};
use crate::sshd_config::{SESSION_PROGRAMS, SshdConfig, copy_without_ext_info};
use crate::supervisor::{Launch, OnReboot, Supervisor};
use crate::tools::{self, Tool};
use crate::users;

/// The programs that a host is made of.
const TOOLS: [Tool; 6] = [
    tools::SSHD,
    tools::SSH_KEYGEN,
    tools::SETPRIV,
    tools::UNSHARE,
    tools::MOUNT,
    tools::SUDO,
];
/// How long a host may take to listen. It takes 30 ms; a busy machine may take its time.
const UP_WITHIN: Duration = Duration::from_secs(20);

/// One host with a real sshd. Dropping it takes it down and removes all of it.
pub struct LoopbackHost {
    // First: processes go before the files they use.
    supervisor: Supervisor,
    folder: TempDir,
    namespaced: bool,
    address: Ipv4Addr,
    port: u16,
    user: String,
    key: KeyPair,
    host_keys: Vec<(KeyKind, KeyPair)>,
}

impl LoopbackHost {
    /// A host that can be shaped before it starts.
    pub fn builder() -> LoopbackHostBuilder {
        LoopbackHostBuilder::default()
    }

    pub(crate) fn start_from(wish: &LoopbackHostBuilder) -> Result<Self, LabError> {
        let namespaced = wish.login != Login::Current;
        if let Some(what) = wish.root_needed_for()
            && !rustix::process::geteuid().is_root()
        {
            return Err(LabError::NeedsRoot { what: what.into() });
        }
        provide(&TOOLS, &mut |_| {})?;
        let [sshd, setpriv] = tools::require([tools::SSHD, tools::SETPRIV])?;
        let folder = tempfile::Builder::new().prefix("phalanx-lab-").tempdir();
        let folder = at("making a folder in", Path::new("TMPDIR"), folder)?;
        let lab = folder.path();
        // Where the lab's files are for the sshd.
        let (ours, theirs) = if namespaced {
            namespace::lay_out(lab, &sshd)?;
            users::write_files(&lab.join("inside/etc"), &wish.name, wish.sudo, &wish.shell)?;
            (lab.join("inside"), PathBuf::from(INSIDE))
        } else {
            (lab.to_owned(), lab.to_owned())
        };

        let key = KeyPair::generate(
            &lab.join("client_key"),
            KeyKind::Ed25519,
            KeyFormat::OpenSsh,
        )?;
        let mut authorized = format!("{}\n", key.public_line());
        for line in &wish.authorized {
            authorized += line;
            authorized.push('\n');
        }
        let file = ours.join("authorized_keys");
        at("writing", &file, fs::write(&file, authorized))?;
        at(
            "writing",
            &file,
            fs::set_permissions(&file, fs::Permissions::from_mode(0o644)),
        )?;

        let mut host_keys = Vec::new();
        let mut host_key_files = Vec::new();
        for (number, kind) in wish.host_keys.iter().enumerate() {
            let name = format!("ssh_host_key_{number}");
            let pair = KeyPair::generate(&ours.join(&name), *kind, KeyFormat::OpenSsh)?;
            host_keys.push((*kind, pair));
            host_key_files.push(theirs.join(&name));
        }

        let address = wish.address.unwrap_or_else(own_address);
        let port = match wish.port {
            Some(port) => port,
            None => free_port(address)?,
        };
        let config = SshdConfig {
            address,
            port,
            host_keys: host_key_files,
            authorized_keys: theirs.join("authorized_keys"),
            lines: &wish.sshd_lines,
        };
        let file = ours.join("sshd_config");
        at("writing", &file, fs::write(&file, config.render()))?;

        let (program, copies) = if wish.ext_info {
            (sshd, String::new())
        } else {
            silent_sshd(&sshd, &ours, &theirs, namespaced)?
        };
        let mut args: Vec<String> = ["--pdeathsig", "KILL", "--"].map(str::to_owned).to_vec();
        if namespaced {
            let [unshare, _, _] = tools::require([tools::UNSHARE, tools::MOUNT, tools::SUDO])?;
            args.push(unshare.display().to_string());
            args.extend(
                "--mount --pid --uts --fork --kill-child --mount-proc -- /bin/sh"
                    .split(' ')
                    .map(str::to_owned),
            );
            args.push(lab.join("init").display().to_string());
            args.push(lab.display().to_string());
            args.push(
                wish.spool_size
                    .map(|size| size.to_string())
                    .unwrap_or_default(),
            );
            args.push(copies);
        } else {
            let spool = lab.join("spool");
            at("making", &spool, fs::create_dir_all(&spool))?;
            if rustix::process::geteuid().is_root() {
                // The folder that every packaged sshd has while it runs; as root it insists.
                let empty = Path::new("/run/sshd");
                at("making", empty, fs::create_dir_all(empty))?;
            }
            args.push(program.display().to_string());
            args.extend([
                "-D".into(),
                "-e".into(),
                "-f".into(),
                file.display().to_string(),
            ]);
        }
        let launch = Launch {
            program: setpriv,
            args,
            contained: namespaced,
            log: lab.join("log"),
            boot_id: ours.join("boot_id"),
            going_down: ours.join("going-down"),
        };
        let host = Self {
            supervisor: Supervisor::new(launch, wish.on_reboot)?,
            namespaced,
            address,
            port,
            user: user_name(wish.login)?,
            key,
            host_keys,
            folder,
        };
        host.set_on_reboot(wish.on_reboot)?;
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
        self.key.path()
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
        self.host_keys
            .iter()
            .map(|(_, pair)| format!("{name} {}", pair.algorithm_and_key()))
            .collect()
    }

    /// The host's spool, seen from outside; on the host it is [`LoopbackHost::spool_on_host`].
    pub fn spool_path(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    /// The spool's path on the host.
    pub fn spool_on_host(&self) -> PathBuf {
        if self.namespaced {
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
        Ok(self.folder.path().join("inside/home"))
    }

    /// A folder for whatever a test needs beside the host; removed with it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All that its sshd has said so far.
    pub fn log(&self) -> String {
        let log = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// The boot id that it shows, or showed last.
    ///
    /// # Errors
    /// [`LabError::NeedsRoot`] where it shows this machine's.
    pub fn boot_id(&self) -> Result<String, LabError> {
        self.only_namespaced("a boot id of its own")?;
        let path = self.folder.path().join("inside/boot_id");
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
        if self.namespaced {
            let path = self.folder.path().join("inside/reboot-ignored");
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
        let listener = if self.namespaced {
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
        for (kind, pair) in &mut self.host_keys {
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
        if !self.namespaced {
            signal(holder, which);
        }
    }

    fn only_namespaced(&self, what: &str) -> Result<(), LabError> {
        if self.namespaced {
            Ok(())
        } else {
            Err(LabError::NeedsRoot { what: what.into() })
        }
    }
}

/// Makes copies of sshd, and of the program that it leaves sessions to, that send no EXT_INFO. Gives
/// the sshd to start and what is to be mounted over what.
fn silent_sshd(
    sshd: &Path,
    ours: &Path,
    theirs: &Path,
    namespaced: bool,
) -> Result<(PathBuf, String), LabError> {
    let session = SESSION_PROGRAMS
        .iter()
        .map(Path::new)
        .find(|program| program.is_file());
    if !namespaced && session.is_some() {
        return Err(LabError::NeedsRoot {
            what: "an sshd without EXT_INFO".into(),
        });
    }
    copy_without_ext_info(session.unwrap_or(sshd), &ours.join("silent-sshd"))?;
    let copy = theirs.join("silent-sshd");
    let mount = format!("{}:{}", copy.display(), session.unwrap_or(sshd).display());
    Ok((if namespaced { sshd.to_owned() } else { copy }, mount))
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
