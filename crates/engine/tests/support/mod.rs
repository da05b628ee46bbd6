//! A scripted world: hosts that do what a test tells them, and note whatever they were not told to
//! expect. Time is tokio's, so that tests pause it.
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs
)]

mod plan_maker;
mod scripted;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use phalanx_engine::{ControlCall, Holder, Resume, RunId, RunRequest, Told, run};
use phalanx_events::{CancelLevel, Control, Event, EventKind, Outcome, RunOutcome};
pub(crate) use plan_maker::{PlanMaker, changed, script, until};

use phalanx_plan::{Plan, PreparedPlan};
use phalanx_remote::{
    BootIdentity, ConnectError, Connection, FenceError, FileToPut, Greeting, Hold, HolderWords,
    HostFiles, HostHold, HostJobs, JobCall, JobEnd, JobError, JobId, JobState, JobWatch, LeftJob,
    LoginError, LostError, OutputSink, ProbeEnd, ProbeError, PutError, PutOutcome, RequestError,
    Said, Script, Stance, Transport, UnsafeSpoolError,
};
use scripted::Scripted;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// What a scripted job does.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) takes: Duration,
    pub(crate) output: String,
    pub(crate) result: String,
    pub(crate) state: JobState,
    /// The processes that it leaves running.
    pub(crate) left: Vec<String>,
    /// Whether its output comes byte by byte, one each time that somebody attaches to it.
    pub(crate) drips: bool,
}

impl Job {
    pub(crate) fn ok(seconds: u64) -> Self {
        Self {
            takes: Duration::from_secs(seconds),
            output: String::new(),
            result: String::new(),
            state: JobState::Ended(0),
            left: Vec::new(),
            drips: false,
        }
    }

    pub(crate) fn fails(seconds: u64, status: i32) -> Self {
        Self {
            state: JobState::Ended(status),
            ..Self::ok(seconds)
        }
    }

    pub(crate) fn ends(mut self, state: JobState) -> Self {
        self.state = state;
        self
    }

    pub(crate) fn says(mut self, output: &str) -> Self {
        self.output = output.into();
        self
    }

    pub(crate) fn result(mut self, result: &str) -> Self {
        self.result = result.into();
        self
    }
}

/// What a connection attempt does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dial {
    Works,
    TimesOut,
    Refuses,
}

#[derive(Default)]
struct HostScript {
    dials: VecDeque<Dial>,
    /// Jobs by stage; one attempt each.
    jobs: BTreeMap<String, VecDeque<Job>>,
    /// Answers of probes by stage (`""` = facts): status, output, result.
    probes: BTreeMap<String, VecDeque<(i32, String, String)>>,
    /// Since when the jobs that were started run.
    running: BTreeMap<JobId, (Instant, Job)>,
    cancelled: Vec<JobId>,
    collected: Vec<String>,
    puts: Vec<FileToPut>,
    /// What jobs were given, by stage.
    environments: BTreeMap<String, BTreeMap<String, String>>,
    boot: u32,
    /// How long a reboot takes to go down and to come up; none: it never goes down.
    reboot: Option<(Duration, Option<Duration>)>,
    down_until: Option<Option<Instant>>,
    going_down: bool,
    holder: Option<HolderWords>,
    fence: u64,
    last_beat: Option<Instant>,
    /// Jobs of another run, and until when they run.
    left_running: Option<(Vec<LeftJob>, Option<Instant>)>,
    /// What the login does instead of what it is asked to.
    disobeys: Option<LoginError>,
    /// When the present connection breaks.
    breaks_at: VecDeque<Instant>,
    connections: usize,
    /// How long each connection holds.
    breaks_each: Option<Duration>,
    /// Why jobs cannot be followed any more, and how often that is said.
    job_errors: VecDeque<JobError>,
    /// The names that its processes were given.
    marks: Vec<String>,
}

/// All scripted hosts.
#[derive(Clone, Default)]
pub(crate) struct World {
    hosts: Arc<Mutex<BTreeMap<String, HostScript>>>,
    unexpected: Arc<Mutex<Vec<String>>>,
    controls: Arc<Mutex<Vec<(Duration, Control)>>>,
    /// What the run answered to controls.
    said: Arc<Mutex<Vec<Result<String, String>>>>,
    /// Who works on the hosts, where they have to be held.
    pub(crate) holds_as: Option<Holder>,
    /// Which of several controllers this one is; its run is called so as well.
    controller: Option<String>,
    /// Hosts that are another one under a second name.
    same_as: BTreeMap<String, String>,
    /// How long a host takes to answer it, there and back each.
    lags: BTreeMap<String, Duration>,
}

impl World {
    /// The same hosts, as another controller sees them: it waits so long for some of them, there and back each.
    pub(crate) fn controller(&self, name: &str, lags: &[(&str, Duration)]) -> Self {
        let lags = lags.iter().map(|(host, lag)| ((*host).to_owned(), *lag));
        Self {
            controls: Arc::default(),
            said: Arc::default(),
            holds_as: Some(Holder {
                run: name.to_owned(),
                ..holder()
            }),
            controller: Some(name.to_owned()),
            lags: lags.collect(),
            ..self.clone()
        }
    }

    async fn lag(&self, host: &str) {
        if let Some(lag) = self.lags.get(host) {
            sleep(*lag).await;
        }
    }

    /// Who somebody is to hosts: all controllers of a test are one process.
    fn words(&self, me: &HolderWords) -> HolderWords {
        HolderWords {
            process: self.controller.clone().unwrap_or(me.process.clone()),
            ..me.clone()
        }
    }

    fn with<R>(&self, host: &str, f: impl FnOnce(&mut HostScript) -> R) -> R {
        let host = self.same_as.get(host).map_or(host, String::as_str);
        f(self
            .hosts
            .lock()
            .unwrap()
            .entry(host.to_owned())
            .or_default())
    }

    /// This host is that other one as well.
    pub(crate) fn is_also(&mut self, host: &str, other: &str) {
        self.same_as.insert(host.to_owned(), other.to_owned());
    }

    pub(crate) fn dials(&self, host: &str, dials: &[Dial]) -> &Self {
        self.with(host, |script| script.dials.extend(dials.iter().copied()));
        self
    }

    /// The login is let in and does something else than it is asked to.
    pub(crate) fn disobeys(&self, host: &str, how: LoginError) -> &Self {
        self.with(host, |script| script.disobeys = Some(how));
        self
    }

    /// What was scripted for connections that nobody made is forgotten.
    pub(crate) fn answers_again(&self, host: &str) {
        self.with(host, |script| script.dials.clear());
    }

    pub(crate) fn job(&self, host: &str, stage: &str, job: Job) -> &Self {
        self.with(host, |script| {
            script.jobs.entry(stage.into()).or_default().push_back(job)
        });
        self
    }

    pub(crate) fn probe(&self, host: &str, stage: &str, status: i32, output: &str) -> &Self {
        self.with(host, |script| {
            script.probes.entry(stage.into()).or_default().push_back((
                status,
                output.to_owned(),
                String::new(),
            ));
        });
        self
    }

    /// A probe that also tells results.
    pub(crate) fn probe_tells(&self, host: &str, stage: &str, status: i32, result: &str) -> &Self {
        self.with(host, |script| {
            let answer = (status, String::new(), result.to_owned());
            let answers = script.probes.entry(stage.into()).or_default();
            answers.push_back(answer);
        });
        self
    }

    pub(crate) fn facts(&self, host: &str, result: &str) -> &Self {
        self.with(host, |script| {
            let answer = (0, String::new(), result.to_owned());
            script
                .probes
                .entry(String::new())
                .or_default()
                .push_back(answer);
        });
        self
    }

    pub(crate) fn reboots(&self, host: &str, down: u64, up: Option<u64>) -> &Self {
        let times = (Duration::from_secs(down), up.map(Duration::from_secs));
        self.with(host, |script| script.reboot = Some(times));
        self
    }

    /// The host reboots now, if it does so at all.
    pub(crate) fn reboot(&self, host: &str) {
        let asked = self.with(host, |host| {
            // A host that is going down already does not do so twice.
            let again = std::mem::replace(&mut host.going_down, true);
            host.reboot.filter(|_| !again)
        });
        let Some((down, up)) = asked else {
            return; // it says yes and does nothing
        };
        let (world, host) = (self.clone(), host.to_owned());
        tokio::spawn(async move {
            sleep(down).await;
            let until = up.map(|up| Instant::now() + up);
            world.with(&host, |script| script.down_until = Some(until));
            if let Some(until) = until {
                sleep_until(until).await;
                world.with(&host, |script| {
                    script.boot += 1;
                    script.down_until = None;
                    script.going_down = false;
                });
            }
        });
    }

    /// The connections of this host break this many seconds from now.
    pub(crate) fn breaks_after(&self, host: &str, seconds: &[u64]) -> &Self {
        self.with(host, |script| {
            let at = |s: &u64| Instant::now() + Duration::from_secs(*s);
            script.breaks_at.extend(seconds.iter().map(at));
        });
        self
    }

    /// Each connection of this host breaks after that time.
    pub(crate) fn breaks_each(&self, host: &str, holds: Duration) -> &Self {
        self.with(host, |script| script.breaks_each = Some(holds));
        self
    }

    /// The next job that is asked of the host ends so, once.
    pub(crate) fn job_error(&self, host: &str, error: JobError) -> &Self {
        self.with(host, |script| script.job_errors.push_back(error));
        self
    }

    /// What the host's job of this stage was given.
    pub(crate) fn environment(&self, host: &str, stage: &str) -> BTreeMap<String, String> {
        self.with(host, |script| script.environments[stage].clone())
    }

    pub(crate) fn cancelled(&self, host: &str) -> Vec<String> {
        self.with(host, |script| {
            script.cancelled.iter().map(ToString::to_string).collect()
        })
    }

    pub(crate) fn collected(&self, host: &str) -> Vec<String> {
        self.with(host, |script| script.collected.clone())
    }

    fn hold_as(&self) -> Option<Holder> {
        self.holds_as.clone()
    }

    /// The host is held by somebody who gives a sign of life every so many seconds, or never.
    pub(crate) fn held_by(&self, host: &str, process: &str, every: Option<u64>) {
        self.held_by_one(host, process, every, Stance::Working, 0);
    }

    /// The same, by somebody who may only take its hosts yet, with this rank.
    pub(crate) fn held_by_one(
        &self,
        host: &str,
        process: &str,
        every: Option<u64>,
        stance: Stance,
        rank: u64,
    ) {
        let holder = HolderWords {
            process: process.to_owned(),
            run: "r0".into(),
            owner: "kim".into(),
            machine: "desk/7".into(),
            since: "2026-01-01T00:00:00Z".into(),
            beats: 0,
            stance,
            rank,
            host: host.to_owned(),
        };
        self.with(host, |script| {
            script.holder = Some(holder);
            // As long as nothing is heard of it, nobody knows when it gave a sign of life.
            script.last_beat = every.map(|_| Instant::now());
        });
        let (world, host) = (self.clone(), host.to_owned());
        if let Some(every) = every {
            tokio::spawn(async move {
                loop {
                    sleep(Duration::from_secs(every)).await;
                    world.with(&host, |script| {
                        if let Some(holder) = &mut script.holder {
                            holder.beats += 1;
                            script.last_beat = Some(Instant::now());
                        }
                    });
                }
            });
        }
    }

    /// A script of another run runs there for so many seconds, or for ever.
    pub(crate) fn left_running(&self, host: &str, job: &str, seconds: Option<u64>) {
        let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        self.with(host, |script| {
            let id = JobId::told(job).unwrap();
            let folder_gone = false;
            script.left_running = Some((vec![LeftJob { id, folder_gone }], until))
        });
    }

    /// Whether somebody holds the host.
    pub(crate) fn is_held(&self, host: &str) -> bool {
        self.with(host, |script| script.holder.is_some())
    }

    /// The host is off, for everybody.
    pub(crate) fn off(&self, host: &str) {
        self.with(host, |script| script.down_until = Some(None));
    }

    /// Who holds the host.
    pub(crate) fn holder_of(&self, host: &str) -> Option<HolderWords> {
        self.with(host, |script| script.holder.clone())
    }

    /// Whoever holds the host lets it go so many seconds from now.
    pub(crate) fn lets_go_after(&self, host: &str, seconds: u64) {
        let (world, host) = (self.clone(), host.to_owned());
        tokio::spawn(async move {
            sleep(Duration::from_secs(seconds)).await;
            world.with(&host, |script| script.holder = None);
        });
    }

    /// Somebody else takes the host over so many seconds from now.
    pub(crate) fn taken_over_after(&self, host: &str, seconds: u64) {
        let (world, host) = (self.clone(), host.to_owned());
        tokio::spawn(async move {
            sleep(Duration::from_secs(seconds)).await;
            world.with(&host, |script| script.fence += 1);
        });
    }

    /// Every job that was started: its run, its host, from when to when it was to run.
    pub(crate) fn jobs_run(&self) -> Vec<(String, String, Instant, Instant)> {
        let hosts = self.hosts.lock().unwrap();
        let of_host = |(host, script): (&String, &HostScript)| {
            let job = |(id, (from, job)): (&JobId, &(Instant, Job))| {
                (id.run().to_owned(), host.clone(), *from, *from + job.takes)
            };
            script.running.iter().map(job).collect::<Vec<_>>()
        };
        hosts.iter().flat_map(of_host).collect()
    }

    pub(crate) fn boot(&self, host: &str) -> u32 {
        self.with(host, |script| script.boot)
    }

    pub(crate) fn connections(&self, host: &str) -> usize {
        self.with(host, |script| script.connections)
    }

    pub(crate) fn started(&self, host: &str) -> Vec<String> {
        self.with(host, |script| {
            script.running.keys().map(ToString::to_string).collect()
        })
    }

    /// The operator says this so many seconds after the run's start.
    pub(crate) fn says(&self, at: u64, control: Control) -> &Self {
        let mut controls = self.controls.lock().unwrap();
        controls.push((Duration::from_secs(at), control));
        drop(controls);
        self
    }

    /// What the run answered.
    pub(crate) fn answers(&self) -> Vec<Result<String, String>> {
        self.said.lock().unwrap().clone()
    }

    fn unexpected(&self, what: String) {
        self.unexpected.lock().unwrap().push(what);
    }

    pub(crate) fn assert_nothing_unexpected(&self) {
        assert_eq!(*self.unexpected.lock().unwrap(), Vec::<String>::new());
    }

    /// Carries out a plan, and checks that nothing unexpected was asked of any host.
    pub(crate) async fn run(&self, plan: Plan) -> Ran {
        let (_keep, cancel) = watch::channel(None);
        self.run_with(plan, cancel, 64).await
    }

    pub(crate) async fn run_with(
        &self,
        plan: Plan,
        cancel: watch::Receiver<Option<CancelLevel>>,
        parallel: usize,
    ) -> Ran {
        let home = tempfile::tempdir().unwrap();
        let ran = self.run_in(home.path(), plan, cancel, parallel).await;
        self.assert_nothing_unexpected();
        ran
    }

    pub(crate) async fn run_in(
        &self,
        home: &Path,
        plan: Plan,
        cancel: watch::Receiver<Option<CancelLevel>>,
        parallel: usize,
    ) -> Ran {
        self.go_on_in(home, plan, None, cancel, parallel).await
    }

    pub(crate) async fn go_on_in(
        &self,
        home: &Path,
        plan: Plan,
        resume: Option<Resume>,
        cancel: watch::Receiver<Option<CancelLevel>>,
        parallel: usize,
    ) -> Ran {
        let (told, mut telling) = mpsc::channel(16);
        let listen = tokio::spawn(async move {
            let mut events = Vec::new();
            while let Some(told) = telling.recv().await {
                if let Told::Event(event) = told {
                    events.push((*event).clone());
                }
            }
            events
        });
        let request = RunRequest {
            resume,
            hold_as: self.hold_as(),
            opened: None,
            plan: Arc::new(PreparedPlan::new(plan)),
            run: RunId::new(self.controller.as_deref().unwrap_or("r1")),
            home: home.to_owned(),
            secrets: BTreeMap::new(),
            transport: Arc::new(self.clone()),
            parallel,
            output: false,
            version: "test".into(),
            origin: None,
        };
        let (control, controls) = mpsc::channel(4);
        let (to_say, said) = (Arc::clone(&self.controls), Arc::clone(&self.said));
        tokio::spawn(async move {
            let (began, to_say) = (Instant::now(), to_say.lock().unwrap().clone());
            for (at, wanted) in to_say {
                sleep_until(began + at).await;
                let (answer, answered) = oneshot::channel();
                let call = ControlCall {
                    control: wanted,
                    answer,
                };
                if control.send(call).await.is_err() {
                    return;
                }
                if let Ok(answer) = answered.await {
                    said.lock().unwrap().push(answer);
                }
            }
        });
        let outcome = run(request, told, cancel, controls).await.unwrap();
        Ran {
            outcome,
            events: listen.await.unwrap(),
        }
    }
}

/// Who works on hosts that have to be held.
pub(crate) fn holder() -> Holder {
    Holder {
        run: "r1".into(),
        owner: "lee".into(),
        machine: "laptop".into(),
        pid: 9,
        since: jiff::Timestamp::UNIX_EPOCH,
    }
}

/// A run that is over.
pub(crate) struct Ran {
    pub(crate) outcome: RunOutcome,
    pub(crate) events: Vec<Event>,
}

impl Ran {
    /// When a task was first started, in milliseconds.
    pub(crate) fn started(&self, task: &str) -> u64 {
        self.events
            .iter()
            .find(|event| {
                matches!(&event.kind, EventKind::TaskStarted { task: id, .. } if id.to_string() == task)
            })
            .unwrap_or_else(|| panic!("{task} was never started"))
            .ms
    }

    /// When a task ended for good, and how.
    pub(crate) fn end(&self, task: &str) -> (u64, &phalanx_events::TaskEnd) {
        self.events
            .iter()
            .rev()
            .find_map(|event| match &event.kind {
                EventKind::TaskEnded { task: id, end, .. }
                    if id.to_string() == task && !end.again =>
                {
                    Some((event.ms, end))
                }
                _ => None,
            })
            .unwrap_or_else(|| panic!("{task} never ended"))
    }

    pub(crate) fn outcome_of(&self, task: &str) -> &Outcome {
        &self.end(task).1.outcome
    }

    pub(crate) fn never_started(&self, task: &str) -> bool {
        !self.events.iter().any(|event| {
            matches!(&event.kind, EventKind::TaskStarted { task: id, .. } if id.to_string() == task)
        })
    }
}

#[async_trait]
impl Transport for World {
    async fn connect(&self, host: &str) -> Result<Box<dyn Connection>, ConnectError> {
        let (dial, down) = self.with(host, |script| {
            let down = match script.down_until {
                Some(None) => true,
                Some(Some(until)) => Instant::now() < until,
                None => false,
            };
            (script.dials.pop_front().unwrap_or(Dial::Works), down)
        });
        let address = format!("{host}:22");
        if down || dial == Dial::TimesOut {
            let within = Duration::from_secs(3);
            sleep(within).await;
            return Err(ConnectError::ConnectTimeout { address, within });
        }
        if dial == Dial::Refuses {
            return Err(ConnectError::Refused {
                address,
                user: "operator".into(),
                tried: vec!["id_ed25519".into()],
                server_takes: "publickey".into(),
                cut_short: false,
            });
        }
        self.lag(host).await;
        let breaks_at = self.with(host, |script| {
            script.connections += 1;
            let each = script.breaks_each.map(|holds| Instant::now() + holds);
            script.breaks_at.pop_front().or(each)
        });
        Ok(Box::new(Scripted {
            world: self.clone(),
            host: host.to_owned(),
            greeting: Greeting {
                server: "SSH-2.0-Scripted".into(),
                notices: Vec::new(),
            },
            breaks_at,
        }))
    }
}
