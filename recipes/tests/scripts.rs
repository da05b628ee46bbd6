//! Every script of every recipe is read by the shells that it may meet.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::process::{Command, Stdio};

/// dash is what `sh` is on some systems; bash, in POSIX mode, what it is on EL 7.
const SHELLS: [&[&str]; 2] = [&["sh", "-n"], &["bash", "--posix", "-n"]];

#[test]
fn scripts_are_read_by_sh() {
    let mut scripts = 0;
    for recipe in phalanx_recipes::names() {
        for (path, text) in phalanx_recipes::find(recipe).unwrap() {
            if !(path.starts_with("scripts/")) {
                continue;
            }
            scripts += 1;
            for shell in SHELLS {
                let mut child = Command::new(shell[0])
                    .args(&shell[1..])
                    .stdin(Stdio::piped())
                    .spawn()
                    .unwrap();
                child.stdin.take().unwrap().write_all(&text).unwrap();
                assert!(
                    child.wait().unwrap().success(),
                    "{recipe}: {path}, {shell:?}"
                );
            }
        }
    }
    assert!(scripts >= 9, "{scripts}");
}

/// Whether a word of a command line is the option: `--word` also with a value, `-x` also in a bundle.
fn is_option(word: &str, option: &str) -> bool {
    if let Some(long) = word.strip_prefix(option)
        && (long.is_empty() || (option.starts_with("--") && long.starts_with('=')))
    {
        return true;
    }
    let mut letters = option.chars();
    let bundle = word.strip_prefix('-').unwrap_or_default();
    match (letters.next(), letters.next(), letters.next()) {
        (Some('-'), Some(letter), None) if letter != '-' => {
            bundle.chars().all(|c| c.is_ascii_alphabetic()) && bundle.contains(letter)
        }
        _ => false,
    }
}

/// The words of a script that are options of the tool, each behind the tool and in the same command.
fn options_of<'a>(script: &'a str, tool: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    for line in script.lines().map(str::trim_start) {
        if line.starts_with('#') {
            continue;
        }
        for command in line.split(['|', ';', '&', '(', '`']) {
            let mut words = command.split_whitespace().skip_while(|word| *word != tool);
            words.next();
            found.extend(
                words
                    .take_while(|word| *word != "--")
                    .filter(|w| w.starts_with('-')),
            );
        }
    }
    found
}

#[test]
fn no_script_uses_what_the_tools_of_el_7_do_not_know() {
    let mut scripts: Vec<(String, String)> = Vec::new();
    let mut lists = String::new();
    for recipe in phalanx_recipes::names() {
        for (path, text) in phalanx_recipes::find(recipe).unwrap() {
            let text = String::from_utf8_lossy(&text).into_owned();
            if path.starts_with("scripts/") || path.starts_with("templates/") {
                scripts.push((path, text));
            } else if path == "lab/el7-tools" {
                lists.push_str(&text);
            }
        }
    }
    // What every request brings to a host.
    let host = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/remote/src/host");
    for entry in std::fs::read_dir(host).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        scripts.push((path.display().to_string(), text));
    }
    let (mut searched, mut faults) = (0, Vec::new());
    for line in lists.lines().filter(|line| !line.starts_with('#')) {
        let line = line.strip_prefix("searched ").unwrap_or(line);
        let (tool, options) = line.split_once(' ').unwrap();
        if tool == "absent" {
            continue;
        }
        for option in options.split_whitespace().filter(|o| o.starts_with('-')) {
            searched += 1;
            for (path, script) in &scripts {
                for word in options_of(script, tool) {
                    if is_option(word, option) {
                        faults.push(format!("{path}: {tool} {word}"));
                    }
                }
            }
        }
    }
    assert!(searched > 80, "{searched}");
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn an_option_is_found_where_it_is_one() {
    let script = "# ss -H\nx=$(ss -lntH | head -n 1)\nsystemctl show --value=1 -p A\nhead -n 3\n";
    assert!(
        options_of(script, "ss")
            .iter()
            .any(|word| is_option(word, "-H"))
    );
    assert!(
        options_of(script, "systemctl")
            .iter()
            .any(|word| is_option(word, "--value"))
    );
    assert!(
        !options_of(script, "head")
            .iter()
            .any(|word| is_option(word, "-z"))
    );
    assert!(!is_option("--verbose", "-v") && !is_option("--values", "--value"));
}

#[test]
fn no_script_makes_a_file_system_or_forgets_an_agent() {
    for (path, text) in phalanx_recipes::find("dcos").unwrap() {
        let text = String::from_utf8_lossy(&text).into_owned();
        if !path.starts_with("scripts/") {
            continue;
        }
        // In a text it may stand as advice.
        let commands = text.lines().map(str::trim_start);
        let commands = commands.filter(|line| !line.starts_with(['"', '#']));
        for line in commands {
            for word in ["mkfs", "fstab", "meta/slaves", "/var/lib/mesos"] {
                assert!(!line.contains(word), "{path}: {line}");
            }
        }
    }
}
