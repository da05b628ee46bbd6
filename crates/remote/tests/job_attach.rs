//! Jobs that outlive their channel: attached to again, started only once, interrupted, died.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests say what they expect by unwrapping"
)]

mod support;

use std::os::unix::process::ExitStatusExt as _;

use phalanx_remote::{JobCall, JobError, JobId, JobStart, JobState, RequestError};
use support::{Host, Recorder, attach, call, id, release, start, until, within};

#[tokio::test]
async fn what_was_missed_comes_later_byte_for_byte() {
    for host in Host::each() {
        let (id, pipe) = (id("cut"), host.pipe("go"));
        let text = format!(
            "seq 1 20000; read x <{}; seq 20001 40000; exit 3",
            pipe.display()
        );
        let expected: String = (1..=40000).map(|n| format!("{n}\n")).collect();

        let mut cut = host.exec.clone();
        cut.cut_after = Some(50_000);
        let mut seen = Recorder::default();
        let lost = start(
            &host.protocol_over(cut, host.options()),
            &id,
            &text,
            &mut seen,
        )
        .await;
        assert!(
            matches!(lost, Err(JobError::Request(RequestError::Lost(_)))),
            "{lost:?}"
        );
        let held = seen.bytes().len() as u64;
        assert!(held > 40_000);
        host.unfollowed(&id).await;

        let protocol = host.protocol();
        let followed = tokio::join!(attach(&protocol, &id, held, &mut seen), release(pipe));
        let end = followed.0.unwrap();
        assert_eq!(
            (end.state, end.size),
            (JobState::Ended(3), expected.len() as u64)
        );
        assert!(seen.text() == expected, "the bytes differ");
        assert_eq!(seen.accepted(), 2);
    }
}

#[tokio::test]
async fn an_ended_job_can_be_read_from_any_offset() {
    for host in Host::each() {
        let id = id("again");
        host.run(&id, "echo 0123456789; changed it").await;
        for (offset, expected) in [(0, "0123456789\n"), (4, "456789\n"), (10, "\n"), (11, "")] {
            let mut seen = Recorder::default();
            let end = attach(&host.protocol(), &id, offset, &mut seen)
                .await
                .unwrap();
            assert_eq!((end.state, end.size), (JobState::Ended(0), 11));
            assert_eq!(
                (seen.text().as_str(), end.result.as_str()),
                (expected, "changed\tit\n")
            );
        }
        let mut seen = Recorder::default();
        let error = attach(&host.protocol(), &id, 10_000, &mut seen)
            .await
            .unwrap_err();
        let JobError::OutputShrank { held: 10_000, has } = error else {
            panic!("{error}")
        };
        assert!(has < 1_000);
    }
}

#[tokio::test]
async fn two_can_follow_one_job() {
    for host in Host::each() {
        let (id, pipe) = (id("two"), host.pipe("go"));
        let text = format!("echo a; read x <{}; echo b", pipe.display());
        let protocol = host.protocol();
        let (mut one, mut two) = (Recorder::default(), Recorder::default());
        let seen = two.clone();
        let first = one.clone();
        let both = tokio::join!(
            start(&protocol, &id, &text, &mut one),
            async {
                until("the first follows", || first.text() == "a").await;
                attach(&protocol, &id, 0, &mut two).await
            },
            async {
                until("the second follows", || seen.text() == "a").await;
                release(pipe).await;
            }
        );
        assert_eq!(both.0.unwrap(), both.1.unwrap());
        assert_eq!(
            (first.text().as_str(), seen.text().as_str()),
            ("a\nb\n", "a\nb\n")
        );
    }
}

#[tokio::test]
async fn twenty_starts_are_one_run() {
    for host in Host::each() {
        let id = id("once");
        let witness = host.folder.path().join("runs");
        let text = format!("echo run >>{}; echo $$; exit 3", witness.display());
        let protocol = std::sync::Arc::new(host.protocol());
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let (protocol, id, text) = (protocol.clone(), id.clone(), text.clone());
                tokio::spawn(async move {
                    let mut seen = Recorder::default();
                    let end = start(&protocol, &id, &text, &mut seen).await.unwrap();
                    (end, seen.text())
                })
            })
            .collect();
        let mut ends = Vec::new();
        for task in tasks {
            ends.push(task.await.unwrap());
        }
        assert_eq!(std::fs::read_to_string(witness).unwrap(), "run\n");
        assert!(ends.iter().all(|end| end == &ends[0]), "{ends:?}");
        assert_eq!(ends[0].0.state, JobState::Ended(3));
    }
}

#[tokio::test]
async fn a_start_of_an_ended_job_runs_nothing() {
    for host in Host::each() {
        let id = id("ended");
        host.run(&id, "echo one; exit 4").await;
        let (end, seen) = host.run(&id, "echo two; exit 5").await;
        assert_eq!(
            (end.state, seen.text().as_str()),
            (JobState::Ended(4), "one\n")
        );
    }
}

#[tokio::test]
async fn a_request_cut_in_the_middle_starts_nothing() {
    for host in Host::each() {
        let id = id("half");
        let mut cut = host.exec.clone();
        cut.cut_input_after = Some(1_000);
        let witness = host.folder.path().join("ran");
        let text = format!("touch {}", witness.display());
        let mut seen = Recorder::default();
        let protocol = host.protocol_over(cut, host.options());
        let error = start(&protocol, &id, &text, &mut seen).await.unwrap_err();
        assert!(
            matches!(error, JobError::Request(RequestError::Lost(_))),
            "{error}"
        );
        until("its processes are gone", || host.processes().is_empty()).await;
        let absent = attach(&host.protocol(), &id, 0, &mut seen).await;
        assert!(matches!(absent, Err(JobError::Absent)), "{absent:?}");
        assert!(!witness.exists());
    }
}

#[tokio::test]
async fn a_killed_wrapper_is_told_and_never_replaced() {
    for host in Host::each() {
        let id = id("died");
        let (protocol, mut seen) = (host.protocol(), Recorder::default());
        let watched = seen.clone();
        let text = "echo $$; exec sleep 1000";
        let (end, ()) = tokio::join!(start(&protocol, &id, text, &mut seen), async {
            until("it runs", || !watched.bytes().is_empty()).await;
            let pid = rustix::process::Pid::from_raw(host.wrapper(&id)).expect("a process");
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is ours");
        });
        assert_eq!(end.unwrap().state, JobState::Died);
        let (end, again) = host.run(&id, "echo again").await;
        assert_eq!((end.state, again.text()), (JobState::Died, watched.text()));
        // Its orphan ends when it is collected.
        let orphan = format!("/proc/{}", watched.text().trim());
        assert!(std::path::Path::new(&orphan).exists());
        within(protocol.collect_jobs("run1", 0)).await.unwrap();
        until("the orphan is gone", || {
            !std::path::Path::new(&orphan).exists()
        })
        .await;
    }
}

#[tokio::test]
async fn term_from_elsewhere_is_an_interruption() {
    for host in Host::each() {
        // A shutdown signals the wrapper and the script, in any order; a script may even end well.
        for (name, text) in [
            ("plain", "echo a; exec sleep 1000"),
            (
                "trap",
                "trap 'exit 0' TERM; echo a; while :; do sleep 0.01; done",
            ),
        ] {
            let id = id(name);
            let (protocol, mut seen) = (host.protocol(), Recorder::default());
            let watched = seen.clone();
            let (end, ()) = tokio::join!(start(&protocol, &id, text, &mut seen), async {
                until("it runs", || !watched.bytes().is_empty()).await;
                let marked = std::process::Command::new("sh")
                    .arg("-c")
                    .arg(format!(
                        "kill -TERM {} $(grep -lszFx PX_DIR={} /proc/[0-9]*/environ | \
                         tr -dc '0-9\\n')",
                        host.wrapper(&id),
                        host.job_folder(&id).display(),
                    ))
                    .status();
                assert_eq!(marked.expect("it starts").signal(), None);
            });
            assert_eq!(
                end.unwrap().state,
                JobState::Interrupted,
                "{name} {}",
                host.shell
            );
        }
    }
}

#[tokio::test]
async fn a_job_of_another_boot_was_interrupted() {
    for host in Host::each() {
        let id = id("boot");
        host.run(&id, "echo a").await;
        // As a power loss leaves it: started in another boot, no record, no trailer.
        let folder = host.job_folder(&id);
        std::fs::write(folder.join("boot"), "another\n").unwrap();
        std::fs::write(folder.join("rc"), format!("{:191}\n", "")).unwrap();
        std::fs::write(folder.join("out"), "a\n").unwrap();
        let (end, seen) = host.run(&id, "echo b").await;
        assert_eq!(
            (end.state, seen.text().as_str()),
            (JobState::Interrupted, "a\n")
        );
    }
}

#[tokio::test]
async fn a_record_that_is_not_whole_does_not_count() {
    for host in Host::each() {
        let id = id("torn");
        host.run(&id, "echo a").await;
        let folder = host.job_folder(&id);
        std::fs::write(folder.join("rc"), "rc=0 cancel=0 term=0 left=0 fu").unwrap();
        std::fs::write(folder.join("out"), "a\n").unwrap();
        let (end, _) = host.run(&id, "echo b").await;
        assert_eq!(end.state, JobState::Died);
    }
}

#[tokio::test]
async fn a_job_that_was_never_launched_is_not_started_until_asked() {
    for host in Host::each() {
        let id = id("staged");
        host.run(&JobId::new("run1", "other", "host1", 1), "true")
            .await;
        std::fs::create_dir(host.job_folder(&id)).unwrap();
        let mut seen = Recorder::default();
        let end = attach(&host.protocol(), &id, 0, &mut seen).await.unwrap();
        assert!(matches!(end.state, JobState::NotStarted(_)), "{end:?}");
        let (end, seen) = host.run(&id, "echo now").await;
        assert_eq!(
            (end.state, seen.text().as_str()),
            (JobState::Ended(0), "now\n")
        );
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_launched_says_why() {
    for host in Host::each() {
        // Takes requests, but is no good for a wrapper.
        let text = format!(
            "#!/bin/sh\ncase $1 in\n-c) exec {} \"$@\" ;;\nesac\n\
             printf 'Failed to start it:\\n  no bus\\n' >&2\nexit 1\n",
            host.shell
        );
        support::program(host.folder.path(), "picky", &text);
        let picky = host.folder.path().join("picky");
        let protocol = host.protocol().with_shell(picky.to_str().unwrap());
        let (id, mut seen) = (id("launch"), Recorder::default());
        let end = start(&protocol, &id, "echo ran", &mut seen).await.unwrap();
        assert_eq!(
            end.state,
            JobState::NotStarted("Failed to start it: no bus".into())
        );
        assert_eq!(seen.text(), "");
        // It never ran, so that it can be started.
        let (end, seen) = host.run(&id, "echo ran").await;
        assert_eq!(
            (end.state, seen.text().as_str()),
            (JobState::Ended(0), "ran\n")
        );
    }
}

#[tokio::test]
async fn an_unknown_job_is_absent() {
    for host in Host::each() {
        let mut seen = Recorder::default();
        let error = attach(&host.protocol(), &id("never"), 0, &mut seen).await;
        assert!(matches!(error, Err(JobError::Absent)), "{error:?}");
        assert_eq!(seen.accepted(), 0);
    }
}

#[tokio::test]
async fn what_cannot_be_said_in_shell_is_refused_here() {
    let host = &Host::each()[0];
    let bad_id = JobId::new("run1", "a b", "host", 1);
    let script = support::script("true");
    let mut seen = Recorder::default();
    let refused = host
        .protocol()
        .job(call(&bad_id, Some(&script)), &mut seen)
        .await;
    assert!(
        matches!(refused, Err(JobError::Request(RequestError::Protocol(_)))),
        "{refused:?}"
    );
    let id = id("nul");
    let start = JobStart {
        script: &script,
        secrets: Some("\0"),
    };
    let call = JobCall {
        id: &id,
        fence: 0,
        start: Some(start),
        offset: 0,
    };
    let refused = host.protocol().job(call, &mut seen).await;
    assert!(
        matches!(refused, Err(JobError::Request(RequestError::Protocol(_)))),
        "{refused:?}"
    );
    assert_eq!(
        host.exec.opened.load(std::sync::atomic::Ordering::Relaxed),
        0
    );
}
