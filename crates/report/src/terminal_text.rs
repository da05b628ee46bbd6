//! Text from hosts, made harmless for a terminal: a host must not be able to move the cursor, change
//! colours, set the window's title or hide what it wrote.

use std::fmt::Write as _;
use std::iter::Peekable;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `text` without escape sequences; other control characters in caret notation (`^G`), characters that
/// nobody sees or that change the direction of writing as `<U+202E>`. Line ends become spaces, tabs stay.
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_control_sequence(&mut chars),
            '\t' => out.push(c),
            '\n' | '\r' => out.push(' '),
            '\0'..='\u{1f}' => {
                out.push('^');
                out.push(char::from((c as u8) ^ 0x40));
            }
            '\u{7f}' => out.push_str("^?"),
            c if is_hidden(c) => {
                // Writing to a string never fails.
                let _ = write!(out, "<U+{:04X}>", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out
}

/// Whether a character is not seen, or changes what is seen around it: controls beyond ASCII, spaces of no
/// width and marks of direction, line and paragraph separators, fillers, tags, and what is no character.
pub fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    ) || u32::from(c) & 0xfffe == 0xfffe
}

/// One line out of raw bytes: what stands after the last carriage return that something follows (a
/// progress bar's last state), bytes that are no UTF-8 replaced, then [`harmless`].
pub fn line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let shown = text.trim_end_matches(['\r', '\n']);
    let shown = shown
        .rsplit('\r')
        .find(|part| !part.is_empty())
        .unwrap_or_default();
    harmless(shown)
}

fn skip_escape(chars: &mut Peekable<impl Iterator<Item = char>>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_control_sequence(chars);
        }
        // A string (title, hyperlink, device control) ends with BEL or ESC \.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            while let Some(c) = chars.next() {
                if c == '\u{7}' {
                    return;
                }
                if c == '\u{1b}' {
                    if chars.peek() == Some(&'\\') {
                        chars.next();
                    }
                    return;
                }
            }
        }
        Some(' '..='/') => {
            while chars.next_if(|c| (' '..='/').contains(c)).is_some() {}
            chars.next_if(|c| ('0'..='~').contains(c));
        }
        Some('0'..='~') => {
            chars.next();
        }
        _ => {}
    }
}

fn skip_control_sequence(chars: &mut Peekable<impl Iterator<Item = char>>) {
    while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
    chars.next_if(|c| ('@'..='~').contains(c));
}

/// `text` cut to `width` columns, with `mark` at its end where something was cut.
pub fn cut(text: &str, width: usize, mark: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(mark.width());
    let mut used = 0;
    let mut out = String::new();
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > room {
            break;
        }
        out.push(c);
    }
    out.push_str(mark);
    out
}

/// `text` in rows of at most `width` columns, broken at spaces; a word that is longer than a row goes on in the
/// next. Nothing is left out but the spaces at which it is broken.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(2); // a wide character has to fit
    let mut rows = Vec::new();
    let (mut row, mut used) = (String::new(), 0);
    for word in text.split(' ') {
        let wide = word.width();
        let gap = usize::from(!row.is_empty());
        if used + gap + wide <= width {
            row.push_str(if gap > 0 { " " } else { "" });
            row.push_str(word);
            used += gap + wide;
            continue;
        }
        if word.is_empty() {
            continue;
        }
        if !row.is_empty() {
            rows.push(std::mem::take(&mut row));
        }
        used = 0;
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            if used + wide > width {
                rows.push(std::mem::take(&mut row));
                used = 0;
            }
            used += wide;
            row.push(c);
        }
    }
    rows.push(row);
    rows
}

/// `text` with spaces to the right up to `width` columns.
pub(crate) fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escape_sequences_go_and_controls_show() {
        for (raw, shown) in [
            ("\x1b[1;31mred\x1b[0m", "red"),
            ("\x1b]0;title\x07after", "after"),
            ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\x1b(Bplain", "plain"),
            ("\x1b7saved", "saved"),
            ("bell\x07 del\x7f", "bell^G del^?"),
            ("a\u{202e}b", "a<U+202E>b"),
            ("zero\u{200b}width\u{feff}", "zero<U+200B>width<U+FEFF>"),
            (
                "\u{61c}\u{180e}\u{2060}\u{2069}",
                "<U+061C><U+180E><U+2060><U+2069>",
            ),
            ("\u{ffff}\u{e0041}\u{10fffe}", "<U+FFFF><U+E0041><U+10FFFE>"),
            ("naïve 日本語 \u{fffd}", "naïve 日本語 \u{fffd}"),
            ("\u{9b}31mx", "x"),
            ("cut short \x1b[31", "cut short "),
            ("cut short \x1b", "cut short "),
            ("tab\tstays", "tab\tstays"),
        ] {
            assert_eq!(harmless(raw), shown, "{raw:?}");
        }
    }

    #[test]
    fn a_progress_bar_shows_its_last_state() {
        assert_eq!(line(b" 10%\r 50%\r100%\r\n"), "100%");
        assert_eq!(line(b"\r\n"), "");
        assert_eq!(line(b"\xff\xfe ok"), "\u{fffd}\u{fffd} ok");
    }

    #[test]
    fn cutting_counts_columns() {
        assert_eq!(cut("abcdef", 6, "…"), "abcdef");
        assert_eq!(cut("abcdefg", 6, "…"), "abcde…");
        assert_eq!(cut("日本語", 5, "…"), "日本…");
        assert_eq!(cut("abc", 0, ""), "");
    }

    #[test]
    fn rows_are_broken_at_spaces_and_long_words_go_on() {
        assert_eq!(wrap("ab cd ef", 5), ["ab cd", "ef"]);
        assert_eq!(wrap("ab abcdefgh c", 4), ["ab", "abcd", "efgh", "c"]);
        assert_eq!(wrap("日本語", 4), ["日本", "語"]);
        assert_eq!(wrap("", 4), [""]);
    }

    proptest! {
        #[test]
        fn rows_hold_all_that_is_said(text in "[a-c ]{0,60}|\\PC{0,40}", width in 0usize..30) {
            let rows = wrap(&text, width);
            prop_assert!(rows.iter().all(|row| row.width() <= width.max(2)), "{rows:?}");
            let said = |text: &str| text.replace(' ', "");
            prop_assert_eq!(said(&rows.concat()), said(&text));
        }

        #[test]
        fn nothing_that_controls_a_terminal_is_left(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let shown = line(&bytes);
            prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\t'), "{shown:?}");
        }

        #[test]
        fn nothing_unseen_is_left(text in any::<String>()) {
            let shown = harmless(&text);
            prop_assert!(!shown.chars().any(is_hidden), "{shown:?}");
        }
    }
}
