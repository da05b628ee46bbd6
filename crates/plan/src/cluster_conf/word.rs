//! One value: quotes, escapes and variables.

use super::assignment::{Assignment, MAX_PROBLEMS, Part};
use super::lexer::{Lexer, READ_ONLY, shorten, starts_statement};
use super::mapping::is_variable;
use crate::source::Span;

impl Lexer<'_> {
    /// Reads the value behind the `=`, up to the first blank outside of quotes.
    pub(super) fn assignment(&mut self, name: &str, name_span: Span) {
        let start = self.pos;
        let mut value = Value {
            name: name.to_owned(),
            shown_name: self.secrecy.named(name).to_owned(),
            hidden: self.secrecy.hides(name),
            parts: Vec::new(),
            broken: false,
        };
        self.value(&mut value, start);
        self.found.push(Assignment {
            name: value.name,
            name_span,
            value_span: Span::new(start, self.pos),
            parts: value.parts,
            broken: value.broken,
        });
    }

    fn value(&mut self, value: &mut Value, start: usize) {
        while let Some(c) = self.peek() {
            if self.problems.len() >= MAX_PROBLEMS {
                return self.give_up(value);
            }
            match c {
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | ')' => return,
                '\r' if self.at_line_end() => return,
                '\\' => match self.continuation() {
                    Some(length) => self.pos += length,
                    None => self.escape(value),
                },
                '\'' => self.single_quotes(value),
                '"' => self.double_quotes(value),
                '$' => self.dollar(value, false),
                '`' => self.backticks(value),
                '~' if self.pos == start => self.tilde(value),
                '(' => {
                    let span = Span::new(self.pos, self.pos + 1);
                    let name = value.shown_name.clone();
                    self.error(
                        "conf::array",
                        span,
                        "arrays are not supported",
                        "starts an array",
                        format!("write a list as text: `{name}=\"... ...\"`"),
                    );
                    value.broken = true;
                    return self.skip_line();
                }
                c => {
                    value.push(c, Span::new(self.pos, self.pos + c.len_utf8()));
                    self.pos += c.len_utf8();
                }
            }
        }
    }

    fn escape(&mut self, value: &mut Value) {
        let mut chars = self.rest().chars();
        chars.next();
        let escaped = chars.next().unwrap_or('\\');
        let end = (self.pos + 1 + escaped.len_utf8()).min(self.text.len());
        value.push(escaped, Span::new(self.pos, end));
        self.pos = end;
    }

    fn tilde(&mut self, value: &mut Value) {
        let user: String = self
            .line_rest()
            .chars()
            .skip(1)
            .take_while(|c| !matches!(c, '/' | ' ' | '\t' | ':' | '"' | '\'' | '$' | '`' | ';'))
            .collect();
        let span = Span::new(self.pos, self.pos + 1 + user.len());
        if user.is_empty() {
            value.parts.push(Part::Home(span));
        } else {
            let message = match value.hidden {
                true => "only your own home folder `~` is known".to_owned(),
                false => format!(
                    "only your own home folder `~` is known, not `~{}`",
                    shorten(&user)
                ),
            };
            self.error(
                "conf::tilde",
                span,
                message,
                "another user's home folder",
                "write the path in full",
            );
            value.broken = true;
        }
        self.pos = span.end;
    }

    fn single_quotes(&mut self, value: &mut Value) {
        let open = self.pos;
        let inside = self.text.get(open + 1..).unwrap_or_default();
        let closed = inside.find('\'');
        let quoted = inside
            .get(..closed.unwrap_or(inside.len()))
            .unwrap_or_default();
        if closed.is_none() || quoted.split('\n').skip(1).any(starts_statement) {
            return self.unclosed(value, open);
        }
        value.push_text(quoted, Span::new(open + 1, open + 1 + quoted.len()));
        self.pos = open + 1 + quoted.len() + 1;
    }

    fn double_quotes(&mut self, value: &mut Value) {
        let open = self.pos;
        self.pos += 1;
        loop {
            let Some(c) = self.peek() else {
                return self.unclosed(value, open);
            };
            if self.problems.len() >= MAX_PROBLEMS {
                return self.give_up(value);
            }
            match c {
                '"' => {
                    self.pos += 1;
                    return;
                }
                '\\' => match self.continuation() {
                    Some(length) => self.pos += length,
                    None if self
                        .rest()
                        .get(1..)
                        .is_some_and(|rest| rest.starts_with(['$', '`', '"', '\\'])) =>
                    {
                        self.escape(value);
                    }
                    None => {
                        value.push('\\', Span::new(self.pos, self.pos + 1));
                        self.pos += 1;
                    }
                },
                '$' => self.dollar(value, true),
                '`' => self.backticks(value),
                '\n' if starts_statement(self.text.get(self.pos + 1..).unwrap_or_default()) => {
                    return self.unclosed(value, open);
                }
                c => {
                    value.push(c, Span::new(self.pos, self.pos + c.len_utf8()));
                    self.pos += c.len_utf8();
                }
            }
        }
    }

    /// A quote that is never closed, or only by a quote that was meant to open another value.
    fn unclosed(&mut self, value: &mut Value, open: usize) {
        let quote = if self.source.slice(Span::new(open, open + 1)) == "'" {
            '\''
        } else {
            '"'
        };
        self.error(
            "conf::unclosed-quote",
            Span::new(open, open + 1),
            format!("the value of `{}` has no closing quote", value.shown_name),
            "opened here",
            format!("write `{quote}` at the end of the value"),
        );
        value.broken = true;
        self.pos = open;
        self.skip_line();
        // The lines below are read again, as what they are.
        value.parts.retain(|part| part.span().start < self.pos);
    }

    fn backticks(&mut self, value: &mut Value) {
        let line = self.line_rest();
        let inside = line.get(1..).unwrap_or_default();
        let length = inside.find('`').map_or(line.len(), |close| close + 2);
        self.substitution(value, length, "a command in backticks");
    }

    fn substitution(&mut self, value: &mut Value, length: usize, what: &str) {
        let span = Span::new(self.pos, self.pos + length);
        let what = match value.hidden {
            true => "this".to_owned(),
            false => what.to_owned(),
        };
        self.error(
            "conf::substitution",
            span,
            format!("{what} would be run: {READ_ONLY}"),
            "not run",
            value.literal_help("write the value itself"),
        );
        value.broken = true;
        self.pos = span.end;
    }

    fn dollar(&mut self, value: &mut Value, quoted: bool) {
        let mut after = self.rest().chars().skip(1);
        match after.next() {
            Some('(') => {
                let arithmetic = after.next() == Some('(');
                let length = parenthesised(self.line_rest());
                match arithmetic {
                    true => self.unsupported(value, length, "arithmetic is not supported"),
                    false => self.substitution(value, length, "`$(...)`"),
                }
            }
            Some('[') => {
                let line = self.line_rest();
                let length = line.find(']').map_or(line.len(), |close| close + 1);
                self.unsupported(value, length, "arithmetic is not supported");
            }
            Some('{') => self.braces(value),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let start = self.pos;
                self.pos += 1;
                let name = self.identifier();
                self.pos += name.len();
                let span = Span::new(start, self.pos);
                value.parts.push(Part::Variable(name.to_owned(), span));
            }
            Some('\'' | '"') if !quoted => {
                self.unsupported(value, 1, "`$` before a quote is not supported");
            }
            Some('0'..='9' | '@' | '*' | '#' | '?' | '$' | '!' | '-') => {
                self.unsupported(value, 2, "a shell's own variables are not known here");
            }
            _ => {
                value.push('$', Span::new(self.pos, self.pos + 1));
                self.pos += 1;
            }
        }
    }

    fn braces(&mut self, value: &mut Value) {
        let rest = self.rest();
        // Who forgot the brace meant no long name.
        let close = rest
            .char_indices()
            .take(200)
            .find(|(_, c)| matches!(c, '}' | '\n'));
        let Some((close, '}')) = close else {
            return self.unsupported(value, 2, "`${` has no closing `}`");
        };
        let inside = rest.get(2..close).unwrap_or_default();
        if is_variable(inside) {
            let span = Span::new(self.pos, self.pos + close + 1);
            value.parts.push(Part::Variable(inside.to_owned(), span));
            self.pos = span.end;
        } else {
            self.unsupported(value, close + 1, "only a plain `${NAME}` is supported");
        }
    }

    fn unsupported(&mut self, value: &mut Value, length: usize, message: &str) {
        let span = Span::new(self.pos, self.pos + length);
        let help = value.literal_help("write the value itself, or `${NAME}` of a name set above");
        self.error("conf::expansion", span, message, "not expanded", help);
        value.broken = true;
        self.pos = span.end;
    }

    /// Leaves the rest of the text alone.
    fn give_up(&mut self, value: &mut Value) {
        value.broken = true;
        self.pos = self.text.len();
    }
}

/// A value while it is read.
struct Value {
    name: String,
    /// The name as it may be repeated.
    shown_name: String,
    hidden: bool,
    parts: Vec<Part>,
    broken: bool,
}

impl Value {
    fn push(&mut self, c: char, span: Span) {
        let mut buffer = [0; 4];
        self.push_text(c.encode_utf8(&mut buffer), span);
    }

    /// Adds text, to the last part where that keeps text and place in step.
    fn push_text(&mut self, text: &str, span: Span) {
        if let Some(Part::Text(last, last_span)) = self.parts.last_mut()
            && last_span.end == span.start
            && last.len() == last_span.len()
            && text.len() == span.len()
        {
            last.push_str(text);
            last_span.end = span.end;
        } else {
            self.parts.push(Part::Text(text.to_owned(), span));
        }
    }

    /// In a password, a `$` is most likely meant as it stands.
    fn literal_help(&self, otherwise: &str) -> String {
        match self.hidden {
            true => format!(
                "write `{}='...'`: single quotes keep every character",
                self.shown_name
            ),
            false => otherwise.to_owned(),
        }
    }
}

/// How long `$(...)` at the start of a line is.
fn parenthesised(line: &str) -> usize {
    let mut depth = 0;
    for (index, c) in line.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return index + 1,
            ')' => depth -= 1,
            _ => {}
        }
    }
    line.len()
}
