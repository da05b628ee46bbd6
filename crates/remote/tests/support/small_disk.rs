//! Other mounts than this machine has, for as long as a process waits among them.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A mount namespace of its own.
pub(crate) struct Mounts {
    holder: Child,
}

impl Mounts {
    /// Where this was mounted; `None` where that may not be.
    fn new(mount: &str) -> Option<Self> {
        let holder = Command::new("unshare")
            .args([
                "--mount",
                "sh",
                "-c",
                &format!("{mount} && echo ok && exec cat"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut mounts = Self { holder };
        let mounted = mounts
            .holder
            .stdout
            .as_mut()?
            .read_exact(&mut [0; 3])
            .is_ok();
        mounted.then_some(mounts)
    }

    /// Another file in the place of this one.
    pub(crate) fn over(file: &Path, other: &Path) -> Self {
        let mount = format!("mount --bind {} {}", other.display(), file.display());
        Self::new(&mount).expect("mounting needs root")
    }

    /// A process among these mounts.
    pub(crate) fn holder(&self) -> u32 {
        self.holder.id()
    }
}

impl Drop for Mounts {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// A file system of its own.
pub(crate) struct SmallDisk {
    mounts: Mounts,
    root: String,
}

impl SmallDisk {
    /// It is mounted over the folder, for those who are in the mount namespace of the holder; the others see
    /// it at [`SmallDisk::root`]. `None` where that may not be.
    pub(crate) fn new(folder: &Path, size: &str) -> Option<Self> {
        let folder = folder.to_str()?;
        let mounts = Mounts::new(&format!(
            "mount -t tmpfs -o size={size},mode=755 none {folder}"
        ))?;
        let root = format!("/proc/{}/root{folder}", mounts.holder());
        Some(Self { mounts, root })
    }

    /// A process in whose mount namespace the folder is the disk.
    pub(crate) fn holder(&self) -> u32 {
        self.mounts.holder()
    }

    /// The disk, as it is seen from outside.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }
}
