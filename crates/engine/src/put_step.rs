//! Brings a stage's files to the host.

use std::sync::Arc;

use futures::StreamExt as _;
use phalanx_events::{Failure, FailureKind};
use phalanx_plan::{PlannedStage, RenderedContent};
use phalanx_remote::{Content, FileToPut, PutError, PutOutcome};

use crate::executor::{Attempt, Cut, Executor};
use crate::failure;

/// So many files are on their way at the same time. Each takes a session, of which an sshd gives ten to
/// a connection where nobody has told it otherwise.
const AT_ONCE: usize = 4;

impl Executor {
    /// Brings the files; each is there whole or not at all.
    pub(crate) async fn put_files(
        &mut self,
        stage: &PlannedStage,
        attempt: &mut Attempt,
    ) -> Result<(), Cut> {
        let shared = Arc::clone(&self.shared);
        let mut files = Vec::with_capacity(stage.put.len());
        for step in &stage.put {
            let rendered = shared
                .plan
                .render_put(step, self.host, &self.facts)
                .map_err(|error| Failure::new(FailureKind::Expression, error.to_string()))?;
            files.push(FileToPut {
                path: rendered.path,
                content: match rendered.content {
                    RenderedContent::Bytes(bytes) => Content::Bytes(bytes),
                    RenderedContent::Local(path) => Content::Local(path),
                },
                mode: rendered.mode,
                owner: rendered.owner,
            });
        }
        let mut done = 0;
        // A lost connection is made again: a put can be repeated.
        while let Some(left) = files.get(done..)
            && !left.is_empty()
        {
            let connection = self.link.get().await?;
            let puts: Vec<_> = left.iter().map(|file| connection.put(file)).collect();
            let mut puts = futures::stream::iter(puts).buffered(AT_ONCE);
            let error = loop {
                let put = tokio::select! {
                    put = puts.next() => put,
                    cut = self.cut_at(attempt) => return Err(cut),
                };
                match put {
                    None => break None,
                    Some(Ok(outcome)) => {
                        if let Some(file) = files.get(done) {
                            tell(file, outcome, attempt);
                        }
                        done += 1;
                    }
                    Some(Err(error)) => break Some(error),
                }
            };
            drop(puts);
            match error {
                None => {}
                Some(PutError::Lost(_) | PutError::Stalled(_)) => {
                    self.link.after_loss(false).await?;
                }
                Some(error) => return Err(failure::put(&error).into()),
            }
        }
        Ok(())
    }
}

/// Notes what came of a put.
fn tell(file: &FileToPut, outcome: PutOutcome, attempt: &mut Attempt) {
    match outcome {
        PutOutcome::Written => attempt.changed.push(format!("wrote {}", file.path)),
        PutOutcome::Mended => {
            let text = format!("set mode and owner of {}", file.path);
            attempt.changed.push(text);
        }
        PutOutcome::Already => {
            let text = format!("{} has its content", file.path);
            attempt.already.push(text);
        }
    }
}
