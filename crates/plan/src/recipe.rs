//! Recipes: what a recipe says, read from its files, with everything that is wrong with it.

mod causes_file;
mod conditions;
mod counts;
mod files;
mod flows;
mod limits;
mod model;
mod reader;
mod schema;
mod scripts;
mod settings_file;

pub(crate) use conditions::{fault_problem, inside};
pub use counts::Counts;
pub use files::RecipeFiles;
pub use model::{Flow, Recipe, Role, Rule, SecretUse, SettingsLine, Stage};
pub use schema::recipe_schema;
pub(crate) use scripts::facts_told;

use crate::problem::Problems;

/// The file that a recipe begins with.
pub const RECIPE_FILE: &str = "recipe.yaml";

impl Recipe {
    /// Reads a recipe and checks all of it. There is none where an error was found; warnings and
    /// notes come with it.
    pub fn read(files: &RecipeFiles) -> (Option<Self>, Problems) {
        let (recipe, mut problems) = reader::read(files);
        if let Some(recipe) = &recipe {
            problems.extend(conditions::check(recipe));
            // A stage that could not be read may be the one that uses a file.
            let complete = !problems.has_errors();
            problems.extend(scripts::check(recipe, complete));
        }
        problems.sort();
        let recipe = recipe.filter(|_| !problems.has_errors());
        (recipe, problems)
    }
}

/// Everything that is wrong with a recipe, in the order of its files' text.
pub fn lint(files: &RecipeFiles) -> Problems {
    Recipe::read(files).1
}

#[cfg(test)]
mod tests;
