//! The words of the language, for "did you mean", and what others call them.

/// What a host has.
pub(super) const HOST_ATTRIBUTES: [&str; 5] =
    ["name", "role", "address", "private_address", "labels"];

pub(super) const FILTERS: [&str; 38] = [
    "abs",
    "attr",
    "bool",
    "capitalize",
    "count",
    "default",
    "dictsort",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "sort",
    "split",
    "string",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
];
pub(super) const TESTS: [&str; 29] = [
    "at_least",
    "boolean",
    "containing",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "undefined",
];
pub(super) const STATEMENTS: [&str; 19] = [
    "for",
    "endfor",
    "if",
    "elif",
    "else",
    "endif",
    "set",
    "endset",
    "with",
    "endwith",
    "macro",
    "endmacro",
    "call",
    "endcall",
    "filter",
    "endfilter",
    "raw",
    "endraw",
    "do",
];

/// What to write instead of a filter of other tools.
pub(super) fn instead_of_filter(name: &str) -> Option<&'static str> {
    Some(match name {
        "len" | "size" => "write `length`",
        "to_json" | "json" | "to_nice_json" => "write `tojson`",
        "lowercase" | "downcase" => "write `lower`",
        "uppercase" | "upcase" => "write `upper`",
        "strip" => "write `trim`",
        "to_int" | "integer" => "write `int`",
        "quote" => "nothing is quoted here: what a shell is to read is best worked out in a script",
        "ternary" => "write `A if CONDITION else B`",
        "regex_replace" | "regex_search" | "regex_findall" => {
            "there are no regular expressions here: `replace` takes plain text, and a script has sed"
        }
        "b64encode" | "b64decode" | "hash" | "password_hash" | "to_yaml" | "to_nice_yaml" => {
            "work it out in a script"
        }
        _ => return None,
    })
}

/// What to write instead of a test of other tools.
pub(super) fn instead_of_test(name: &str) -> Option<&'static str> {
    Some(match name {
        "contains" | "contain" | "has" | "includes" => {
            "write `containing`, or of one list `\"x\" in host.labels`"
        }
        "startswith" | "starts_with" => "write `startingwith`",
        "endswith" | "ends_with" => "write `endingwith`",
        "equals" | "equal" | "is" => "write `eq`",
        "match" | "search" | "regex" => {
            "there are no regular expressions here: write `startingwith`, `endingwith` or `containing`"
        }
        "version" | "version_compare" => "write `release is at_least(\"1.9\")`",
        "empty" => "compare it: `x == \"\"`, `x == []`",
        "dict" => "write `mapping`",
        "list" => "write `sequence`",
        _ => return None,
    })
}

/// What to write instead of a statement of other tools.
pub(super) fn instead_of_statement(name: &str) -> Option<&'static str> {
    Some(match name {
        "include" | "import" | "from" | "extends" | "block" | "endblock" => {
            "a template stands alone: write it out, or make it of two files"
        }
        "elseif" | "elsif" => "write `elif`",
        "end" => "write `endif` or `endfor`, as it began",
        "break" | "continue" => {
            "write the condition behind the list: `{% for h in hosts if ... %}`"
        }
        "verbatim" => "write `raw`",
        "let" | "assign" => "write `set`",
        "foreach" | "each" => "write `for`",
        _ => return None,
    })
}
