//! Problems, as people and programs see them.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, Severity as Level, SourceCode, SourceSpan, SpanContents, ThemeCharacters,
    ThemeStyles,
};
use phalanx_plan::problem::Label;
use phalanx_plan::sentence::count;
use phalanx_plan::{Problem, Problems, Severity, SourceFile};
use phalanx_report::Charset;
use phalanx_report::terminal_text::harmless;
use serde::Serialize;

use crate::exit_code::Exit;
use crate::terminal::Terminal;
use crate::trouble::Trouble;

/// A marked line longer than this is not shown: its place is named instead.
const LONGEST_LINE: usize = 400;

/// Tells why a command ended early; gives its exit code.
pub(crate) fn report(trouble: &Trouble, terminal: &Terminal, json: bool) -> Exit {
    show(&trouble.problems, terminal);
    if json {
        // There is no second way to tell that the first way failed.
        let _ = terminal.print_json(&document(&trouble.problems));
    }
    trouble.exit
}

/// Shows problems on standard error: all of them, then how many there are.
pub(crate) fn show(problems: &Problems, terminal: &Terminal) {
    if problems.is_empty() {
        return;
    }
    for problem in problems.iter() {
        terminal.remark(&text(problem, terminal));
    }
    if problems.omitted() > 0 {
        terminal.remark(&format!("and {} more", problems.omitted()));
    }
    if problems.len() > 1 {
        terminal.remark(&counts(problems));
    }
}

fn counts(problems: &Problems) -> String {
    let of = |severity| problems.count_of(severity);
    let words = [
        (of(Severity::Error), "error"),
        (of(Severity::Warning), "warning"),
        (of(Severity::Note), "note"),
    ];
    let words = words.iter().filter(|(number, _)| *number > 0);
    let words = words.map(|(number, one)| count(*number, one));
    words.collect::<Vec<_>>().join(", ")
}

fn text(problem: &Problem, terminal: &Terminal) -> String {
    let characters = match terminal.charset {
        Charset::Unicode => ThemeCharacters::unicode(),
        Charset::Ascii => ThemeCharacters::ascii(),
    };
    let styles = if terminal.error_colour {
        ThemeStyles::ansi()
    } else {
        ThemeStyles::none()
    };
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
        .with_width(usize::from(terminal.width))
        .with_links(false)
        .with_context_lines(1);
    let mut out = String::new();
    match handler.render_report(&mut out, &Shown::new(problem)) {
        Ok(()) => out,
        // Rather plain than not at all.
        Err(fmt::Error) => harmless(&problem.to_string()),
    }
}

/// A problem in the form that the handler takes.
#[derive(Debug)]
struct Shown<'a> {
    problem: &'a Problem,
    message: String,
    help: Option<String>,
    source: Option<Excerpt>,
    labels: Vec<LabeledSpan>,
}

impl<'a> Shown<'a> {
    fn new(problem: &'a Problem) -> Self {
        let source = problem.source.as_ref();
        let marked = source.filter(|source| {
            !problem.labels.is_empty()
                && problem
                    .labels
                    .iter()
                    .all(|label| is_short(source, label.span.start, label.span.end))
        });
        let labels = marked.map(|source| {
            let end = source.text().len();
            let labels = problem.labels.iter().enumerate().map(|(index, label)| {
                let start = label.span.start.min(end);
                let length = label.span.end.min(end) - start;
                let text = Some(harmless(&label.text)).filter(|text| !text.is_empty());
                if index == 0 {
                    LabeledSpan::new_primary_with_span(text, (start, length))
                } else {
                    LabeledSpan::new_with_span(text, (start, length))
                }
            });
            labels.collect()
        });
        let message = match (marked, problem.place()) {
            (None, Some(place)) => format!("{place}: {}", problem.message),
            _ => problem.message.clone(),
        };
        Self {
            problem,
            message: lines(&message),
            help: problem.help.as_deref().map(lines),
            source: marked.map(|source| Excerpt::new(source, &problem.labels)),
            labels: labels.unwrap_or_default(),
        }
    }
}

/// The lines of a file that are drawn: those of the marked places, and one before and after. The handler goes through
/// what it is given many times, and a file may have a megabyte.
#[derive(Debug)]
struct Excerpt {
    name: String,
    text: String,
    /// Where it begins in the file.
    byte: usize,
    line: usize,
}

impl Excerpt {
    fn new(source: &SourceFile, labels: &[Label]) -> Self {
        let text = source.text();
        let ends = labels.iter().map(|label| label.span.end);
        let first = labels
            .iter()
            .map(|label| label.span.start)
            .min()
            .unwrap_or(0);
        let last = ends.max().unwrap_or(0).min(text.len());
        let newline = |byte: &u8| *byte == b'\n';
        let before = &text.as_bytes()[..first.min(text.len())];
        // The third line feed back is the end of a line that is not drawn; a mark may begin at a line's very end.
        let mut back = before.iter().enumerate().rev();
        let mut back = back
            .by_ref()
            .filter(|(_, byte)| newline(byte))
            .map(|(at, _)| at);
        let byte = back.nth(2).map_or(0, |at| at + 1);
        let after = text.as_bytes()[last..].iter().enumerate();
        let mut ahead = after.filter(|(_, byte)| newline(byte)).map(|(at, _)| at);
        let end = ahead.nth(2).map_or(text.len(), |at| last + at + 1);
        Self {
            name: harmless(source.name()),
            text: drawable(text.get(byte..end).unwrap_or_default()),
            byte,
            line: text.as_bytes()[..byte]
                .iter()
                .filter(|byte| newline(byte))
                .count(),
        }
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let here = SourceSpan::from((span.offset().saturating_sub(self.byte), span.len()));
        let found = self.text.read_span(&here, before, after)?;
        let at = SourceSpan::from((found.span().offset() + self.byte, found.span().len()));
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            found.data(),
            at,
            found.line() + self.line,
            found.column(),
            found.line_count(),
        )))
    }
}

/// Line by line harmless.
fn lines(text: &str) -> String {
    text.lines().map(harmless).collect::<Vec<_>>().join("\n")
}

/// The same text in as many bytes, with nothing in it that controls a terminal.
fn drawable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            '\r' => ' ',
            '\0'..='\u{1f}' | '\u{7f}' => '?',
            '\u{80}'..='\u{9f}' => '¿',
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                '\u{fffd}'
            }
            _ => c,
        })
        .collect()
}

/// Whether the lines of a span are short enough to be shown.
fn is_short(source: &SourceFile, start: usize, end: usize) -> bool {
    let bytes = source.text().as_bytes();
    let before = bytes.get(..start.min(bytes.len())).unwrap_or_default();
    let after = bytes.get(end.min(bytes.len())..).unwrap_or_default();
    let newline = |byte: &u8| *byte == b'\n';
    let to_start = before
        .iter()
        .rev()
        .position(newline)
        .unwrap_or(before.len());
    let to_end = after.iter().position(newline).unwrap_or(after.len());
    to_start + to_end + end.saturating_sub(start) <= LONGEST_LINE
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(self.problem.code))
    }

    fn severity(&self) -> Option<Level> {
        Some(match self.problem.severity {
            Severity::Note => Level::Advice,
            Severity::Warning => Level::Warning,
            Severity::Error => Level::Error,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty()).then(|| Box::new(self.labels.iter().cloned()) as Box<_>)
    }
}

/// Problems as data.
#[derive(Debug, Serialize)]
pub(crate) struct ProblemsDocument {
    format: u32,
    problems: Vec<ProblemDocument>,
    /// How many more there are.
    more: usize,
}

#[derive(Debug, Serialize)]
struct ProblemDocument {
    code: &'static str,
    severity: &'static str,
    message: String,
    file: Option<String>,
    /// Counted from 1.
    line: Option<usize>,
    /// Counted from 1, in characters.
    column: Option<usize>,
    help: Option<String>,
}

/// Problems as data.
pub(crate) fn document(problems: &Problems) -> ProblemsDocument {
    let more = problems.omitted();
    let problems = problems.iter().map(|problem| {
        let source = problem.source.as_ref();
        let place = source
            .zip(problem.labels.first())
            .map(|(source, label)| source.line_column(label.span.start));
        ProblemDocument {
            code: problem.code,
            severity: match problem.severity {
                Severity::Note => "note",
                Severity::Warning => "warning",
                Severity::Error => "error",
            },
            message: problem.message.clone(),
            file: source.map(|source| source.name().to_owned()),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            help: problem.help.clone(),
        }
    });
    ProblemsDocument {
        format: phalanx_report::data::FORMAT,
        problems: problems.collect(),
        more,
    }
}

#[cfg(test)]
mod tests {
    use phalanx_plan::Span;

    use super::*;

    const PLAIN: Terminal = Terminal {
        width: 80,
        is_terminal: false,
        screen: false,
        colour: false,
        charset: Charset::Ascii,
        error_colour: false,
    };

    #[test]
    fn the_place_is_named_and_marked() {
        let file = SourceFile::new("cluster.conf", "A=1\nB=2\nC=3\n");
        let problem = Problem::error("x::odd", "B is odd")
            .at(&file, Span::new(6, 7), "here")
            .help("write `B=3`");
        insta::assert_snapshot!(text(&problem, &PLAIN));
    }

    #[test]
    fn no_text_controls_the_terminal() {
        let file = SourceFile::new("a\x1b[2Jb", "A=\x1b[2J\u{9b}\u{202e}x\nB\r\n");
        let problem = Problem::error("x::odd", "A is \x1b[2J odd")
            .at(&file, Span::new(2, 6), "h\x1b[2Jere")
            .help("\x1b[2J");
        let shown = text(&problem, &PLAIN);
        assert!(
            !shown.chars().any(|c| c.is_control() && c != '\n'),
            "{shown:?}"
        );
        assert_eq!(drawable(file.text()).len(), file.text().len());
    }

    #[test]
    fn spans_that_do_not_fit_and_endless_lines_are_told_without_the_text() {
        let file = SourceFile::new("f", "é");
        for span in [Span::new(0, 99), Span::new(7, 9), Span::new(2, 2)] {
            let shown = text(&Problem::error("x", "wrong").at(&file, span, ""), &PLAIN);
            assert!(shown.contains("wrong"), "{shown}");
        }
        let file = SourceFile::new("f", "x".repeat(1_000_000));
        let shown = text(
            &Problem::error("x", "wrong").at(&file, Span::new(5, 6), ""),
            &PLAIN,
        );
        assert!(
            shown.contains("f:1:6: wrong") && shown.len() < 200,
            "{shown}"
        );
    }
}
