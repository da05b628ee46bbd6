//! Files are put into folders where a user of the host exchanges names all the time, on a real sshd: what
//! is root's stays as it is, and no file is claimed that was not written.
//!
//! The racers are threads with that user's rights. They know all files by descriptors, never wait, and move
//! what they displace to a stash, so that afterwards everything that was ever written can be found.
//!
//! 20 files for each folder in every run of the tests; `-- --ignored` puts 1,000 files into each folder.
#![allow(missing_docs, clippy::panic, clippy::unwrap_used, clippy::print_stdout)]

mod lab_target;

use std::ffi::CStr;
use std::fs::{self, Permissions};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use lab_target::{target, transport};
use phalanx_lab::LoopbackHost;
use phalanx_remote::{Connection, Content, FileToPut, PutError, PutOutcome, Transport as _};
use rustix::fs::{AtFlags, Dir, Mode, OFlags, RenameFlags};

/// The user that the folders belong to. There is nobody of that number.
const USER: u32 = 47_110;
/// All files are of this size, so that the content of what is there is looked at.
const SIZE: usize = 600;

/// A file of root's that the racers would like to have.
struct Victim {
    path: PathBuf,
    before: (u64, u32, u32, u32, Vec<u8>),
}

impl Victim {
    fn new(folder: &Path, name: &str) -> Self {
        let path = folder.join(name);
        fs::write(&path, vec![b's'; SIZE]).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let before = Self::look(&path);
        Self { path, before }
    }

    fn look(path: &Path) -> (u64, u32, u32, u32, Vec<u8>) {
        let it = fs::metadata(path).unwrap();
        let content = fs::read(path).unwrap();
        (it.ino(), it.mode(), it.uid(), it.gid(), content)
    }

    fn check(&self) {
        assert_eq!(
            Self::look(&self.path),
            self.before,
            "{}",
            self.path.display()
        );
    }
}

/// What the racers have to work with, all opened before they lose root's rights.
struct Ground {
    folder: OwnedFd,
    stash: OwnedFd,
    victim: Vec<u8>,
    victim_inode: u64,
    prison: Vec<u8>,
    stop: AtomicBool,
    number: AtomicU64,
    exchanged: AtomicU64,
}

impl Ground {
    /// Puts what has this name away. What is there no more, or cannot be moved, is left.
    fn displace(&self, name: &CStr) -> bool {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let to = number.to_string();
        let moved = rustix::fs::renameat(&self.folder, name, &self.stash, &*to).is_ok()
            // A folder of root's cannot leave its parent.
            || rustix::fs::renameat(&self.folder, name, &self.folder, format!("x{to}")).is_ok();
        if moved {
            self.exchanged.fetch_add(1, Ordering::Relaxed);
        }
        moved
    }

    /// What put makes for a moment becomes a link, a hard link or a folder.
    fn exchange_temporary(&self, turn: u64) {
        let Ok(entries) = Dir::read_from(&self.folder) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let temporary = name.to_bytes().windows(4).any(|part| part == b".px.");
            // What is there by us stays, so that put comes upon it.
            let theirs = rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|it| it.st_uid == 0 && it.st_ino != self.victim_inode);
            if !temporary || !theirs || !self.displace(name) {
                continue;
            }
            let _ = match turn % 4 {
                0 => rustix::fs::symlinkat(&*self.victim, &self.folder, name),
                1 => rustix::fs::symlinkat(&*self.prison, &self.folder, name),
                2 => rustix::fs::linkat(
                    rustix::fs::CWD,
                    &*self.victim,
                    &self.folder,
                    name,
                    AtFlags::empty(),
                ),
                _ => rustix::fs::mkdirat(&self.folder, name, Mode::RWXU),
            };
        }
    }

    /// The file itself becomes something else.
    fn exchange_file(&self, turn: u64) {
        self.displace(c"app.conf");
        let _ = match turn % 4 {
            0 => rustix::fs::symlinkat(&*self.victim, &self.folder, c"app.conf"),
            1 => rustix::fs::linkat(
                rustix::fs::CWD,
                &*self.victim,
                &self.folder,
                c"app.conf",
                AtFlags::empty(),
            ),
            2 => rustix::fs::mkfifoat(&self.folder, c"app.conf", Mode::RWXU),
            _ => Ok(()),
        };
        if turn % 4 == 2 {
            // Nobody may be kept waiting by it for long.
            self.displace(c"app.conf");
        }
    }

    /// A folder on the way and a link change places.
    fn exchange_parent(&self) {
        let _ = rustix::fs::renameat_with(
            &self.folder,
            c"way",
            &self.folder,
            c"astray",
            RenameFlags::EXCHANGE,
        );
        self.exchanged.fetch_add(1, Ordering::Relaxed);
    }
}

/// Does this again and again with the user's rights.
fn racer(ground: &Arc<Ground>, what: fn(&Ground, u64)) -> JoinHandle<()> {
    let ground = Arc::clone(ground);
    std::thread::spawn(move || {
        use rustix::process::{Gid, Uid};
        rustix::thread::set_thread_groups(&[]).unwrap();
        rustix::thread::set_thread_gid(Gid::from_raw(USER)).unwrap();
        // Of this thread only; the rights of root go with it.
        rustix::thread::set_thread_uid(Uid::from_raw(USER)).unwrap();
        let mut turn = 0;
        while !ground.stop.load(Ordering::Relaxed) {
            turn += 1;
            what(&ground, turn);
        }
    })
}

fn make(path: &Path, owner: u32, mode: u32) -> PathBuf {
    fs::create_dir(path).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    chown(path, Some(owner), Some(owner)).unwrap();
    path.to_owned()
}

fn open(path: &Path) -> OwnedFd {
    rustix::fs::open(path, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).unwrap()
}

/// All that is written below the folder and is root's: content and mode.
fn written(folder: &Path, all: &mut Vec<(Vec<u8>, u32)>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let it = entry.path().symlink_metadata().unwrap();
        if it.is_dir() {
            written(&entry.path(), all);
        } else if it.is_file() && it.uid() == 0 {
            all.push((fs::read(entry.path()).unwrap(), it.mode() & 0o7777));
        }
    }
}

/// What a number of puts came to.
#[derive(Debug, Default)]
struct Tally {
    claimed: usize,
    refused: usize,
}

/// Puts one file after the other to `path`, each with content of its own. Gives what was claimed. Where the
/// file's folder is given, it must be in there at once.
async fn puts(
    connection: &dyn Connection,
    path: &Path,
    times: usize,
    into: Option<&Path>,
    tally: &mut Tally,
) -> Vec<(Vec<u8>, u32)> {
    let mut claimed = Vec::new();
    for number in 0..times {
        let mut content = format!("{number} for {}\n", path.display()).into_bytes();
        content.resize(SIZE, b'.');
        let mode = [0o644, 0o600, 0o755][number % 3];
        let file = FileToPut {
            path: path.to_str().unwrap().to_owned(),
            content: Content::Bytes(content.clone()),
            mode,
            owner: None,
        };
        let mut done = Vec::new();
        match connection.put_all(&[file], 0, &mut done).await {
            Ok(_) => {
                // Nobody has put this content there before.
                assert_eq!(done, [PutOutcome::Written], "{number}");
                if let Some(into) = into {
                    assert_eq!(fs::read(into.join("app.conf")).unwrap(), content);
                }
                claimed.push((content, mode));
                tally.claimed += 1;
            }
            Err(PutError::Write { reason, .. }) => {
                assert!(!reason.is_empty());
                tally.refused += 1;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    claimed
}

async fn race(times: usize) {
    assert!(
        rustix::process::geteuid().is_root(),
        "needs root: only root can be two users"
    );
    let host = LoopbackHost::builder().start().unwrap();
    let transport = transport(target(&host));
    let connection = transport.connect("host").await.unwrap();

    // The host sees this machine's folder for temporary files.
    let top = tempfile::tempdir().unwrap();
    fs::set_permissions(top.path(), Permissions::from_mode(0o755)).unwrap();
    let prison = make(&top.path().join("root"), 0, 0o755);
    let victims = ["shadow", "app.conf"].map(|name| Victim::new(&prison, name));
    type Racer = fn(&Ground, u64);
    let temporary: Racer = Ground::exchange_temporary;
    let file: Racer = Ground::exchange_file;
    let parent: Racer = |ground, _| ground.exchange_parent();
    let grounds: [(&str, u32, u32, &[Racer]); 5] = [
        ("home", USER, 0o755, &[temporary]),
        ("home-file", USER, 0o755, &[file]),
        ("home-both", USER, 0o755, &[temporary, file]),
        ("open", 0, 0o777, &[temporary]),
        ("linked", 0, 0o755, &[parent]),
    ];
    for (name, owner, mode, racers) in grounds {
        let folder = make(&top.path().join(name), owner, mode);
        // Behind a link: root's own leads to a folder of the user's, in which a part of the way is
        // exchanged for a link to what is root's.
        // Where the file itself is left alone, it has to be there at once.
        let mut way = (name == "home" || name == "open").then(|| open(&folder));
        let (ground, path) = if name == "linked" {
            let theirs = make(&folder.join("theirs"), USER, 0o755);
            way = Some(open(&make(&theirs.join("way"), USER, 0o755)));
            symlink(&prison, theirs.join("astray")).unwrap();
            symlink(&theirs, folder.join("link")).unwrap();
            (theirs, folder.join("link/way/app.conf"))
        } else {
            (folder.clone(), folder.join("app.conf"))
        };
        let stash = make(&folder.join("stash"), USER, 0o755);
        let ground = Arc::new(Ground {
            folder: open(&ground),
            stash: open(&stash),
            victim: padded(&victims[0].path),
            victim_inode: victims[0].before.0,
            prison: prison.to_str().unwrap().into(),
            stop: AtomicBool::new(false),
            number: AtomicU64::new(0),
            exchanged: AtomicU64::new(0),
        });
        let racers: Vec<_> = racers.iter().map(|what| racer(&ground, *what)).collect();
        let mut tally = Tally::default();
        // Whatever it is called now.
        let way = way
            .as_ref()
            .map(|way| format!("/proc/self/fd/{}", way.as_raw_fd()));
        let way = way.as_ref().map(Path::new);
        let claimed = puts(&*connection, &path, times, way, &mut tally).await;
        ground.stop.store(true, Ordering::Relaxed);
        for racer in racers {
            racer.join().unwrap();
        }
        let exchanged = ground.exchanged.load(Ordering::Relaxed);
        println!("{name}: {tally:?}, {exchanged} exchanges");
        for victim in &victims {
            victim.check();
        }
        assert_eq!(fs::read_dir(&prison).unwrap().count(), victims.len());
        let mut there = Vec::new();
        written(&folder, &mut there);
        for file in claimed.into_iter().filter(|_| way.is_none()) {
            assert!(
                there.contains(&file),
                "{name}: claimed and not written: {}",
                String::from_utf8_lossy(&file.0)
            );
        }
        assert!(exchanged > 0, "{name}: there was no race");
    }
    connection.close().await;
}

/// The path with slashes in front, so that a link to it is as long as a file is to be.
fn padded(path: &Path) -> Vec<u8> {
    let path = path.to_str().unwrap();
    let slashes = "/".repeat(SIZE - path.len());
    (slashes + path).into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_profits_from_exchanging_names() {
    race(20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn nobody_profits_from_exchanging_names_a_thousand_times() {
    race(1_000).await;
}
