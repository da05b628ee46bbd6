//! The JSON Schema of `recipe.yaml`, for editors.

use serde_json::{Value, json};

/// A JSON Schema (2020-12) of `recipe.yaml`.
pub fn recipe_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Recipe",
        "type": "object",
        "required": ["roles", "flows"],
        "additionalProperties": false,
        "properties": keys(),
        "$defs": {
            "stages": stages(),
            "role": role(),
            "gate": gate(),
            "put": put(),
            "stage": stage()
        }
    })
}

/// The keys of the file.
fn keys() -> Value {
    json!({
        "name": { "type": "string", "description": "The recipe's name; else its folder's." },
        "title": { "type": "string", "description": "What it does, in a line." },
        "roles": {
            "type": "object",
            "description": "What hosts can become.",
            "additionalProperties": { "$ref": "#/$defs/role" }
        },
        "groups": {
            "type": "object",
            "description": "Names for sets of roles; `all` is built in.",
            "additionalProperties": names()
        },
        "facts": {
            "description": "The script that reads a host's facts, and every fact that any script may tell.",
            "oneOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "run": { "type": "string" },
                        "names": {
                            "type": "object",
                            "additionalProperties": { "enum": ["text", "bool", "number"] }
                        }
                    }
                }
            ]
        },
        "settings": { "type": "string", "description": "The folder of the settings files." },
        "releases": {
            "description": "The releases it knows, or a file that says more of each.",
            "oneOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": ["string", "number"] } }
            ]
        },
        "default_release": { "type": ["string", "number"] },
        "cluster_conf": {
            "type": "string",
            "description": "The file that says what the assignments of a cluster.conf mean."
        },
        "causes": {
            "type": "string",
            "description": "The file that says what the words in a failure's last lines mean."
        },
        "flows": {
            "type": "object",
            "description": "Named lists of stages, read from top to bottom.",
            "additionalProperties": {
                "oneOf": [
                    { "$ref": "#/$defs/stages" },
                    {
                        "type": "object",
                        "required": ["stages"],
                        "additionalProperties": false,
                        "properties": {
                            "changes": {
                                "description": "Whether it changes hosts; unless said, `check` and `verify` change nothing, and all else does.",
                                "enum": ["nothing", "hosts"]
                            },
                            "stages": { "$ref": "#/$defs/stages" }
                        }
                    }
                ]
            }
        }
    })
}

/// A flow's stages.
fn stages() -> Value {
    json!({
        "type": "array",
        "minItems": 1,
        "items": { "$ref": "#/$defs/stage" }
    })
}

/// What a host can become.
fn role() -> Value {
    json!({
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": {
            "count": {
                "description": "How many hosts: numbers, a number, or a range such as `0..`.",
                "oneOf": [
                    { "type": "array", "items": { "type": "integer", "minimum": 0 } },
                    { "type": "integer", "minimum": 0 },
                    { "type": "string", "pattern": "^[0-9]+(\\.\\.[0-9]*)?$" }
                ]
            },
            "may_miss": {
                "description": "How many hosts may be missing at an `all` gate.",
                "oneOf": [
                    { "type": "integer", "minimum": 0 },
                    { "type": "string", "pattern": "^[0-9]+%?$" }
                ]
            }
        }
    })
}

/// What a stage waits for.
fn gate() -> Value {
    json!({
        "oneOf": [
            { "type": "string" },
            {
                "type": "object",
                "required": ["all"],
                "additionalProperties": false,
                "properties": { "all": { "type": "string" } }
            }
        ]
    })
}

/// A file that a stage brings to hosts.
fn put() -> Value {
    json!({
        "type": "object",
        "required": ["to"],
        "additionalProperties": false,
        "properties": {
            "file": { "type": "string", "description": "Brought as it stands." },
            "template": { "type": "string", "description": "Rendered for each host." },
            "upload": { "type": "string", "description": "A setting whose value is the path of a file on this machine." },
            "to": { "type": "string", "description": "Absolute path; itself a template." },
            "mode": { "type": ["string", "integer"], "description": "Octal; \"0644\" unless said." },
            "owner": { "type": "string", "description": "user or user:group; root unless said." }
        }
    })
}

/// A stage.
fn stage() -> Value {
    json!({
        "type": "object",
        "required": ["id", "on"],
        "additionalProperties": false,
        "properties": {
            "id": { "type": "string" },
            "on": names(),
            "after": {
                "description": "Stages above: `name` on the same host, `{all: name}` on every host of it.",
                "oneOf": [
                    { "$ref": "#/$defs/gate" },
                    { "type": "array", "items": { "$ref": "#/$defs/gate" } }
                ]
            },
            "when": { "type": "string", "description": "Skipped on a host where this is false." },
            "put": {
                "oneOf": [
                    { "$ref": "#/$defs/put" },
                    { "type": "array", "items": { "$ref": "#/$defs/put" } }
                ]
            },
            "run": { "type": "string", "description": "A script, run as a job." },
            "until": { "type": "string", "description": "A probe, asked until it says yes." },
            "reboot": {
                "oneOf": [
                    { "const": true },
                    {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": { "within": duration() }
                    }
                ]
            },
            "within": duration(),
            "at_once": { "type": "integer", "minimum": 1 },
            "stop_after": { "oneOf": [{ "type": "integer", "minimum": 1 }, { "const": "never" }] },
            "retries": { "type": "integer", "minimum": 0, "maximum": 100 },
            "all_facts": {
                "description": "Facts that the script is given of every host.",
                "oneOf": [
                    { "type": "string" },
                    { "type": "array", "items": { "type": "string" } }
                ]
            }
        }
    })
}

/// A name, or a list of names.
fn names() -> Value {
    json!({
        "oneOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": "string" } }
        ]
    })
}

/// A span of time, such as `10m`.
fn duration() -> Value {
    json!({ "type": "string", "pattern": "^([0-9]+[dhms])+$" })
}
