//! Going on from what an earlier process has left.

use phalanx_events::{EventKind, Failure, FailureKind, RunState, TaskEnd};

use super::Dispatcher;
use crate::board::Place;
use crate::resume::Resumption;

impl Dispatcher {
    /// The same, going on from what an earlier process has left.
    pub(crate) fn go_on(mut self, state: RunState, resumption: &Resumption) -> Self {
        self.began_ms = state.ms;
        self.state = state;
        self.changed = resumption.changed;
        for (index, decision) in resumption.decisions.iter().enumerate() {
            match &decision.begin {
                Some(begin) => {
                    self.begins.insert(index, begin.clone());
                    // Whether it works now is known before further hosts begin what failed here.
                    let known = self.state.tasks.get(&decision.task);
                    if known.is_some_and(|known| known.failed) {
                        self.board.note_failure(&self.plan, index);
                    }
                }
                None => self.board.end(&self.plan, index, Place::Done),
            }
        }
        self.cut.clone_from(&resumption.cut);
        self
    }

    /// Attempts that nobody will end any more are over. Each is followed by another.
    pub(super) fn end_cut(&mut self) -> std::io::Result<()> {
        for (task, attempt) in std::mem::take(&mut self.cut) {
            let text = "phalanx ended while this was under way";
            let end = TaskEnd {
                again: true,
                ..TaskEnd::failed(Failure::new(FailureKind::Interrupted, text))
            };
            self.tell(EventKind::TaskEnded { task, attempt, end })?;
        }
        Ok(())
    }
}
