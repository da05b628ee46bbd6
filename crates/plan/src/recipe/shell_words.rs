//! The words of a shell script, as far as a look at its text tells.

/// Whether a script's first line asks for sh; none where it asks for nothing.
pub(super) fn asks_for_sh(text: &str) -> Option<bool> {
    let program = text.lines().next()?.strip_prefix("#!")?;
    let mut words = program.split_whitespace();
    let shell = match words.next() {
        Some(env) if env.ends_with("/env") => words.next(),
        shell => shell,
    };
    Some(shell.is_some_and(|shell| shell.rsplit('/').next() == Some("sh")))
}

/// A word of a command that only bash understands, though a shell that only reads it finds nothing wrong; with its
/// place and what to write instead.
pub(super) fn bashism<'l>(words: &[(usize, &'l str)]) -> Option<(usize, &'l str, &'static str)> {
    let (at, command) = *words.first()?;
    let other = |wanted: &str| words.iter().skip(1).find(|(_, word)| *word == wanted);
    let (at, word, instead) = match command {
        "[[" => (at, command, "write `[ ... ]`, or `case`"),
        "function" => (at, command, "write `name() { ...; }`"),
        "source" => (at, command, "write `. file`"),
        "declare" | "typeset" => (at, command, "assign it: `name=value`"),
        "shopt" => (at, command, "do without, or ask with `case`"),
        "mapfile" | "readarray" => (at, command, "write `while read -r line; do ...; done`"),
        "pushd" | "popd" => (at, command, "write `(cd DIR && ...)`"),
        "[" | "test" => {
            let (at, word) = other("==")?;
            (*at, *word, "write `=`")
        }
        "echo" => {
            let (at, word) = words.get(1).filter(|(_, word)| *word == "-e")?;
            (*at, *word, "write `printf '%s\\n' ...`")
        }
        "set" => {
            let (at, word) = other("pipefail")?;
            (*at, *word, "look at the status of each command")
        }
        _ => return None,
    };
    Some((at, word, instead))
}

/// Whether the line begins a function of awk, which has parameters: a shell's has none.
pub(super) fn is_awk_function(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("function ") && line.contains('(') && !line.contains("()")
}

/// Whether a word stands for itself: no shell makes another text of it.
pub(super) fn is_literal(word: &str) -> bool {
    !word.contains(['$', '`', '*', '?', '\\'])
}

/// A word without the quotes around it.
pub(super) fn unquoted(word: &str) -> &str {
    word.trim_matches(['"', '\''])
}

/// The words of a command, each with its place in the line.
pub(super) type Command<'l> = Vec<(usize, &'l str)>;

/// The commands of a line, roughly: the words of each with their places, and where the line's
/// comment begins. Words that only lead to a command (`then`, `if`, `!`) are left out.
pub(super) fn commands(line: &str) -> (Vec<Command<'_>>, usize) {
    let mut found: Vec<Command<'_>> = vec![Vec::new()];
    let mut word_start = None;
    let mut quote = None;
    let mut end = line.len();
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (Some(open), _) => {
                if c == open {
                    quote = None;
                }
            }
            (None, '"' | '\'') => {
                quote = Some(c);
                word_start = word_start.or(Some(at));
            }
            (None, '#') if word_start.is_none() => {
                end = at;
                break;
            }
            (None, ';' | '|' | '&' | '(' | ')' | '`') => {
                finish(line, &mut found, word_start.take(), at);
                found.push(Vec::new());
            }
            (None, c) if c.is_whitespace() => finish(line, &mut found, word_start.take(), at),
            (None, _) => word_start = word_start.or(Some(at)),
        }
    }
    finish(line, &mut found, word_start.take(), end);
    (found, end)
}

/// Ends the word that began at `start`, where one did.
fn finish<'l>(line: &'l str, found: &mut [Command<'l>], start: Option<usize>, end: usize) {
    const LEADING: [&str; 9] = [
        "if", "then", "else", "elif", "do", "while", "until", "!", "{",
    ];
    if let (Some(start), Some(command)) = (start, found.last_mut()) {
        let word = line.get(start..end).unwrap_or_default();
        if !(command.is_empty() && LEADING.contains(&word)) {
            command.push((start, word));
        }
    }
}
