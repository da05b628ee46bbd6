//! The lab in whose network this program was started, by `lab exec`.

use std::path::PathBuf;
use std::sync::OnceLock;

use phalanx_plan::is_plain_name;

use crate::environment::Environment;

/// A lab, from inside.
#[derive(Debug)]
pub(crate) struct Inside {
    /// Its name.
    pub(crate) lab: String,
    /// Its own cluster file.
    pub(crate) file: Option<PathBuf>,
}

static INSIDE: OnceLock<Inside> = OnceLock::new();

/// Finds out, once.
pub(crate) fn learn(environment: &Environment) {
    let lab = environment.lab.clone();
    if let Some(lab) = lab.filter(|lab| is_plain_name(lab)) {
        let file = environment.lab_file.clone();
        // Nobody has set it before.
        let _ = INSIDE.set(Inside { lab, file });
    }
}

/// The lab; nothing outside of all labs.
pub(crate) fn lab() -> Option<&'static Inside> {
    INSIDE.get()
}
