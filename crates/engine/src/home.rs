//! The `.phalanx` folder: whose it may be, and who may write there.
//!
//! What lies in it is believed when a run is gone on with, and is written by name. So it has to be ours alone:
//! nobody else may put a file, a folder or a link in the place of one of ours.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Folders below it that have to be as it is.
const BELOW: [&str; 2] = ["runs", "locks"];

/// Why a folder is not used.
#[derive(Debug, Error)]
pub enum HomeError {
    /// It cannot be made or looked at.
    #[error("{} could not be used", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a link, or no folder at all.
    #[error("{} is {what}, and a folder of our own has to be there", path.display())]
    NotAFolder {
        /// What is there.
        path: PathBuf,
        /// Its kind.
        what: &'static str,
    },
    /// It is somebody else's.
    #[error("{} belongs to {}, and this is {}", path.display(), user(*owner), user(*us))]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        us: u32,
    },
    /// Others may write in it.
    #[error("{} may be written by others (its mode is {mode:04o})", path.display())]
    Writable {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Everybody may rename what is in a folder above it.
    #[error(
        "everybody may write in {}, which belongs to {} (its mode is {mode:04o}), and so put another folder in the \
         place of {}",
        path.display(), user(*owner), home.display()
    )]
    Above {
        /// The folder above.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Its permission bits.
        mode: u32,
        /// The folder that is not safe there.
        home: PathBuf,
    },
}

impl HomeError {
    /// What the operator can do.
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::Io { .. } => None,
            Self::NotAFolder { path, .. } => Some(format!(
                "look what it is, then move {} away: a new one is made",
                path.display()
            )),
            // A login shell of root's (`su`, a container) does not say who began it, as sudo does.
            Self::Foreign { path, owner, us } => Some(format!(
                "run phalanx as {}, or with sudo from a shell of that user (in a container: `--user {owner}`); or, if \
                 you trust all that is in it, make it yours: chown -R {us} {}",
                user(*owner),
                word(path)
            )),
            Self::Writable { path, .. } => Some(format!(
                "look whether somebody has changed what is in it, then: chmod -R go-w {}",
                word(path)
            )),
            Self::Above { path, owner, .. } => Some(format!(
                "as {} or as root: chmod o-w {path}, or chmod +t {path} where all are to write there still; or keep the \
                 cluster file in a folder of your own (on a file system that has modes)",
                user(*owner),
                path = word(path)
            )),
        }
    }
}

/// A user by name, as far as this machine knows it, and number.
fn user(number: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let is_it = fields.nth(1)?.parse() == Ok(number);
        is_it.then_some(name)
    });
    match name {
        Some(name) => format!("{name} (user {number})"),
        None => format!("user {number}, whom this machine does not know"),
    }
}

/// A path as one word of a command that is to be typed.
fn word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,@%".contains(c);
    match text.chars().all(is_plain) && !text.starts_with('-') {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// Makes the `.phalanx` folder where there is none, readable by its owner alone, and looks whether all of it is
/// ours. `also` is a user who may own it as well: the one who has become root with sudo. What is made below it
/// later is ours, as nobody else can make anything there.
///
/// # Errors
/// [`HomeError`]; nothing was written then but for the folder itself.
pub fn prepare_home(home: &Path, also: Option<u32>) -> Result<(), HomeError> {
    above(home)?;
    match DirBuilder::new().mode(0o700).create(home) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => Err(HomeError::Io {
            path: home.to_owned(),
            source,
        }),
        _ => check_home(home, also),
    }
}

/// The same look at what is there, and makes nothing.
///
/// # Errors
/// [`HomeError`].
pub fn check_home(home: &Path, also: Option<u32>) -> Result<(), HomeError> {
    above(home)?;
    for folder in std::iter::once(home.to_owned()).chain(BELOW.map(|name| home.join(name))) {
        match check_folder(&folder, also) {
            Err(HomeError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            checked => checked?,
        }
    }
    Ok(())
}

/// Whether a folder is one, ours, and nobody else's to write in.
///
/// # Errors
/// [`HomeError`].
pub(crate) fn check_folder(path: &Path, also: Option<u32>) -> Result<(), HomeError> {
    let us = rustix::process::geteuid().as_raw();
    let metadata = fs::symlink_metadata(path).map_err(|source| HomeError::Io {
        path: path.to_owned(),
        source,
    })?;
    let path = path.to_owned();
    if !metadata.is_dir() {
        let what = match metadata.is_symlink() {
            true => "a link",
            false => "not a folder",
        };
        return Err(HomeError::NotAFolder { path, what });
    }
    let owner = metadata.uid();
    if owner != us && owner != 0 && Some(owner) != also {
        return Err(HomeError::Foreign { path, owner, us });
    }
    match metadata.mode() & 0o7777 {
        mode if mode & 0o022 != 0 => Err(HomeError::Writable { path, mode }),
        _ => Ok(()),
    }
}

/// Whoever owns the folder of the cluster file, or shares it with a group, decides what runs on the hosts
/// anyway. But where everybody may write, without the bit that keeps them to what is theirs (as in /tmp), nobody
/// in particular was given that.
fn above(home: &Path) -> Result<(), HomeError> {
    const EVERYBODY: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| HomeError::Io { path, source }
    };
    let folder = match home.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let whole = folder.canonicalize().map_err(failed(folder))?;
    for path in whole.ancestors() {
        let metadata = fs::metadata(path).map_err(failed(path))?;
        let mode = metadata.mode() & 0o7777;
        if mode & EVERYBODY != 0 && mode & STICKY == 0 {
            return Err(HomeError::Above {
                path: path.to_owned(),
                owner: metadata.uid(),
                mode,
                home: home.to_owned(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn made(home: &Path) {
        for path in [home.to_owned(), home.join("runs"), home.join("locks")] {
            DirBuilder::new().mode(0o700).create(path).unwrap();
        }
    }

    #[test]
    fn what_is_missing_is_made_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join(".phalanx");
        check_home(&home, None).unwrap();
        assert!(!home.exists(), "who only looks makes nothing");
        prepare_home(&home, None).unwrap();
        assert_eq!(fs::metadata(&home).unwrap().mode() & 0o777, 0o700);
        prepare_home(&home, None).unwrap();
    }

    #[test]
    fn links_and_folders_that_others_may_write_in_are_refused() {
        for name in ["", "runs", "locks"] {
            let folder = tempfile::tempdir().unwrap();
            let home = folder.path().join(".phalanx");
            made(&home);
            let path = match name {
                "" => home.clone(),
                _ => home.join(name),
            };
            for bits in [0o770, 0o702, 0o720, 0o777, 0o1777, 0o2775] {
                mode(&path, bits);
                let error = prepare_home(&home, None).unwrap_err();
                let told = format!("{error}; {}", error.advice().unwrap());
                assert!(matches!(error, HomeError::Writable { .. }), "{told}");
                assert!(
                    told.contains(&format!("{bits:04o}")) && told.contains("chmod"),
                    "{told}"
                );
                assert!(check_home(&home, None).is_err());
            }
            for bits in [0o700, 0o755, 0o750] {
                mode(&path, bits);
                prepare_home(&home, None).unwrap();
            }
            let elsewhere = folder.path().join("elsewhere");
            fs::rename(&path, &elsewhere).unwrap();
            symlink(&elsewhere, &path).unwrap();
            let error = prepare_home(&home, None).unwrap_err();
            assert!(error.to_string().contains("is a link"), "{error}");
            fs::remove_file(&path).unwrap();
            symlink(folder.path().join("nowhere"), &path).unwrap();
            assert!(check_home(&home, None).is_err());
            assert!(prepare_home(&home, None).is_err());
            assert!(!folder.path().join("nowhere").exists());
        }
    }

    #[test]
    fn a_strangers_is_refused_but_not_that_of_who_has_become_root() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        for name in ["", "runs", "locks"] {
            let folder = tempfile::tempdir().unwrap();
            let home = folder.path().join(".phalanx");
            made(&home);
            chown(home.join(name), Some(4711), None).unwrap();
            let error = prepare_home(&home, None).unwrap_err();
            assert!(
                matches!(error, HomeError::Foreign { owner: 4711, .. }),
                "{error}"
            );
            let path = home.join(name);
            let path = path.display().to_string();
            let path = path.trim_end_matches('/');
            let told = format!("{error}; {}", error.advice().unwrap());
            let says = format!(
                "{path} belongs to user 4711, whom this machine does not know, and this is root (user 0)"
            );
            assert!(told.starts_with(&says), "{told}");
            assert!(told.ends_with(&format!("chown -R 0 {path}")), "{told}");
            assert!(check_home(&home, Some(4712)).is_err());
            prepare_home(&home, Some(4711)).unwrap();
        }
    }

    #[test]
    fn a_path_in_a_command_is_one_word() {
        assert_eq!(word(Path::new("/a/b-c.d")), "/a/b-c.d");
        assert_eq!(word(Path::new("/a b/it's;x")), r"'/a b/it'\''s;x'");
    }

    #[test]
    fn where_everybody_may_rename_it_it_is_not_safe() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        let home = below.join(".phalanx");
        for path in [folder.path().join("a"), below] {
            mode(&path, 0o777);
            let error = prepare_home(&home, None).unwrap_err();
            assert!(matches!(error, HomeError::Above { .. }), "{error}");
            let (owner, path) = (
                user(rustix::process::geteuid().as_raw()),
                path.canonicalize().unwrap(),
            );
            let says = format!(
                "everybody may write in {}, which belongs to {owner} (its mode",
                path.display()
            );
            assert!(error.to_string().starts_with(&says), "{error}");
            let advises = format!("as {owner} or as root: chmod o-w {}, ", path.display());
            assert!(error.advice().unwrap().starts_with(&advises));
            assert!(!home.exists());
            mode(&path, 0o1777);
            check_home(&home, None).unwrap();
            mode(&path, 0o775);
            check_home(&home, None).unwrap();
        }
    }
}
