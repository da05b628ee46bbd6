//! The programs that the lab is made of.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::LabError;

/// Where programs are looked for: the lab does not read `PATH`, which often lacks the `sbin`s.
const FOLDERS: [&str; 6] = [
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
];

/// `PATH` for everything that the lab starts.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where libraries are that programs are started with; each machine has one of the first two.
const LIBRARY_FOLDERS: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib",
];

/// A file that is needed, and the Debian package that has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    name: &'static str,
    package: &'static str,
    folders: &'static [&'static str],
}

impl Tool {
    /// A program.
    pub(crate) const fn program(name: &'static str, package: &'static str) -> Self {
        Self {
            name,
            package,
            folders: &FOLDERS,
        }
    }

    /// A library that a program is started with, such as `libfaketime.so.1`.
    pub(crate) const fn library(name: &'static str, package: &'static str) -> Self {
        Self {
            name,
            package,
            folders: &LIBRARY_FOLDERS,
        }
    }
}

pub(crate) const SSHD: Tool = Tool::program("sshd", "openssh-server");
pub(crate) const SSH_KEYGEN: Tool = Tool::program("ssh-keygen", "openssh-client");
pub(crate) const SUDO: Tool = Tool::program("sudo", "sudo");
pub(crate) const UNSHARE: Tool = Tool::program("unshare", "util-linux");
pub(crate) const SETPRIV: Tool = Tool::program("setpriv", "util-linux");
pub(crate) const MOUNT: Tool = Tool::program("mount", "mount");
pub(crate) const SHELL: Tool = Tool::program("sh", "dash");
pub(crate) const SETSID: Tool = Tool::program("setsid", "util-linux");
pub(crate) const NSENTER: Tool = Tool::program("nsenter", "util-linux");
pub(crate) const FLOCK: Tool = Tool::program("flock", "util-linux");
pub(crate) const TIMEOUT: Tool = Tool::program("timeout", "coreutils");
pub(crate) const IP: Tool = Tool::program("ip", "iproute2");
pub(crate) const TAR: Tool = Tool::program("tar", "tar");
pub(crate) const MMDEBSTRAP: Tool = Tool::program("mmdebstrap", "mmdebstrap");

/// Its absolute path, if it is installed.
pub(crate) fn find(tool: Tool) -> Option<PathBuf> {
    tool.folders
        .iter()
        .map(|folder| Path::new(folder).join(tool.name))
        .find(|path| path.is_file())
}

/// The absolute paths of all of them, or all that are missing in one error.
pub(crate) fn require<const N: usize>(tools: [Tool; N]) -> Result<[PathBuf; N], LabError> {
    all_there(&missing(&tools))?;
    Ok(tools.map(|tool| find(tool).unwrap_or_default()))
}

/// Those that are not installed.
pub(crate) fn missing(tools: &[Tool]) -> Vec<Tool> {
    let is_missing = |tool: &Tool| find(*tool).is_none();
    tools.iter().copied().filter(is_missing).collect()
}

/// The packages that have them.
pub(crate) fn packages(tools: &[Tool]) -> Vec<&'static str> {
    let mut packages: Vec<&str> = tools.iter().map(|tool| tool.package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

/// An error that names all of the missing, if there are any.
pub(crate) fn all_there(missing: &[Tool]) -> Result<(), LabError> {
    if missing.is_empty() {
        return Ok(());
    }
    Err(LabError::Missing {
        tools: missing.iter().map(|tool| tool.name.to_owned()).collect(),
        install: format!("apt-get install {}", packages(missing).join(" ")),
    })
}

/// Runs a program to its end and gives its stdout.
pub(crate) fn run(program: &Path, args: &[&str]) -> Result<String, LabError> {
    let name = program.display().to_string();
    let output = Command::new(program)
        .args(args)
        .env_clear()
        .env("PATH", PATH)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| LabError::Io {
            doing: format!("starting {name}"),
            source,
        })?;
    if !output.status.success() {
        let mut said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if said.is_empty() {
            said = output.status.to_string();
        }
        return Err(LabError::Command {
            command: name,
            output: said,
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_all_that_is_missing_and_what_to_install() {
        let b = Tool::program("no-such-b", "pkg-b");
        let a = Tool::library("no-such-a", "pkg-a");
        let error = require([b, UNSHARE, a]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no-such-b, no-such-a not installed; on Debian: apt-get install pkg-a pkg-b"
        );
    }

    #[test]
    fn a_library_is_no_program() {
        // Every Debian has both.
        let (sh, c) = ("sh", "libc.so.6");
        assert!(find(Tool::program(sh, "dash")).is_some());
        assert!(find(Tool::library(sh, "dash")).is_none());
        assert!(find(Tool::library(c, "libc6")).is_some());
        assert!(find(Tool::program(c, "libc6")).is_none());
    }
}
