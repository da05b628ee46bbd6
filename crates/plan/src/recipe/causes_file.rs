//! Reading a recipe's causes: what the words in a failure's last lines mean to the operator.

use crate::cause::Cause;
use crate::problem::Problems;
use crate::source::SourceFile;
use crate::yaml::{self, Reader};

const HELP: &str =
    "write a list: `- { words: [no space left], says: a disk is full, fix: free some space }`";

/// The causes that stand in the file, and everything that is wrong with it.
pub(super) fn read(source: &SourceFile) -> (Vec<Cause>, Problems) {
    let (root, problems) = yaml::read(source);
    let mut reader = Reader::after(source, problems);
    let items = root
        .as_ref()
        .and_then(|root| reader.list(root, "the causes"));
    let mut causes = Vec::new();
    for item in items.unwrap_or_default() {
        let Some(fields) = reader.fields(item, "a cause", &["words", "says", "fix"]) else {
            continue;
        };
        for field in ["words", "says", "fix"] {
            if fields.get(field).is_none() {
                reader.missing(item, "a cause", field, HELP);
            }
        }
        let words = fields
            .get("words")
            .and_then(|node| reader.texts(node, "`words`"));
        let says = fields
            .get("says")
            .and_then(|node| reader.text(node, "`says`"));
        let fix = fields
            .get("fix")
            .and_then(|node| reader.text(node, "`fix`"));
        let (Some(words), Some(says), Some(fix)) = (words, says, fix) else {
            continue;
        };
        for empty in words.iter().filter(|word| word.value.trim().is_empty()) {
            reader.error(
                "recipe::cause",
                empty.span,
                "every line has nothing in it".to_owned(),
                "empty",
                "write words that a script's output has where this is the cause",
            );
        }
        causes.push(Cause {
            words: words
                .into_iter()
                .map(|word| word.value.to_lowercase())
                .collect(),
            says: says.value,
            fix: fix.value,
        });
    }
    (causes, reader.problems)
}
