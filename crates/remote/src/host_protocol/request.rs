//! Makes the text that a host's shell evaluates: parameters, then the pieces of the host side that
//! the request needs.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use crate::port::Script;

/// The host side, as it travels: without comments.
pub(super) static PIECES: LazyLock<Pieces> = LazyLock::new(Pieces::new);

/// The pieces of the host side.
pub(super) struct Pieces {
    answer: String,
    pub(super) boot_identity: String,
    pub(super) cancel: String,
    pub(super) collect: String,
    pub(super) environment: String,
    pub(super) fence: String,
    pub(super) holder: String,
    pub(super) job: String,
    pub(super) lib: String,
    pub(super) own_spool: String,
    pub(super) probe: String,
    pub(super) put: String,
    pub(super) reboot: String,
    pub(super) spool: String,
    pub(super) tree: String,
    pub(super) unfenced: String,
    pub(super) way: String,
    /// What watches over a job: a text of its own, quoted.
    pub(super) wrapper: String,
}

impl Pieces {
    fn new() -> Self {
        let tree = without_comments(include_str!("../host/tree.sh"));
        let wrapper = without_comments(include_str!("../host/wrapper.sh"));
        Self {
            answer: without_comments(include_str!("../host/answer.sh")),
            boot_identity: without_comments(include_str!("../host/boot_identity.sh")),
            cancel: without_comments(include_str!("../host/cancel.sh")),
            collect: without_comments(include_str!("../host/collect.sh")),
            environment: without_comments(include_str!("../host/environment.sh")),
            fence: without_comments(include_str!("../host/fence.sh")),
            holder: without_comments(include_str!("../host/holder.sh")),
            job: without_comments(include_str!("../host/job.sh")),
            lib: without_comments(include_str!("../host/lib.sh")),
            own_spool: without_comments(include_str!("../host/own_spool.sh")),
            probe: without_comments(include_str!("../host/probe.sh")),
            put: without_comments(include_str!("../host/put.sh")),
            reboot: without_comments(include_str!("../host/reboot.sh")),
            unfenced: without_comments(include_str!("../host/unfenced.sh")),
            spool: without_comments(include_str!("../host/spool.sh")),
            way: without_comments(include_str!("../host/way.sh")),
            wrapper: quoted(&[tree.as_str(), &wrapper].concat()),
            tree,
        }
    }
}

/// Takes away indentation, empty lines and lines that are only a comment. No text of ours has a
/// here-document or a quoted line break in front of which that would matter.
fn without_comments(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    for line in source.lines().map(str::trim_start) {
        if !line.is_empty() && !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// The text as one word for sh.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// One request: its nonce, and the text that grows.
pub(super) struct Request {
    pub(super) nonce: String,
    pub(super) code: String,
    /// Whether nothing follows the text.
    pub(super) alone: bool,
    /// Whether it finds out that the spool is root's alone, and makes it.
    pub(super) makes_spool: bool,
}

impl Request {
    pub(super) fn new() -> Self {
        let nonce = nonce();
        let code = format!("px_nonce={nonce}\n{}", PIECES.answer);
        Self {
            nonce,
            code,
            alone: false,
            makes_spool: false,
        }
    }

    /// Says that nothing follows the text on stdin, so that the shell may read it from there itself.
    /// That saves the host a process where sh reads in blocks, as dash does.
    pub(super) fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// The text for a shell that reads its commands from stdin: one group, since half of a group is a
    /// syntax error and does nothing. What a start-up file takes away of it is its first line.
    pub(super) fn as_group(&self, root: u32) -> String {
        format!("px_whole=1 px_root={root}; {{\n{}exit 0\n}}\n", self.code)
    }

    /// The text for a shell that is given it as a whole.
    pub(super) fn as_whole(&self, root: u32) -> String {
        format!("px_whole=1 px_root={root}\n{}", self.code)
    }

    /// A parameter.
    pub(super) fn set(mut self, name: &str, value: &str) -> Self {
        // Writing to a String does not fail.
        let _ = writeln!(self.code, "{name}={}", quoted(value));
        self
    }

    /// A number as parameter.
    pub(super) fn number(mut self, name: &str, value: u64) -> Self {
        let _ = writeln!(self.code, "{name}={value}");
        self
    }

    /// A piece of the host side, or any other shell text.
    pub(super) fn piece(mut self, text: &str) -> Self {
        self.code.push_str(text);
        self
    }
}

/// 32 hex digits that no output holds by chance.
fn nonce() -> String {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // A system without random numbers: std's own keys were taken while there were some.
        let [one, two] = [0u8, 1].map(|salt| RandomState::new().hash_one(salt));
        bytes = (u128::from(one) << 64 | u128::from(two)).to_be_bytes();
    }
    format!("{:032x}", u128::from_be_bytes(bytes))
}

/// The exports of a script's environment, or what is wrong with it.
pub(super) fn exports(script: &Script) -> Result<String, String> {
    let mut text = String::new();
    if script.text.contains('\0') {
        return Err("a script cannot hold a NUL character".into());
    }
    for (name, value) in &script.env {
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
        let _ = writeln!(text, "export {name}={}", quoted(value));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_do_not_travel() {
        assert_eq!(
            without_comments("# one\n\n  two # stays\n\t#three\n"),
            "two # stays\n"
        );
        assert!(!PIECES.job.contains("\n#"));
    }

    #[test]
    fn nonces_differ() {
        assert_ne!(nonce(), nonce());
        assert_eq!(nonce().len(), 32);
    }

    #[test]
    fn names_and_values_are_checked() {
        let with = |name: &str, value: &str| {
            exports(&Script {
                text: String::new(),
                env: vec![(name.into(), value.into())],
            })
        };
        assert_eq!(with("PX_A", "it's").unwrap(), "export PX_A='it'\\''s'\n");
        assert!(with("1A", "").is_err());
        assert!(with("A-B", "").is_err());
        assert!(with("", "").is_err());
        assert!(with("A", "\0").is_err());
        assert!(
            exports(&Script {
                text: "\0".into(),
                env: vec![]
            })
            .is_err()
        );
    }

    #[test]
    fn a_request_is_small() {
        // Eleven packets at the most for what every job brings; it is parsed by the host each time.
        let spool = PIECES.fence.len() + PIECES.spool.len();
        let job = spool + PIECES.job.len() + PIECES.wrapper.len() + PIECES.lib.len();
        assert!(job < 12 << 10, "{job}");
    }
}
