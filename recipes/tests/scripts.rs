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
