//! Cancelling.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests say what they expect by unwrapping"
)]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use phalanx_remote::{JobEnd, JobId, JobState};
use support::{Host, Recorder, attach, id, start, until, within};

/// Starts a job, cancels it once it has said `lines` lines; the processes that it named are gone.
async fn cancelled(host: &Host, id: &JobId, text: &str, lines: usize, grace: Duration) -> JobEnd {
    let (protocol, mut seen) = (host.protocol(), Recorder::default());
    let watched = seen.clone();
    let (end, ()) = tokio::join!(start(&protocol, id, text, &mut seen), async {
        // The last line's own end is held back: it may begin a trailer.
        let said = || watched.text().lines().count() >= lines;
        until("it has said enough", said).await;
        within(host.protocol().cancel_job(id, 0, grace))
            .await
            .expect("it is cancelled");
        let pids = watched.text();
        for pid in pids.lines().filter(|line| line.parse::<u32>().is_ok()) {
            assert!(!alive(pid), "{pid} lives");
        }
    });
    end.expect("its end is told")
}

/// Alive, and more than an entry that waits to be read by its parent.
fn alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    stat.is_ok_and(|stat| {
        !stat
            .rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('Z'))
    })
}

#[tokio::test]
async fn a_willing_job_ends_at_once() {
    for host in Host::each() {
        let begin = Instant::now();
        let text = "echo $$; sleep 1000; echo never";
        let end = cancelled(&host, &id("willing"), text, 1, Duration::from_secs(20)).await;
        assert_eq!(
            (end.state, end.size as usize > 1),
            (JobState::Cancelled, true)
        );
        assert!(begin.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn a_tree_that_ignores_term_and_has_left_its_session_is_killed() {
    for host in Host::each() {
        let stubborn = "trap '' TERM HUP; echo $$; while :; do sleep 0.2; done";
        let text = format!(
            "trap '' TERM HUP\nsetsid sh -c \"{0}\" &\nnohup sh -c \"{0}\" &\n\
             (setsid setsid sh -c \"{0}\" &)\n{stubborn}",
            stubborn.replace('$', "\\$")
        );
        let end = cancelled(&host, &id("stubborn"), &text, 4, Duration::from_millis(200)).await;
        assert_eq!(end.state, JobState::Cancelled);
    }
}

#[tokio::test]
async fn a_stopped_job_is_ended() {
    for host in Host::each() {
        let text = "echo $$; kill -STOP $$; sleep 1000";
        let end = cancelled(&host, &id("stopped"), text, 1, Duration::from_secs(20)).await;
        assert_eq!(end.state, JobState::Cancelled);
    }
}

#[tokio::test]
async fn a_stopped_wrapper_is_no_way_out() {
    for host in Host::each() {
        let text = "echo $$; kill -STOP $PPID; sleep 1000";
        let end = cancelled(&host, &id("wrapper"), text, 1, Duration::from_secs(20)).await;
        assert_eq!(end.state, JobState::Cancelled);
    }
}

#[tokio::test]
async fn cancelled_is_said_later_too() {
    for host in Host::each() {
        let id = id("later");
        cancelled(
            &host,
            &id,
            "echo $$; exec sleep 1000",
            1,
            Duration::from_secs(9),
        )
        .await;
        let (end, _) = host.run(&id, "echo again").await;
        assert_eq!(end.state, JobState::Cancelled);
    }
}

#[tokio::test]
async fn a_killed_wrapper_leaves_a_job_that_can_be_cancelled() {
    for host in Host::each() {
        let id = id("orphan");
        let (end, seen) = host
            .run(&id, "echo $$; kill -9 $PPID; exec sleep 1000")
            .await;
        assert_eq!(end.state, JobState::Died);
        let orphan = seen.text().trim().to_owned();
        assert!(alive(&orphan));
        within(host.protocol().cancel_job(&id, 0, Duration::from_secs(1)))
            .await
            .unwrap();
        assert!(!alive(&orphan));
        let mut seen = Recorder::default();
        let end = attach(&host.protocol(), &id, 0, &mut seen).await.unwrap();
        assert_eq!(end.state, JobState::Cancelled);
    }
}

#[tokio::test]
async fn what_does_not_run_is_cancelled_too() {
    for host in Host::each() {
        let protocol = host.protocol();
        within(protocol.cancel_job(&id("never"), 0, Duration::ZERO))
            .await
            .unwrap();
        // Its start was still on its way.
        let (end, seen) = host.run(&id("never"), "echo ran").await;
        assert_eq!((end.state, seen.text().as_str()), (JobState::Cancelled, ""));
        let id = id("over");
        host.run(&id, "exit 3").await;
        within(protocol.cancel_job(&id, 0, Duration::ZERO))
            .await
            .unwrap();
        let (end, _) = host.run(&id, "true").await;
        assert_eq!(end.state, JobState::Ended(3));
        // Brought but never launched: now it never will be.
        let staged = JobId::new("run1", "staged", "host1", 1);
        std::fs::create_dir(host.job_folder(&staged)).unwrap();
        within(protocol.cancel_job(&staged, 0, Duration::ZERO))
            .await
            .unwrap();
        let (end, seen) = host.run(&staged, "echo ran").await;
        assert_eq!((end.state, seen.text().as_str()), (JobState::Cancelled, ""));
    }
}
