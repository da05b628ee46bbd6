//! Brings a stage's files to the host.

use std::sync::Arc;

use phalanx_events::{Failure, FailureKind};
use phalanx_plan::{PlannedStage, RenderedContent};
use phalanx_remote::{Content, FileToPut, PutOutcome};

use super::Executor;
use super::attempt::{Attempt, Cut};
use super::failure::HostError as _;

impl Executor {
    /// Brings the files; each is there whole or not at all.
    pub(super) async fn put_files(
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
        let mut told = 0;
        // A lost connection is made again: a put can be repeated.
        while let Some(left) = files.get(told..)
            && !left.is_empty()
        {
            let connection = self.link.get().await?;
            let mut done = Vec::with_capacity(left.len());
            let fence = self.fence();
            let put = tokio::select! {
                put = connection.put_all(left, fence, &mut done) => Ok(put),
                cut = self.cut_at(attempt) => Err(cut),
            };
            // What is there is there, also where the rest was cut short.
            for (file, outcome) in left.iter().zip(&done) {
                tell(file, *outcome, attempt);
            }
            told += done.len();
            match put? {
                Ok(took) => {
                    attempt.put_took += took;
                    break;
                }
                Err(error) if error.is_loss() => {
                    let why = error.to_string();
                    self.link.after_loss(!done.is_empty(), &why).await?;
                }
                Err(error) => return Err(error.failure().into()),
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
