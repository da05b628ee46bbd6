//! What a fact's text may be.

use serde::{Deserialize, Serialize};

/// How many bytes a fact may have: scripts are given those of all hosts.
pub const LONGEST_FACT: usize = 4 << 10;

/// What a fact's text means in an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FactKind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Number,
}

impl FactKind {
    /// Whether a text is of this kind.
    pub fn holds(self, text: &str) -> bool {
        let text = text.trim();
        match self {
            Self::Text => true,
            Self::Bool => matches!(text, "true" | "false"),
            Self::Number => text.parse::<i64>().is_ok(),
        }
    }

    /// What a text of this kind is.
    pub fn words(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Bool => "`true` or `false`",
            Self::Number => "a whole number",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_hold_what_expressions_can_read() {
        for (kind, good, bad) in [
            (
                FactKind::Bool,
                &["true", " false\n"][..],
                &["yes", "", "True"][..],
            ),
            (
                FactKind::Number,
                &["0", "-7", " 12 "],
                &["many", "", "1.5", "99999999999999999999"],
            ),
            (FactKind::Text, &["", "x"], &[]),
        ] {
            assert!(good.iter().all(|text| kind.holds(text)), "{kind:?}");
            assert!(!bad.iter().any(|text| kind.holds(text)), "{kind:?}");
        }
    }
}
