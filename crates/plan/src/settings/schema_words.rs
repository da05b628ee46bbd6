//! The words of JSON Schema: one that is misspelt says nothing, and a schema without it is still one.

use crate::problem::Problem;
use crate::suggest::did_you_mean;
use crate::yaml::{Kind, Node, Reader};

const WORDS: [&str; 59] = [
    "$anchor",
    "$comment",
    "$defs",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$ref",
    "$schema",
    "$vocabulary",
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "default",
    "definitions",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "deprecated",
    "description",
    "else",
    "enum",
    "examples",
    "example",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "id",
    "if",
    "items",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "oneOf",
    "pattern",
    "patternProperties",
    "prefixItems",
    "properties",
    "propertyNames",
    "readOnly",
    "required",
    "then",
    "title",
    "type",
    "uniqueItems",
];
/// Words behind which each value is a schema, whatever its key.
const NAMED: [&str; 5] = [
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
];
/// Words behind which a schema stands, or a list of them.
const INNER: [&str; 10] = [
    "items",
    "prefixItems",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "allOf",
    "anyOf",
    "oneOf",
];

/// Whether a key is this word, or was most likely meant to be.
pub(super) fn is_meant(key: &str, word: &str) -> bool {
    key == word || (!WORDS.contains(&key) && did_you_mean(key, WORDS) == Some(word))
}

/// Tells the keys of a schema that are nearly words.
pub(super) fn check(schema: &Node, reader: &mut Reader<'_>) {
    if let Kind::List(schemas) = &schema.kind {
        for schema in schemas {
            check(schema, reader);
        }
    }
    for (key, node) in schema.as_map().unwrap_or_default() {
        let word = key.text.as_str();
        if NAMED.contains(&word) {
            for (_, inner) in node.as_map().unwrap_or_default() {
                check(inner, reader);
            }
        } else if INNER.contains(&word) {
            check(node, reader);
        } else if let (false, Some(close)) = (WORDS.contains(&word), did_you_mean(word, WORDS)) {
            let problem = Problem::error(
                "recipe::schema",
                format!("JSON Schema has no word `{}`", word.escape_debug()),
            )
            .at(reader.source, key.span, "says nothing")
            .help(format!("did you mean `{close}`?"));
            reader.problems.push(problem);
        }
    }
}
