//! Asks a probe again and again until it says yes.

use std::sync::Arc;
use std::time::Duration;

use phalanx_events::{CancelLevel, EventKind, Failure, FailureKind, TaskEnd};
use phalanx_plan::Facts;
use phalanx_remote::{BootIdentity, Connection, OutputSink, ProbeError, parse_result};
use tokio::time::{Instant, sleep, timeout};

use super::Executor;
use super::attempt::{Attempt, done};
use super::cut::{Cut, cut_at};
use super::log_file::LogFile;
use super::over::{Break, Call, Patience};
use super::reported::errors_among;

/// How long a stage may wait that does not say so itself.
pub(super) const WITHIN: Duration = Duration::from_secs(20 * 60);
/// How long one probe may take; one that hangs must not hold its permit for ever.
const PROBE_WITHIN: Duration = Duration::from_secs(60);
/// What is said of one that does.
const PROBE_HANGS: &str = "the probe gave no answer within 60 s\n";
/// The first pause between two probes, and the longest. In between it is a small part of what was
/// waited so far: what has come true is noticed without a delay that matters, and who waits for long
/// does not ask often.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How often an attempt tells facts that a probe reads while it says not yet. Later ones are told with the
/// end: one that reads something else each time must not fill the journal.
const FACTS_TOLD: u32 = 100;

impl Executor {
    /// Probes until the script says yes, time is up, or the operator wants to stop.
    pub(super) async fn until(
        &mut self,
        path: &str,
        attempt: &mut Attempt,
    ) -> Result<TaskEnd, Cut> {
        let mut cancel = self.cancel.clone();
        let deadline = attempt.deadline;
        let began = Instant::now();
        let cut = tokio::select! {
            end = self.probe_until(path, attempt) => return end,
            cut = cut_at(deadline, &mut cancel, CancelLevel::NoNewTasks, "wait") => cut,
        };
        Err(match cut {
            Cut::Failed(_) => {
                let waited = began.elapsed().as_secs();
                let text = match attempt.waits_for.take() {
                    Some(line) => format!("not reached within {waited} s; it last said: {line}"),
                    None => format!("not reached within {waited} s, and the probe never said why"),
                };
                // Often the probe has said nothing else.
                let mut lines = attempt.log.last_lines();
                lines.retain(|line| !text.ends_with(line.as_str()));
                Failure::new(FailureKind::TimedOut, text)
                    .lines(lines)
                    .into()
            }
            Cut::Cancelled => Cut::Cancelled,
        })
    }

    async fn probe_until(&mut self, path: &str, attempt: &mut Attempt) -> Result<TaskEnd, Cut> {
        let began = Instant::now();
        let mut probe = Probe {
            path,
            attempt,
            began,
            has_answered: false,
        };
        let mut untold = Untold::default();
        loop {
            let answer = self.over(Patience::Reconnect, &mut probe).await?;
            probe.has_answered = true;
            let attempt = &mut *probe.attempt;
            if let Some(end) = self.take_answer(path, answer, attempt, &mut untold).await {
                return Ok(end);
            }
            sleep((began.elapsed() / 32).clamp(FIRST_PAUSE, LONGEST_PAUSE)).await;
        }
    }

    /// Takes in what the probe answered. Gives the end; nothing where it has to be asked again.
    async fn take_answer(
        &mut self,
        path: &str,
        answer: Answer,
        attempt: &mut Attempt,
        untold: &mut Untold,
    ) -> Option<TaskEnd> {
        let result = parse_result(&answer.result);
        self.tell_cut(path, &result).await;
        let (facts, wrong) = self.take_facts(path, result.facts).await;
        let is_new = |(name, value): &(&String, &String)| self.facts.get(*name) != Some(*value);
        let news = facts.iter().filter(is_new);
        untold
            .facts
            .extend(news.map(|(name, value)| (name.clone(), value.clone())));
        self.keep_told(&facts);
        if let Some(text) = attempt.log.cut_to_tell() {
            self.notice(text).await;
        }
        let problems = self.problems(result.problems);
        let found = errors_among(&problems);
        if answer.status != 0 && found.is_none() {
            // A wrong fact may still come right.
            if let Some(wrong) = wrong {
                self.note_wrong(wrong).await;
            }
            self.tell_untold(untold, answer.boot).await;
            self.tell_waiting(attempt).await;
            return None;
        }
        let mut end = match (found, wrong) {
            (Some(found), wrong) => {
                if let Some(wrong) = wrong {
                    self.note_wrong(wrong).await;
                }
                TaskEnd::failed(found)
            }
            (None, wrong) => TaskEnd {
                host_ms: answer.took.map(|took| took.as_millis() as u64),
                already: result.already,
                ..match wrong {
                    Some(wrong) => TaskEnd::failed(wrong.failure()),
                    None => TaskEnd::new(done(&attempt.changed)),
                }
            },
        };
        end.facts = std::mem::take(&mut untold.facts);
        end.facts.extend(facts);
        end.problems = problems;
        Some(end)
    }

    /// Tells facts that the probe reads while it says not yet.
    async fn tell_untold(&self, untold: &mut Untold, boot: Option<BootIdentity>) {
        if untold.facts.is_empty() || untold.times == FACTS_TOLD {
            return;
        }
        untold.times += 1;
        self.progress(EventKind::FactsRead {
            host: self.planned().name.clone(),
            facts: std::mem::take(&mut untold.facts),
            boot: boot.map(|boot| boot.to_string()),
            host_ms: None,
        })
        .await;
    }

    /// Tells what the probe waits for, where it says something else than before.
    async fn tell_waiting(&self, attempt: &mut Attempt) {
        let line = attempt.log.last_line();
        if attempt.waits_for != line
            && let Some(text) = line
        {
            attempt.waits_for = Some(text.clone());
            let task = attempt.id.clone();
            self.progress(EventKind::TaskWaiting { task, text }).await;
        }
    }
}

/// Facts that were read and are not told yet.
#[derive(Default)]
struct Untold {
    facts: Facts,
    /// How often such were told.
    times: u32,
}

/// Asks the probe once.
struct Probe<'a> {
    path: &'a str,
    attempt: &'a mut Attempt,
    /// Since when the task waits.
    began: Instant,
    /// Whether it has answered since a connection was lost.
    has_answered: bool,
}

/// What it said.
struct Answer {
    status: i32,
    result: String,
    boot: Option<BootIdentity>,
    /// How long it ran by the host's clock.
    took: Option<Duration>,
}

impl Call for Probe<'_> {
    type Done = Answer;
    type Error = Cut;

    async fn call(
        &mut self,
        executor: &mut Executor,
        connection: &Arc<dyn Connection>,
    ) -> Result<Answer, Break<Cut>> {
        let attempt = &mut *self.attempt;
        attempt.log.forget_lines();
        let probed = {
            let _permit = executor.shared.permits.take().await;
            let mut script = executor.script(self.path, Some(attempt.stage));
            let within = attempt.deadline.map(|at| at.duration_since(self.began));
            let seconds = [
                ("PX_WAITED", Some(self.began.elapsed())),
                ("PX_WITHIN", within),
            ];
            let seconds = seconds
                .into_iter()
                .filter_map(|(name, time)| Some((name.to_owned(), time?.as_secs().to_string())));
            script.env.extend(seconds);
            let mut sink = Sink(&mut attempt.log);
            timeout(PROBE_WITHIN, connection.probe(&script, &mut sink)).await
        };
        let Ok(probed) = probed else {
            let noted = attempt.log.write(PROBE_HANGS.as_bytes());
            noted.map_err(ProbeError::Output)?;
            return Ok(Answer {
                status: 1,
                result: String::new(),
                boot: None,
                took: None,
            });
        };
        let end = probed.map_err(|error| {
            let has_answered = std::mem::take(&mut self.has_answered);
            Break::<Cut>::from(error).further(has_answered)
        })?;
        Ok(Answer {
            status: end.status,
            result: end.result,
            boot: Some(end.boot),
            took: end.took,
        })
    }
}

struct Sink<'a>(&'a mut LogFile);

impl OutputSink for Sink<'_> {
    fn output(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write(bytes)
    }
}
