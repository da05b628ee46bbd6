//! The command that is measured, built from here.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::Outcome;

/// How it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// As `cargo run` builds it.
    Dev,
    /// As it is installed.
    Release,
}

/// Builds `phalanx` and gives its path.
pub(crate) fn phalanx(profile: Profile) -> Outcome<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--package", "phalanx", "--message-format=json"]);
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    let built = cargo.stderr(Stdio::inherit()).output()?;
    let executable = String::from_utf8(built.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
        .next_back();
    Ok(executable.ok_or("cargo built no phalanx")?)
}
