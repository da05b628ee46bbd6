//! Layers of root filesystems in the cache: each is built once, by one process, all or nothing.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::error::{LabError, at};
use crate::file_lock::FileLock;
use crate::tools::{self, PATH};

/// How many layers of a kind stay, beside those that are in use.
const KEPT: usize = 3;
/// How many lines of a failed build are shown.
const SHOWN: usize = 20;

/// A layer that is in the cache and in use by this process: nobody removes it meanwhile.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) path: PathBuf,
    _lock: FileLock,
}

/// What a layer is known by: everything that it is made of.
#[derive(Debug, Default)]
pub(crate) struct Contents(Sha256);

impl Contents {
    /// Adds one thing. Its length goes in as well: two things are not the same as one that is as long.
    pub(crate) fn add(&mut self, content: &[u8]) {
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
        self.0.update(length.to_le_bytes());
        self.0.update(content);
    }

    fn name(self, kind: &str) -> String {
        let hash = self.0.finalize();
        let hash: String = hash
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{kind}-{hash}")
    }
}

impl Layer {
    /// The layer with these contents, built by `build` in the folder that it is given where it is not
    /// there yet. The layer itself is the folder `root` in that one. Waits for another process that is
    /// building it.
    pub(crate) fn prepare(
        cache: &Path,
        kind: &str,
        contents: Contents,
        tell: &mut dyn FnMut(&str),
        build: impl FnOnce(&Path, &mut dyn FnMut(&str)) -> Result<(), LabError>,
    ) -> Result<Self, LabError> {
        let path = cache.join(contents.name(kind));
        let lock_path = path.with_added_extension("lock");
        if !path.is_dir() {
            let lock = match FileLock::try_alone(&lock_path)? {
                Some(lock) => lock,
                None => {
                    tell(&format!(
                        "waiting for another process that is building {}",
                        path.display()
                    ));
                    FileLock::alone(&lock_path)?
                }
            };
            if !path.is_dir() {
                let part = path.with_added_extension("part");
                remove(&part)?;
                at("making", &part, fs::create_dir(&part))?;
                let built = build(&part, tell);
                if built.is_ok() {
                    at("keeping", &path, fs::rename(part.join("root"), &path))?;
                }
                let _ = remove(&part);
                built?;
            }
            drop(lock);
        }
        let lock = FileLock::shared(&lock_path)?;
        if !path.is_dir() {
            // Removed since we looked: by somebody who tidied up, or by hand.
            return Err(LabError::Build {
                doing: "taking it from the cache".into(),
                said: format!("{} was removed meanwhile; try again", path.display()),
            });
        }
        let now = fs::File::open(&lock_path).and_then(|file| file.set_modified(SystemTime::now()));
        at("marking as used", &lock_path, now)?;
        Ok(Self { path, _lock: lock })
    }

    /// Removes the layers of this kind that nobody uses, but for those that were used last.
    pub(crate) fn tidy(cache: &Path, kind: &str) -> Result<(), LabError> {
        let mut locks: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in at("reading", cache, fs::read_dir(cache))? {
            let path = at("reading", cache, entry)?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if name.starts_with(&format!("{kind}-")) && name.ends_with(".lock") {
                let used = fs::metadata(&path).and_then(|metadata| metadata.modified());
                locks.push((used.unwrap_or(SystemTime::UNIX_EPOCH), path));
            }
        }
        locks.sort_unstable();
        let old = locks.len().saturating_sub(KEPT);
        for (_, path) in locks.into_iter().take(old) {
            if let Some(lock) = FileLock::try_alone(&path)? {
                let layer = path.with_extension("");
                // Away under its name first, so that half a layer never has the name of a whole one.
                let part = layer.with_added_extension("part");
                remove(&part)?;
                if layer.is_dir() {
                    at("removing", &layer, fs::rename(&layer, &part))?;
                    remove(&part)?;
                }
                lock.remove();
            }
        }
        Ok(())
    }
}

fn remove(folder: &Path) -> Result<(), LabError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => at("removing", folder, removed),
    }
}

/// Runs one of the lab's scripts in namespaces of its own, so that all that it starts ends with it and
/// all that it mounts vanishes; it ends with this process. Tells the lines of its output that `told`
/// picks.
pub(crate) fn run_script(
    doing: &str,
    namespaces: &[&str],
    script: &str,
    arguments: &[&Path],
    tell: &mut dyn FnMut(&str),
    told: impl Fn(&str) -> Option<String>,
) -> Result<(), LabError> {
    let failed = |said: String| LabError::Build {
        doing: doing.to_owned(),
        said,
    };
    let [setpriv, unshare, shell] = tools::require([tools::SETPRIV, tools::UNSHARE, tools::SHELL])?;
    let (reader, writer) = std::io::pipe().map_err(|error| failed(error.to_string()))?;
    let second = writer
        .try_clone()
        .map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(setpriv);
    command
        .args(["--pdeathsig", "KILL"])
        .arg(unshare)
        .args([
            "--mount",
            "--propagation",
            "private",
            "--pid",
            "--mount-proc",
        ])
        .args(["--fork", "--kill-child=KILL"])
        .args(namespaces)
        .arg(shell)
        .args(["-c", script, "lab"])
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", "/root")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(second);
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    // Our ends of the pipe have to be closed: it ends when the last of its writers does.
    drop(command);
    let mut said: Vec<String> = Vec::new();
    let mut lines = BufReader::new(reader);
    let mut line = Vec::new();
    while lines
        .read_until(b'\n', &mut line)
        .is_ok_and(|read| read > 0)
    {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        if let Some(text) = told(&text) {
            tell(&text);
        }
        if said.len() == SHOWN {
            said.remove(0);
        }
        said.push(text);
    }
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    if status.success() {
        return Ok(());
    }
    Err(failed(format!("{status}\n{}", said.join("\n"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(text: &str) -> Contents {
        let mut contents = Contents::default();
        contents.add(text.as_bytes());
        contents
    }

    fn prepare(cache: &Path, text: &str, fail: bool) -> Result<(Layer, bool), LabError> {
        let mut built = false;
        let layer = Layer::prepare(cache, "kind", contents(text), &mut |_| {}, |part, _| {
            built = true;
            fs::create_dir(part.join("root")).unwrap();
            fs::write(part.join("root/file"), text).unwrap();
            if fail {
                return Err(LabError::Build {
                    doing: "building".into(),
                    said: "no".into(),
                });
            }
            Ok(())
        })?;
        Ok((layer, built))
    }

    #[test]
    fn built_once_and_whole() {
        let cache = tempfile::tempdir().unwrap();
        assert!(prepare(cache.path(), "one", true).is_err());
        let (layer, built) = prepare(cache.path(), "one", false).unwrap();
        assert!(built);
        assert_eq!(fs::read_to_string(layer.path.join("file")).unwrap(), "one");
        assert!(!prepare(cache.path(), "one", false).unwrap().1);
        let (other, built) = prepare(cache.path(), "other", false).unwrap();
        assert!(built && other.path != layer.path);
    }

    #[test]
    fn what_a_killed_build_left_is_built_anew() {
        let cache = tempfile::tempdir().unwrap();
        let part = cache.path().join(contents("one").name("kind") + ".part");
        fs::create_dir_all(part.join("root/half")).unwrap();
        let (layer, built) = prepare(cache.path(), "one", false).unwrap();
        assert!(built && !layer.path.join("half").exists());
    }

    #[test]
    fn tidying_leaves_what_is_used_and_what_was_used_last() {
        let cache = tempfile::tempdir().unwrap();
        let used = prepare(cache.path(), "used", false).unwrap().0;
        let old = prepare(cache.path(), "old", false).unwrap().0.path;
        let new: Vec<PathBuf> = ["1", "2", "3"]
            .map(|text| prepare(cache.path(), text, false).unwrap().0.path)
            .into();
        Layer::tidy(cache.path(), "kind").unwrap();
        assert!(used.path.exists() && !old.exists() && new.iter().all(|path| path.exists()));
        assert!(!old.with_added_extension("lock").exists());
        assert!(prepare(cache.path(), "old", false).unwrap().1);
    }

    #[test]
    fn lengths_tell_contents_apart() {
        let of = |parts: &[&str]| {
            let mut contents = Contents::default();
            parts.iter().for_each(|part| contents.add(part.as_bytes()));
            contents.name("kind")
        };
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    }
}
