//! Writing what hosts have had a hand in.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

const OWNER_ALONE: u32 = 0o600;

/// Writes a file that is its owner's alone until that one gives it away: hosts' output may hold anything. One that
/// is there is replaced, and becomes its owner's alone as well. A link is not followed: what it leads to may be
/// another one by now.
///
/// # Errors
/// Where it cannot be written, or there is neither a file nor a device such as /dev/null.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    options.write(true).create(true).mode(OWNER_ALONE);
    options.custom_flags(flags.bits().cast_signed());
    let mut file = options.open(path).map_err(|error| {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::LOOP) => io::Error::other("it is a link; name the file itself"),
            _ => error,
        }
    })?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        make_private(&file, metadata.permissions().mode())?;
        file.set_len(0)?;
    } else if !metadata.file_type().is_char_device() {
        return Err(io::Error::other("it is not a file"));
    }
    file.write_all(text.as_bytes())
}

fn make_private(file: &File, mode: u32) -> io::Result<()> {
    match mode & 0o7777 {
        OWNER_ALONE => Ok(()),
        _ => file.set_permissions(Permissions::from_mode(OWNER_ALONE)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_there_is_replaced_and_made_private_and_no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.html");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        write(&path, "a long text").unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        write(&path, "short").unwrap();
        assert_eq!(
            (mode(&path), fs::read(&path).unwrap()),
            (0o600, b"short".to_vec())
        );

        let link = folder.path().join("link.html");
        symlink(&path, &link).unwrap();
        let refused = write(&link, "elsewhere").unwrap_err().to_string();
        assert!(refused.contains("it is a link"), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), b"short");
        write(Path::new("/dev/null"), "gone").unwrap();
        assert!(write(folder.path(), "x").is_err());
    }
}
