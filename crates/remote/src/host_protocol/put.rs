//! Files: brought whole or not at all, and not at all where they are there already.

use std::time::Duration;

use crate::answer::Answer;
use crate::error::{PutError, RequestError};
use crate::port::{FileToPut, PutOutcome};

use super::content::{EAGER, Outgoing, eager_size};
use super::request::PIECES;
use super::talk::Talk;
use super::{HostProtocol, clock, taken, unexpected};

/// So many small files are brought by one request at most.
const TOGETHER: usize = 64;

/// What the slowest disk still does in a second that is not called hung: a file is read once for its
/// checksum, or written to the disk, before the host answers.
const SLOWEST_DISK: u64 = 2 << 20;

impl HostProtocol {
    /// Brings a file to the host: see [`HostProtocol::put_all`].
    ///
    /// # Errors
    /// See [`PutError`].
    pub async fn put(&self, file: &FileToPut) -> Result<PutOutcome, PutError> {
        let mut done = Vec::new();
        let _took = self
            .put_all(std::slice::from_ref(file), 0, &mut done)
            .await?;
        let nothing = || PutError::Request(RequestError::Protocol("no answer for the file".into()));
        done.pop().ok_or_else(nothing)
    }

    /// Brings files to the host. See [`crate::HostFiles::put_all`]. Symbolic links, folders and devices
    /// are not replaced. Small ones go together, in one request.
    ///
    /// # Errors
    /// See [`PutError`].
    pub async fn put_all(
        &self,
        files: &[FileToPut],
        fence: u64,
        done: &mut Vec<PutOutcome>,
    ) -> Result<Duration, PutError> {
        for file in files {
            check(&file.path, owner(file)).map_err(|reason| write_error(file, reason))?;
        }
        let mut took = Duration::ZERO;
        let mut rest = files;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(together(rest));
            took += self.put_some(now, fence, done).await?;
            rest = later;
        }
        Ok(took)
    }

    /// Brings files by one request: small ones, or one of any size.
    async fn put_some(
        &self,
        files: &[FileToPut],
        fence: u64,
        done: &mut Vec<PutOutcome>,
    ) -> Result<Duration, PutError> {
        let mut request = self
            .unfenced_request(fence)
            .piece(&PIECES.way)
            .piece(&PIECES.put);
        let mut sent_along = Vec::new();
        let mut outgoing = Vec::with_capacity(files.len());
        for file in files {
            let content = Outgoing::of(&file.content).await.map_err(PutError::Local)?;
            request = request
                .set("path", &file.path)
                .number("size", content.size)
                .set("mode", &format!("{:o}", file.mode & 0o7777))
                .set("owner", owner(file))
                .set("sum", &content.sum)
                .piece("bring\n");
            sent_along.extend_from_slice(content.eager());
            outgoing.push(content);
        }
        let request = request.piece("finish\n");
        let (mut talk, head) = self.ask(&request, &sent_along).await?;
        taken(head).map_err(|why| self.unfit(why))?;
        let mut files = files.iter().zip(&mut outgoing);
        let mut current = files.next();
        let mut early = None;
        let mut is_sent = false;
        let took = loop {
            let answer = match early.take() {
                Some(answer) => Some(answer),
                None => {
                    let size = current.as_ref().map_or(0, |(_, content)| content.size);
                    talk.next_within(self.answer_within(size)).await?
                }
            };
            match (answer, &mut current) {
                // Once for each file: nobody could go on asking for it.
                (Some(Answer::Want), Some((_, content))) if !is_sent => {
                    is_sent = true;
                    if content.eager().is_empty() {
                        early = self.send_content(&mut talk, content).await?;
                    }
                }
                (Some(Answer::File(words)), Some(_)) => {
                    done.push(match words.as_str() {
                        "have" => PutOutcome::Already,
                        "mended" => PutOutcome::Mended,
                        "written" => PutOutcome::Written,
                        _ => return Err(PutError::Request(RequestError::Protocol(words))),
                    });
                    current = files.next();
                    is_sent = false;
                }
                (Some(Answer::Fail(why)), Some((file, _))) => {
                    let reason = why.strip_prefix("write ").unwrap_or(&why);
                    return Err(write_error(file, reason));
                }
                (Some(Answer::End { words, .. }), None) => break clock::between(&words),
                (Some(other), _) => return Err(unexpected(&other).into()),
                (None, _) => return Err(RequestError::Lost(talk.cut_short()).into()),
            }
        };
        talk.close().await;
        Ok(took.unwrap_or_default())
    }

    /// How long a host may take to say the next thing about a file of this size.
    fn answer_within(&self, size: u64) -> Duration {
        self.options.stall_timeout + Duration::from_secs(size / SLOWEST_DISK)
    }

    /// Sends the content. An answer that comes while there is more to send is a refusal: the rest
    /// need not be sent.
    async fn send_content(
        &self,
        talk: &mut Talk,
        content: &mut Outgoing<'_>,
    ) -> Result<Option<Answer>, PutError> {
        while let Some(piece) = content.next_piece().map_err(PutError::Local)? {
            talk.send(&piece, self.options.stall_timeout).await?;
            if let Some(answer) = talk.next_at_once().await? {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }
}

fn check(path: &str, owner: &str) -> Result<(), &'static str> {
    if !path.starts_with('/') || path.ends_with('/') {
        return Err("the path must begin with a slash and not end with one");
    }
    if path.contains('\0') {
        return Err("the path holds a NUL character");
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-:".contains(&b) || !b.is_ascii();
    if owner.is_empty() || owner.starts_with(['-', ':']) || !owner.bytes().all(plain) {
        return Err("the owner must be `user` or `user:group`");
    }
    Ok(())
}

/// How many files from the first on go by one request.
fn together(files: &[FileToPut]) -> usize {
    let mut bytes = 0;
    let small = files.iter().take(TOGETHER).take_while(|file| {
        bytes += eager_size(&file.content).unwrap_or(EAGER + 1);
        bytes <= EAGER
    });
    small.count().max(1)
}

fn owner(file: &FileToPut) -> &str {
    file.owner.as_deref().unwrap_or("root:root")
}

fn write_error(file: &FileToPut, reason: &str) -> PutError {
    PutError::Write {
        path: file.path.clone(),
        reason: reason.to_owned(),
    }
}
