//! Brings a stage's files to the host.

use std::sync::Arc;

use phalanx_events::{Failure, FailureKind};
use phalanx_plan::PlannedStage;
use phalanx_remote::{FileToPut, PutError, PutOutcome};

use crate::executor::{Attempt, Cut, Executor};
use crate::failure;

impl Executor {
    /// Brings the files one after the other; each is there whole or not at all.
    pub(crate) async fn put_files(
        &mut self,
        stage: &PlannedStage,
        attempt: &mut Attempt,
    ) -> Result<(), Cut> {
        let shared = Arc::clone(&self.shared);
        for step in &stage.put {
            let rendered = shared
                .plan
                .render_put(step, self.host, &self.facts)
                .map_err(|error| Failure::new(FailureKind::Expression, error.to_string()))?;
            let file = FileToPut {
                path: rendered.path,
                content: rendered.content,
                mode: rendered.mode,
                owner: rendered.owner,
            };
            match self.put_file(&file, attempt).await? {
                PutOutcome::Written => attempt.changed.push(format!("wrote {}", file.path)),
                PutOutcome::Mended => {
                    attempt
                        .changed
                        .push(format!("set mode and owner of {}", file.path));
                }
                PutOutcome::Already => {
                    attempt
                        .already
                        .push(format!("{} has its content", file.path));
                }
            }
        }
        Ok(())
    }

    /// One file; a lost connection is made again, since a put can be repeated.
    async fn put_file(&mut self, file: &FileToPut, attempt: &Attempt) -> Result<PutOutcome, Cut> {
        loop {
            let connection = self.link.get().await?;
            let error = tokio::select! {
                put = connection.put(file) => match put {
                    Ok(outcome) => return Ok(outcome),
                    Err(error) => error,
                },
                cut = self.cut_at(attempt) => return Err(cut),
            };
            match error {
                PutError::Lost(_) | PutError::Stalled(_) => self.link.after_loss(false).await?,
                error => return Err(failure::put(&error).into()),
            }
        }
    }
}
