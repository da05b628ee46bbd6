//! What a lab host is made of before it starts: its folder, its keys, and what its sshd is told.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::{LabError, at};
use crate::host_builder::{Login, LoopbackHostBuilder};
use crate::keys::{KeyFormat, KeyKind, KeyPair};
use crate::missing_programs::provide;
use crate::namespace::{self, INSIDE};
use crate::privilege::is_root;
use crate::sshd_config::{SESSION_PROGRAMS, SshdConfig, copy_without_ext_info};
use crate::supervisor::Launch;
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

/// The files of a host. They are removed when this is dropped.
pub(crate) struct HostFiles {
    pub(crate) folder: TempDir,
    /// Whether the host has name spaces of its own.
    pub(crate) namespaced: bool,
    /// A key that gets in.
    pub(crate) key: KeyPair,
    /// The host's own keys.
    pub(crate) host_keys: Vec<(KeyKind, KeyPair)>,
    /// The folder of the files that the sshd reads.
    ours: PathBuf,
    /// The same folder, as the sshd sees it.
    theirs: PathBuf,
    sshd: PathBuf,
}

impl HostFiles {
    /// Makes the folder and the keys. Installs the programs that a host needs and that are missing.
    pub(crate) fn make(options: &LoopbackHostBuilder) -> Result<Self, LabError> {
        let namespaced = options.login != Login::Current;
        provide(&TOOLS, &mut |_| {})?;
        let [sshd] = tools::require([tools::SSHD])?;
        let folder = tempfile::Builder::new().prefix("phalanx-lab-").tempdir();
        let folder = at("making a folder in", Path::new("TMPDIR"), folder)?;
        let lab = folder.path();
        let (ours, theirs) = if namespaced {
            namespace::lay_out(lab, &sshd)?;
            let etc = lab.join("inside/etc");
            users::write_files(&etc, &options.name, options.sudo, &options.shell)?;
            (lab.join("inside"), PathBuf::from(INSIDE))
        } else {
            (lab.to_owned(), lab.to_owned())
        };
        let key = KeyPair::generate(
            &lab.join("client_key"),
            KeyKind::Ed25519,
            KeyFormat::OpenSsh,
        )?;
        write_authorized_keys(&ours, &key, &options.authorized)?;
        let mut host_keys = Vec::new();
        for (number, kind) in options.host_keys.iter().enumerate() {
            let file = ours.join(format!("ssh_host_key_{number}"));
            host_keys.push((*kind, KeyPair::generate(&file, *kind, KeyFormat::OpenSsh)?));
        }
        Ok(Self {
            folder,
            namespaced,
            key,
            host_keys,
            ours,
            theirs,
            sshd,
        })
    }

    /// Tells the sshd where to listen, and gives how it is started.
    pub(crate) fn launch(
        &self,
        options: &LoopbackHostBuilder,
        address: Ipv4Addr,
        port: u16,
    ) -> Result<Launch, LabError> {
        let config = self.write_config(&options.sshd_lines, address, port)?;
        let (program, copies) = match options.ext_info {
            true => (self.sshd.clone(), String::new()),
            false => self.silent_sshd()?,
        };
        let [setpriv] = tools::require([tools::SETPRIV])?;
        let mut args: Vec<String> = ["--pdeathsig", "KILL", "--"].map(str::to_owned).to_vec();
        args.extend(match self.namespaced {
            true => self.in_namespaces(options.spool_size, copies)?,
            false => self.on_this_machine(&program, &config)?,
        });
        Ok(Launch {
            program: setpriv,
            args,
            contained: self.namespaced,
            log: self.folder.path().join("log"),
            boot_id: self.ours.join("boot_id"),
            going_down: self.ours.join("going-down"),
        })
    }

    /// Writes the config file. Gives its path.
    fn write_config(
        &self,
        lines: &[String],
        address: Ipv4Addr,
        port: u16,
    ) -> Result<PathBuf, LabError> {
        let names = self
            .host_keys
            .iter()
            .filter_map(|(_, pair)| pair.path().file_name());
        let config = SshdConfig {
            address,
            port,
            host_keys: names.map(|name| self.theirs.join(name)).collect(),
            authorized_keys: self.theirs.join("authorized_keys"),
            lines,
        };
        let file = self.ours.join("sshd_config");
        at("writing", &file, fs::write(&file, config.render()))?;
        Ok(file)
    }

    /// Makes copies of sshd, and of the program that it leaves sessions to, that send no EXT_INFO. Gives
    /// the sshd to start and what is to be mounted over what.
    fn silent_sshd(&self) -> Result<(PathBuf, String), LabError> {
        let session = SESSION_PROGRAMS
            .iter()
            .map(Path::new)
            .find(|program| program.is_file());
        if !self.namespaced && session.is_some() {
            return Err(LabError::NeedsRoot {
                what: "an sshd without EXT_INFO".into(),
            });
        }
        let speaks = session.unwrap_or(&self.sshd);
        copy_without_ext_info(speaks, &self.ours.join("silent-sshd"))?;
        let copy = self.theirs.join("silent-sshd");
        let mount = format!("{}:{}", copy.display(), speaks.display());
        let program = if self.namespaced {
            self.sshd.clone()
        } else {
            copy
        };
        Ok((program, mount))
    }

    /// The command line of a host with name spaces of its own; its process 1 starts the sshd.
    fn in_namespaces(
        &self,
        spool_size: Option<u64>,
        copies: String,
    ) -> Result<Vec<String>, LabError> {
        let [unshare, _, _] = tools::require([tools::UNSHARE, tools::MOUNT, tools::SUDO])?;
        let flags = "--mount --pid --uts --fork --kill-child --mount-proc -- /bin/sh";
        let lab = self.folder.path();
        let mut line = vec![unshare.display().to_string()];
        line.extend(flags.split(' ').map(str::to_owned));
        line.extend([
            lab.join("init").display().to_string(),
            lab.display().to_string(),
            spool_size.map(|size| size.to_string()).unwrap_or_default(),
            copies,
        ]);
        Ok(line)
    }

    /// The command line of a host that is a part of this machine. Makes what the sshd needs there.
    fn on_this_machine(&self, sshd: &Path, config: &Path) -> Result<Vec<String>, LabError> {
        let spool = self.folder.path().join("spool");
        at("making", &spool, fs::create_dir_all(&spool))?;
        if is_root() {
            // The folder that every packaged sshd has while it runs; as root it insists.
            let empty = Path::new("/run/sshd");
            at("making", empty, fs::create_dir_all(empty))?;
        }
        let [sshd, config] = [sshd, config].map(|path| path.display().to_string());
        Ok(vec![sshd, "-D".into(), "-e".into(), "-f".into(), config])
    }
}

/// Writes the file of the keys that get in.
fn write_authorized_keys(folder: &Path, key: &KeyPair, others: &[String]) -> Result<(), LabError> {
    let mut lines = format!("{}\n", key.public_line());
    for line in others {
        lines += line;
        lines.push('\n');
    }
    let file = folder.join("authorized_keys");
    at("writing", &file, fs::write(&file, lines))?;
    let mode = fs::Permissions::from_mode(0o644);
    at("writing", &file, fs::set_permissions(&file, mode))
}
