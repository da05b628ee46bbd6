//! Which hosts take part: stopped, left behind for now, left out by the operator, taken in again.

use phalanx_plan::{HostIx, StageIx, TaskIx};

use super::board::{Board, Part, Place, Verdict};

impl Board {
    /// The host takes no further part: none of its tasks begins any more.
    pub(crate) fn stop_host(&mut self, host: HostIx, reason: &str) {
        if self.hosts[host] == Part::Takes {
            self.hosts[host] = Part::Stopped(reason.to_owned());
        }
    }

    /// Leaves a host behind for now, if everybody else can go on without it. Its tasks count as missing at
    /// gates until it is back. Gives whether it was left behind.
    pub(crate) fn park(&mut self, host: HostIx) -> bool {
        let tasks = self.waiting_of(host);
        let role = &self.plan.host(host).role;
        let spare = |task: &TaskIx| {
            let stage = &self.stages[self.plan.task(*task).stage];
            let count = stage.roles.get(role);
            count.is_some_and(|count| count.missing < count.allowed)
        };
        if self.is_busy(host) || !tasks.iter().all(spare) {
            return false;
        }
        for task in tasks {
            self.put(task, Place::Parked);
        }
        true
    }

    /// A host that was left behind is back, and with it the task that failed there.
    pub(crate) fn unpark(&mut self, host: HostIx, failed: Option<TaskIx>) {
        for task in self.parked_of(host).into_iter().chain(failed) {
            self.put(task, Place::Waiting);
        }
    }

    /// Leaves a host out: nobody waits for it any more, and nobody misses it. What it has in hand is left out
    /// when that has ended.
    pub(crate) fn leave_out(&mut self, host: HostIx, reason: &str) {
        let reason = self.host_stopped(host).unwrap_or(reason).to_owned();
        self.hosts[host] = Part::LeftOut(reason);
        self.put_undone(host, Place::LeftOut);
    }

    pub(crate) fn is_left_out(&self, host: HostIx) -> bool {
        matches!(self.hosts[host], Part::LeftOut(_))
    }

    /// The host takes part again, and so do its tasks that are not done.
    pub(crate) fn take_in(&mut self, host: HostIx) {
        self.hosts[host] = Part::Takes;
        self.put_undone(host, Place::Waiting);
    }

    fn put_undone(&mut self, host: HostIx, place: Place) {
        for task in self.undone_of(host) {
            if self.place(task) != Place::Running {
                self.put(task, place);
            }
        }
    }

    /// Opens again what never ran because of something that is different now. `not_run` are the tasks that
    /// were given up for a gate; gives those that may yet run.
    pub(crate) fn reopen(&mut self, not_run: impl Iterator<Item = TaskIx>) -> Vec<TaskIx> {
        let stages: Vec<StageIx> = self.plan.stage_ixs().collect();
        for stage in &stages {
            self.stages[*stage].never = None;
        }
        let mut candidates: Vec<TaskIx> = not_run
            .filter(|task| self.place(*task) == Place::Missing)
            .collect();
        for task in &candidates {
            self.put(*task, Place::Waiting);
        }
        for stage in stages {
            self.decide_never(stage);
        }
        // Gates lead to stages above only: what is above is decided before what is below.
        candidates.sort_by_key(|task| self.plan.task(*task).stage);
        candidates.retain(|task| {
            let may_run = !matches!(self.verdict(*task), Verdict::Never(_))
                && !matches!(self.brake(*task), Verdict::Never(_));
            if !may_run {
                self.put(*task, Place::Missing);
            }
            may_run
        });
        candidates
    }
}
