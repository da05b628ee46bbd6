//! The language of conditions, rules and templates: minijinja, strict.
//!
//! What an expression names is known before it is worked out: an unknown name is a fault when the
//! plan is made. What it names has a value when it is worked out, or that is an error; an author
//! who expects a fact to be missing asks `is defined` first, or gives a `default`.

mod bounds;
mod fault_problem;
mod known;
mod names;
mod truth;
mod uses;
mod walk;

use std::ops::Range;
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, machinery};

pub(crate) use fault_problem::{fault_problem, inside, push_faults};
pub use names::{Names, SettingKind};
pub(crate) use names::{is_function, is_reserved};
pub(crate) use uses::Uses;

use crate::ids::StageId;
use crate::release;
use crate::suggest::did_you_mean;

/// How many words an expression may have, and how many tags a template: enough for anything that
/// people read, and few enough that working it out is never deep.
const MAX_WORDS: usize = 400;
const MAX_TAGS: usize = 400;

/// What working out one text may cost: so many steps, of which each is an operation or 64 bytes that are made or
/// gone through. Ten thousand hosts in a template's loop take a fifth of it.
const FUEL: u64 = 1_000_000;
/// The bytes that cost as much as an operation.
const BYTES_A_STEP: usize = 64;
/// How many calls, loops and blocks may be inside each other.
const RECURSION: usize = 200;
/// How many numbers a `range` may have.
const MAX_RANGE: usize = 10_000;
/// Filters that build more than fuel is taken for, or that nobody needs for a plain text.
const REMOVED_FILTERS: [&str; 9] = [
    "batch", "chain", "e", "escape", "pprint", "safe", "slice", "sum", "zip",
];

/// What is wrong with an expression or a template, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// One sentence.
    pub message: String,
    /// A few words beside the place.
    pub label: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// It names a fact that the host has not told.
    #[error("stage `{stage}` needs the fact `{fact}`, which the host has not told")]
    MissingFact {
        /// The stage whose condition or template it is.
        stage: StageId,
        /// The fact.
        fact: String,
    },
    /// A fact's text is not of the kind that the recipe declares.
    #[error("the host told `{value}` as the fact `{fact}`, which must be {expected}")]
    WrongFact {
        /// The stage that needs it.
        stage: StageId,
        /// The fact.
        fact: String,
        /// What the host told.
        value: String,
        /// What is expected.
        expected: &'static str,
    },
    /// A condition is neither true nor false.
    #[error("the condition of stage `{stage}` must be true or false, and is {found}")]
    NotBool {
        /// The stage.
        stage: StageId,
        /// What it is.
        found: String,
    },
    /// It cannot be worked out.
    #[error("{what} of stage `{stage}` cannot be worked out: {reason}")]
    Failed {
        /// The stage.
        stage: StageId,
        /// Which part of the stage.
        what: String,
        /// Why.
        reason: String,
        /// The template that it happened in, by its path in the recipe, and where in its text.
        template: Option<(String, Range<usize>)>,
    },
    /// The plan has no such stage, host or file.
    #[error("the plan has no {0}")]
    Unknown(String),
}

impl ExpressionError {
    /// With the bytes of the text that it happened at; the text's name is still missing.
    pub(crate) fn at_range(mut self, range: Range<usize>) -> Self {
        if let Self::Failed { template, .. } = &mut self {
            *template = Some((String::new(), range));
        }
        self
    }

    /// With the template that it happened in.
    pub(crate) fn in_template(mut self, path: &str) -> Self {
        if let Self::Failed {
            template: Some((name, _)),
            ..
        } = &mut self
        {
            path.clone_into(name);
        }
        self
    }
}

/// The language, set up once.
pub(crate) static LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut language = Environment::new();
    language.set_undefined_behavior(UndefinedBehavior::Strict);
    language.set_auto_escape_callback(|_| AutoEscape::None);
    language.set_syntax(syntax());
    language.remove_global("debug");
    language.remove_global("namespace");
    for filter in REMOVED_FILTERS {
        language.remove_filter(filter);
    }
    language.add_function("range", range);
    language.set_fuel(Some(FUEL));
    language.set_recursion_limit(RECURSION);
    language.add_test("at_least", at_least);
    language.add_test("containing", containing);
    language
});

/// Lines that hold nothing but a tag leave no trace, and a file keeps its last line's end.
fn syntax() -> SyntaxConfig {
    SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .unwrap_or_default()
}

/// `range` with a limit of its own: what is compared with it in a loop costs its length each time.
fn range(
    lower: isize,
    upper: Option<isize>,
    step: Option<isize>,
) -> Result<Value, minijinja::Error> {
    let (from, to) = match upper {
        Some(upper) => (lower, upper),
        None => (0, lower),
    };
    let step_size = step.map_or(1, isize::unsigned_abs).max(1);
    if from.abs_diff(to) / step_size > MAX_RANGE {
        return Err(minijinja::Error::new(
            minijinja::ErrorKind::InvalidOperation,
            format!("a `range` has at most {MAX_RANGE} numbers"),
        ));
    }
    minijinja::functions::range(lower, upper, step)
}

fn at_least(version: &Value, least: &Value) -> Result<bool, minijinja::Error> {
    match (version.as_str(), least.as_str()) {
        (Some(version), Some(least)) => Ok(release::at_least(version, least)),
        _ => Err(minijinja::Error::new(
            minijinja::ErrorKind::InvalidOperation,
            "`at_least` compares two texts: release is at_least(\"1.9\")",
        )),
    }
}

/// `hosts|selectattr("labels", "containing", "x")`: as `in`, the other way round.
fn containing(whole: &Value, part: &Value) -> Result<bool, minijinja::Error> {
    if let (Some(whole), Some(part)) = (whole.as_str(), part.as_str()) {
        return Ok(whole.contains(part));
    }
    Ok(whole.try_iter()?.any(|item| item == *part))
}

/// Whether there is a filter of this name.
fn is_filter(name: &str) -> bool {
    known(name, "filter")
}

/// Whether there is a test of this name.
fn is_test(name: &str) -> bool {
    known(name, "test")
}

fn known(name: &str, what: &str) -> bool {
    LANGUAGE
        .empty_state()
        .perform_test(what, &[Value::from(name)])
        .unwrap_or(false)
}

/// What the expression `text` names, or why it is no expression.
pub(crate) fn parse_expression(text: &str) -> Result<Uses, Fault> {
    if text.trim().is_empty() {
        return Err(fault(0..text.len(), "the expression is empty".into()));
    }
    check_size(text, true)?;
    let tree = machinery::parse_expr(text).map_err(|error| syntax_fault(text, &error))?;
    bounds::check_expression(&tree)?;
    Ok(Uses::of_expression(&tree))
}

/// What the template `text` names, or why it is no template.
pub(crate) fn parse_template(text: &str) -> Result<Uses, Fault> {
    check_size(text, false)?;
    let tree =
        machinery::parse(text, "template", syntax()).map_err(|error| syntax_fault(text, &error))?;
    bounds::check_template(&tree)?;
    Ok(Uses::of_template(&tree))
}

/// Refuses what would be worked out too deeply: every operator and every tag may nest once.
fn check_size(text: &str, expression: bool) -> Result<(), Fault> {
    let (mut words, mut tags) = (0, 0);
    for token in machinery::tokenize(text, expression, syntax()) {
        let Ok((token, span)) = token else {
            // The parser says it better.
            return Ok(());
        };
        match token {
            machinery::Token::VariableStart | machinery::Token::BlockStart => {
                words = 0;
                tags += 1;
            }
            machinery::Token::TemplateData(_) => {}
            _ => words += 1,
        }
        if words > MAX_WORDS || tags > MAX_TAGS {
            let range = span.start_offset as usize..span.end_offset as usize;
            let (limit, what) = if words > MAX_WORDS {
                (MAX_WORDS, "words and signs in one expression")
            } else {
                (MAX_TAGS, "tags in one template")
            };
            return Err(fault(range, format!("more than {limit} {what}")));
        }
    }
    Ok(())
}

fn syntax_fault(text: &str, error: &minijinja::Error) -> Fault {
    let range = error.range().unwrap_or(0..text.len());
    let reason = error.detail().unwrap_or("it cannot be read");
    let Some(word) = reason.strip_prefix("unknown statement ") else {
        return fault(range, reason.to_owned());
    };
    if known::STATEMENTS.contains(&word) {
        // It ends something else than what is open here, or nothing is.
        return Fault {
            range,
            message: format!(
                "`{}` has nothing to end or to go on with here",
                word.escape_debug()
            ),
            label: "here".to_owned(),
            help: Some(
                "each `{% for %}` ends with `{% endfor %}`, each `{% if %}` with `{% endif %}`"
                    .to_owned(),
            ),
        };
    }
    let close = || did_you_mean(word, known::STATEMENTS);
    Fault {
        range,
        message: format!("there is no statement `{}`", word.escape_debug()),
        label: "unknown".to_owned(),
        help: known::instead_of_statement(word)
            .map(str::to_owned)
            .or_else(|| close().map(|close| format!("did you mean `{close}`?"))),
    }
}

fn fault(range: Range<usize>, message: String) -> Fault {
    Fault {
        range,
        message,
        label: "here".into(),
        help: None,
    }
}

/// Renders a template of the language with values of the caller's own: for files that belong to a
/// recipe and go to no host.
///
/// # Errors
/// What is wrong with it, as one text.
pub fn render(template: &str, values: impl serde::Serialize) -> Result<String, String> {
    parse_template(template).map_err(|fault| told(template, &fault))?;
    LANGUAGE
        .render_str(template, Value::from(minijinja::value::Serde(values)))
        .map_err(|error| match error.line() {
            Some(line) => format!("line {line}: {}", reason(&error)),
            None => reason(&error),
        })
}

/// A fault with the line of the text that it is in.
fn told(text: &str, fault: &Fault) -> String {
    let before = text.get(..fault.range.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    format!("line {line}: {}", fault.message)
}

/// An expression that was compiled, and what it names.
pub(crate) struct Condition {
    compiled: minijinja::Expression<'static, 'static>,
    pub(crate) uses: Uses,
}

impl Condition {
    /// Compiles `text`.
    pub(crate) fn new(text: &str) -> Result<Self, Fault> {
        let uses = parse_expression(text)?;
        let compiled = LANGUAGE
            .compile_expression_owned(text.to_owned())
            .map_err(|error| syntax_fault(text, &error))?;
        Ok(Self { compiled, uses })
    }

    /// Its value, which must be true or false; the error is its other value, or why it has none.
    pub(crate) fn decide(&self, context: Value) -> Result<bool, Undecided> {
        match self.compiled.eval(context) {
            Ok(value) => bool::try_from(value.clone())
                .ok()
                .filter(|_| value.kind() == minijinja::value::ValueKind::Bool)
                .ok_or_else(|| Undecided::Other(describe(&value))),
            Err(error) => Err(Undecided::Failed(reason(&error))),
        }
    }
}

/// Why a condition is neither true nor false.
pub(crate) enum Undecided {
    /// It is something else.
    Other(String),
    /// It could not be worked out.
    Failed(String),
}

fn describe(value: &Value) -> String {
    match value.kind() {
        minijinja::value::ValueKind::String => format!("the text `{value}`"),
        minijinja::value::ValueKind::Number => format!("the number {value}"),
        kind => format!("of kind {kind}"),
    }
}

/// What minijinja says, without the place inside the text, which is no file of anybody's.
pub(crate) fn reason(error: &minijinja::Error) -> String {
    if error.kind() == minijinja::ErrorKind::OutOfFuel {
        return format!(
            "it takes more than {FUEL} steps (a step is one operation, or {BYTES_A_STEP} bytes that are made or gone \
             through)"
        );
    }
    match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests;
