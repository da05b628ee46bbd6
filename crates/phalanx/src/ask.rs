//! One question before the first change.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::trouble::Trouble;

/// Asks whether to go on. Without a terminal to ask at it is trouble.
pub(crate) fn go_on(question: &str) -> Result<(), Trouble> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Trouble::new(
            "command::not-asked",
            "this changes the hosts, and there is no terminal to ask at",
        )
        .help("add `--yes` to go on without being asked"));
    }
    let mut out = anstream::stderr();
    // Where the question can't be shown, no answer comes either.
    let _ = write!(out, "{question} [y/N] ").and_then(|()| out.flush());
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    let yes = matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes");
    if read.is_ok() && yes {
        Ok(())
    } else {
        Err(Trouble::new(
            "command::declined",
            "nothing was done, as you wished",
        ))
    }
}
