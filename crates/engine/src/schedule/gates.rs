//! Gates: what a task waits for, and what will never come.

use phalanx_plan::sentence::few;
use phalanx_plan::{Gate, HostIx, RoleName, StageIx, TaskIx};

use super::board::{Board, Part, Place, RoleCount, Verdict};

/// So many hosts are named in a sentence; the rest is counted.
pub(super) const FEW: usize = 4;

impl Board {
    /// What a task's gates and its host say together.
    pub(crate) fn verdict(&self, task: TaskIx) -> Verdict {
        let planned = self.plan.task(task);
        if let Some(reason) = self.host_stopped(planned.host) {
            return Verdict::Never(reason.to_owned());
        }
        let mut verdict = Verdict::Open;
        for gate in &planned.gates {
            match self.gate(gate, planned.host) {
                Verdict::Open => {}
                Verdict::Shut => verdict = Verdict::Shut,
                never @ Verdict::Never(_) => return never,
            }
        }
        verdict
    }

    /// Why a host takes no further part, where it does not.
    pub(crate) fn host_stopped(&self, host: HostIx) -> Option<&str> {
        match &self.hosts[host] {
            Part::Takes => None,
            Part::Stopped(reason) | Part::LeftOut(reason) => Some(reason),
        }
    }

    fn gate(&self, gate: &Gate, host: HostIx) -> Verdict {
        let (Gate::Own(id) | Gate::All(id)) = gate;
        let Some(stage) = self.plan.stage_ix(id) else {
            return Verdict::Open; // cut off by --to, or no host takes part
        };
        match gate {
            Gate::Own(_) => match self.plan.task_at(stage, host).map(|own| self.place(own)) {
                // It does not take part in that stage.
                None | Some(Place::Done) => Verdict::Open,
                Some(Place::Waiting | Place::Running | Place::Parked) => Verdict::Shut,
                Some(Place::Missing | Place::LeftOut) => {
                    Verdict::Never(format!("{id} did not succeed here"))
                }
            },
            Gate::All(_) => {
                let counts = &self.stages[stage];
                match &counts.never {
                    Some(reason) => Verdict::Never(reason.clone()),
                    None if counts.waiting + counts.running == 0 => Verdict::Open,
                    None => Verdict::Shut,
                }
            }
        }
    }

    /// Works out whether too many are missing at a stage for its gate for all to open ever.
    pub(super) fn decide_never(&mut self, stage: StageIx) {
        let counts = &self.stages[stage];
        if counts.never.is_some() {
            return;
        }
        let mut roles = counts.roles.iter();
        let lacking = roles.find(|(_, count)| count.missing > count.allowed);
        let never = lacking.map(|(role, count)| self.missing_text(stage, role, count));
        self.stages[stage].never = never;
    }

    /// `docker did not succeed on m2 and m3 (master: none may be missing)`.
    fn missing_text(&self, stage: StageIx, role: &RoleName, count: &RoleCount) -> String {
        let missing = self.plan.tasks_of_stage(stage);
        let missing = missing.filter(|task| self.place(*task) == Place::Missing);
        let hosts = missing.map(|task| self.plan.host(self.plan.task(task).host));
        let names = hosts
            .filter(|host| host.role == *role)
            .map(|host| host.name.as_str());
        let id = &self.plan.stage(stage).id;
        let allowed = match count.allowed {
            0 => "none may be missing".to_owned(),
            allowed => format!("at most {allowed} of {} may be missing", count.hosts),
        };
        format!(
            "{id} did not succeed on {} ({role}: {allowed})",
            few(names, FEW)
        )
    }

    /// Whether the stage's gate for all is decided for good, or no further host begins the stage, so that others
    /// may move.
    pub(crate) fn is_decided(&self, stage: StageIx) -> bool {
        let counts = &self.stages[stage];
        let nobody_left = counts.waiting + counts.running == 0;
        nobody_left || counts.never.is_some() || counts.failed >= counts.stop_after
    }
}
