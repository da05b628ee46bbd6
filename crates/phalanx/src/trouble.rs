//! Why a command ended early.

use std::error::Error;
use std::fmt::Write as _;

use phalanx_plan::{Problem, Problems, SourceFile, Span};

use crate::exit_code::Exit;

/// Why a command ended early: what to tell, and what its exit code says.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) exit: Exit,
    pub(crate) problems: Problems,
}

impl Trouble {
    /// The input is bad.
    pub(crate) fn input(problems: impl Into<Problems>) -> Self {
        Self {
            exit: Exit::BadInput,
            problems: problems.into(),
        }
    }

    /// One thing went wrong on this machine, before anything was contacted.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self::input(Problem::error(code, message))
    }

    /// As [`Trouble::new`], with what the system or another part says about it.
    pub(crate) fn because(code: &'static str, message: &str, cause: &dyn Error) -> Self {
        Self::new(code, format!("{message}: {}", chain(cause)))
    }

    /// Names a place for what has none.
    pub(crate) fn at(mut self, source: &SourceFile, span: Span, text: &str) -> Self {
        self.problems = self.problems.map(|problem| match problem.source {
            None => problem.at(source, span, text),
            Some(_) => problem,
        });
        self
    }

    /// Says what to do about it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        let help = help.into();
        self.problems = self.problems.map(|problem| match problem.help {
            None => problem.help(help.clone()),
            Some(_) => problem,
        });
        self
    }

    /// The same, and each help in other words. A message may quote what the operator wrote: that stays as it is.
    pub(crate) fn retold(mut self, retell: impl Fn(&str) -> String) -> Self {
        self.problems = self.problems.map(|mut problem| {
            problem.help = problem.help.as_deref().map(&retell);
            problem
        });
        self
    }

    /// Ends with another exit code.
    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

/// An error and its sources in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        // Writing to a string never fails.
        let _ = write!(text, ": {error}");
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_retold_is_the_help_and_all_are_counted() {
        let mut problems = Problems::new();
        for _ in 0..150 {
            problems.push(Problem::error("x", "found `phalanx plan`").help("see `phalanx plan`"));
        }
        let trouble = Trouble::input(problems);
        let told = trouble.retold(|text| text.replace("`phalanx ", "`phalanx -c a "));
        assert_eq!((told.problems.len(), told.problems.omitted()), (150, 50));
        for problem in told.problems.iter() {
            assert_eq!(problem.message, "found `phalanx plan`");
            assert_eq!(problem.help.as_deref(), Some("see `phalanx -c a plan`"));
        }
    }
}
