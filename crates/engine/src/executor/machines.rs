//! Two hosts of the plan that are one machine: told before anything is done to it.
//!
//! A run that holds its hosts finds out when it takes the second of them: it has it already. Whoever has learned
//! which boot a host is in compares that besides. Hosts that say the same of it need not be one machine, so it is
//! looked: that costs nothing where all say something else.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use phalanx_events::{Failure, FailureKind};
use phalanx_plan::{FlowCommand, HostIx, PlannedHost, PreparedPlan};
use phalanx_remote::{BootIdentity, Connection, is_same_machine};

use super::Executor;
use super::cut::Cut;
use super::link::Slot;
use crate::message::Report;

/// The flow that is there to find such things: it asks which boot a host is in where nobody told.
const LOOKS_AHEAD: FlowCommand = FlowCommand::Check;

/// Hosts by what they said of their boot.
#[derive(Default)]
pub(super) struct Machines(Mutex<HashMap<String, Vec<(HostIx, Slot)>>>);

impl Machines {
    /// Notes a host, and gives those that were noted before it and say the same.
    fn note(&self, host: HostIx, boot: &BootIdentity, slot: Slot) -> Vec<(HostIx, Slot)> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = all.entry(boot.to_string()).or_default();
        same.retain(|(known, _)| *known != host);
        let before = same.clone();
        same.push((host, slot));
        before
    }
}

impl Executor {
    /// Fails where the host is one that this run has reached under another name.
    pub(super) async fn is_another_machine(
        &mut self,
        connection: &dyn Connection,
        boot: Option<BootIdentity>,
    ) -> Result<(), Cut> {
        let boot = match boot {
            Some(boot) => boot,
            None if self.shared.plan.command() == Some(LOOKS_AHEAD) => match self.link.boot() {
                Some(boot) => boot.clone(),
                None => connection.boot_identity().await?,
            },
            None => return Ok(()),
        };
        let alike = self
            .shared
            .machines
            .note(self.host, &boot, self.link.slot());
        for (other, slot) in alike {
            let theirs = slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
            // Where one of the two is lost at that moment, it is not known.
            if let Some(theirs) = theirs
                && is_same_machine(&*theirs, connection).await.unwrap_or(false)
            {
                return Err(self.one_machine(other).await);
            }
        }
        Ok(())
    }

    /// Two hosts of the plan turn out to be one: neither of them is worked on.
    pub(super) async fn one_machine(&self, other: HostIx) -> Cut {
        let failure = failure(&self.shared.plan, self.host, other);
        let host = self.host;
        let both = Report::OneMachine {
            host,
            other,
            failure,
        };
        self.send(both).await;
        // It is told of both, and there is nothing left to say.
        Cut::Cancelled
    }
}

fn failure(plan: &PreparedPlan, host: HostIx, other: HostIx) -> Failure {
    let (one, two) = (plan.host(host.min(other)), plan.host(host.max(other)));
    let place = |host: &PlannedHost| format!("{} port {}", host.address, host.ssh.port);
    let text = format!(
        "{} and {} are one machine: {} and {} both lead to it",
        one.name,
        two.name,
        place(one),
        place(two)
    );
    Failure::new(FailureKind::Protocol, text).advice(format!(
        "give {} or {} its own address in the cluster file, or remove one of the two",
        one.name, two.name
    ))
}
