//! The file as it may be shown: with nothing in it that may be a secret.
//!
//! A value is shown where its key says that it is no secret. Of a file that is no YAML nobody can
//! say which value belongs to which key: of it, keys that are known are shown, and what stands right
//! behind one before the settings begin.

use std::collections::HashMap;

use saphyr_parser::{Event, ScalarStyle};

use super::keys::{FILE_KEYS, HOST_KEYS, SSH_KEYS};
use crate::likely_name::{is_name_character, looks_like_a_name};
use crate::shown_settings::{Shape, ShownSettings};
use crate::source::{SourceFile, Span};
use crate::suggest::did_you_mean;
use crate::yaml::Parsed;

/// So many words of a file that is no YAML are compared with known names.
const MAX_COMPARED: usize = 1000;

/// The file without all that may be a secret. Every place in it stays where it is.
pub(super) fn shown(
    source: &SourceFile,
    parsed: &Parsed<'_>,
    settings: &ShownSettings,
) -> SourceFile {
    let mut mask = Mask {
        source,
        settings,
        shown: Vec::new(),
        hidden: Vec::new(),
        open: Vec::new(),
    };
    for met in parsed.events() {
        match met {
            Ok((event, span)) => mask.take(event, span),
            Err(_) => return guessed(source, settings),
        }
    }
    source.only(&mask.shown, &mask.hidden, is_structure)
}

fn is_structure(c: char) -> bool {
    "{}[],:-?|>&*!%\"'#".contains(c)
}

/// What stands at a place.
#[derive(Clone, Copy)]
enum Place<'s> {
    File,
    Hosts,
    Host,
    Ssh,
    /// A text, or a list of texts, that nobody keeps secret.
    Words,
    /// The same, of paths: they may hold any character.
    Paths,
    Settings,
    Plain(&'s Shape),
    /// It may be a secret.
    Hidden,
}

/// A list or mapping that is still open.
struct Open<'s> {
    place: Place<'s>,
    is_map: bool,
    /// Whether it is written in brackets or braces, or stands in such.
    is_flow: bool,
    key: Option<Key<'s>>,
}

/// A key whose value is still to come.
struct Key<'s> {
    span: Span,
    /// Whether the key may be shown: always, or only where it has a value.
    known: bool,
    possible: bool,
    value: Place<'s>,
}

struct Mask<'s> {
    source: &'s SourceFile,
    settings: &'s ShownSettings,
    shown: Vec<Span>,
    hidden: Vec<Span>,
    open: Vec<Open<'s>>,
}

impl<'s> Mask<'s> {
    fn take(&mut self, event: &Event<'_>, span: Span) {
        match event {
            Event::Scalar(text, style, ..) => self.scalar(text, *style, span),
            Event::SequenceStart(..) => {
                let place = match self.next(true) {
                    Place::Hosts => Place::Host,
                    place @ (Place::Words | Place::Paths | Place::Plain(_)) => place,
                    _ => Place::Hidden,
                };
                self.open(place, false, span);
            }
            Event::MappingStart(..) => {
                let place = match self.next(true) {
                    Place::Hosts | Place::Words | Place::Paths => Place::Hidden,
                    place => place,
                };
                self.open(place, true, span);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
            }
            Event::Alias(_) => {
                self.next(true);
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
    }

    fn open(&mut self, place: Place<'s>, is_map: bool, span: Span) {
        // What begins it may stand behind an anchor or a tag.
        let written = self.source.text().get(span.start..).unwrap_or_default();
        let mut words = written.split_whitespace();
        let first = words.find(|word| !word.starts_with(['&', '!']));
        let bracket = first.is_some_and(|word| word.starts_with(['[', '{']));
        let is_flow = bracket || self.open.last().is_some_and(|open| open.is_flow);
        self.open.push(Open {
            place,
            is_map,
            is_flow,
            key: None,
        });
    }

    /// The place of the node that comes now. As a key, it is none that may be shown.
    fn next(&mut self, has_value: bool) -> Place<'s> {
        let Some(open) = self.open.last_mut() else {
            return Place::File;
        };
        if !open.is_map {
            return open.place;
        }
        match open.key.take() {
            Some(key) => {
                if key.known || (key.possible && has_value) {
                    self.shown.push(key.span);
                } else {
                    self.hidden.push(key.span);
                }
                key.value
            }
            None => {
                open.key = Some(Key {
                    span: Span::default(),
                    known: false,
                    possible: false,
                    value: Place::Hidden,
                });
                Place::Hidden
            }
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) {
        let is_key = self
            .open
            .last()
            .is_some_and(|open| open.is_map && open.key.is_none());
        if is_key {
            let colon = self.source.text().get(span.end..).unwrap_or_default();
            let colon = colon.trim_start_matches([' ', '\t']).starts_with(':');
            if let Some(open) = self.open.last_mut() {
                let (known, value) = below(open.place, text, self.settings);
                let nameless = matches!(open.place, Place::Hidden);
                open.key = Some(Key {
                    span,
                    known,
                    possible: colon && !nameless && looks_like_a_name(text),
                    value,
                });
            }
            return;
        }
        let has_value = style != ScalarStyle::Plain || !text.is_empty();
        let place = self.next(has_value);
        let written = self.source.slice(span).trim_end();
        let one_line = !written.contains('\n');
        let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        let plain = match place {
            Place::Words | Place::Paths => one_line || (block && !text.trim_end().contains('\n')),
            // What goes over lines without being meant to lacks a quote.
            Place::Plain(_) => one_line || block,
            _ => false,
        };
        let swallows = match place {
            Place::Paths => self.settings.swallows_secret(text),
            Place::Plain(_) if self.settings.names_secret(text) => true,
            _ => self.settings.swallows_key(text),
        };
        if plain && !swallows && !self.is_odd(text, style, place) {
            self.shown.push(span);
        } else if has_value {
            self.hidden.push(span);
        }
    }

    /// Whether a value without quotes most likely took along what follows it, which lost its comma, its line's end
    /// or its colon.
    fn is_odd(&self, text: &str, style: ScalarStyle, place: Place<'_>) -> bool {
        if style != ScalarStyle::Plain {
            return false;
        }
        // A quote in the middle is one that another value lost.
        if text.contains(['"', '\'']) {
            return true;
        }
        let is_setting = matches!(place, Place::Plain(_));
        let in_flow = self.open.last().is_some_and(|open| open.is_flow);
        // In brackets a lost comma leaves a blank; elsewhere a lost line's end leaves the next line's indentation.
        let apart = match in_flow {
            true => text.split_whitespace().nth(1).is_some(),
            false => text.contains("  "),
        };
        (is_setting && apart) || self.settings.has_secrets_name(text)
    }
}

/// What stands behind a key, and whether the key is known.
fn below<'s>(place: Place<'s>, key: &str, settings: &'s ShownSettings) -> (bool, Place<'s>) {
    let known = |keys: &[&str], place| match keys.contains(&key) {
        true => (true, place),
        false => (false, Place::Hidden),
    };
    match place {
        Place::File => match key {
            "hosts" => (true, Place::Hosts),
            "ssh" => (true, Place::Ssh),
            "settings" => (true, Place::Settings),
            "recipe" => (true, Place::Paths),
            _ => known(&FILE_KEYS, Place::Words),
        },
        Place::Host => known(&HOST_KEYS, Place::Words),
        Place::Ssh if matches!(key, "key" | "keys" | "known_hosts") => (true, Place::Paths),
        Place::Ssh => known(&SSH_KEYS, Place::Words),
        Place::Settings => match settings.plain(key) {
            Some(shape) => (true, Place::Plain(shape)),
            None => (settings.is_secret(key), Place::Hidden),
        },
        Place::Plain(_) if settings.means_secret(key) => (true, Place::Hidden),
        Place::Plain(shape) => match shape.below(key) {
            Some(shape) => (true, Place::Plain(shape)),
            None => (false, Place::Hidden),
        },
        Place::Hosts | Place::Words | Place::Paths | Place::Hidden => (false, Place::Hidden),
    }
}

/// A file that is no YAML, without all that may be a secret.
fn guessed(source: &SourceFile, settings: &ShownSettings) -> SourceFile {
    let mut guess = Guess {
        settings,
        seen: HashMap::new(),
        in_settings: false,
        shown: Vec::new(),
    };
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        guess.line(start, line);
        start += line.len();
    }
    source.only(&guess.shown, &[], is_structure)
}

struct Guess<'s> {
    settings: &'s ShownSettings,
    seen: HashMap<&'s str, Word>,
    /// Whether the settings may have begun.
    in_settings: bool,
    shown: Vec<Span>,
}

/// What a word in front of a colon most likely is.
#[derive(Clone, Copy, PartialEq)]
enum Word {
    /// A key whose value is no secret.
    Plain,
    /// Any other key, also a misspelt one.
    Key,
    /// The key of the settings, or one that was meant to be it.
    Settings,
    /// It may be anything.
    Unknown,
}

impl<'s> Guess<'s> {
    fn line(&mut self, start: usize, line: &'s str) {
        let mut at = 0;
        while let Some(rest) = line.get(at..).filter(|rest| !rest.is_empty()) {
            let word = rest.len() - rest.trim_start_matches(is_name_character).len();
            let Some(name) = rest.get(..word).filter(|name| !name.is_empty()) else {
                at += rest.chars().next().map_or(1, char::len_utf8);
                continue;
            };
            let begins = line
                .get(..at)
                .and_then(|before| before.chars().next_back())
                .is_none_or(|c| c.is_whitespace() || "{,[\"'-?\u{feff}".contains(c));
            let behind = rest.get(word..).unwrap_or_default();
            let colon = behind.trim_start_matches(['"', '\'', ' ', '\t']);
            let means = match begins && colon.starts_with(':') {
                true => self.word(name),
                false => Word::Unknown,
            };
            if means != Word::Unknown {
                self.shown.push(Span::new(start + at, start + at + word));
            }
            match means {
                Word::Settings => self.in_settings = true,
                // At the start of a line these end what the settings are.
                _ if at == 0 && matches!(name, "hosts" | "ssh") => self.in_settings = false,
                _ => {}
            }
            at += word;
            if means == Word::Plain && !self.in_settings {
                at = line.len() - colon.len() + 1;
                at += self.value(start + at, line.get(at..).unwrap_or_default());
            }
        }
    }

    /// Shows the value at the start of `rest`; tells how far it goes.
    fn value(&mut self, start: usize, rest: &str) -> usize {
        let from = rest.len() - rest.trim_start_matches([' ', '\t', '"', '\'', '[']).len();
        let value = rest.get(from..).unwrap_or_default();
        let end = value
            .find(|c: char| c.is_whitespace() || ",{}[]\"'#".contains(c))
            .unwrap_or(value.len());
        let value = value.get(..end).unwrap_or_default();
        if !self.settings.swallows_key(value) {
            let start = start + from;
            self.shown.push(Span::new(start, start + end));
        }
        from + end
    }

    fn word(&mut self, name: &'s str) -> Word {
        if let Some(word) = self.seen.get(name) {
            return *word;
        }
        if self.seen.len() >= MAX_COMPARED {
            return Word::Unknown;
        }
        let keys = || FILE_KEYS.into_iter().chain(HOST_KEYS).chain(SSH_KEYS);
        let word = if self.settings.means_secret(name) {
            Word::Key
        } else if did_you_mean(name, ["settings"]).is_some() {
            Word::Settings
        } else if keys().any(|key| key == name) {
            Word::Plain
        } else if did_you_mean(name, keys().chain(self.settings.plain_names())).is_some() {
            Word::Key
        } else {
            Word::Unknown
        };
        self.seen.insert(name, word);
        word
    }
}
