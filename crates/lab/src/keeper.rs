//! The keeper: the process that everything of a lab hangs on.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::cgroup::ControlGroup;
use crate::error::{LabError, at};
use crate::tools::{self, PATH};

/// The scripts of a lab, by the names under which they lie in its folder.
const SCRIPTS: [(&str, &str); 4] = [
    ("keeper.sh", include_str!("../scripts/keeper.sh")),
    ("supervisor.sh", include_str!("../scripts/supervisor.sh")),
    ("host.sh", include_str!("../scripts/host.sh")),
    ("internet.sh", include_str!("../scripts/internet.sh")),
];

/// The keeper's log in the lab's folder.
pub(crate) const LOG: &str = "keeper.log";

/// A keeper that has not been told to stay yet: it ends with this process.
#[derive(Debug)]
pub(crate) struct NewKeeper {
    child: Child,
}

impl NewKeeper {
    /// Starts it for a lab whose folder and control groups are made.
    pub(crate) fn start(folder: &Path, group: &ControlGroup) -> Result<Self, LabError> {
        let [shell, setsid, unshare, ..] = tools::require([
            tools::SHELL,
            tools::SETSID,
            tools::UNSHARE,
            tools::NSENTER,
            tools::MOUNT,
            tools::FLOCK,
            tools::IP,
        ])?;
        let scripts = folder.join("scripts");
        at("making", &scripts, fs::create_dir_all(&scripts))?;
        for (name, text) in SCRIPTS {
            let path = scripts.join(name);
            at("writing", &path, fs::write(&path, text))?;
        }
        let log = folder.join(LOG);
        let options = File::options()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&log);
        let log_file = at("opening", &log, options)?;
        let second = at("opening", &log, log_file.try_clone())?;
        // It enters its control group before it makes anything, so that nothing of it is ever outside.
        let enter = r#"echo $$ > "$1/cgroup.procs" || exit 1; shift; exec "$@""#;
        let child = Command::new(shell)
            .args(["-c", enter, "lab"])
            .arg(group.inner("keeper").path())
            .arg(setsid)
            .arg(unshare)
            .args(["--mount", "--propagation", "private"])
            .args([
                "--net",
                "--pid",
                "--ipc",
                "--uts",
                "--fork",
                "--kill-child=KILL",
            ])
            .arg("sh")
            .arg(scripts.join("keeper.sh"))
            .arg(folder)
            .arg(group.path())
            .env_clear()
            .env("PATH", PATH)
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(log_file)
            .stderr(second)
            .spawn()
            .map_err(|source| LabError::Io {
                doing: "starting the lab's keeper".into(),
                source,
            })?;
        Ok(Self { child })
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Tells it to stay when this process ends. Gives what is to be waited for once it is killed.
    pub(crate) fn commit(mut self) -> Result<Child, LabError> {
        if let Some(mut stdin) = self.child.stdin.take() {
            stdin
                .write_all(b"commit\n")
                .map_err(|source| LabError::Io {
                    doing: "telling the lab's keeper that the lab is up".into(),
                    source,
                })?;
        }
        Ok(self.child)
    }

    /// Lets go of it: it ends, if it was not told to stay.
    pub(crate) fn let_go(self) -> Child {
        let mut child = self.child;
        drop(child.stdin.take());
        child
    }
}

/// The pid of process 1 of the lab's own pid namespace.
pub(crate) fn keeper_pid(group: &ControlGroup) -> Option<i32> {
    first_process(&group.inner("keeper"), 2)
}

/// The pid of a host's process 1; nothing while the host is off.
pub(crate) fn host_pid(group: &ControlGroup, host: &str) -> Option<i32> {
    first_process(&group.inner("hosts").inner(host), 3)
}

/// The pid of the internet's process 1; nothing once it has ended.
pub(crate) fn internet_pid(group: &ControlGroup) -> Option<i32> {
    first_process(&group.inner("internet"), 3)
}

/// The process that is number 1 in its pid namespace, so many namespaces deep as seen from here.
fn first_process(group: &ControlGroup, depth: usize) -> Option<i32> {
    group.processes().into_iter().find(|pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        is_first(&status, depth)
    })
}

fn is_first(status: &str, depth: usize) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))
        .is_some_and(|pids| {
            let pids: Vec<&str> = pids.split_whitespace().collect();
            pids.len() == depth && pids.last() == Some(&"1")
        })
}

/// Writes a file that only its owner reads.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), LabError> {
    let parent = path.parent().map(PathBuf::from).unwrap_or_default();
    at("making", &parent, fs::create_dir_all(&parent))?;
    at("writing", path, fs::write(path, content))?;
    let mode = fs::Permissions::from_mode(0o600);
    at("writing", path, fs::set_permissions(path, mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_process_is_known_by_its_numbers() {
        assert!(is_first("Name:\tsh\nNSpid:\t4711\t1\n", 2));
        assert!(!is_first("Name:\tsh\nNSpid:\t4711\t1\n", 3));
        assert!(!is_first("Name:\tsh\nNSpid:\t4711\t7\n", 2));
        assert!(is_first("NSpid:\t4711\t17\t1\n", 3));
        assert!(!is_first("NSpid:\t1\n", 2));
    }
}
