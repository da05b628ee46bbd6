//! Hosts that are left behind for now: parked, tried again, given up.

use phalanx_events::{EventKind, Outcome, TaskEnd};
use phalanx_plan::HostName;
use tokio::time::Instant;

use super::Dispatcher;
use crate::late::{self, Late};
use crate::resume::Begin;

impl Dispatcher {
    /// Leaves a host behind for now, if everybody else can go on without it.
    pub(super) fn park(
        &mut self,
        host: usize,
        reason: &str,
        failed: Option<(usize, Begin)>,
    ) -> bool {
        if self.cancel.is_some() {
            return false;
        }
        // The task that failed counts as missing already; that must not be too much either.
        let bearable = failed
            .as_ref()
            .is_none_or(|(task, _)| self.board.can_do_without(&self.plan, *task));
        let Some(stages) = bearable
            .then(|| self.board.park(&self.plan, host))
            .flatten()
        else {
            return false;
        };
        if stages.iter().any(|stage| self.board.is_decided(*stage)) {
            self.look_at.extend(0..self.plan.hosts.len());
        }
        let times = self.times_late.entry(host).or_insert(0);
        let at = failed
            .is_some()
            .then(|| Instant::now() + late::pause(*times));
        *times += 1;
        let late = Late {
            at,
            failed,
            reason: reason.to_owned(),
        };
        self.late.insert(host, late);
        true
    }

    pub(super) fn tell_parked(&mut self, host: HostName) -> std::io::Result<()> {
        let text = "left behind for now; it is tried again as long as the run goes on".to_owned();
        self.tell(EventKind::HostNotice { host, text })
    }

    /// When the next host is to be tried again.
    pub(super) fn next_late(&self) -> Option<Instant> {
        match self.cancel {
            None => self.late.values().filter_map(|late| late.at).min(),
            Some(_) => None,
        }
    }

    /// Hosts whose time has come go on where they failed.
    pub(super) fn try_late(&mut self) {
        let now = Instant::now();
        let due: Vec<usize> = self
            .late
            .iter()
            .filter(|(_, late)| late.at.is_some_and(|at| at <= now))
            .map(|(host, _)| *host)
            .collect();
        for host in due {
            let failed = self.late.remove(&host).and_then(|late| late.failed);
            let task = failed.as_ref().map(|(task, _)| *task);
            self.board.unpark(&self.plan, host, task);
            self.begins.extend(failed);
            self.look_at.insert(host);
        }
    }

    /// Nobody waits for this host any more.
    pub(super) fn give_up(&mut self, host: usize, reason: &str) -> std::io::Result<()> {
        self.board.stop_host(host, reason);
        match self.late.remove(&host) {
            Some(late) => self.tell_not_run(host, &late.reason),
            None => Ok(()),
        }
    }

    /// What was left behind with a host is not run any more.
    pub(super) fn tell_not_run(&mut self, host: usize, reason: &str) -> std::io::Result<()> {
        for index in self.board.parked_of(host) {
            let Some(task) = self.plan.tasks.get(index) else {
                continue;
            };
            let (task, stage) = (task.id.clone(), task.stage);
            self.settle_task(index, stage, host, false);
            let end = TaskEnd::new(Outcome::NotRun {
                reason: reason.to_owned(),
            });
            self.tell(EventKind::TaskEnded {
                task,
                attempt: 0,
                end,
            })?;
        }
        Ok(())
    }
}
