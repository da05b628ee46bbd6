//! A recipe's files, wherever they came from.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::is_plain_name;
use crate::problem::Problem;
use crate::read::decode;
use crate::source::SourceFile;
use crate::suggest::did_you_mean;
use crate::yaml::{Node, Reader};

/// The files of a recipe: path below its folder, with `/`, and content. Whoever makes one has read
/// them; nothing here opens a file. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct RecipeFiles {
    place: Arc<str>,
    files: Arc<BTreeMap<String, Vec<u8>>>,
}

impl RecipeFiles {
    /// The files of the recipe that the user knows as `place`: a folder's path, or a built-in
    /// recipe's name.
    pub fn new(place: impl Into<Arc<str>>, files: BTreeMap<String, Vec<u8>>) -> Self {
        let place: Arc<str> = place.into();
        let plain = place.trim_end_matches("/.").trim_end_matches(['/', '\\']);
        Self {
            place: if plain.is_empty() {
                place
            } else {
                plain.into()
            },
            files: Arc::new(files),
        }
    }

    /// Where the recipe is, as the user knows it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The last part of the place: what the recipe is called where it does not say so itself.
    pub fn folder_name(&self) -> &str {
        let name = self.place.rsplit(['/', '\\']).next().unwrap_or_default();
        if is_plain_name(name) { name } else { "recipe" }
    }

    /// The content of a file.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// Every path, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The name that the user knows a file by.
    pub fn shown(&self, path: &str) -> String {
        format!("{}/{path}", self.place)
    }

    /// The text of a file; `None` where there is no such file, a problem where it is no text.
    pub fn text(&self, path: &str) -> Option<Result<SourceFile, Problem>> {
        let bytes = self.get(path)?;
        Some(decode(&self.shown(path), bytes).map_err(|problem| *problem))
    }

    /// The path that is written here, of a file that is there and is text; else says what is wrong with it.
    pub(super) fn named(
        &self,
        yaml: &mut Reader<'_>,
        node: &Node,
        what: &str,
        kind: &str,
    ) -> Option<String> {
        let path = yaml.text(node, what)?;
        let source = yaml.source;
        match self.text(&path.value) {
            Some(Ok(_)) => return Some(path.value),
            Some(Err(problem)) => yaml.problems.push(problem),
            None => yaml.problems.push_error(|| {
                let problem = Problem::error(
                    "recipe::no-file",
                    format!("there is no {kind} `{}`", path.value.escape_debug()),
                )
                .at(source, path.span, "no such file in the recipe");
                match did_you_mean(&path.value, self.paths()) {
                    Some(close) => problem.help(format!("did you mean `{close}`?")),
                    None => problem.help("paths begin at the recipe's folder: `scripts/serve.sh`"),
                }
            }),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_shown_without_what_adds_nothing() {
        for (place, name, shown) in [
            ("examples/hello", "hello", "examples/hello/x"),
            ("examples/hello/.", "hello", "examples/hello/x"),
            ("examples/hello/", "hello", "examples/hello/x"),
            (".", "recipe", "./x"),
            ("..", "recipe", "../x"),
            ("dir\\sub", "sub", "dir\\sub/x"),
        ] {
            let files = RecipeFiles::new(place, BTreeMap::new());
            assert_eq!(
                (files.folder_name(), files.shown("x").as_str()),
                (name, shown)
            );
        }
    }
}
