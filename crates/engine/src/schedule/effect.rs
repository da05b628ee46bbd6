//! What follows from what the schedule was told.

use std::sync::Arc;

use phalanx_events::{CancelLevel, Event};
use phalanx_plan::{HostIx, TaskIx};

use super::begin::Begin;
use crate::control_call::Said;

/// One thing to be done, in this order, but that the journal comes first: see [`Effect::waits_for_disk`].
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// To be written down, and shown once it is on disk.
    Tell(Arc<Event>),
    /// Goes to the host's executor.
    Order(HostIx, Order),
    /// This attempt, which was announced, may begin.
    Go(TaskIx, u32),
    /// This attempt, which was announced, may not begin.
    Refuse(TaskIx, u32),
    /// The answer to the first control that has none yet.
    Reply(Said),
    /// How urgently the host's work is to stop from now on; nothing: not at all.
    Stop(HostIx, Option<CancelLevel>),
    /// How urgently all work is to stop, at least.
    StopAll(CancelLevel),
    /// Whether nothing is to begin for now: executors that wait for a permit wait for this first.
    Pause(bool),
    /// The run has its hosts and begins: others who want them are told so.
    Work,
}

impl Effect {
    /// Whether it has to wait until everything told so far is on disk. What stops or holds back, or no
    /// longer does, need not: nothing begins because of it that does not ask first.
    pub(crate) fn waits_for_disk(&self) -> bool {
        match self {
            Self::Tell(_) | Self::Order(..) | Self::Go(..) | Self::Refuse(..) | Self::Reply(_) => {
                true
            }
            Self::Stop(..) | Self::StopAll(_) | Self::Pause(_) | Self::Work => false,
        }
    }
}

/// What an executor is to do.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// Do this task, and begin it so.
    Task(TaskIx, Begin),
    /// Try to reach the host once more, now.
    Contact,
    /// The run is over: clear up on the host where `collect` says so, and say goodbye.
    Finish {
        /// Whether the run ended well, so that the spool has served its purpose.
        collect: bool,
    },
}
