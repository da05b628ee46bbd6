//! From text to assignments, by the shell's rules for words and quotes. What a shell would run,
//! or would have to run something for, becomes a problem; reading goes on behind it.

use super::assignment::{Assignment, MAX_PROBLEMS};
use super::mapping::is_variable;
use super::secrecy::Secrecy;
use crate::problem::Problems;
use crate::source::{SourceFile, Span};

pub(super) const READ_ONLY: &str = "the file is read, never run";

/// Takes the text apart. `secrecy` says what must not be repeated in a problem's words.
pub(super) fn assignments(
    source: &SourceFile,
    secrecy: &Secrecy<'_>,
) -> (Vec<Assignment>, Problems) {
    let text = source.text();
    let mut lexer = Lexer {
        source,
        text,
        pos: if text.starts_with('\u{feff}') { 3 } else { 0 },
        secrecy,
        problems: Problems::new(),
        found: Vec::new(),
    };
    while lexer.problems.len() < MAX_PROBLEMS && lexer.step() {}
    (lexer.found, lexer.problems)
}

pub(super) struct Lexer<'a> {
    pub source: &'a SourceFile,
    pub text: &'a str,
    pub pos: usize,
    pub secrecy: &'a Secrecy<'a>,
    pub problems: Problems,
    pub found: Vec<Assignment>,
}

impl<'a> Lexer<'a> {
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.pos..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn at_line_end(&self) -> bool {
        let rest = self.rest();
        rest.is_empty() || rest.starts_with('\n') || rest.starts_with("\r\n") || rest == "\r"
    }

    pub(super) fn line_rest(&self) -> &'a str {
        let line = self.rest().split('\n').next().unwrap_or_default();
        line.strip_suffix('\r').unwrap_or(line)
    }

    pub(super) fn skip_line(&mut self) {
        self.pos += self.line_rest().len();
    }

    /// `\` at the end of a line: the line goes on in the next one.
    pub(super) fn continuation(&self) -> Option<usize> {
        let rest = self.rest();
        ["\\\n", "\\\r\n"]
            .into_iter()
            .find(|end| rest.starts_with(end))
            .map(str::len)
    }

    fn skip_blanks(&mut self) {
        loop {
            if self.rest().starts_with([' ', '\t']) {
                self.pos += 1;
            } else if let Some(length) = self.continuation() {
                self.pos += length;
            } else {
                return;
            }
        }
    }

    pub(super) fn identifier(&self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default();
        if is_variable(word) { word } else { "" }
    }

    pub(super) fn error(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems
            .error_at(code, (self.source, span), message, label, help);
    }

    /// One line, or a part of one; `false` at the end of the text.
    fn step(&mut self) -> bool {
        self.skip_blanks();
        match self.peek() {
            None => return false,
            Some('\n' | '\r') => self.pos += 1,
            Some('#') => self.skip_line(),
            Some(_) => self.statement(),
        }
        true
    }

    fn statement(&mut self) {
        let start = self.pos;
        let exported = self.identifier() == "export" && {
            self.pos += "export".len();
            let blank = self.rest().starts_with([' ', '\t']);
            self.skip_blanks();
            blank && !self.at_line_end()
        };
        if !exported {
            self.pos = start;
        }
        loop {
            let start = self.pos;
            let name = self.identifier();
            self.pos += name.len();
            if name.is_empty() {
                return self.command(start);
            }
            if self.rest().starts_with('=') {
                self.pos += 1;
                self.assignment(name, Span::new(start, start + name.len()));
            } else if !(exported && (self.at_line_end() || self.rest().starts_with([' ', '\t']))) {
                return self.no_assignment(name, start);
            }
            self.skip_blanks();
            if self.at_line_end() {
                return;
            }
            match self.peek() {
                Some('#') => return self.skip_line(),
                Some(';' | '&' | '|' | '<' | '>' | '(' | ')') => {
                    return match self.secrecy.hides(name) {
                        true => self.operator_in_secret(name),
                        false => self.operator(),
                    };
                }
                _ if exported || self.assignment_follows() => {}
                _ => return self.unquoted_list(),
            }
        }
    }

    fn assignment_follows(&self) -> bool {
        starts_assignment(self.rest())
    }

    /// A name without a `=` right behind it.
    fn no_assignment(&mut self, name: &str, start: usize) {
        let rest = self.rest();
        let named = self.secrecy.named(name);
        if rest.starts_with("+=") {
            self.error(
                "conf::append",
                Span::new(self.pos, self.pos + 2),
                "`+=` is not supported",
                "appends to a value",
                format!("write `{named}=\"${{{named}}} ...\"`"),
            );
            self.lost(name, start);
            return self.skip_line();
        }
        if rest.starts_with('[') && self.line_rest().contains("]=") {
            self.error(
                "conf::array",
                Span::new(start, self.pos + 1),
                "arrays are not supported",
                "an element of an array",
                format!("write all values in one: `{named}=\"... ...\"`"),
            );
            self.lost(name, start);
            return self.skip_line();
        }
        let behind = rest.trim_start_matches([' ', '\t']);
        if behind.len() < rest.len() && behind.starts_with('=') {
            let end = self.text.len() - behind.len() + 1;
            let span = Span::new(self.pos, end);
            let after = behind.get(1..).unwrap_or_default();
            let value = after.split('\n').next().unwrap_or_default().trim();
            let hidden = self.secrecy.hides(name) || self.secrecy.may_swallow(value);
            let help = match hidden || value.len() > 60 {
                true => format!("write `{named}=...`"),
                false => format!("write `{named}={value}`"),
            };
            self.error(
                "conf::spaces",
                span,
                "there may be no space around `=`",
                "the shell would run the name as a command",
                help,
            );
            self.pos = end;
            self.skip_blanks();
            // What was meant is plain: its value is read, so that nobody reports it as not set.
            self.assignment(name, Span::new(start, start + name.len()));
            if let Some(last) = self.found.last_mut() {
                last.broken = true;
            }
            return self.skip_line();
        }
        self.command(start);
    }

    /// Notes that this name was meant to be set, so that nobody reports it as not set.
    fn lost(&mut self, name: &str, start: usize) {
        self.found.push(Assignment {
            name: name.to_owned(),
            name_span: Span::new(start, start + name.len()),
            value_span: Span::new(self.pos, self.pos + self.line_rest().len()),
            parts: Vec::new(),
            broken: true,
        });
    }

    /// A line that would run something.
    fn command(&mut self, start: usize) {
        self.pos = start;
        if matches!(self.peek(), Some(';' | '&' | '|' | '<' | '>' | '(' | ')')) {
            return self.operator();
        }
        let line = self.line_rest();
        let word_end = line
            .find(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '<' | '>' | '('))
            .unwrap_or(line.len())
            .max(line.chars().next().map_or(0, char::len_utf8));
        let word = line.get(..word_end).unwrap_or_default();
        if let Some((name, _)) = word.split_once('=') {
            let span = Span::new(start, start + name.len());
            self.error(
                "conf::name",
                span,
                match name.chars().any(|c| c.is_ascii_lowercase()) {
                    true => "this can't be the name of an assignment".to_owned(),
                    false => format!("`{}` can't be the name of an assignment", shorten(name)),
                },
                "not a name",
                "a name has letters, digits and `_`, and no digit first",
            );
        } else {
            let help = match word {
                "source" | "." => "write the assignments of that file here",
                _ => "write assignments only: `NAME=value`, `NAME=\"value value\"`",
            };
            self.error(
                "conf::command",
                Span::new(start, start + word_end),
                match self.secrecy.may_repeat(word) {
                    true => format!("`{}` would be run as a command: {READ_ONLY}", shorten(word)),
                    // It may be a part of a secret that lost its quotes.
                    false => format!("this would be run as a command: {READ_ONLY}"),
                },
                "a command",
                help,
            );
        }
        self.skip_line();
    }

    /// A character that ends a command.
    fn operator(&mut self) {
        let line = self.line_rest();
        let end = line
            .find(|c: char| !matches!(c, ';' | '&' | '|' | '<' | '>' | '(' | ')'))
            .unwrap_or(line.len());
        let operator = line.get(..end).unwrap_or_default();
        let span = Span::new(self.pos, self.pos + end);
        let (what, help) = match operator.chars().next() {
            Some(';') => ("separates commands", "write one assignment a line"),
            Some('<' | '>') => ("redirects", "put the value in quotes if it belongs there"),
            Some('&' | '|') => (
                "joins commands",
                "put the value in quotes if it belongs there",
            ),
            _ => (
                "groups commands",
                "put the value in quotes if it belongs there",
            ),
        };
        self.error(
            "conf::operator",
            span,
            format!("`{operator}` {what}: {READ_ONLY}"),
            "not allowed here",
            help,
        );
        // Behind a separator the next assignment may stand; behind all else there is a command.
        if operator.starts_with(';') {
            self.pos += end;
        } else {
            self.skip_line();
        }
    }

    /// An operator that was most likely meant as a part of a password.
    fn operator_in_secret(&mut self, name: &str) {
        let name = self.secrecy.named(name);
        self.error(
            "conf::operator",
            Span::new(self.pos, self.pos + 1),
            format!("the value of `{name}` ends here: what follows would be run as a command"),
            "outside of the value",
            format!("write `{name}='...'`: single quotes keep every character"),
        );
        if let Some(last) = self.found.last_mut() {
            last.broken = true;
        }
        self.skip_line();
    }

    /// `NAME=a b c`: the classic slip.
    fn unquoted_list(&mut self) {
        let line = self.line_rest();
        let words = line.split(" #").next().unwrap_or_default().trim_end();
        let span = Span::new(self.pos, self.pos + words.len());
        let Some(last) = self.found.last_mut() else {
            return self.skip_line();
        };
        last.broken = true;
        let name = last.name.clone();
        let first = self.source.slice(last.value_span);
        // Also where a quote that was opened far above ends here.
        let may_swallow = |text| self.secrecy.is_unsure(text);
        let hidden = self.secrecy.hides(&name) || may_swallow(first) || may_swallow(words);
        let plain = |text: &str| !text.contains(['"', '\'', '$', '`', '\\']);
        let name = self.secrecy.named(&name);
        let help = match !hidden && plain(first) && plain(words) && words.len() < 200 {
            true if first.is_empty() && !words.contains(' ') => format!("write `{name}={words}`"),
            true => format!("write `{name}=\"{}\"`", format!("{first} {words}").trim()),
            false => format!("put the whole value of `{name}` in quotes"),
        };
        let word = words.split_whitespace().next().unwrap_or_default();
        let shown = match hidden {
            true => "what follows".to_owned(),
            false => format!("`{}`", shorten(word)),
        };
        self.error(
            "conf::unquoted",
            span,
            format!("the value ends at the space: {shown} would be run as a command"),
            "outside of the value",
            help,
        );
        self.skip_line();
    }
}

/// Whether a line that was found inside of quotes is likely not meant to be in them.
pub(super) fn starts_statement(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '\t']);
    let line = match line.strip_prefix("export") {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start_matches([' ', '\t']),
        _ => line,
    };
    line.starts_with('#') || starts_assignment(line)
}

fn starts_assignment(text: &str) -> bool {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    end.is_some_and(|end| {
        let (name, rest) = text.split_at(end);
        is_variable(name) && rest.starts_with('=')
    })
}

pub(super) fn shorten(text: &str) -> String {
    let mut short: String = text
        .chars()
        .take(40)
        .collect::<String>()
        .escape_debug()
        .collect();
    if text.chars().nth(40).is_some() {
        short.push_str("...");
    }
    short
}
