//! Holding a host: only one run works on it at a time.

use std::time::Duration;

use async_trait::async_trait;

use super::JobId;
use crate::error::JobError;

/// The hold on a host.
#[async_trait]
pub trait HostHold: Send + Sync {
    /// Takes the host for a run, where nobody else holds it. `seen` is a holder that was found before and
    /// is known to be dead: it is taken from that one, if nothing has changed since.
    async fn hold(&self, me: &HolderWords, seen: Option<&HolderWords>) -> Result<Hold, JobError>;

    /// Gives a sign of life to whoever else would take the host.
    async fn beat(&self, me: &HolderWords, fence: u64) -> Result<(), JobError>;

    /// Lets the host go. Collecting does so as well.
    async fn release(&self, fence: u64) -> Result<(), JobError>;
}

/// Who holds a host. All texts are single words on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HolderWords {
    /// The process, so named that no other has this name, ever and anywhere.
    pub process: String,
    /// How often it has given a sign of life.
    pub beats: u64,
    /// Whether it works already.
    pub stance: Stance,
    /// Who stays where two take hosts at the same time: the higher one. Drawn once by each process.
    pub rank: u64,
    /// The run.
    pub run: String,
    /// Who started it.
    pub owner: String,
    /// On which machine.
    pub machine: String,
    /// Since when, by that machine's clock: for people.
    pub since: String,
    /// What that run calls this host.
    pub host: String,
}

/// How far whoever holds a host has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stance {
    /// It takes its hosts, and has begun nothing anywhere.
    Taking,
    /// It may have scripts at work.
    #[default]
    Working,
}

/// What became of taking a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It is ours.
    Taken {
        /// The number that our requests carry from now on: all others are refused.
        fence: u64,
    },
    /// Somebody else has it.
    Busy {
        /// Who.
        them: HolderWords,
        /// How long ago they gave their last sign of life, by the clock of the host that counts from its boot.
        /// None: not known, the host was rebooted since.
        quiet_for: Option<Duration>,
    },
    /// Nobody has it, and these jobs of other runs still run there.
    Jobs(Vec<LeftJob>),
    /// This very process holds it already, under another name: two hosts of the plan are one machine.
    Twice {
        /// The other name.
        host: String,
    },
}

/// A job of another run that still runs on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftJob {
    /// Which.
    pub id: JobId,
    /// Whether the spool knows nothing of it: its folder was removed under it.
    pub folder_gone: bool,
}
