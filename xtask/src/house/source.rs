//! The modules of a crate, and what each of them names.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use syn::Item;

use super::names::{self, Named};
use crate::Outcome;

/// How often a name is followed through re-exports; more would be a circle of them.
const MOST_STEPS: usize = 32;

/// One library or program as written, tests left out.
pub(super) struct SourceTree {
    /// By their paths; the root's is empty.
    modules: BTreeMap<Vec<String>, Module>,
}

/// One module.
struct Module {
    file: PathBuf,
    /// The module that the file is: this one, or the one that this one is written inside of.
    file_path: Vec<String>,
    names: Named,
}

/// One file names something that another one defines.
pub(super) struct Arrow<'a> {
    /// The module that the naming file is.
    pub(super) from: &'a [String],
    /// The module that the defining file is.
    pub(super) to: &'a [String],
    file: &'a Path,
    line: usize,
    /// What is named: the module that defines it, and its name there.
    named: String,
}

impl fmt::Display for Arrow<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file.display(), self.line, self.named)
    }
}

/// Where the modules are read from.
struct Place<'a> {
    /// The file.
    file: &'a Path,
    /// The module that the file is.
    file_path: &'a [String],
    /// The folder with the files of the modules inside.
    children: &'a Path,
}

impl SourceTree {
    /// Reads the files that begin with this one. They are called by their path from `root`.
    pub(super) fn read(root: &Path, first: &Path) -> Outcome<Self> {
        let mut tree = Self {
            modules: BTreeMap::new(),
        };
        let children = first.parent().unwrap_or(root);
        tree.read_file(root, Vec::new(), first, children)?;
        Ok(tree)
    }

    fn read_file(
        &mut self,
        root: &Path,
        path: Vec<String>,
        file: &Path,
        children: &Path,
    ) -> Outcome<()> {
        let shown = file.strip_prefix(root).unwrap_or(file);
        let fault = |error: &dyn fmt::Display| format!("{}: {error}", shown.display());
        let text = fs::read_to_string(file).map_err(|error| fault(&error))?;
        let parsed = syn::parse_file(&text).map_err(|error| fault(&error))?;
        let place = Place {
            file: shown,
            file_path: &path,
            children,
        };
        self.read_items(root, path.clone(), &place, &parsed.items)
    }

    fn read_items(
        &mut self,
        root: &Path,
        path: Vec<String>,
        place: &Place<'_>,
        items: &[Item],
    ) -> Outcome<()> {
        let module = Module {
            file: place.file.to_owned(),
            file_path: place.file_path.to_owned(),
            names: Named::read(&path, items),
        };
        self.modules.insert(path.clone(), module);
        for inside in names::modules(items) {
            let name = inside.ident.to_string();
            let path = [path.as_slice(), std::slice::from_ref(&name)].concat();
            let children = place.children.join(&name);
            if let Some((_, items)) = &inside.content {
                let place = Place {
                    children: &children,
                    ..*place
                };
                self.read_items(root, path, &place, items)?;
                continue;
            }
            if inside.attrs.iter().any(|of| of.path().is_ident("path")) {
                let file = place.file.display();
                return Err(
                    format!("{file}: the file of `mod {name}` is not where it belongs").into(),
                );
            }
            let beside = children.with_extension("rs");
            let file = if beside.is_file() {
                beside
            } else {
                children.join("mod.rs")
            };
            self.read_file(root, path, &file, &children)?;
        }
        Ok(())
    }

    /// All arrows between its files: one for each name that a file has from another, with the first line it stands in.
    pub(super) fn arrows(&self) -> Vec<Arrow<'_>> {
        let mut first: BTreeMap<_, (usize, &Path)> = BTreeMap::new();
        for module in self.modules.values() {
            for (path, line) in &module.names.named {
                let Some((owner, name)) = self.owner(path.clone()) else {
                    continue;
                };
                let to = self.modules[&owner].file_path.as_slice();
                let from = module.file_path.as_slice();
                if from != to {
                    let named = [owner.as_slice(), &[name]].concat().join("::");
                    let found = first
                        .entry((from, to, named))
                        .or_insert((*line, &module.file));
                    found.0 = found.0.min(*line);
                }
            }
        }
        let arrow = |((from, to, named), (line, file))| Arrow {
            from,
            to,
            file,
            line,
            named,
        };
        first.into_iter().map(arrow).collect()
    }

    /// The module that defines what this path names, and its name there; none where it names a module.
    fn owner(&self, mut path: Vec<String>) -> Option<(Vec<String>, String)> {
        for _ in 0..MOST_STEPS {
            // The deepest module on the way, and what is named in it.
            let depth = (0..=path.len()).rev();
            let at = depth
                .map(|depth| &path[..depth])
                .find(|at| self.modules.contains_key(*at))?;
            let (name, behind) = path[at.len()..].split_first()?;
            let names = &self.modules[at].names;
            let exported = names.exports.contains(name).then(|| &names.aliases[name]);
            let Some(target) = exported.cloned().or_else(|| self.by_glob(names, name)) else {
                return Some((at.to_vec(), name.clone()));
            };
            path = [&target, behind].concat();
        }
        None
    }

    /// The path of a name that a module has because it hands on all names of another.
    fn by_glob(&self, names: &Named, name: &str) -> Option<Vec<String>> {
        let in_glob = |glob: &Vec<String>| [glob.as_slice(), &[name.to_owned()]].concat();
        let has = |glob: &&Vec<String>| {
            self.modules.contains_key(&in_glob(glob)) || self.has(glob, name, MOST_STEPS)
        };
        names.globs.iter().find(has).map(in_glob)
    }

    /// Whether a module defines this name or hands it on, in so many steps at most.
    fn has(&self, module: &[String], name: &str, steps: usize) -> bool {
        let Some(Module { names, .. }) = self.modules.get(module) else {
            return false;
        };
        let by_glob = || {
            names
                .globs
                .iter()
                .any(|glob| self.has(glob, name, steps - 1))
        };
        names.defines.contains(name) || names.exports.contains(name) || steps > 0 && by_glob()
    }
}
