//! One request on one channel: sent, answered, watched for silence.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::timeout;

use crate::answer::{Answer, AnswerReader};
use crate::error::{LostError, RequestError};
use crate::exec::{ExecChannel, FromHost};
use crate::refusal::Said;

use super::pace::Pace;
use super::unexpected;

/// How much of stderr is kept, for messages.
const HEARD_KEPT: usize = 4 << 10;
/// How long the end of our input may take to get away; the close behind it says the same.
const END_WITHIN: Duration = Duration::from_secs(1);

/// Whether a shell says, in the words of dash, bash or busybox, that it could start no process.
pub(super) fn wants_processes(said: &str) -> bool {
    [
        "Cannot fork",
        "can't fork",
        "fork: retry",
        "fork: Resource",
        "fork: Cannot",
    ]
    .iter()
    .any(|words| said.contains(words))
}

/// A host that has no room for another process cannot serve us; that may pass.
pub(super) fn no_processes(said: &str) -> LostError {
    // bash says it again and again.
    let ends = [
        "temporarily unavailable",
        "Cannot fork",
        "Cannot allocate memory",
    ];
    let ends = ends
        .iter()
        .filter_map(|end| Some(said.find(end)? + end.len()));
    let said = Said::new(said.get(..ends.min().unwrap_or(said.len())).unwrap_or(said));
    LostError {
        reason: format!(
            "the host cannot start another process (its shell {said}): see what runs there, and its limits \
             (pids.max of a cgroup or TasksMax of a unit, kernel.pid_max, `ulimit -u`)"
        ),
    }
}

/// How a request ended that has no more to tell.
pub(super) enum Ended {
    /// The host is through with it.
    Well,
    /// The host will not do it, for this reason.
    Refused(String),
    /// The channel was closed before it was over.
    CutShort,
}

/// A channel and what was read of it.
pub(super) struct Talk {
    channel: Box<dyn ExecChannel>,
    /// Boxed, since a talk is handed about.
    reader: Box<AnswerReader>,
    answers: VecDeque<Answer>,
    heard: Vec<u8>,
    exit: Option<i32>,
    killed: bool,
    pace: Pace,
}

impl Talk {
    pub(super) fn new(channel: Box<dyn ExecChannel>, nonce: &str) -> Self {
        Self {
            channel,
            reader: Box::new(AnswerReader::new(nonce)),
            answers: VecDeque::new(),
            heard: Vec::new(),
            exit: None,
            killed: false,
            pace: Pace::new(),
        }
    }

    /// Sends bytes; each piece must get away within the limit.
    pub(super) async fn send(
        &mut self,
        bytes: &[u8],
        within: Duration,
    ) -> Result<(), RequestError> {
        match timeout(within, self.channel.send(bytes)).await {
            Ok(sent) => Ok(sent?),
            Err(_) => Err(RequestError::Stalled(within)),
        }
    }

    /// The next answer; `None` once the channel is closed. May be dropped while it waits.
    pub(super) async fn next(&mut self) -> Result<Option<Answer>, RequestError> {
        loop {
            if let Some(answer) = self.answers.pop_front() {
                return Ok(Some(answer));
            }
            match self.channel.next().await? {
                Some(FromHost::Stdout(bytes)) => {
                    self.reader
                        .push(&bytes, &mut self.answers)
                        .map_err(|error| RequestError::Protocol(error.to_string()))?;
                    self.pace.take(bytes.len()).await;
                }
                Some(FromHost::Stderr(bytes)) => {
                    let room = HEARD_KEPT.saturating_sub(self.heard.len()).min(bytes.len());
                    self.heard
                        .extend_from_slice(bytes.get(..room).unwrap_or_default());
                    self.pace.take(bytes.len()).await;
                }
                Some(FromHost::Exit(status)) => self.exit = Some(status),
                Some(FromHost::Flood) => {
                    let said = "it writes without end where it should read";
                    return Err(RequestError::Protocol(said.into()));
                }
                Some(FromHost::Killed(signal)) => {
                    self.exit = Some(128 + signal);
                    self.killed = true;
                }
                None => return Ok(None),
            }
        }
    }

    /// The next answer, which must come within the limit. Bytes that are no whole answer are no sign of
    /// life: a host could send them for ever.
    pub(super) async fn next_within(
        &mut self,
        within: Duration,
    ) -> Result<Option<Answer>, RequestError> {
        match timeout(within, self.next()).await {
            Ok(answer) => answer,
            Err(_) => Err(RequestError::Stalled(within)),
        }
    }

    /// The host's `end`, which must come within the limit; output in front of it is passed over.
    pub(super) async fn end_within(&mut self, within: Duration) -> Result<Ended, RequestError> {
        let ended = async {
            loop {
                match self.next().await? {
                    Some(Answer::Output(_)) => {}
                    Some(Answer::End { .. }) => return Ok(Ended::Well),
                    Some(Answer::Fail(why)) => return Ok(Ended::Refused(why)),
                    Some(other) => return Err(unexpected(&other)),
                    None => return Ok(Ended::CutShort),
                }
            }
        };
        match timeout(within, ended).await {
            Ok(ended) => ended,
            Err(_) => Err(RequestError::Stalled(within)),
        }
    }

    /// An answer that is there already.
    pub(super) async fn next_at_once(&mut self) -> Result<Option<Answer>, RequestError> {
        // A timeout looks at its future before it looks at the clock.
        timeout(Duration::ZERO, self.next())
            .await
            .unwrap_or(Ok(None))
    }

    /// The exit status, where it was told; 128 and the signal's number where one ended it.
    pub(super) fn exit(&self) -> Option<i32> {
        self.exit
    }

    /// Whether a signal ended the command.
    pub(super) fn killed(&self) -> bool {
        self.killed
    }

    /// What was said outside of the protocol, in one line.
    pub(super) fn said(&self) -> String {
        let heard = String::from_utf8_lossy(&self.heard);
        let noise = String::from_utf8_lossy(self.reader.noise());
        let words: Vec<&str> = heard
            .split_whitespace()
            .chain(noise.split_whitespace())
            .collect();
        words.join(" ")
    }

    /// Why the channel ended although more was to come.
    pub(super) fn cut_short(&self) -> LostError {
        let said = self.said();
        if wants_processes(&said) {
            return no_processes(&said);
        }
        let reason = match self.exit {
            Some(status) if said.is_empty() => {
                format!("the host's shell ended early, with status {status}")
            }
            Some(status) => {
                let said = Said::new(&said);
                format!("the host's shell ended early, with status {status}; it {said}")
            }
            None => "the channel was closed early".into(),
        };
        LostError { reason }
    }

    /// Nobody listens any more.
    pub(super) async fn close(mut self) {
        // Closing says the same once more, also to a terminal, which has no end of input.
        let _ = timeout(END_WITHIN, self.channel.end_input()).await;
        self.channel.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_room_for_a_process_is_known_by_the_words_of_its_shell() {
        let bash = "/root/.bashrc: fork: retry: Resource temporarily unavailable";
        for (said, told) in [
            ("sh: 0: Cannot fork".to_owned(), "sh: 0: Cannot fork"),
            (format!("{bash} {bash} {bash}"), bash),
            (
                "sh: can't fork: Resource temporarily unavailable".to_owned(),
                "sh: can't fork: Resource temporarily unavailable",
            ),
        ] {
            assert!(wants_processes(&said));
            let reason = no_processes(&said).reason;
            let begins =
                format!("the host cannot start another process (its shell said {told:?}): ");
            assert!(reason.starts_with(&begins), "{reason}");
        }
        assert!(!wants_processes("sudo: a password is required"));
        assert!(!wants_processes(""));
    }
}
