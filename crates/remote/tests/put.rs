//! Files: whole or not at all, and only where they are not there already.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests say what they expect by unwrapping"
)]

mod support;

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use phalanx_remote::{Content, FileToPut, PutError, PutOutcome, RequestError};
use support::{Host, until, within};

/// A file that belongs to whoever runs the test.
fn file(path: &Path, content: &[u8], mode: u32) -> FileToPut {
    let me = std::fs::metadata("/proc/self").expect("it is there");
    FileToPut {
        path: path.to_str().expect("UTF-8").to_owned(),
        content: Content::Bytes(content.to_vec()),
        mode,
        owner: Some(format!("{}:{}", me.uid(), me.gid())),
    }
}

async fn put(host: &Host, file: &FileToPut) -> Result<PutOutcome, PutError> {
    within(host.protocol().put(file)).await
}

fn reason(result: Result<PutOutcome, PutError>) -> String {
    match result {
        Err(PutError::Write { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

/// A folder with nothing in it but what is put there.
fn folder(host: &Host) -> PathBuf {
    let folder = host.folder.path().join("put");
    std::fs::create_dir(&folder).expect("it is new");
    folder
}

fn entries(folder: &Path) -> usize {
    std::fs::read_dir(folder).expect("it is there").count()
}

#[tokio::test]
async fn content_of_any_size_arrives_with_its_mode() {
    for host in Host::each() {
        let folder = folder(&host);
        for (n, size) in [0, 1, 32 << 10, (32 << 10) + 1, 3_000_000]
            .into_iter()
            .enumerate()
        {
            let content: Vec<u8> = (0..size).map(|i: usize| (i * 7 + i / 251) as u8).collect();
            let path = folder.join(format!("file {n}'s"));
            let file = file(&path, &content, 0o4751);
            assert_eq!(put(&host, &file).await.unwrap(), PutOutcome::Written);
            assert!(std::fs::read(&path).unwrap() == content);
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o4751);
            assert_eq!(put(&host, &file).await.unwrap(), PutOutcome::Already);
        }
        assert_eq!(entries(&folder), 5);
    }
}

#[tokio::test]
async fn what_is_there_is_replaced_mended_or_left() {
    for host in Host::each() {
        let path = folder(&host).join("file");
        std::fs::write(&path, "old!").unwrap();
        let wanted = file(&path, b"new.", 0o640);
        assert_eq!(put(&host, &wanted).await.unwrap(), PutOutcome::Written);
        let inode = std::fs::metadata(&path).unwrap().ino();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(put(&host, &wanted).await.unwrap(), PutOutcome::Mended);
        assert_eq!(put(&host, &wanted).await.unwrap(), PutOutcome::Already);
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!((metadata.ino(), metadata.mode() & 0o7777), (inode, 0o640));
        // As long, but different; and no mode at all.
        assert_eq!(
            put(&host, &file(&path, b"NEW.", 0)).await.unwrap(),
            PutOutcome::Written
        );
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0);
    }
}

#[tokio::test]
async fn owners_are_mended() {
    for host in Host::each() {
        let path = folder(&host).join("file");
        let mut wanted = FileToPut {
            owner: None,
            ..file(&path, b"x", 0o6755)
        };
        if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
            assert!(put(&host, &wanted).await.is_err());
            continue;
        }
        let owned = |uid, gid| {
            let metadata = std::fs::metadata(&path).unwrap();
            assert_eq!((metadata.uid(), metadata.gid()), (uid, gid));
            assert_eq!(metadata.mode() & 0o7777, 0o6755);
        };
        assert_eq!(put(&host, &wanted).await.unwrap(), PutOutcome::Written);
        owned(0, 0);
        wanted.owner = Some("1:2".into());
        assert_eq!(put(&host, &wanted).await.unwrap(), PutOutcome::Mended);
        owned(1, 2);
        assert_eq!(put(&host, &wanted).await.unwrap(), PutOutcome::Already);
        wanted.owner = Some("1".into());
        assert_eq!(put(&host, &wanted).await.unwrap(), PutOutcome::Already);
        wanted.owner = Some("root".into());
        assert_eq!(put(&host, &wanted).await.unwrap(), PutOutcome::Mended);
        owned(0, 2);
        wanted.owner = Some("no-such-user".into());
        assert!(reason(put(&host, &wanted).await).contains("invalid user"));
        wanted.content = Content::Bytes(b"y".to_vec());
        assert!(reason(put(&host, &wanted).await).contains("invalid user"));
        assert_eq!(std::fs::read(&path).unwrap(), b"x");
        assert_eq!(entries(path.parent().unwrap()), 1);
    }
}

#[tokio::test]
async fn missing_folders_are_made() {
    for host in Host::each() {
        let top = folder(&host);
        let path = top.join("a/b/c");
        assert_eq!(
            put(&host, &file(&path, b"x", 0o600)).await.unwrap(),
            PutOutcome::Written
        );
        for made in [top.join("a"), top.join("a/b")] {
            assert_eq!(std::fs::metadata(made).unwrap().mode() & 0o7777, 0o755);
        }
    }
}

#[tokio::test]
async fn what_is_no_file_is_not_replaced() {
    for host in Host::each() {
        let folder = folder(&host);
        let (link, pipe) = (folder.join("link"), host.pipe("pipe"));
        std::os::unix::fs::symlink("target", &link).unwrap();
        std::fs::write(folder.join("target"), "mine").unwrap();
        std::fs::write(folder.join("file"), "mine").unwrap();
        for content in [&b"yours"[..], &[b'y'; 300_000]] {
            let put = async |path: &Path| reason(put(&host, &file(path, content, 0o644)).await);
            assert_eq!(put(&link).await, "it is a symbolic link");
            assert_eq!(put(&folder).await, "it is a folder");
            assert_eq!(put(&pipe).await, "it is not a regular file");
            assert!(
                put(&folder.join("file/below"))
                    .await
                    .ends_with("put/file: Not a directory")
            );
        }
        assert_eq!(std::fs::read(folder.join("target")).unwrap(), b"mine");
        assert_eq!(entries(&folder), 3);
    }
}

/// A folder of another user's, with a file of root's that is not to be touched beside it.
fn theirs(host: &Host) -> (PathBuf, PathBuf) {
    let theirs = host.folder.path().join("theirs");
    std::fs::create_dir(&theirs).unwrap();
    std::os::unix::fs::chown(&theirs, Some(65534), Some(65534)).unwrap();
    let roots = host.folder.path().join("roots");
    std::fs::write(&roots, "mine").unwrap();
    std::fs::set_permissions(&roots, std::fs::Permissions::from_mode(0o600)).unwrap();
    (theirs, roots)
}

#[tokio::test]
async fn in_somebody_elses_folder_files_are_replaced_and_never_changed() {
    assert!(
        rustix::process::geteuid().is_root(),
        "needs root: only root can make other users' folders"
    );
    for host in Host::each() {
        let (theirs, roots) = theirs(&host);
        let path = theirs.join("file");
        let wanted = file(&path, b"mine", 0o644);
        assert_eq!(put(&host, &wanted).await.unwrap(), PutOutcome::Written);
        assert_eq!(put(&host, &wanted).await.unwrap(), PutOutcome::Already);
        // Root's own file under one more name: content and owner are right, the mode is not.
        std::fs::remove_file(&path).unwrap();
        std::fs::hard_link(&roots, &path).unwrap();
        assert_eq!(put(&host, &wanted).await.unwrap(), PutOutcome::Written);
        let (new, old) = (
            std::fs::metadata(&path).unwrap(),
            std::fs::metadata(&roots).unwrap(),
        );
        assert_ne!(new.ino(), old.ino());
        assert_eq!((new.mode() & 0o7777, old.mode() & 0o7777), (0o644, 0o600));
        // Missing folders are made in there, too, and nothing else is left.
        let deep = theirs.join("a/b/file");
        let files = [file(&deep, b"one", 0o600), file(&path, b"two", 0o600)];
        let mut done = Vec::new();
        let protocol = host.protocol();
        within(protocol.put_all(&files, 0, &mut done))
            .await
            .unwrap();
        assert_eq!(done, [PutOutcome::Written; 2]);
        assert_eq!((entries(&theirs), entries(&theirs.join("a/b"))), (2, 1));
    }
}

#[tokio::test]
async fn a_folder_that_its_group_shares_takes_files_and_keeps_nothing_else() {
    assert!(
        rustix::process::geteuid().is_root(),
        "needs root: only root can give folders away"
    );
    for host in Host::each() {
        // As /var/local on Debian: what is made in it belongs to its group, and hands that on.
        let shared = host.folder.path().join("shared");
        std::fs::create_dir(&shared).unwrap();
        std::os::unix::fs::chown(&shared, None, Some(65534)).unwrap();
        std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o2775)).unwrap();
        let wanted = file(&shared.join("file"), b"mine", 0o644);
        assert_eq!(put(&host, &wanted).await.unwrap(), PutOutcome::Written);
        assert_eq!(put(&host, &wanted).await.unwrap(), PutOutcome::Already);
        assert_eq!(entries(&shared), 1);
    }
}

#[tokio::test]
async fn a_link_on_the_way_is_followed_only_where_it_is_roots() {
    assert!(
        rustix::process::geteuid().is_root(),
        "needs root: only root can make other users' folders"
    );
    for host in Host::each() {
        let (theirs, _) = theirs(&host);
        let ours = folder(&host);
        std::os::unix::fs::symlink(&ours, theirs.join("link")).unwrap();
        std::os::unix::fs::symlink("put", host.folder.path().join("link")).unwrap();
        let bad = file(&theirs.join("link/file"), b"x", 0o644);
        let why = reason(put(&host, &bad).await);
        assert!(
            why.contains("theirs/link is a symbolic link that others may change"),
            "{why}"
        );
        assert_eq!(entries(&ours), 0);
        let good = file(&host.folder.path().join("link/a/file"), b"x", 0o644);
        assert_eq!(put(&host, &good).await.unwrap(), PutOutcome::Written);
        assert_eq!(std::fs::read(ours.join("a/file")).unwrap(), b"x");
    }
}

#[tokio::test]
async fn nonsense_is_refused_here() {
    let host = &Host::each()[0];
    for path in ["", "relative", "/folder/", "/a\0b"] {
        let file = FileToPut {
            path: path.into(),
            ..file(Path::new("/x"), b"", 0)
        };
        reason(put(host, &file).await);
    }
    for owner in ["", "-R", ":x", "a b", "a;b"] {
        let file = FileToPut {
            owner: Some(owner.into()),
            ..file(Path::new("/x"), b"", 0)
        };
        reason(put(host, &file).await);
    }
    assert_eq!(
        host.exec.opened.load(std::sync::atomic::Ordering::Relaxed),
        0
    );
}

#[tokio::test]
async fn a_connection_lost_on_the_way_leaves_the_old_file() {
    for host in Host::each() {
        let folder = folder(&host);
        let path = folder.join("file");
        std::fs::write(&path, "old").unwrap();
        let mut exec = host.exec.clone();
        exec.cut_input_after = Some(500_000);
        let protocol = host.protocol_over(exec, host.options());
        let error = within(protocol.put(&file(&path, &[b'x'; 1_000_000], 0o644))).await;
        assert!(
            matches!(error, Err(PutError::Request(RequestError::Lost(_)))),
            "{error:?}"
        );
        until("nothing else is there", || entries(&folder) == 1).await;
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
    }
}

#[tokio::test]
async fn a_disk_without_room_is_told() {
    for host in Host::each() {
        let folder = folder(&host);
        let Some(disk) = support::SmallDisk::new(&folder, "1m") else {
            panic!("a file system of its own needs root");
        };
        let mut host = host;
        host.exec.mounts_of = Some(disk.holder());
        let put = async |name: &str, size| {
            let path = folder.join(name);
            put(&host, &file(&path, &vec![b'x'; size], 0o644)).await
        };
        assert!(reason(put("large", 8_000_000).await).contains("No space left on device"));
        assert_eq!(entries(Path::new(disk.root())), 0);
        assert_eq!(put("small", 100_000).await.unwrap(), PutOutcome::Written);
        assert!(reason(put("small", 5_000_000).await).contains("No space left on device"));
        assert_eq!(
            std::fs::read(Path::new(disk.root()).join("small"))
                .unwrap()
                .len(),
            100_000
        );
        assert_eq!(entries(Path::new(disk.root())), 1);
    }
}

#[tokio::test]
async fn a_file_of_this_machine_is_brought_however_large() {
    for host in Host::each() {
        let to = folder(&host).join("big");
        let from = host.folder.path().join("from");
        let bytes: Vec<u8> = (0..5_000_000usize)
            .map(|i| (i * 31 + i / 997) as u8)
            .collect();
        std::fs::write(&from, &bytes).unwrap();
        let local = FileToPut {
            content: Content::Local(from.clone()),
            ..file(&to, b"", 0o600)
        };
        assert_eq!(put(&host, &local).await.unwrap(), PutOutcome::Written);
        assert!(std::fs::read(&to).unwrap() == bytes);
        assert_eq!(put(&host, &local).await.unwrap(), PutOutcome::Already);
        std::fs::write(&from, b"").unwrap();
        assert_eq!(put(&host, &local).await.unwrap(), PutOutcome::Written);
        assert_eq!(std::fs::read(&to).unwrap(), b"");
        std::fs::remove_file(&from).unwrap();
        let error = put(&host, &local).await.unwrap_err();
        assert!(
            matches!(&error, PutError::Local(why) if why.contains("cannot be read")),
            "{error}"
        );
        let folder = FileToPut {
            content: Content::Local(host.folder.path().to_owned()),
            ..local
        };
        let error = put(&host, &folder).await.unwrap_err();
        assert!(error.to_string().contains("no regular file"), "{error}");
        assert_eq!(std::fs::read(&to).unwrap(), b"", "left alone");
    }
}

#[tokio::test]
async fn several_files_go_together() {
    for host in Host::each() {
        let folder = folder(&host);
        let path = |name: &str| folder.join(name);
        let large = vec![b'l'; 100_000];
        let files = [
            file(&path("a"), b"one", 0o644),
            file(&path("deep/er/b"), b"", 0o600),
            file(&path("c"), b"three\n", 0o755),
            file(&path("large"), &large, 0o644),
            file(&path("d"), b"four", 0o644),
        ];
        use PutOutcome::{Already, Mended, Written};
        let protocol = host.protocol();
        let mut done = Vec::new();
        within(protocol.put_all(&files, 0, &mut done))
            .await
            .unwrap();
        assert_eq!(done, [Written; 5]);
        // What is there is passed over, so that the next one gets its own bytes.
        std::fs::write(path("c"), b"other\n").unwrap();
        std::fs::set_permissions(path("a"), std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::remove_file(path("d")).unwrap();
        done.clear();
        within(protocol.put_all(&files, 0, &mut done))
            .await
            .unwrap();
        assert_eq!(done, [Mended, Already, Written, Already, Written]);
        for wanted in &files {
            let Content::Bytes(bytes) = &wanted.content else {
                panic!("bytes");
            };
            assert!(
                std::fs::read(&wanted.path).unwrap() == *bytes,
                "{}",
                wanted.path
            );
        }
        // One that cannot be: those before it are there, those behind it are not touched.
        let bad = [
            file(&path("e"), b"five", 0o644),
            file(&path("deep"), b"a folder is there", 0o644),
            file(&path("f"), b"six", 0o644),
        ];
        done.clear();
        let error = within(protocol.put_all(&bad, 0, &mut done))
            .await
            .unwrap_err();
        assert_eq!(done, [Written]);
        assert!(error.to_string().contains("deep"), "{error}");
        assert_eq!(std::fs::read(path("e")).unwrap(), b"five");
        assert!(!path("f").exists());
        let left = std::fs::read_dir(&folder).unwrap();
        let hidden = left.filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().starts_with('.')
        });
        assert_eq!(hidden.count(), 0);
    }
}
