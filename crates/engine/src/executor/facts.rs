//! What a host tells of itself: read by the recipe's facts script, kept, and handed to scripts.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use phalanx_events::{EventKind, Failure, FailureKind};
use phalanx_plan::{Facts, StageIx};
use phalanx_remote::{BootIdentity, Connection, RESULT_KEPT, ResultLines, Script, parse_result};
use tokio::time::timeout;

use super::Executor;
use super::cut::Cut;
use super::last_lines::LastLines;

/// How long reading a host's facts may take.
const FACTS_WITHIN: Duration = Duration::from_secs(120);

impl Executor {
    /// Runs the recipe's facts script. Gives the boot that the host is in, which it is told along with
    /// them; nothing where the recipe has no such script.
    pub(super) async fn read_facts(
        &mut self,
        connection: &dyn Connection,
    ) -> Result<Option<BootIdentity>, Cut> {
        let shared = Arc::clone(&self.shared);
        let plan = &shared.plan;
        let Some(path) = &plan.facts_script else {
            return Ok(None);
        };
        let script = self.script(path, None);
        let mut said = LastLines::default();
        let end = match timeout(FACTS_WITHIN, connection.probe(&script, &mut said)).await {
            Ok(probed) => probed?,
            Err(_) => {
                let within = FACTS_WITHIN.as_secs();
                let text = format!("{path} did not read the host's facts within {within} s");
                let failure = Failure::new(FailureKind::TimedOut, text);
                return Err(failure.lines(said.that_matter()).into());
            }
        };
        if end.status != 0 {
            let text = format!(
                "{path} could not read the host's facts (status {})",
                end.status
            );
            return Err(Failure::new(FailureKind::Script, text)
                .lines(said.that_matter())
                .into());
        }
        let result = parse_result(&end.result);
        self.tell_cut(path, &result).await;
        let (mut facts, wrong) = self.take_facts(path, result.facts).await;
        if let Some(wrong) = wrong {
            return Err(wrong.failure().into());
        }
        facts.extend(self.told.clone());
        self.keep_facts(&facts);
        self.link.note_boot(&end.boot);
        let host = self.planned().name.clone();
        let boot = Some(end.boot.to_string());
        let host_ms = end.took.map(|took| took.as_millis() as u64);
        self.progress(EventKind::FactsRead {
            host,
            facts,
            boot,
            host_ms,
        })
        .await;
        Ok(Some(end.boot))
    }

    /// A script as it is run now: its environment has the controller's clock in it.
    pub(super) fn script(&self, path: &str, stage: Option<StageIx>) -> Script {
        let plan = &self.shared.plan;
        let run = self.shared.run.as_str();
        let facts = match stage {
            Some(_) => &self.facts,
            None => &Facts::new(),
        };
        let mut env = plan.environment(self.host, stage, facts, run);
        let clock = SystemTime::now().duration_since(UNIX_EPOCH);
        let clock = clock.unwrap_or_default().as_millis();
        env.push(("PX_CLOCK".to_owned(), clock.to_string()));
        let mut shared = Vec::new();
        for (fact, name) in stage.into_iter().flat_map(|stage| plan.all_facts(stage)) {
            shared.push((name, self.shared.facts().text(plan, fact)));
        }
        Script {
            text: plan.files.get(path).cloned().unwrap_or_default(),
            env,
            shared,
        }
    }

    /// Keeps what the host told, for itself and for whom it concerns.
    pub(super) fn keep_facts(&mut self, facts: &Facts) {
        self.shared.facts().keep(self.host, facts);
        self.facts.extend(facts.clone());
    }

    /// Keeps what a stage's script told.
    pub(super) fn keep_told(&mut self, facts: &Facts) {
        self.told.extend(facts.clone());
        self.keep_facts(facts);
    }

    /// Says so where a script's result was too long to be kept.
    pub(super) async fn tell_cut(&mut self, from: &str, result: &ResultLines) {
        if result.cut {
            let kept = RESULT_KEPT >> 10;
            let text =
                format!("{from} told more than {kept} KiB of results; the rest was left out");
            self.notice(text).await;
        }
    }
}
