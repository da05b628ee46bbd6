//! What this program is called by whoever has to type it again.

use std::path::{Path, PathBuf};

/// `phalanx` where a shell that looks in these folders finds it by that name, else the path that it was started by.
pub(crate) fn name(started_as: Option<String>, folders: &[PathBuf]) -> String {
    started_as
        .filter(|name| name.contains('/') && !is_found(name, folders))
        .unwrap_or_else(|| "phalanx".to_owned())
}

/// Whether a shell that is told `phalanx` starts the program at this path.
fn is_found(path: &str, folders: &[PathBuf]) -> bool {
    let mut found = folders.iter().map(|folder| folder.join("phalanx"));
    let first = found.find(|file| file.is_file());
    let first = first.and_then(|file| file.canonicalize().ok());
    first.is_some() && first == Path::new(path).canonicalize().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_alone_where_a_shell_finds_this_program_by_it() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
        for folder in [&first, &second] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join("phalanx"), "").unwrap();
        }
        let path = first.join("phalanx").to_string_lossy().into_owned();
        let called = |folders: &[PathBuf]| name(Some(path.clone()), folders);
        assert_eq!(called(&[first.clone(), second.clone()]), "phalanx");
        assert_eq!(called(&[second, first]), path);
        assert_eq!(called(&[]), path);
        assert_eq!(name(Some("phalanx".to_owned()), &[]), "phalanx");
        assert_eq!(name(None, &[]), "phalanx");
    }
}
