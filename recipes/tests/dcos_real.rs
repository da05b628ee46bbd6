//! What the real DC/OS was found to do otherwise: every row of its table names tests, and they are there.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

#[test]
fn every_row_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/campaigns/dcos-real.md")).unwrap();
    let numbered = |letter: char, last: u8| (1..=last).map(move |n| format!("{letter}{n}"));
    for number in numbered('F', 12).chain(numbered('D', 14)) {
        let mut rows = page
            .lines()
            .filter(|line| line.starts_with(&format!("| {number} |")));
        let row = rows.next();
        assert!(row.is_some() && rows.next().is_none(), "{number} once");
        let tests = row.unwrap().rsplit('|').nth(1).unwrap();
        let tests: Vec<&str> = tests.split(',').map(|test| test.trim()).collect();
        for test in tests {
            let named = test
                .strip_prefix('`')
                .and_then(|test| test.strip_suffix('`'));
            let (file, name) = named.and_then(|test| test.split_once("::")).unwrap();
            let text = fs::read_to_string(root.join(file))
                .unwrap_or_else(|error| unreachable!("{number}: {file}: {error}"));
            assert!(
                is_test(file, &text, name),
                "{number}: no test {name} in {file}"
            );
        }
    }
}

/// Whether the file has a test of this name, and not only a function.
fn is_test(file: &str, text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().enumerate().any(|(at, line)| {
        if file.ends_with(".py") {
            return line.trim() == format!("def {name}(self):") && name.starts_with("test_");
        }
        let own = line.trim_start().trim_start_matches("async ");
        let above = lines[..at].iter().rev().take_while(|line| !line.is_empty());
        own.starts_with(&format!("fn {name}("))
            && above
                .map(|line| line.trim())
                .take_while(|line| line.starts_with("#["))
                .any(|line| line.ends_with("test]") || line.contains("::test("))
    })
}

#[test]
fn a_function_is_no_test_for_its_name_alone() {
    let text = "#[test]\nfn one() {}\n\nfn two() {}\n\n#[tokio::test]\nasync fn three() {}\n";
    assert!(is_test("x.rs", text, "one") && is_test("x.rs", text, "three"));
    assert!(!is_test("x.rs", text, "two") && !is_test("x.rs", text, "on"));
}
