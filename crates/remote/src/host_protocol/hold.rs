//! Who works on a host: one at a time, and whoever comes late is refused.

use crate::answer::field;
use crate::error::JobError;
use crate::port::{Hold, HolderWords};

use super::job::plain_name;
use super::request::{PIECES, Request};
use super::{HostProtocol, numbers, taken};

impl HostProtocol {
    /// Takes the host for a run. See [`crate::Connection::hold`].
    ///
    /// # Errors
    /// See [`JobError`].
    pub async fn hold(
        &self,
        me: &HolderWords,
        seen: Option<&HolderWords>,
    ) -> Result<Hold, JobError> {
        let seen = seen.map(|them| format!("{} {}", them.process, them.beats));
        let request = self
            .holder_request("hold", me, 0)?
            .set("seen", seen.as_deref().unwrap_or_default())
            .piece(&PIECES.holder);
        let words = self.holder_answer(&request).await?;
        let (word, rest) = words.split_once(' ').unwrap_or((&words, ""));
        let number = |name| field(rest, name).and_then(numbers::natural);
        match (word, number("fence"), number("beats")) {
            ("held", Some(fence), _) => Ok(Hold::Taken { fence }),
            // Names of runs are told to people inside commands: only what can be one is let in.
            ("jobs", ..) if !rest.split(',').all(|job| plain_name(job).is_ok()) => {
                Err(JobError::Protocol(words))
            }
            ("jobs", ..) => Ok(Hold::Jobs(rest.split(',').map(str::to_owned).collect())),
            ("busy", ..) if field(rest, "run").is_none_or(|run| plain_name(run).is_err()) => {
                Err(JobError::Protocol(words))
            }
            ("busy", _, Some(beats)) => {
                let text = |name| field(rest, name).unwrap_or_default().to_owned();
                Ok(Hold::Busy(HolderWords {
                    process: text("process"),
                    beats,
                    run: text("run"),
                    owner: text("owner"),
                    machine: text("machine"),
                    since: text("since"),
                }))
            }
            _ => Err(JobError::Protocol(words)),
        }
    }

    /// Gives a sign of life. See [`crate::Connection::beat`].
    ///
    /// # Errors
    /// [`JobError::Fenced`] where somebody else has taken over.
    pub async fn beat(&self, me: &HolderWords, fence: u64) -> Result<(), JobError> {
        let request = self
            .holder_request("beat", me, fence)?
            .piece(&PIECES.holder);
        self.holder_answer(&request).await.map(drop)
    }

    /// Lets the host go. See [`crate::Connection::release`].
    ///
    /// # Errors
    /// [`JobError::Fenced`] where somebody else has taken over.
    pub async fn release(&self, fence: u64) -> Result<(), JobError> {
        let request = self
            .holder_request("release", &HolderWords::default(), fence)?
            .piece(&PIECES.holder);
        self.holder_answer(&request).await.map(drop)
    }

    fn holder_request(
        &self,
        verb: &str,
        me: &HolderWords,
        fence: u64,
    ) -> Result<Request, JobError> {
        let word = |text: &str| -> String {
            let letter = |c: char| {
                if c.is_ascii_graphic() && c != '=' {
                    c
                } else {
                    '_'
                }
            };
            text.chars().map(letter).collect()
        };
        let about = format!(
            "run={} owner={} machine={} since={}",
            word(&me.run),
            word(&me.owner),
            word(&me.machine),
            word(&me.since)
        );
        Ok(self
            .spool_request("", fence)?
            .alone()
            .set("verb", verb)
            .set("run", &word(&me.run))
            .set("me", &word(&me.process))
            .set("about", &about))
    }

    async fn holder_answer(&self, request: &Request) -> Result<String, JobError> {
        let (talk, head) = self.ask(request, &[]).await?;
        talk.close().await;
        taken(head).map_err(|why| self.refusal(&why, 0))
    }
}
