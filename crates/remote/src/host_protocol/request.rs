//! Makes the text that a host's shell evaluates: parameters, then the pieces of the host side that
//! the request needs.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, LazyLock};

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
    /// What follows it on stdin, in order.
    pub(super) behind: Vec<Arc<str>>,
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
            behind: Vec::new(),
        }
    }

    /// Says that nothing follows the text on stdin, so that the shell may read it from there itself.
    /// That saves the host a process where sh reads in blocks, as dash does.
    pub(super) fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// Brings texts behind the request into variables that are not exported: `px_v_NAME`, and their
    /// names in `px_long`. That costs a process for each; nothing may be locked meanwhile.
    pub(super) fn long(mut self, texts: &[(String, Arc<str>)]) -> Self {
        if texts.is_empty() {
            return self;
        }
        self.alone = false;
        let mut names = Vec::new();
        for (name, text) in texts {
            let _ = writeln!(self.code, "px_v_{name}=$(head -c {})", text.len());
            names.push(name.as_str());
            self.behind.push(Arc::clone(text));
        }
        // Where the connection was lost, one of them is cut: nothing is done then.
        self.code
            .push_str("[ \"$(head -c 32)\" = \"$px_nonce\" ] || exit 4\n");
        self.behind.push(self.nonce.as_str().into());
        self.set("px_long", &names.join(" "))
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
pub(crate) fn nonce() -> String {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // A system without random numbers: std's own keys were taken while there were some.
        let [one, two] = [0u8, 1].map(|salt| RandomState::new().hash_one(salt));
        bytes = (u128::from(one) << 64 | u128::from(two)).to_be_bytes();
    }
    format!("{:032x}", u128::from_be_bytes(bytes))
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
    fn a_request_is_small() {
        // Eleven packets at the most for what every job brings; it is parsed by the host each time.
        let spool = PIECES.fence.len() + PIECES.spool.len();
        let job = spool + PIECES.job.len() + PIECES.wrapper.len() + PIECES.lib.len();
        assert!(job < 12 << 10, "{job}");
    }
}
