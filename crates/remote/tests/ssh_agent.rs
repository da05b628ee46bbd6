//! Which keys are offered, and in which order, where there is an agent: a server ends a login after a few.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod lab_target;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use insta::assert_snapshot;
use lab_target::{connect, know, run, target, told};
use phalanx_lab::{KeyFormat, KeyKind, KeyPair, LoopbackHost};
use phalanx_remote::SshTarget;

/// A server that takes so many keys for one login, and of these the one that gets in.
fn host(tries: usize, key: &KeyPair) -> LoopbackHost {
    LoopbackHost::builder()
        .sshd_line(format!("MaxAuthTries {tries}"))
        .authorize(key.public_line())
        .start()
        .unwrap()
}

fn make(folder: &Path, name: &str) -> KeyPair {
    KeyPair::generate(&folder.join(name), KeyKind::Ed25519, KeyFormat::OpenSsh).unwrap()
}

/// An agent that holds seven keys that nobody wants: more than a server takes as a rule.
fn agent_of_strangers(folder: &Path) -> Agent {
    let agent = Agent::start(folder);
    for number in 0..7 {
        agent.add(&make(folder, &format!("stranger-{number}")));
    }
    agent
}

/// Gives a key a passphrase, which its file's format outlives.
fn encrypt(key: &KeyPair, format: KeyFormat) {
    let format = match format {
        KeyFormat::OpenSsh => "RFC4716",
        KeyFormat::Pkcs8 => "PKCS8",
        KeyFormat::Pem => "PEM",
    };
    let done = Command::new("ssh-keygen")
        .args(["-q", "-p", "-P", "", "-N", "secret", "-m", format, "-f"])
        .arg(key.path())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(done.success());
}

async fn gets_in(target: SshTarget, host: &LoopbackHost) {
    know(&target, &host.known_hosts_lines());
    let session = connect(target).await.unwrap();
    assert_eq!(run(&session, "id -un").await.0, "operator\n");
    assert_eq!(session.greeting().notices, Vec::<String>::new());
}

async fn why(target: &SshTarget, folder: &Path) -> String {
    let error = connect(target.clone()).await;
    told(&error.err().expect("it must not connect"), target, folder)
}

#[tokio::test]
async fn a_named_key_is_offered_before_the_agents() {
    let folder = tempfile::tempdir().unwrap();
    let agent = agent_of_strangers(folder.path());
    let key = make(folder.path(), "key");
    let host = host(2, &key);
    let target = SshTarget {
        keys: vec![key.path().into()],
        agent: Some(agent.socket.clone()),
        agent_keys: true,
        ..target(&host)
    };
    gets_in(target, &host).await;
}

#[tokio::test]
async fn a_named_key_with_a_passphrase_signs_through_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    for (number, (kind, format)) in [
        (KeyKind::Ed25519, KeyFormat::OpenSsh),
        (KeyKind::Rsa, KeyFormat::OpenSsh),
        (KeyKind::EcdsaP256, KeyFormat::Pkcs8),
        (KeyKind::Rsa, KeyFormat::Pem),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = folder.path().join(number.to_string());
        std::fs::create_dir(&folder).unwrap();
        let key = KeyPair::generate(&folder.join("key"), kind, format).unwrap();
        let agent = agent_of_strangers(&folder);
        agent.add(&key);
        encrypt(&key, format);
        if format == KeyFormat::OpenSsh {
            // It says itself which key it is; the older formats need the public half beside them.
            std::fs::remove_file(folder.join("key.pub")).unwrap();
        }
        let host = host(2, &key);
        for agent_keys in [false, true] {
            let target = SshTarget {
                keys: vec![key.path().into()],
                agent: Some(agent.socket.clone()),
                agent_keys,
                ..target(&host)
            };
            gets_in(target, &host).await;
        }
    }
}

#[tokio::test]
async fn a_public_key_names_one_of_the_agents() {
    let folder = tempfile::tempdir().unwrap();
    let agent = agent_of_strangers(folder.path());
    let key = make(folder.path(), "key");
    agent.add(&key);
    std::fs::remove_file(key.path()).unwrap();
    let host = host(2, &key);
    let target = SshTarget {
        keys: vec![folder.path().join("key.pub")],
        agent: Some(agent.socket.clone()),
        agent_keys: false,
        ..target(&host)
    };
    gets_in(target, &host).await;
}

/// ssh's own keys are the likely ones: an agent's key that is one of them comes before its others.
#[tokio::test]
async fn a_default_key_comes_first_of_the_agents() {
    let folder = tempfile::tempdir().unwrap();
    let agent = agent_of_strangers(folder.path());
    let key = make(folder.path(), "key");
    agent.add(&key);
    encrypt(&key, KeyFormat::OpenSsh);
    let host = host(2, &key);
    let target = SshTarget {
        keys: Vec::new(),
        agent: Some(agent.socket.clone()),
        agent_keys: true,
        default_keys: vec![folder.path().join("not-there"), key.path().into()],
        ..target(&host)
    };
    gets_in(target, &host).await;
}

#[tokio::test]
async fn the_agents_other_keys_are_offered_only_where_they_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let (key, stranger) = (make(folder.path(), "key"), make(folder.path(), "stranger"));
    agent.add(&key);
    let host = host(6, &key);
    let target = SshTarget {
        keys: vec![stranger.path().into()],
        agent: Some(agent.socket.clone()),
        agent_keys: false,
        ..target(&host)
    };
    assert_snapshot!(why(&target, folder.path()).await, @"
    ADDRESS:PORT took none of our keys for user operator
    advice: tried FOLDER/stranger; the server takes publickey. Check user and key in the cluster file, and the host's authorized_keys
    ");
    let target = SshTarget {
        agent_keys: true,
        ..target
    };
    gets_in(target, &host).await;
}

#[tokio::test]
async fn what_to_do_about_a_key_that_the_agent_does_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    let key = make(folder.path(), "key");
    encrypt(&key, KeyFormat::OpenSsh);
    let host = host(6, &key);
    let target = SshTarget {
        keys: vec![key.path().into()],
        agent: Some(agent.socket.clone()),
        agent_keys: false,
        ..target(&host)
    };
    assert_snapshot!(why(&target, folder.path()).await, @"
    there is no key to log in with
    advice: looked at FOLDER/key (has a passphrase, and the agent at FOLDER/agent does not hold it; run `ssh-add FOLDER/key`); or name another key in the cluster file
    ");
    let public = SshTarget {
        keys: vec![folder.path().join("key.pub")],
        ..target.clone()
    };
    assert_snapshot!(why(&public, folder.path()).await, @"
    there is no key to log in with
    advice: looked at FOLDER/key.pub (is a public key, and the agent at FOLDER/agent does not hold it; run `ssh-add` with its private key); or name another key in the cluster file
    ");
    let without = SshTarget {
        agent: None,
        ..target
    };
    assert_snapshot!(why(&without, folder.path()).await, @r#"
    there is no key to log in with
    advice: looked at FOLDER/key (has a passphrase, and there is no agent: SSH_AUTH_SOCK is not set; run `eval "$(ssh-agent)"` and `ssh-add FOLDER/key`); or name another key in the cluster file
    "#);
}

#[tokio::test]
async fn an_agent_with_too_many_keys_is_told_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Agent::start(folder.path());
    for number in 0..3 {
        agent.add(&make(folder.path(), &format!("stranger-{number}")));
    }
    let key = make(folder.path(), "key");
    agent.add(&key);
    let host = host(2, &key);
    let target = SshTarget {
        keys: Vec::new(),
        agent: Some(agent.socket.clone()),
        agent_keys: true,
        ..target(&host)
    };
    assert_snapshot!(why(&target, folder.path()).await, @"
    ADDRESS:PORT took none of our keys for user operator
    advice: tried agent key lab, agent key lab; the server takes publickey (it said: Too many authentication failures). It ends a login after a few keys (MaxAuthTries): name the one that it accepts as `key` in the cluster file, then that one is offered first
    ");
}

#[tokio::test]
async fn the_agent_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let keys: Vec<KeyPair> = [KeyKind::EcdsaP256, KeyKind::Rsa, KeyKind::Ed25519]
        .into_iter()
        .enumerate()
        .map(|(number, kind)| {
            let path = folder.path().join(number.to_string());
            KeyPair::generate_with_passphrase(&path, kind, KeyFormat::OpenSsh, "").unwrap()
        })
        .collect();
    let agent = Agent::start(folder.path());
    for key in &keys {
        agent.add(key);
    }
    // The agent's first key is a stranger; the second, an RSA key, gets in.
    let host = LoopbackHost::builder()
        .authorize(keys[1].public_line())
        .start()
        .unwrap();
    let target = SshTarget {
        keys: Vec::new(),
        agent: Some(agent.socket.clone()),
        default_keys: vec![folder.path().join("not-there")],
        ..target(&host)
    };
    know(&target, &host.known_hosts_lines());
    let session = connect(target.clone()).await.unwrap();
    assert_eq!(run(&session, "id -un").await.0, "operator\n");
    assert_eq!(session.greeting().notices, Vec::<String>::new());

    // Without the agent, a default key is next.
    let target = SshTarget {
        agent: Some(folder.path().join("no-agent")),
        default_keys: vec![folder.path().join("not-there"), keys[1].path().into()],
        ..target
    };
    connect(target).await.unwrap();
}

#[tokio::test]
async fn sha1_from_the_agent_for_an_old_server() {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate(&folder.path().join("k"), KeyKind::Rsa, KeyFormat::Pem).unwrap();
    let agent = Agent::start(folder.path());
    agent.add(&key);
    let host = LoopbackHost::builder()
        .like_openssh_6_6()
        .authorize(key.public_line())
        .start()
        .unwrap();
    let target = SshTarget {
        keys: Vec::new(),
        agent: Some(agent.socket.clone()),
        ..target(&host)
    };
    know(&target, &host.known_hosts_lines());
    let session = connect(target).await.unwrap();
    let notices = &session.greeting().notices;
    assert!(
        notices[0].contains("the signature of an RSA key (ssh-rsa)"),
        "{notices:?}"
    );
}

/// An agent of OpenSSH's, for one test.
struct Agent {
    process: Child,
    socket: std::path::PathBuf,
}

impl Agent {
    fn start(folder: &Path) -> Self {
        let socket = folder.join("agent");
        let mut process = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It names its socket once it listens.
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.contains("SSH_AUTH_SOCK"), "{line}");
        Self { process, socket }
    }

    fn add(&self, key: &KeyPair) {
        let added = Command::new("ssh-add")
            .arg("-q")
            .arg(key.path())
            .env("SSH_AUTH_SOCK", &self.socket)
            .status()
            .unwrap();
        assert!(added.success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
