//! Logins that let us in and then do something else, on a real sshd: each is told at once, in its own
//! words, and is nothing that passes.
#![allow(missing_docs, clippy::panic, clippy::unwrap_used)]

mod lab_target;

use std::time::{Duration, Instant};

use lab_target::{target, transport};
use phalanx_lab::{Login, LoopbackHost, LoopbackHostBuilder, Sudo};
use phalanx_remote::{
    HolderWords, JobError, LoginError, ProbeError, RequestError, Script, Transport as _,
};

/// What asking a probe, for the boot identity and for the host itself comes to: always the same.
async fn told(host: &LoopbackHost) -> ProbeError {
    let transport = transport(target(host));
    let connection = transport.connect("host").await.unwrap();
    let mark = host.folder().join("mark");
    let script = Script {
        text: format!("id -u >{}", mark.display()),
        env: Vec::new(),
        ..Script::default()
    };
    let mut output = Vec::new();
    let begun = Instant::now();
    let probe = connection.probe(&script, &mut output).await.unwrap_err();
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "it takes too long"
    );
    assert!(!mark.exists(), "it was run");
    assert!(output.is_empty());
    let boot = connection.boot_identity().await.unwrap_err();
    assert_eq!(boot.to_string(), probe.to_string());
    let held = connection
        .hold(&HolderWords::default(), None)
        .await
        .unwrap_err();
    assert_eq!(held.to_string(), probe.to_string());
    if let ProbeError::Request(RequestError::Login(login)) = &probe {
        assert!(matches!(&held, JobError::Request(RequestError::Login(other)) if other == login));
    }
    connection.close().await;
    probe
}

fn login(error: ProbeError) -> LoginError {
    match error {
        ProbeError::Request(RequestError::Login(login)) => login,
        other => panic!("{other:?}"),
    }
}

/// A host whose login's shell is bash, with this start-up file.
fn with_start_up_file(text: &str) -> LoopbackHost {
    let host = LoopbackHost::builder()
        .login_shell("/bin/bash")
        .start()
        .unwrap();
    std::fs::write(host.home_path().unwrap().join(".bashrc"), text).unwrap();
    host
}

async fn forced(builder: LoopbackHostBuilder, command: &str) -> ProbeError {
    let line = format!("ForceCommand {command}");
    told(&builder.sshd_line(line).start().unwrap()).await
}

#[tokio::test]
async fn a_start_up_file_that_puts_another_shell_in_the_commands_place() {
    let host = with_start_up_file("exec /bin/bash --norc\n");
    let said = login(told(&host).await);
    assert!(
        matches!(said, LoginError::NotRoot { sudo: true, uid } if uid != 0),
        "{said:?}"
    );
    assert!(said.advice().contains(".bashrc"), "{}", said.advice());
}

#[tokio::test]
async fn a_start_up_file_that_ends_the_shell() {
    for (text, status) in [("exit\n", 0), ("exit 3\n", 3)] {
        let host = with_start_up_file(text);
        let said = login(told(&host).await).to_string();
        assert_eq!(
            said,
            format!("the login runs no commands: it said nothing and ended with status {status}")
        );
    }
}

#[tokio::test]
async fn a_start_up_file_that_reads() {
    let host = with_start_up_file("read answer\n");
    assert_eq!(login(told(&host).await), LoginError::TakesInput);
}

#[tokio::test]
async fn a_start_up_file_that_takes_everything() {
    let host = with_start_up_file("cat >/dev/null\n");
    let mut target = target(&host);
    target.stall_timeout = Duration::from_secs(2);
    let transport = transport(target);
    let connection = transport.connect("host").await.unwrap();
    let said = login(connection.boot_identity().await.unwrap_err().into());
    assert_eq!(said, LoginError::TakesInput);
}

#[tokio::test]
async fn a_shell_that_runs_nothing() {
    for (shell, words) in [
        (
            "/usr/sbin/nologin",
            "it said \"This account is currently not available.\" and ended with status 1",
        ),
        ("/bin/false", "it said nothing and ended with status 1"),
        ("/bin/true", "it said nothing and ended with status 0"),
    ] {
        let host = LoopbackHost::builder().login_shell(shell).start().unwrap();
        let said = login(told(&host).await);
        assert_eq!(
            said.to_string(),
            format!("the login runs no commands: {words}")
        );
        assert!(said.advice().contains("nologin"), "{}", said.advice());
    }
}

#[tokio::test]
async fn a_forced_command_that_names_another_login() {
    let words = "Please login as the user ubuntu rather than the user root.";
    for status in [142, 1] {
        let command = format!("echo \"{words}\"; exit {status}");
        let builder = LoopbackHost::builder().login(Login::Root);
        let said = login(forced(builder, &command).await);
        assert_eq!(
            said.to_string(),
            format!("the login runs no commands: it said {words:?} and ended with status {status}")
        );
    }
}

#[tokio::test]
async fn a_login_for_files_only() {
    let said = login(forced(LoopbackHost::builder(), "internal-sftp").await);
    assert!(matches!(said, LoginError::RunsNothing { .. }), "{said:?}");
}

#[tokio::test]
async fn a_forced_command_that_is_a_shell_of_another_user() {
    // What a jump host may do: the command is thrown away, the input is read.
    let said = login(forced(LoopbackHost::builder(), "/bin/sh").await);
    assert!(matches!(said, LoginError::NotRoot { .. }), "{said:?}");
}

#[tokio::test]
async fn no_sudo_there() {
    let host = with_start_up_file("PATH=/nowhere:/bin/nothing\n");
    let said = login(told(&host).await);
    assert!(
        matches!(&said, LoginError::NoSudo { said } if said.0.contains("sudo")),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_sudo_that_refuses_is_still_told_as_that() {
    for sudo in [Sudo::Denied, Sudo::WantsPassword] {
        let host = LoopbackHost::builder().sudo(sudo).start().unwrap();
        let said = told(&host).await;
        assert!(
            matches!(said, ProbeError::Request(RequestError::Sudo(_))),
            "{said:?}"
        );
    }
}

#[tokio::test]
async fn what_the_login_exports_reaches_no_probe() {
    let set = "SetEnv LD_LIBRARY_PATH=/x LD_PRELOAD_NOT=/y PYTHONPATH=/y PYTHONHOME=/z PERL5LIB=/p \
               BASH_ENV=/b TZ=Asia/Tokyo";
    let host = LoopbackHost::builder()
        .login(Login::Root)
        .sshd_line(set)
        .start()
        .unwrap();
    let transport = transport(target(&host));
    let connection = transport.connect("host").await.unwrap();
    let script = Script {
        text: "env -0 | sed -z 's/=.*//' | tr '\\0' '\\n' | sort | tr '\\n' ' '".into(),
        env: vec![("PX_GIVEN".into(), "x".into())],
        ..Script::default()
    };
    let mut output = Vec::new();
    connection.probe(&script, &mut output).await.unwrap();
    assert_eq!(
        String::from_utf8(output).unwrap(),
        "HOME LANG LOGNAME PATH PWD PX_GIVEN PX_RESULT SHELL TERM USER "
    );
}
