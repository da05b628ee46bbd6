//! The house in order: inside a crate no circle, and between crates the arrows that
//! `docs/design/architecture.md` draws, all of them and no others.
//!
//! # Inside a crate
//!
//! An arrow leads from a file to the file that defines what it names. Names are read from `use` lines and from paths in
//! code, in macros and in attributes, that begin with `crate`, `self`, `super`, a module inside this one or a name that was
//! brought in. A name that another file hands on (`pub use`) leads to the file that defines it. A line `mod x;` names
//! nothing, handing a name on uses nothing, and what is compiled for tests only is left out.
//!
//! Neighbours are the modules that one module is made of; each stands for its file and for everything in its folder.
//! **Between neighbours, arrows lead one way.** So two files beside each other make no circle, nor does a file with a
//! folder, nor do two folders, whichever of their files the arrows meet.
//!
//! A module and what is inside it are no neighbours: arrows between these two are not counted. Only what is inside a module
//! sees its private fields, so a type that is written down in several files is one that its members name, and the head
//! names its members: this is one thing in several files, and the circle is no flaw. What it hides is seen one level
//! higher, where the module with all that is inside it is a single neighbour.
//!
//! A method that is called without naming its type cannot be seen by reading.
//!
//! # Between crates
//!
//! An arrow is a dependency that is not for tests only, as `cargo metadata` tells it.

mod circles;
mod diagram;
mod names;
mod source;
#[cfg(test)]
mod tests;
mod workspace;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::Outcome;
use diagram::Diagram;
use source::SourceTree;
use workspace::Workspace;

/// The page that draws the crates, from the workspace's root.
const PAGE: &str = "docs/design/architecture.md";

/// Looks at all crates, prints what is wrong, and fails where something is.
pub(crate) fn run() -> Outcome<()> {
    let faults = faults(Path::new("."))?;
    if faults.is_empty() {
        return Ok(());
    }
    println!("{}", faults.join("\n\n"));
    Err(format!("{} faults in the house", faults.len()).into())
}

/// What is wrong in the workspace in this folder, each fault in words.
fn faults(root: &Path) -> Outcome<Vec<String>> {
    let workspace = Workspace::read(root)?;
    let page = root.join(PAGE);
    let page = fs::read_to_string(&page).map_err(|error| format!("{}: {error}", page.display()))?;
    let mut faults = wrong_arrows(&workspace, &Diagram::read(&page)?);
    for package in &workspace.packages {
        for target in &package.targets {
            let source = SourceTree::read(&workspace.root, target)?;
            faults.extend(circles::circles(&source.arrows()));
        }
    }
    Ok(faults)
}

/// Where the diagram and the crates differ.
fn wrong_arrows(workspace: &Workspace, diagram: &Diagram) -> Vec<String> {
    let mut faults = Vec::new();
    let there: BTreeSet<&str> = workspace
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    for (name, line) in &diagram.crates {
        if !there.contains(name.as_str()) {
            faults.push(format!("{PAGE}:{line}: no crate `{name}` is there"));
        }
    }
    for package in &workspace.packages {
        let from = &package.name;
        if !diagram.crates.contains_key(from) {
            faults.push(format!("{PAGE}: the diagram does not draw `{from}`"));
            continue;
        }
        for to in &package.uses {
            if !diagram.arrows.contains_key(&(from.clone(), to.clone())) {
                faults.push(format!(
                    "{}: `{from}` uses `{to}`, and {PAGE} draws no such arrow",
                    package.manifest.display()
                ));
            }
        }
        for ((_, to), line) in diagram.arrows.iter().filter(|((of, _), _)| of == from) {
            if there.contains(to.as_str()) && !package.uses.contains(to) {
                faults.push(format!(
                    "{PAGE}:{line}: draws {from} --> {to}, and {} does not use it",
                    package.manifest.display()
                ));
            }
        }
    }
    faults
}
