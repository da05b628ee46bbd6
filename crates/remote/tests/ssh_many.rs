//! Many logins at once.
#![allow(missing_docs, clippy::unwrap_used)]

mod lab_target;

use std::time::Instant;

use futures::future::join_all;
use lab_target::{bare_target, run, target};
use phalanx_lab::{BenchSshd, LoopbackHost};
use phalanx_remote::{SshOptions, SshTarget, SshTransport};

/// An sshd as it is installed drops logins from the tenth in progress on, at random.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_default_limits_drops_nobody() {
    let host = LoopbackHost::builder()
        .sshd_line("MaxStartups 10:30:100")
        .start()
        .unwrap();
    let names: Vec<String> = (0..120).map(|number| format!("host-{number}")).collect();
    let targets = |names: &[String]| {
        names
            .iter()
            .map(|name| SshTarget {
                name: name.clone(),
                ..target(&host)
            })
            .collect()
    };
    let transport = SshTransport::new(targets(&names), SshOptions::default());
    let logins = join_all(names.iter().map(|name| transport.open_session(name))).await;
    let failed: Vec<String> = logins
        .iter()
        .filter_map(|login| Some(login.as_ref().err()?.to_string()))
        .collect();
    assert_eq!(failed, Vec::<String>::new());
    drop(logins);

    // And that is not because this machine is quick: without the limit, some are dropped.
    let options = SshOptions {
        handshakes: 120,
        handshakes_per_endpoint: 120,
    };
    let transport = SshTransport::new(targets(&names), options);
    let logins = join_all(names.iter().map(|name| transport.open_session(name))).await;
    assert!(logins.iter().any(Result::is_err));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_hosts() {
    let bench = BenchSshd::start().unwrap();
    let known_hosts = bench.folder().join("known_hosts");
    std::fs::write(&known_hosts, bench.known_hosts_line() + "\n").unwrap();
    let targets: Vec<SshTarget> = (0..200)
        .map(|number| SshTarget {
            name: format!("host-{number}"),
            port: bench.port(),
            user: bench.user().into(),
            keys: vec![bench.key_path().into()],
            known_hosts: vec![known_hosts.clone()],
            ..bare_target(&bench.address(number).to_string())
        })
        .collect();
    let names: Vec<String> = targets.iter().map(|target| target.name.clone()).collect();
    let transport = SshTransport::new(targets, SshOptions::default());
    let begun = Instant::now();
    let sessions: Vec<_> = join_all(names.iter().map(|name| transport.open_session(name)))
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    println!("200 logins: {:?}", begun.elapsed());
    let begun = Instant::now();
    let said = join_all(sessions.iter().map(|session| run(session, "echo there"))).await;
    println!("200 commands: {:?}", begun.elapsed());
    let other = said.iter().find(|said| **said != ("there\n".into(), 0));
    assert_eq!(
        other,
        None,
        "{}",
        bench
            .log()
            .lines()
            .rev()
            .take(5)
            .collect::<Vec<_>>()
            .join("\n")
    );
    assert!(
        sessions
            .iter()
            .all(|session| session.greeting().notices.is_empty())
    );
}
