//! What keeps a task from beginning, and what not, by the checker's books.

use std::sync::Arc;

use phalanx_events::Outcome;
use phalanx_plan::{Action, Gate, HostName, PlannedTask, StageId, TaskId, TaskIx};

use super::Checker;
use crate::schedule::Begin;

impl Checker {
    pub(super) fn order(&mut self, task: TaskIx, begin: &Begin) {
        let plan = Arc::clone(&self.plan);
        let planned = plan.task(task);
        let id = &planned.id;
        assert!(!self.paused, "{id} is ordered in a pause");
        assert_eq!(
            self.cancel, None,
            "{id} is ordered though the run is to stop"
        );
        assert!(!self.done.contains(id), "{id} is ordered though it is done");
        assert!(!self.left_out.contains(&id.host), "{} is left out", id.host);
        let takes_part = !self.gone.contains(&id.host) && !self.has_failed(&id.host);
        assert!(
            takes_part || self.late.contains(&id.host),
            "{} takes no part",
            id.host
        );
        self.gone.remove(&id.host);
        if let Some(outcome) = self.ended.remove(id) {
            let is_not_run = matches!(outcome, Outcome::NotRun { .. });
            assert!(
                !is_not_run,
                "{id} was not to run, and nobody has changed that"
            );
            self.before.insert(id.clone(), outcome);
        }
        if let Some(claims) = &self.claims {
            claims.begin();
        }
        self.gates_are_open(task);
        let other = self.in_hand.insert(id.host.clone(), task);
        assert_eq!(other, None, "{} has two tasks in hand", id.host);
        let begun = self.begun.get(id).copied().unwrap_or(0);
        match begin {
            Begin::Anew { attempt } => {
                assert_eq!(*attempt, begun + 1, "{id}: attempts are counted one by one");
                let of_stage = self.plan.tasks_of_stage(planned.stage);
                let inside = of_stage.filter(|task| self.is_inside(*task)).count();
                let limit = self.plan.stage(planned.stage).at_once;
                assert!(
                    limit.is_none_or(|limit| inside <= limit),
                    "{inside} hosts are in {} at once",
                    id.stage
                );
            }
            Begin::Attach { attempt, .. } | Begin::Reboot { attempt, .. } => {
                assert_eq!(
                    self.open.get(id),
                    Some(attempt),
                    "{id}: nothing to go on with"
                );
            }
        }
    }

    fn gates_are_open(&self, task: TaskIx) {
        let planned = self.plan.task(task);
        for gate in &planned.gates {
            let (Gate::Own(stage) | Gate::All(stage)) = gate;
            let of_stage = self.of_stage(stage);
            let lacking = of_stage
                .iter()
                .filter(|other| !self.done.contains(&other.id));
            if matches!(gate, Gate::Own(_)) {
                let mut own = lacking.filter(|other| other.host == planned.host);
                assert!(own.next().is_none(), "{} before its {stage}", planned.id);
                continue;
            }
            for other in lacking {
                let is_over = self.is_left_out(other) || self.is_missing(other);
                assert!(is_over, "{} before {}", planned.id, other.id);
                let is_in_hand = self.plan.task_ix(&other.id);
                let is_in_hand = self.in_hand.get(&other.id.host) == is_in_hand.as_ref();
                assert!(!is_in_hand, "{} while {} runs", planned.id, other.id);
            }
            let missing = self.too_many_missing(stage, |other| !self.is_left_out(other));
            assert_eq!(missing, None, "{} though too many miss {stage}", planned.id);
        }
    }

    /// Whether a task takes a place in its stage: it is in hand, or an attempt that is open waits for its host.
    pub(super) fn is_inside(&self, task: TaskIx) -> bool {
        let planned = self.plan.task(task);
        let host = &planned.id.host;
        let waits = !self.is_left_out(planned) && !self.is_missing(planned);
        self.in_hand.get(host) == Some(&task) || waits && self.may_go_on(task)
    }

    /// Whether a script of the task may be on its host.
    fn may_go_on(&self, task: TaskIx) -> bool {
        let planned = self.plan.task(task);
        let is_job = matches!(self.plan.stage(planned.stage).action, Action::Run(_));
        is_job && self.open.contains_key(&planned.id)
    }

    fn of_stage(&self, stage: &StageId) -> Vec<&PlannedTask> {
        let tasks = self.plan.task_ixs().map(|task| self.plan.task(task));
        tasks.filter(|task| task.id.stage == *stage).collect()
    }

    fn is_left_out(&self, task: &PlannedTask) -> bool {
        self.left_out.contains(&task.id.host)
    }

    /// Whether nothing comes of the task any more, as things stand: it has ended, or its host takes no part.
    fn is_missing(&self, task: &PlannedTask) -> bool {
        let is_over = self.ended.contains_key(&task.id) && !self.done.contains(&task.id);
        is_over || self.gone.contains(&task.id.host) || self.has_failed(&task.id.host)
    }

    pub(super) fn has_failed(&self, host: &HostName) -> bool {
        let has_failed = |(task, outcome): (&TaskId, &Outcome)| {
            task.host == *host && *outcome == Outcome::Failed
        };
        self.ended.iter().any(has_failed)
    }

    /// The role of which more are not done, of those that count, than may be missing.
    fn too_many_missing(
        &self,
        stage: &StageId,
        counts: impl Fn(&PlannedTask) -> bool,
    ) -> Option<&'static str> {
        let of_stage = self.of_stage(stage);
        ["m", "w"].into_iter().find(|role| {
            let of_role = |task: &&&PlannedTask| self.plan.host(task.host).role.as_str() == *role;
            let hosts = of_stage.iter().filter(of_role);
            let lacks = |task: &&&PlannedTask| !self.done.contains(&task.id) && counts(task);
            let missing = hosts.clone().filter(lacks).count();
            let mut allowances = self.plan.may_miss.iter();
            let allowance = allowances.find(|(name, _)| name.as_str() == *role);
            missing > allowance.map_or(0, |(_, allowance)| allowance.of(hosts.count()))
        })
    }

    /// Notes which gates for all never open by what has happened so far.
    pub(super) fn note_never(&mut self) {
        let plan = Arc::clone(&self.plan);
        for stage in plan.stage_ixs() {
            let counts = |task: &PlannedTask| !self.is_left_out(task) && self.is_missing(task);
            let missing = self.too_many_missing(&plan.stage(stage).id, counts);
            if missing.is_some() {
                self.never.insert(stage);
            }
        }
    }

    /// All effects of an input were seen: what is not run could not be.
    pub(in super::super) fn input_is_over(&mut self) {
        for task in std::mem::take(&mut self.not_run) {
            let planned = self.plan.task(task);
            let host = &planned.id.host;
            let host_is_out =
                self.is_left_out(planned) || self.gone.contains(host) || self.has_failed(host);
            let gate_is_shut = planned.gates.iter().any(|gate| match gate {
                Gate::Own(stage) => {
                    let own = TaskId::new(stage.as_str(), host.as_str());
                    let ended = self.ended.get(&own);
                    ended.is_some_and(|outcome| !outcome.is_done())
                }
                Gate::All(stage) => {
                    let stage = self.plan.stage_ix(stage);
                    stage.is_some_and(|stage| self.never.contains(&stage))
                }
            });
            let stop_after = self.plan.stage(planned.stage).stop_after;
            let of_stage = |other: &&TaskId| other.stage == planned.id.stage;
            let failed = self.failed.iter().filter(of_stage).count();
            // What was begun before is in the stage, and goes on.
            let stage_stops =
                stop_after.is_some_and(|limit| failed >= limit) && !self.may_go_on(task);
            assert!(
                host_is_out || gate_is_shut || stage_stops,
                "{} is not run, and nothing keeps it",
                planned.id
            );
        }
    }
}
