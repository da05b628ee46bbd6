//! A lab: hosts on this machine that are up together, with a network and an internet of their own.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::answering::Answering;
use crate::booting;
use crate::cgroup::ControlGroup;
use crate::error::{LabError, at};
use crate::file_lock::FileLock;
use crate::keeper::{self, NewKeeper};
use crate::lab_data::LabData;
use crate::lab_folder::{self, LabRecord};
use crate::lab_host::LabHost;
use crate::lab_name::check_name;
use crate::lab_status::{Boots, HostState, HostStatus, LabStatus};
use crate::privilege::need_root;
use crate::root_filesystem::RootFilesystem;
use crate::tools;

/// How many inotify instances a user may have. The kernel's default is 128, each host takes six, and
/// the 22nd would hang while it boots.
const INOTIFY_INSTANCES: u32 = 8192;

/// A lab that was put up. Dropping it changes nothing: a lab stays until it is taken down.
#[derive(Debug)]
pub struct Lab {
    labs: PathBuf,
    folder: PathBuf,
    key: PathBuf,
    group: ControlGroup,
    record: LabRecord,
    /// The keeper, where it is a child of this process.
    child: Option<Child>,
}

impl Lab {
    /// Puts a lab up, in a folder of its own in the folder of all labs. Returns when the sshd of every
    /// host answers. What a lab of the same name has left is removed first.
    ///
    /// Raises the machine's limit `fs.inotify.max_user_instances` where it is low, and leaves it so.
    ///
    /// # Errors
    /// See [`LabError`]; above all [`LabError::Exists`], [`LabError::LabNotUp`] and
    /// [`LabError::NeedsRoot`]. Nothing of the lab is left, but for its folder with the logs.
    pub fn up(
        labs: &Path,
        name: &str,
        size: &str,
        data: &LabData,
        root: &RootFilesystem,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Self, LabError> {
        check_name("a lab", name)?;
        data.size(size)?;
        need_root("a lab of hosts with namespaces of their own")?;
        at("making", labs, fs::create_dir_all(labs))?;
        lab_folder::check_filesystem(labs)?;
        let labs = at("looking at", labs, fs::canonicalize(labs))?;
        let _lock = lock(&labs, name)?;
        let folder = labs.join(name);
        let group = ControlGroup::of_lab(&labs, name)?;
        if keeper::keeper_pid(&group).is_some() && LabRecord::read(&folder)?.is_some() {
            return Err(LabError::Exists {
                name: name.to_owned(),
            });
        }
        remove_what_is_left(&folder, &group)?;
        raise_inotify_limit()?;

        let record = lab_folder::make(&folder, name, size, data, root.layers())?;
        let hosts = group.inner("hosts");
        for host in &record.hosts {
            hosts.inner(&host.name).make()?;
        }
        group.inner("internet").make()?;
        group.inner("keeper").make()?;
        tell(&format!("booting {} hosts", record.hosts.len()));
        let mut new = NewKeeper::start(&folder, &group)?;
        let up = booting::wait_until_up(&folder, &group, &record, &mut new)
            .and_then(|()| record.write(&folder));
        if let Err(error) = up {
            let mut child = new.let_go();
            let _ = group.kill().and_then(|()| group.remove());
            let _ = child.wait();
            return Err(error);
        }
        Ok(Self {
            key: folder.join("key"),
            child: Some(new.commit()?),
            labs,
            folder,
            group,
            record,
        })
    }

    /// The lab of this name; nothing where there is none, or one that never came up.
    ///
    /// # Errors
    /// Its record cannot be read.
    pub fn open(labs: &Path, name: &str) -> Result<Option<Self>, LabError> {
        check_name("a lab", name)?;
        let Some(record) = LabRecord::read(&labs.join(name))? else {
            return Ok(None);
        };
        let labs = at("looking at", labs, fs::canonicalize(labs))?;
        let folder = labs.join(name);
        Ok(Some(Self {
            key: folder.join("key"),
            group: ControlGroup::of_lab(&labs, name)?,
            labs,
            folder,
            record,
            child: None,
        }))
    }

    /// The name of the lab whose folder this is; nothing where it is another folder.
    pub fn name_of_folder(folder: &Path) -> Option<String> {
        Some(LabRecord::read(folder).ok()??.name)
    }

    /// The names of all labs that there is something of, whether they are up or not.
    ///
    /// # Errors
    /// The folder cannot be read; where it is not there, there are no labs.
    pub fn list(labs: &Path) -> Result<Vec<String>, LabError> {
        let entries = match fs::read_dir(labs) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => at("reading", labs, entries)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = at("reading", labs, entry)?;
            if let Ok(name) = entry.file_name().into_string()
                && check_name("a lab", &name).is_ok()
                && entry.path().is_dir()
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// The name of its size.
    pub fn size(&self) -> &str {
        &self.record.size
    }

    /// Its hosts.
    pub fn hosts(&self) -> &[LabHost] {
        &self.record.hosts
    }

    /// The private key that gets in.
    pub fn key(&self) -> &Path {
        &self.key
    }

    /// Who logs in.
    pub fn user(&self) -> &str {
        &self.record.user
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The known_hosts file with the keys of all hosts, by both addresses and by name.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }

    /// What the lab data's `prepare.sh` has found out and written to `/srv/lab/values`, as lines
    /// `NAME=VALUE`: for the template of the cluster file.
    ///
    /// # Errors
    /// The file cannot be read, or has a line that is none of these.
    pub fn values(&self) -> Result<BTreeMap<String, String>, LabError> {
        let Some(top) = self.record.layers.first() else {
            return Ok(BTreeMap::new());
        };
        let file = top.join("srv/lab/values");
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            text => at("reading", &file, text)?,
        };
        let pair = |line: &str| {
            line.split_once('=')
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .ok_or_else(|| LabError::Data {
                    path: file.display().to_string(),
                    problem: format!("{line} is not NAME=VALUE"),
                })
        };
        text.lines().map(pair).collect()
    }

    /// A command that runs in the hub's network, from which all hosts are reached, and otherwise as
    /// any other on this machine. Where the lab is not up it fails when it is run, and says so.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        match self.nsenter() {
            Ok((nsenter, pid)) => {
                let mut command = Command::new(nsenter);
                command
                    .args(["--target", &pid.to_string(), "--net", "--"])
                    .arg(program);
                command
            }
            Err(error) => {
                let mut command = Command::new("/bin/sh");
                command
                    .args(["-c", "echo \"$0\" >&2; exit 125"])
                    .arg(error.to_string());
                command
            }
        }
    }

    /// A command that runs inside a host, as root.
    ///
    /// # Errors
    /// There is no such host, or it is off.
    pub fn host_command(
        &self,
        host: &str,
        program: impl AsRef<OsStr>,
    ) -> Result<Command, LabError> {
        let [nsenter] = tools::require([tools::NSENTER])?;
        if !self.record.hosts.iter().any(|known| known.name == host) {
            let names: Vec<&str> = self.hosts().iter().map(|host| host.name.as_str()).collect();
            return Err(LabError::Unknown {
                what: format!(
                    "the lab {} has no host {host}; there are {}",
                    self.name(),
                    names.join(", ")
                ),
            });
        }
        let Some(pid) = keeper::host_pid(&self.group, host) else {
            return Err(self.not_running(&format!("its host {host} is off")));
        };
        // In the host's control group, so that it is frozen, thawed and killed with the host.
        let enter = r#"echo $$ > "$1/cgroup.procs" || exit 1; shift; exec "$@""#;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", enter, "lab"])
            .arg(self.group.inner("hosts").inner(host).path())
            .arg(nsenter)
            .args(["--target", &pid.to_string(), "--all", "--"])
            .arg(program);
        Ok(command)
    }

    /// How it is doing.
    ///
    /// # Errors
    /// Its network cannot be entered.
    pub fn status(&self) -> Result<LabStatus, LabError> {
        let keeper = keeper::keeper_pid(&self.group);
        let frozen = self.group.is_frozen();
        let mut hosts: Vec<HostStatus> = Vec::new();
        for host in self.hosts() {
            let boots = Boots::read(&self.boots_file(host));
            let state = match keeper {
                Some(_) if boots.ended => HostState::Off,
                Some(_) if frozen => HostState::Up,
                Some(_) => HostState::Booting,
                None => HostState::Off,
            };
            hosts.push(HostStatus {
                name: host.name.clone(),
                state,
                boots: boots.count,
            });
        }
        if let Some(pid) = keeper
            && !frozen
        {
            self.ask_booting(pid, &mut hosts)?;
        }
        Ok(LabStatus {
            running: keeper.is_some(),
            frozen,
            internet: !self.record.internet || keeper::internet_pid(&self.group).is_some(),
            hosts,
        })
    }

    /// Finds out which hosts that are not off answer.
    fn ask_booting(&self, pid: i32, hosts: &mut [HostStatus]) -> Result<(), LabError> {
        let asked: Vec<usize> = (0..hosts.len())
            .filter(|number| {
                hosts
                    .get(*number)
                    .is_some_and(|host| host.state != HostState::Off)
            })
            .collect();
        let addresses: Vec<_> = asked
            .iter()
            .filter_map(|number| Some(self.hosts().get(*number)?.private_address))
            .collect();
        let answering = Answering::of(pid, &addresses)?;
        let deadline = Instant::now() + Duration::from_secs(1);
        for _ in &asked {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(answered) = answering.next(left) else {
                break;
            };
            let number = asked.get(answered).copied().unwrap_or_default();
            if let Some(host) = hosts.get_mut(number) {
                host.state = HostState::Up;
            }
        }
        Ok(())
    }

    /// Freezes everything in it: hosts, internet, all. The tool under test is outside and goes on.
    ///
    /// # Errors
    /// It is not up, or something in it cannot be frozen.
    pub fn freeze(&self) -> Result<(), LabError> {
        self.keeper()?;
        self.group.set_frozen(true)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It is not up.
    pub fn thaw(&self) -> Result<(), LabError> {
        self.keeper()?;
        self.group.set_frozen(false)
    }

    /// Takes it down and removes its folder. Works as well on a lab of which only a part is there.
    ///
    /// # Errors
    /// Another process works on it, or something of it cannot be removed.
    pub fn down(mut self) -> Result<(), LabError> {
        let lock = lock(&self.labs, &self.record.name)?;
        self.group.kill()?;
        if let Some(child) = &mut self.child {
            let _ = child.wait();
        }
        remove_what_is_left(&self.folder, &self.group)?;
        lock.remove();
        Ok(())
    }

    /// Does what [`Lab::down`] does for a lab that cannot be opened: one that never came up, or is not
    /// there at all.
    ///
    /// # Errors
    /// As [`Lab::down`].
    pub fn clean_up(labs: &Path, name: &str) -> Result<(), LabError> {
        check_name("a lab", name)?;
        need_root("taking a lab down")?;
        let lock = match labs.is_dir() {
            true => Some(lock(labs, name)?),
            false => None,
        };
        remove_what_is_left(&labs.join(name), &ControlGroup::of_lab(labs, name)?)?;
        if let Some(lock) = lock {
            lock.remove();
        }
        Ok(())
    }

    fn boots_file(&self, host: &LabHost) -> PathBuf {
        self.folder.join("hosts").join(&host.name).join("boots")
    }

    fn nsenter(&self) -> Result<(PathBuf, i32), LabError> {
        let [nsenter] = tools::require([tools::NSENTER])?;
        Ok((nsenter, self.keeper()?))
    }

    /// The pid of its keeper.
    fn keeper(&self) -> Result<i32, LabError> {
        keeper::keeper_pid(&self.group)
            .ok_or_else(|| self.not_running("the process that keeps it is gone"))
    }

    fn not_running(&self, why: &str) -> LabError {
        LabError::NotRunning {
            name: self.record.name.clone(),
            why: why.to_owned(),
        }
    }
}

/// Kills what is left of a lab and removes its control group and its folder.
fn remove_what_is_left(folder: &Path, group: &ControlGroup) -> Result<(), LabError> {
    if group.exists() {
        group.kill()?;
        group.remove()?;
    }
    // Mounts end a moment after the last process that saw them, and until then a folder can be busy.
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match fs::remove_dir_all(folder) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(20)),
            Err(source) => return at("removing", folder, Err(source)),
        }
    }
}

fn lock(labs: &Path, name: &str) -> Result<FileLock, LabError> {
    let path = labs.join(format!("{name}.lock"));
    FileLock::try_alone(&path)?.ok_or_else(|| LabError::Busy {
        name: name.to_owned(),
        lock: path,
    })
}

fn raise_inotify_limit() -> Result<(), LabError> {
    let file = Path::new("/proc/sys/fs/inotify/max_user_instances");
    let now = at("reading", file, fs::read_to_string(file))?;
    if now
        .trim()
        .parse()
        .is_ok_and(|now: u32| now >= INOTIFY_INSTANCES)
    {
        return Ok(());
    }
    at(
        "raising",
        file,
        fs::write(file, INOTIFY_INSTANCES.to_string()),
    )
}
