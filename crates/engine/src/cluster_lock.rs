//! One run at a time: the lock beside the cluster file.
//!
//! It is a lock of the kernel (`flock`): whoever holds it lives, and with the process it is gone,
//! however that ended. The file's text only tells others who that is.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::plain_file;

/// Who holds a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The run.
    pub run: String,
    /// Who started it.
    pub owner: String,
    /// On which machine.
    pub machine: String,
    /// Its process there.
    pub pid: u32,
    /// Since when, by that machine's clock: for people.
    pub since: Timestamp,
}

/// Why the lock was not taken.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another run holds the cluster.
    #[error("another run holds the cluster")]
    Held(Option<Holder>),
    /// The file cannot be used.
    #[error("{} could not be used", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Held until it is dropped, or the process ends.
#[derive(Debug)]
pub struct ClusterLock {
    _file: File,
}

impl ClusterLock {
    /// Takes the lock of a cluster whose runs are below `home` (the `.phalanx` folder).
    ///
    /// # Errors
    /// [`LockError::Held`] where somebody else has it; never waits.
    pub fn take(home: &Path, cluster: &str, holder: &Holder) -> Result<Self, LockError> {
        let path = path_of(home, cluster);
        let failed = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(home.join(LOCKS))
            .map_err(failed)?;
        let mut file = plain_file::read_and_write(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held(read(&mut file))),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let text = serde_json::to_string(holder).unwrap_or_default();
        file.set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(text.as_bytes()))
            .map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// What the holder has written about itself is no longer than this.
const LONGEST: u64 = 64 << 10;

/// The folder of all clusters' locks.
const LOCKS: &str = "locks";

/// Cluster files that lie side by side share the folder of their runs, but no lock.
fn path_of(home: &Path, cluster: &str) -> PathBuf {
    let mut name = String::new();
    for byte in cluster.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(name, "%{byte:02x}")),
        }
    }
    // A file's name has an end.
    name.truncate(200);
    home.join(LOCKS).join(name)
}

/// Who it is need not be written yet.
fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    // It may be anything.
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(run: &str) -> Holder {
        Holder {
            run: run.to_owned(),
            owner: "kim".into(),
            machine: "desk".into(),
            pid: 7,
            since: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_link_in_the_place_of_a_lock_is_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let victim = home.path().join("victim");
        std::fs::write(&victim, "kept").unwrap();
        std::fs::create_dir(home.path().join(LOCKS)).unwrap();
        std::os::unix::fs::symlink(&victim, home.path().join("locks/adv")).unwrap();
        let refused = ClusterLock::take(home.path(), "adv", &holder("a"));
        assert!(matches!(refused, Err(LockError::Io { .. })), "{refused:?}");
        assert_eq!(std::fs::read(&victim).unwrap(), b"kept");
    }

    #[test]
    fn only_one_has_it_and_the_other_is_told_who() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().join(".phalanx");
        let first = ClusterLock::take(&home, "x y/../z", &holder("a-much-longer-name")).unwrap();
        match ClusterLock::take(&home, "x y/../z", &holder("b")) {
            Err(LockError::Held(Some(known))) => assert_eq!(known, holder("a-much-longer-name")),
            other => unreachable!("{other:?}"),
        }
        drop(first);
        let second = ClusterLock::take(&home, "x y/../z", &holder("b")).unwrap();
        match ClusterLock::take(&home, "x y/../z", &holder("c")) {
            Err(LockError::Held(Some(known))) => assert_eq!(known.run, "b"),
            other => unreachable!("{other:?}"),
        }
        // Another cluster's is another lock.
        let other = ClusterLock::take(&home, "x", &holder("d")).unwrap();
        drop((second, other));
        assert_eq!(path_of(Path::new("h"), "a.b"), Path::new("h/locks/a%2eb"));
    }
}
