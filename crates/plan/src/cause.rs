//! Why scripts fail, as far as a recipe knows.

use serde::{Deserialize, Serialize};

/// What words in a failure's last lines mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Any of these has to be there; in small letters, since their case does not count.
    pub words: Vec<String>,
    /// What it is, in plain words.
    pub says: String,
    /// What to do about it.
    pub fix: String,
}
