//! Reads known_hosts files, once for all hosts, and adds lines to the first.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::known_hosts::{HostName, KnownKey, Verdict, judge, new_line};
use super::known_hosts_lines::KnownLines;
use crate::error::ConnectError;

/// How long another program may keep a known_hosts file locked.
const LOCK_WITHIN: Duration = Duration::from_secs(10);

/// known_hosts files, each read when it is first needed, and again only when it has changed.
pub(crate) struct KnownHosts {
    files: Mutex<HashMap<PathBuf, Arc<KnownFile>>>,
    /// Comparing a host with hashed names is work for a processor: more at a time would not be faster.
    at_once: Semaphore,
}

impl Default for KnownHosts {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            files: Mutex::default(),
            at_once: Semaphore::new(processors),
        }
    }
}

impl KnownHosts {
    /// What the files say about a host. Files can be slow and large: that is for a thread that may block.
    pub(crate) async fn about(
        self: &Arc<Self>,
        name: HostName,
        files: &[PathBuf],
    ) -> Result<KnownHost, ConnectError> {
        // It is never closed.
        let _turn = self.at_once.acquire().await;
        let (this, all) = (Arc::clone(self), files.to_owned());
        let read = tokio::task::spawn_blocking(move || this.read(name, &all)).await;
        read.unwrap_or_else(|error| {
            let first = files.first().map(PathBuf::as_path);
            Err(failed(
                first.unwrap_or(Path::new("")),
                io::Error::other(error),
            ))
        })
    }

    /// What the files say about a host. One that is not there says nothing.
    fn read(&self, name: HostName, files: &[PathBuf]) -> Result<KnownHost, ConnectError> {
        let mut host = KnownHost {
            name,
            files: files.iter().map(|path| self.file(path)).collect(),
            keys: Vec::new(),
        };
        for number in 0..host.files.len() {
            host.read_again(number)?;
        }
        Ok(host)
    }

    fn file(&self, path: &Path) -> Arc<KnownFile> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(path) {
            return Arc::clone(file);
        }
        let file = Arc::new(KnownFile {
            path: path.to_owned(),
            content: Mutex::default(),
        });
        files.insert(path.to_owned(), Arc::clone(&file));
        file
    }
}

/// What the files say about one host.
pub(crate) struct KnownHost {
    pub(crate) name: HostName,
    files: Vec<Arc<KnownFile>>,
    pub(crate) keys: Vec<KnownKey>,
}

impl KnownHost {
    /// The file that a line is in.
    pub(crate) fn file_of(&self, key: &KnownKey) -> String {
        self.files
            .get(key.file)
            .map(|file| file.path.display().to_string())
            .unwrap_or_default()
    }

    /// Writes a new key down in the first file, unless somebody else just did, and gives that file;
    /// `None` where there is no file. The verdict is made again with the file locked: somebody may
    /// just have written down another key.
    pub(crate) fn remember(&mut self, blob: &[u8]) -> Result<Option<PathBuf>, ConnectError> {
        let (Some(first), Some(line)) = (self.files.first().cloned(), new_line(&self.name, blob))
        else {
            return Ok(None);
        };
        let wrong = |source| failed(&first.path, source);
        let mut file = open(&first.path).map_err(wrong)?;
        lock(&file).map_err(wrong)?;
        self.read_again(0)?;
        if judge(&self.keys, blob) == Verdict::New {
            first.content().append(&mut file, line).map_err(wrong)?;
        }
        Ok(Some(first.path.clone()))
    }

    fn read_again(&mut self, number: usize) -> Result<(), ConnectError> {
        let Some(file) = self.files.get(number) else {
            return Ok(());
        };
        let keys = file
            .about(&self.name)
            .map_err(|source| failed(&file.path, source))?;
        self.keys.retain(|key| key.file != number);
        let keys = keys.into_iter();
        self.keys.extend(keys.map(|key| KnownKey {
            file: number,
            ..key
        }));
        Ok(())
    }
}

/// One file, as far as it was read.
struct KnownFile {
    path: PathBuf,
    content: Mutex<Content>,
}

impl KnownFile {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the file says about a host. Others may look while this one compares.
    fn about(&self, name: &HostName) -> io::Result<Vec<KnownKey>> {
        let (mut found, fresh) = {
            let mut content = self.content();
            content.refresh(&self.path)?;
            content.asked_before(name)
        };
        let seen = (found.seen.0, found.seen.1 + fresh.len());
        found
            .keys
            .extend(fresh.iter().flat_map(|lines| lines.about(name)));
        found.seen = seen;
        let keys = found.keys.clone();
        if !fresh.is_empty() {
            let mut content = self.content();
            if content.reading == seen.0 {
                content.found.insert(name.clone(), found);
            }
        }
        Ok(keys)
    }
}

/// What is in a file.
#[derive(Default)]
struct Content {
    /// What the file was like when this was read; `None`: it must be read again.
    stamp: Option<Stamp>,
    /// How often it was read.
    reading: u64,
    /// What was there when it was read, then each line that was added to it here.
    parts: Vec<Arc<KnownLines>>,
    /// How many lines that is.
    lines: usize,
    /// The last line has no end.
    unfinished: bool,
    /// What hosts were told: they come again after a lost connection.
    found: HashMap<HostName, Found>,
}

/// What was found about a host.
#[derive(Clone, Default)]
struct Found {
    keys: Vec<KnownKey>,
    /// In which reading of the file, and in how many of its parts.
    seen: (u64, usize),
}

impl Content {
    /// Reads the file if it is not as it was.
    fn refresh(&mut self, path: &Path) -> io::Result<()> {
        let absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let stamp = match fs::metadata(path) {
            Ok(metadata) => Stamp::of(&metadata),
            Err(error) if absent(&error) => None,
            Err(error) => return Err(error),
        };
        if stamp.is_some() && stamp == self.stamp {
            return Ok(());
        }
        let mut bytes = Vec::new();
        // Taken before it is read: what is written meanwhile makes it another file.
        let mut stamp = None;
        match File::open(path) {
            Ok(mut file) => {
                stamp = Stamp::of(&file.metadata()?);
                file.read_to_end(&mut bytes)?;
            }
            Err(error) if absent(&error) => {}
            Err(error) => return Err(error),
        }
        let unfinished = bytes.last().is_some_and(|last| *last != b'\n');
        // Names and keys are ASCII; whatever else is there stands in comments.
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        let lines = KnownLines::parse(text, 1);
        *self = Self {
            stamp,
            reading: self.reading + 1,
            lines: lines.count(),
            parts: vec![Arc::new(lines)],
            unfinished,
            found: HashMap::new(),
        };
        Ok(())
    }

    /// What is known about a host, and the lines that were not looked at for it.
    fn asked_before(&self, name: &HostName) -> (Found, Vec<Arc<KnownLines>>) {
        let nothing = Found {
            keys: Vec::new(),
            seen: (self.reading, 0),
        };
        let found = self.found.get(name).cloned().unwrap_or(nothing);
        let fresh = self.parts.get(found.seen.1..).unwrap_or_default();
        let fresh = fresh.to_vec();
        (found, fresh)
    }

    /// Adds a line to the file, which is locked and was just read.
    fn append(&mut self, file: &mut File, line: String) -> io::Result<()> {
        let addition = match self.unfinished {
            true => format!("\n{line}"),
            false => line.clone(),
        };
        let before = self.stamp.take();
        file.write_all(addition.as_bytes())?;
        let after = Stamp::of(&file.metadata()?);
        // Not every program that writes there locks it.
        let ours = |before: Stamp| before.grown_by(addition.len(), after);
        if before.is_some_and(ours) {
            let lines = KnownLines::parse(line, self.lines + 1);
            self.parts.push(Arc::new(lines));
            self.lines += 1;
            self.unfinished = false;
            self.stamp = after;
        }
        Ok(())
    }
}

/// What tells a file from what it was before.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// `None` for what is no regular file: it may say something else each time.
    fn of(metadata: &Metadata) -> Option<Self> {
        metadata.is_file().then(|| Self {
            file: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Whether `after` is the same file with so much more in it.
    fn grown_by(self, addition: usize, after: Option<Self>) -> bool {
        after.is_some_and(|after| {
            after.file == self.file && after.length == self.length + addition as u64
        })
    }
}

fn failed(file: &Path, source: io::Error) -> ConnectError {
    ConnectError::KnownHosts {
        file: file.display().to_string(),
        source,
    }
}

/// Opens the file to append to it; makes it, and its folder, for its owner alone.
fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent()
        && !folder.as_os_str().is_empty()
        && !folder.exists()
    {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

/// Waits its turn, for the others hold the lock for microseconds; but not for ever.
fn lock(file: &File) -> io::Result<()> {
    let deadline = Instant::now() + LOCK_WITHIN;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "another program keeps it locked",
                ));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

#[cfg(test)]
#[path = "known_hosts_files_tests.rs"]
mod tests;
