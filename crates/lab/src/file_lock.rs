//! Locks between processes: a lock ends with the process that holds it, however it ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::{LabError, at};

/// A lock on a file that is there for nothing else. Children do not inherit it.
#[derive(Debug)]
pub(crate) struct FileLock {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// Takes the lock for this process alone; nothing where somebody else has it.
    pub(crate) fn try_alone(path: &Path) -> Result<Option<Self>, LabError> {
        loop {
            let file = open(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(source)) => return at("locking", path, Err(source)),
            }
            if is_at(&file, path) {
                let path = path.to_owned();
                return Ok(Some(Self { file, path }));
            }
        }
    }

    /// Takes the lock together with others that want it like this; waits for who has it alone.
    pub(crate) fn shared(path: &Path) -> Result<Self, LabError> {
        loop {
            let file = open(path)?;
            at("locking", path, file.lock_shared())?;
            if is_at(&file, path) {
                let path = path.to_owned();
                return Ok(Self { file, path });
            }
        }
    }

    /// Takes the lock for this process alone; waits for who has it.
    pub(crate) fn alone(path: &Path) -> Result<Self, LabError> {
        loop {
            let file = open(path)?;
            at("locking", path, file.lock())?;
            if is_at(&file, path) {
                let path = path.to_owned();
                return Ok(Self { file, path });
            }
        }
    }

    /// Gives the lock back and removes its file. Who waits for it notices and makes a new one.
    pub(crate) fn remove(self) {
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

fn open(path: &Path) -> Result<File, LabError> {
    let mut options = OpenOptions::new();
    let opened = options.create(true).truncate(false).write(true).open(path);
    at("opening", path, opened)
}

/// Whether the file is still the one at the path: whoever held the lock may have removed it.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(ours), Ok(there)) => ours.ino() == there.ino() && ours.dev() == there.dev(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alone_or_several_together() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = FileLock::shared(&path).unwrap();
        let second = FileLock::shared(&path).unwrap();
        assert!(FileLock::try_alone(&path).unwrap().is_none());
        drop((first, second));
        let alone = FileLock::try_alone(&path).unwrap().unwrap();
        assert!(FileLock::try_alone(&path).unwrap().is_none());
        alone.remove();
        assert!(!path.exists());
        assert!(FileLock::try_alone(&path).unwrap().is_some());
    }
}
