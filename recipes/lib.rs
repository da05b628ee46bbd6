//! The recipes that ship inside the command, as data.

use std::collections::BTreeMap;

use include_dir::{Dir, include_dir};

static DCOS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/dcos");

/// Every recipe by name.
static RECIPES: [(&str, &Dir<'_>); 1] = [("dcos", &DCOS)];

/// The files of the recipe called `name`: path below its folder, with `/`, and content.
pub fn find(name: &str) -> Option<BTreeMap<String, Vec<u8>>> {
    let (_, folder) = RECIPES.iter().find(|(known, _)| *known == name)?;
    let mut files = BTreeMap::new();
    collect(folder, &mut files);
    Some(files)
}

/// The recipes' names.
pub fn names() -> impl Iterator<Item = &'static str> {
    RECIPES.iter().map(|(name, _)| *name)
}

fn collect(folder: &Dir<'_>, files: &mut BTreeMap<String, Vec<u8>>) {
    for file in folder.files() {
        // Windows, where it is built there, has another separator.
        let path = file.path().to_string_lossy().replace('\\', "/");
        files.insert(path, file.contents().to_vec());
    }
    for inner in folder.dirs() {
        collect(inner, files);
    }
}

#[cfg(test)]
mod tests {
    use phalanx_plan::recipe::{Recipe, RecipeFiles};

    use super::*;

    #[test]
    fn every_recipe_is_without_fault() {
        for name in names() {
            let files = find(name).expect(name);
            assert!(files.contains_key("recipe.yaml"), "{name}");
            let (recipe, problems) = Recipe::read(&RecipeFiles::new(name, files));
            assert_eq!(problems.to_plain_text(), "", "{name}");
            assert_eq!(recipe.expect(name).name, name);
        }
    }

    #[test]
    fn there_is_no_other_recipe() {
        assert_eq!(find("nothing"), None);
        assert_eq!(names().collect::<Vec<_>>(), ["dcos"]);
    }
}
