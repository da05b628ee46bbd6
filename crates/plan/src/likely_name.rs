//! What may be somebody's key or name, in a text where anything else may be a secret.

/// Whether a key or name could be one: anything else may be a secret that lost its quotes.
pub(crate) fn looks_like_a_name(text: &str) -> bool {
    // Small letters, capitals and digits together are what a secret is made of.
    let mixed = text.contains(|c: char| c.is_ascii_lowercase())
        && text.contains(|c: char| c.is_ascii_uppercase())
        && text.contains(|c: char| c.is_ascii_digit());
    !text.is_empty() && text.len() <= 64 && !mixed && text.chars().all(is_name_character)
}

/// Whether a key or name may have this in it.
pub(crate) fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mixes_letters_and_digits_as_secrets_do_is_no_name() {
        assert!(
            ["zonk", "maxRetries", "HTTP_2", "oauth2-token"].map(looks_like_a_name) == [true; 4]
        );
        assert!(["zQ7xWv", "", "a b", "é"].map(looks_like_a_name) == [false; 4]);
    }
}
