//! Settings: what a recipe says of them, and how a cluster's fit.

mod line;
mod reader;
mod resolve;
mod schema;
mod schema_words;
mod wording;

pub use line::{Rule, SecretUse, SettingsLine};
pub(crate) use reader::read;
pub use resolve::secret_values;
pub(crate) use resolve::{Resolved, is_shown, resolve};

#[cfg(test)]
mod tests;
