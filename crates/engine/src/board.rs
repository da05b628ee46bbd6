//! Gates: which tasks may begin now, and which never will.
//!
//! The board is pure bookkeeping over a plan. It is told what ended and answers what follows.

mod stop_after;

use std::collections::BTreeMap;

use phalanx_plan::{Allowance, Gate, Plan, RoleName, StageId};

/// How a task stands on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It waits for its gates, its host or a permit.
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
    fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }
}

/// What a gate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go.
    Open,
    /// Not yet.
    Shut,
    /// Never, and why.
    Never(String),
}

/// All tasks of a plan and how they stand.
pub(crate) struct Board {
    places: Vec<Place>,
    /// Task indices by host, in stage order.
    of_host: Vec<Vec<usize>>,
    stages: Vec<Stage>,
    stage_index: BTreeMap<StageId, usize>,
    /// Task by stage and host.
    task_at: BTreeMap<(usize, usize), usize>,
    host_stopped: Vec<Option<String>>,
    left_out: Vec<bool>,
    /// Tasks that have failed in this run and are not done since.
    has_failed: Vec<bool>,
    open: usize,
}

/// One stage's counts.
struct Stage {
    roles: BTreeMap<RoleName, Count>,
    waiting: usize,
    running: usize,
    at_once: usize,
    /// After so many failed hosts no further one begins.
    stop_after: usize,
    /// How many hosts have failed in it, and are not tried again.
    failed: usize,
    /// How many have failed in it, and are tried again or are to be.
    on_trial: usize,
    /// Why no further host begins, made when it was first asked for.
    stopped: Option<String>,
    /// Why its `all` gate will never open, once that is so. Worked out once: many will ask.
    never: Option<String>,
}

#[derive(Default)]
struct Count {
    hosts: usize,
    missing: usize,
    allowed: usize,
}

impl Board {
    pub(crate) fn new(plan: &Plan) -> Self {
        let stage_index: BTreeMap<_, _> = plan
            .stages
            .iter()
            .enumerate()
            .map(|(index, stage)| (stage.id.clone(), index))
            .collect();
        let mut stages: Vec<Stage> = plan
            .stages
            .iter()
            .map(|stage| Stage {
                roles: BTreeMap::new(),
                waiting: 0,
                running: 0,
                at_once: stage.at_once.unwrap_or(usize::MAX).max(1),
                stop_after: stage.stop_after.unwrap_or(usize::MAX).max(1),
                failed: 0,
                on_trial: 0,
                stopped: None,
                never: None,
            })
            .collect();
        let mut of_host = vec![Vec::new(); plan.hosts.len()];
        let mut task_at = BTreeMap::new();
        for (index, task) in plan.tasks.iter().enumerate() {
            if let (Some(stage), Some(host)) =
                (stages.get_mut(task.stage), plan.hosts.get(task.host))
            {
                stage.waiting += 1;
                stage.roles.entry(host.role.clone()).or_default().hosts += 1;
                of_host[task.host].push(index);
                task_at.insert((task.stage, task.host), index);
            }
        }
        for stage in &mut stages {
            for (role, count) in &mut stage.roles {
                let allowance = plan
                    .may_miss
                    .get(role)
                    .copied()
                    .unwrap_or(Allowance::Hosts(0));
                count.allowed = allowance.of(count.hosts);
            }
        }
        for tasks in &mut of_host {
            tasks.sort_by_key(|task| plan.tasks[*task].stage);
        }
        Self {
            places: vec![Place::Waiting; plan.tasks.len()],
            of_host,
            stages,
            stage_index,
            task_at,
            host_stopped: vec![None; plan.hosts.len()],
            left_out: vec![false; plan.hosts.len()],
            has_failed: vec![false; plan.tasks.len()],
            open: plan.tasks.len(),
        }
    }

    /// How many tasks are neither done nor missing.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// How many tasks are with their hosts.
    pub(crate) fn running(&self) -> usize {
        self.stages.iter().map(|stage| stage.running).sum()
    }

    pub(crate) fn place(&self, task: usize) -> Place {
        self.places.get(task).copied().unwrap_or(Place::Missing)
    }

    /// Why a host takes no further part, where it does not.
    pub(crate) fn host_stopped(&self, host: usize) -> Option<&str> {
        self.host_stopped.get(host).and_then(Option::as_deref)
    }

    /// The host takes no further part: none of its tasks begins any more.
    pub(crate) fn stop_host(&mut self, host: usize, reason: &str) {
        if let Some(stopped) = self.host_stopped.get_mut(host) {
            stopped.get_or_insert_with(|| reason.to_owned());
        }
    }

    /// The host's tasks that wait, in stage order.
    pub(crate) fn waiting_of(&self, host: usize) -> Vec<usize> {
        self.of_host
            .get(host)
            .into_iter()
            .flatten()
            .copied()
            .filter(|task| self.place(*task) == Place::Waiting)
            .collect()
    }

    /// Whether the host has a task in hand.
    pub(crate) fn is_busy(&self, host: usize) -> bool {
        self.running_on(host).is_some()
    }

    /// The task that the host has in hand.
    pub(crate) fn running_on(&self, host: usize) -> Option<usize> {
        let tasks = self.of_host.get(host)?;
        tasks
            .iter()
            .copied()
            .find(|task| self.place(*task) == Place::Running)
    }

    /// Whether the stage has room for one more host beside those that were in it before.
    pub(crate) fn has_room(&self, stage: usize, before: usize) -> bool {
        self.stages
            .get(stage)
            .is_some_and(|stage| stage.running + before < stage.at_once)
    }

    /// What a task's gates and its host say together.
    pub(crate) fn verdict(&self, plan: &Plan, task: usize) -> Verdict {
        let Some(task) = plan.tasks.get(task) else {
            return Verdict::Never("no such task".into());
        };
        if let Some(reason) = self.host_stopped(task.host) {
            return Verdict::Never(reason.to_owned());
        }
        let mut verdict = Verdict::Open;
        for gate in &task.gates {
            match self.gate(gate, task.host) {
                Verdict::Open => {}
                Verdict::Shut => verdict = Verdict::Shut,
                never @ Verdict::Never(_) => return never,
            }
        }
        verdict
    }

    fn gate(&self, gate: &Gate, host: usize) -> Verdict {
        let (Gate::Own(id) | Gate::All(id)) = gate;
        let Some(index) = self.stage_index.get(id).copied() else {
            return Verdict::Open; // cut off by --to, or no host takes part
        };
        match gate {
            Gate::Own(_) => match self.task_at.get(&(index, host)) {
                None => Verdict::Open,
                Some(task) => match self.place(*task) {
                    Place::Done => Verdict::Open,
                    Place::Waiting | Place::Running | Place::Parked => Verdict::Shut,
                    Place::Missing | Place::LeftOut => {
                        Verdict::Never(format!("{id} did not succeed here"))
                    }
                },
            },
            Gate::All(_) => {
                let Some(stage) = self.stages.get(index) else {
                    return Verdict::Open;
                };
                if let Some(reason) = &stage.never {
                    return Verdict::Never(reason.clone());
                }
                if stage.waiting + stage.running == 0 {
                    Verdict::Open
                } else {
                    Verdict::Shut
                }
            }
        }
    }

    /// `all of docker: m2 and m3 of 3 master are missing, none may be`.
    fn missing_text(&self, plan: &Plan, stage: usize, role: &RoleName, count: &Count) -> String {
        let names: Vec<&str> = plan
            .tasks
            .iter()
            .enumerate()
            .filter(|(index, task)| task.stage == stage && self.place(*index) == Place::Missing)
            .filter_map(|(_, task)| plan.hosts.get(task.host))
            .filter(|host| host.role == *role)
            .map(|host| host.name.as_str())
            .collect();
        let id = plan
            .stages
            .get(stage)
            .map_or("?", |stage| stage.id.as_str());
        let allowed = match count.allowed {
            0 => "none may be missing".to_owned(),
            allowed => format!("at most {allowed} of {} may be missing", count.hosts),
        };
        format!(
            "{id} did not succeed on {} ({role}: {allowed})",
            few_names(names)
        )
    }

    /// A task begins.
    pub(crate) fn start(&mut self, plan: &Plan, task: usize) {
        self.move_to(plan, task, Place::Running);
    }

    /// A task is over.
    pub(crate) fn end(&mut self, plan: &Plan, task: usize, place: Place) {
        self.move_to(plan, task, place);
    }

    fn move_to(&mut self, plan: &Plan, index: usize, to: Place) {
        let from = self.place(index);
        // What is over stays as it ended.
        if !matches!(from, Place::Done | Place::Missing | Place::LeftOut) {
            self.put(plan, index, to);
        }
    }

    fn put(&mut self, plan: &Plan, index: usize, to: Place) {
        let from = self.place(index);
        let Some(task) = plan.tasks.get(index) else {
            return;
        };
        let is_left_out = self.left_out.get(task.host).is_some_and(|left| *left);
        let to = match to {
            Place::Missing | Place::Parked | Place::Waiting if is_left_out => Place::LeftOut,
            to => to,
        };
        let (Some(stage), Some(host)) =
            (self.stages.get_mut(task.stage), plan.hosts.get(task.host))
        else {
            return;
        };
        match from {
            Place::Waiting => stage.waiting -= 1,
            Place::Running => stage.running -= 1,
            Place::Parked | Place::Missing => {
                if let Some(count) = stage.roles.get_mut(&host.role) {
                    count.missing -= 1;
                }
            }
            Place::Done | Place::LeftOut => {}
        }
        match to {
            Place::Waiting => stage.waiting += 1,
            Place::Running => stage.running += 1,
            Place::Parked | Place::Missing => {
                if let Some(count) = stage.roles.get_mut(&host.role) {
                    count.missing += 1;
                }
            }
            Place::Done | Place::LeftOut => {}
        }
        if self.has_failed.get(index).is_some_and(|failed| *failed) {
            stage.note_failed(from, to);
            self.has_failed[index] = !matches!(to, Place::Done | Place::LeftOut);
        }
        self.open -= usize::from(from.is_open());
        self.open += usize::from(to.is_open());
        self.places[index] = to;
        if to == Place::Missing {
            self.decide_never(plan, task.stage);
        }
    }

    /// Whether too many are missing at a stage for its `all` gate to open ever.
    fn decide_never(&mut self, plan: &Plan, at: usize) {
        let lacking = self.stages.get(at).and_then(|stage| {
            let lacking = stage
                .roles
                .iter()
                .find(|(_, count)| count.missing > count.allowed);
            lacking.map(|(role, count)| self.missing_text(plan, at, role, count))
        });
        if let Some(stage) = self.stages.get_mut(at)
            && stage.never.is_none()
        {
            stage.never = lacking;
        }
    }

    /// Whether the others can go on though this task is missing.
    pub(crate) fn can_do_without(&self, plan: &Plan, task: usize) -> bool {
        let stage = plan
            .tasks
            .get(task)
            .and_then(|task| self.stages.get(task.stage));
        stage.is_some_and(|stage| stage.never.is_none() && stage.failed < stage.stop_after)
    }

    /// Leaves a host behind for now, if everybody else can go on without it. Its tasks count as missing at
    /// gates until it is back. Gives the stages that it would have taken part in, or nothing where it
    /// cannot be left behind.
    pub(crate) fn park(&mut self, plan: &Plan, host: usize) -> Option<Vec<usize>> {
        let role = &plan.hosts.get(host)?.role;
        let tasks = self.waiting_of(host);
        let stages: Vec<usize> = tasks
            .iter()
            .filter_map(|task| Some(plan.tasks.get(*task)?.stage))
            .collect();
        let spare = |stage: &usize| {
            let count = self
                .stages
                .get(*stage)
                .and_then(|stage| stage.roles.get(role));
            count.is_some_and(|count| count.missing < count.allowed)
        };
        if self.is_busy(host) || !stages.iter().all(spare) {
            return None;
        }
        for task in tasks {
            self.put(plan, task, Place::Parked);
        }
        Some(stages)
    }

    /// A host that was left behind is back, and with it the task that failed there.
    pub(crate) fn unpark(&mut self, plan: &Plan, host: usize, failed: Option<usize>) {
        let parked = self.parked_of(host);
        for task in parked.into_iter().chain(failed) {
            self.put(plan, task, Place::Waiting);
        }
    }

    /// The host's tasks that were left behind with it.
    pub(crate) fn parked_of(&self, host: usize) -> Vec<usize> {
        self.of_host
            .get(host)
            .into_iter()
            .flatten()
            .copied()
            .filter(|task| self.place(*task) == Place::Parked)
            .collect()
    }

    /// Whether the stage's `all` gate has just been decided for good, or no further host begins it, so that
    /// others may move.
    pub(crate) fn is_decided(&self, stage: usize) -> bool {
        self.stages.get(stage).is_some_and(|stage| {
            let nobody_left = stage.waiting + stage.running == 0;
            nobody_left || stage.never.is_some() || stage.failed >= stage.stop_after
        })
    }

    /// A task that was handed out is taken back: it was not begun.
    pub(crate) fn withdraw(&mut self, plan: &Plan, task: usize, to: Place) {
        if self.place(task) == Place::Running {
            self.move_to(plan, task, to);
        }
    }
}

/// At most four names, and how many more there are.
fn few_names(mut names: Vec<&str>) -> String {
    let more = names.len().saturating_sub(4);
    names.truncate(4);
    match more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// What the operator decides over the heads of gates.
impl Board {
    /// The host's tasks that are not done, in stage order.
    pub(crate) fn undone_of(&self, host: usize) -> Vec<usize> {
        let tasks = self.of_host.get(host).into_iter().flatten().copied();
        tasks
            .filter(|task| self.place(*task) != Place::Done)
            .collect()
    }

    /// Leaves a host out: nobody waits for it any more, and nobody misses it. What it has in hand is left out
    /// when that has ended.
    pub(crate) fn leave_out(&mut self, plan: &Plan, host: usize, reason: &str) {
        self.stop_host(host, reason);
        if let Some(left) = self.left_out.get_mut(host) {
            *left = true;
        }
        for task in self.undone_of(host) {
            if self.place(task) != Place::Running {
                self.put(plan, task, Place::LeftOut);
            }
        }
    }

    pub(crate) fn is_left_out(&self, host: usize) -> bool {
        self.left_out.get(host).is_some_and(|left| *left)
    }

    /// The host takes part again, and so do its tasks that are not done.
    pub(crate) fn take_in(&mut self, plan: &Plan, host: usize) {
        if let Some(stopped) = self.host_stopped.get_mut(host) {
            *stopped = None;
        }
        if let Some(left) = self.left_out.get_mut(host) {
            *left = false;
        }
        for task in self.undone_of(host) {
            if self.place(task) != Place::Running {
                self.put(plan, task, Place::Waiting);
            }
        }
    }

    /// A task counts as done, however it stood.
    pub(crate) fn grant(&mut self, plan: &Plan, task: usize) {
        self.put(plan, task, Place::Done);
    }

    /// Opens again what never ran because of something that is different now. `not_run` are the tasks that
    /// were given up for a gate; gives those that may yet run.
    pub(crate) fn reopen(&mut self, plan: &Plan, not_run: &[usize]) -> Vec<usize> {
        for stage in &mut self.stages {
            stage.never = None;
        }
        let mut candidates: Vec<usize> = not_run
            .iter()
            .copied()
            .filter(|task| self.place(*task) == Place::Missing)
            .collect();
        for task in &candidates {
            self.put(plan, *task, Place::Waiting);
        }
        for stage in 0..self.stages.len() {
            self.decide_never(plan, stage);
        }
        // Gates lead to stages above only: what is above is decided before what is below.
        candidates.sort_by_key(|task| plan.tasks.get(*task).map(|task| task.stage));
        candidates.retain(|task| {
            let may_run = !matches!(self.verdict(plan, *task), Verdict::Never(_))
                && !matches!(self.brake(plan, *task), Verdict::Never(_));
            if !may_run {
                self.put(plan, *task, Place::Missing);
            }
            may_run
        });
        candidates
    }
}
