//! Names that become a part of file names and of host names.

use crate::error::LabError;

/// Checks a name that becomes a part of file names and of host names. `what` is what has the name.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), LabError> {
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.is_empty()
        && name.len() <= 40
        && name.chars().all(fine)
        && !name.starts_with('-')
        && !name.ends_with('-')
    {
        return Ok(());
    }
    Err(LabError::Unknown {
        what: format!(
            "{what} cannot be named {name:?}: a name has at most 40 lower-case letters, digits and \
             dashes, and no dash at its ends"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_host_names() {
        for good in ["a", "demo-2"] {
            check_name("a lab", good).unwrap();
        }
        for bad in ["", "-a", "a-", "A", "a/b", "..", "a b", &"a".repeat(41)] {
            check_name("a lab", bad).unwrap_err();
        }
    }
}
