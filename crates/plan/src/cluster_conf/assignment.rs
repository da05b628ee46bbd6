//! An assignment as it was read: what the file is taken apart into.

use crate::source::Span;

/// After so many problems the rest of the file is not looked at.
pub(super) const MAX_PROBLEMS: usize = 100;

/// `NAME=value`, the value not yet put together.
#[derive(Debug)]
pub(super) struct Assignment {
    /// The name.
    pub name: String,
    /// Where the name stands.
    pub name_span: Span,
    /// Where the value stands, quotes included.
    pub value_span: Span,
    /// The value's parts.
    pub parts: Vec<Part>,
    /// Whether a problem was found in the value, so that it means nothing.
    pub broken: bool,
}

/// A part of a value.
#[derive(Debug, PartialEq)]
pub(super) enum Part {
    /// Text as it stands, escapes resolved.
    Text(String, Span),
    /// `$NAME` or `${NAME}`.
    Variable(String, Span),
    /// `~` at the value's start.
    Home(Span),
}

impl Part {
    /// Where it stands.
    pub(super) fn span(&self) -> Span {
        match self {
            Self::Text(_, span) | Self::Variable(_, span) | Self::Home(span) => *span,
        }
    }
}
