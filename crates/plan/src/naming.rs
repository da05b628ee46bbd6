//! Names in a recipe's files: what may be one, and what to say of one that is not there.

use crate::cluster::Spanned;
use crate::expression::is_reserved;
use crate::ids::is_plain_name;
use crate::problem::Problem;
use crate::source::{SourceFile, Span};
use crate::suggest::did_you_mean;
use crate::yaml::Reader;

/// Whether a text can be the name of a role, a stage...; says so where not.
pub(crate) fn check_plain(yaml: &mut Reader<'_>, name: &str, span: Span, what: &str) -> bool {
    let plain = is_plain_name(name);
    if !plain {
        yaml.error(
            "recipe::name",
            span,
            format!("`{}` can't be {what}", name.escape_debug()),
            "not a plain name",
            "use letters, digits, `.`, `_` and `-`, a letter or digit first, at most 64",
        );
    }
    plain
}

/// Why an expression could not name it, and what to write.
pub(crate) fn name_fault(name: &str) -> Option<(&'static str, &'static str)> {
    let mut chars = name.chars();
    let fits = chars
        .next()
        .is_some_and(|c| c.is_ascii_lowercase() || c == '_')
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !fits || name.len() > 64 {
        return Some((
            "expressions and scripts could not name it",
            "use small letters, digits and `_`, a letter first, at most 64",
        ));
    }
    let word = matches!(
        name,
        "and" | "or" | "not" | "in" | "is" | "if" | "else" | "true" | "false" | "none" | "loop"
    );
    (word || is_reserved(name)).then_some((
        "it means something else in expressions",
        "call it something else",
    ))
}

/// That there is no such role, group, stage...
pub(crate) fn unknown<'a>(
    source: &SourceFile,
    name: &Spanned<String>,
    what: &str,
    known: impl Iterator<Item = &'a str>,
) -> Problem {
    let known: Vec<&str> = known.collect();
    let problem = Problem::error(
        "recipe::unknown",
        format!("there is no {what} `{}`", name.value.escape_debug()),
    )
    .at(source, name.span, format!("unknown {what}"));
    match did_you_mean(&name.value, known.iter().copied()) {
        Some(close) => problem.help(format!("did you mean `{close}`?")),
        None if known.is_empty() || known.len() > 12 => problem,
        None => problem.help(format!("there is `{}`", known.join("`, `"))),
    }
}
