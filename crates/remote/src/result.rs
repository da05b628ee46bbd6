//! The result lines that a script writes through `changed`, `already`, `fact` and `problem`.
//!
//! One line a record, fields with tabs between them, the first field says what it is. In a field,
//! backslash, line feed and tab are written `\\`, `\n` and `\t`; nothing else is escaped.

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

/// What a script's result lines say, each kind in the order in which it was written.
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
}

/// Reads result lines. Never fails: lines that make no sense are counted.
pub fn parse_result(text: &str) -> ResultLines {
    let mut lines = ResultLines::default();
    for line in text.split('\n').filter(|line| !line.is_empty()) {
        if lines.take(line).is_none() {
            lines.malformed += 1;
        }
    }
    lines
}

impl ResultLines {
    fn take(&mut self, line: &str) -> Option<()> {
        let fields: Vec<String> = line.split('\t').map(unescape).collect::<Option<_>>()?;
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        match fields.as_slice() {
            ["changed", text] => self.changed.push((*text).to_owned()),
            ["already", text] => self.already.push((*text).to_owned()),
            ["fact", name, value] if !name.is_empty() => {
                self.facts.push(((*name).to_owned(), (*value).to_owned()));
            }
            ["problem", check, severity, text, fix] => self.problems.push(ReportedProblem {
                check: (*check).to_owned(),
                severity: match *severity {
                    "error" => Severity::Error,
                    "warning" => Severity::Warning,
                    "note" => Severity::Note,
                    _ => return None,
                },
                text: (*text).to_owned(),
                fix: (*fix).to_owned(),
            }),
            _ => return None,
        }
        Some(())
    }
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
                };
                prop_assert_eq!(lines, expected);
            }
        }
    }
}
