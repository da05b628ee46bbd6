//! Holding a host: one at a time, and whoever wakes up late is refused.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests say what they expect by unwrapping"
)]

mod support;

use phalanx_remote::{
    Content, FileToPut, Hold, HolderWords, HostProtocol, JobCall, JobError, JobId, ProbeError,
    PutError,
};
use support::{Host, Recorder, id, script, within};

fn words(process: &str) -> HolderWords {
    HolderWords {
        process: process.into(),
        beats: 0,
        run: "20260101-000000-abcde".into(),
        owner: "kim o'hara".into(),
        machine: "desk".into(),
        since: "2026-01-01T00:00:00Z".into(),
    }
}

async fn hold(protocol: &HostProtocol, process: &str, seen: Option<&HolderWords>) -> Hold {
    within(protocol.hold(&words(process), seen)).await.unwrap()
}

fn busy(hold: Hold) -> HolderWords {
    match hold {
        Hold::Busy(them) => them,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_host_is_held_by_one_and_taken_only_from_the_dead() {
    for host in Host::each() {
        let protocol = host.protocol();
        assert_eq!(hold(&protocol, "a", None).await, Hold::Taken { fence: 1 });
        let them = busy(hold(&protocol, "b", None).await);
        let expected = HolderWords {
            // Words stay single on the host.
            owner: "kim_o'hara".into(),
            ..words("a")
        };
        assert_eq!(them, expected);
        // It lives: what was seen is not what is there any more.
        within(protocol.beat(&words("a"), 1)).await.unwrap();
        let lives = busy(hold(&protocol, "b", Some(&them)).await);
        assert_eq!(lives.beats, 1);
        // It does not.
        assert_eq!(
            hold(&protocol, "b", Some(&lives)).await,
            Hold::Taken { fence: 2 }
        );
        // The same process may ask again: its answer may have been lost.
        assert_eq!(hold(&protocol, "b", None).await, Hold::Taken { fence: 3 });
        within(protocol.release(3)).await.unwrap();
        assert_eq!(hold(&protocol, "a", None).await, Hold::Taken { fence: 4 });
    }
}

#[tokio::test]
async fn who_wakes_up_late_can_do_nothing_any_more() {
    for host in Host::each() {
        let protocol = host.protocol();
        hold(&protocol, "a", None).await;
        let them = busy(hold(&protocol, "b", None).await);
        hold(&protocol, "b", Some(&them)).await;

        let (id, script) = (id("late"), script("true"));
        let call = JobCall {
            fence: 1,
            ..support::call(&id, Some(&script))
        };
        let mut seen = Recorder::default();
        let job = within(protocol.job(call, &mut seen)).await;
        assert!(matches!(job, Err(JobError::Fenced { by: 2 })), "{job:?}");
        assert!(!host.job_folder(&id).exists());
        for done in [
            within(protocol.beat(&words("a"), 1)).await,
            within(protocol.release(1)).await,
            within(protocol.cancel_job(&id, 1, std::time::Duration::ZERO)).await,
            within(protocol.collect_jobs("run1", 1)).await,
        ] {
            assert!(matches!(done, Err(JobError::Fenced { by: 2 })), "{done:?}");
        }
        let path = host.folder.path().join("late");
        let file = FileToPut {
            path: path.to_str().unwrap().into(),
            content: Content::Bytes(b"late".to_vec()),
            mode: 0o600,
            owner: None,
        };
        let put = within(protocol.put_all(&[file], 1, &mut Vec::new())).await;
        assert!(matches!(put, Err(PutError::Fenced { by: 2 })), "{put:?}");
        assert!(!path.exists());
        let reboot = within(protocol.request_reboot(1)).await;
        assert!(
            matches!(reboot, Err(ProbeError::Fenced { by: 2 })),
            "{reboot:?}"
        );
        // Who only looks is in nobody's way.
        let call = JobCall {
            fence: 0,
            ..support::call(&id, Some(&script))
        };
        within(protocol.job(call, &mut Recorder::default()))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn at_the_end_of_a_run_older_ones_are_cleared_away_as_well() {
    for host in Host::each() {
        let protocol = host.protocol();
        let old = JobId::new("run0", "a", "host1", 1);
        host.run(&old, "true").await;
        std::thread::sleep(std::time::Duration::from_millis(20));
        let fence = match hold(&protocol, "a", None).await {
            Hold::Taken { fence } => fence,
            other => panic!("{other:?}"),
        };
        std::thread::sleep(std::time::Duration::from_millis(20));
        // Somebody only looks meanwhile.
        let (late, script) = (JobId::new("check1", "a", "host1", 1), script("true"));
        let call = JobCall {
            fence: 0,
            ..support::call(&late, Some(&script))
        };
        within(protocol.job(call, &mut Recorder::default()))
            .await
            .unwrap();
        within(protocol.collect_jobs("run1", fence)).await.unwrap();
        assert!(!host.job_folder(&old).exists());
        assert!(host.job_folder(&late).exists());
        assert!(!host.spool().join("holder").exists());
    }
}

#[tokio::test]
async fn what_another_run_left_running_is_not_run_beside() {
    for host in Host::each() {
        let pipe = host.pipe("go");
        let waiting = format!("read x <{}", pipe.display());
        let (protocol, mut seen) = (host.protocol(), Recorder::default());
        let running = JobId::new("run0", "a", "host1", 1);
        let watched = seen.clone();
        host.run(&JobId::new("run0", "over", "host1", 1), "exit 3")
            .await;
        let (end, ()) = tokio::join!(
            support::start(&protocol, &running, &waiting, &mut seen),
            async {
                support::until("it runs", || watched.accepted() == 1).await;
                let other = host.protocol();
                let jobs = Hold::Jobs(vec!["run0.a.host1.1".into()]);
                assert_eq!(hold(&other, "a", None).await, jobs);
                // The run that it is of may go on.
                let own = HolderWords {
                    run: "run0".into(),
                    ..words("b")
                };
                let held = within(other.hold(&own, None)).await.unwrap();
                assert!(matches!(held, Hold::Taken { .. }), "{held:?}");
                support::release(pipe).await;
            }
        );
        end.unwrap();
    }
}
