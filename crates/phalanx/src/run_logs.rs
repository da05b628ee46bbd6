//! A run's logs, for screens.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

use phalanx_engine::RunFolder;
use phalanx_plan::TaskId;
use phalanx_report::live::LogPort;

/// So many are kept open.
const OPEN: usize = 64;

/// The logs in a run's folder.
pub(crate) struct RunLogs {
    folder: RunFolder,
    open: BTreeMap<(TaskId, u32), File>,
}

impl RunLogs {
    pub(crate) fn new(folder: RunFolder) -> Self {
        Self {
            folder,
            open: BTreeMap::new(),
        }
    }

    fn file(&mut self, task: &TaskId, attempt: u32) -> Option<&File> {
        let key = (task.clone(), attempt);
        if !self.open.contains_key(&key) {
            let file = File::open(self.folder.attempt_log_path(task, attempt)).ok()?;
            if self.open.len() >= OPEN {
                self.open.clear();
            }
            self.open.insert(key.clone(), file);
        }
        self.open.get(&key)
    }
}

impl LogPort for RunLogs {
    fn size(&mut self, task: &TaskId, attempt: u32) -> u64 {
        let file = self.file(task, attempt);
        file.and_then(|file| file.metadata().ok())
            .map_or(0, |metadata| metadata.len())
    }

    fn read(&mut self, task: &TaskId, attempt: u32, from: u64, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; most];
        let mut held = 0;
        if let Some(file) = self.file(task, attempt) {
            while let Some(room) = bytes.get_mut(held..).filter(|room| !room.is_empty()) {
                match file.read_at(room, from + held as u64) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => held += count,
                }
            }
        }
        bytes.truncate(held);
        bytes
    }
}
