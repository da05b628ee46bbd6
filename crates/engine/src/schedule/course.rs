//! A run in which everything succeeds, carried out by the schedule alone: what its bench counts, and a test beside it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use phalanx_events::{EventKind, Outcome, RunOutcome, RunStarted, TaskEnd};
use phalanx_plan::{Plan, PreparedPlan};

use super::effect::Order;
use super::input::Step;
use super::{Announcement, Effect, Input, Now, Schedule};

/// A plan whose hosts all answer, and on which every task succeeds at its first attempt.
#[derive(Debug)]
pub struct Course {
    plan: Arc<PreparedPlan>,
}

/// What a course has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CourseEnd {
    /// How many events were told.
    pub events: usize,
    /// Whether all is done.
    pub is_done: bool,
}

impl Course {
    /// Of this plan.
    pub fn new(plan: Plan) -> Self {
        Self {
            plan: Arc::new(PreparedPlan::new(plan)),
        }
    }

    /// Carries the run out from its beginning to its end, with at most so many inputs at the same moment. One
    /// alone is what costs most: all that follows is decided after each.
    pub fn carry_out(&self, at_a_time: usize) -> CourseEnd {
        let mut schedule = Schedule::new(Arc::clone(&self.plan), true);
        let mut coming: VecDeque<Input> = self.first_inputs().collect();
        let (mut turns, mut events) = (0, 0);
        while !coming.is_empty() {
            let inputs = coming.drain(..at_a_time.clamp(1, coming.len()));
            let now = Now {
                wall: Timestamp::UNIX_EPOCH,
                elapsed: Duration::from_millis(turns),
            };
            let effects = schedule.on(inputs.collect::<Vec<_>>(), now);
            turns += 1;
            for effect in effects {
                match effect {
                    Effect::Tell(_) => events += 1,
                    Effect::Order(_, Order::Task(task, begin)) => {
                        coming.push_back(Input::Announce(Announcement {
                            task,
                            attempt: begin.attempt(),
                            job: Some(format!("job.{}", self.plan.task(task).id)),
                            step: Step::First,
                        }));
                    }
                    Effect::Go(task, attempt) => {
                        let end = Box::new(TaskEnd::new(Outcome::Changed));
                        coming.push_back(Input::Ended(task, attempt, end));
                    }
                    _ => {}
                }
            }
        }
        CourseEnd {
            events,
            is_done: schedule.is_over() && schedule.outcome() == RunOutcome::Done,
        }
    }

    /// The run begins, and every host is reached and ours.
    fn first_inputs(&self) -> impl Iterator<Item = Input> {
        let begun = EventKind::RunStarted(RunStarted {
            run: "20260101-000000-bench".into(),
            cluster: self.plan.cluster.clone(),
            recipe: self.plan.recipe.clone(),
            release: None,
            flow: self.plan.flow.clone(),
            hosts: self.plan.hosts.len(),
            tasks: self.plan.tasks.len(),
            version: "0.1.0".into(),
            origin: None,
        });
        let hosts = self.plan.host_ixs().flat_map(|host| {
            let connected = EventKind::HostConnected {
                host: self.plan.host(host).name.clone(),
                boot: None,
                server: "OpenSSH".into(),
                took_ms: 1,
            };
            let taken = Input::Taken(host);
            [Input::Progress(connected), taken, Input::Ready(host)]
        });
        std::iter::once(Input::Begin(begun)).chain(hosts)
    }
}
