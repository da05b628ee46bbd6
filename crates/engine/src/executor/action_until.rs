//! Asks a probe again and again until it says yes.

use std::sync::Arc;
use std::time::Duration;

use phalanx_events::{CancelLevel, EventKind, Failure, FailureKind, TaskEnd};
use phalanx_plan::Facts;
use phalanx_remote::{OutputSink, ProbeError, parse_result};
use tokio::time::{Instant, sleep, timeout};

use super::Executor;
use super::attempt::{Attempt, Cut, cut_at, done};
use super::failure::HostError as _;
use super::log_file::LogFile;
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
        let shared = Arc::clone(&self.shared);
        let began = Instant::now();
        let mut answered = false;
        let mut times_told = 0;
        let mut untold = Facts::new();
        loop {
            let connection = self.link.get().await?;
            attempt.log.forget_lines();
            let probed = {
                let _permit = shared.permits.take().await;
                let mut script = self.script(path, Some(attempt.stage));
                let within = attempt
                    .deadline
                    .map(|deadline| deadline.duration_since(began));
                let seconds = [("PX_WAITED", Some(began.elapsed())), ("PX_WITHIN", within)];
                let seconds = seconds.into_iter().filter_map(|(name, time)| {
                    Some((name.to_owned(), time?.as_secs().to_string()))
                });
                script.env.extend(seconds);
                let mut sink = Sink(&mut attempt.log);
                timeout(PROBE_WITHIN, connection.probe(&script, &mut sink)).await
            };
            let probed = match probed {
                Ok(probed) => {
                    probed.map(|end| (end.status, end.result, Some((end.boot, end.took))))
                }
                Err(_) => {
                    let noted = attempt.log.write(PROBE_HANGS.as_bytes());
                    noted
                        .map(|()| (1, String::new(), None))
                        .map_err(ProbeError::Output)
                }
            };
            match probed {
                Ok((status, result, on_host)) => {
                    let (boot, took) = on_host.unzip();
                    let host_ms = took.flatten().map(|took| took.as_millis() as u64);
                    answered = true;
                    let result = parse_result(&result);
                    self.tell_cut(path, &result).await;
                    let (mut facts, wrong) = self.take_facts(path, result.facts).await;
                    let news = facts
                        .iter()
                        .filter(|(name, value)| self.facts.get(*name) != Some(value));
                    untold.extend(news.map(|(name, value)| (name.clone(), value.clone())));
                    self.keep_told(&facts);
                    if let Some(text) = attempt.log.cut_to_tell() {
                        self.notice(text).await;
                    }
                    let problems = self.problems(result.problems);
                    if status == 0 || errors_among(&problems).is_some() {
                        facts = std::mem::take(&mut untold)
                            .into_iter()
                            .chain(facts)
                            .collect();
                    }
                    if let Some(failure) = errors_among(&problems) {
                        if let Some(wrong) = wrong {
                            self.note_wrong(wrong).await;
                        }
                        return Ok(TaskEnd {
                            facts,
                            problems,
                            ..TaskEnd::failed(failure)
                        });
                    }
                    match wrong {
                        Some(wrong) if status == 0 => {
                            return Ok(TaskEnd {
                                facts,
                                problems,
                                host_ms,
                                already: result.already,
                                ..TaskEnd::failed(wrong.failure())
                            });
                        }
                        // It may still come right.
                        Some(wrong) => self.note_wrong(wrong).await,
                        None => {}
                    }
                    if status == 0 {
                        return Ok(TaskEnd {
                            facts,
                            problems,
                            host_ms,
                            already: result.already,
                            ..TaskEnd::new(done(&attempt.changed))
                        });
                    }
                    if !untold.is_empty() && times_told < FACTS_TOLD {
                        times_told += 1;
                        let facts = std::mem::take(&mut untold);
                        let host = self.planned().name.clone();
                        let boot = boot.map(|boot| boot.to_string());
                        self.progress(EventKind::FactsRead {
                            host,
                            facts,
                            boot,
                            host_ms: None,
                        })
                        .await;
                    }
                    let line = attempt.log.last_line();
                    if attempt.waits_for != line
                        && let Some(text) = line
                    {
                        attempt.waits_for = Some(text.clone());
                        let task = attempt.id.clone();
                        self.progress(EventKind::TaskWaiting { task, text }).await;
                    }
                }
                Err(error) if error.is_loss() => {
                    let answered = std::mem::take(&mut answered);
                    self.link.after_loss(answered, &error.to_string()).await?;
                    continue;
                }
                Err(error) => return Err(error.failure().into()),
            }
            sleep((began.elapsed() / 32).clamp(FIRST_PAUSE, LONGEST_PAUSE)).await;
        }
    }
}

struct Sink<'a>(&'a mut LogFile);

impl OutputSink for Sink<'_> {
    fn output(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write(bytes)
    }
}
