//! Who waits for an answer: the schedule knows attempts by task and number, and controls by their order.

use std::collections::{BTreeMap, VecDeque};

use tokio::sync::oneshot;

use crate::control_call::{ControlCall, Said};
use crate::message::Report;
use crate::schedule::{Announcement, Input};
use phalanx_plan::TaskIx;

/// The ways back to them.
#[derive(Default)]
pub(super) struct Waiting {
    /// Executors, to begin an attempt. One that is dropped is refused.
    to_begin: BTreeMap<(TaskIx, u32), oneshot::Sender<()>>,
    /// Executors, for something to be on disk.
    for_disk: Vec<oneshot::Sender<()>>,
    /// Whoever handed a control in, in their order.
    for_reply: VecDeque<oneshot::Sender<Said>>,
}

impl Waiting {
    /// A report without the way back, which is kept until it is answered.
    pub(super) fn take_report(&mut self, report: Report) -> Input {
        match report {
            Report::Progress(kind) => Input::Progress(*kind),
            Report::First { kind, done } => {
                self.for_disk.push(done);
                Input::Progress(*kind)
            }
            Report::Withdrawn { task } => Input::Withdrawn(task),
            Report::Taken { host } => Input::Taken(host),
            Report::Contended { host } => Input::Contended(host),
            Report::Away { host } => Input::Away(host),
            Report::Yields { host, failure } => Input::Yields(host, failure),
            Report::OneMachine {
                host,
                other,
                failure,
            } => Input::OneMachine(host, other, failure),
            Report::Ready { host } => Input::Ready(host),
            Report::Gone { host, failure } => Input::Gone(host, failure),
            Report::Announce {
                task,
                attempt,
                job,
                step,
                go,
            } => {
                self.to_begin.insert((task, attempt), go);
                Input::Announce(Announcement {
                    task,
                    attempt,
                    job,
                    step,
                })
            }
            Report::Ended { task, attempt, end } => Input::Ended(task, attempt, end),
        }
    }

    /// A control without the way back.
    pub(super) fn take_call(&mut self, call: ControlCall) -> Input {
        self.for_reply.push_back(call.answer);
        Input::Control(call.control)
    }

    /// What was to be on disk is.
    pub(super) fn all_is_on_disk(&mut self) {
        for done in self.for_disk.drain(..) {
            let _ = done.send(());
        }
    }

    /// An attempt may begin.
    pub(super) fn go(&mut self, task: TaskIx, attempt: u32) {
        if let Some(go) = self.to_begin.remove(&(task, attempt)) {
            let _ = go.send(());
        }
    }

    /// An attempt may not begin: what is dropped is refused.
    pub(super) fn refuse(&mut self, task: TaskIx, attempt: u32) {
        self.to_begin.remove(&(task, attempt));
    }

    /// Answers the first control that has no answer yet.
    pub(super) fn reply(&mut self, said: Said) {
        if let Some(asked) = self.for_reply.pop_front() {
            let _ = asked.send(said);
        }
    }
}
