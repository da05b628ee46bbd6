//! The cluster file as shell assignments: `cluster.conf`.
//!
//! Such a file is *read*, never executed: what a shell would have to run for is refused with its
//! place and the reason. Which assignment means what is data of the recipe: a [`ConfMapping`].

mod assignment;
mod lexer;
mod mapping;
mod mapping_reader;
mod reader;
mod roles;
mod secrecy;
mod shown;
mod value;
mod word;

pub use mapping::{ConfMapping, ConfName, KeyDefault, Meaning, ValueKind};
pub use reader::{read_conf, read_conf_in_part};

#[cfg(test)]
mod tests;
