//! Why something failed, the cause first: that a script ended with a status is what everybody knows of it already.

use phalanx_events::{Failure, FailureKind, ReportedProblem, ReportedSeverity, TaskEnd};

use crate::terminal_text::{cut, harmless};

/// How a failure that is no more than a status is told.
const STATUS: &str = "ended with status ";

/// Why something failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// The cause, as far as it was told.
    pub(crate) says: String,
    /// What was seen of it, where that is something else: that a script ended with a status.
    pub(crate) seen: Option<String>,
    /// What to do about it, where a script has said that.
    pub(crate) fix: Option<String>,
}

impl Reason {
    /// Of a task that failed.
    pub(crate) fn of_end(end: &TaskEnd) -> Self {
        let errors = end
            .problems
            .iter()
            .filter(|problem| problem.severity == ReportedSeverity::Error);
        let errors: Vec<&ReportedProblem> = errors.collect();
        if let Some(first) = errors.first() {
            let says = match errors.len() {
                1 => first.text.clone(),
                all => format!("{} (+{})", first.text, all - 1),
            };
            let failure = end.failure.as_ref();
            // That it found problems is what these say themselves.
            let seen = failure.filter(|failure| failure.kind != FailureKind::Problems);
            return Self {
                says,
                seen: seen.map(|failure| failure.message.clone()),
                fix: (!first.fix.is_empty()).then(|| first.fix.clone()),
            };
        }
        match &end.failure {
            Some(failure) => Self::of_failure(failure),
            None => Self::plain("it did not say why"),
        }
    }

    /// Of a failure for which no problem was told: of a script that ended with a status, its last line.
    pub(crate) fn of_failure(failure: &Failure) -> Self {
        let said = |line: &&String| !line.trim().is_empty();
        match failure.lines.iter().rfind(said) {
            Some(last) if is_status(failure) => Self {
                says: last.trim().to_owned(),
                seen: Some(failure.message.clone()),
                fix: None,
            },
            _ => Self::plain(&failure.message),
        }
    }

    /// No more than this.
    pub(crate) fn plain(says: &str) -> Self {
        Self {
            says: says.to_owned(),
            seen: None,
            fix: None,
        }
    }

    /// The same, and harmless for a terminal.
    pub(crate) fn harmless(&self) -> Self {
        self.each(harmless)
    }

    /// The same, each text made into another.
    pub(crate) fn each(&self, make: impl Fn(&str) -> String) -> Self {
        Self {
            says: make(&self.says),
            seen: self.seen.as_deref().map(&make),
            fix: self.fix.as_deref().map(&make),
        }
    }

    /// All of it: `the disk is full (the script ended with status 1)`.
    pub(crate) fn whole(&self) -> String {
        match &self.seen {
            Some(seen) => format!("{} ({seen})", self.says),
            None => self.says.clone(),
        }
    }

    /// As much as has room: the cause rather than what was seen of it.
    pub(crate) fn within(&self, width: usize, mark: &str) -> String {
        let whole = self.whole();
        match cut(&whole, width, mark) == whole {
            true => whole,
            false => cut(&self.says, width, mark),
        }
    }
}

/// Whether all that is known is that a script ended with a status of its own choice. Where a signal ended it, that is
/// the cause; of a command that was not found or may not be executed, its last line tells which.
fn is_status(failure: &Failure) -> bool {
    let status = failure.message.split_once(STATUS).map(|(_, status)| status);
    failure.kind == FailureKind::Script
        && status.is_some_and(|status| {
            status.bytes().all(|byte| byte.is_ascii_digit())
                || ["126 ", "127 "].iter().any(|code| status.starts_with(code))
        })
}

#[cfg(test)]
mod tests {
    use phalanx_events::Outcome;

    use super::*;

    fn script(message: &str, lines: &[&str]) -> TaskEnd {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        TaskEnd::failed(Failure::new(FailureKind::Script, message).lines(lines))
    }

    #[test]
    fn what_a_script_said_comes_before_its_status() {
        let says = |end: &TaskEnd| Reason::of_end(end).whole();
        let status = "the script ended with status 1";
        assert_eq!(
            says(&script(status, &["a", "no space", " "])),
            "no space (the script ended with status 1)"
        );
        assert_eq!(says(&script(status, &[])), status);
        let not_found = "the script ended with status 127 (a command in it was not found)";
        assert!(says(&script(not_found, &["curl: not found"])).starts_with("curl: not found (the"));
        let killed =
            "the script ended with status 137, which is SIGKILL (killed, or out of memory)";
        assert_eq!(says(&script(killed, &["Unpacking"])), killed);
        assert_eq!(says(&TaskEnd::new(Outcome::Failed)), "it did not say why");
    }

    #[test]
    fn a_problem_comes_before_everything_and_brings_its_fix() {
        let problem = |severity, text: &str| ReportedProblem {
            check: "disk".into(),
            severity,
            text: text.into(),
            fix: "make room".into(),
        };
        let mut end = script("the script ended with status 1", &["last line"]);
        end.problems = vec![
            problem(ReportedSeverity::Warning, "not this"),
            problem(ReportedSeverity::Error, "the disk is full"),
            problem(ReportedSeverity::Error, "and more"),
        ];
        let reason = Reason::of_end(&end);
        assert_eq!(
            reason.whole(),
            "the disk is full (+1) (the script ended with status 1)"
        );
        assert_eq!(reason.fix.as_deref(), Some("make room"));
        assert_eq!(reason.within(30, "…"), "the disk is full (+1)");
        assert_eq!(reason.within(10, "…"), "the disk …");
        end.failure = Some(Failure::new(FailureKind::Problems, "it found 2 problems"));
        assert_eq!(Reason::of_end(&end).whole(), "the disk is full (+1)");
    }
}
