//! Files that are brought to a host.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::PutError;

/// A host's files.
#[async_trait]
pub trait HostFiles: Send + Sync {
    /// Brings files to the host, in order: each complete or not at all, and not at all where it is
    /// there already. What came of each goes to `done`, also where a later one fails. Gives how long the
    /// host worked on it, by its own clock.
    async fn put_all(
        &self,
        files: &[FileToPut],
        fence: u64,
        done: &mut Vec<PutOutcome>,
    ) -> Result<Duration, PutError>;
}

/// A file on its way to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileToPut {
    /// Absolute path on the host. Missing folders are made, 0755.
    pub path: String,
    /// The content.
    pub content: Content,
    /// Permission bits.
    pub mode: u32,
    /// `user` or `user:group`; root where not given.
    pub owner: Option<String>,
}

/// What a file is to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What the file at this path of this machine holds, however large it is.
    Local(std::path::PathBuf),
}

/// What a put did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// The file is new or was replaced.
    Written,
    /// Content was right; mode or owner was mended.
    Mended,
    /// It was all there.
    Already,
}
