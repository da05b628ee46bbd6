//! Reads known_hosts files, and adds a line to the first.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::known_hosts::{HostName, KnownKey, Verdict, judge, lines_about, new_line};
use crate::error::ConnectError;

/// How long another program may keep a known_hosts file locked.
const LOCK_WITHIN: Duration = Duration::from_secs(10);

/// What the files say about one host.
pub(crate) struct KnownHost {
    pub(crate) name: HostName,
    files: Vec<PathBuf>,
    pub(crate) keys: Vec<KnownKey>,
    /// How much of the first file was read, and how many lines that was.
    read: (u64, usize),
}

impl KnownHost {
    /// Reads all files. One that is not there says nothing.
    pub(crate) fn read(name: HostName, files: &[PathBuf]) -> Result<Self, ConnectError> {
        let mut host = Self {
            name,
            files: files.to_owned(),
            keys: Vec::new(),
            read: (0, 0),
        };
        for (number, file) in files.iter().enumerate() {
            let bytes = match fs::read(file) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(failed(file, source)),
            };
            // Names and keys are ASCII; whatever else is there stands in comments.
            let text = String::from_utf8_lossy(&bytes);
            host.keys.extend(lines_about(&host.name, &text, number, 1));
            if number == 0 {
                let whole = bytes
                    .iter()
                    .rposition(|byte| *byte == b'\n')
                    .map_or(0, |end| end + 1);
                let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
                host.read = (whole as u64, lines);
            }
        }
        Ok(host)
    }

    /// The file that a line is in.
    pub(crate) fn file_of(&self, key: &KnownKey) -> String {
        self.files
            .get(key.file)
            .map(|file| file.display().to_string())
            .unwrap_or_default()
    }

    /// Writes a new key down in the first file, unless somebody else just did, and gives that file;
    /// `None` where there is no file. The verdict is made again with the file locked: somebody may
    /// just have written down another key.
    pub(crate) fn remember(&mut self, blob: &[u8]) -> Result<Option<PathBuf>, ConnectError> {
        let (Some(path), Some(line)) = (self.files.first().cloned(), new_line(&self.name, blob))
        else {
            return Ok(None);
        };
        let wrong = |source| failed(&path, source);
        let mut file = open(&path).map_err(wrong)?;
        lock(&file).map_err(wrong)?;

        let (mut from, mut lines) = self.read;
        if file.metadata().map_err(wrong)?.len() < from {
            // Somebody rewrote it.
            (from, lines) = (0, 0);
            self.keys.retain(|key| key.file != 0);
        }
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from)).map_err(wrong)?;
        file.read_to_end(&mut bytes).map_err(wrong)?;
        self.keys.extend(lines_about(
            &self.name,
            &String::from_utf8_lossy(&bytes),
            0,
            lines + 1,
        ));
        if judge(&self.keys, blob) != Verdict::New {
            return Ok(Some(path));
        }
        let mut addition = String::new();
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            addition.push('\n');
        }
        addition += &line;
        file.write_all(addition.as_bytes()).map_err(wrong)?;
        Ok(Some(path))
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
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn blob(number: u8) -> Vec<u8> {
        let mut blob = vec![0, 0, 0, 11];
        blob.extend(b"ssh-ed25519");
        blob.push(number);
        blob
    }

    #[test]
    fn makes_file_and_folder_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("home/.ssh/known_hosts");
        let files = [path.clone()];
        let mut host = KnownHost::read(HostName::new("h", 22), &files).unwrap();
        assert_eq!(judge(&host.keys, &blob(1)), Verdict::New);
        assert_eq!(host.remember(&blob(1)).unwrap(), Some(path.clone()));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        let host = KnownHost::read(HostName::new("h", 22), &files).unwrap();
        assert_eq!(judge(&host.keys, &blob(1)), Verdict::Known);
    }

    #[test]
    fn finds_out_what_others_wrote_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known_hosts");
        fs::write(&path, "# no line end").unwrap();
        let files = [path.clone()];
        let read = || KnownHost::read(HostName::new("h", 22), &files).unwrap();
        let (mut first, mut second, mut third) = (read(), read(), read());
        first.remember(&blob(1)).unwrap();
        second.remember(&blob(1)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2, "not written twice: {text}");
        third.remember(&blob(2)).unwrap();
        assert!(matches!(judge(&third.keys, &blob(2)), Verdict::Changed(key) if key.line == 2));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        // A file that was rewritten is read again.
        let mut fourth = read();
        fs::write(&path, "").unwrap();
        fourth.remember(&blob(2)).unwrap();
        assert_eq!(judge(&read().keys, &blob(2)), Verdict::Known);
    }

    #[test]
    fn lines_never_interleave() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known_hosts");
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let files = [path.clone()];
                scope.spawn(move || {
                    for number in 0..25 {
                        let name = HostName::new(&format!("h{thread}-{number}"), 22);
                        let mut host = KnownHost::read(name, &files).unwrap();
                        host.remember(&blob(1)).unwrap();
                    }
                });
            }
        });
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 200);
        let files = [path];
        for thread in 0..8 {
            for number in 0..25 {
                let name = HostName::new(&format!("h{thread}-{number}"), 22);
                let host = KnownHost::read(name, &files).unwrap();
                assert_eq!(judge(&host.keys, &blob(1)), Verdict::Known);
            }
        }
    }

    #[test]
    fn a_folder_in_place_of_the_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let folder_as_file = KnownHost::read(HostName::new("h", 22), &[folder.path().to_owned()]);
        assert!(matches!(
            folder_as_file,
            Err(ConnectError::KnownHosts { .. })
        ));
    }
}
