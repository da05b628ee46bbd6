//! One run at a time: the lock beside the cluster file.
//!
//! It is a lock of the kernel (`flock`): whoever holds it lives, and with the process it is gone,
//! however that ended. The file's text only tells others who that is.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

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

/// How often it is tried again while somebody looks who holds it, and how long that takes at most.
const LOOKERS: u32 = 5;
const LOOKS_FOR: Duration = Duration::from_millis(10);

/// Held until it is dropped, or the process ends.
#[derive(Debug)]
pub struct ClusterLock {
    _file: File,
}

impl ClusterLock {
    /// Takes the lock of the cluster whose runs are below `home` (the `.phalanx` folder).
    ///
    /// # Errors
    /// [`LockError::Held`] where somebody else has it; never waits.
    pub fn take(home: &Path, holder: &Holder) -> Result<Self, LockError> {
        let path = home.join("lock");
        let failed = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(home)
            .map_err(failed)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let mut tries = 0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                // Somebody who only looks has it for a moment.
                Err(TryLockError::WouldBlock) if tries < LOOKERS => {
                    tries += 1;
                    std::thread::sleep(LOOKS_FOR);
                }
                Err(TryLockError::WouldBlock) => return Err(LockError::Held(read(&mut file))),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        let text = serde_json::to_string(holder).unwrap_or_default();
        file.set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(text.as_bytes()))
            .map_err(failed)?;
        Ok(Self { _file: file })
    }

    /// Who holds the cluster now, as far as that can be told.
    pub fn holder(home: &Path) -> Option<Holder> {
        let mut file = File::open(home.join("lock")).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => read(&mut file),
            _ => None,
        }
    }
}

/// Who it is need not be written yet.
fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
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
    fn only_one_has_it_and_the_other_is_told_who() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().join(".phalanx");
        let first = ClusterLock::take(&home, &holder("a-much-longer-name")).unwrap();
        match ClusterLock::take(&home, &holder("b")) {
            Err(LockError::Held(Some(known))) => assert_eq!(known, holder("a-much-longer-name")),
            other => unreachable!("{other:?}"),
        }
        assert_eq!(
            ClusterLock::holder(&home).unwrap().run,
            "a-much-longer-name"
        );
        drop(first);
        assert_eq!(ClusterLock::holder(&home), None);
        let second = ClusterLock::take(&home, &holder("b")).unwrap();
        match ClusterLock::take(&home, &holder("c")) {
            Err(LockError::Held(Some(known))) => assert_eq!(known.run, "b"),
            other => unreachable!("{other:?}"),
        }
        drop(second);
    }
}
