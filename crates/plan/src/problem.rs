//! What is wrong with what was read, told so that it can be mended: the place, the reason, and
//! what to write instead. Problems are collected, never thrown one at a time.

use std::fmt;

use crate::source::{SourceFile, Span};

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Likely a mistake; work goes on.
    Warning,
    /// Nothing is done until it is mended.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A marked place, with what to say beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is written under it.
    pub text: String,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A short stable name, such as `cluster::master-count`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence: what is wrong, with the values that matter.
    pub message: String,
    /// The file it is in, where it is in one.
    pub source: Option<SourceFile>,
    /// The places; the first is the one that file:line:column names.
    pub labels: Vec<Label>,
    /// What to do, best as the text to write.
    pub help: Option<String>,
}

impl Problem {
    /// An error.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            source: None,
            labels: Vec::new(),
            help: None,
        }
    }

    /// A warning.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    /// A note.
    pub fn note(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::error(code, message)
        }
    }

    /// Marks a place in `source`. All labels of a problem are in one file: the last `source` counts.
    #[must_use]
    pub fn at(mut self, source: &SourceFile, span: Span, text: impl Into<String>) -> Self {
        self.source = Some(source.clone());
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Names the file where no place in it can be named.
    #[must_use]
    pub fn in_file(mut self, source: &SourceFile) -> Self {
        self.source = Some(source.clone());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// `file:line:column` of the first label, `file` where there is none.
    pub fn place(&self) -> Option<String> {
        let source = self.source.as_ref()?;
        Some(match self.labels.first() {
            Some(label) => {
                let (line, column) = source.line_column(label.span.start);
                format!("{}:{line}:{column}", source.name())
            }
            None => source.name().to_owned(),
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place() {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// More problems than this are counted and not kept: nobody reads them, and telling each of a hundred thousand would
/// take longer than finding them.
pub const MAX_PROBLEMS: usize = 100;

/// Everything that is wrong, in the order of the files' text. The first [`MAX_PROBLEMS`] are kept, errors before
/// all else; of the rest it is known how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    kept: Vec<Problem>,
    /// Of those that are kept.
    errors: usize,
    /// How many more there are: notes, warnings, errors.
    more: [usize; 3],
}

impl Problems {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        let error = problem.severity == Severity::Error;
        if self.kept.len() < MAX_PROBLEMS {
            self.errors += usize::from(error);
            self.kept.push(problem);
            return;
        }
        // An error is what has to be told: it takes the place of something less.
        let lesser = |kept: &Problem| kept.severity < Severity::Error;
        if error
            && self.errors < MAX_PROBLEMS
            && let Some(at) = self.kept.iter().rposition(lesser)
        {
            let gone = self.kept.remove(at);
            self.count(gone.severity);
            self.errors += 1;
            self.kept.push(problem);
        } else {
            self.count(problem.severity);
        }
    }

    /// Adds an error that is put into words only where it is going to be told.
    pub fn push_error(&mut self, problem: impl FnOnce() -> Problem) {
        if self.is_full() {
            self.count(Severity::Error);
        } else {
            self.push(problem());
        }
    }

    /// Adds an error at a place of a file, with what to do about it.
    pub(crate) fn error_at(
        &mut self,
        code: &'static str,
        (source, span): (&SourceFile, Span),
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push_error(|| {
            Problem::error(code, message)
                .at(source, span, label)
                .help(help)
        });
    }

    /// Whether no further error is kept.
    pub fn is_full(&self) -> bool {
        self.errors >= MAX_PROBLEMS
    }

    fn count(&mut self, severity: Severity) {
        if let Some(more) = self.more.get_mut(severity as usize) {
            *more += 1;
        }
    }

    /// Adds all of another list.
    pub fn extend(&mut self, other: Problems) {
        for problem in other.kept {
            self.push(problem);
        }
        for (more, others) in self.more.iter_mut().zip(other.more) {
            *more += others;
        }
    }

    /// The same problems, each changed.
    #[must_use]
    pub fn map(self, change: impl FnMut(Problem) -> Problem) -> Self {
        Self {
            kept: self.kept.into_iter().map(change).collect(),
            ..self
        }
    }

    /// Those of one severity, and how many more of it there are.
    #[must_use]
    pub fn only(mut self, severity: Severity) -> Self {
        self.kept.retain(|kept| kept.severity == severity);
        if severity != Severity::Error {
            self.errors = 0;
        }
        for (at, more) in self.more.iter_mut().enumerate() {
            if at != severity as usize {
                *more = 0;
            }
        }
        self
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// How many there are, those included that were not kept.
    pub fn len(&self) -> usize {
        self.kept.len() + self.omitted()
    }

    /// How many were not kept.
    pub fn omitted(&self) -> usize {
        self.more.iter().sum()
    }

    /// How many there are of a severity, those included that were not kept.
    pub fn count_of(&self, severity: Severity) -> usize {
        let kept = self
            .kept
            .iter()
            .filter(|problem| problem.severity == severity);
        kept.count() + self.more.get(severity as usize).copied().unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Each that was kept.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.kept.iter()
    }

    /// The same problems, with `shown` in place of the file of that name: one without secrets.
    #[must_use]
    pub fn shown_in(mut self, shown: &SourceFile) -> Self {
        for problem in &mut self.kept {
            if let Some(source) = &mut problem.source
                && source.name() == shown.name()
            {
                *source = shown.clone();
            }
        }
        self
    }

    /// All of them as plain text, each with its places and help, for where there is no terminal to
    /// underline anything on.
    pub fn to_plain_text(&self) -> String {
        use fmt::Write as _;

        let mut out = String::new();
        for problem in self.iter() {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{}[{}]: {problem}", problem.severity, problem.code);
            for label in &problem.labels {
                let Some(source) = &problem.source else {
                    continue;
                };
                let (line, column) = source.line_column(label.span.start);
                let marked: String = source.slice(label.span).escape_debug().take(60).collect();
                let _ = writeln!(out, "  {line}:{column} `{marked}` {}", label.text);
            }
            if let Some(help) = &problem.help {
                let _ = writeln!(out, "  help: {help}");
            }
        }
        if self.omitted() > 0 {
            let _ = writeln!(out, "and {} more", self.omitted());
        }
        out
    }

    /// Sorts them by file and place, so that they read as the files do.
    pub fn sort(&mut self) {
        self.kept.sort_by_key(|problem| {
            (
                problem
                    .source
                    .as_ref()
                    .map(|source| source.name().to_owned()),
                problem.labels.first().map(|label| label.span),
            )
        });
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.kept.into_iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        let mut problems = Self::new();
        problems.push(problem);
        problems
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.kept.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        match self.omitted() {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_its_place() {
        let file = SourceFile::new("cluster.conf", "A=1\nB=2\n");
        let problem = Problem::error("x", "B is odd").at(&file, Span::new(4, 5), "here");
        assert_eq!(problem.to_string(), "cluster.conf:2:1: B is odd");
        assert_eq!(
            Problem::note("x", "so").in_file(&file).to_string(),
            "cluster.conf: so"
        );
        assert_eq!(Problem::note("x", "so").to_string(), "so");
    }

    #[test]
    fn a_hundred_are_kept_and_all_are_counted() {
        let mut problems = Problems::new();
        for at in 0..150 {
            problems.push(Problem::warning("x", format!("odd {at}")));
        }
        assert!(!problems.has_errors() && !problems.is_full());
        assert_eq!((problems.len(), problems.omitted()), (150, 50));
        let mut mixed = problems.clone();
        mixed.push(Problem::note("x", "by the way"));
        mixed.push(Problem::error("x", "wrong"));
        let warnings = mixed.clone().only(Severity::Warning);
        assert!(!warnings.has_errors());
        assert_eq!((warnings.len(), warnings.omitted()), (150, 51));
        let errors = mixed.only(Severity::Error);
        assert!(errors.has_errors());
        assert_eq!((errors.len(), errors.omitted()), (1, 0));
        // Errors come before all else, and the first of them.
        let mut more = Problems::new();
        let mut worded = 0;
        for at in 0..1_000 {
            more.push_error(|| {
                worded += 1;
                Problem::error("x", format!("wrong {at}"))
            });
        }
        assert_eq!(worded, MAX_PROBLEMS, "no more are put into words");
        problems.extend(more);
        assert!(problems.is_full());
        assert_eq!(problems.iter().count(), MAX_PROBLEMS);
        assert!(problems.iter().all(|kept| kept.severity == Severity::Error));
        assert_eq!(problems.iter().next().unwrap().message, "wrong 0");
        assert_eq!(problems.count_of(Severity::Warning), 150);
        assert_eq!(problems.count_of(Severity::Error), 1_000);
        assert_eq!(problems.count_of(Severity::Note), 0);
        let text = problems.to_plain_text();
        assert!(text.ends_with("wrong 99\nand 1050 more\n"), "{text}");
        let changed = problems.map(|problem| problem.help("so"));
        assert_eq!(changed.len(), 1_150);
    }
}
