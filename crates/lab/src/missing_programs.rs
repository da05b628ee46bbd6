//! Programs and libraries that are not installed, and how they come here.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::LabError;
use crate::file_lock::FileLock;
use crate::privilege::is_root;
use crate::tools::{self, PATH, Tool};

const APT_GET: &str = "/usr/bin/apt-get";
/// Held by whoever installs: several tests may miss the same program at the same time.
const LOCK: &str = "/run/phalanx-lab-apt.lock";
/// What Debian asks before it starts a service that was just installed.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// The path of a program that somebody wants beside the lab's own, such as a browser to test in, and of whom
/// this is the Debian package. Where it is missing and we are root, it is installed.
///
/// # Errors
/// Where it can't be had; the error says how to install it.
pub fn program(name: &'static str, package: &'static str) -> Result<PathBuf, LabError> {
    one(Tool::program(name, package))
}

/// The same for a library that a program is to be started with, such as `faketime/libfaketime.so.1`.
///
/// # Errors
/// Where it can't be had; the error says how to install it.
pub fn library(name: &'static str, package: &'static str) -> Result<PathBuf, LabError> {
    one(Tool::library(name, package))
}

fn one(tool: Tool) -> Result<PathBuf, LabError> {
    provide(&[tool], &mut |_| {})?;
    Ok(tools::find(tool).unwrap_or_default())
}

/// Installs what is missing with apt-get, where we are root and there is one; else the error names all
/// of it, and the command that installs it. No service is started by that.
pub(crate) fn provide(wanted: &[Tool], tell: &mut dyn FnMut(&str)) -> Result<(), LabError> {
    let Err(error) = tools::all_there(&tools::missing(wanted)) else {
        return Ok(());
    };
    if !is_root() || !Path::new(APT_GET).is_file() {
        return Err(error);
    }
    let lock = FileLock::alone(Path::new(LOCK))?;
    // Whoever had the lock before may have wanted the same.
    let missing = tools::missing(wanted);
    let packages = tools::packages(&missing);
    let installed = if packages.is_empty() {
        Ok(())
    } else {
        tell(&format!("installing {} with apt-get", packages.join(" ")));
        let _policy = NoServices::new();
        // Package lists may be missing or too old: then the first try fails.
        install(&packages).or_else(|_| apt(&["update"]).and_then(|()| install(&packages)))
    };
    lock.remove();
    installed.map_err(|said| LabError::Build {
        doing: format!(
            "installing what is missing (apt-get install {})",
            packages.join(" ")
        ),
        said,
    })?;
    tools::all_there(&tools::missing(wanted))
}

fn install(packages: &[&str]) -> Result<(), String> {
    let arguments = ["install", "-y", "--no-install-recommends"];
    apt(&[&arguments[..], packages].concat())
}

fn apt(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(APT_GET)
        .args(["-o", "DPkg::Lock::Timeout=300"])
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C.UTF-8")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// As long as this is there, Debian starts no service that it installs. Where somebody has a policy of
/// their own, that one holds.
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn new() -> Self {
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(POLICY);
        let ours = file.is_ok_and(|mut file| file.write_all(b"#!/bin/sh\nexit 101\n").is_ok());
        Self { ours }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}
