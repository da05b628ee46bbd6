//! The spool: who may use it, what cannot be done there, what stays behind.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests say what they expect by unwrapping"
)]

mod support;

use std::path::Path;

use phalanx_remote::{
    HostOptions, JobCall, JobEnd, JobError, JobId, JobKeeper, JobState, RequestError,
};
use support::{Host, LocalExec, Recorder, attach, id, release, script, start, until, within};

#[tokio::test]
async fn every_number_is_refused_but_the_one_that_the_host_gave_last() {
    for host in Host::each() {
        let (id, script, protocol) = (id("fence"), script("true"), host.protocol());
        std::fs::create_dir(host.spool()).unwrap();
        std::fs::write(host.spool().join("fence"), "5\n").unwrap();
        let mut seen = Recorder::default();
        let mut with = async |fence| {
            let call = JobCall {
                fence,
                ..support::call(&id, Some(&script))
            };
            within(protocol.job(call, &mut seen)).await
        };
        assert!(with(5).await.is_ok());
        for other in [1, 4, 6, 500] {
            let refused = with(other).await;
            assert!(
                matches!(
                    refused,
                    Err(JobError::Request(RequestError::Fenced { by: 5 }))
                ),
                "{other}: {refused:?}"
            );
            let grace = std::time::Duration::ZERO;
            let cancel = within(protocol.cancel_job(&id, other, grace)).await;
            assert!(matches!(
                cancel,
                Err(JobError::Request(RequestError::Fenced { by: 5 }))
            ));
            let collect = within(protocol.collect_jobs("run1", other)).await;
            assert!(matches!(
                collect,
                Err(JobError::Request(RequestError::Fenced { by: 5 }))
            ));
        }
        // Nobody but a holder gives a number.
        let kept = std::fs::read_to_string(host.spool().join("fence")).unwrap();
        assert_eq!(kept, "5\n");
        assert!(host.job_folder(&id).exists());
        assert!(matches!(
            with(u64::MAX).await,
            Err(JobError::Request(RequestError::Protocol(_)))
        ));
    }
}

#[tokio::test]
async fn collecting_leaves_nothing_of_the_run_and_all_of_others() {
    for host in Host::each() {
        let pipe = host.pipe("go");
        let waiting = format!("read x <{}", pipe.display());
        let (running, other) = (id("running"), JobId::new("run2", "a", "host1", 1));
        host.run(&id("one"), "true").await;
        host.run(&id("two"), "changed x; exit 1").await;
        host.run(&other, "true").await;
        // Brought but never launched, with its secrets.
        let staged = host.job_folder(&id("staged"));
        std::fs::create_dir(&staged).unwrap();
        std::fs::write(staged.join("secrets"), "A=1").unwrap();
        let (protocol, mut seen) = (host.protocol(), Recorder::default());
        let watched = seen.clone();
        let (end, ()) = tokio::join!(start(&protocol, &running, &waiting, &mut seen), async {
            until("it runs", || watched.accepted() == 1).await;
            within(host.protocol().collect_jobs("run1", 0))
                .await
                .unwrap();
            let left = names(&host.spool().join("j"));
            assert_eq!(left, [running.as_str(), other.as_str()]);
            release(pipe).await;
        });
        assert_eq!(end.unwrap().state, JobState::Ended(0));
        within(protocol.collect_jobs("run1", 0)).await.unwrap();
        within(protocol.collect_jobs("run2", 0)).await.unwrap();
        within(protocol.collect_jobs("run2", 0)).await.unwrap();
        assert_eq!(names(&host.spool()), ["j", "lock"]);
        assert_eq!(names(&host.spool().join("j")), [""; 0]);
        let mut seen = Recorder::default();
        let absent = attach(&host.protocol(), &running, 0, &mut seen).await;
        assert!(matches!(absent, Err(JobError::Absent)));
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("it is there").flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

async fn run_in(host: &Host, options: HostOptions) -> Result<JobEnd, JobError> {
    let protocol = host.protocol_over(host.exec.clone(), options);
    start(&protocol, &id("job"), "true", &mut Recorder::default()).await
}

#[tokio::test]
async fn a_spool_that_cannot_be_says_why() {
    for host in Host::each() {
        let file = host.folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let in_the_way = file.to_str().unwrap().to_owned();
        let cases = [
            (in_the_way.clone(), "Not a directory"),
            (in_the_way + "/below", "Not a directory"),
            ("/proc/spool".to_owned(), "No such file or directory"),
        ];
        for (spool, expected) in cases {
            let error = run_in(
                &host,
                HostOptions {
                    spool,
                    ..host.options()
                },
            )
            .await
            .unwrap_err();
            let JobError::Spool { reason, .. } = &error else {
                panic!("{error}")
            };
            assert!(reason.contains(expected), "{reason}");
        }
    }
}

#[tokio::test]
async fn a_file_in_the_way_of_a_job_is_told() {
    for host in Host::each() {
        host.run(&id("other"), "true").await;
        std::fs::write(host.job_folder(&id("job")), "").unwrap();
        let error = run_in(&host, host.options()).await.unwrap_err();
        let JobError::Spool { reason, .. } = &error else {
            panic!("{error}")
        };
        assert!(reason.contains("File exists"), "{reason}");
    }
}

#[tokio::test]
async fn without_systemd_jobs_are_not_quietly_less_safe() {
    for mut host in Host::each() {
        // The login's shell sees nothing in /run, on machines with systemd too.
        let hide = "mount -t tmpfs none /run && exec \"$0\" \"$@\"";
        let login = format!(
            "#!/bin/sh\nexec unshare --mount sh -c '{hide}' {} \"$@\"\n",
            host.shell
        );
        support::program(host.folder.path(), "login", &login);
        host.exec = LocalExec::new(host.folder.path().join("login").to_str().unwrap());
        let options = HostOptions {
            jobs: JobKeeper::Systemd,
            ..host.options()
        };
        let error = run_in(&host, options).await;
        assert!(matches!(error, Err(JobError::NoSystemd)), "{error:?}");
        assert_eq!(names(&host.spool().join("j")), [""; 0]);
    }
}

#[tokio::test]
async fn a_full_disk_costs_output_but_no_status() {
    for host in Host::each() {
        let folder = host.folder.path().join("small");
        std::fs::create_dir(&folder).unwrap();
        let Some(disk) = support::SmallDisk::new(&folder, "1m") else {
            panic!("a file system of its own needs root");
        };
        let options = HostOptions {
            spool: folder.to_str().unwrap().to_owned(),
            ..host.options()
        };
        let mut host = host;
        host.exec.mounts_of = Some(disk.holder());
        let protocol = host.protocol_over(host.exec.clone(), options.clone());
        let id = id("fill");
        let mut seen = Recorder::default();
        let text = "head -c 5000000 /dev/zero; exit 3";
        let end = start(&protocol, &id, text, &mut seen).await.unwrap();
        assert_eq!((end.state, end.full), (JobState::Ended(3), true));
        assert!(end.size > 500_000);
        assert_eq!(
            seen.bytes().iter().filter(|byte| **byte == 0).count() as u64,
            end.size
        );
        let mut again = Recorder::default();
        let end = attach(&protocol, &id, 0, &mut again).await.unwrap();
        assert_eq!((end.state, end.full), (JobState::Ended(3), true));
        assert!(again.bytes() == seen.bytes());
        // There is no room for another one, until this one is collected.
        let error = run_in(&host, options.clone()).await.unwrap_err();
        assert!(matches!(error, JobError::NoSpace { .. }), "{error}");
        within(protocol.collect_jobs("run1", 0)).await.unwrap();
        assert_eq!(
            run_in(&host, options).await.unwrap().state,
            JobState::Ended(0)
        );
    }
}
