//! The names of the variables by which scripts are given things.

/// The end of a variable's name for a setting, a fact or a role: upper case, and `_` for all that
/// is no letter or digit.
pub(crate) fn variable_name(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
            _ => '_',
        })
        .collect()
}

/// The variable by which a script has the secret of this name.
pub(crate) fn secret_variable(name: &str) -> String {
    format!("PX_SECRET_{}", variable_name(name))
}
