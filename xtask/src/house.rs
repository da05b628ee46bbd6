//! The house in order: no circle of files inside a crate, and between crates no arrow that `docs/design/architecture.md`
//! does not have.
//!
//! An arrow leads from a file to the file that defines what it names: `use` lines and paths that begin with `crate`,
//! `self`, `super`, a child or an imported module; what is re-exported is followed to where it is defined. A module is made
//! of its children, so that it names them is no arrow; that a child names its parent is one.

mod circles;
mod modules;
mod rooms;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::Outcome;
use modules::{Arrow, Krate};

/// Looks at all crates, prints what is wrong, and fails where something is.
pub(crate) fn run() -> Outcome<()> {
    let drawn = rooms::read(&fs::read_to_string("docs/design/architecture.md")?)?;
    let mut faults = Vec::new();
    for folder in crates()? {
        let krate = Krate::read(&folder)?;
        faults.extend(circles_of(&krate));
        faults.extend(undrawn(&krate, &drawn)?);
    }
    if faults.is_empty() {
        return Ok(());
    }
    println!("{}", faults.join("\n\n"));
    Err(format!("{} faults in the house", faults.len()).into())
}

/// The folders of all crates that the page has to draw.
fn crates() -> Outcome<Vec<PathBuf>> {
    let mut folders = vec![PathBuf::from("recipes"), PathBuf::from("xtask")];
    for entry in fs::read_dir("crates")? {
        folders.push(entry?.path());
    }
    folders.sort_unstable();
    Ok(folders)
}

/// Each circle, in words.
fn circles_of(krate: &Krate) -> Vec<String> {
    let mut names: BTreeMap<(&Path, &Path), BTreeSet<String>> = BTreeMap::new();
    for Arrow { from, to, name } in krate.arrows() {
        names.entry((from, to)).or_default().insert(name);
    }
    let arrows: Vec<(&Path, &Path)> = names.keys().copied().collect();
    circles::circles(&arrows)
        .iter()
        .map(|circle| {
            let mut lines = vec![format!("a circle of {} files:", circle.len())];
            for ((from, to), names) in &names {
                if circle.contains(from) && circle.contains(to) {
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    lines.push(format!(
                        "  {} -> {}: {}",
                        from.display(),
                        to.display(),
                        names.join(", ")
                    ));
                }
            }
            lines.join("\n")
        })
        .collect()
}

/// The arrows from this crate to others that are not drawn.
fn undrawn(krate: &Krate, drawn: &BTreeMap<String, BTreeSet<String>>) -> Outcome<Vec<String>> {
    let may = drawn.get(&krate.name).ok_or_else(|| {
        format!(
            "docs/design/architecture.md has no row for `{}`",
            krate.name
        )
    })?;
    let undrawn = |(to, files): (&String, &BTreeSet<PathBuf>)| {
        let from: Vec<String> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        (!may.contains(to)).then(|| {
            format!(
                "`{}` may not use `{to}`: docs/design/architecture.md does not say so; {} does",
                krate.name,
                from.join(", ")
            )
        })
    };
    Ok(krate.others.iter().filter_map(undrawn).collect())
}
