//! The way out to displays: never waited for, and bounded where hosts could flood it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use phalanx_events::Event;
use phalanx_plan::TaskId;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// So much of the hosts' output may wait for a display that lags; what is more is only in the logs.
const MAX_WAITING: usize = 16 * 1024 * 1024;

/// What displays are told.
#[derive(Clone, Debug)]
pub enum Told {
    /// Something happened; it is on disk.
    Event(Arc<Event>),
    /// A host said something; it is in the task's log.
    Output {
        /// During which task.
        task: TaskId,
        /// What.
        bytes: Vec<u8>,
    },
}

/// Tells displays what happens.
#[derive(Clone)]
pub(crate) struct Telling {
    queue: UnboundedSender<Told>,
    /// Bytes of output that wait in the queue; none is wanted where there is no count.
    waiting: Option<Arc<AtomicUsize>>,
}

/// The other end: hands on to displays at their own pace.
pub(crate) struct Forward {
    queue: UnboundedReceiver<Told>,
    waiting: Option<Arc<AtomicUsize>>,
}

/// Both ends; `output` says whether the hosts' output is wanted.
pub(crate) fn telling(output: bool) -> (Telling, Forward) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = output.then(|| Arc::new(AtomicUsize::new(0)));
    (
        Telling {
            queue: sender,
            waiting: waiting.clone(),
        },
        Forward {
            queue: receiver,
            waiting,
        },
    )
}

impl Telling {
    /// Tells something; nobody need listen.
    pub(crate) fn tell(&self, told: Told) {
        let _ = self.queue.send(told);
    }

    /// Tells output, where it is wanted and there is room.
    pub(crate) fn output(&self, task: &TaskId, bytes: &[u8]) {
        let Some(waiting) = &self.waiting else { return };
        if waiting.fetch_add(bytes.len(), Ordering::Relaxed) > MAX_WAITING {
            waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
            return;
        }
        self.tell(Told::Output {
            task: task.clone(),
            bytes: bytes.to_vec(),
        });
    }
}

impl Forward {
    /// Hands on everything, until there is no more or nobody takes it.
    pub(crate) async fn to(mut self, displays: mpsc::Sender<Told>) {
        while let Some(told) = self.queue.recv().await {
            if let (Told::Output { bytes, .. }, Some(waiting)) = (&told, &self.waiting) {
                waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
            }
            if displays.send(told).await.is_err() {
                return;
            }
        }
    }
}
