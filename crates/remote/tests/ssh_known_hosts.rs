//! New host keys are written down, once and whole.
#![allow(missing_docs, clippy::unwrap_used)]

mod lab_target;

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::thread;

use lab_target::{bare_target, connect, know, target};
use phalanx_lab::{KeyKind, LoopbackHost};
use phalanx_remote::{SshOptions, SshTarget, SshTransport};

#[tokio::test]
async fn a_new_key_is_written_down_and_told_of_once() {
    let host = LoopbackHost::builder().start().unwrap();
    let file = host.folder().join("home/.ssh/known_hosts");
    let target = SshTarget {
        known_hosts: vec![file.clone()],
        ..target(&host)
    };
    let session = connect(target.clone()).await.unwrap();
    let notices = &session.greeting().notices;
    assert_eq!(notices.len(), 1);
    assert!(
        notices[0].starts_with("its host key SHA256:"),
        "{notices:?}"
    );
    assert!(notices[0].ends_with(&format!("was new and is now in {}", file.display())));
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        host.known_hosts_line() + "\n"
    );
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        file.parent()
            .unwrap()
            .metadata()
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o700
    );

    // OpenSSH reads it as we do.
    let name = format!("[{}]:{}", target.address, target.port);
    let found = std::process::Command::new("ssh-keygen")
        .args(["-F", &name, "-f"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(found.status.success());

    let again = connect(target).await.unwrap();
    assert_eq!(again.greeting().notices, Vec::<String>::new());
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        host.known_hosts_line() + "\n"
    );
}

#[tokio::test]
async fn the_second_file_is_read_and_not_written() {
    let host = LoopbackHost::builder().start().unwrap();
    let (first, second) = (host.folder().join("first"), host.folder().join("second"));
    std::fs::write(&second, host.known_hosts_line()).unwrap();
    let files = vec![first.clone(), second];
    let session = connect(SshTarget {
        known_hosts: files,
        ..target(&host)
    })
    .await
    .unwrap();
    assert_eq!(session.greeting().notices, Vec::<String>::new());
    assert!(!first.exists());
}

/// A host that is known by its RSA key has got an Ed25519 key besides: it is asked for what is known.
#[tokio::test]
async fn a_further_key_makes_no_stranger() {
    let host = LoopbackHost::builder()
        .host_keys([KeyKind::Rsa, KeyKind::Ed25519])
        .start()
        .unwrap();
    for line in host.known_hosts_lines() {
        let target = target(&host);
        know(&target, std::slice::from_ref(&line));
        let session = connect(target.clone()).await.unwrap();
        assert_eq!(session.greeting().notices, Vec::<String>::new(), "{line}");
        assert_eq!(
            std::fs::read_to_string(&target.known_hosts[0]).unwrap(),
            line + "\n"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_hosts_write_at_once() {
    let hosts: Vec<LoopbackHost> = (0..4)
        .map(|_| LoopbackHost::builder().start().unwrap())
        .collect();
    let file = hosts[0].folder().join("shared");
    // Each host twice: two connections to one host may find its key new at the same moment.
    let targets = hosts
        .iter()
        .flat_map(|host| [host, host])
        .enumerate()
        .map(|(number, host)| SshTarget {
            name: format!("host-{number}"),
            known_hosts: vec![file.clone()],
            ..target(host)
        })
        .collect();
    let transport = SshTransport::new(targets, SshOptions::default());
    let names: Vec<String> = (0..8).map(|number| format!("host-{number}")).collect();
    let logins = names.iter().map(|name| transport.open_session(name));
    for login in futures::future::join_all(logins).await {
        login.unwrap();
    }
    let text = std::fs::read_to_string(&file).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let mut expected: Vec<String> = hosts.iter().map(LoopbackHost::known_hosts_line).collect();
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

/// A large file takes its time, which is not to be the login's.
#[tokio::test]
async fn the_files_are_read_before_the_host_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known_hosts");
    rustix::fs::mkfifoat(rustix::fs::CWD, &file, rustix::fs::Mode::RWXU).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::new(127, 4, 5, 8), 0)).unwrap();
    let target = SshTarget {
        port: listener.local_addr().unwrap().port(),
        known_hosts: vec![file.clone()],
        ..bare_target("127.4.5.8")
    };
    let called_early = thread::spawn(move || {
        // Opens once it is read, and is read to its end only once it is closed.
        let mut pipe = std::fs::OpenOptions::new().write(true).open(file).unwrap();
        listener.set_nonblocking(true).unwrap();
        let early = listener.accept().is_ok();
        listener.set_nonblocking(false).unwrap();
        writeln!(pipe, "# nothing").unwrap();
        drop(pipe);
        if !early {
            listener.accept().unwrap();
        }
        early
    });
    assert!(connect(target).await.is_err(), "nobody answers there");
    assert!(!called_early.join().unwrap());
}
