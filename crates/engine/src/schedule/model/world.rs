//! A model of the world: what executors and the operator may do next, one choice after the other.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use phalanx_events::{
    CancelLevel, Control, EventKind, Failure, FailureKind, Outcome, RebootPhase, RunOutcome,
    RunStarted, RunState, TaskEnd,
};
use phalanx_plan::{Action, HostIx, PreparedPlan, TaskIx};

use super::super::Resumption;
use super::super::board::Place;
use super::super::{Announcement, Begin, Effect, Input, Now, Schedule};
use super::super::{Order, Step};
use super::checker::Checker;

/// What an executor is at.
#[derive(Clone, Debug)]
enum Doing {
    /// It connects; whether for the first time, or since it was told to.
    Connects { first: bool },
    /// It waits for orders.
    Idle,
    /// It could not connect. Whether it tries again by itself.
    Away { again: bool },
    /// It waits for a permit.
    WaitsForPermit(Attempt),
    /// It has announced an attempt.
    Asks(Attempt),
    /// It works on it.
    Works(Attempt),
    /// It broke.
    Broken,
}

#[derive(Clone, Debug)]
struct Attempt {
    task: TaskIx,
    number: u32,
    step: Step,
    first: u32,
    then_again: bool,
}

struct Executor {
    doing: Doing,
    orders: VecDeque<Order>,
    stop: Option<CancelLevel>,
}

/// Everything that there is.
pub(super) struct World {
    plan: Arc<PreparedPlan>,
    holds: bool,
    schedule: Schedule,
    executors: BTreeMap<HostIx, Executor>,
    paused: bool,
    now: Duration,
    pub(super) checker: Checker,
    /// All that went in so far of this process, what came out, and when it was to go on by itself.
    replay: Vec<(Vec<Input>, Now, String, Option<Duration>)>,
    resumed: Option<(RunState, Resumption)>,
}

fn failure(kind: FailureKind) -> Failure {
    Failure::new(kind, "so it is")
}

impl World {
    pub(super) fn new(plan: &Arc<PreparedPlan>, holds: bool) -> Self {
        let mut world = Self {
            schedule: Schedule::new(Arc::clone(plan), holds),
            executors: executors(plan),
            holds,
            paused: false,
            now: Duration::ZERO,
            checker: Checker::new(Arc::clone(plan), holds),
            replay: Vec::new(),
            resumed: None,
            plan: Arc::clone(plan),
        };
        let first = EventKind::RunStarted(RunStarted {
            run: "r1".into(),
            cluster: "test".into(),
            recipe: "test".into(),
            release: None,
            flow: "install".into(),
            hosts: plan.hosts.len(),
            tasks: plan.tasks.len(),
            version: "1".into(),
            origin: None,
        });
        world.on(vec![Input::Begin(first)]);
        world
    }

    /// The process is killed, and another goes on with what it has written down.
    pub(super) fn kill_and_resume(&mut self) {
        let state = RunState::of(&self.checker.events);
        let plans = (1..=state.plan).map(|number| (number, Arc::clone(&self.plan)));
        let plans: BTreeMap<u32, _> = plans.collect();
        let resumption = Resumption::of(&self.plan, &plans, &state);
        let first = EventKind::RunResumed(phalanx_events::RunResumed {
            plan: state.plan + 1,
            hosts: self.plan.hosts.len(),
            tasks: self.plan.tasks.len(),
            again: resumption.again(),
            forgotten: Vec::new(),
            version: "1".into(),
            origin: None,
        });
        self.schedule = Schedule::going_on(
            Arc::clone(&self.plan),
            self.holds,
            state.clone(),
            &resumption,
        );
        self.resumed = Some((state, resumption));
        self.executors = executors(&self.plan);
        self.paused = false;
        self.now = Duration::ZERO;
        self.checker.go_on();
        self.replay.clear();
        self.on(vec![Input::Begin(first)]);
    }

    /// The same inputs give the same effects.
    pub(super) fn replay_is_the_same(&self) {
        let mut schedule = match &self.resumed {
            None => Schedule::new(Arc::clone(&self.plan), self.holds),
            Some((state, resumption)) => {
                let plan = Arc::clone(&self.plan);
                Schedule::going_on(plan, self.holds, state.clone(), resumption)
            }
        };
        for (inputs, now, expected, due) in &self.replay {
            let effects = schedule.on(inputs.clone(), *now);
            assert_eq!(&format!("{effects:?}"), expected, "a replay differs");
            assert_eq!(schedule.due(), *due, "a replay is due at another time");
        }
        assert_eq!(schedule.is_over(), self.schedule.is_over());
        assert_eq!(schedule.outcome(), self.schedule.outcome());
    }

    pub(super) fn is_over(&self) -> bool {
        self.schedule.is_over()
    }

    /// The end of the run.
    pub(super) fn close(&mut self) -> RunOutcome {
        let was = self.schedule.cancel();
        if was.is_none() {
            self.checker.all_were_heard_of();
        }
        self.on(vec![Input::Close]);
        if was != Some(CancelLevel::Leave) {
            self.checker.nothing_is_open();
        }
        self.schedule.outcome()
    }

    fn on(&mut self, inputs: Vec<Input>) {
        let controls = inputs
            .iter()
            .filter(|input| matches!(input, Input::Control(_)));
        let controls = controls.count();
        let now = Now {
            wall: Timestamp::UNIX_EPOCH,
            elapsed: self.now,
        };
        self.checker.inputs(&inputs, self.now);
        let effects = self.schedule.on(inputs.clone(), now);
        let due = self.schedule.due();
        self.replay.push((inputs, now, format!("{effects:?}"), due));
        let mut replies = 0;
        for effect in &effects {
            self.checker.effect(effect);
            replies += usize::from(matches!(effect, Effect::Reply(_)));
            self.carry_out(effect);
        }
        assert_eq!(
            replies, controls,
            "every control is answered at once, and once"
        );
        self.checker.input_is_over();
        self.books_agree();
        self.who_is_to_stop_is_told();
        assert!(due.is_none_or(|due| due > self.now), "what is due is done");
    }

    fn carry_out(&mut self, effect: &Effect) {
        match effect {
            Effect::Order(host, order) => {
                let executor = self.executor(*host);
                if !matches!(executor.doing, Doing::Broken) {
                    executor.orders.push_back(order.clone());
                }
            }
            Effect::Go(task, _) => {
                let executor = self.executor(self.plan.task(*task).host);
                if let Doing::Asks(attempt) = executor.doing.clone() {
                    executor.doing = Doing::Works(attempt);
                }
            }
            Effect::Refuse(task, _) => {
                let executor = self.executor(self.plan.task(*task).host);
                executor.doing = Doing::Idle;
            }
            Effect::Stop(host, level) => self.executor(*host).stop = *level,
            Effect::StopAll(level) => {
                for executor in self.executors.values_mut() {
                    executor.stop = executor.stop.max(Some(*level));
                }
            }
            Effect::Pause(paused) => self.paused = *paused,
            Effect::Tell(_) | Effect::Reply(_) | Effect::Work => {}
        }
    }

    fn executor(&mut self, host: HostIx) -> &mut Executor {
        self.executors.get_mut(&host).expect("a host of the plan")
    }

    /// Places and state agree, and the counts are what the places add up to.
    fn books_agree(&self) {
        let (mut open, mut running) = (0, 0);
        for task in self.plan.task_ixs() {
            let id = &self.plan.task(task).id;
            let place = self.schedule.board.place(task);
            let known = self.schedule.record.task(task);
            let end = known.and_then(|known| known.end());
            let is_done = end.is_some_and(|end| end.outcome.is_done());
            assert_eq!(
                place == Place::Done,
                is_done,
                "{id} is {place:?}, and {end:?}"
            );
            assert!(
                place != Place::Missing || end.is_some(),
                "{id} is missing, and has no end"
            );
            open += usize::from(matches!(place, Place::Waiting | Place::Running));
            running += usize::from(place == Place::Running);
        }
        assert_eq!(
            (self.schedule.board.open(), self.schedule.board.running()),
            (open, running)
        );
    }

    /// Who works on what is not wanted any more is to stop, and nobody else is.
    fn who_is_to_stop_is_told(&self) {
        for (host, executor) in &self.executors {
            let name = &self.plan.host(*host).name;
            let cancel = self.checker.cancel;
            assert!(executor.stop >= cancel, "{name} is not told to stop");
            let Doing::Works(attempt) = &executor.doing else {
                continue;
            };
            let is_unwanted = self.checker.is_unwanted(attempt.task);
            let stop = executor.stop >= Some(CancelLevel::StopJobs);
            assert!(stop || !is_unwanted, "{name} works on what is not wanted");
            assert!(
                is_unwanted || executor.stop == cancel,
                "{name} is to stop, and nobody wants it"
            );
        }
    }

    /// Executors that may do something, in the plan's order.
    fn movers(&self) -> Vec<HostIx> {
        let executors = self.executors.iter();
        let may = |executor: &Executor| match &executor.doing {
            Doing::Connects { .. } | Doing::Works(_) => true,
            Doing::Idle | Doing::Away { again: false } => !executor.orders.is_empty(),
            Doing::Away { again: true } => true,
            // In a pause as well: a probe and a reboot wait for no permit, and others may just have got one.
            Doing::WaitsForPermit(_) => true,
            Doing::Asks(_) | Doing::Broken => false,
        };
        let movers = executors.filter(|(_, executor)| may(executor));
        movers.map(|(host, _)| *host).collect()
    }

    /// One step of somebody, by choice: mostly of up to three executors at once, sometimes the operator says
    /// something or time passes.
    pub(super) fn step(&mut self, choice: u32) {
        let (what, choice) = (choice % 32, choice / 32);
        match what {
            0..3 => self.operator(choice),
            3 => self.cancel(choice),
            4..7 => self.time_passes(Duration::from_secs(u64::from(choice % 100))),
            _ => {
                let movers = self.movers();
                let mut inputs = Vec::new();
                for nth in 0..=(what % 3) {
                    let at = (choice as usize + nth as usize * 7) % movers.len().max(1);
                    if let Some(host) = movers.get(at)
                        && self.movers().contains(host)
                    {
                        inputs.extend(self.executor_moves(*host, choice / 8 + nth));
                    }
                }
                self.on(inputs);
            }
        }
    }

    fn time_passes(&mut self, by: Duration) {
        self.now += by;
        self.on(Vec::new());
    }

    /// Things take their course: everything succeeds that may, and time passes where nothing else does.
    pub(super) fn take_course(&mut self) {
        if self.paused && self.checker.cancel.is_none() {
            return self.on(vec![Input::Control(Control::Continue)]);
        }
        let movers = self.movers();
        // Who is away stays away.
        let mut movers = movers.into_iter().filter(|host| {
            let executor = &self.executors[host];
            !matches!(executor.doing, Doing::Away { again: true }) || !executor.orders.is_empty()
        });
        match (movers.next(), self.schedule.due()) {
            (Some(host), _) => {
                let inputs = self.executor_moves(host, 0);
                self.on(inputs);
            }
            (None, Some(due)) => {
                self.now = due;
                self.on(Vec::new());
            }
            (None, None) => panic!("nothing can happen any more, and the run is not over"),
        }
    }

    fn operator(&mut self, choice: u32) {
        let hosts = self.plan.hosts.len();
        let host = self.plan.hosts[(choice / 5) as usize % hosts].name.clone();
        let control = match choice % 5 {
            0 => Control::Pause,
            1 => Control::Continue,
            2 => Control::Retry { host },
            3 => Control::Drop { host },
            _ if self.plan.tasks.is_empty() => Control::Continue,
            _ => {
                let task = (choice / 5) as usize % self.plan.tasks.len();
                let task = self.plan.tasks[task].id.clone();
                Control::Skip { task }
            }
        };
        let deaf = self.executors.iter();
        let deaf = deaf.filter(|(_, executor)| matches!(executor.doing, Doing::Broken));
        let mut inputs: Vec<Input> = deaf.map(|(host, _)| Input::Deaf(*host)).collect();
        inputs.push(Input::Control(control));
        self.on(inputs);
    }

    fn cancel(&mut self, choice: u32) {
        match choice % 16 {
            0 => self.on(vec![Input::Cancel(CancelLevel::NoNewTasks)]),
            1 => self.on(vec![Input::Cancel(CancelLevel::StopJobs)]),
            2 => self.on(vec![Input::Cancel(CancelLevel::Leave)]),
            _ => self.time_passes(Duration::from_secs(1)),
        }
    }

    /// One move of an executor; 0 is the one with which things take their course.
    fn executor_moves(&mut self, host: HostIx, choice: u32) -> Vec<Input> {
        let executor = self.executor(host);
        match executor.doing.clone() {
            Doing::Idle | Doing::Away { again: false } => self.takes_order(host),
            Doing::Away { again: true } => match choice % 4 {
                0 => self.takes_order(host),
                1 => vec![Input::Away(host)],
                _ => {
                    executor.doing = Doing::Connects { first: false };
                    Vec::new()
                }
            },
            Doing::Connects { first } => self.connects(host, first, choice),
            Doing::WaitsForPermit(attempt) => self.has_permit(host, attempt, choice),
            Doing::Works(attempt) => self.works(host, attempt, choice),
            Doing::Asks(_) | Doing::Broken => Vec::new(),
        }
    }

    fn takes_order(&mut self, host: HostIx) -> Vec<Input> {
        let executor = self.executor(host);
        match executor.orders.pop_front() {
            Some(Order::Task(task, begin)) => {
                let number = begin.attempt();
                let then_again = matches!(
                    begin,
                    Begin::Attach {
                        then_again: true,
                        ..
                    }
                );
                executor.doing = Doing::WaitsForPermit(Attempt {
                    task,
                    number,
                    step: match begin.is_under_way() {
                        true => Step::GoOn,
                        false => Step::First,
                    },
                    first: number,
                    then_again,
                });
            }
            Some(Order::Contact) => executor.doing = Doing::Connects { first: true },
            Some(Order::Finish { .. }) | None => {}
        }
        Vec::new()
    }

    fn connects(&mut self, host: HostIx, first: bool, choice: u32) -> Vec<Input> {
        let holds = self.holds;
        let executor = self.executor(host);
        if executor.stop.is_some() {
            executor.doing = Doing::Idle; // nothing is said of it
            return Vec::new();
        }
        let gone = |kind| Input::Gone(host, failure(kind));
        match choice % 16 {
            8 | 9 if first => {
                executor.doing = Doing::Away { again: true };
                vec![gone(FailureKind::Unreachable)]
            }
            8 | 9 => {
                executor.doing = Doing::Away { again: true };
                vec![Input::Away(host)]
            }
            10 => {
                executor.doing = Doing::Away { again: false };
                vec![gone(FailureKind::Login)]
            }
            11 if holds => vec![Input::Contended(host)],
            12 if holds && choice.is_multiple_of(3) => {
                executor.doing = Doing::Away { again: false };
                vec![gone(FailureKind::Held)]
            }
            13 if holds && choice.is_multiple_of(3) => {
                vec![Input::Yields(host, failure(FailureKind::Held))]
            }
            14 if choice.is_multiple_of(5) => {
                let other = self.plan.host_ixs().find(|other| *other != host);
                let executor = self.executor(host);
                executor.doing = Doing::Away { again: false };
                match other {
                    Some(other) => {
                        let failure = failure(FailureKind::Protocol);
                        vec![Input::OneMachine(host, other, failure)]
                    }
                    None => vec![gone(FailureKind::Sudo)],
                }
            }
            _ => {
                executor.doing = Doing::Idle;
                let connected = EventKind::HostConnected {
                    host: self.plan.host(host).name.clone(),
                    boot: None,
                    server: String::new(),
                    took_ms: 1,
                };
                let connected = Input::Progress(connected);
                vec![connected, Input::Taken(host), Input::Ready(host)]
            }
        }
    }

    fn breaks(&mut self, host: HostIx) -> Vec<Input> {
        self.executor(host).doing = Doing::Broken;
        vec![Input::Gone(host, failure(FailureKind::Protocol))]
    }

    fn has_permit(&mut self, host: HostIx, attempt: Attempt, choice: u32) -> Vec<Input> {
        let stage = self.plan.stage(self.plan.task(attempt.task).stage);
        let job = matches!(stage.action, Action::Run(_)).then(|| "job".to_owned());
        let has_job = matches!(stage.action, Action::Run(_) | Action::Put);
        let executor = self.executors.get_mut(&host).expect("a host of the plan");
        if executor.stop.is_some() && has_job && choice.is_multiple_of(2) {
            executor.doing = Doing::Idle;
            self.checker.note_withdrawn(attempt.task);
            return vec![Input::Withdrawn(attempt.task)];
        }
        if choice % 40 == 39 {
            return self.breaks(host);
        }
        let (task, number, step) = (attempt.task, attempt.number, attempt.step);
        executor.doing = Doing::Asks(attempt);
        self.checker.note_announced(task, number);
        vec![Input::Announce(Announcement {
            task,
            attempt: number,
            job,
            step,
        })]
    }

    fn works(&mut self, host: HostIx, attempt: Attempt, choice: u32) -> Vec<Input> {
        let planned = self.plan.task(attempt.task);
        let (id, action) = (
            planned.id.clone(),
            self.plan.stage(planned.stage).action.clone(),
        );
        let is_job = matches!(action, Action::Run(_));
        let failed = |kind| TaskEnd::failed(failure(kind));
        let stop = self.executor(host).stop;
        let mut end = match choice % 20 {
            // Whoever is to stop does.
            0 if stop >= Some(CancelLevel::StopJobs) => TaskEnd::new(Outcome::Cancelled),
            1 if action == Action::Reboot => {
                return vec![Input::Progress(EventKind::Reboot {
                    task: id,
                    phase: RebootPhase::Requested,
                    boot: Some("b".into()),
                })];
            }
            1 if is_job => return vec![Input::Progress(EventKind::TaskAccepted { task: id })],
            2 | 3 => failed(FailureKind::Script),
            4 => failed(FailureKind::Problems),
            12 if choice.is_multiple_of(3) => TaskEnd::failed(Failure {
                lasts: true,
                ..failure(FailureKind::Script)
            }),
            5 | 6 => TaskEnd {
                again: attempt.number < attempt.first + 2,
                ..failed(FailureKind::Script)
            },
            7 | 8 if is_job => TaskEnd::failed(Failure {
                may_run: true,
                ..failure(FailureKind::Unreachable)
            }),
            9 if choice.is_multiple_of(3) => failed(FailureKind::Fenced),
            10 if choice.is_multiple_of(3) => return self.breaks(host),
            11 if stop.is_some() => TaskEnd::new(Outcome::Cancelled),
            _ => TaskEnd {
                changed: vec!["x".into()],
                ..TaskEnd::new(Outcome::Changed)
            },
        };
        let may_run = end.failure.as_ref().is_some_and(|failure| failure.may_run);
        end.again |= attempt.then_again && !may_run && end.outcome != Outcome::Cancelled;
        self.executor(host).doing = match end.again {
            false => Doing::Idle,
            true => Doing::WaitsForPermit(Attempt {
                number: attempt.number + 1,
                step: Step::Next,
                then_again: false,
                ..attempt
            }),
        };
        vec![Input::Ended(attempt.task, attempt.number, Box::new(end))]
    }
}

fn executors(plan: &PreparedPlan) -> BTreeMap<HostIx, Executor> {
    let executor = || Executor {
        doing: Doing::Connects { first: true },
        orders: VecDeque::new(),
        stop: None,
    };
    plan.host_ixs().map(|host| (host, executor())).collect()
}
