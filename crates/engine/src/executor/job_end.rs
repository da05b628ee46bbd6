//! What the end of a stage's job means for its task.

use phalanx_events::{Failure, FailureKind, Outcome, TaskEnd};
use phalanx_plan::Action;
use phalanx_remote::{JobEnd, JobState, ResultLines, parse_result};

use super::Executor;
use super::attempt::{Attempt, done};
use super::reported::errors_among;
use crate::schedule::Begin;

impl Executor {
    /// What the end of the job means for the task.
    pub(super) async fn job_end(&mut self, job: JobEnd, attempt: &mut Attempt) -> TaskEnd {
        if let Some(text) = attempt.log.cut_to_tell() {
            self.notice(text).await;
        }
        if let (JobState::Ended(_), 1..) = (&job.state, job.left) {
            let text = left_behind(attempt.id.stage.as_str(), &job);
            self.notice(text).await;
        }
        let lines = attempt.log.last_lines();
        let outcome = match &job.state {
            _ if job.full => Err(Failure::new(
                FailureKind::Spool,
                "the host ran out of space while the script ran; its output is not complete",
            )
            .advice("free some space on the host, then run again")),
            JobState::Ended(0) => Ok(()),
            JobState::Ended(status) => {
                Err(Failure::new(FailureKind::Script, status_text(*status)).lines(lines))
            }
            JobState::Cancelled if matches!(attempt.begin, Begin::Attach { .. }) => {
                Err(Failure::new(
                    FailureKind::Interrupted,
                    "the script was stopped when the run was left",
                )
                .lines(lines))
            }
            JobState::Cancelled => Err(Failure::new(
                FailureKind::Died,
                "the job was cancelled by somebody else",
            )),
            JobState::Interrupted => Err(Failure::new(
                FailureKind::Interrupted,
                "a reboot of the host cut the script short",
            )
            .lines(lines)),
            JobState::Died => Err(Failure::new(
                FailureKind::Died,
                "the process that watched over the script was killed; what became of it is not known",
            )
            .lines(lines)),
            JobState::NotStarted(reason) => Err(Failure::new(
                FailureKind::Spool,
                format!("the host could not start the job: {reason}"),
            )),
        };
        let result = parse_result(&job.result);
        let from = self.script_of(attempt);
        self.tell_cut(&from, &result).await;
        let ResultLines {
            changed,
            already,
            facts,
            problems,
            ..
        } = result;
        let problems = self.problems(problems);
        let mut end = match (outcome, errors_among(&problems)) {
            // A check that found an error has failed, even where its script went on and ended well.
            (Ok(()), Some(found)) => TaskEnd::failed(found),
            (Err(failure), Some(found)) if failure.kind == FailureKind::Script => {
                TaskEnd::failed(found.lines(failure.lines))
            }
            (Ok(()), None) => {
                let put_changed = !attempt.changed.is_empty();
                TaskEnd::new(if put_changed {
                    Outcome::Changed
                } else {
                    done(&changed)
                })
            }
            (Err(failure), _) => TaskEnd::failed(failure),
        };
        end.changed = changed;
        end.already = already;
        let took = job.took.map(|took| took + attempt.put_took);
        end.host_ms = took.map(|took| took.as_millis() as u64);
        end.problems = problems;
        let (kept, wrong) = self.take_facts(&from, facts).await;
        match wrong {
            Some(wrong) if end.failure.is_none() => {
                end.outcome = Outcome::Failed;
                end.failure = Some(wrong.failure());
            }
            Some(wrong) => self.note_wrong(wrong).await,
            None => {}
        }
        self.keep_told(&kept);
        end.facts = kept;
        end
    }

    /// The script of an attempt's stage, by its path in the recipe.
    fn script_of(&self, attempt: &Attempt) -> String {
        match &self.shared.plan.stage(attempt.stage).action {
            Action::Run(path) | Action::Until(path) => path.clone(),
            Action::Put | Action::Reboot => attempt.id.stage.to_string(),
        }
    }
}

/// What a script has left running ends with it, which it may not have expected.
fn left_behind(stage: &str, job: &JobEnd) -> String {
    let (count, them) = match job.left {
        1 => ("a process".to_owned(), "it was"),
        left => (format!("{left} processes"), "they were"),
    };
    let names = match job.left_names.as_slice() {
        [] => String::new(),
        names if names.len() < job.left as usize => format!(" ({}, ...)", names.join(", ")),
        names => format!(" ({})", names.join(", ")),
    };
    format!(
        "the script of {stage} ended and left {count} running{names}; {them} ended too: what is to stay has to be \
         a service of the host"
    )
}

/// `the script ended with status 4`, or what the status means where it is a signal's.
fn status_text(status: i32) -> String {
    let signal = match status {
        129 => "SIGHUP",
        130 => "SIGINT",
        134 => "SIGABRT",
        137 => "SIGKILL (killed, or out of memory)",
        139 => "SIGSEGV",
        143 => "SIGTERM",
        126 => {
            return "the script ended with status 126 (a command in it may not be executed)".into();
        }
        127 => return "the script ended with status 127 (a command in it was not found)".into(),
        _ => return format!("the script ended with status {status}"),
    };
    format!("the script ended with status {status}, which is {signal}")
}
