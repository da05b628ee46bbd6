//! A host that could be reached, and does not do as it is asked: what it does instead, and what to do
//! about it. None of this passes by itself.

use std::fmt;

use thiserror::Error;

/// How much of what a host said goes into a message, in characters.
const SAID_KEPT: usize = 400;

/// The host would not let us be root.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the login may not become root: {said}")]
pub struct SudoError {
    /// What sudo said, in one line.
    pub said: String,
    /// Whether it asked for a password.
    pub wants_password: bool,
}

impl SudoError {
    /// What sudo said, whatever its language. That it wants a terminal is not asked of the text: one is
    /// given to it, and then it works or does not.
    pub(crate) fn new(said: &Said) -> Self {
        Self {
            said: if said.0.is_empty() {
                "it gave no reason".into()
            } else {
                said.0.clone()
            },
            wants_password: wants_password(&said.0),
        }
    }

    /// What the operator can do about it.
    pub fn advice(&self) -> String {
        "the login needs sudo without a password (a line such as `USER ALL=(ALL) NOPASSWD: ALL` in \
         /etc/sudoers.d), or log in as root"
            .into()
    }
}

/// Whether sudo asked for a password, by its words: it then wants no terminal.
pub(crate) fn wants_password(said: &str) -> bool {
    said.contains("a password is required")
}

/// The login was let in, and then something else happened than what it was asked to do.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LoginError {
    /// It ended without running the command.
    #[error("the login runs no commands: it {said} and ended with status {status}")]
    RunsNothing {
        /// Its exit status.
        status: i32,
        /// What it said instead.
        said: Said,
    },
    /// What is sent to the command does not reach it whole.
    #[error(
        "something in the login takes what is sent to its commands: a start-up file that reads from \
         its input"
    )]
    TakesInput,
    /// The host has no sudo that the login could run.
    #[error("the login cannot run sudo: it {said}")]
    NoSudo {
        /// What its shell said.
        said: Said,
    },
    /// It ran, but not as root.
    #[error("what was to run as root ran as user {uid}, and did nothing")]
    NotRoot {
        /// The user's number.
        uid: u32,
        /// Whether sudo was to make it root.
        sudo: bool,
    },
}

impl LoginError {
    /// What the operator can do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::RunsNothing { .. } => {
                "if it names another login, set that as `user` under `ssh` in the cluster file; else \
                 look at the login's shell in the host's /etc/passwd (nologin and false run nothing), \
                 at what its start-up files do (`exit`), and for a forced command (ForceCommand in \
                 sshd_config, `command=` in authorized_keys)"
            }
            Self::TakesInput => {
                "look for `read`, `cat` and the like in the start-up files of the login's shell on the \
                 host (.bashrc, .profile, /etc/bashrc), and let them do that only in an interactive \
                 shell"
            }
            Self::NoSudo { .. } => {
                "install sudo on the host and give the login a line such as `USER ALL=(ALL) NOPASSWD: \
                 ALL` in /etc/sudoers.d, or log in as root"
            }
            Self::NotRoot { sudo: true, .. } => {
                "a start-up file of the login's shell (such as .bashrc) puts another shell in the \
                 command's place with `exec`, or sudo is set up to make it somebody else \
                 (runas_default); `sudo -n id -u`, given to ssh as its command, has to print 0"
            }
            Self::NotRoot { sudo: false, .. } => {
                "the user `root` of the cluster file is not the host's user 0, or its start-up files \
                 become somebody else; `id -u`, given to ssh as its command, has to print 0"
            }
        }
        .into()
    }
}

/// What a host said, in one line, not too long. Reads as a part of a sentence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said(pub String);

impl Said {
    /// The words, cut where they are too many.
    pub(crate) fn new(words: &str) -> Self {
        let mut text: String = words.chars().take(SAID_KEPT).collect();
        if text.len() < words.len() {
            text.push_str(" ...");
        }
        Self(text)
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_str() {
            "" => f.write_str("said nothing"),
            words => write!(f, "said {words:?}"),
        }
    }
}

/// Somebody else than root can change the spool, and so what root runs.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the spool {spool} is not root's alone: {reason}")]
pub struct UnsafeSpoolError {
    /// The folder.
    pub spool: String,
    /// Which folder of it, or on the way to it, is whose, and its mode.
    pub reason: String,
}

impl UnsafeSpoolError {
    /// What the operator can do about it.
    pub fn advice(&self) -> String {
        "whoever can change that folder could have root run their own scripts: give it to root and take \
         the right to write in it from all others (chown root, chmod go-w), after a look at what is in \
         it; or set `spool` under `ssh` in the cluster file to a folder below others that only root can \
         change, such as /var/lib/phalanx"
            .into()
    }
}
