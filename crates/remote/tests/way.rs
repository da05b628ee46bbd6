//! The way to a folder on a host (`way.sh`), where somebody exchanges names at the worst moment.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

/// What a shell says that has the functions of `way.sh`, in this folder.
fn say(shell: &str, folder: &Path, text: &str) -> String {
    let way = include_str!("../src/host/way.sh");
    let uid = rustix::process::geteuid().as_raw();
    let output = Command::new(shell)
        .args(["-c", &format!("px_uid={uid}\n{way}\n{text}")])
        .current_dir(folder)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8(said).unwrap()
}

fn folders(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let path = folder.path().join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

#[test]
fn a_step_into_a_link_to_a_sibling_is_none() {
    let folder = folders(&["a", "a/inner"]);
    symlink("a", folder.path().join("b")).unwrap();
    symlink("a/inner", folder.path().join("c")).unwrap();
    symlink(".", folder.path().join("d")).unwrap();
    for shell in ["dash", "bash"] {
        let step = |name: &str| {
            say(
                shell,
                folder.path(),
                &format!("if step {name}; then echo yes; else echo no; fi"),
            )
        };
        assert_eq!(step("a"), "yes\n", "{shell}");
        // The folder that it leads to has the same one above it.
        for link in ["b", "c", "d", "missing"] {
            assert_eq!(step(link), "no\n", "{shell}: {link}");
        }
    }
}

#[test]
fn a_folder_that_vanishes_while_it_is_looked_at_is_not_taken_for_another_one() {
    for shell in ["dash", "bash"] {
        for (gone, guarded) in [
            ("", "yes"),
            ("last", "no"),
            ("top", "no"),
            ("top/next", "no"),
        ] {
            let folder = folders(&["top", "top/next", "top/next/last"]);
            let top = folder.path().canonicalize().unwrap();
            let text = format!(
                "gone={gone}\n\
                 stat() {{ [ -z \"$gone\" ] || rm -rf \"{top}/$gone\" {top}/top/next/$gone; command stat \"$@\"; }}\n\
                 if guarded {top}/top/next last; then echo yes; else echo no; fi",
                top = top.display()
            );
            let said = say(shell, folder.path(), &text);
            assert_eq!(
                said.lines().last(),
                Some(guarded),
                "{shell}: {gone}: {said}"
            );
        }
    }
}
