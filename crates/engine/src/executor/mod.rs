//! One host's executor: it does what the dispatcher orders, and tells how that went. It decides nothing about other
//! hosts.
//!
//! **The way of one task** ([`task`]). One that runs a script or only brings files waits for a permit first, and for the
//! end of a pause. Then the attempt is announced; the dispatcher answers when that is written down, and only then
//! anything happens on the host: files first, then the action ([`attempt`], [`action_run`], [`action_until`],
//! [`action_reboot`]). How it ended is told with the verdict whether another attempt follows. That one begins after a
//! pause, with a permit and an announcement of its own.
//!
//! **Trying again** is of two kinds. A connection that breaks is no failure: what was asked is asked again over the
//! next one, without a new attempt, until nothing has got further for the host's `reconnect_for` ([`over`]); a job that
//! the host has is attached to, never started a second time. An attempt that has failed is followed by another one as
//! often as the stage's `retries` say and as long as its `within` lasts, where its script or a put failed or a reboot
//! cut it short ([`task`]). Anything else is told as the task's end, and the schedule decides what becomes of the host.

mod action_put;
mod action_reboot;
mod action_run;
mod action_until;
mod attempt;
mod cancel;
mod contact;
mod cut;
mod disk_reserve;
mod fact_check;
mod fact_table;
mod facts;
mod failure;
mod finish;
mod hold;
mod job_end;
mod job_watch;
mod last_lines;
mod link;
mod log_file;
mod log_times_file;
mod machines;
mod notices;
mod over;
mod password_hash;
mod permits;
mod reported;
mod shared;
mod stop;
mod task;

pub(crate) use shared::{RunContext, Shared};

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use futures::FutureExt as _;
use phalanx_events::{CancelLevel, EventKind, Failure, FailureKind};
use phalanx_plan::{Facts, HostIx, PlannedHost, StageId, TaskId};
use phalanx_remote::JobId;
use tokio::sync::{mpsc, oneshot, watch};

use crate::late;
use crate::message::Report;
use crate::schedule::Order;
use link::Link;
use notices::Notices;

/// What one executor is given.
pub(crate) struct HostContext {
    pub(crate) host: HostIx,
    pub(crate) reports: mpsc::Sender<Report>,
    /// How urgently its work is to stop.
    pub(crate) cancel: watch::Receiver<Option<CancelLevel>>,
    /// What is known of the host from before.
    pub(crate) facts: Facts,
    /// Those of them that stages told.
    pub(crate) told: Facts,
    /// Whether the plan has a task for it.
    pub(crate) has_tasks: bool,
    /// Whether an earlier process may have left jobs there.
    pub(crate) had_jobs: bool,
    /// Attempts that ended before this process began, and whose logs lack bytes here.
    pub(crate) short: Vec<(TaskId, u32)>,
}

/// One host's executor.
pub(crate) struct Executor {
    shared: Arc<Shared>,
    host: HostIx,
    link: Link,
    reports: mpsc::Sender<Report>,
    cancel: watch::Receiver<Option<CancelLevel>>,
    facts: Facts,
    /// Those of them that stages told: they count for more than what the facts script says again.
    told: Facts,
    /// The number by which the host tells this run from others; 0 for one that only looks.
    fence: Arc<AtomicU64>,
    had_jobs: bool,
    short: Vec<(TaskId, u32)>,
    /// Whether the host has output that could not be fetched.
    keeps_spool: bool,
    /// What was told of the host because of what it said.
    notices: Notices,
}

impl Executor {
    pub(crate) fn new(shared: &Arc<Shared>, context: HostContext) -> Self {
        let HostContext {
            host,
            reports,
            cancel,
            facts,
            told,
            has_tasks,
            had_jobs,
            short,
        } = context;
        let plan = &shared.plan;
        let link = Link::new(
            Arc::clone(&shared.transport),
            plan.host(host).clone(),
            reports.clone(),
            cancel.clone(),
            plan.facts_script.is_some() || has_tasks,
        );
        Self {
            shared: Arc::clone(shared),
            host,
            link,
            reports,
            cancel,
            facts,
            told,
            fence: Arc::default(),
            had_jobs,
            short,
            keeps_spool: false,
            notices: Notices::default(),
        }
    }

    /// Works until the dispatcher says that the run is over, and gives signs of life. Where it breaks, the host is
    /// given up: the others must not wait for it. With the host ends the attempt that it had in hand.
    pub(crate) async fn work(self, orders: mpsc::UnboundedReceiver<Order>) {
        let (host, reports) = (self.host, self.reports.clone());
        let heart = hold::heart(
            self.holder_words(),
            self.shared.stance.clone(),
            self.link.slot(),
            Arc::clone(&self.fence),
        );
        let works = async {
            tokio::select! {
                () = self.follow_orders(orders) => {}
                () = heart => {}
            }
        };
        if AssertUnwindSafe(works).catch_unwind().await.is_err() {
            let text = "the program broke while it worked on this host; please report it";
            let failure = Failure::new(FailureKind::Protocol, text);
            let _ = reports.send(Report::Gone { host, failure }).await;
        }
    }

    async fn follow_orders(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut away = self.contact(true).await.then(|| late::pause(0));
        loop {
            let order = tokio::select! {
                order = orders.recv() => order,
                later = self.meanwhile(away) => {
                    away = later;
                    continue;
                }
            };
            match order {
                Some(Order::Task(task, begin)) => self.task(task, begin).await,
                Some(Order::Contact) => away = self.contact(true).await.then(|| late::pause(0)),
                Some(Order::Finish { collect }) => {
                    self.finish(collect).await;
                    break;
                }
                None => break,
            }
        }
    }

    /// The job of one attempt at a stage of this host.
    fn job_id(&self, stage: &StageId, attempt: u32) -> JobId {
        let (run, host) = (&self.shared.run, &self.planned().name);
        JobId::new(run.as_str(), stage.as_str(), host.as_str(), attempt)
    }

    fn planned(&self) -> &PlannedHost {
        self.shared.plan.host(self.host)
    }

    async fn progress(&self, kind: EventKind) {
        self.send(Report::Progress(Box::new(kind))).await;
    }

    /// Tells something, and returns once it is on disk.
    async fn tell_first(&self, kind: EventKind) {
        let (done, told) = oneshot::channel();
        let kind = Box::new(kind);
        self.send(Report::First { kind, done }).await;
        // Where nobody answers, the run is over, and we with it.
        let _ = told.await;
    }

    /// Tells something of the host at once, also what was told before.
    async fn tell_host(&self, text: String) {
        let host = self.planned().name.clone();
        self.progress(EventKind::HostNotice { host, text }).await;
    }

    async fn send(&self, report: Report) {
        // Where the dispatcher is gone, the run is over and nobody wants to know.
        let _ = self.reports.send(report).await;
    }
}
