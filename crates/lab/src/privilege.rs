//! What only root can do.

use crate::error::LabError;

/// Whether this process is root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Refuses to do this where this process is not root.
pub(crate) fn need_root(what: &str) -> Result<(), LabError> {
    match is_root() {
        true => Ok(()),
        false => Err(LabError::NeedsRoot {
            what: what.to_owned(),
        }),
    }
}
