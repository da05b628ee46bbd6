//! The JSON Schema of settings: what is one, and how it is compiled.

use std::net::Ipv4Addr;

use jsonschema::{ValidationError, Validator};
use serde_json::Value;

/// Why a schema is none, and where in it, by JSON pointer.
pub(crate) struct SchemaError {
    pub(crate) pointer: String,
    pub(crate) reason: String,
}

/// Compiles a schema. Nothing is ever fetched: it can only refer to itself.
pub(crate) fn validator(schema: &Value) -> Result<Validator, Vec<SchemaError>> {
    let wrong = |error: ValidationError<'_>| SchemaError {
        pointer: error.instance_path().to_string(),
        reason: error.to_string(),
    };
    let meta = jsonschema::meta::validator_for(schema).map_err(|error| vec![wrong(error)])?;
    let errors: Vec<SchemaError> = meta.iter_errors(schema).map(wrong).collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    jsonschema::options()
        .should_validate_formats(true)
        .with_format("ipv4-network", is_ipv4_network)
        .build(schema)
        .map_err(|error| vec![wrong(error)])
}

/// Whether a text is an IPv4 network by its first address, `9.0.0.0/8`: behind the prefix no bit is set.
fn is_ipv4_network(text: &str) -> bool {
    let Some((address, prefix)) = text.split_once('/') else {
        return false;
    };
    // `+8` and `08` are numbers too, but nobody else takes them for a prefix.
    let plain = prefix == "0" || prefix.starts_with(|first: char| ('1'..='9').contains(&first));
    match (address.parse::<Ipv4Addr>(), prefix.parse::<u32>()) {
        (Ok(address), Ok(prefix @ 0..=32)) if plain => {
            address.to_bits().trailing_zeros() >= 32 - prefix
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_known_by_its_first_address() {
        for good in [
            "9.0.0.0/8",
            "0.0.0.0/0",
            "44.128.0.0/20",
            "10.1.2.3/32",
            "10.1.2.2/31",
        ] {
            assert!(is_ipv4_network(good), "{good}");
        }
        for bad in [
            "44.128.0.1/20",
            "44.128.8.0/20",
            "128.0.0.0/0",
            "300.1.1.0/24",
            "9.0.0.0/33",
            "9.0.0.0/99",
            "9.0.0.0/08",
            "9.0.0.0/+8",
            "09.0.0.0/8",
            "9.0.0.0/",
            "9.0.0.0",
            "9.0.0/8",
            "9.0.0.0/255.0.0.0",
            "fd00::/8",
            " 9.0.0.0/8",
            "",
        ] {
            assert!(!is_ipv4_network(bad), "{bad}");
        }
    }
}
