//! How a task begins again: the one rule, and the decision table of `docs/design/resume.md`.
//!
//! It is asked when a run is resumed, when the operator has a host tried again, and when a host that was left
//! behind has its turn. Within one process nothing that a task is made from changes, so there the table is
//! asked with [`MadeFrom::Same`], unless the attempt itself was begun by an earlier process from other things.

use phalanx_events::{Outcome, TaskState, TaskStatus};
use phalanx_plan::Action;

/// How a task goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With a new attempt of this number.
    Anew {
        /// Counts from 1 over the whole run.
        attempt: u32,
    },
    /// With the attempt that was begun: its job may be on the host.
    Attach {
        /// Which.
        attempt: u32,
        /// Whether the host is known to have had the job: then it is not started again.
        accepted: bool,
        /// Whether another attempt has to follow, since what it was made from is not the same any more.
        then_again: bool,
    },
    /// With the reboot that was asked for.
    Reboot {
        /// Which attempt.
        attempt: u32,
        /// The boot that the host was in.
        before: String,
    },
}

impl Begin {
    /// A task's very first attempt.
    pub(crate) const FIRST: Self = Self::Anew { attempt: 1 };

    /// The attempt that it goes on with.
    pub fn attempt(&self) -> u32 {
        match self {
            Self::Anew { attempt }
            | Self::Attach { attempt, .. }
            | Self::Reboot { attempt, .. } => *attempt,
        }
    }

    /// Whether it goes on with an attempt that was begun before: the host is at work on it already, as far as
    /// anybody knows.
    pub(crate) fn is_under_way(&self) -> bool {
        !matches!(self, Self::Anew { .. })
    }
}

/// Why a task is done, done again, or begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is done, and what it was made from is the same.
    Done,
    /// The operator has skipped it, and what it would be made from is the same.
    Skipped,
    /// It was not begun.
    NotBegun,
    /// It is done, but not from the same: these are different now.
    Changed(Vec<String>),
    /// It failed, or was stopped.
    Failed,
    /// It was under way, and no end is written down.
    UnderWay,
    /// The same, and these are different now.
    UnderWayChanged(Vec<String>),
    /// The host was asked to reboot, and no end is written down.
    Rebooting,
}

/// What is known of a task.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Known<'a> {
    /// Nothing.
    Nothing,
    /// This.
    State(&'a TaskState),
    /// This, but its host or stage was gone in between: nobody has looked at the host meanwhile.
    Forgotten(&'a TaskState),
}

impl<'a> Known<'a> {
    /// What is known, whether it was forgotten in between or not.
    pub(crate) fn state(self) -> Option<&'a TaskState> {
        match self {
            Self::Nothing => None,
            Self::State(known) | Self::Forgotten(known) => Some(known),
        }
    }
}

/// What a task is made from now, beside what its last attempt was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MadeFrom {
    /// The same.
    Same,
    /// Other things, and these are different, where that is known.
    Other(Vec<String>),
}

/// How a task goes on, nothing where it stays done, and why: one row of the decision table.
pub(crate) fn next(
    known: Known<'_>,
    action: &Action,
    made_from: MadeFrom,
) -> (Option<Begin>, Reason) {
    match known {
        Known::Nothing => (Some(Begin::FIRST), Reason::NotBegun),
        Known::State(known) => of_state(known, action, made_from),
        Known::Forgotten(known) => match of_state(known, action, made_from) {
            (None, _) => (Some(after(known)), Reason::NotBegun),
            begins => begins,
        },
    }
}

fn after(known: &TaskState) -> Begin {
    Begin::Anew {
        attempt: known.attempt.saturating_add(1),
    }
}

fn of_state(known: &TaskState, action: &Action, made_from: MadeFrom) -> (Option<Begin>, Reason) {
    // Whatever was written of the task since: what was begun and has no end comes first.
    if known.open {
        return under_way(known, action, made_from);
    }
    let next = after(known);
    match &known.status {
        TaskStatus::Pending | TaskStatus::Running | TaskStatus::Detached => {
            (Some(next), Reason::NotBegun)
        }
        // The pause before the next attempt.
        TaskStatus::Again(_) => (Some(next), Reason::Failed),
        TaskStatus::Ended(end) => match (&end.outcome, made_from) {
            (Outcome::Changed | Outcome::Already, MadeFrom::Same) => (None, Reason::Done),
            (Outcome::Changed | Outcome::Already, MadeFrom::Other(different)) => {
                (Some(next), Reason::Changed(different))
            }
            (
                Outcome::Skipped {
                    by_operator: true, ..
                },
                MadeFrom::Same,
            ) => (None, Reason::Skipped),
            (Outcome::Skipped { .. } | Outcome::NotRun { .. }, _) => (Some(next), Reason::NotBegun),
            (Outcome::Failed | Outcome::Cancelled, _) => (Some(next), Reason::Failed),
        },
    }
}

fn under_way(known: &TaskState, action: &Action, made_from: MadeFrom) -> (Option<Begin>, Reason) {
    let attempt = known.attempt;
    match (action, &known.reboot, &known.job, made_from) {
        (Action::Reboot, Some((_, Some(before))), _, MadeFrom::Same) => {
            let before = before.clone();
            (Some(Begin::Reboot { attempt, before }), Reason::Rebooting)
        }
        (_, _, Some(_), made_from) => {
            let attach = |then_again| Begin::Attach {
                attempt,
                accepted: known.accepted,
                then_again,
            };
            match made_from {
                MadeFrom::Same => (Some(attach(false)), Reason::UnderWay),
                MadeFrom::Other(different) => {
                    (Some(attach(true)), Reason::UnderWayChanged(different))
                }
            }
        }
        _ => (Some(after(known)), Reason::UnderWay),
    }
}

#[cfg(test)]
mod tests {
    use phalanx_events::{Failure, FailureKind, RebootPhase, TaskEnd};

    use super::*;

    /// A task of which this is known: attempt 3 was begun last.
    fn known(status: TaskStatus) -> TaskState {
        TaskState {
            status,
            attempt: 3,
            ..TaskState::default()
        }
    }

    fn ended(outcome: Outcome) -> TaskState {
        known(TaskStatus::Ended(TaskEnd::new(outcome)))
    }

    /// Attempt 3 was begun and has no end.
    fn open(job: bool, accepted: bool, reboot: bool) -> TaskState {
        TaskState {
            open: true,
            job: job.then(|| "r1.s.h.3".to_owned()),
            accepted,
            reboot: reboot.then(|| (RebootPhase::Requested, Some("b".to_owned()))),
            ..known(TaskStatus::Running)
        }
    }

    fn skipped(by_operator: bool) -> Outcome {
        Outcome::Skipped {
            reason: String::new(),
            by_operator,
        }
    }

    fn attach(accepted: bool, then_again: bool) -> Begin {
        Begin::Attach {
            attempt: 3,
            accepted,
            then_again,
        }
    }

    const ANEW: Begin = Begin::Anew { attempt: 4 };

    /// One row: what is known, the action, and what becomes of it where it is made from the same, and where
    /// it is made from other things.
    type Row = (
        &'static str,
        TaskState,
        Action,
        [(Option<Begin>, Reason); 2],
    );

    #[expect(clippy::too_many_lines, reason = "one table, a row for each case")]
    fn rows() -> Vec<Row> {
        use Reason::{Done, Failed, NotBegun, Rebooting, Skipped, UnderWay};
        let other = || vec!["the role".to_owned()];
        let (changed, under_way) = (Reason::Changed(other()), Reason::UnderWayChanged(other()));
        let both =
            |begin: Begin, why: Reason| [(Some(begin.clone()), why.clone()), (Some(begin), why)];
        let run = || Action::Run("s.sh".to_owned());
        let until = || Action::Until("s.sh".to_owned());
        let reboot = Begin::Reboot {
            attempt: 3,
            before: "b".to_owned(),
        };
        let may_run = TaskState {
            status: TaskStatus::Ended(TaskEnd::failed(Failure {
                may_run: true,
                ..Failure::new(FailureKind::Unreachable, "lost")
            })),
            ..open(true, true, false)
        };
        let not_run_since = TaskState {
            status: TaskStatus::Ended(TaskEnd::new(Outcome::NotRun {
                reason: String::new(),
            })),
            ..open(true, false, false)
        };
        let not_run = Outcome::NotRun {
            reason: String::new(),
        };
        let again = TaskStatus::Again(TaskEnd::new(Outcome::Failed));
        let attaches = |accepted| {
            [
                (Some(attach(accepted, false)), UnderWay),
                (Some(attach(accepted, true)), under_way.clone()),
            ]
        };
        let stays = |why: Reason, otherwise: Reason| [(None, why), (Some(ANEW), otherwise)];
        vec![
            (
                "a job, begun",
                open(true, false, false),
                run(),
                attaches(false),
            ),
            (
                "a job, accepted",
                open(true, true, false),
                run(),
                attaches(true),
            ),
            ("a job that may still run", may_run, run(), attaches(true)),
            (
                "a job, and something written since",
                not_run_since,
                run(),
                attaches(false),
            ),
            (
                "a reboot, asked for",
                open(false, false, true),
                Action::Reboot,
                [(Some(reboot), Rebooting), (Some(ANEW), UnderWay)],
            ),
            (
                "a reboot, not asked for",
                open(false, false, false),
                Action::Reboot,
                both(ANEW, UnderWay),
            ),
            (
                "what was a reboot",
                open(false, false, true),
                Action::Put,
                both(ANEW, UnderWay),
            ),
            (
                "a probe",
                open(false, false, false),
                until(),
                both(ANEW, UnderWay),
            ),
            (
                "files",
                open(false, false, false),
                Action::Put,
                both(ANEW, UnderWay),
            ),
            (
                "heard of",
                known(TaskStatus::Pending),
                run(),
                both(ANEW, NotBegun),
            ),
            ("not run", ended(not_run), run(), both(ANEW, NotBegun)),
            (
                "skipped by its condition",
                ended(skipped(false)),
                run(),
                both(ANEW, NotBegun),
            ),
            (
                "skipped by the operator",
                ended(skipped(true)),
                run(),
                stays(Skipped, NotBegun),
            ),
            (
                "changed",
                ended(Outcome::Changed),
                run(),
                stays(Done, changed.clone()),
            ),
            (
                "already right",
                ended(Outcome::Already),
                run(),
                stays(Done, changed),
            ),
            ("failed", ended(Outcome::Failed), run(), both(ANEW, Failed)),
            (
                "cancelled",
                ended(Outcome::Cancelled),
                run(),
                both(ANEW, Failed),
            ),
            (
                "to be followed by another",
                known(again),
                run(),
                both(ANEW, Failed),
            ),
        ]
    }

    #[test]
    fn the_decision_table() {
        for (name, known, action, [same, other]) in rows() {
            let with = |made_from| next(Known::State(&known), &action, made_from);
            let different = || MadeFrom::Other(vec!["the role".to_owned()]);
            assert_eq!(with(MadeFrom::Same), same, "{name}");
            assert_eq!(with(different()), other, "{name}, made from other things");
            // What was gone in between is begun again even where it was done.
            for (made_from, (begin, _)) in [(MadeFrom::Same, same), (different(), other)] {
                let (gone, _) = next(Known::Forgotten(&known), &action, made_from);
                assert_eq!(gone, begin.or(Some(ANEW)), "{name}, and it was gone");
            }
        }
        let nothing = next(Known::Nothing, &Action::Put, MadeFrom::Same);
        assert_eq!(nothing, (Some(Begin::FIRST), Reason::NotBegun));
    }

    #[test]
    fn no_attempt_is_counted_twice() {
        for (name, known, action, begins) in rows() {
            for (begin, _) in begins {
                let Some(begin) = begin else { continue };
                let expected = if begin.is_under_way() { 3 } else { 4 };
                assert_eq!(begin.attempt(), expected, "{name}, {action:?}");
                assert!(
                    known.open || !begin.is_under_way(),
                    "{name}: nothing is under way"
                );
            }
        }
    }
}
