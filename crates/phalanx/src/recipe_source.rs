//! A recipe's files: built in, or from a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use phalanx_plan::read::MAX_BYTES;
use phalanx_plan::recipe::{RECIPE_FILE, RecipeFiles};
use phalanx_plan::{Problem, Recipe, SourceFile, did_you_mean};

use crate::text_file;
use crate::trouble::Trouble;

/// More files than this are no recipe.
const MOST_FILES: usize = 1_000;
/// Folders deeper than this are not looked into.
const DEEPEST: usize = 8;

/// The files of a recipe: a built-in one where there is one of that name, else those of a folder,
/// which is looked for from `base` on.
pub(crate) fn files(recipe: &str, base: &Path) -> Result<RecipeFiles, Trouble> {
    if let Some(files) = phalanx_recipes::find(recipe) {
        return Ok(RecipeFiles::new(recipe, files));
    }
    let folder = tidy(&base.join(recipe));
    if !folder.join(RECIPE_FILE).is_file() {
        let known: Vec<&str> = phalanx_recipes::names().collect();
        let message = if folder.is_dir() {
            format!("`{recipe}` is no recipe: there is no {RECIPE_FILE} in that folder")
        } else {
            format!("there is no recipe `{recipe}`")
        };
        let built_in = known
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ");
        let beside = beside(&folder, base);
        let close = did_you_mean(recipe, beside.iter().map(String::as_str));
        return Err(
            Trouble::new("recipe::unknown", message).help(match (close, beside.as_slice()) {
                (Some(close), _) => format!("did you mean `{close}`?"),
                (None, []) => format!(
                    "built in: {built_in}; else write the path of a folder that holds a {RECIPE_FILE}"
                ),
                (None, beside) => format!(
                    "there is `{}`; built in: {built_in}; else write the path of a folder that holds a {RECIPE_FILE}",
                    beside.join("`, `")
                ),
            }),
        );
    }
    let mut files = BTreeMap::new();
    let real = fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone());
    let root = Root {
        shown: &folder,
        real,
    };
    collect(&root, &folder, 0, &mut files)?;
    Ok(RecipeFiles::new(folder.to_string_lossy(), files))
}

/// More recipes than these are not named.
const MOST_NAMED: usize = 5;

/// Recipes in the folders where this one was looked for, as one would write them.
fn beside(folder: &Path, base: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let parent = folder.parent().map(Path::to_path_buf);
    for place in [Some(base.to_path_buf()), parent].into_iter().flatten() {
        let entries = fs::read_dir(&place).into_iter().flatten().take(MOST_FILES);
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.join(RECIPE_FILE).is_file() {
                let below = path.strip_prefix(base).unwrap_or(&path);
                found.push(format!("./{}", below.display()));
            }
        }
    }
    found.sort();
    found.dedup();
    found.truncate(MOST_NAMED);
    found
}

/// That a file of a recipe is larger than any is read, and what to do with it.
fn too_large(path: &Path, below: &str, bytes: u64) -> Trouble {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let tenths = bytes.saturating_mul(10) / MAX_BYTES as u64;
    let text = format!(
        "{} has {}.{} MiB: a file of a recipe has at most 1 MiB",
        path.display(),
        tenths / 10,
        tenths % 10
    );
    Trouble::new("recipe::file-too-large", text).help(match below.strip_prefix("lab/") {
        Some(below) => format!(
            "split it (`split -b 1m {name} {name}.`), remove it from here, and let lab/prepare.sh join the parts (`cat \"$LAB_DATA\"/{below}.*`)"
        ),
        None => "keep it outside of the recipe: `put: { upload: SETTING, to: /PATH }` brings a file of any size from the path that a setting names, or a script fetches it".to_owned(),
    })
}

/// The same path without the `.`s in it.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    tidy.extend(path.components().filter(|part| *part != Component::CurDir));
    if tidy.as_os_str().is_empty() {
        tidy.push(".");
    }
    tidy
}

/// A recipe's folder, as it was named and as it is without links.
struct Root<'a> {
    shown: &'a Path,
    real: PathBuf,
}

impl Root<'_> {
    /// A recipe is somebody else's work as a rule, and its files go to hosts: a link in it must not reach what else
    /// is on this machine. One that leads nowhere is told where the file is read.
    fn check_link(&self, link: &Path) -> Result<(), Trouble> {
        let Ok(target) = fs::canonicalize(link) else {
            return Ok(());
        };
        if target.starts_with(&self.real) {
            return Ok(());
        }
        let name = link.to_string_lossy().into_owned();
        let message = format!(
            "this is a link to {}, which is outside of the recipe's folder",
            target.display()
        );
        let problem = Problem::error("recipe::link", message)
            .in_file(&SourceFile::new(name, ""))
            .help("copy the file into the recipe's folder, or link to one that is there");
        Err(Trouble::input(problem))
    }
}

/// Adds the files below `folder`; hidden ones are passed over.
fn collect(
    root: &Root<'_>,
    folder: &Path,
    depth: usize,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), Trouble> {
    let failed = |path: &Path, error: &std::io::Error| {
        Trouble::new(
            "recipe::unreadable",
            format!("{} can't be read: {error}", path.display()),
        )
    };
    let entries = fs::read_dir(folder).map_err(|error| failed(folder, &error))?;
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|error| failed(folder, &error))?.path());
    }
    paths.sort();
    for path in paths {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy())
            .unwrap_or_default();
        if name.starts_with('.') {
            continue;
        }
        let kind = fs::symlink_metadata(&path).map_err(|error| failed(&path, &error))?;
        if kind.is_dir() {
            if depth >= DEEPEST {
                return Err(too_much(
                    root.shown,
                    &format!("folders deeper than {DEEPEST}"),
                ));
            }
            collect(root, &path, depth + 1, files)?;
            continue;
        }
        if files.len() >= MOST_FILES {
            return Err(too_much(
                root.shown,
                &format!("more than {MOST_FILES} files"),
            ));
        }
        if kind.is_symlink() {
            root.check_link(&path)?;
        }
        let below = path.strip_prefix(root.shown).unwrap_or(&path);
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        let counts = depth > 0 || name.ends_with(".yaml");
        if counts && kind.is_file() && kind.len() > MAX_BYTES as u64 {
            return Err(too_large(&path, &parts.join("/"), kind.len()));
        }
        match text_file::bytes(&path) {
            Ok(bytes) => {
                files.insert(parts.join("/"), bytes);
            }
            // Beside recipe.yaml all kinds of things may lie that are none of the recipe's.
            Err(_) if !counts => {}
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(())
}

fn too_much(root: &Path, what: &str) -> Trouble {
    Trouble::new(
        "recipe::too-large",
        format!("{} is no recipe: it has {what}", root.display()),
    )
    .help("is this the right folder?")
}

/// Whether there is a built-in recipe of that name.
pub(crate) fn is_built_in(recipe: &str) -> bool {
    phalanx_recipes::names().any(|name| name == recipe)
}

/// The recipe where nobody names one.
pub(crate) fn default_name() -> &'static str {
    phalanx_recipes::names().next().unwrap_or_default()
}

/// Reads a recipe. Only errors stop it; the rest is for `recipe lint`.
pub(crate) fn read(recipe: &str, base: &Path) -> Result<Recipe, Trouble> {
    let files = files(recipe, base)?;
    match Recipe::read(&files) {
        (Some(recipe), _) => Ok(recipe),
        (None, problems) => Err(Trouble::input(problems)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn recipe() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["scripts", "templates", "settings", "lab", "files"] {
            fs::create_dir_all(folder.path().join("r").join(name)).unwrap();
        }
        fs::write(folder.path().join("r").join(RECIPE_FILE), "flows: {}\n").unwrap();
        fs::write(folder.path().join("r/scripts/real.sh"), "true\n").unwrap();
        fs::write(folder.path().join("key"), "a key of this machine\n").unwrap();
        folder
    }

    #[test]
    fn a_link_that_leads_out_of_the_recipe_is_refused() {
        for (at, to) in [
            ("scripts/a.sh", "../../key"),
            ("files/a", "../../key"),
            ("templates/a", "../lab/../../key"),
            ("settings/any.yaml", "../../key"),
            ("lab/a", "../../key"),
            ("extra.yaml", "../key"),
            ("scripts/twice.sh", "../.inner"),
            ("lab/folder", "../.."),
        ] {
            let folder = recipe();
            // Hidden files are passed over, but a link can lead through one.
            symlink("../key", folder.path().join("r/.inner")).unwrap();
            symlink(to, folder.path().join("r").join(at)).unwrap();
            let trouble = files("r", folder.path()).unwrap_err();
            let told = trouble.problems.to_string();
            assert!(told.contains(at), "{told}");
            assert!(told.contains("outside of the recipe's folder"), "{told}");
        }
    }

    #[test]
    fn a_link_inside_the_recipe_is_as_good_as_a_file() {
        let folder = recipe();
        symlink("real.sh", folder.path().join("r/scripts/same.sh")).unwrap();
        let absolute = folder.path().join("r/scripts/real.sh");
        symlink(&absolute, folder.path().join("r/scripts/absolute.sh")).unwrap();
        // The folder may itself be reached through a link.
        symlink("r", folder.path().join("linked")).unwrap();
        for name in ["r", "linked"] {
            let files = files(name, folder.path()).unwrap();
            assert_eq!(files.get("scripts/same.sh"), Some(&b"true\n"[..]));
            assert_eq!(files.get("scripts/absolute.sh"), Some(&b"true\n"[..]));
        }
    }
}
