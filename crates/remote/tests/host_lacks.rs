//! Hosts that lack what we need of them: each is told as what it is.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests say what they expect by unwrapping"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use phalanx_remote::{HolderWords, JobError, JobState, LostError, RequestError};
use support::{Host, Mounts, Recorder, id, start, within};

#[tokio::test]
async fn a_flock_that_is_missing_or_another_one_is_told_with_its_own_words() {
    for mut host in Host::each() {
        let nothing = host.folder.path().join("nothing");
        support::program(host.folder.path(), "nothing", "#!/nowhere/at/all\n");
        // As that of busybox (Debian's has none).
        let busybox = host.folder.path().join("busybox");
        let text = "#!/bin/sh\necho \"flock: invalid option -- 'w'\" >&2; exit 1\n";
        support::program(host.folder.path(), "busybox", text);
        for (other, says) in [(&nothing, "not found"), (&busybox, "invalid option -- 'w'")] {
            let mounts = Mounts::over(Path::new("/usr/bin/flock"), other);
            host.exec.mounts_of = Some(mounts.holder());
            let held = within(host.protocol().hold(&HolderWords::default(), None)).await;
            let Err(error @ JobError::NoFlock { .. }) = held else {
                panic!("{held:?}")
            };
            let text = error.to_string();
            assert!(
                text.starts_with("the host cannot lock its spool: its `flock` said"),
                "{text}"
            );
            // bash names the script that cannot be run, and why.
            assert!(
                text.contains(says) || text.contains("bad interpreter"),
                "{text}"
            );
            assert!(error.advice().unwrap().contains("util-linux"));
        }
    }
}

/// A cgroup in which only so many processes may be.
struct Few(PathBuf);

impl Few {
    fn new(name: &str) -> Self {
        let folder = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].map(PathBuf::from);
        let folder = folder.into_iter().find(|folder| folder.is_dir()).unwrap();
        let folder = folder.join(format!("phalanx-few-{}-{name}", std::process::id()));
        fs::create_dir(&folder).expect("a cgroup needs root");
        assert!(
            folder.join("pids.max").exists(),
            "there is no pids controller"
        );
        Self(folder)
    }

    fn at_most(&self, processes: usize) {
        fs::write(self.0.join("pids.max"), processes.to_string()).unwrap();
    }

    fn end(&self) {
        let processes = fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default();
        for process in processes.lines().filter_map(|line| line.parse().ok()) {
            let process = rustix::process::Pid::from_raw(process).unwrap();
            let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Few {
    fn drop(&mut self) {
        self.end();
        let until = std::time::Instant::now() + support::LIMIT;
        while fs::remove_dir(&self.0).is_err() && std::time::Instant::now() < until {
            std::thread::yield_now();
        }
    }
}

/// bash tries for half a minute; it says the same in the end.
#[tokio::test]
async fn a_host_that_can_start_no_process_is_told_as_that() {
    let mut host = Host::each().remove(0);
    let few = Few::new("jobs");
    host.exec.cgroup = Some(few.0.clone());
    let (mut told, mut ended) = (0, 0);
    for processes in [1, 2, 3, 4, 6, 8, 12, 100] {
        few.at_most(processes);
        let job = id(&format!("with{processes}"));
        let began = within(start(
            &host.protocol(),
            &job,
            "exit 0",
            &mut Recorder::default(),
        ))
        .await;
        match began {
            // With one or two processes less than it needs, it begins and dies of that: no more is known of it.
            Ok(end) if end.state == JobState::Died => assert!(processes < 100),
            Ok(end) => {
                assert_eq!(end.state, JobState::Ended(0));
                ended += 1;
            }
            Err(JobError::Request(RequestError::Lost(LostError { reason }))) => {
                let begins = "the host cannot start another process (its shell said ";
                assert!(reason.starts_with(begins), "{processes}: {reason}");
                told += 1;
            }
            // It has the job, and could not start it: in the words of its launcher.
            Err(other) => panic!("{processes}: {other:?}"),
        }
        few.end();
    }
    assert!(told > 2 && ended > 0, "{told} {ended}");
}
