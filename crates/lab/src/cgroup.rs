//! The control group of a lab: everything that runs in it, in one folder that can be killed and frozen.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sha2::{Digest, Sha256};

use crate::error::{LabError, at};
use crate::processes::signal;

/// The folder of all labs.
const ALL_LABS: &str = "phalanx-lab";
/// How long processes may take to die or to freeze.
const PATIENCE: Duration = Duration::from_secs(15);

/// One control group, whether it is there or not.
#[derive(Clone, Debug)]
pub(crate) struct ControlGroup {
    path: PathBuf,
}

impl ControlGroup {
    /// The one of a lab. It is named for the folder of all labs as well: two of those may hold labs of
    /// the same name.
    pub(crate) fn of_lab(labs: &Path, name: &str) -> Result<Self, LabError> {
        let file = Path::new("/proc/self/mountinfo");
        let mounts = at("reading", file, fs::read_to_string(file))?;
        let Some(mount) = unified_mount(&mounts) else {
            return Err(LabError::Unsupported {
                what: "a lab needs control groups of version 2, and no cgroup2 filesystem is mounted; \
                       mount one with: mount -t cgroup2 none /sys/fs/cgroup/unified"
                    .into(),
            });
        };
        let labs = fs::canonicalize(labs).or_else(|_| std::path::absolute(labs));
        let labs = labs.unwrap_or_default();
        let hash = Sha256::digest(labs.as_os_str().as_encoded_bytes());
        let hash: String = hash
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Self {
            path: mount.join(ALL_LABS).join(format!("{name}-{hash}")),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A group inside this one.
    pub(crate) fn inner(&self, name: &str) -> Self {
        Self {
            path: self.path.join(name),
        }
    }

    /// Makes the folder and those above it.
    pub(crate) fn make(&self) -> Result<(), LabError> {
        let mut tries = 0;
        loop {
            match fs::create_dir_all(&self.path) {
                // The last of the other labs may just be taking the folder of all labs with it.
                Err(error) if error.kind() == ErrorKind::NotFound && tries < 20 => tries += 1,
                made => return at("making the control group", &self.path, made),
            }
        }
    }

    pub(crate) fn exists(&self) -> bool {
        self.path.is_dir()
    }

    /// The processes in it and in the groups inside it.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let mut found = Vec::new();
        for folder in self.folders() {
            let pids = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            found.extend(pids.lines().filter_map(|line| line.parse::<i32>().ok()));
        }
        found
    }

    /// Kills everything in it and waits until it is gone.
    pub(crate) fn kill(&self) -> Result<(), LabError> {
        let deadline = Instant::now() + PATIENCE;
        while self.event("populated") {
            match fs::write(self.path.join("cgroup.kill"), "1") {
                Ok(()) => {}
                // Kernels before 5.14 have no such file; they do not wake what is frozen either.
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    let _ = fs::write(self.path.join("cgroup.freeze"), "0");
                    for pid in self.processes() {
                        signal(pid, Signal::KILL);
                    }
                }
                Err(source) => {
                    return at("killing what runs in", &self.path, Err(source));
                }
            }
            self.wait_until(deadline, "its processes are gone", || {
                !self.event("populated")
            })?;
        }
        Ok(())
    }

    /// Removes the folder, those inside it, and the one of all labs when this was the last.
    pub(crate) fn remove(&self) -> Result<(), LabError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut failure = None;
            for folder in self.folders().iter().rev() {
                if let Err(error) = fs::remove_dir(folder)
                    && error.kind() != ErrorKind::NotFound
                {
                    failure = Some(error);
                }
            }
            match failure {
                None => break,
                // What was killed may still be on its way out, or just be coming in.
                Some(_) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(10));
                    self.kill()?;
                }
                Some(error) => return at("removing the control group", &self.path, Err(error)),
            }
        }
        if let Some(all) = self.path.parent() {
            let _ = fs::remove_dir(all);
        }
        Ok(())
    }

    /// Freezes everything in it, or lets it go on, and waits until that is so.
    pub(crate) fn set_frozen(&self, frozen: bool) -> Result<(), LabError> {
        let file = self.path.join("cgroup.freeze");
        at(
            "writing",
            &file,
            fs::write(&file, if frozen { "1" } else { "0" }),
        )?;
        let deadline = Instant::now() + PATIENCE;
        let what = if frozen { "it is frozen" } else { "it goes on" };
        self.wait_until(deadline, what, || self.event("frozen") == frozen)
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.event("frozen")
    }

    fn wait_until(
        &self,
        deadline: Instant,
        what: &str,
        reached: impl Fn() -> bool,
    ) -> Result<(), LabError> {
        while !reached() {
            if Instant::now() > deadline {
                return Err(LabError::Io {
                    doing: format!("waiting until {what}, in {}", self.path.display()),
                    source: io::Error::from(ErrorKind::TimedOut),
                });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// What cgroup.events says; nothing is so in a group that is not there.
    fn event(&self, name: &str) -> bool {
        let events = fs::read_to_string(self.path.join("cgroup.events")).unwrap_or_default();
        events
            .lines()
            .any(|line| line.split_once(' ') == Some((name, "1")))
    }

    /// It and all groups inside it, each before those inside it.
    fn folders(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut next = vec![self.path.clone()];
        while let Some(folder) = next.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    next.push(entry.path());
                }
            }
            found.push(folder);
        }
        found
    }
}

/// Where control groups of version 2 are mounted so that groups can be made there.
fn unified_mount(mountinfo: &str) -> Option<PathBuf> {
    mountinfo.lines().find_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(4);
        let (point, options) = (fields.next()?, fields.next()?);
        let writable = options.split(',').any(|option| option == "rw");
        (writable && filesystem.starts_with("cgroup2 "))
            .then(|| PathBuf::from(point.replace("\\040", " ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_unified_hierarchy_wherever_it_is() {
        let hybrid = "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";
        assert_eq!(
            unified_mount(hybrid),
            Some(PathBuf::from("/sys/fs/cgroup/unified"))
        );
        let read_only = "41 31 0:38 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n";
        assert_eq!(unified_mount(read_only), None);
    }

    #[test]
    fn a_group_that_is_not_there_is_empty_and_gone() {
        let folder = tempfile::tempdir().unwrap();
        let group = ControlGroup {
            path: folder.path().join("all").join("lab"),
        };
        assert!(!group.exists() && !group.is_frozen() && group.processes().is_empty());
        group.kill().unwrap();
        group.remove().unwrap();
        group.make().unwrap();
        group.inner("a").inner("b").make().unwrap();
        group.remove().unwrap();
        assert!(!folder.path().join("all").exists());
    }
}
