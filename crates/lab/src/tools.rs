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

/// A program and the Debian package that has it.
pub(crate) type Tool = (&'static str, &'static str);

pub(crate) const SSHD: Tool = ("sshd", "openssh-server");
pub(crate) const SSH_KEYGEN: Tool = ("ssh-keygen", "openssh-client");
pub(crate) const SUDO: Tool = ("sudo", "sudo");
pub(crate) const UNSHARE: Tool = ("unshare", "util-linux");
pub(crate) const SETPRIV: Tool = ("setpriv", "util-linux");
pub(crate) const MOUNT: Tool = ("mount", "mount");

/// The program's absolute path, if it is installed.
pub(crate) fn find(tool: Tool) -> Option<PathBuf> {
    FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(tool.0))
        .find(|path| path.is_file())
}

/// The absolute paths of all of them, or all that are missing in one error.
pub(crate) fn require<const N: usize>(tools: [Tool; N]) -> Result<[PathBuf; N], LabError> {
    let found = tools.map(|tool| (tool, find(tool)));
    let missing: Vec<Tool> = found
        .iter()
        .filter(|(_, path)| path.is_none())
        .map(|(tool, _)| *tool)
        .collect();
    if missing.is_empty() {
        return Ok(found.map(|(_, path)| path.unwrap_or_default()));
    }
    let mut packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    packages.sort_unstable();
    packages.dedup();
    Err(LabError::Missing {
        tools: missing.iter().map(|(name, _)| (*name).to_owned()).collect(),
        install: format!("apt-get install {}", packages.join(" ")),
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
        let error = require([("no-such-b", "pkg-b"), UNSHARE, ("no-such-a", "pkg-a")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no-such-b, no-such-a not installed; on Debian: apt-get install pkg-a pkg-b"
        );
    }
}
