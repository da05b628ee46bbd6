//! Takes secrets out of what leaves the operator's hands: the cluster file's own, in all spellings, and what
//! looks like one.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::ops::Range;

use phalanx_plan::Secret;
use regex::bytes::Regex;
use serde_json::Value;

use super::patterns::Patterns;
use super::spelling;

/// A stream is looked at in pieces of so many bytes,
const PIECE: usize = 1 << 20;
/// with so many more behind them, so that what begins in a piece is seen whole,
pub(super) const AHEAD: usize = 64 << 10;
/// and so many before.
const BEFORE: usize = 64;
/// So much of a value's beginning, where a text ends with it, is a value that was cut.
const CUT_VALUE: usize = 4;

/// What was taken out: how often which.
pub(super) type Counts = BTreeMap<String, u64>;

/// Knows what must not be seen.
pub(super) struct Redactor {
    secrets: Vec<Known>,
    patterns: Patterns,
}

/// A secret of the cluster file.
struct Known {
    name: String,
    value: Secret,
    regex: Regex,
}

/// A part that must not be seen, and what stands in its place.
struct Span {
    range: Range<usize>,
    /// A known secret's name counts for more than what it looks like.
    is_known: bool,
    label: String,
}

/// A part of a redacted stream.
pub(super) struct Part<'a> {
    pub(super) bytes: &'a [u8],
    /// Where in the stream it begins; of what was put in a secret's place, where that secret began.
    pub(super) offset: u64,
    /// Whether it was put in a secret's place.
    pub(super) is_label: bool,
}

impl Redactor {
    /// # Errors
    /// Where a value cannot be looked for: then nothing may leave.
    pub(super) fn new(secrets: &BTreeMap<String, Secret>) -> Result<Self, regex::Error> {
        let mut known = Vec::new();
        for (name, value) in secrets {
            if let Some(regex) = spelling::pattern(value)? {
                known.push(Known {
                    name: name.clone(),
                    value: value.clone(),
                    regex,
                });
            }
        }
        Ok(Self {
            secrets: known,
            patterns: Patterns::new()?,
        })
    }

    /// The secrets that are looked for by value.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(|known| known.name.as_str())
    }

    /// A text without secrets.
    pub(super) fn text(&self, text: &str, counts: &mut Counts) -> String {
        let mut out = Vec::with_capacity(text.len());
        let copied = self.stream(&mut text.as_bytes(), counts, &mut |part| {
            out.extend_from_slice(part.bytes);
            Ok(())
        });
        // Reading and writing memory never fails.
        debug_assert!(copied.is_ok());
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Whether there is a secret in this.
    pub(super) fn is_clean(&self, text: &str) -> bool {
        let mut counts = Counts::new();
        self.text(text, &mut counts);
        counts.is_empty()
    }

    /// A document without secrets, of the same form: texts one by one, and what fields hold whose names say
    /// that it is a secret.
    pub(super) fn json(&self, value: &mut Value, counts: &mut Counts) {
        self.walk(value, true, counts);
    }

    /// As [`Redactor::json`], but whatever fields are called: what reads the document knows some of them.
    pub(super) fn json_texts(&self, value: &mut Value, counts: &mut Counts) {
        self.walk(value, false, counts);
    }

    fn walk(&self, value: &mut Value, by_name: bool, counts: &mut Counts) {
        match value {
            Value::String(text) => *text = self.text(text, counts),
            Value::Number(number) => {
                let text = number.to_string();
                let redacted = self.text(&text, counts);
                if redacted != text {
                    *value = Value::String(redacted);
                }
            }
            Value::Array(values) => {
                for value in values {
                    self.walk(value, by_name, counts);
                }
            }
            Value::Object(fields) => {
                let names: Vec<String> = fields.keys().cloned().collect();
                for name in names {
                    let Some(mut value) = fields.remove(&name) else {
                        continue;
                    };
                    match by_name {
                        true => self.field(&name, &mut value, counts),
                        false => self.walk(&mut value, by_name, counts),
                    }
                    fields.insert(self.text(&name, counts), value);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn field(&self, name: &str, value: &mut Value, counts: &mut Counts) {
        match value {
            // Such a table says what secrets are called and who is handed them.
            Value::Object(fields) if name == "secrets" => {
                for value in fields.values_mut() {
                    self.json(value, counts);
                }
            }
            Value::String(text)
                if !text.is_empty()
                    && !text.starts_with('[')
                    && self.patterns.is_secret_name(name) =>
            {
                let label = self.text(text, counts);
                *text = match label.starts_with("[secret ") {
                    true => label,
                    false => {
                        *counts.entry("password".to_owned()).or_default() += 1;
                        "[redacted password]".to_owned()
                    }
                };
            }
            _ => self.json(value, counts),
        }
    }

    /// Hands on a stream part by part, without secrets; also those that stand where pieces of it meet.
    pub(super) fn stream(
        &self,
        input: &mut dyn Read,
        counts: &mut Counts,
        emit: &mut dyn FnMut(Part<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut text: Vec<u8> = Vec::new();
        // Of the stream, where `text` begins; of `text`, from where on nothing was handed on.
        let (mut base, mut from) = (0u64, 0);
        loop {
            let room = (from + PIECE + AHEAD).saturating_sub(text.len());
            let read = input.take(room as u64).read_to_end(&mut text)?;
            let is_end = read < room;
            let limit = match is_end {
                true => text.len(),
                false => text.len().saturating_sub(AHEAD).max(from),
            };
            let spans = self.spans(&text, from, limit, is_end);
            let mut handed = from;
            for Span { range, label, .. } in spans {
                let before = text.get(handed..range.start).unwrap_or_default();
                emit(part(before, base + handed as u64, false))?;
                *counts.entry(label.clone()).or_default() += 1;
                let label = match label.starts_with("secret ") {
                    true => format!("[{label}]"),
                    false => format!("[redacted {label}]"),
                };
                emit(part(label.as_bytes(), base + range.start as u64, true))?;
                handed = range.end;
            }
            let upto = limit.max(handed);
            let rest = text.get(handed..upto).unwrap_or_default();
            emit(part(rest, base + handed as u64, false))?;
            from = upto;
            if is_end {
                return Ok(());
            }
            let gone = from.saturating_sub(BEFORE);
            text.drain(..gone);
            from -= gone;
            base += gone as u64;
        }
    }

    /// What must not be seen, from `from` on, of what begins before `limit`; in order, and what overlaps as
    /// one.
    fn spans(&self, text: &[u8], from: usize, mut limit: usize, is_end: bool) -> Vec<Span> {
        loop {
            let mut spans = self.all_spans(text, from, limit);
            if is_end {
                spans.extend(self.cut_values(text, from));
            }
            spans.sort_by_key(|span| (span.range.start, !span.is_known));
            let merged = merge(spans);
            // What is handed on ends there: also what begins within the last one must be seen.
            match merged.last() {
                Some(last) if last.range.end > limit => limit = last.range.end,
                _ => return merged,
            }
        }
    }

    fn all_spans(&self, text: &[u8], from: usize, limit: usize) -> Vec<Span> {
        let mut spans = Vec::new();
        for Known { name, regex, .. } in &self.secrets {
            let mut at = from;
            while let Some(found) = regex
                .find_at(text, at)
                .filter(|found| found.start() < limit)
            {
                at = found.end();
                spans.push(Span {
                    range: found.range(),
                    is_known: true,
                    label: format!("secret {name}"),
                });
            }
        }
        self.patterns.find(text, from, limit, &mut |range, kind| {
            spans.push(Span {
                range,
                is_known: false,
                label: kind.to_owned(),
            });
        });
        spans.retain(|span| !span.range.is_empty());
        spans
    }

    /// Long lines are cut before they are kept, and an output ends where its program was killed: what a text
    /// ends with may be a value's beginning.
    fn cut_values(&self, text: &[u8], from: usize) -> Vec<Span> {
        let open = text.get(from..).unwrap_or_default();
        let cut = self.secrets.iter().filter_map(|Known { name, value, .. }| {
            let value = value.reveal().as_bytes();
            // No more of it than there is text: a journal's texts are short and many, and a key is long.
            let lengths = (CUT_VALUE..value.len().min(open.len() + 1)).rev();
            let mut lengths = lengths.filter(|length| open.ends_with(&value[..*length]));
            lengths.next().map(|length| Span {
                range: text.len() - length..text.len(),
                is_known: true,
                label: format!("secret {name}"),
            })
        });
        cut.collect()
    }
}

fn part(bytes: &[u8], offset: u64, is_label: bool) -> Part<'_> {
    Part {
        bytes,
        offset,
        is_label,
    }
}

fn merge(spans: Vec<Span>) -> Vec<Span> {
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.range.start < last.range.end => {
                last.range.end = last.range.end.max(span.range.end);
                if span.is_known && !last.is_known {
                    last.is_known = true;
                    last.label = span.label;
                }
            }
            _ => merged.push(span),
        }
    }
    merged
}
