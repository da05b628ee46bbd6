use std::sync::{Arc, Mutex};

use phalanx_remote::JobWatch;

/// Keeps what a job says; a clone sees the same.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    seen: Arc<Mutex<(usize, Vec<u8>)>>,
    /// After so many bytes, storing fails.
    pub(crate) room: Option<usize>,
}

impl Recorder {
    /// How often it was told that the job is accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.seen.lock().expect("no panic").0
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.seen.lock().expect("no panic").1.clone()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes()).expect("UTF-8")
    }
}

impl JobWatch for Recorder {
    fn accepted(&mut self) {
        self.seen.lock().expect("no panic").0 += 1;
    }

    fn output(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let mut seen = self.seen.lock().expect("no panic");
        seen.1.extend_from_slice(bytes);
        match self.room {
            Some(room) if seen.1.len() > room => Err(std::io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}
