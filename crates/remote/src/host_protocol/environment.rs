//! A script's environment: exported as far as Linux takes it, and beside it what is too long.
//!
//! A program is started with no variable above 128 KiB, and with no more than a quarter of the stack's
//! limit altogether: one variable too long, and *every* program that a script calls fails.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::port::Script;

use super::request::quoted;

/// A longer value, in bytes, is no variable.
const LONGEST: usize = 64 << 10;
/// So many bytes are exported altogether; above it, the longest ones are not.
const TOGETHER: usize = 256 << 10;

/// A script's environment.
#[derive(Debug)]
pub(super) struct Environment {
    /// Shell text that exports what is short.
    pub(super) exports: String,
    /// What is too long for that.
    pub(super) long: Vec<(String, Arc<str>)>,
    /// The script's text; of one that uses a variable that is too long, one that says so and fails:
    /// going on without its value would do harm.
    pub(super) script: String,
}

enum Value<'a> {
    Own(&'a str),
    Shared(&'a Arc<str>),
}

impl Value<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Own(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl Environment {
    /// Of a script, or what is wrong with it.
    pub(super) fn of(script: &Script) -> Result<Self, String> {
        if script.text.contains('\0') {
            return Err("a script cannot hold a NUL character".into());
        }
        let own = script.env.iter();
        let own = own.map(|(name, value)| (name, Value::Own(value)));
        let shared = script.shared.iter();
        let shared = shared.map(|(name, value)| (name, Value::Shared(value)));
        let all: Vec<_> = own.chain(shared).collect();
        for (name, value) in &all {
            check(name, value.text())?;
        }
        let limit = limit(
            all.iter()
                .map(|(name, value)| name.len() + value.text().len()),
        );
        let mut exports = String::new();
        let mut long = Vec::new();
        for (name, value) in all {
            if name.len() + value.text().len() > limit {
                let text = match value {
                    Value::Own(text) => text.into(),
                    Value::Shared(text) => Arc::clone(text),
                };
                long.push((name.clone(), text));
            } else {
                // Writing to a String does not fail.
                let _ = writeln!(exports, "export {name}={}", quoted(value.text()));
            }
        }
        let used = long.iter().find(|(name, _)| uses(&script.text, name));
        let script = match used {
            Some((name, text)) => format!("echo {} >&2\nexit 78\n", quoted(&too_long(name, text))),
            None => script.text.clone(),
        };
        Ok(Self {
            exports,
            long,
            script,
        })
    }
}

/// Whether a script's text names a variable's value. `${NAME+set}` only asks whether there is one.
fn uses(script: &str, name: &str) -> bool {
    script.match_indices(name).any(|(at, _)| {
        let before = script.get(..at).unwrap_or_default();
        let behind = script.get(at + name.len()..).unwrap_or_default();
        let longer = behind.starts_with(|c: char| c == '_' || c.is_ascii_alphanumeric());
        let asks = behind.starts_with('+');
        !longer && (before.ends_with('$') || (before.ends_with("${") && !asks))
    })
}

fn too_long(name: &str, text: &str) -> String {
    let kinds = ["FACTS", "HOSTS", "ADDRESSES", "SETTING"];
    let kind = kinds.iter().find_map(|kind| {
        let end = name.strip_prefix("PX_")?.strip_prefix(kind)?;
        let end = end.strip_prefix('_')?;
        Some((kind.to_ascii_lowercase(), end.to_ascii_lowercase()))
    });
    let bytes = text.len();
    match kind {
        Some((kind, end)) => format!(
            "the variable {name} is not set: with {bytes} bytes it is too long for one; in its place, \
             the script can use the output of: px_{kind} {end}"
        ),
        None => {
            format!("the variable {name} is not set: with {bytes} bytes it is too long for one")
        }
    }
}

/// How long a variable may be so that all that are not longer fit together.
fn limit(sizes: impl Iterator<Item = usize>) -> usize {
    // Beside its text, a variable costs `=`, a NUL and a pointer.
    const COST: usize = 10;
    let mut sizes: Vec<usize> = sizes.filter(|size| *size <= LONGEST).collect();
    sizes.sort_unstable();
    let mut sum = 0;
    for (index, size) in sizes.iter().enumerate() {
        sum += size + COST;
        if sum > TOGETHER {
            // Others may be as long as the first that does not fit.
            return match index.checked_sub(1).and_then(|last| sizes.get(last)) {
                Some(last) if last < size => *last,
                _ => size.saturating_sub(1),
            };
        }
    }
    LONGEST
}

fn check(name: &str, value: &str) -> Result<(), String> {
    let mut letters = name.bytes();
    let plain = letters
        .next()
        .is_some_and(|b| b == b'_' || b.is_ascii_alphabetic())
        && letters.all(|b| b == b'_' || b.is_ascii_alphanumeric());
    if !plain {
        return Err(format!(
            "{name:?} cannot be the name of an environment variable"
        ));
    }
    if value.contains('\0') {
        return Err(format!("the value of {name} holds a NUL character"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(env: &[(&str, &str)]) -> Result<Environment, String> {
        let env = env.iter();
        Environment::of(&Script {
            env: env
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
            ..Script::default()
        })
    }

    #[test]
    fn names_and_values_are_checked() {
        assert_eq!(
            of(&[("PX_A", "it's")]).unwrap().exports,
            "export PX_A='it'\\''s'\n"
        );
        for (name, value) in [("1A", ""), ("A-B", ""), ("", ""), ("A", "\0")] {
            assert!(of(&[(name, value)]).is_err(), "{name}");
        }
        let text = "\0".into();
        let script = Script {
            text,
            ..Script::default()
        };
        assert!(Environment::of(&script).is_err());
    }

    #[test]
    fn a_script_that_uses_what_is_too_long_says_so_and_fails() {
        let run = |text: &str| {
            let script = Script {
                text: text.into(),
                env: vec![("PX_HOSTS_BIG".into(), "x".repeat(LONGEST))],
                ..Script::default()
            };
            Environment::of(&script).unwrap().script
        };
        for text in ["for h in $PX_HOSTS_BIG; do", "echo \"${PX_HOSTS_BIG%% *}\""] {
            let said = run(text);
            assert!(
                said.contains("px_hosts big") && said.ends_with("exit 78\n"),
                "{said}"
            );
        }
        for text in [
            "${PX_HOSTS_BIG+x}",
            "px_hosts big",
            "# PX_HOSTS_BIG",
            "echo $PX_HOSTS_BIGGER",
        ] {
            assert_eq!(run(text), text);
        }
    }

    #[test]
    fn no_variable_is_too_long_and_nothing_is_left_out() {
        for (count, size) in [
            (1, 131_072),
            (2, 65_530),
            (40, 60_000),
            (500, 4096),
            (3, 10),
        ] {
            let value = "x".repeat(size);
            let script = Script {
                env: (0..count)
                    .map(|n| (format!("A{n}"), value.clone()))
                    .collect(),
                shared: (0..count)
                    .map(|n| (format!("B{n}"), value.as_str().into()))
                    .collect(),
                ..Script::default()
            };
            let environment = Environment::of(&script).unwrap();
            let lines: Vec<_> = environment.exports.lines().collect();
            assert!(lines.iter().all(|line| line.len() < 131_000));
            assert!(environment.exports.len() < 300_000);
            assert_eq!(lines.len() + environment.long.len(), 2 * count);
            assert_eq!(
                lines.len() == 2 * count,
                count * size < 100_000,
                "{count} {size}"
            );
        }
    }
}
