//! The brake of a stage: after so many failed hosts no further one begins it.
//!
//! A host counts from the moment its task of the stage has failed until that task is done or its host is left
//! out. As long as it is tried again, the others wait for how that ends; as soon as it is not, they are told
//! that they will not begin.

use phalanx_plan::Plan;

use super::{Board, Place, Stage, Verdict, few_names};

impl Stage {
    /// A task that has failed before goes from one place to another.
    pub(super) fn note_failed(&mut self, from: Place, to: Place) {
        match from {
            Place::Missing | Place::Parked => self.failed -= 1,
            Place::Waiting | Place::Running => self.on_trial -= 1,
            Place::Done | Place::LeftOut => {}
        }
        match to {
            Place::Missing | Place::Parked => self.failed += 1,
            Place::Waiting | Place::Running => self.on_trial += 1,
            Place::Done | Place::LeftOut => {}
        }
        self.stopped = None;
    }
}

impl Board {
    /// The task has failed, now or before this process began.
    pub(crate) fn note_failure(&mut self, plan: &Plan, index: usize) {
        let place = self.place(index);
        let Some(stage) = plan
            .tasks
            .get(index)
            .and_then(|task| self.stages.get_mut(task.stage))
        else {
            return;
        };
        let counts = !matches!(place, Place::Done | Place::LeftOut);
        if let Some(failed @ false) = self.has_failed.get_mut(index)
            && counts
        {
            *failed = true;
            // As if it had come from where nothing counts.
            stage.note_failed(Place::Done, place);
        }
    }

    /// Whether failures of other hosts keep a task from beginning: for now, or altogether. One that has
    /// begun before is what the others wait for.
    pub(crate) fn brake(&mut self, plan: &Plan, index: usize) -> Verdict {
        let has_failed = self.has_failed.get(index).is_some_and(|failed| *failed);
        let Some(task) = plan.tasks.get(index).filter(|_| !has_failed) else {
            return Verdict::Open;
        };
        let Some(stage) = self.stages.get(task.stage) else {
            return Verdict::Open;
        };
        if stage.failed >= stage.stop_after {
            return Verdict::Never(self.stopped_text(plan, task.stage));
        }
        match stage.failed + stage.on_trial < stage.stop_after {
            true => Verdict::Open,
            false => Verdict::Shut,
        }
    }

    /// `the stage stopped after 2 failures, on w1, w2`. Worked out once: many will ask.
    fn stopped_text(&mut self, plan: &Plan, at: usize) -> String {
        if let Some(known) = self.stages.get(at).and_then(|stage| stage.stopped.clone()) {
            return known;
        }
        let tasks = plan.tasks.iter().enumerate();
        let failed = tasks.filter(|(index, task)| {
            let has_failed = self.has_failed.get(*index).is_some_and(|failed| *failed);
            let is_over = matches!(self.place(*index), Place::Missing | Place::Parked);
            task.stage == at && has_failed && is_over
        });
        let names: Vec<&str> = failed.map(|(_, task)| task.id.host.as_str()).collect();
        let failures = match names.len() {
            1 => "1 failure".to_owned(),
            several => format!("{several} failures"),
        };
        let text = format!(
            "the stage stopped after {failures}, on {}",
            few_names(names)
        );
        if let Some(stage) = self.stages.get_mut(at) {
            stage.stopped = Some(text.clone());
        }
        text
    }
}
