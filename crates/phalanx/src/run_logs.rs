//! A run's logs, for screens.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::rc::Rc;

use jiff::Timestamp;
use phalanx_engine::{RunFolder, plain_file};
use phalanx_plan::TaskId;
use phalanx_report::LogTimes;
use phalanx_report::live::LogPort;

/// So many are kept open.
const OPEN: usize = 64;

/// The logs in a run's folder.
pub(crate) struct RunLogs {
    folder: RunFolder,
    open: BTreeMap<(TaskId, u32), Open>,
    /// What came after this moment is not there yet, where one is given.
    moment: Rc<Cell<Option<Timestamp>>>,
}

struct Open {
    file: File,
    /// When its bytes came, where only those up to a moment are wanted.
    times: Option<LogTimes>,
}

impl RunLogs {
    pub(crate) fn new(folder: RunFolder) -> Self {
        Self {
            folder,
            open: BTreeMap::new(),
            moment: Rc::default(),
        }
    }

    /// The logs as they were at a moment, which may be set to another.
    pub(crate) fn at_moment(mut self, moment: Rc<Cell<Option<Timestamp>>>) -> Self {
        self.moment = moment;
        self
    }

    fn open(&mut self, task: &TaskId, attempt: u32) -> Option<&Open> {
        let key = (task.clone(), attempt);
        if !self.open.contains_key(&key) {
            let path = self.folder.attempt_log_path(task, attempt);
            let file = plain_file::open(&path).ok()?;
            let times = self.moment.get().is_some().then(|| {
                // Where no times were kept, all of it counts as come.
                let text = plain_file::read(&RunFolder::log_times_path(&path));
                LogTimes::parse(&String::from_utf8_lossy(&text.unwrap_or_default()))
            });
            if self.open.len() >= OPEN {
                self.open.clear();
            }
            self.open.insert(key.clone(), Open { file, times });
        }
        self.open.get(&key)
    }
}

impl LogPort for RunLogs {
    fn size(&mut self, task: &TaskId, attempt: u32) -> u64 {
        let moment = self.moment.get();
        let Some(open) = self.open(task, attempt) else {
            return 0;
        };
        let size = open.file.metadata().map_or(0, |metadata| metadata.len());
        match (moment, &open.times) {
            (Some(moment), Some(times)) if !times.is_empty() => times.offset_at(moment).min(size),
            _ => size,
        }
    }

    fn read(&mut self, task: &TaskId, attempt: u32, from: u64, most: usize) -> Vec<u8> {
        let size = self.size(task, attempt);
        let most = most.min(usize::try_from(size.saturating_sub(from)).unwrap_or(most));
        let mut bytes = vec![0; most];
        let mut held = 0;
        if let Some(open) = self.open(task, attempt) {
            while let Some(room) = bytes.get_mut(held..).filter(|room| !room.is_empty()) {
                match open.file.read_at(room, from + held as u64) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => held += count,
                }
            }
        }
        bytes.truncate(held);
        bytes
    }
}
