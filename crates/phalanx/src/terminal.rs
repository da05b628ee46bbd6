//! What the terminal can show, and writing to it.

use std::io::{self, IsTerminal, Write as _};

use anstream::{AutoStream, ColorChoice};
use phalanx_report::Charset;
use serde::Serialize;

use crate::environment::Environment;
use crate::trouble::Trouble;

/// Where nothing says how wide the output is.
const WIDTH: u16 = 100;
/// Narrower than this nothing is readable.
const NARROWEST: u16 = 40;

/// What the terminal can show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// Columns.
    pub(crate) width: u16,
    /// Whether standard output is a terminal.
    pub(crate) is_terminal: bool,
    /// Whether a screen can be painted on it, and colours used.
    pub(crate) screen: bool,
    pub(crate) colour: bool,
    /// What may be used.
    pub(crate) charset: Charset,
    /// Whether standard error may be coloured.
    pub(crate) error_colour: bool,
}

/// Whether standard output is a terminal on whose screen we may paint: not from the background.
fn is_ours() -> bool {
    let out = io::stdout();
    out.is_terminal()
        && rustix::termios::tcgetpgrp(&out).is_ok_and(|group| group == rustix::process::getpgrp())
}

impl Terminal {
    pub(crate) fn look(environment: &Environment) -> Self {
        let asked = rustix::termios::tcgetwinsize(io::stdout())
            .or_else(|_| rustix::termios::tcgetwinsize(io::stderr()))
            .map(|size| size.ws_col)
            .ok()
            .filter(|columns| *columns > 0);
        Self {
            width: asked
                .or(environment.columns)
                .unwrap_or(WIDTH)
                .max(NARROWEST),
            is_terminal: io::stdout().is_terminal(),
            screen: environment.screen && is_ours(),
            colour: !environment.no_color,
            charset: if environment.utf8 {
                Charset::Unicode
            } else {
                Charset::Ascii
            },
            error_colour: AutoStream::choice(&io::stderr()) != ColorChoice::Never,
        }
    }

    /// Writes text to standard output, its styles stripped where they must not be. A reader that
    /// went away is no trouble.
    pub(crate) fn print(&self, text: &str) {
        let mut out = anstream::stdout();
        // Nobody is left to be told that nobody reads.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Writes a document to standard output.
    pub(crate) fn print_json(&self, document: &impl Serialize) -> Result<(), Trouble> {
        let mut text = serde_json::to_string_pretty(document).map_err(|error| {
            Trouble::because("command::json", "the document could not be written", &error)
        })?;
        text.push('\n');
        let text = escaped(&text);
        let mut out = io::stdout().lock();
        // As above.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        Ok(())
    }

    /// Writes a remark to standard error.
    pub(crate) fn remark(&self, text: &str) {
        let mut out = anstream::stderr();
        // As above.
        let _ = writeln!(out, "{text}");
    }
}

/// A document of JSON, with nothing in it that controls a terminal: such characters stand in its texts alone, and
/// there they can be written by their numbers.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_the_same_and_controls_no_terminal() {
        let text = "a\u{9b}31m \u{202e}x\u{7f} ü 世界\u{1b}[2J";
        let json = escaped(&serde_json::to_string(text).unwrap());
        assert!(
            !json.chars().any(char::is_control) && !json.contains('\u{202e}'),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
