//! Recipes: what a recipe says, read from its files, with everything that is wrong with it.

mod causes_file;
mod conditions;
mod counts;
mod facts_awaited;
mod facts_told;
mod files;
mod flows;
mod foreign;
mod gates;
mod limits;
mod line_ends;
mod model;
mod named_files;
mod puts;
mod reader;
mod roles;
mod schema;
mod scripts;
mod secret_stages;
mod shell_words;
mod stages;
mod syntax;
mod unread;

pub use counts::Counts;
pub(crate) use facts_told::facts_told;
pub use files::RecipeFiles;
pub use model::{Flow, Recipe, Role, Stage};
pub use schema::recipe_schema;
pub use syntax::{Shell, Verdict};

use std::collections::BTreeSet;

use crate::problem::Problems;

/// The file that a recipe begins with.
pub const RECIPE_FILE: &str = "recipe.yaml";

impl Recipe {
    /// Reads a recipe and checks all of it. There is none where an error was found; warnings and
    /// notes come with it.
    pub fn read(files: &RecipeFiles) -> (Option<Self>, Problems) {
        Self::read_with(files, None)
    }

    /// As [`Recipe::read`], and has a shell look at the scripts.
    pub fn read_with(files: &RecipeFiles, shell: Option<&dyn Shell>) -> (Option<Self>, Problems) {
        let (recipe, unread, mut problems) = reader::read(files);
        if let Some(recipe) = &recipe {
            problems.extend(conditions::check(recipe, &unread));
            if unread.knows_the_flows() {
                let complete = !problems.has_errors();
                problems.extend(facts_awaited::check(recipe, complete));
            }
            problems.extend(line_ends::check(recipe));
            // A stage that could not be read may be the one that uses a file.
            let complete = !problems.has_errors();
            problems.extend(scripts::check(recipe, &unread, complete));
            if let Some(shell) = shell {
                problems.extend(syntax::check(recipe, shell));
            }
        }
        problems.sort();
        let recipe = recipe.filter(|_| !problems.has_errors());
        (recipe, problems)
    }

    /// The checks that its scripts tell problems of, as far as a look at their text tells.
    pub fn checks(&self) -> BTreeSet<String> {
        scripts::checks(self)
    }
}

/// Everything that is wrong with a recipe, in the order of its files' text.
pub fn lint(files: &RecipeFiles) -> Problems {
    Recipe::read(files).1
}

#[cfg(test)]
mod tests;
