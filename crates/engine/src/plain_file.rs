//! Opening files of a run's folder: never through a link, and nothing that would wait for somebody to write.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// Opens a file to read it.
///
/// # Errors
/// Also where it is a link, a FIFO, a device or a folder.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    opened(&mut options, path)
}

/// Reads a file.
///
/// # Errors
/// As [`open`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a file to write behind its end; it is made where it is missing, readable by its owner alone.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    opened(&mut options, path)
}

/// Opens a file that is there, to write it.
pub(crate) fn write(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true);
    opened(&mut options, path)
}

/// Opens a file to read and write it, as it is; it is made where it is missing.
pub(crate) fn read_and_write(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    opened(&mut options, path)
}

fn opened(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    options.custom_flags(flags.bits().cast_signed());
    let file = options.open(path).map_err(|error| {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            // What the system says of these is true of chains of links, and of nobody reading.
            Some(Errno::LOOP) => io::Error::other("it is a link, and links are not followed here"),
            Some(Errno::NXIO) => not_regular(),
            _ => error,
        }
    })?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(not_regular()),
    }
}

fn not_regular() -> io::Error {
    io::Error::other("it is not a regular file")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_fifos_folders_and_devices_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("victim"), "kept").unwrap();
        symlink(at("victim"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("fifo"),
            rustix::fs::FileType::Fifo,
            mode,
            0,
        )
        .unwrap();
        let all: [fn(&Path) -> io::Result<File>; 4] = [open, append, write, read_and_write];
        for how in all {
            for name in ["link", "dangling", "folder", "fifo"] {
                assert!(how(&at(name)).is_err(), "{name}");
            }
            assert!(how(Path::new("/dev/null")).is_err());
        }
        assert_eq!(fs::read(at("victim")).unwrap(), b"kept");
        assert!(!at("nowhere").exists());
        assert_eq!(read(&at("victim")).unwrap(), b"kept");
    }
}
