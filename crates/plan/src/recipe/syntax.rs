//! Whether a shell can read the scripts. Nothing here starts a program: whoever has a shell asks it.

use std::collections::BTreeMap;

use super::Recipe;
use super::shell_words::asks_for_sh;
use crate::problem::{Problem, Problems, Severity};
use crate::source::{SourceFile, Span};
use crate::stage_parts::{Action, PutSource};

/// What a shell says of a script that it has read and not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It could read it.
    Good,
    /// It could not, and said this about it.
    Bad(String),
}

/// A shell that reads scripts and runs none.
pub trait Shell {
    /// What it says of each of the texts, in their order.
    ///
    /// # Errors
    /// Why there is no shell that could be asked.
    fn read(&self, scripts: &[&str]) -> Result<Vec<Verdict>, String>;
}

/// So much is told of what a shell says.
const MOST_LETTERS: usize = 200;

/// Tells the scripts that the shell can't read: those that stages run, and files for hosts that call themselves
/// scripts of sh.
pub(super) fn check(recipe: &Recipe, shell: &dyn Shell) -> Problems {
    let scripts: Vec<(SourceFile, Severity)> = scripts(recipe)
        .into_iter()
        .filter_map(|(path, severity)| Some((recipe.files.text(path)?.ok()?, severity)))
        .filter(|(source, severity)| is_readable(source, *severity))
        .collect();
    if scripts.is_empty() {
        return Problems::new();
    }
    let texts: Vec<&str> = scripts.iter().map(|(source, _)| source.text()).collect();
    let verdicts = match shell.read(&texts) {
        Ok(verdicts) => verdicts,
        Err(reason) => {
            let message = format!("no shell has looked at the scripts: {}", harmless(&reason));
            return Problem::warning("recipe::no-shell", message)
                .help("what is wrong with one shows on a host then, and not before")
                .into();
        }
    };
    let mut problems = Problems::new();
    for ((source, severity), verdict) in scripts.iter().zip(verdicts) {
        if let Verdict::Bad(said) = verdict {
            problems.push(problem(source, *severity, &said));
        }
    }
    problems
}

/// The paths, each once, and how bad it is where one can't be read.
fn scripts(recipe: &Recipe) -> BTreeMap<&str, Severity> {
    let mut paths = BTreeMap::new();
    for stage in recipe.flows.iter().flat_map(|flow| &flow.stages) {
        for put in &stage.put {
            if let PutSource::File(path) = &put.value.source {
                paths.insert(path.as_str(), Severity::Warning);
            }
        }
    }
    let stages = recipe.flows.iter().flat_map(|flow| &flow.stages);
    let run = stages.filter_map(|stage| match &stage.action {
        Action::Run(path) | Action::Until(path) => Some(path.as_str()),
        Action::Put | Action::Reboot => None,
    });
    paths.extend(
        run.chain(recipe.facts_script.as_deref())
            .map(|path| (path, Severity::Error)),
    );
    paths
}

/// Whether a shell is to be asked: what is wrong with the others was told, or they are none of its business.
fn is_readable(source: &SourceFile, severity: Severity) -> bool {
    let text = source.text();
    let for_sh = asks_for_sh(text).unwrap_or(severity == Severity::Error);
    for_sh && !text.trim().is_empty() && !text.contains("\r\n")
}

fn problem(source: &SourceFile, severity: Severity, said: &str) -> Problem {
    let (line, words) = taken_apart(said);
    let help = match missing(&words) {
        Some(missing) => missing.to_owned(),
        None if words.to_lowercase().contains("quote") || words.contains("matching `") => {
            "a quote is opened, here or further up, and not closed".to_owned()
        }
        None => "no host could run it; look at this line and those above it".to_owned(),
    };
    let problem = Problem {
        severity,
        ..Problem::error(
            "recipe::syntax",
            format!("a shell can't read this script: {words}"),
        )
    };
    match line {
        Some(line) => problem.at(source, line_span(source.text(), line), "here"),
        None => problem.in_file(source),
    }
    .help(help)
}

/// The line that the shell names, and what it says of it: `sh: 3: Syntax error: "fi" unexpected` of dash,
/// `sh: line 3: syntax error: ...` of bash and busybox.
fn taken_apart(said: &str) -> (Option<usize>, String) {
    let first = said.lines().find(|line| !line.trim().is_empty());
    let mut rest = first.unwrap_or("it does not say why").trim();
    let mut number = None;
    // The shell's name comes first, then the line; both may be left out.
    for _ in 0..3 {
        let Some((part, behind)) = rest.split_once(": ") else {
            break;
        };
        let digits = part.strip_prefix("line ").unwrap_or(part);
        if let Ok(line) = digits.parse::<usize>() {
            number = Some(line);
        } else if !part.eq_ignore_ascii_case("syntax error") && part.contains(' ') {
            break;
        }
        rest = behind;
    }
    (number, harmless(rest))
}

/// Nothing that controls a terminal, and not too much of it.
fn harmless(text: &str) -> String {
    let plain = |c: char| if c.is_control() { '?' } else { c };
    text.chars().take(MOST_LETTERS).map(plain).collect()
}

/// What is not closed where the script ends, or something else, too early.
fn missing(words: &str) -> Option<&'static str> {
    let (_, expected) = words.split_once("expecting \"")?;
    Some(match expected.split('"').next()? {
        "fi" => "an `if` further up is not closed: write `fi`",
        "then" => "an `if` lacks its `then`",
        "done" => "a `do` further up is not closed: write `done`",
        "do" => "a `for`, `while` or `until` lacks its `do`",
        "esac" | ";;" => "a `case` further up is not closed: write `esac`",
        "}" => "a `{` further up is not closed: write `}` on a line of its own",
        ")" => "a `(` further up is not closed (write `)`), or a `case` (write `esac`)",
        _ => return None,
    })
}

/// What stands in a line, counted from 1; of one behind the end, the last line that holds something.
fn line_span(text: &str, number: usize) -> Span {
    let mut start = 0;
    let mut last = Span::default();
    for (at, line) in text.split_inclusive('\n').enumerate() {
        let indent = line.len() - line.trim_start().len();
        let words = line.trim();
        if !words.is_empty() {
            last = Span::new(start + indent, start + indent + words.len());
        }
        if at + 1 == number {
            return match words.is_empty() {
                true => Span::new(start, start),
                false => last,
            };
        }
        start += line.len();
    }
    last
}
