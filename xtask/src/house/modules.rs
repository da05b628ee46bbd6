//! The files of a crate, and what each of them names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility};

use crate::Outcome;

/// How often a name is followed through re-exports; more would be a circle of them.
const MOST_STEPS: usize = 32;

/// One crate as written.
pub(super) struct Krate {
    /// As its folder is called.
    pub(super) name: String,
    /// Which crates of this project it uses, and in which files.
    pub(super) others: BTreeMap<String, BTreeSet<PathBuf>>,
    modules: BTreeMap<Vec<String>, Module>,
}

/// One module; one that is written inside another has that one's file.
struct Module {
    file: PathBuf,
    /// What it brings into scope, and what for: the name here, the whole path.
    aliases: BTreeMap<String, Vec<String>>,
    /// Those of them that others may name by this module.
    exports: BTreeSet<String>,
    /// What it defines itself.
    defines: BTreeSet<String>,
    /// Modules of which it hands on all names.
    globs: Vec<Vec<String>>,
    /// All paths that it names, from the root of the crate.
    named: BTreeSet<Vec<String>>,
}

/// One file names something that another one defines.
pub(super) struct Arrow<'a> {
    pub(super) from: &'a Path,
    pub(super) to: &'a Path,
    pub(super) name: String,
}

impl Krate {
    /// Reads the files that the crate in this folder is made of, tests left out.
    pub(super) fn read(folder: &Path) -> Outcome<Self> {
        let root = ["src/lib.rs", "src/main.rs", "lib.rs"]
            .iter()
            .map(|name| folder.join(name))
            .find(|path| path.is_file())
            .ok_or_else(|| format!("{} has neither lib.rs nor main.rs", folder.display()))?;
        let source = root.parent().unwrap_or(folder).to_owned();
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let mut krate = Self {
            name: name.into_owned(),
            others: BTreeMap::new(),
            modules: BTreeMap::new(),
        };
        krate.read_file(Vec::new(), &root, &source)?;
        Ok(krate)
    }

    fn read_file(&mut self, path: Vec<String>, file: &Path, children: &Path) -> Outcome<()> {
        let text = fs::read_to_string(file)?;
        let parsed =
            syn::parse_file(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        self.read_items(path, file, children, &parsed.items)
    }

    fn read_items(
        &mut self,
        path: Vec<String>,
        file: &Path,
        children: &Path,
        items: &[Item],
    ) -> Outcome<()> {
        let mut inside = Vec::new();
        for item in items {
            if let Item::Mod(module) = item
                && !is_for_tests(&module.attrs)
            {
                inside.push(module);
            }
        }
        let mut names = Names {
            at: &path,
            children: inside
                .iter()
                .map(|module| module.ident.to_string())
                .collect(),
            others: BTreeSet::new(),
            found: Module {
                file: file.to_owned(),
                aliases: BTreeMap::new(),
                exports: BTreeSet::new(),
                defines: BTreeSet::new(),
                globs: Vec::new(),
                named: BTreeSet::new(),
            },
        };
        // What is in scope first: paths are read by it.
        for item in items {
            if let Item::Use(found) = item {
                names.visit_item_use(found);
            }
        }
        for item in items.iter().filter(|item| !matches!(item, Item::Use(_))) {
            names.visit_item(item);
        }
        let Names { others, found, .. } = names;
        for other in others {
            let files = self.others.entry(other).or_default();
            files.insert(file.to_owned());
        }
        self.modules.insert(path.clone(), found);
        for module in inside {
            let name = module.ident.to_string();
            let mut path = path.clone();
            path.push(name.clone());
            let children = children.join(&name);
            match &module.content {
                Some((_, items)) => self.read_items(path, file, &children, items)?,
                None => {
                    let beside = children.with_extension("rs");
                    let file = match beside.is_file() {
                        true => beside,
                        false => children.join("mod.rs"),
                    };
                    self.read_file(path, &file, &children)?;
                }
            }
        }
        Ok(())
    }

    /// All arrows between its files, but for those from a module to what is inside it.
    pub(super) fn arrows(&self) -> Vec<Arrow<'_>> {
        let mut arrows = Vec::new();
        for (at, module) in &self.modules {
            for path in &module.named {
                let Some((owner, name)) = self.owner(path.clone()) else {
                    continue;
                };
                let found = &self.modules[&owner];
                if found.file != module.file && !owner.starts_with(at) {
                    arrows.push(Arrow {
                        from: &module.file,
                        to: &found.file,
                        name,
                    });
                }
            }
        }
        arrows
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
            let module = &self.modules[at];
            let exported = module.exports.contains(name).then(|| &module.aliases[name]);
            let Some(target) = exported.cloned().or_else(|| self.by_glob(module, name)) else {
                return Some((at.to_vec(), name.clone()));
            };
            path = [&target, behind].concat();
        }
        None
    }

    /// The path of a name that a module has because it hands on all names of another.
    fn by_glob(&self, module: &Module, name: &str) -> Option<Vec<String>> {
        let has = |glob: &&Vec<String>| {
            let found = self.modules.get(*glob);
            found.is_some_and(|found| found.defines.contains(name) || found.exports.contains(name))
        };
        let glob = module.globs.iter().find(has)?;
        Some([glob.as_slice(), &[name.to_owned()]].concat())
    }
}

/// Collects what the items of one module name.
struct Names<'a> {
    at: &'a [String],
    children: BTreeSet<String>,
    /// Crates of this project.
    others: BTreeSet<String>,
    found: Module,
}

impl Names<'_> {
    /// A path as it is written, from the root of the crate; none where it leads elsewhere.
    fn absolute(&mut self, written: &[String]) -> Option<Vec<String>> {
        let (first, behind) = written.split_first()?;
        if let Some(other) = first.strip_prefix("phalanx_") {
            self.others.insert(other.replace('_', "-"));
            return None;
        }
        let mut path = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.at.to_vec(),
            "super" => self.at.split_last()?.1.to_vec(),
            name if self.children.contains(name) => [self.at, &[name.to_owned()]].concat(),
            name => self.found.aliases.get(name)?.clone(),
        };
        let mut behind = behind;
        while let Some((name, rest)) = behind.split_first()
            && name == "super"
        {
            path.pop()?;
            behind = rest;
        }
        path.extend_from_slice(behind);
        Some(path)
    }

    fn name(&mut self, written: &[String]) {
        if let Some(path) = self.absolute(written) {
            self.found.named.insert(path);
        }
    }

    fn bring(&mut self, written: &[String], tree: &UseTree, exported: bool) {
        let with = |name: &syn::Ident| [written, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.bring(&with(&path.ident), &path.tree, exported),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.bring(written, tree, exported);
                }
            }
            UseTree::Name(name) if name.ident == "self" => {
                let last = written.last().cloned().unwrap_or_default();
                self.alias(written, last, exported);
            }
            UseTree::Name(name) => self.alias(&with(&name.ident), name.ident.to_string(), exported),
            UseTree::Rename(name) => {
                self.alias(&with(&name.ident), name.rename.to_string(), exported);
            }
            UseTree::Glob(_) => {
                if let Some(path) = self.absolute(written)
                    && exported
                {
                    self.found.globs.push(path);
                }
            }
        }
    }

    fn alias(&mut self, written: &[String], name: String, exported: bool) {
        let Some(path) = self.absolute(written) else {
            return;
        };
        // What a module only hands on, it does not use.
        if exported {
            self.found.exports.insert(name.clone());
        } else {
            self.found.named.insert(path.clone());
        }
        self.found.aliases.insert(name, path);
    }
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name) = match item {
            Item::Const(item) => (&item.attrs, Some(&item.ident)),
            Item::Enum(item) => (&item.attrs, Some(&item.ident)),
            Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
            Item::Impl(item) => (&item.attrs, None),
            Item::Static(item) => (&item.attrs, Some(&item.ident)),
            Item::Struct(item) => (&item.attrs, Some(&item.ident)),
            Item::Trait(item) => (&item.attrs, Some(&item.ident)),
            Item::Type(item) => (&item.attrs, Some(&item.ident)),
            _ => return syn::visit::visit_item(self, item),
        };
        if is_for_tests(attributes) {
            return;
        }
        if let Some(name) = name {
            self.found.defines.insert(name.to_string());
        }
        syn::visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, _: &'ast ItemMod) {
        // A module of its own.
    }

    fn visit_item_use(&mut self, found: &'ast ItemUse) {
        if !is_for_tests(&found.attrs) {
            let exported = !matches!(found.vis, Visibility::Inherited);
            self.bring(&[], &found.tree, exported);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let written: Vec<String> = path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect();
        // One word is a name in scope: its `use` line has been read.
        if written.len() > 1 {
            self.name(&written);
        }
        syn::visit::visit_path(self, path);
    }
}

/// Whether this is there for tests only.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || (attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<syn::Path>()
                    .is_ok_and(|path| path.is_ident("test")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn krate(files: &[(&str, &str)]) -> (tempfile::TempDir, Krate) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join("src").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let krate = Krate::read(folder.path()).unwrap();
        (folder, krate)
    }

    fn arrows(files: &[(&str, &str)]) -> Vec<String> {
        let (folder, krate) = krate(files);
        let source = folder.path().join("src");
        let short = |path: &Path| path.strip_prefix(&source).unwrap().display().to_string();
        let mut found: Vec<String> = krate
            .arrows()
            .iter()
            .map(|arrow| {
                format!(
                    "{} -> {}: {}",
                    short(arrow.from),
                    short(arrow.to),
                    arrow.name
                )
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    #[test]
    fn what_is_handed_on_is_followed_to_its_file() {
        assert_eq!(
            arrows(&[
                (
                    "lib.rs",
                    "mod a; mod b; mod far; pub use far::deep::Thing; pub use a::all;"
                ),
                (
                    "a.rs",
                    "use crate::Thing; use super::b; pub fn all() { b::work(); crate::far::here(); }"
                ),
                (
                    "b.rs",
                    "use crate::{all as everything, far::deep}; pub fn work() { deep::Thing; }"
                ),
                (
                    "far/mod.rs",
                    "pub mod deep; pub use deep::*; pub fn here() {}"
                ),
                ("far/deep.rs", "pub struct Thing; fn x() { super::here() }"),
            ]),
            [
                "a.rs -> b.rs: work",
                "a.rs -> far/deep.rs: Thing",
                "a.rs -> far/mod.rs: here",
                "b.rs -> a.rs: all",
                "b.rs -> far/deep.rs: Thing",
                "far/deep.rs -> far/mod.rs: here",
            ]
        );
    }

    #[test]
    fn globs_are_followed_and_tests_left_out() {
        assert_eq!(
            arrows(&[
                ("lib.rs", "mod a; mod b; #[cfg(test)] mod only_tests;"),
                (
                    "a.rs",
                    "use crate::b::Thing; #[cfg(test)] mod tests { use crate::b::Other; } #[cfg(test)] use crate::b::No;"
                ),
                (
                    "b.rs",
                    "mod inner { pub struct Thing; } pub use inner::*; mod c; pub use c::*;"
                ),
                (
                    "b/c.rs",
                    "pub struct Other; impl Other { fn x() { super::super::a::y() } }"
                ),
            ]),
            ["a.rs -> b.rs: Thing", "b/c.rs -> a.rs: y"]
        );
    }

    #[test]
    fn other_crates_are_seen_with_their_files() {
        let (_folder, krate) = krate(&[
            ("main.rs", "mod a; fn main() {}"),
            (
                "a.rs",
                "use phalanx_plan::Plan; fn x() { phalanx_events::y(); }",
            ),
        ]);
        let names: Vec<&str> = krate.others.keys().map(String::as_str).collect();
        assert_eq!(names, ["events", "plan"]);
    }
}
