//! Logging in to a real sshd, with every kind of key.
#![allow(missing_docs, clippy::unwrap_used)]

mod lab_target;

use std::time::{Duration, Instant};

use lab_target::{connect, know, run, target};
use phalanx_lab::{KeyFormat, KeyKind, KeyPair, Login, LoopbackHost};
use phalanx_remote::{SshTarget, Transport};

/// RSA signatures with SHA-1 are worth a notice; this is it.
const SHA1: &str = "knows nothing better than SHA-1 for";

/// Logs in with one key only.
fn with_key(host: &LoopbackHost, key: &KeyPair) -> SshTarget {
    let target = SshTarget {
        keys: vec![key.path().into()],
        ..target(host)
    };
    know(&target, &host.known_hosts_lines());
    target
}

#[tokio::test]
async fn every_format_of_key_gets_in() {
    let folder = tempfile::tempdir().unwrap();
    let keys: Vec<KeyPair> = [
        (KeyKind::Ed25519, KeyFormat::OpenSsh),
        (KeyKind::EcdsaP256, KeyFormat::OpenSsh),
        (KeyKind::EcdsaP256, KeyFormat::Pkcs8),
        (KeyKind::EcdsaP256, KeyFormat::Pem),
        (KeyKind::Rsa, KeyFormat::OpenSsh),
        (KeyKind::Rsa, KeyFormat::Pkcs8),
        (KeyKind::Rsa, KeyFormat::Pem),
    ]
    .into_iter()
    .enumerate()
    .map(|(number, (kind, format))| {
        KeyPair::generate(&folder.path().join(number.to_string()), kind, format).unwrap()
    })
    .collect();
    let builder = LoopbackHost::builder();
    let host = keys
        .iter()
        .fold(builder, |builder, key| builder.authorize(key.public_line()))
        .start()
        .unwrap();
    for key in &keys {
        let session = connect(with_key(&host, key)).await.unwrap();
        assert_eq!(
            run(&session, "id -un").await,
            ("operator\n".into(), 0),
            "{key:?}"
        );
        assert!(session.greeting().server.starts_with("SSH-2.0-OpenSSH_"));
        assert_eq!(session.greeting().notices, Vec::<String>::new(), "{key:?}");
        session.close().await;
    }
}

#[tokio::test]
async fn rsa_keys_sign_with_sha2() {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate(&folder.path().join("k"), KeyKind::Rsa, KeyFormat::Pem).unwrap();
    for accepted in ["rsa-sha2-512", "rsa-sha2-256,rsa-sha2-512"] {
        let host = LoopbackHost::builder()
            .authorize(key.public_line())
            .sshd_line(format!("PubkeyAcceptedAlgorithms {accepted}"))
            .start()
            .unwrap();
        let session = connect(with_key(&host, &key)).await.unwrap();
        assert_eq!(session.greeting().notices, Vec::<String>::new());
    }
    // This one announces SHA-2, as all of its kind do, and then takes SHA-1 only. It gets neither.
    let host = LoopbackHost::builder()
        .authorize(key.public_line())
        .sshd_line("PubkeyAcceptedAlgorithms ssh-rsa")
        .start()
        .unwrap();
    assert!(connect(with_key(&host, &key)).await.is_err());
}

#[tokio::test]
async fn the_openssh_of_rhel_7_2_is_told_of_once() {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate(&folder.path().join("k"), KeyKind::Rsa, KeyFormat::Pem).unwrap();
    let text = std::fs::read_to_string(key.path()).unwrap();
    assert!(text.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    let host = LoopbackHost::builder()
        .like_openssh_6_6()
        .authorize(key.public_line())
        .start()
        .unwrap();
    let session = connect(with_key(&host, &key)).await.unwrap();
    assert_eq!(run(&session, "id -un").await.0, "operator\n");
    let notices = &session.greeting().notices;
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].contains(SHA1), "{notices:?}");
    for what in [
        "its host key (ssh-rsa)",
        "the signature of an RSA key (ssh-rsa)",
        "update its OpenSSH",
    ] {
        assert!(notices[0].contains(what), "{notices:?}");
    }
}

#[tokio::test]
async fn a_server_that_knows_only_sha1_is_told_of() {
    let old = "HostKeyAlgorithms ssh-rsa";
    let group14 = "KexAlgorithms diffie-hellman-group14-sha1";
    let exchange = "KexAlgorithms diffie-hellman-group-exchange-sha1";
    let ctr = "Ciphers aes128-ctr";
    let gcm = "Ciphers aes128-gcm@openssh.com";
    let rsa = "its host key (ssh-rsa)";
    for (lines, told) in [
        (vec![old], vec![rsa]),
        (vec!["HostKeyAlgorithms ssh-rsa,rsa-sha2-256"], vec![]),
        (
            vec![group14],
            vec!["the key exchange (diffie-hellman-group14-sha1)"],
        ),
        (
            vec![exchange],
            vec!["the key exchange (diffie-hellman-group-exchange-sha1)"],
        ),
        (
            vec!["KexAlgorithms diffie-hellman-group14-sha1,curve25519-sha256"],
            vec![],
        ),
        (
            vec![ctr, "MACs hmac-sha1"],
            vec!["checking packets (hmac-sha1)"],
        ),
        (
            vec![ctr, "MACs hmac-sha1-etm@openssh.com"],
            vec!["checking packets (hmac-sha1-etm@openssh.com)"],
        ),
        (vec![ctr, "MACs hmac-sha1,hmac-sha2-256"], vec![]),
        // Such a cipher needs no MAC.
        (vec![gcm, "MACs hmac-sha1"], vec![]),
        (
            vec![old, group14, ctr, "MACs hmac-sha1"],
            vec![rsa, "the key exchange (", "checking packets ("],
        ),
    ] {
        let host = lines
            .iter()
            .fold(
                LoopbackHost::builder().host_keys([KeyKind::Rsa]),
                |builder, line| builder.sshd_line(*line),
            )
            .start()
            .unwrap();
        let target = target(&host);
        know(&target, &host.known_hosts_lines());
        let session = connect(target).await.unwrap();
        assert_eq!(run(&session, "id -un").await.0, "operator\n");
        let notices = &session.greeting().notices;
        // All of it is told in one notice.
        assert_eq!(
            notices.len(),
            usize::from(!told.is_empty()),
            "{lines:?} {notices:?}"
        );
        for what in told {
            assert!(
                notices[0].contains(SHA1) && notices[0].contains(what),
                "{notices:?}"
            );
        }
    }
}

#[tokio::test]
async fn sha2_is_tried_where_nothing_is_announced() {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate(&folder.path().join("k"), KeyKind::Rsa, KeyFormat::Pem).unwrap();
    let host = LoopbackHost::builder()
        .without_ext_info()
        .sshd_line("PubkeyAcceptedAlgorithms rsa-sha2-256,rsa-sha2-512")
        .authorize(key.public_line())
        .start()
        .unwrap();
    let session = connect(with_key(&host, &key)).await.unwrap();
    assert_eq!(session.greeting().notices, Vec::<String>::new());
}

/// The SSH library waits a second for an announcement that may never come. We don't.
#[tokio::test]
async fn no_second_is_lost_where_nothing_is_announced() {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate(&folder.path().join("k"), KeyKind::Rsa, KeyFormat::Pem).unwrap();
    let builder = || LoopbackHost::builder().authorize(key.public_line());
    let (announcing, silent) = (
        builder().start().unwrap(),
        builder().without_ext_info().start().unwrap(),
    );
    let mut differences = Vec::new();
    for _ in 0..3 {
        let mut took = [Duration::ZERO; 2];
        for (host, took) in [&announcing, &silent].into_iter().zip(&mut took) {
            let target = with_key(host, &key);
            let begun = Instant::now();
            connect(target).await.unwrap();
            *took = begun.elapsed();
        }
        differences.push(took[1].saturating_sub(took[0]));
    }
    // The best of three: a busy machine can only make it look worse.
    let difference = differences.iter().min().unwrap();
    assert!(*difference < Duration::from_millis(900), "{differences:?}");
}

#[tokio::test]
async fn a_key_that_is_no_good_does_not_keep_the_next_from_being_tried() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str, passphrase| {
        KeyPair::generate_with_passphrase(
            &folder.path().join(name),
            KeyKind::Ed25519,
            KeyFormat::OpenSsh,
            passphrase,
        )
        .unwrap()
    };
    let (stranger, locked) = (make("stranger", ""), make("locked", "secret"));
    let host = LoopbackHost::builder().start().unwrap();
    let target = SshTarget {
        keys: vec![
            folder.path().join("not-there"),
            locked.path().into(),
            stranger.path().into(),
            host.key_path().into(),
        ],
        ..target(&host)
    };
    connect(target).await.unwrap();
}

#[tokio::test]
async fn root_and_a_whole_connection() {
    let host = LoopbackHost::builder().login(Login::Root).start().unwrap();
    let transport = lab_target::transport(target(&host));
    let connection = transport.connect("host").await.unwrap();
    let identity = connection.boot_identity().await.unwrap();
    assert!(identity.0.contains(&host.boot_id().unwrap()), "{identity}");
    let lost = connection.lost();
    connection.close().await;
    assert_eq!(
        lost.await.to_string(),
        "the connection was lost: it was closed here"
    );
}

#[tokio::test]
async fn another_host_is_unknown() {
    let host = LoopbackHost::builder().start().unwrap();
    let error = lab_target::transport(target(&host))
        .open_session("other")
        .await
        .err()
        .unwrap();
    assert_eq!(error.to_string(), "no host is called other");
}
