//! The result lines that a script writes through `changed`, `already`, `fact` and `problem`.
//!
//! One line a record, fields with tabs between them, the first field says what it is. In a field,
//! backslash, line feed and tab are written `\\`, `\n` and `\t`; nothing else is escaped.

/// So many bytes of result lines are taken from a script; what is more is left out. A job's are cut at as
/// many by its host.
pub const RESULT_KEPT: usize = 256 << 10;
/// So many records of a kind are taken from a script: of what it changed, of what was right already, and
/// of the problems of each severity. The others are counted.
pub const RECORDS_KEPT: usize = 100;
/// So many bytes of a text in a record are taken; of one that is longer, the end is left out.
pub const TEXT_KEPT: usize = 4 << 10;

/// How bad a reported problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// May be a fault.
    Warning,
    /// It will not work like this.
    Error,
}

/// A problem that a script found on its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedProblem {
    /// The name of the check that found it.
    pub check: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub text: String,
    /// What to do about it; may be empty.
    pub fix: String,
}

/// What a script's result lines say, each kind in the order in which it was written. Of a kind that has
/// more than [`RECORDS_KEPT`] records, the last one says how many more there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultLines {
    /// What it changed.
    pub changed: Vec<String>,
    /// What was right already.
    pub already: Vec<String>,
    /// Names and values that it read from the host. A later value of a name supersedes an earlier.
    pub facts: Vec<(String, String)>,
    /// The problems that it found.
    pub problems: Vec<ReportedProblem>,
    /// How many lines make no sense: written past the functions, or cut because there were too many.
    pub malformed: usize,
    /// Whether there were more bytes than [`RESULT_KEPT`], and the end is missing.
    pub cut: bool,
}

/// How many records of each kind were left out.
#[derive(Default)]
struct LeftOut {
    changed: usize,
    already: usize,
    /// By severity.
    problems: [usize; 3],
}

/// Reads result lines. Never fails: lines that make no sense are counted.
pub fn parse_result(text: &str) -> ResultLines {
    let mut lines = ResultLines {
        cut: text.len() >= RESULT_KEPT,
        ..ResultLines::default()
    };
    let mut left_out = LeftOut::default();
    for line in text.split('\n').filter(|line| !line.is_empty()) {
        if lines.take(line, &mut left_out).is_none() {
            lines.malformed += 1;
        }
    }
    lines.tell(&left_out);
    lines
}

impl ResultLines {
    fn take(&mut self, line: &str, left_out: &mut LeftOut) -> Option<()> {
        let fields: Vec<String> = line.split('\t').map(unescape).collect::<Option<_>>()?;
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        match fields.as_slice() {
            ["changed", text] => keep(&mut self.changed, text, &mut left_out.changed),
            ["already", text] => keep(&mut self.already, text, &mut left_out.already),
            ["fact", name, value] if !name.is_empty() => {
                self.facts.push(((*name).to_owned(), (*value).to_owned()));
            }
            ["problem", check, severity, text, fix] => {
                let severity = match *severity {
                    "error" => Severity::Error,
                    "warning" => Severity::Warning,
                    "note" => Severity::Note,
                    _ => return None,
                };
                let like = |known: &&ReportedProblem| known.severity == severity;
                // Counted apart, so that no flood of notes hides an error.
                let more = &mut left_out.problems[severity as usize];
                if *more > 0 || self.problems.iter().filter(like).count() >= RECORDS_KEPT {
                    *more += 1;
                } else {
                    self.problems.push(ReportedProblem {
                        check: shortened(check),
                        severity,
                        text: shortened(text),
                        fix: shortened(fix),
                    });
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// Says how many records were left out.
    fn tell(&mut self, left_out: &LeftOut) {
        for (texts, more) in [
            (&mut self.changed, left_out.changed),
            (&mut self.already, left_out.already),
        ] {
            if more > 0 {
                texts.push(format!("and {more} more"));
            }
        }
        for severity in [Severity::Error, Severity::Warning, Severity::Note] {
            let more = left_out.problems[severity as usize];
            if more > 0 {
                self.problems.push(ReportedProblem {
                    check: "more".into(),
                    severity,
                    text: format!("and {more} more, which are not kept"),
                    fix: String::new(),
                });
            }
        }
    }
}

/// Keeps a text as long as there are not too many.
fn keep(texts: &mut Vec<String>, text: &str, left_out: &mut usize) {
    if texts.len() < RECORDS_KEPT {
        texts.push(shortened(text));
    } else {
        *left_out += 1;
    }
}

/// At most [`TEXT_KEPT`] bytes of a text, and how many there were more.
fn shortened(text: &str) -> String {
    if text.len() <= TEXT_KEPT {
        return text.to_owned();
    }
    let kept = text
        .get(..text.floor_char_boundary(TEXT_KEPT))
        .unwrap_or_default();
    format!("{kept}... ({} bytes more)", text.len() - kept.len())
}

fn unescape(field: &str) -> Option<String> {
    let mut text = String::with_capacity(field.len());
    let mut letters = field.chars();
    while let Some(letter) = letters.next() {
        text.push(match letter {
            '\\' => match letters.next()? {
                '\\' => '\\',
                'n' => '\n',
                't' => '\t',
                _ => return None,
            },
            other => other,
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_is_read() {
        let lines = parse_result(
            "changed\tthe clock\nalready\tthe zone\nfact\tram_mb\t2048\n\
             problem\tdisk\twarning\ttoo small\tadd one\n",
        );
        assert_eq!(lines.changed, ["the clock"]);
        assert_eq!(lines.already, ["the zone"]);
        assert_eq!(lines.facts, [("ram_mb".to_owned(), "2048".to_owned())]);
        let problem = ReportedProblem {
            check: "disk".into(),
            severity: Severity::Warning,
            text: "too small".into(),
            fix: "add one".into(),
        };
        assert_eq!(lines.problems, [problem]);
        assert_eq!(lines.malformed, 0);
    }

    #[test]
    fn what_makes_no_sense_is_counted() {
        let lines = parse_result(
            "changed\nchanged\ta\tb\nhello\nfact\t\tx\nproblem\tc\tfatal\tt\tf\nchanged\ta\\x\n\
             changed\tcut\\",
        );
        assert_eq!(
            lines,
            ResultLines {
                malformed: 7,
                ..ResultLines::default()
            }
        );
    }

    #[test]
    fn of_what_is_too_much_the_first_are_kept_and_the_others_counted() {
        let mut text = String::new();
        for number in 0..30_000 {
            text.push_str(&format!("changed\tc{number}\n"));
        }
        for number in 0..5_000 {
            text.push_str(&format!("problem\tp\tnote\tn{number}\t\n"));
        }
        text.push_str("problem\tdisk\terror\tit is full\t\n");
        let lines = parse_result(&text);
        assert_eq!(lines.changed.len(), RECORDS_KEPT + 1);
        assert_eq!(lines.changed.first().map(String::as_str), Some("c0"));
        assert_eq!(
            lines.changed.last().map(String::as_str),
            Some("and 29900 more")
        );
        let errors = |problem: &&ReportedProblem| problem.severity == Severity::Error;
        let error = lines.problems.iter().find(errors);
        assert_eq!(error.map(|error| error.text.as_str()), Some("it is full"));
        let last = lines
            .problems
            .last()
            .map(|last| (last.severity, last.text.as_str()));
        assert_eq!(
            last,
            Some((Severity::Note, "and 4900 more, which are not kept"))
        );
        assert_eq!(lines.problems.len(), RECORDS_KEPT + 2);
    }

    #[test]
    fn a_long_text_is_cut_where_a_letter_ends() {
        let text = format!("changed\t{}\n", "é".repeat(TEXT_KEPT));
        let changed = parse_result(&text).changed;
        let expected = format!("{}... (4096 bytes more)", "é".repeat(TEXT_KEPT / 2));
        assert_eq!(changed, [expected]);
        assert!(!parse_result(&text).cut && parse_result(&"x".repeat(RESULT_KEPT)).cut);
    }

    /// Calls lib.sh in a real shell with any texts, and reads back what it wrote.
    fn written_by(shell: &[&str], texts: &[String; 6]) -> ResultLines {
        let quoted: Vec<String> = texts
            .iter()
            .map(|text| format!("'{}'", text.replace('\'', r"'\''")))
            .collect();
        let [a, b, c, d, e, f] = quoted.as_slice() else {
            panic!("six texts")
        };
        let script = format!(
            "set -eu\nPX_RESULT=/proc/self/fd/1\n{}\nchanged {a}\nalready {b}\nfact name {c}\n\
             problem {d} note {e} {f}\n",
            include_str!("host/lib.sh")
        );
        let mut child = Command::new(shell[0])
            .args(&shell[1..])
            .arg("-s")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the shell starts");
        child
            .stdin
            .take()
            .expect("it is piped")
            .write_all(script.as_bytes())
            .expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success());
        parse_result(&String::from_utf8(output.stdout).expect("texts are UTF-8"))
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[^\u{0}]{0,30}",
            r"[\\\n\t'*?nt \[\]]{0,30}",
            Just("-n".to_owned()),
            Just("%s%d\\c".to_owned()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn any_text_comes_through_any_shell(
            texts in [text(), text(), text(), text(), text(), text()],
        ) {
            for shell in [&["dash"][..], &["bash", "--posix"][..], &["sh"][..]] {
                let lines = written_by(shell, &texts);
                let [a, b, c, d, e, f] = texts.clone();
                let expected = ResultLines {
                    changed: vec![a],
                    already: vec![b],
                    facts: vec![("name".into(), c)],
                    problems: vec![ReportedProblem {
                        check: d, severity: Severity::Note, text: e, fix: f,
                    }],
                    malformed: 0,
                    cut: false,
                };
                prop_assert_eq!(lines, expected);
            }
        }
    }
}
