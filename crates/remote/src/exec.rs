//! The seam between SSH and the job protocol: a command on a host as bytes in, bytes out and an exit
//! status at the end.

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::LostError;

/// Runs commands on one host.
#[async_trait]
pub trait Exec: Send + Sync {
    /// Opens a channel that runs `command`. `tty` asks for a raw terminal that passes all 8 bits
    /// both ways: some sudoers files want one (`requiretty`).
    async fn open(&self, command: &str, tty: bool) -> Result<Box<dyn ExecChannel>, LostError>;
}

/// One running command. Dropping it closes the channel.
#[async_trait]
pub trait ExecChannel: Send {
    /// Sends bytes to the command's stdin; waits until the host has room for them. Where the host
    /// writes without end instead of reading, it gives up, and [`ExecChannel::next`] tells of it.
    async fn send(&mut self, bytes: &[u8]) -> Result<(), LostError>;

    /// Ends the command's stdin.
    async fn end_input(&mut self) -> Result<(), LostError>;

    /// The next thing that came, `None` once the channel is closed. May be dropped while it waits
    /// without losing anything.
    async fn next(&mut self) -> Result<Option<FromHost>, LostError>;

    /// Closes the channel, whatever the command is doing.
    async fn close(&mut self);
}

/// What comes from a running command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromHost {
    /// Bytes of its stdout.
    Stdout(Bytes),
    /// Bytes of its stderr.
    Stderr(Bytes),
    /// Its exit status.
    Exit(i32),
    /// It wrote and wrote while it should have read. What came until then was told before this, and
    /// nothing more is taken from it.
    Flood,
    /// The number of the signal that ended it.
    Killed(i32),
}
