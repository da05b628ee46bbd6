//! What a reader of cluster files must be told about the world, which it does not look at itself.

use std::fmt;

use crate::cluster::Spanned;
use crate::problem::{Problem, Problems};
use crate::shown_settings::ShownSettings;
use crate::source::SourceFile;

/// What a path to a private key leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFile {
    /// To nothing.
    Missing,
    /// To a file that can be read.
    Readable {
        /// Its permission bits.
        mode: u32,
    },
    /// To a public key: it names one of an agent's keys, and anybody may read it.
    Public,
    /// To a folder or the like.
    NotAFile,
    /// To something that can't be read, and why.
    Unreadable(String),
}

/// What the readers of both spellings are told.
#[derive(Clone, Copy)]
pub struct ReadContext<'a> {
    /// The user's home folder, where it is known.
    pub home: Option<&'a str>,
    /// What a path leads to.
    pub key_file: &'a dyn Fn(&str) -> KeyFile,
    /// Which of the recipe's settings may be shown.
    pub settings: &'a ShownSettings,
    /// The recipe, where the file names none.
    pub recipe: &'a str,
}

impl fmt::Debug for ReadContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadContext")
            .field("home", &self.home)
            .field("settings", &self.settings)
            .field("recipe", &self.recipe)
            .finish_non_exhaustive()
    }
}

/// ssh's own default keys, below the home folder, in ssh's order.
const DEFAULT_KEYS: [&str; 3] = [".ssh/id_rsa", ".ssh/id_ecdsa", ".ssh/id_ed25519"];

impl ReadContext<'_> {
    /// A path with `~` resolved; `None` where that needs a home folder that is not known.
    pub(crate) fn resolve(&self, path: &str) -> Option<String> {
        if path == "~" {
            return self.home.map(str::to_owned);
        }
        match path.strip_prefix("~/") {
            Some(rest) => Some(format!("{}/{rest}", self.home?.trim_end_matches('/'))),
            None => Some(path.to_owned()),
        }
    }

    /// ssh's default key files, as far as there are such files and nobody else can read them.
    pub(crate) fn default_keys(&self) -> Vec<String> {
        let Some(home) = self.home else {
            return Vec::new();
        };
        DEFAULT_KEYS
            .iter()
            .map(|key| format!("{}/{key}", home.trim_end_matches('/')))
            .filter(|path| matches!((self.key_file)(path), KeyFile::Readable { mode } if !is_open(mode)))
            .collect()
    }

    /// Whether this file, where it exists, can serve as a key. One that others can read is told: ssh
    /// would pass over it in silence.
    pub(crate) fn optional_key(
        &self,
        source: &SourceFile,
        path: &str,
        problems: &mut Problems,
    ) -> bool {
        match (self.key_file)(path) {
            KeyFile::Readable { mode } if is_open(mode) => {
                problems.push(
                    Problem::warning(
                        "cluster::key-mode",
                        format!("the default key `{path}` is not used: others can read it"),
                    )
                    .in_file(source)
                    .help(format!("run `chmod 600 {}`", quoted(path))),
                );
                false
            }
            KeyFile::Readable { .. } | KeyFile::Public => true,
            KeyFile::Missing | KeyFile::NotAFile | KeyFile::Unreadable(_) => false,
        }
    }

    /// Checks a key file that the cluster file names, and gives its path with `~` resolved.
    pub(crate) fn named_key(
        &self,
        source: &SourceFile,
        path: &Spanned<String>,
        problems: &mut Problems,
    ) -> Option<String> {
        let mut refuse = |code, message: String, label: &str, help: String| {
            problems.push(
                Problem::error(code, message)
                    .at(source, path.span, label)
                    .help(help),
            );
            None
        };
        let Some(resolved) = self.resolve(&path.value) else {
            return refuse(
                "cluster::home",
                "the home folder is not known".into(),
                "`~` stands for it",
                "set HOME, or write the path in full".into(),
            );
        };
        let shown = resolved.escape_debug();
        match (self.key_file)(&resolved) {
            KeyFile::Readable { mode } if is_open(mode) => refuse(
                "cluster::key-mode",
                format!(
                    "the key file `{shown}` can be read by others (mode {:04o})",
                    mode & 0o7777
                ),
                "this key",
                format!("run `chmod 600 {}`", quoted(&resolved)),
            ),
            KeyFile::Readable { .. } | KeyFile::Public => Some(resolved),
            KeyFile::Missing => refuse(
                "cluster::key-missing",
                format!("there is no key file `{shown}`"),
                "this key",
                "write the path of the private key that the hosts accept".into(),
            ),
            KeyFile::NotAFile => refuse(
                "cluster::key-missing",
                format!("`{shown}` is not a file"),
                "this key",
                "write the path of the private key itself".into(),
            ),
            KeyFile::Unreadable(reason) => refuse(
                "cluster::key-unreadable",
                format!("the key file `{shown}` can't be read: {reason}"),
                "this key",
                "make it readable for you, and for nobody else: `chmod 600`".into(),
            ),
        }
    }
}

fn is_open(mode: u32) -> bool {
    mode & 0o077 != 0
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+');
    match !path.is_empty() && path.chars().all(plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}
