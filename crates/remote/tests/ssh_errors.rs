//! Why a host cannot be reached, each in words that say what to do.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod lab_target;

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use lab_target::{bare_target, connect, know, target, told};
use phalanx_lab::{KeyFormat, KeyKind, KeyPair, LoopbackHost};
use phalanx_remote::{HostKeyPolicy, SshTarget};

/// What the operator is told when this target cannot be connected to.
async fn why(target: &SshTarget, folder: &Path) -> String {
    let error = connect(target.clone())
        .await
        .err()
        .expect("it must not connect");
    told(&error, target, folder)
}

fn stranger(folder: &Path) -> KeyPair {
    KeyPair::generate(
        &folder.join("stranger"),
        KeyKind::Ed25519,
        KeyFormat::OpenSsh,
    )
    .unwrap()
}

/// A server that does with each connection whatever is asked, on a thread of its own.
fn server(mut with: impl FnMut(TcpStream) + Send + 'static) -> SshTarget {
    let listener = TcpListener::bind((Ipv4Addr::new(127, 4, 5, 6), 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().flatten().for_each(&mut with));
    SshTarget {
        port,
        ..bare_target("127.4.5.6")
    }
}

#[tokio::test]
async fn a_refused_key() {
    let host = LoopbackHost::builder().start().unwrap();
    let stranger = stranger(host.folder());
    let target = SshTarget {
        keys: vec![stranger.path().into()],
        ..target(&host)
    };
    assert_snapshot!(why(&target, host.folder()).await, @"
    ADDRESS:PORT took none of our keys for user operator
    advice: tried FOLDER/stranger; the server takes publickey. Check user and key in the cluster file, and the host's authorized_keys
    ");
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_named_too() {
    let host = LoopbackHost::builder().start().unwrap();
    let stranger = stranger(host.folder());
    let locked = host.folder().join("locked");
    KeyPair::generate_with_passphrase(&locked, KeyKind::Rsa, KeyFormat::Pem, "secret").unwrap();
    let target = SshTarget {
        keys: vec![
            locked,
            host.folder().join("not-there"),
            stranger.path().into(),
        ],
        agent: Some(host.folder().join("no-agent")),
        default_keys: vec![host.folder().join("no-default")],
        ..target(&host)
    };
    assert_snapshot!(why(&target, host.folder()).await, @r#"
    ADDRESS:PORT took none of our keys for user operator
    advice: tried FOLDER/stranger, FOLDER/locked (has a passphrase, and the agent at FOLDER/no-agent cannot be reached: No such file or directory (os error 2); run `eval "$(ssh-agent)"` and `ssh-add FOLDER/locked`), FOLDER/not-there (does not exist), the agent at FOLDER/no-agent cannot be reached: No such file or directory (os error 2); the server takes publickey. Check user and key in the cluster file, and the host's authorized_keys
    "#);
}

#[tokio::test]
async fn no_key_at_all() {
    let host = LoopbackHost::builder().start().unwrap();
    let target = SshTarget {
        keys: Vec::new(),
        agent: Some(host.folder().join("no-agent")),
        default_keys: vec![
            host.folder().join("id_ed25519"),
            host.folder().join("id_rsa"),
        ],
        ..target(&host)
    };
    assert_snapshot!(why(&target, host.folder()).await, @"
    there is no key to log in with
    advice: looked at the agent at FOLDER/no-agent cannot be reached: No such file or directory (os error 2), FOLDER/id_ed25519 (does not exist), FOLDER/id_rsa (does not exist); name a key in the cluster file or start an agent
    ");
}

#[tokio::test]
async fn a_wrong_user() {
    let host = LoopbackHost::builder().start().unwrap();
    let target = SshTarget {
        user: "nobody-here".into(),
        ..target(&host)
    };
    assert_snapshot!(why(&target, host.folder()).await, @"
    ADDRESS:PORT took none of our keys for user nobody-here
    advice: tried FOLDER/client_key; the server takes publickey. Check user and key in the cluster file, and the host's authorized_keys
    ");
}

#[tokio::test]
async fn too_many_keys() {
    let host = LoopbackHost::builder()
        .sshd_line("MaxAuthTries 2")
        .start()
        .unwrap();
    let keys: Vec<_> = (0..4)
        .map(|number| {
            let path = host.folder().join(format!("stranger-{number}"));
            KeyPair::generate(&path, KeyKind::Ed25519, KeyFormat::OpenSsh).unwrap();
            path
        })
        .collect();
    let target = SshTarget {
        keys,
        ..target(&host)
    };
    assert_snapshot!(why(&target, host.folder()).await, @"
    ADDRESS:PORT took none of our keys for user operator
    advice: tried FOLDER/stranger-0, FOLDER/stranger-1; the server takes publickey (it said: Too many authentication failures). It ends a login after a few keys (MaxAuthTries): name the one that it accepts as `key` in the cluster file, then that one is offered first
    ");
}

#[tokio::test]
async fn a_second_factor() {
    let host = LoopbackHost::builder()
        .sshd_line("PasswordAuthentication yes")
        .sshd_line("AuthenticationMethods publickey,password")
        .start()
        .unwrap();
    let target = target(&host);
    assert_snapshot!(why(&target, host.folder()).await, @"
    ADDRESS:PORT took none of our keys for user operator
    advice: tried FOLDER/client_key (taken, but not enough); the server takes password. Check user and key in the cluster file, and the host's authorized_keys
    ");
}

#[tokio::test]
async fn a_closed_port() {
    let host = LoopbackHost::builder().start().unwrap();
    let target = target(&host);
    host.stop();
    assert_snapshot!(why(&target, host.folder()).await, @"
    ADDRESS:PORT does not answer
    because: Connection refused (os error 111)
    advice: check that the host is up, that the address and port are right, and that no firewall or security group is in the way
    (may pass)
    ");
}

#[tokio::test]
async fn a_name_without_an_address() {
    let target = SshTarget {
        port: 2222,
        ..bare_target("no-such-host.invalid")
    };
    let text = why(&target, Path::new("FOLDER")).await;
    // What the resolver says differs from machine to machine.
    let text: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("because"))
        .collect();
    assert_snapshot!(text.join("\n"), @"
    the name ADDRESS has no address
    advice: check the spelling in the cluster file, or write the address
    ");
}

/// A queue that is full: further requests for a connection are not answered.
#[tokio::test]
async fn an_address_that_does_not_answer() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.4.5.7:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let stream = tokio::net::TcpStream::connect(("127.4.5.7", port));
        waiting.push(tokio::time::timeout(Duration::from_millis(100), stream).await);
    }
    let limit = Duration::from_millis(300);
    let target = SshTarget {
        port,
        connect_timeout: limit,
        ..bare_target("127.4.5.7")
    };
    let begun = Instant::now();
    assert_snapshot!(why(&target, Path::new("FOLDER")).await, @"
    ADDRESS:PORT did not answer within 300 ms
    advice: check that the host is up, that the address and port are right, and that no firewall or security group is in the way
    (may pass)
    ");
    assert!(begun.elapsed() >= limit);
}

#[tokio::test]
async fn a_server_that_says_nothing() {
    let mut kept = Vec::new();
    let server = server(move |stream| kept.push(stream));
    let limit = Duration::from_millis(300);
    let target = SshTarget {
        auth_timeout: limit,
        ..server
    };
    assert_snapshot!(why(&target, Path::new("FOLDER")).await, @"
    ADDRESS:PORT took the connection but did not finish the login within 300 ms
    advice: the host may be overloaded, or its sshd waits for DNS (UseDNS); try `ssh` by hand
    (may pass)
    ");
}

#[tokio::test]
async fn a_frozen_host() {
    let host = LoopbackHost::builder().start().unwrap();
    host.freeze();
    let target = SshTarget {
        auth_timeout: Duration::from_millis(300),
        ..target(&host)
    };
    assert_snapshot!(why(&target, host.folder()).await, @"
    ADDRESS:PORT took the connection but did not finish the login within 300 ms
    advice: the host may be overloaded, or its sshd waits for DNS (UseDNS); try `ssh` by hand
    (may pass)
    ");
    host.thaw();
    connect(SshTarget {
        auth_timeout: Duration::from_secs(20),
        ..target
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_server_that_closes_early() {
    let target = server(drop);
    assert_snapshot!(why(&target, Path::new("FOLDER")).await, @"
    ADDRESS:PORT closed the connection before the login
    advice: either no SSH server listens there, or it has too many logins in progress (MaxStartups), or the host can start no more processes; try `ssh` by hand
    (may pass)
    ");
    // The same after a name, as an sshd with too many logins does it.
    let again = server(|mut stream| stream.write_all(b"Exceeded MaxStartups\r\n").unwrap());
    assert_eq!(
        why(
            &SshTarget {
                port: again.port,
                ..target.clone()
            },
            Path::new("FOLDER")
        )
        .await,
        why(&target, Path::new("FOLDER")).await
    );
}

#[tokio::test]
async fn something_that_is_no_ssh_server() {
    let target = server(|mut stream| {
        let _ = stream.write_all("<html>\n".repeat(40).as_bytes());
    });
    assert_snapshot!(why(&target, Path::new("FOLDER")).await, @"
    ADDRESS:PORT and we could not agree on how to talk: it does not speak SSH 2
    advice: the host's sshd may be very old or restricted; see its sshd_config
    ");
}

#[tokio::test]
async fn no_algorithm_in_common() {
    let host = LoopbackHost::builder()
        .sshd_line("Ciphers aes256-cbc,3des-cbc")
        .start()
        .unwrap();
    let target = target(&host);
    assert_snapshot!(why(&target, host.folder()).await, @"
    ADDRESS:PORT and we could not agree on how to talk: it offers no cipher that is known here, only aes256-cbc, 3des-cbc
    advice: the host's sshd may be very old or restricted; see its sshd_config
    ");
}

#[tokio::test]
async fn a_changed_host_key() {
    let mut host = LoopbackHost::builder().start().unwrap();
    let target = target(&host);
    know(&target, &["# ours".into(), host.known_hosts_line()]);
    connect(target.clone()).await.unwrap();
    host.replace_host_keys().unwrap();
    assert_snapshot!(why(&target, host.folder()).await, @"
    [ADDRESS]:PORT shows another host key than the one in FOLDER/known_hosts:2
    advice: if the host was reinstalled and really shows SHA256:..., remove line 2 of FOLDER/known_hosts (`ssh-keygen -R '[ADDRESS]:PORT' -f FOLDER/known_hosts`); if not, somebody may be in between
    ");

    // The same when the name is hashed, by ssh-keygen itself.
    let hash = std::process::Command::new("ssh-keygen")
        .args(["-q", "-H", "-f"])
        .arg(&target.known_hosts[0])
        .output()
        .unwrap();
    assert!(hash.status.success());
    let text = std::fs::read_to_string(&target.known_hosts[0]).unwrap();
    assert!(
        text.contains("|1|") && !text.contains(&target.address),
        "{text}"
    );
    assert_snapshot!(why(&target, host.folder()).await, @"
    [ADDRESS]:PORT shows another host key than the one in FOLDER/known_hosts:2
    advice: if the host was reinstalled and really shows SHA256:..., remove line 2 of FOLDER/known_hosts (`ssh-keygen -R '[ADDRESS]:PORT' -f FOLDER/known_hosts`); if not, somebody may be in between
    ");

    know(&target, &[host.known_hosts_line()]);
    connect(target).await.unwrap();
}

#[tokio::test]
async fn a_host_that_has_lost_the_kind_of_key_it_is_known_by() {
    let rsa = LoopbackHost::builder()
        .host_keys([KeyKind::Rsa])
        .start()
        .unwrap();
    let target = target(&rsa);
    let other = LoopbackHost::builder().start().unwrap();
    let line = other.known_hosts_line();
    let (_, key) = line.split_once(' ').unwrap();
    know(
        &target,
        &[format!("[{}]:{} {key}", target.address, target.port)],
    );
    assert_snapshot!(why(&target, rsa.folder()).await, @"
    [ADDRESS]:PORT shows another host key than the one in FOLDER/known_hosts:1
    advice: if the host was reinstalled and really shows SHA256:..., remove line 1 of FOLDER/known_hosts (`ssh-keygen -R '[ADDRESS]:PORT' -f FOLDER/known_hosts`); if not, somebody may be in between
    ");
}

#[tokio::test]
async fn a_revoked_host_key() {
    let host = LoopbackHost::builder().start().unwrap();
    let target = target(&host);
    let revoked = format!("@revoked {}", host.known_hosts_line());
    know(&target, &[host.known_hosts_line(), revoked]);
    assert_snapshot!(why(&target, host.folder()).await, @"
    the key that [ADDRESS]:PORT shows is revoked in FOLDER/known_hosts:2
    advice: do not log in there; ask whoever revoked the key
    ");
}

#[tokio::test]
async fn an_unknown_host_key_where_that_is_not_allowed() {
    let host = LoopbackHost::builder().start().unwrap();
    let target = SshTarget {
        host_keys: HostKeyPolicy::Strict,
        ..target(&host)
    };
    assert_snapshot!(why(&target, host.folder()).await, @"
    the key of [ADDRESS]:PORT is in no known_hosts file
    advice: compare SHA256:... with the host's own console and add it to known_hosts, or set `host_keys: accept-new`
    ");
    assert!(!target.known_hosts[0].exists());
    know(&target, &[host.known_hosts_line()]);
    connect(target).await.unwrap();
}

#[tokio::test]
async fn a_known_hosts_file_that_cannot_be_used() {
    let host = LoopbackHost::builder().start().unwrap();
    let target = SshTarget {
        known_hosts: vec![host.folder().into()],
        ..target(&host)
    };
    assert_snapshot!(why(&target, host.folder()).await, @"
    FOLDER could not be read or written
    because: Is a directory (os error 21)
    advice: check the file's owner and permissions
    ");
}
