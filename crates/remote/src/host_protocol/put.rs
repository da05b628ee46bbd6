//! Files: brought whole or not at all, and not at all where they are there already.

use crate::answer::Answer;
use crate::error::PutError;
use crate::port::{FileToPut, PutOutcome};

use super::content::Outgoing;
use super::request::{PIECES, Request};
use super::talk::Talk;
use super::{HostProtocol, taken, unexpected};

impl HostProtocol {
    /// Brings a file to the host. See [`crate::Connection::put`]. Symbolic links, folders and
    /// devices are not replaced.
    ///
    /// # Errors
    /// See [`PutError`].
    pub async fn put(&self, file: &FileToPut) -> Result<PutOutcome, PutError> {
        let write_error = |reason: &str| PutError::Write {
            path: file.path.clone(),
            reason: reason.to_owned(),
        };
        let owner = file.owner.as_deref().unwrap_or("root:root");
        check(&file.path, owner).map_err(write_error)?;
        let mut outgoing = Outgoing::of(&file.content).await.map_err(PutError::Local)?;
        let request = Request::new()
            .set("path", &file.path)
            .number("size", outgoing.size)
            .set("mode", &format!("{:o}", file.mode & 0o7777))
            .set("owner", owner)
            .set("sum", &outgoing.sum)
            .piece(&PIECES.put);
        let sent_along = outgoing.eager();
        let (mut talk, head) = self.ask(&request, sent_along).await?;
        taken(head).map_err(PutError::Protocol)?;
        let mut answer = talk.next().await?;
        if answer == Some(Answer::Want) {
            let early = if sent_along.is_empty() {
                self.send_content(&mut talk, &mut outgoing).await?
            } else {
                None
            };
            answer = match early {
                Some(answer) => Some(answer),
                None => talk.next().await?,
            };
        }
        let outcome = match answer {
            Some(Answer::End { words, .. }) => match words.as_str() {
                "have" => PutOutcome::Already,
                "mended" => PutOutcome::Mended,
                "written" => PutOutcome::Written,
                _ => return Err(PutError::Protocol(words)),
            },
            Some(Answer::Fail(why)) => {
                return Err(write_error(why.strip_prefix("write ").unwrap_or(&why)));
            }
            Some(other) => return Err(unexpected(&other).into()),
            None => return Err(talk.cut_short().into()),
        };
        talk.close().await;
        Ok(outcome)
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
