//! What has happened: the state that the run's events fold into, and the events of the present input.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use phalanx_events::{Event, EventKind, RunState, TaskState};
use phalanx_plan::{Facts, HostIx, PreparedPlan, TaskIx};

use super::effect::Effect;
use super::input::Now;

/// The run's state, and what follows from the present input so far.
#[derive(Debug)]
pub(super) struct Record {
    plan: Arc<PreparedPlan>,
    state: RunState,
    /// The run's milliseconds when this process began to work on it.
    began_ms: u64,
    now: Now,
    effects: Vec<Effect>,
}

impl Record {
    /// Goes on from this state.
    pub(super) fn new(plan: Arc<PreparedPlan>, state: RunState) -> Self {
        Self {
            plan,
            began_ms: state.ms,
            state,
            now: Now {
                wall: Timestamp::UNIX_EPOCH,
                elapsed: Duration::ZERO,
            },
            effects: Vec::new(),
        }
    }

    /// Inputs of this moment follow.
    pub(super) fn set_now(&mut self, now: Now) {
        self.now = now;
    }

    /// The present input's time since this process began.
    pub(super) fn elapsed(&self) -> Duration {
        self.now.elapsed
    }

    /// Numbers an event, folds it in, so that the next decision sees it, and has it written down.
    pub(super) fn tell(&mut self, kind: EventKind) {
        let event = Event {
            seq: self.state.seq + 1,
            at: self.now.wall,
            ms: self.began_ms + self.now.elapsed.as_millis() as u64,
            kind,
        };
        self.state.apply(&event);
        self.effects.push(Effect::Tell(Arc::new(event)));
    }

    /// Has something done.
    pub(super) fn want(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// All that follows, in order.
    pub(super) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    pub(super) fn state(&self) -> &RunState {
        &self.state
    }

    /// What is known of a task.
    pub(super) fn task(&self, task: TaskIx) -> Option<&TaskState> {
        self.state.tasks.get(&self.plan.task(task).id)
    }

    /// What a host has told of itself.
    pub(super) fn facts(&self, host: HostIx) -> Option<&Facts> {
        let known = self.state.hosts.get(&self.plan.host(host).name);
        known.map(|known| &known.facts)
    }
}
