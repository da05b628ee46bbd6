//! Who works on a host: one at a time, and whoever comes late is refused.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use crate::answer::field;
use crate::error::{JobError, RequestError};
use crate::port::{Hold, HolderWords, JobId, LeftJob, Stance};

use super::job::UNIT_PREFIX;
use super::request::{PIECES, Request};
use super::{HostProtocol, JobKeeper, numbers, taken};

/// The longest word that is taken from a host's holder.
const WORD: usize = 200;

impl HostProtocol {
    /// Takes the host for a run. See [`crate::HostHold::hold`].
    ///
    /// # Errors
    /// See [`JobError`].
    pub async fn hold(
        &self,
        me: &HolderWords,
        seen: Option<&HolderWords>,
    ) -> Result<Hold, JobError> {
        let seen = seen.map(|them| format!("{} {}", them.process, them.beats));
        let session = self.options.jobs == JobKeeper::Session;
        let request = self
            .holder_request("hold", me, 0)?
            .set("seen", seen.as_deref().unwrap_or_default())
            .number("first", first_fence())
            .set("prefix", UNIT_PREFIX)
            .set("keeper", if session { "session" } else { "systemd" })
            .piece(&PIECES.holder);
        let words = self.holder_answer(&request).await?;
        Ok(hold_of(&words).ok_or(RequestError::Protocol(words))?)
    }

    /// Gives a sign of life. See [`crate::HostHold::beat`].
    ///
    /// # Errors
    /// [`RequestError::Fenced`] where somebody else has taken over.
    pub async fn beat(&self, me: &HolderWords, fence: u64) -> Result<(), JobError> {
        let request = self
            .holder_request("beat", me, fence)?
            .piece(&PIECES.holder);
        self.holder_answer(&request).await.map(drop)
    }

    /// Lets the host go. See [`crate::HostHold::release`].
    ///
    /// # Errors
    /// [`RequestError::Fenced`] where somebody else has taken over.
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
        let about = format!(
            "run={} owner={} machine={} since={} host={}",
            word(&me.run),
            word(&me.owner),
            word(&me.machine),
            word(&me.since),
            word(&me.host)
        );
        let stance = match me.stance {
            Stance::Taking => "taking",
            Stance::Working => "working",
        };
        Ok(self
            .spool_request("", fence)?
            .alone()
            .set("verb", verb)
            .set("run", &word(&me.run))
            .set("me", &word(&me.process))
            .set("about", &about)
            .set("host", &word(&me.host))
            .set("stance", stance)
            .number("rank", me.rank))
    }

    async fn holder_answer(&self, request: &Request) -> Result<String, JobError> {
        let (talk, head) = self.ask(request, &[]).await?;
        talk.close().await;
        taken(head).map_err(|why| self.refusal(&why, 0))
    }
}

/// One word, as a host keeps it and gives it back.
fn word(text: &str) -> String {
    let letter = |c: char| {
        if c.is_ascii_graphic() && c != '=' {
            c
        } else {
            '_'
        }
    };
    text.chars().take(WORD).map(letter).collect()
}

/// The number that a host begins at which has none: nobody has it from before somebody took that away.
fn first_fence() -> u64 {
    // A system without random numbers: std's own keys were taken while there were some.
    let random = getrandom::u64().unwrap_or_else(|_| RandomState::new().hash_one(0u8));
    (random >> 16).max(1)
}

/// What a host says to somebody who would take it; nothing where it makes no sense.
fn hold_of(words: &str) -> Option<Hold> {
    let (word_before, rest) = words.split_once(' ').unwrap_or((words, ""));
    let number = |name| field(rest, name).and_then(numbers::natural);
    let text = |name| word(field(rest, name).unwrap_or_default());
    match word_before {
        "held" => {
            let fence = number("fence").filter(|fence| *fence > 0)?;
            Some(Hold::Taken { fence })
        }
        "jobs" => {
            let mut left = Vec::new();
            for (name, folder_gone) in [("running", false), ("gone", true)] {
                let ids = field(rest, name)?.split(',').filter(|id| !id.is_empty());
                for id in ids {
                    let id = JobId::told(id)?;
                    left.push(LeftJob { id, folder_gone });
                }
            }
            (!left.is_empty()).then_some(Hold::Jobs(left))
        }
        "busy" => Some(Hold::Busy {
            quiet_for: number("quiet").map(Duration::from_secs),
            them: HolderWords {
                process: text("process"),
                beats: number("beats")?,
                stance: match field(rest, "stance")? {
                    "taking" => Stance::Taking,
                    _ => Stance::Working,
                },
                rank: number("rank").unwrap_or(0),
                run: text("run"),
                owner: text("owner"),
                machine: text("machine"),
                since: text("since"),
                host: text("host"),
            },
        }),
        "twice" => Some(Hold::Twice { host: text("host") }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_says_is_taken_only_where_it_can_be() {
        assert_eq!(hold_of("held fence=7"), Some(Hold::Taken { fence: 7 }));
        for bad in [
            "",
            "held",
            "held fence=",
            "held fence=0",
            "held fence=-3",
            "held fence=9223372036854775808",
            "held fence=99999999999999999999999",
            "busy",
            "busy process=a beats=x stance=taking",
            "busy process=a beats=99999999999999999999999 stance=taking",
            "jobs",
            "jobs running= gone=",
            "jobs running=a;reboot gone=",
            "jobs running=$(reboot).a.b.1 gone=",
            "jobs running=-y.a.b.1 gone=",
            "else fence=1",
        ] {
            assert_eq!(hold_of(bad), None, "{bad}");
        }
        let left = hold_of("jobs running=r0.a.h.1,r0.b.h.1 gone=r1.a.h.2");
        let Some(Hold::Jobs(left)) = left else {
            panic!("{left:?}")
        };
        let told: Vec<_> = left
            .iter()
            .map(|job| (job.id.as_str(), job.id.run(), job.folder_gone))
            .collect();
        assert_eq!(
            told,
            [
                ("r0.a.h.1", "r0", false),
                ("r0.b.h.1", "r0", false),
                ("r1.a.h.2", "r1", true)
            ]
        );
    }

    #[test]
    fn words_of_a_host_are_short_and_plain() {
        let long = "x".repeat(100_000);
        let said = format!(
            "busy process=\u{1b}[31mp beats=3 stance=odd rank=99999999999999999999 quiet=-1 run={long} owner=\u{202e}"
        );
        let Some(Hold::Busy { them, quiet_for }) = hold_of(&said) else {
            panic!("{said:.80}")
        };
        assert_eq!(them.process, "_[31mp");
        assert_eq!((them.rank, quiet_for), (0, None));
        assert_eq!(them.stance, Stance::Working);
        assert_eq!(them.run.len(), WORD);
        assert_eq!(them.owner, "_");
    }

    #[test]
    fn a_host_without_a_number_begins_at_one_that_nobody_has() {
        let some: Vec<u64> = (0..8).map(|_| first_fence()).collect();
        for (index, fence) in some.iter().enumerate() {
            assert!((1..1 << 48).contains(fence));
            assert!(!some.get(index + 1..).unwrap_or_default().contains(fence));
        }
    }
}
