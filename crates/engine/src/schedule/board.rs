//! The board: every task of the plan and its place, every stage's counts, and which hosts have to be looked at.
//!
//! A place says what may still become of a task; what *became* of it is in the run's state. The board is
//! pure bookkeeping: each change of a task goes through [`Board::change`], which takes the task out of all
//! counts and puts it in again, so no count can drift from the places.

use std::collections::BTreeMap;
use std::sync::Arc;

use phalanx_plan::{Allowance, HostIx, PreparedPlan, RoleName, StageIx, Table, TaskIx};

use super::begin::Begin;
use super::marks::Marks;

/// How a task stands on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It waits for its gates, its host or its stage's limits.
    Waiting,
    /// It was handed to its host.
    Running,
    /// It is done, or was not needed.
    Done,
    /// It was left behind with its host, which may come back.
    Parked,
    /// It failed, was cancelled, or will never run.
    Missing,
    /// The operator has left its host out: nobody misses it.
    LeftOut,
}

impl Place {
    /// Whether something is still to come of the task, as things stand.
    pub(super) fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }

    /// Whether a gate for all misses the task's host.
    fn is_missed(self) -> bool {
        matches!(self, Self::Parked | Self::Missing)
    }
}

/// Whether something may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go.
    Open,
    /// Not yet.
    Shut,
    /// Never, and why.
    Never(String),
}

/// Whether a host takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It does.
    Takes,
    /// None of its tasks begins any more, and why.
    Stopped(String),
    /// Nor does the operator want any to; why none would begin.
    LeftOut(String),
}

/// One task on the board.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    /// Whether it counts as failed where its stage stops after failures: from its failure until it is done, or
    /// its host is left out. (That it failed is in the run's state, and stays there.)
    pub(super) counts_as_failed: bool,
    /// How it is to begin, where that was decided before it may.
    pub(super) next: Option<Begin>,
    /// How it was begun last.
    pub(super) last: Option<Begin>,
}

impl Entry {
    /// Whether it waits for its host to go on with it: it is in its stage already.
    fn goes_on(&self) -> bool {
        self.place == Place::Waiting && self.next.as_ref().is_some_and(Begin::is_under_way)
    }
}

/// One stage's counts and limits.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) roles: BTreeMap<RoleName, RoleCount>,
    pub(super) waiting: usize,
    pub(super) running: usize,
    /// Of those that wait, how many were begun before.
    pub(super) going_on: usize,
    pub(super) at_once: usize,
    /// After so many failed hosts no further one begins.
    pub(super) stop_after: usize,
    /// How many hosts have failed in it, and are not tried again.
    pub(super) failed: usize,
    /// How many have failed in it, and are tried again or are to be.
    pub(super) on_trial: usize,
    /// Why no further host begins, made when it was first asked for: many will ask.
    pub(super) stopped: Option<String>,
    /// Why its gate for all will never open, once that is so. Made once as well.
    pub(super) never: Option<String>,
}

/// How many hosts of a role take part in a stage, are missing there, and may be.
#[derive(Debug, Default)]
pub(super) struct RoleCount {
    pub(super) hosts: usize,
    pub(super) missing: usize,
    pub(super) allowed: usize,
}

/// All tasks of a plan and how they stand.
#[derive(Debug)]
pub(crate) struct Board {
    pub(super) plan: Arc<PreparedPlan>,
    pub(super) tasks: Table<TaskIx, Entry>,
    pub(super) stages: Table<StageIx, Stage>,
    pub(super) hosts: Table<HostIx, Part>,
    marks: Marks,
    open: usize,
    running: usize,
}

impl Board {
    pub(crate) fn new(plan: Arc<PreparedPlan>) -> Self {
        let mut stages = Table::of_stages(&plan, |stage| {
            let planned = plan.stage(stage);
            Stage {
                roles: BTreeMap::new(),
                waiting: 0,
                running: 0,
                going_on: 0,
                at_once: planned.at_once.unwrap_or(usize::MAX).max(1),
                stop_after: planned.stop_after.unwrap_or(usize::MAX).max(1),
                failed: 0,
                on_trial: 0,
                stopped: None,
                never: None,
            }
        });
        for task in plan.task_ixs() {
            let planned = plan.task(task);
            let stage: &mut Stage = &mut stages[planned.stage];
            stage.waiting += 1;
            let role = &plan.host(planned.host).role;
            match stage.roles.get_mut(role) {
                Some(count) => count.hosts += 1,
                None => {
                    let count = RoleCount {
                        hosts: 1,
                        ..RoleCount::default()
                    };
                    stage.roles.insert(role.clone(), count);
                }
            }
        }
        for stage in plan.stage_ixs() {
            for (role, count) in &mut stages[stage].roles {
                let allowance = plan.may_miss.get(role).copied();
                count.allowed = allowance.unwrap_or(Allowance::Hosts(0)).of(count.hosts);
            }
        }
        let entry = Entry {
            place: Place::Waiting,
            counts_as_failed: false,
            next: None,
            last: None,
        };
        Self {
            tasks: Table::of_tasks(&plan, |_| entry.clone()),
            stages,
            hosts: Table::of_hosts(&plan, |_| Part::Takes),
            marks: Marks::new(&plan),
            open: plan.tasks.len(),
            running: 0,
            plan,
        }
    }

    /// How many tasks are neither done nor missing.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// How many tasks are with their hosts.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    pub(crate) fn place(&self, task: TaskIx) -> Place {
        self.tasks[task].place
    }

    fn of_host(&self, host: HostIx, is_wanted: impl Fn(Place) -> bool) -> Vec<TaskIx> {
        let tasks = self.plan.tasks_of_host(host).iter().copied();
        tasks.filter(|task| is_wanted(self.place(*task))).collect()
    }

    /// The host's tasks that wait, in stage order.
    pub(crate) fn waiting_of(&self, host: HostIx) -> Vec<TaskIx> {
        self.of_host(host, |place| place == Place::Waiting)
    }

    /// The host's tasks that were left behind with it.
    pub(crate) fn parked_of(&self, host: HostIx) -> Vec<TaskIx> {
        self.of_host(host, |place| place == Place::Parked)
    }

    /// The host's tasks that are not done, in stage order.
    pub(crate) fn undone_of(&self, host: HostIx) -> Vec<TaskIx> {
        self.of_host(host, |place| place != Place::Done)
    }

    /// The task that the host has in hand.
    pub(crate) fn running_on(&self, host: HostIx) -> Option<TaskIx> {
        let mut tasks = self.plan.tasks_of_host(host).iter().copied();
        tasks.find(|task| self.place(*task) == Place::Running)
    }

    /// Whether the host has a task in hand.
    pub(crate) fn is_busy(&self, host: HostIx) -> bool {
        self.running_on(host).is_some()
    }

    /// A task is handed to its host, which begins it so.
    pub(crate) fn start(&mut self, task: TaskIx, begin: Begin) {
        self.change(task, |entry| {
            entry.place = Place::Running;
            entry.next = None;
            entry.last = Some(begin);
        });
    }

    /// A task is over; what is over already stays as it ended.
    pub(crate) fn end(&mut self, task: TaskIx, is_done: bool) {
        let place = if is_done { Place::Done } else { Place::Missing };
        if !matches!(
            self.place(task),
            Place::Done | Place::Missing | Place::LeftOut
        ) {
            self.put(task, place);
        }
    }

    /// A task counts as done, however it stood.
    pub(crate) fn grant(&mut self, task: TaskIx) {
        self.put(task, Place::Done);
    }

    /// A task that was handed out is taken back. It was not begun: how it is to begin still holds.
    pub(crate) fn withdraw(&mut self, task: TaskIx) {
        if self.place(task) == Place::Running {
            self.change(task, |entry| entry.next = entry.last.clone());
            self.put(task, Place::Waiting);
        }
    }

    /// How a task is to begin, where that is decided.
    pub(crate) fn next_begin(&self, task: TaskIx) -> Option<&Begin> {
        self.tasks[task].next.as_ref()
    }

    /// How a task was begun last.
    pub(crate) fn last_begin(&self, task: TaskIx) -> Option<&Begin> {
        self.tasks[task].last.as_ref()
    }

    /// Decides how a task begins once it may, or that this is worked out then.
    pub(crate) fn decide_begin(&mut self, task: TaskIx, begin: Option<Begin>) {
        self.change(task, |entry| entry.next = begin);
    }

    /// The attempt that the host has in hand is followed by another, which it makes by itself.
    pub(crate) fn follow_with(&mut self, task: TaskIx, begin: Begin) {
        self.change(task, |entry| entry.last = Some(begin));
    }

    /// Puts a task in a place. Where its host is left out, nobody waits for it, nor misses it.
    pub(super) fn put(&mut self, task: TaskIx, place: Place) {
        let planned = self.plan.task(task);
        let (host, stage) = (planned.host, planned.stage);
        let is_left_out = matches!(self.hosts[host], Part::LeftOut(_));
        let place = match place {
            Place::Missing | Place::Parked | Place::Waiting if is_left_out => Place::LeftOut,
            place => place,
        };
        self.change(task, |entry| {
            entry.place = place;
            entry.counts_as_failed &= !matches!(place, Place::Done | Place::LeftOut);
        });
        if place == Place::Missing {
            self.decide_never(stage);
        }
        // Whoever waits for this host, this stage, or room in it has to be looked at. For one that only waits
        // again, whoever has put it back sees to that.
        if !place.is_open() {
            self.marks.mark(host);
            if self.is_limited(stage) || self.is_decided(stage) {
                self.marks.mark_all();
            }
        }
    }

    /// The only place where an entry changes: out of all counts before, and in again after.
    pub(super) fn change(&mut self, task: TaskIx, change: impl FnOnce(&mut Entry)) {
        self.count(task, |counter| *counter -= 1);
        let failed = self.tasks[task].counts_as_failed;
        change(&mut self.tasks[task]);
        self.count(task, |counter| *counter += 1);
        if failed || self.tasks[task].counts_as_failed {
            self.stages[self.plan.task(task).stage].stopped = None;
        }
    }

    /// Applies this to every count that the task is part of.
    fn count(&mut self, task: TaskIx, apply: impl Fn(&mut usize)) {
        let planned = self.plan.task(task);
        let (entry, stage) = (&self.tasks[task], &mut self.stages[planned.stage]);
        match entry.place {
            Place::Waiting => apply(&mut stage.waiting),
            Place::Running => {
                apply(&mut stage.running);
                apply(&mut self.running);
            }
            Place::Done | Place::Parked | Place::Missing | Place::LeftOut => {}
        }
        if entry.place.is_open() {
            apply(&mut self.open);
        }
        if entry.goes_on() {
            apply(&mut stage.going_on);
        }
        if entry.place.is_missed() {
            let role = &self.plan.host(planned.host).role;
            if let Some(count) = stage.roles.get_mut(role) {
                apply(&mut count.missing);
            }
        }
        if entry.counts_as_failed {
            match entry.place.is_missed() {
                true => apply(&mut stage.failed),
                false => apply(&mut stage.on_trial),
            }
        }
    }

    /// Has a host looked at.
    pub(crate) fn mark(&mut self, host: HostIx) {
        self.marks.mark(host);
    }

    /// Has all hosts looked at.
    pub(crate) fn mark_all(&mut self) {
        self.marks.mark_all();
    }

    /// No host has to be looked at.
    pub(crate) fn unmark_all(&mut self) {
        self.marks.unmark_all();
    }

    /// The first host that has to be looked at, which then has been.
    pub(crate) fn take_mark(&mut self) -> Option<HostIx> {
        self.marks.take()
    }
}
