//! The limits of a stage: how many hosts are in it at once, and after how many failures it stops.
//!
//! A host counts as failed from the moment its task of the stage has failed until that task is done or its host
//! is left out. As long as it is tried again, the others wait for how that ends; as soon as it is not, they are
//! told that they will not begin. What was begun before is in the stage already, and no limit holds it.

use phalanx_plan::sentence::{count, few};
use phalanx_plan::{StageIx, TaskIx};

use super::begin::Begin;
use super::board::{Board, Place, Verdict};
use super::gates::FEW;

impl Board {
    /// Whether the end of one task in the stage may be what another host waits for.
    pub(super) fn is_limited(&self, stage: StageIx) -> bool {
        let planned = self.plan.stage(stage);
        planned.at_once.is_some() || planned.stop_after.is_some()
    }

    /// The task has failed, now or before this process began.
    pub(crate) fn note_failure(&mut self, task: TaskIx) {
        self.change(task, |entry| {
            entry.counts_as_failed |= !matches!(entry.place, Place::Done | Place::LeftOut);
        });
    }

    fn goes_on_with(&self, task: TaskIx) -> bool {
        self.next_begin(task).is_some_and(Begin::is_under_way)
    }

    /// Whether failures of other hosts keep a task from beginning: for now, or altogether. One that has failed
    /// before is what the others wait for.
    pub(crate) fn brake(&mut self, task: TaskIx) -> Verdict {
        if self.tasks[task].counts_as_failed || self.goes_on_with(task) {
            return Verdict::Open;
        }
        let stage = self.plan.task(task).stage;
        let counts = &self.stages[stage];
        if counts.failed >= counts.stop_after {
            return Verdict::Never(self.stopped_text(stage));
        }
        match counts.failed + counts.on_trial < counts.stop_after {
            true => Verdict::Open,
            false => Verdict::Shut,
        }
    }

    /// Whether the task's stage has room for its host, beside those that are in it.
    pub(crate) fn has_room(&self, task: TaskIx) -> bool {
        let counts = &self.stages[self.plan.task(task).stage];
        self.goes_on_with(task) || counts.running + counts.going_on < counts.at_once
    }

    /// Whether the others can go on though this task is missing.
    pub(crate) fn can_do_without(&self, task: TaskIx) -> bool {
        let counts = &self.stages[self.plan.task(task).stage];
        counts.never.is_none() && counts.failed < counts.stop_after
    }

    /// `the stage stopped after 2 failures, on w1, w2`. Worked out once: many will ask.
    fn stopped_text(&mut self, stage: StageIx) -> String {
        if let Some(known) = &self.stages[stage].stopped {
            return known.clone();
        }
        let failed = self.plan.tasks_of_stage(stage).filter(|task| {
            let is_over = matches!(self.place(*task), Place::Missing | Place::Parked);
            is_over && self.tasks[*task].counts_as_failed
        });
        let names: Vec<&str> = failed
            .map(|task| self.plan.task(task).id.host.as_str())
            .collect();
        let failures = count(names.len(), "failure");
        let names = few(names, FEW);
        let text = format!("the stage stopped after {failures}, on {names}");
        self.stages[stage].stopped = Some(text.clone());
        text
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use jiff::Timestamp;
    use phalanx_events::{Control, EventKind, Failure, FailureKind, TaskEnd};

    use super::super::model::{plan_in_turn, plan_in_turn_where_up};
    use super::super::{Announcement, Effect, Input, Now, Schedule};
    use super::super::{Order, Step};

    /// Whether the second host begins after this, while the first is at work.
    fn second_begins_after(end: Vec<Input>) -> bool {
        let plan = plan_in_turn(2);
        let mut schedule = Schedule::new(Arc::clone(&plan), false);
        let now = Now {
            wall: Timestamp::UNIX_EPOCH,
            elapsed: Duration::ZERO,
        };
        schedule.on(plan.host_ixs().map(Input::Ready), now);
        let first = plan.task_ixs().next().expect("a task");
        let announcement = Announcement {
            task: first,
            attempt: 1,
            job: None,
            step: Step::First,
        };
        schedule.on([Input::Announce(announcement)], now);
        let begins = |effect: &Effect| matches!(effect, Effect::Order(_, Order::Task(..)));
        let mut effects = end.into_iter().flat_map(|input| schedule.on([input], now));
        effects.any(|effect| begins(&effect))
    }

    #[test]
    fn one_left_out_while_at_work_says_nothing_of_its_stage_however_that_ends() {
        let plan = plan_in_turn(2);
        let first = plan.task_ixs().next().expect("a task");
        let host = plan.task(first).id.host.clone();
        let end = TaskEnd::failed(Failure::new(FailureKind::Problems, "so it is"));
        let ended = Input::Ended(first, 1, Box::new(end));
        let dropped = Input::Control(Control::Drop { host });
        assert!(!second_begins_after(vec![ended.clone()]));
        assert!(second_begins_after(vec![dropped.clone(), ended.clone()]));
        assert!(second_begins_after(vec![ended, dropped]));
    }

    /// What may not begin after all leaves its room to one that may, though nothing has ended.
    #[test]
    fn the_room_of_one_that_is_refused_goes_to_one_that_failed_before() {
        let plan = plan_in_turn_where_up(3);
        let mut schedule = Schedule::new(Arc::clone(&plan), false);
        let now = Now {
            wall: Timestamp::UNIX_EPOCH,
            elapsed: Duration::ZERO,
        };
        let hosts: Vec<_> = plan.host_ixs().collect();
        let tasks: Vec<_> = plan.task_ixs().collect();
        let mut on = |input: Input| {
            let effects = schedule.on([input], now);
            let ordered = effects.into_iter().filter_map(|effect| match effect {
                Effect::Order(host, Order::Task(..)) => Some(host),
                _ => None,
            });
            ordered.collect::<Vec<_>>()
        };
        let announced = |task, attempt| {
            Input::Announce(Announcement {
                task,
                attempt,
                job: None,
                step: Step::First,
            })
        };
        for host in &hosts[..2] {
            on(Input::Progress(EventKind::FactsRead {
                host: plan.host(*host).name.clone(),
                facts: [("up".to_owned(), "true".to_owned())].into(),
                boot: None,
                host_ms: None,
            }));
        }
        // The first fails, and is to be tried again once there is room.
        assert_eq!(on(Input::Ready(hosts[0])), [hosts[0]]);
        on(announced(tasks[0], 1));
        let end = TaskEnd::failed(Failure::new(FailureKind::Script, "so it is"));
        on(Input::Ended(tasks[0], 1, Box::new(end)));
        assert_eq!(on(Input::Ready(hosts[1])), [hosts[1]]);
        let host = plan.host(hosts[0]).name.clone();
        assert_eq!(on(Input::Control(Control::Retry { host })), []);
        // The condition of the third can't be answered: that is the last failure that the stage bears, if the
        // first one's stands. The second, which was ordered, may not begin; the first may.
        assert_eq!(on(Input::Ready(hosts[2])), []);
        assert_eq!(on(announced(tasks[1], 1)), [hosts[0]]);
    }
}
