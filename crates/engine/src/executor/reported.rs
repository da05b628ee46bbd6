//! Problems that a host's script reports.

use phalanx_events::{Failure, FailureKind, ReportedProblem, ReportedSeverity};
use phalanx_remote::{RECORDS_KEPT, Severity};

use super::Executor;

impl Executor {
    /// What the host's script found, as far as the operator has not accepted it: an error of an
    /// accepted check is a warning that says so.
    pub(super) fn problems(
        &self,
        found: Vec<phalanx_remote::ReportedProblem>,
    ) -> Vec<ReportedProblem> {
        found
            .into_iter()
            .map(|found| {
                let mut problem = problem(found);
                let accepted = self.shared.plan.accept.contains(&problem.check);
                if accepted && problem.severity == ReportedSeverity::Error {
                    problem.severity = ReportedSeverity::Warning;
                    problem.text.push_str(" (accepted)");
                }
                problem
            })
            .collect()
    }
}

fn problem(reported: phalanx_remote::ReportedProblem) -> ReportedProblem {
    ReportedProblem {
        check: reported.check,
        severity: match reported.severity {
            Severity::Error => ReportedSeverity::Error,
            Severity::Warning => ReportedSeverity::Warning,
            Severity::Note => ReportedSeverity::Note,
        },
        text: reported.text,
        fix: reported.fix,
    }
}

/// The failure that reported errors are, where there are any; they themselves are told beside it.
pub(super) fn errors_among(problems: &[ReportedProblem]) -> Option<Failure> {
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == ReportedSeverity::Error)
        .count();
    let text = match errors {
        0 => return None,
        1 => "it found a problem that has to be solved first".to_owned(),
        _ if errors > RECORDS_KEPT => {
            format!("it found more than {RECORDS_KEPT} problems that have to be solved first")
        }
        _ => format!("it found {errors} problems that have to be solved first"),
    };
    Some(Failure::new(FailureKind::Problems, text))
}
