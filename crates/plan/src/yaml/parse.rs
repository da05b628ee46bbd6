//! From text to tree.

use std::borrow::Borrow;
use std::collections::HashMap;

use saphyr_parser::{Event, ScalarStyle, ScanError};

use super::events::{Met, Parsed, events};
use super::syntax::{syntax_problem, too_deep};
use super::{Key, Kind, MAX_DEPTH, Node, scalar};
use crate::problem::{Problem, Problems};
use crate::source::{SourceFile, Span};

/// After so many problems the rest of the file is not looked at.
const MAX_PROBLEMS: usize = 100;

/// Reads the one document of `source`.
///
/// The tree is `None` where the file holds nothing or is no YAML; the problems say so. A tree that
/// comes with problems is right but for what they name: a key's second value is left out, an alias
/// stands as nothing.
pub fn read(source: &SourceFile) -> (Option<Node>, Problems) {
    tree(source, source, events(source.text()))
}

/// As [`read`], of a `source` that was parsed before. It repeats in words only what can be seen in `shown`: the same
/// text with what must not be seen blanked out.
pub(crate) fn read_parsed(
    source: &SourceFile,
    parsed: &Parsed<'_>,
    shown: &SourceFile,
) -> (Option<Node>, Problems) {
    tree(source, shown, parsed.events())
}

fn tree<'e>(
    source: &SourceFile,
    shown: &SourceFile,
    events: impl Iterator<Item = Met<impl Borrow<Event<'e>>, impl Borrow<ScanError>>>,
) -> (Option<Node>, Problems) {
    let mut builder = Builder {
        source,
        shown,
        problems: Problems::new(),
        stack: Vec::new(),
        root: None,
        documents: 0,
    };
    for met in events {
        let proceed = match met {
            Ok((event, span)) => builder.take(event.borrow(), span),
            Err((byte, error)) => {
                builder.syntax(byte, error.borrow());
                false
            }
        };
        if !proceed || builder.problems.len() >= MAX_PROBLEMS {
            break;
        }
    }
    builder.finish()
}

/// A list or mapping that is still open.
enum Open {
    List {
        start: Span,
        items: Vec<Node>,
    },
    Map {
        start: Span,
        entries: Vec<(Key, Node)>,
        seen: HashMap<String, Span>,
        key: PendingKey,
    },
}

/// The key that waits for its value.
enum PendingKey {
    /// The next node is a key.
    None,
    /// The next node is this key's value.
    Good(Key),
    /// The next node is the value of a key that was refused, and is dropped.
    Refused,
}

struct Builder<'a> {
    source: &'a SourceFile,
    shown: &'a SourceFile,
    problems: Problems,
    stack: Vec<Open>,
    root: Option<Node>,
    documents: usize,
}

impl Builder<'_> {
    /// Takes one event; `false` where there is no going on.
    fn take(&mut self, event: &Event<'_>, span: Span) -> bool {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.problems.push(
                        Problem::error("yaml::documents", "the file holds more than one document")
                            .at(self.source, span, "a second one starts here")
                            .help("keep one document, and remove the `---` line"),
                    );
                    return false;
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse(span, *anchor, tag.is_some());
                let node = self.scalar(text, *style, span);
                self.add(node, *style == ScalarStyle::Plain);
            }
            Event::Alias(_) => {
                self.problems.push(
                    Problem::error("yaml::alias", "aliases are not supported")
                        .at(
                            self.source,
                            span,
                            "this stands for another part of the file",
                        )
                        .help("write the value out here"),
                );
                self.add(
                    Node {
                        span,
                        kind: Kind::Null,
                    },
                    false,
                );
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse(span, *anchor, tag.is_some());
                return self.open(Open::List {
                    start: span,
                    items: Vec::new(),
                });
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse(span, *anchor, tag.is_some());
                return self.open(Open::Map {
                    start: span,
                    entries: Vec::new(),
                    seen: HashMap::new(),
                    key: PendingKey::None,
                });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        true
    }

    fn refuse(&mut self, span: Span, anchor: usize, tagged: bool) {
        // The parser starts the node's span at its properties: mark the first of them only.
        let written = self.source.slice(span);
        let length = written.find(char::is_whitespace).unwrap_or(written.len());
        let span = Span::new(span.start, span.start + length);
        if anchor > 0 {
            self.problems.push(
                Problem::error("yaml::anchor", "anchors are not supported")
                    .at(self.source, span, "this names a part of the file")
                    .help("remove it, and write the value out where it is needed"),
            );
        }
        if tagged {
            self.problems.push(
                Problem::error("yaml::tag", "tags are not supported")
                    .at(self.source, span, "this forces a type")
                    .help("remove it; a value in quotes is text"),
            );
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle, span: Span) -> Node {
        let kind = match style {
            ScalarStyle::Plain => scalar::resolve(text),
            _ => Kind::Text(text.to_owned()),
        };
        let span = match style {
            // A value that was left out: the parser marks the colon, or what follows.
            ScalarStyle::Plain if text.is_empty() => {
                let text = self.source.text();
                let (before, after) = text.split_at_checked(span.start).unwrap_or((text, ""));
                let end = match after.starts_with(':') {
                    true => span.start + 1,
                    false => before.trim_end().len(),
                };
                Span::new(end, end)
            }
            // The parser may count the blanks behind a value to it.
            _ => {
                let written = self.source.slice(span).trim_end().len();
                Span::new(span.start, span.start + written)
            }
        };
        Node { span, kind }
    }

    fn open(&mut self, open: Open) -> bool {
        if self.stack.len() >= MAX_DEPTH {
            let (Open::List { start, .. } | Open::Map { start, .. }) = open;
            self.problems.push(too_deep(self.source, start));
            return false;
        }
        self.stack.push(open);
        true
    }

    fn close(&mut self, end: Span) {
        let node = match self.stack.pop() {
            Some(Open::List { start, items }) => Node {
                span: whole(start, items.last(), end),
                kind: Kind::List(items),
            },
            Some(Open::Map { start, entries, .. }) => Node {
                span: whole(start, entries.last().map(|(_, node)| node), end),
                kind: Kind::Map(entries),
            },
            None => return,
        };
        self.add(node, false);
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node, plain: bool) {
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map {
                entries, seen, key, ..
            }) => match std::mem::replace(key, PendingKey::None) {
                PendingKey::Good(name) => entries.push((name, node)),
                PendingKey::Refused => {}
                PendingKey::None => match key_of(self.source, self.shown, node, plain) {
                    Err(problem) => {
                        self.problems.push(*problem);
                        *key = PendingKey::Refused;
                    }
                    Ok(name) => {
                        if let Some(first) = seen.get(&name.text) {
                            let given = match self.source.hidden_in(self.shown, name.span) {
                                true => "a key".to_owned(),
                                false => format!("`{}`", name.text.escape_debug()),
                            };
                            self.problems.push(
                                Problem::error(
                                    "yaml::duplicate-key",
                                    format!("{given} is given twice"),
                                )
                                .at(self.source, name.span, "given again here")
                                .at(self.source, *first, "given here first")
                                .help("keep one of the two"),
                            );
                            *key = PendingKey::Refused;
                        } else {
                            seen.insert(name.text.clone(), name.span);
                            *key = PendingKey::Good(name);
                        }
                    }
                },
            },
        }
    }

    fn syntax(&mut self, byte: usize, error: &ScanError) {
        self.problems
            .push(syntax_problem(self.source, self.shown, byte, error.info()));
        self.root = None;
        self.stack.clear();
    }

    fn finish(mut self) -> (Option<Node>, Problems) {
        // An empty document is a plain scalar of no text.
        let empty = match &self.root {
            Some(node) => node.is_null(),
            None => true,
        };
        if empty && self.problems.is_empty() {
            self.problems
                .push(Problem::error("yaml::empty", "the file is empty").in_file(self.source));
        }
        let root = self.root.filter(|node| !node.is_null());
        (root, self.problems)
    }
}

/// From the start of a list or mapping to its bracket, or to the end of its last value.
fn whole(start: Span, last: Option<&Node>, end: Span) -> Span {
    let end = match last {
        _ if !end.is_empty() => end.end,
        Some(node) => node.span.end,
        None => start.end,
    };
    Span::new(start.start, end)
}

fn key_of(
    source: &SourceFile,
    shown: &SourceFile,
    node: Node,
    plain: bool,
) -> Result<Key, Box<Problem>> {
    let text = match &node.kind {
        _ if plain && !node.span.is_empty() => source.slice(node.span).to_owned(),
        Kind::Text(text) => text.clone(),
        kind => {
            let found = match source.hidden_in(shown, node.span) {
                true => kind.name().to_owned(),
                false => kind.describe(),
            };
            return Err(Box::new(
                Problem::error(
                    "yaml::key",
                    format!("a key must be plain text, found {found}"),
                )
                .at(source, node.span, "this is used as a key"),
            ));
        }
    };
    Ok(Key {
        text,
        span: node.span,
    })
}
