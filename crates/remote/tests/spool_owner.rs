//! A spool that others than root can change is not used: root would run what they like.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests say what they expect by unwrapping"
)]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use phalanx_remote::{
    Content, FileToPut, HolderWords, HostOptions, JobError, JobState, PutError, RequestError,
    UnsafeSpoolError,
};
use support::{Host, Recorder, id, start, within};

/// A user that is not root.
const STRANGER: u32 = 65534;

fn make(path: &Path, owner: u32, mode: u32) {
    fs::create_dir(path).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    chown(path, Some(owner), Some(owner)).unwrap();
}

fn need_root() {
    let root = rustix::process::geteuid().is_root();
    assert!(root, "needs root: only root can make other users' folders");
}

/// What is said of this spool, by everything that would use it; nothing in it is changed.
async fn refused(host: &Host, spool: &Path) -> UnsafeSpoolError {
    let options = HostOptions {
        spool: spool.to_str().unwrap().to_owned(),
        ..host.options()
    };
    let protocol = || host.protocol_over(host.exec.clone(), options.clone());
    let before = entries(spool);
    let me = HolderWords {
        process: "p".into(),
        ..HolderWords::default()
    };
    let hold = within(protocol().hold(&me, None)).await.unwrap_err();
    let JobError::Request(RequestError::UnsafeSpool(said)) = hold else {
        panic!("{hold:?}")
    };
    let job = start(&protocol(), &id("j"), "true", &mut Recorder::default()).await;
    assert!(
        matches!(&job, Err(JobError::Request(RequestError::UnsafeSpool(other))) if *other == said),
        "{job:?}"
    );
    let collected = within(protocol().collect_jobs("run1", 0)).await;
    assert!(
        matches!(
            collected,
            Err(JobError::Request(RequestError::UnsafeSpool(_)))
        ),
        "{collected:?}"
    );
    if spool.join("j").is_dir() {
        let file = FileToPut {
            path: host.folder.path().join("file").to_str().unwrap().into(),
            content: Content::Bytes(b"x".to_vec()),
            mode: 0o644,
            owner: None,
        };
        let put = within(protocol().put(&file)).await;
        assert!(
            matches!(put, Err(PutError::Request(RequestError::UnsafeSpool(_)))),
            "{put:?}"
        );
        assert!(!host.folder.path().join("file").exists());
        let reboot = within(protocol().request_reboot(1)).await;
        assert!(
            matches!(reboot, Err(RequestError::UnsafeSpool(_))),
            "{reboot:?}"
        );
    }
    assert_eq!(entries(spool), before);
    said
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for entry in entries.flatten() {
        all.extend(entries_below(&entry.path()));
    }
    all.sort();
    all
}

fn entries_below(path: &Path) -> Vec<PathBuf> {
    let mut all = vec![path.to_owned()];
    if path.is_dir() && !path.is_symlink() {
        all.extend(entries(path));
    }
    all
}

#[tokio::test]
async fn a_spool_that_a_stranger_made_is_refused() {
    need_root();
    for host in Host::each() {
        let spool = host.folder.path().join("theirs");
        make(&spool, STRANGER, 0o777);
        make(&spool.join("j"), STRANGER, 0o777);
        let said = refused(&host, &spool).await;
        assert_eq!(
            said.to_string(),
            format!(
                "the spool {0} is not root's alone: {0} belongs to user {STRANGER} and has mode 777",
                spool.display()
            )
        );
        assert!(said.advice().contains("chown root"), "{}", said.advice());
        // Also where it is closed to others, and empty.
        let closed = host.folder.path().join("closed");
        make(&closed, STRANGER, 0o700);
        let said = refused(&host, &closed).await;
        assert!(said.reason.ends_with("has mode 700"), "{said}");
        assert!(!closed.join("j").exists());
    }
}

#[tokio::test]
async fn a_folder_of_jobs_that_a_stranger_made_is_refused() {
    need_root();
    for host in Host::each() {
        let spool = host.folder.path().join("half");
        make(&spool, 0, 0o700);
        make(&spool.join("j"), STRANGER, 0o755);
        let said = refused(&host, &spool).await;
        let bad = spool.join("j");
        assert!(
            said.reason.starts_with(&bad.display().to_string()),
            "{said}"
        );
    }
}

#[tokio::test]
async fn what_a_group_or_all_may_write_is_refused() {
    need_root();
    for host in Host::each() {
        for (name, mode) in [("group", 0o770), ("all", 0o707), ("sticky", 0o1777)] {
            let spool = host.folder.path().join(name);
            make(&spool, 0, mode);
            refused(&host, &spool).await;
            // A folder on the way is as good. A sticky one is not: what root made in it stays.
            let below = spool.join("spool");
            make(&below, 0, 0o700);
            make(&below.join("j"), 0, 0o700);
            if mode & 0o1000 == 0 {
                let said = refused(&host, &below).await;
                assert!(
                    said.reason
                        .starts_with(&format!("{} belongs", spool.display())),
                    "{said}"
                );
            } else {
                works(&host, &below).await;
            }
        }
        // Nothing is made in it either.
        let theirs = host.folder.path().join("home");
        make(&theirs, STRANGER, 0o755);
        refused(&host, &theirs.join("spool")).await;
        assert!(entries(&theirs).is_empty());
    }
}

async fn works(host: &Host, spool: &Path) {
    let options = HostOptions {
        spool: spool.to_str().unwrap().to_owned(),
        ..host.options()
    };
    let protocol = host.protocol_over(host.exec.clone(), options);
    let end = start(&protocol, &id("ok"), "exit 3", &mut Recorder::default()).await;
    assert_eq!(end.unwrap().state, JobState::Ended(3));
}

#[tokio::test]
async fn a_link_is_followed_only_where_it_is_roots() {
    need_root();
    for host in Host::each() {
        let base = host.folder.path();
        let real = base.join("real");
        make(&real, 0, 0o700);
        symlink(&real, base.join("roots")).unwrap();
        works(&host, &base.join("roots/spool")).await;
        works(&host, &base.join("roots/spool")).await;
        // In a folder of a stranger's, whosever it is.
        let home = base.join("home");
        make(&home, STRANGER, 0o755);
        symlink(&real, home.join("link")).unwrap();
        let said = refused(&host, &home.join("link/spool")).await;
        assert!(said.reason.contains("is a symbolic link"), "{said}");
        // Root's link to such a one.
        symlink(home.join("link"), base.join("twice")).unwrap();
        refused(&host, &base.join("twice/spool")).await;
        // One of a stranger's where all may make some.
        let open = base.join("open");
        make(&open, 0, 0o1777);
        symlink(&real, open.join("spool")).unwrap();
        std::os::unix::fs::lchown(open.join("spool"), Some(STRANGER), None).unwrap();
        refused(&host, &open.join("spool")).await;
        // One that leads to itself.
        symlink(base.join("round"), base.join("round")).unwrap();
        let options = HostOptions {
            spool: base.join("round/spool").to_str().unwrap().to_owned(),
            ..host.options()
        };
        let protocol = host.protocol_over(host.exec.clone(), options);
        let round = start(&protocol, &id("round"), "true", &mut Recorder::default()).await;
        assert!(
            matches!(&round, Err(JobError::Spool { reason, .. }) if reason.contains("leads nowhere")),
            "{round:?}"
        );
    }
}

#[tokio::test]
async fn it_is_looked_once_a_connection() {
    need_root();
    for host in Host::each() {
        let protocol = host.protocol();
        let end = start(&protocol, &id("one"), "true", &mut Recorder::default()).await;
        assert_eq!(end.unwrap().state, JobState::Ended(0));
        // Only root could have done this.
        fs::set_permissions(host.spool(), Permissions::from_mode(0o777)).unwrap();
        let end = start(&protocol, &id("two"), "true", &mut Recorder::default()).await;
        assert_eq!(end.unwrap().state, JobState::Ended(0));
        refused(&host, &host.spool()).await;
    }
}
