//! What the environment says. Read once, here, and handed on.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::program;

/// The variable that tells this program inside of a lab what it is called outside.
pub(crate) const PROGRAM: &str = "PHALANX_PROGRAM";
/// The variable that names the lab in whose network this program was started.
pub(crate) const LAB: &str = "PHALANX_LAB";
/// The variable that says where that lab's own cluster file is.
pub(crate) const LAB_FILE: &str = "PHALANX_LAB_FILE";

/// The environment, as far as the command cares.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// The home folder.
    pub(crate) home: Option<String>,
    /// `SSH_AUTH_SOCK`: the agent.
    pub(crate) agent: Option<PathBuf>,
    /// `XDG_CACHE_HOME`: where what can be made again is kept.
    pub(crate) cache: Option<PathBuf>,
    /// `XDG_STATE_HOME`: where labs live.
    pub(crate) state: Option<PathBuf>,
    /// `COLUMNS`: how wide the output is, where that is no terminal.
    pub(crate) columns: Option<u16>,
    /// Whether the locale is one of UTF-8.
    pub(crate) utf8: bool,
    /// What this program is called by whoever has to type it again, outside of all labs.
    pub(crate) program: String,
    /// The lab in whose network this program was started.
    pub(crate) lab: Option<String>,
    /// That lab's own cluster file.
    pub(crate) lab_file: Option<PathBuf>,
    /// Who runs this program: `SUDO_USER`, `USER` or `LOGNAME`.
    pub(crate) user: Option<String>,
    /// `SUDO_UID`: who has become root, where somebody has.
    pub(crate) became_root: Option<u32>,
    /// What this machine calls itself.
    pub(crate) machine: String,
    /// `NO_COLOR`: whether no colours are wanted.
    pub(crate) no_color: bool,
    /// Whether the terminal can move its cursor: `TERM` is neither missing nor `dumb`.
    pub(crate) screen: bool,
}

impl Environment {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads it"
    )]
    pub(crate) fn read() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let path = |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .find_map(|name| text(name));
        let locale = locale.unwrap_or_default().to_ascii_lowercase();
        let folders: Vec<PathBuf> =
            path("PATH").map_or_else(Vec::new, |path| std::env::split_paths(&path).collect());
        Self {
            // Without HOME, as in a service, the password file knows.
            home: text("HOME").or_else(|| {
                let home = std::env::home_dir()?;
                Some(home.to_str()?.to_owned())
            }),
            agent: path("SSH_AUTH_SOCK").map(PathBuf::from),
            cache: path("XDG_CACHE_HOME").map(PathBuf::from),
            state: path("XDG_STATE_HOME").map(PathBuf::from),
            columns: text("COLUMNS").and_then(|columns| columns.parse().ok()),
            utf8: locale.contains("utf-8") || locale.contains("utf8"),
            program: program::name(text(PROGRAM).or_else(|| std::env::args().next()), &folders),
            lab: text(LAB),
            lab_file: path(LAB_FILE).map(PathBuf::from),
            user: text("SUDO_USER")
                .or_else(|| text("USER"))
                .or_else(|| text("LOGNAME")),
            became_root: text("SUDO_UID")
                .and_then(|user| user.parse().ok())
                .filter(|_| rustix::process::geteuid().is_root()),
            machine: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
            no_color: text("NO_COLOR").is_some(),
            screen: text("TERM").is_some_and(|term| term != "dumb"),
        }
    }
}
