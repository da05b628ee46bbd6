//! Brings a stage's files to the host.

use std::sync::Arc;

use phalanx_events::{CancelLevel, Failure, FailureKind};
use phalanx_plan::{PlannedStage, RenderedContent};
use phalanx_remote::{Connection, Content, FileToPut, PutOutcome};

use super::Executor;
use super::attempt::Attempt;
use super::cut::{Cut, cut_at};
use super::failure::HostError as _;
use super::over::{Break, Call, Patience};

impl Executor {
    /// Brings the files; each is there whole or not at all.
    pub(super) async fn put_files(
        &mut self,
        stage: &PlannedStage,
        attempt: &mut Attempt,
    ) -> Result<(), Cut> {
        if stage.put.is_empty() {
            return Ok(());
        }
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
        let mut put = PutFiles {
            left: &files,
            attempt,
        };
        Ok(self.over(Patience::Reconnect, &mut put).await?)
    }
}

/// Brings files that are not there yet. It can be repeated.
struct PutFiles<'a> {
    left: &'a [FileToPut],
    attempt: &'a mut Attempt,
}

impl Call for PutFiles<'_> {
    type Done = ();
    type Error = Cut;

    async fn call(
        &mut self,
        executor: &mut Executor,
        connection: &Arc<dyn Connection>,
    ) -> Result<(), Break<Cut>> {
        let mut done = Vec::with_capacity(self.left.len());
        let (fence, deadline) = (executor.fence(), self.attempt.deadline);
        let put = tokio::select! {
            put = connection.put_all(self.left, fence, &mut done) => Ok(put),
            cut = cut_at(deadline, &mut executor.cancel, CancelLevel::StopJobs, "step") => Err(cut),
        };
        // What is there is there, also where the rest was cut short.
        for (file, outcome) in self.left.iter().zip(&done) {
            tell(file, *outcome, self.attempt);
        }
        self.left = self.left.get(done.len()..).unwrap_or_default();
        match put? {
            Ok(took) => self.attempt.put_took += took,
            // All of them are there; only that was not heard any more.
            Err(error) if error.is_loss() && self.left.is_empty() => {
                executor.link.after_loss(true, &error.to_string()).await?;
            }
            Err(error) => return Err(Break::<Cut>::from(error).further(!done.is_empty())),
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
