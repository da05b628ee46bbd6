//! What this program is called by whoever has to type it again.

use std::path::Path;
use std::sync::OnceLock;

use crate::environment::Environment;

/// The variable that tells it inside of a lab what it is called outside.
pub(crate) const OUTSIDE: &str = "PHALANX_PROGRAM";

static NAME: OnceLock<String> = OnceLock::new();

/// Works the name out, once: `phalanx` where a shell finds it by that name, else the path that it was
/// started by.
pub(crate) fn learn(environment: &Environment) {
    let path = environment
        .program
        .clone()
        .filter(|name| name.contains('/'));
    let path = path.filter(|path| !is_found(path, &environment.path));
    // Nobody has set it before.
    let _ = NAME.set(path.unwrap_or_else(|| "phalanx".to_owned()));
}

/// The name.
pub(crate) fn name() -> &'static str {
    NAME.get().map_or("phalanx", String::as_str)
}

/// Whether a shell that is told `phalanx` starts the program at this path.
fn is_found(path: &str, folders: &[std::path::PathBuf]) -> bool {
    let mut found = folders.iter().map(|folder| folder.join("phalanx"));
    let first = found.find(|file| file.is_file());
    let first = first.and_then(|file| file.canonicalize().ok());
    first.is_some() && first == Path::new(path).canonicalize().ok()
}
