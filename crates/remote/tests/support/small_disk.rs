//! A file system of its own, for as long as a process waits in it.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub(crate) struct SmallDisk {
    holder: Child,
    root: String,
}

impl SmallDisk {
    /// It is mounted over the folder, for those who are in the mount namespace of the holder; the others see
    /// it at [`SmallDisk::root`]. `None` where that may not be.
    pub(crate) fn new(folder: &Path, size: &str) -> Option<Self> {
        let folder = folder.to_str()?;
        let mount =
            format!("mount -t tmpfs -o size={size},mode=755 none {folder} && echo ok && exec cat");
        let holder = Command::new("unshare")
            .args(["--mount", "sh", "-c", &mount])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let root = format!("/proc/{}/root{folder}", holder.id());
        let mut disk = Self { holder, root };
        let mounted = disk.holder.stdout.as_mut()?.read_exact(&mut [0; 3]).is_ok();
        mounted.then_some(disk)
    }

    /// A process in whose mount namespace the folder is the disk.
    pub(crate) fn holder(&self) -> u32 {
        self.holder.id()
    }

    /// The disk, as it is seen from outside.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
