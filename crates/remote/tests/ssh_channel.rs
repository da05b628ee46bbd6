//! Commands over a real sshd: bytes in, bytes out, how they end, and what becomes of them when the
//! connection does not last.
#![allow(missing_docs, clippy::panic, clippy::unwrap_used)]

mod lab_target;

use std::time::{Duration, Instant};

use lab_target::{connect, know, run, target};
use phalanx_lab::LoopbackHost;
use phalanx_remote::exec::{Exec, ExecChannel, FromHost};
use phalanx_remote::{SshSession, SshTarget};
use tokio::time::timeout;

const WITHIN: Duration = Duration::from_secs(30);

async fn host_and_session() -> (LoopbackHost, SshSession) {
    let host = LoopbackHost::builder().start().unwrap();
    let target = target(&host);
    know(&target, &host.known_hosts_lines());
    let session = connect(target).await.unwrap();
    (host, session)
}

/// Everything up to the close: stdout, stderr, exit status.
async fn all_of(channel: &mut dyn ExecChannel) -> (Vec<u8>, Vec<u8>, Option<i32>) {
    let (mut stdout, mut stderr, mut exit) = (Vec::new(), Vec::new(), None);
    while let Some(next) = timeout(WITHIN, channel.next()).await.unwrap().unwrap() {
        match next {
            FromHost::Stdout(bytes) => stdout.extend(bytes),
            FromHost::Stderr(bytes) => stderr.extend(bytes),
            FromHost::Exit(status) => exit = Some(status),
            FromHost::Flood => panic!("more came than is kept"),
            FromHost::Killed(signal) => exit = Some(128 + signal),
        }
    }
    (stdout, stderr, exit)
}

/// Bytes that no two pieces of are alike.
fn pattern(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(length)
    .collect()
}

#[tokio::test]
async fn how_a_command_ends() {
    let (_host, session) = host_and_session().await;
    for (command, status) in [
        ("true", 0),
        ("exit 7", 7),
        ("exit 255", 255),
        ("no-such-command 2>&-", 127),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
        ("kill -USR1 $$", 138),
        ("kill -BUS $$", 135),
    ] {
        let mut channel = session.open(command, false).await.unwrap();
        let (_, _, exit) = all_of(&mut *channel).await;
        // For a signal that SSH has no name for, sshd gives nothing but a made-up one.
        let unnamed = command.contains("BUS").then_some(128);
        assert!(
            exit == Some(status) || exit == unnamed,
            "{command}: {exit:?}"
        );
        assert_eq!(channel.next().await, Ok(None), "over is over");
    }
}

/// Linux acknowledges after 40 ms unless it is told otherwise, and sshd holds its answer to the first
/// command back until then.
#[tokio::test]
async fn the_first_command_does_not_wait_for_an_acknowledgement() {
    let host = LoopbackHost::builder().start().unwrap();
    let mut least = WITHIN;
    // One quiet moment is enough: without quick acknowledgement there is none.
    for _ in 0..20 {
        let session = connect(target(&host)).await.unwrap();
        let mut took = [Duration::ZERO; 2];
        for took in &mut took {
            let begun = Instant::now();
            run(&session, "true").await;
            *took = begun.elapsed();
        }
        least = least.min(took[0].saturating_sub(took[1]));
    }
    assert!(least < Duration::from_millis(25), "{least:?}");
}

#[tokio::test]
async fn stdout_and_stderr_are_kept_apart() {
    let (_host, session) = host_and_session().await;
    let mut channel = session
        .open("echo out; echo err >&2; exit 3", false)
        .await
        .unwrap();
    assert_eq!(
        all_of(&mut *channel).await,
        (b"out\n".to_vec(), b"err\n".to_vec(), Some(3))
    );
}

#[tokio::test]
async fn all_bytes_pass_both_ways() {
    let (_host, session) = host_and_session().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let mut channel = session.open("cat", false).await.unwrap();
    channel.send(&bytes).await.unwrap();
    channel.end_input().await.unwrap();
    let (stdout, stderr, exit) = all_of(&mut *channel).await;
    assert!(stdout == bytes && stderr.is_empty() && exit == Some(0));
}

#[tokio::test]
async fn all_bytes_pass_a_terminal_both_ways() {
    let (_host, session) = host_and_session().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let command = format!("test -t 0 && exec head -c {}", bytes.len());
    let mut channel = session.open(&command, true).await.unwrap();
    channel.send(&bytes).await.unwrap();
    let (stdout, _, exit) = all_of(&mut *channel).await;
    assert!(stdout == bytes, "{} bytes", stdout.len());
    assert_eq!(exit, Some(0));
}

/// What is sent comes back while it is sent, and is taken now and then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn much_passes_both_ways_at_once() {
    let (_host, session) = host_and_session().await;
    let bytes = pattern(24 << 20);
    let mut channel = session.open("cat", false).await.unwrap();
    let mut stdout = Vec::new();
    for piece in bytes.chunks(128 << 10) {
        timeout(WITHIN, channel.send(piece)).await.unwrap().unwrap();
        while let Ok(next) = timeout(Duration::ZERO, channel.next()).await {
            match next.unwrap() {
                Some(FromHost::Stdout(bytes)) => stdout.extend(bytes),
                other => panic!("{other:?}"),
            }
        }
    }
    timeout(WITHIN, channel.end_input()).await.unwrap().unwrap();
    let (rest, _, exit) = all_of(&mut *channel).await;
    stdout.extend(rest);
    assert!(stdout == bytes && exit == Some(0), "{} bytes", stdout.len());
}

/// A host that writes where it should read is not listened to for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_while_something_is_sent_is_told() {
    let (_host, session) = host_and_session().await;
    let mut channel = session.open("exec cat /dev/zero", false).await.unwrap();
    timeout(WITHIN, channel.send(&pattern(32 << 20)))
        .await
        .unwrap()
        .unwrap();
    let mut kept = 0;
    loop {
        match timeout(WITHIN, channel.next()).await.unwrap().unwrap() {
            Some(FromHost::Stdout(bytes)) => kept += bytes.len(),
            Some(FromHost::Flood) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(kept < 2 << 20, "{kept} bytes");
    assert_eq!(channel.next().await, Ok(None), "nothing more is taken");
}

#[tokio::test]
async fn many_commands_at_once() {
    let (_host, session) = host_and_session().await;
    let commands = (0..10).map(|number| {
        let session = &session;
        async move {
            let command = format!("head -c 300000 /dev/zero | wc -c; echo {number}");
            assert_eq!(
                run(session, &command).await,
                (format!("300000\n{number}\n"), 0)
            );
        }
    });
    timeout(WITHIN, futures::future::join_all(commands))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_command_need_not_read_its_input() {
    let (_host, session) = host_and_session().await;
    let mut channel = session.open("exit 5", false).await.unwrap();
    // More than fits into the window, so sending could wait for ever.
    timeout(WITHIN, channel.send(&pattern(8 << 20)))
        .await
        .unwrap()
        .unwrap();
    timeout(WITHIN, channel.end_input()).await.unwrap().unwrap();
    assert_eq!(all_of(&mut *channel).await.2, Some(5));
}

#[tokio::test]
async fn waiting_for_the_next_thing_can_be_broken_off() {
    let (_host, session) = host_and_session().await;
    let mut channel = session.open("cat", false).await.unwrap();
    for number in 0..50_u8 {
        let waited = timeout(Duration::from_millis(1), channel.next()).await;
        assert!(waited.is_err());
        channel.send(&[number]).await.unwrap();
        let next = timeout(WITHIN, channel.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        assert_eq!(next, FromHost::Stdout(vec![number].into()));
    }
}

#[tokio::test]
async fn closing_and_dropping_end_the_command() {
    let (host, session) = host_and_session().await;
    for by_drop in [false, true] {
        let mut channel = session
            .open("cat; echo gone > gone; sleep 60", false)
            .await
            .unwrap();
        channel.send(b"there").await.unwrap();
        channel.next().await.unwrap().unwrap();
        if by_drop {
            drop(channel);
        } else {
            channel.close().await;
            assert_eq!(channel.next().await, Ok(None));
            channel.send(b"nobody reads this").await.unwrap();
        }
        let gone = host.home_path().unwrap().join("gone");
        let deadline = Instant::now() + WITHIN;
        while !gone.exists() {
            assert!(
                Instant::now() < deadline,
                "its input did not end (drop: {by_drop})"
            );
            tokio::task::yield_now().await;
        }
        std::fs::remove_file(gone).unwrap();
    }
}

#[tokio::test]
async fn a_lost_connection_is_noticed() {
    let (host, session) = host_and_session().await;
    let mut channel = session.open("sleep 60", false).await.unwrap();
    assert!(host.drop_connections() > 0);
    let lost = timeout(WITHIN, session.lost()).await.unwrap();
    assert_eq!(
        timeout(WITHIN, channel.next()).await.unwrap(),
        Err(lost.clone())
    );
    assert_eq!(channel.send(b"more").await, Err(lost.clone()));
    assert_eq!(session.open("true", false).await.err(), Some(lost.clone()));
    assert!(
        ["the host closed it", "it was reset"].contains(&lost.reason.as_str()),
        "{}",
        lost.reason
    );
}

#[tokio::test]
async fn a_host_that_goes_silent_is_noticed() {
    let host = LoopbackHost::builder().start().unwrap();
    let target = SshTarget {
        keepalive: Duration::from_millis(100),
        ..target(&host)
    };
    let session = connect(target).await.unwrap();
    let mut channel = session.open("cat > /dev/null", false).await.unwrap();
    // Alive, and idle for longer than it takes to be given up.
    assert!(
        timeout(Duration::from_millis(1500), session.lost())
            .await
            .is_err()
    );
    host.freeze();
    let lost = timeout(WITHIN, session.lost()).await.unwrap();
    assert_eq!(lost.reason, "the host does not answer any more");
    assert_eq!(channel.next().await, Err(lost));
    host.thaw();
}

/// The session itself is stuck then: it waits for room on the wire.
#[tokio::test]
async fn a_host_that_goes_silent_in_a_transfer_is_noticed() {
    let host = LoopbackHost::builder().start().unwrap();
    let target = SshTarget {
        keepalive: Duration::from_millis(100),
        ..target(&host)
    };
    let session = connect(target).await.unwrap();
    let mut channel = session.open("cat > /dev/null", false).await.unwrap();
    host.freeze();
    let bytes = pattern(32 << 20);
    let sent = timeout(WITHIN, channel.send(&bytes)).await.unwrap();
    assert_eq!(
        sent.unwrap_err().reason,
        "the host does not answer any more"
    );
    host.thaw();
}

#[tokio::test]
async fn channels_and_terminals_can_be_refused() {
    let host = LoopbackHost::builder()
        .sshd_line("MaxSessions 1")
        .sshd_line("PermitTTY no")
        .start()
        .unwrap();
    let session = connect(target(&host)).await.unwrap();
    let mut channel = session.open("cat", true).await.unwrap();
    let refused = timeout(WITHIN, channel.next()).await.unwrap().unwrap_err();
    assert_eq!(refused.reason, "the host's sshd will not give a terminal");
    let refused = session.open("true", false).await.err().unwrap();
    assert_eq!(refused.reason, "the host opens no channel (ConnectFailed)");
}

#[tokio::test]
async fn a_dropped_session_is_cut_at_once() {
    let (host, session) = host_and_session().await;
    let mut channel = session.open("sleep 60", false).await.unwrap();
    drop(session);
    let lost = timeout(WITHIN, channel.next()).await.unwrap().unwrap_err();
    assert_eq!(lost.reason, "it was closed here");
    let deadline = Instant::now() + WITHIN;
    while host.drop_connections() > 0 {
        assert!(
            Instant::now() < deadline,
            "the host still has the connection"
        );
    }
}
