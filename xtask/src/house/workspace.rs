//! The crates of the workspace, as cargo knows them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Outcome;

/// All crates of a workspace.
pub(super) struct Workspace {
    /// The absolute path of its folder.
    pub(super) root: PathBuf,
    /// Its crates, by name.
    pub(super) packages: Vec<Package>,
}

/// One crate.
pub(super) struct Package {
    /// The name of its folder, which is also its name in the diagram.
    pub(super) name: String,
    /// Its `Cargo.toml`, from the workspace's root.
    pub(super) manifest: PathBuf,
    /// The first file of its library and of each of its programs: absolute paths.
    pub(super) targets: Vec<PathBuf>,
    /// The crates of this workspace that it is built with, dependencies for tests left out.
    pub(super) uses: BTreeSet<String>,
}

impl Workspace {
    /// Asks cargo, which needs no network for this.
    pub(super) fn read(root: &Path) -> Outcome<Self> {
        let told = Command::new("cargo")
            .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
            .current_dir(root)
            .stderr(Stdio::inherit())
            .output()?;
        if !told.status.success() {
            return Err("cargo metadata failed".into());
        }
        let metadata: Value = serde_json::from_slice(&told.stdout)?;
        let root = PathBuf::from(text(&metadata, "workspace_root")?);
        let mut packages = Vec::new();
        for package in list(&metadata, "packages")? {
            packages.push(Package::read(&root, package)?);
        }
        packages.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(Self { root, packages })
    }
}

impl Package {
    fn read(root: &Path, package: &Value) -> Outcome<Self> {
        let manifest = Path::new(text(package, "manifest_path")?);
        let folder = manifest.parent().ok_or("a manifest without a folder")?;
        let mut targets = Vec::new();
        for target in list(package, "targets")? {
            let kinds = list(target, "kind")?;
            if kinds.iter().any(|kind| kind == "lib" || kind == "bin") {
                targets.push(PathBuf::from(text(target, "src_path")?));
            }
        }
        let mut uses = BTreeSet::new();
        for dependency in list(package, "dependencies")? {
            // Only a crate of this workspace has a path.
            if let Some(path) = dependency["path"].as_str()
                && dependency["kind"] != "dev"
            {
                uses.insert(last(Path::new(path)));
            }
        }
        Ok(Self {
            name: last(folder),
            manifest: manifest.strip_prefix(root).unwrap_or(manifest).to_owned(),
            targets,
            uses,
        })
    }
}

fn last(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn text<'a>(of: &'a Value, key: &str) -> Outcome<&'a str> {
    let found = of[key].as_str();
    Ok(found.ok_or_else(|| format!("cargo metadata: no text `{key}`"))?)
}

fn list<'a>(of: &'a Value, key: &str) -> Outcome<&'a Vec<Value>> {
    let found = of[key].as_array();
    Ok(found.ok_or_else(|| format!("cargo metadata: no list `{key}`"))?)
}
