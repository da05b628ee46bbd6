//! What all executors of a run share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use phalanx_events::CancelLevel;
use phalanx_plan::{Facts, HostIx, PreparedPlan, Secret, Table};
use phalanx_remote::{HolderWords, Stance, Transport};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::cancel::at_least;
use super::fact_table::FactTable;
use super::machines::Machines;
use super::permits::Permits;
use crate::run_folder::RunFolder;
use crate::run_id::RunId;
use crate::telling::Telling;

/// What the executors of a run are given, all of them the same.
pub(crate) struct RunContext {
    pub(crate) plan: Arc<PreparedPlan>,
    pub(crate) run: RunId,
    pub(crate) folder: RunFolder,
    pub(crate) secrets: BTreeMap<String, Secret>,
    pub(crate) transport: Arc<dyn Transport>,
    /// How many tasks may work at once.
    pub(crate) parallel: usize,
    /// Whether nothing is to begin for now.
    pub(crate) paused: watch::Receiver<bool>,
    pub(crate) telling: Telling,
    /// Who we are to the hosts, where the run is one that has to hold them.
    pub(crate) holder: Option<HolderWords>,
    /// Whether the run has taken its hosts by now, and may have begun.
    pub(crate) stance: watch::Receiver<Stance>,
}

/// That, and what they learn together.
pub(crate) struct Shared {
    pub(super) plan: Arc<PreparedPlan>,
    pub(super) run: RunId,
    pub(super) folder: RunFolder,
    pub(super) secrets: BTreeMap<String, Secret>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) permits: Permits,
    paused: watch::Receiver<bool>,
    pub(super) telling: Telling,
    pub(super) holder: Option<HolderWords>,
    pub(super) stance: watch::Receiver<Stance>,
    facts: Mutex<FactTable>,
    /// Which hosts may be one machine.
    pub(super) machines: Machines,
}

impl Shared {
    pub(crate) fn plan(&self) -> &Arc<PreparedPlan> {
        &self.plan
    }

    /// `known` is what is known of each host from before.
    pub(crate) fn new(context: RunContext, known: &Table<HostIx, Facts>) -> Arc<Self> {
        let RunContext {
            plan,
            run,
            folder,
            secrets,
            transport,
            parallel,
            paused,
            telling,
            holder,
            stance,
        } = context;
        Arc::new(Self {
            facts: Mutex::new(FactTable::of(&plan, known)),
            permits: Permits::new(parallel),
            machines: Machines::default(),
            plan,
            run,
            folder,
            secrets,
            transport,
            paused,
            telling,
            holder,
            stance,
        })
    }

    /// Waits for a permit to work; one that is to begin something new also until nothing forbids it, and
    /// without a permit in hand. None where the operator wants to stop before there is one.
    pub(super) async fn permit(
        &self,
        goes_on: bool,
        mut cancel: watch::Receiver<Option<CancelLevel>>,
    ) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = at_least(&mut cancel, CancelLevel::NoNewTasks) => None,
            permit = self.permit_unless_paused(goes_on) => permit,
        }
    }

    async fn permit_unless_paused(&self, goes_on: bool) -> Option<OwnedSemaphorePermit> {
        let mut paused = self.paused.clone();
        loop {
            // Where nobody can pause it any more, the run is over.
            if !goes_on && paused.wait_for(|paused| !paused).await.is_err() {
                return None;
            }
            let permit = self.permits.take().await;
            if goes_on || !*paused.borrow() {
                return permit;
            }
        }
    }

    /// What all hosts have told so far.
    pub(super) fn facts(&self) -> MutexGuard<'_, FactTable> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
