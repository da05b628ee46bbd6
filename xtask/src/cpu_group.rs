//! CPU time of a set of processes and all their descendants, by control group: exact, whoever waits
//! for whom.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Outcome;

/// A control group that this process can put itself (and so its later children) into.
pub(crate) struct CpuGroup {
    path: PathBuf,
    usage: Usage,
}

enum Usage {
    /// `cpuacct.usage`, nanoseconds (version 1).
    Nanoseconds,
    /// `cpu.stat`, `usage_usec` (version 2).
    CpuStat,
}

impl CpuGroup {
    /// Makes a group; needs root.
    pub(crate) fn create(name: &str) -> Outcome<Self> {
        let one = Path::new("/sys/fs/cgroup/cpuacct");
        let (parent, usage) = if one.is_dir() {
            (one, Usage::Nanoseconds)
        } else {
            (Path::new("/sys/fs/cgroup"), Usage::CpuStat)
        };
        let path = parent.join(format!("phalanx-{name}-{}", std::process::id()));
        fs::create_dir(&path).map_err(|error| {
            format!(
                "a control group is needed to count CPU time ({}: {error})",
                path.display()
            )
        })?;
        Ok(Self { path, usage })
    }

    /// Moves this process into the group; children that it starts from now on are born there.
    pub(crate) fn enter(&self) -> Outcome<()> {
        fs::write(
            self.path.join("cgroup.procs"),
            std::process::id().to_string(),
        )?;
        Ok(())
    }

    /// CPU time used in it so far.
    pub(crate) fn used(&self) -> Outcome<Duration> {
        Ok(match self.usage {
            Usage::Nanoseconds => {
                let text = fs::read_to_string(self.path.join("cpuacct.usage"))?;
                Duration::from_nanos(text.trim().parse()?)
            }
            Usage::CpuStat => {
                let text = fs::read_to_string(self.path.join("cpu.stat"))?;
                let line = text
                    .lines()
                    .find_map(|line| line.strip_prefix("usage_usec "));
                Duration::from_micros(line.ok_or("cpu.stat has no usage_usec")?.trim().parse()?)
            }
        })
    }
}

impl Drop for CpuGroup {
    fn drop(&mut self) {
        // Back to where we came from, as far as that is known; then the empty group can go.
        if let Some(parent) = self.path.parent() {
            let _ = fs::write(parent.join("cgroup.procs"), std::process::id().to_string());
        }
        let _ = fs::remove_dir(&self.path);
    }
}
