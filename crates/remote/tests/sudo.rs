//! Root by sudo, with a terminal where sudo wants one.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests say what they expect by unwrapping"
)]

mod support;

use std::sync::atomic::Ordering;

use phalanx_remote::{FileToPut, HostOptions, HostProtocol, JobState, PutOutcome, RequestError};
use support::{Host, LocalExec, Recorder, attach, id, program, release, script, start, within};

/// A host whose sudo is this script; the rest of its arguments is the command.
fn with_sudo(host: &Host, text: &str) -> (LocalExec, HostProtocol) {
    let programs = host.folder.path().join("bin");
    std::fs::create_dir_all(&programs).expect("a folder");
    let check = "[ \"$1 $2\" = '-n --' ] || exit 99; shift 2\n";
    program(&programs, "sudo", &format!("#!/bin/sh\n{check}{text}"));
    let mut exec = host.exec.clone();
    exec.programs = Some(programs);
    let options = HostOptions {
        sudo: true,
        ..host.options()
    };
    (exec.clone(), host.protocol_over(exec, options))
}

const WANTS_TTY: &str = "tty -s || { echo 'sudo: sorry, you must have a tty' >&2; exit 1; }\n\
                         exec \"$@\"";

#[tokio::test]
async fn sudo_is_used_where_the_login_is_not_root() {
    for host in Host::each() {
        let (exec, protocol) = with_sudo(&host, "SUDO_USER=me exec \"$@\"");
        let mut output = Vec::new();
        let end = within(protocol.probe(&script("echo a$SUDO_USER"), &mut output))
            .await
            .unwrap();
        assert_eq!((end.status, output.as_slice()), (0, &b"a\n"[..]));
        let mut seen = Recorder::default();
        let end = start(&protocol, &id("job"), "echo a; exit 3", &mut seen)
            .await
            .unwrap();
        assert_eq!(
            (end.state, seen.text().as_str()),
            (JobState::Ended(3), "a\n")
        );
        assert_eq!(exec.terminals.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test]
async fn a_password_cannot_be_given() {
    let host = &Host::each()[0];
    let (exec, protocol) = with_sudo(host, "echo 'sudo: a password is required' >&2; exit 1");
    let error = within(protocol.boot_identity()).await.unwrap_err();
    let RequestError::Sudo(sudo) = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (sudo.said.as_str(), sudo.wants_password),
        ("sudo: a password is required", true)
    );
    assert_eq!(exec.opened.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_refusal_is_told_whatever_its_language() {
    let host = &Host::each()[0];
    let (exec, protocol) = with_sudo(host, "echo 'sudo: ich darf nicht' >&2; exit 1");
    let error = within(protocol.boot_identity()).await.unwrap_err();
    let RequestError::Sudo(sudo) = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (sudo.said.as_str(), sudo.wants_password),
        ("sudo: ich darf nicht", false)
    );
    // With a terminal it was no better.
    assert_eq!(exec.terminals.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_large_request_does_not_hide_what_sudo_said() {
    let host = &Host::each()[0];
    let (_, protocol) = with_sudo(host, "echo 'sudo: a password is required' >&2; exit 1");
    let text = format!("# {}", "x".repeat(2_000_000));
    let error = start(&protocol, &id("large"), &text, &mut Recorder::default()).await;
    assert!(
        matches!(
            error,
            Err(phalanx_remote::JobError::Request(RequestError::Sudo(_)))
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_terminal_is_given_once_it_is_known_to_be_wanted() {
    for host in Host::each() {
        let (exec, protocol) = with_sudo(&host, WANTS_TTY);
        for expected in [(2, 1), (3, 2)] {
            within(protocol.boot_identity()).await.unwrap();
            let opened = exec.opened.load(Ordering::Relaxed);
            assert_eq!((opened, exec.terminals.load(Ordering::Relaxed)), expected);
        }
    }
}

#[tokio::test]
async fn a_terminal_changes_no_byte() {
    let all: Vec<u8> = (0..=255u8).cycle().take(256 * 512).collect();
    for host in Host::each() {
        let (_, protocol) = with_sudo(&host, WANTS_TTY);
        let path = host.folder.path().join("bytes");
        let owner = rustix::process::getuid().as_raw().to_string();
        let file = FileToPut {
            path: path.to_str().unwrap().to_owned(),
            content: phalanx_remote::Content::Bytes(all.clone()),
            mode: 0o600,
            owner: Some(owner),
        };
        assert_eq!(
            within(protocol.put(&file)).await.unwrap(),
            PutOutcome::Written
        );
        assert!(std::fs::read(&path).unwrap() == all);
        let text = format!("cat {}; changed 'ü\t'; exit 3", path.display());
        let mut output = Vec::new();
        let end = within(protocol.probe(&script(&text), &mut output))
            .await
            .unwrap();
        assert_eq!((end.status, end.result.as_str()), (3, "changed\tü\\t"));
        assert!(output == all, "the bytes of a probe differ");
        let mut seen = Recorder::default();
        let text = format!("{text}\n# {}", "x\u{1}\u{4}\u{3}\r\n".repeat(20_000));
        let end = start(&protocol, &id("job"), &text, &mut seen)
            .await
            .unwrap();
        assert_eq!(
            (end.state, end.result.as_str()),
            (JobState::Ended(3), "changed\tü\\t\n")
        );
        assert!(seen.bytes() == all, "the bytes of a job differ");
    }
}

#[tokio::test]
async fn a_hangup_ends_the_follower_and_not_the_job() {
    for host in Host::each() {
        let (mut exec, protocol) = with_sudo(&host, WANTS_TTY);
        let (id, pipe) = (id("hangup"), host.pipe("go"));
        exec.cut_after = Some(1_000);
        let options = HostOptions {
            sudo: true,
            ..host.options()
        };
        let cut = host.protocol_over(exec, options);
        let text = format!("seq 1 1000; read x <{}; echo end; exit 3", pipe.display());
        let mut seen = Recorder::default();
        assert!(start(&cut, &id, &text, &mut seen).await.is_err());
        host.unfollowed(&id).await;
        let held = seen.bytes().len() as u64;
        let followed = tokio::join!(attach(&protocol, &id, held, &mut seen), release(pipe));
        assert_eq!(followed.0.unwrap().state, JobState::Ended(3));
        let expected: String = (1..=1000).map(|n| format!("{n}\n")).collect();
        assert_eq!(seen.text(), expected + "end\n");
    }
}
