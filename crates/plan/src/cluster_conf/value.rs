//! The values of assignments, put together, every word with its place.

use std::collections::HashMap;

use super::assignment::{Assignment, MAX_PROBLEMS, Part};
use super::secrecy::Secrecy;
use crate::problem::{Problem, Problems};
use crate::source::{SourceFile, Span};
use crate::suggest::did_you_mean;

/// How much all values may hold together: names that stand for names that stand for names could
/// otherwise grow without end.
const MAX_TOTAL: usize = 4 * 1024 * 1024;
/// What a piece costs beside its text.
const PIECE_COST: usize = 64;

/// A part of a value: text, and where it was written.
#[derive(Clone, Debug)]
struct Piece {
    text: String,
    /// Where the text itself stands.
    origin: Span,
    /// Where it stands in for a variable, if it does.
    via: Option<Span>,
}

/// The value of an assignment.
#[derive(Clone, Debug, Default)]
pub(super) struct Value {
    pieces: Vec<Piece>,
}

/// One word of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// The word.
    pub text: String,
    /// Where it was written.
    pub origin: Span,
    /// Where it stands in the assignment: its text, or the variable that stands for it.
    pub at: Span,
}

/// An assignment whose value is put together.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    /// The name.
    pub name: String,
    /// Where the name stands.
    pub name_span: Span,
    /// Where the value stands.
    pub value_span: Span,
    /// The value.
    pub value: Value,
    /// Whether the value means nothing because of a problem that has been told.
    pub broken: bool,
    /// Whether a later line uses it.
    pub used: bool,
}

/// A name that was used and not set.
#[derive(Debug)]
pub(super) struct Unset {
    /// The name.
    pub name: String,
    /// Where it was used.
    pub span: Span,
    /// In the value of which name.
    pub within: String,
    /// Whether that value must not be repeated, so that the name may be a part of a secret.
    pub hidden: bool,
}

/// All assignments of a file.
#[derive(Debug, Default)]
pub(super) struct Variables {
    /// Each name's last assignment, in the order of the file.
    pub list: Vec<Variable>,
    /// Names that were used before they were set, or that are never set.
    pub unset: Vec<Unset>,
    index: HashMap<String, usize>,
}

impl Value {
    /// The whole text.
    pub(super) fn text(&self) -> String {
        self.pieces
            .iter()
            .map(|piece| piece.text.as_str())
            .collect()
    }

    /// The words.
    pub(super) fn items(&self, source: &SourceFile) -> Vec<Item> {
        let mut items = Vec::new();
        let mut current: Option<Item> = None;
        for piece in &self.pieces {
            // Where text and place run in step, each word has a place of its own.
            let exact = source.slice(piece.origin) == piece.text;
            for (offset, c) in piece.text.char_indices() {
                if c.is_ascii_whitespace() {
                    items.extend(current.take());
                    continue;
                }
                let origin = match exact {
                    true => Span::new(
                        piece.origin.start + offset,
                        piece.origin.start + offset + c.len_utf8(),
                    ),
                    false => piece.origin,
                };
                let at = piece.via.unwrap_or(origin);
                match &mut current {
                    Some(item) => {
                        item.text.push(c);
                        item.origin = join(item.origin, origin);
                        item.at = join(item.at, at);
                    }
                    None => {
                        current = Some(Item {
                            text: c.to_string(),
                            origin,
                            at,
                        });
                    }
                }
            }
        }
        items.extend(current);
        items
    }

    /// Every place where a part of the text was written.
    pub(super) fn origins(&self) -> impl Iterator<Item = Span> {
        self.pieces.iter().map(|piece| piece.origin)
    }

    fn cost(&self) -> usize {
        self.pieces
            .iter()
            .map(|piece| piece.text.len() + PIECE_COST)
            .sum()
    }
}

/// From the first place to the second, if they follow each other.
fn join(first: Span, second: Span) -> Span {
    match second.start >= first.start && second.start <= first.end + 2 {
        true => Span::new(first.start, second.end.max(first.end)),
        false => first,
    }
}

impl Variables {
    /// The last assignment to this name.
    pub(super) fn get(&self, name: &str) -> Option<&Variable> {
        self.index.get(name).and_then(|index| self.list.get(*index))
    }

    /// Puts the values together, line by line.
    pub(super) fn evaluate(
        source: &SourceFile,
        assignments: Vec<Assignment>,
        home: Option<&str>,
        secrecy: &Secrecy<'_>,
        problems: &mut Problems,
    ) -> Self {
        let mut variables = Self::default();
        let mut total = 0;
        for assignment in assignments {
            let mut broken = assignment.broken;
            let mut value = Value::default();
            let mut reads_itself = false;
            let written = source.slice(assignment.value_span);
            let hidden = secrecy.hides(&assignment.name) || secrecy.is_unsure(written);
            for part in assignment.parts {
                match part {
                    Part::Text(text, origin) => value.pieces.push(Piece {
                        text,
                        origin,
                        via: None,
                    }),
                    Part::Home(span) => {
                        broken |= push_home(source, &mut value, span, home, problems);
                    }
                    Part::Variable(name, span) => {
                        reads_itself |= name == assignment.name;
                        match variables.index.get(&name).copied() {
                            Some(index) => {
                                let Some(used) = variables.list.get_mut(index) else {
                                    continue;
                                };
                                used.used = true;
                                broken |= used.broken;
                                total += used.value.cost();
                                if total > MAX_TOTAL {
                                    problems.push(too_much(source, span));
                                    return variables;
                                }
                                value
                                    .pieces
                                    .extend(used.value.pieces.iter().map(|piece| Piece {
                                        via: Some(span),
                                        ..piece.clone()
                                    }));
                            }
                            None if name == "HOME" => {
                                broken |= push_home(source, &mut value, span, home, problems);
                            }
                            None => {
                                broken = true;
                                variables.unset.push(Unset {
                                    name,
                                    span,
                                    within: assignment.name.clone(),
                                    hidden,
                                });
                            }
                        }
                    }
                }
            }
            let (name, text) = (&assignment.name, value.text());
            let swallows = secrecy.swallows(name, &text) || secrecy.swallows(name, written);
            if !broken && !secrecy.hides(name) && swallows {
                broken = true;
                problems.push(swallowed(source, &assignment.name, assignment.name_span));
            }
            variables.assign(
                source,
                Variable {
                    name: assignment.name,
                    name_span: assignment.name_span,
                    value_span: assignment.value_span,
                    value,
                    broken,
                    used: false,
                },
                reads_itself,
                secrecy,
                problems,
            );
        }
        variables
    }

    fn assign(
        &mut self,
        source: &SourceFile,
        variable: Variable,
        reads_itself: bool,
        secrecy: &Secrecy<'_>,
        problems: &mut Problems,
    ) {
        if let Some(index) = self.index.get(&variable.name).copied()
            && let Some(earlier) = self.list.get_mut(index)
        {
            let said = variable.broken || earlier.broken;
            if !reads_itself && !said && problems.len() < MAX_PROBLEMS {
                problems.push(
                    Problem::warning(
                        "conf::twice",
                        format!(
                            "`{}` is set twice: the last one counts",
                            secrecy.named(&variable.name)
                        ),
                    )
                    .at(source, variable.name_span, "this counts")
                    .at(source, earlier.name_span, "this does not")
                    .help("remove one of the two lines"),
                );
            }
            let used = earlier.used && !reads_itself;
            *earlier = Variable { used, ..variable };
            return;
        }
        self.index.insert(variable.name.clone(), self.list.len());
        self.list.push(variable);
    }

    /// Says which names were used and not set.
    pub(super) fn report_unset(
        &self,
        source: &SourceFile,
        secrecy: &Secrecy<'_>,
        problems: &mut Problems,
    ) {
        let names = || self.list.iter().map(|variable| variable.name.as_str());
        for unset in self.unset.iter().take(MAX_PROBLEMS) {
            let name = &unset.name;
            if unset.hidden {
                let within = secrecy.named(&unset.within);
                problems.push(
                    Problem::error(
                        "conf::unset",
                        format!("the `$` in the value of `{within}` names nothing that is set"),
                    )
                    .at(source, unset.span, "not set")
                    .help(format!(
                        "write `{within}='...'`: single quotes keep every character"
                    )),
                );
                continue;
            }
            let problem = Problem::error("conf::unset", format!("`{name}` is not set")).at(
                source,
                unset.span,
                "used here",
            );
            problems.push(match self.get(name) {
                Some(later) if later.name_span.start > unset.span.start => problem
                    .at(source, later.name_span, "set only here")
                    .help("move this line above the one that uses it"),
                _ => match did_you_mean(name, names()) {
                    Some(close) => problem.help(format!("did you mean `{close}`?")),
                    None => problem.help(format!(
                        "set it above: `{name}=...`; of the environment, only HOME is known"
                    )),
                },
            });
        }
    }
}

/// Adds the home folder; `true` where it is not known.
fn push_home(
    source: &SourceFile,
    value: &mut Value,
    span: Span,
    home: Option<&str>,
    problems: &mut Problems,
) -> bool {
    match home {
        Some(home) => {
            value.pieces.push(Piece {
                text: home.to_owned(),
                origin: span,
                via: Some(span),
            });
            false
        }
        None => {
            problems.push(
                Problem::error("cluster::home", "the home folder is not known")
                    .at(source, span, "stands for it")
                    .help("set HOME, or write the path in full"),
            );
            true
        }
    }
}

fn too_much(source: &SourceFile, span: Span) -> Problem {
    Problem::error(
        "conf::too-much",
        format!(
            "all values together are longer than {} MiB",
            MAX_TOTAL / (1024 * 1024)
        ),
    )
    .at(source, span, "one copy too many")
    .help("write the values out, without names that stand for names")
}

/// A quote that ends too late makes the assignments below a part of the value.
fn swallowed(source: &SourceFile, name: &str, span: Span) -> Problem {
    Problem::error(
        "conf::swallowed",
        format!("the value of `{name}` seems to hold another assignment"),
    )
    .at(source, span, "its value ends too late")
    .help("write a quote at the end of the value, on the same line")
}
