//! A JSON Schema of the cluster file's YAML spelling, for editors.

use serde_json::{Value, json};

const PLAIN_NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";
const TIME: &str = "^([0-9]+[dhms])+$";

/// The schema (draft 2020-12) of a `phalanx.yaml` for a recipe with these roles and this schema of
/// its settings. With no role named, any is allowed; with no schema, any setting.
pub fn cluster_schema(roles: &[&str], settings: Option<&Value>) -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Phalanx cluster file",
        "description": "Which hosts there are, how they are reached, and what they are to become.",
        "type": "object",
        "additionalProperties": false,
        "required": ["cluster", "hosts"],
        "properties": {
            "cluster": {
                "title": "Name",
                "description": "The cluster's name.",
                "type": "string",
                "pattern": PLAIN_NAME,
            },
            "recipe": {
                "title": "Recipe",
                "description": "A recipe inside the command by name, or a folder's path.",
                "type": "string",
                "minLength": 1,
            },
            "release": {
                "title": "Release",
                "description": "The version of what the recipe installs; else the recipe's usual one.",
                "type": ["string", "number"],
            },
            "ssh": ssh(),
            "accept": {
                "title": "Accepted checks",
                "description": "Checks whose errors are to be warnings, once you know what they mean.",
                "anyOf": [
                    { "type": "string" },
                    { "type": "array", "items": { "type": "string" } },
                ],
            },
            "hosts": {
                "title": "Hosts",
                "description": "One entry a host.",
                "type": "array",
                "minItems": 1,
                "items": host(roles),
            },
            "settings": settings_schema(settings),
        },
    })
}

fn host(roles: &[&str]) -> Value {
    let mut role = json!({
        "title": "Role",
        "description": "What the host is to become.",
        "type": "string",
        "pattern": PLAIN_NAME,
    });
    if let (false, Some(role)) = (roles.is_empty(), role.as_object_mut()) {
        role.insert("enum".into(), json!(roles));
    }
    json!({
        "title": "Host",
        "type": "object",
        "additionalProperties": false,
        "required": ["role", "address"],
        "properties": {
            "name": {
                "title": "Name",
                "description": "Unique in the cluster; else the role and a number.",
                "type": "string",
                "pattern": PLAIN_NAME,
            },
            "role": role,
            "address": {
                "title": "Address",
                "description": "Where SSH reaches it: an IP address or a host name.",
                "type": "string",
                "minLength": 1,
            },
            "private_address": {
                "title": "Private address",
                "description": "The address the hosts know each other by, where it differs.",
                "type": "string",
                "minLength": 1,
            },
            "port": port("SSH's port on this host."),
            "user": user("The login on this host."),
            "labels": {
                "title": "Labels",
                "description": "Names of your own, to select hosts by.",
                "anyOf": [
                    { "type": "string", "pattern": PLAIN_NAME },
                    { "type": "array", "items": { "type": "string", "pattern": PLAIN_NAME } },
                ],
            },
        },
    })
}

fn ssh() -> Value {
    json!({
        "title": "SSH",
        "description": "How hosts are reached.",
        "type": "object",
        "additionalProperties": false,
        "not": { "required": ["key", "keys"] },
        "properties": {
            "user": user("The login; else root."),
            "port": port("SSH's port; else 22."),
            "key": {
                "title": "Key",
                "description": "The private key file, or the public one of an agent's key; else the agent's keys and ssh's default ones.",
                "type": "string",
                "minLength": 1,
            },
            "keys": paths("Key files, in the order they are tried."),
            "agent": {
                "title": "Agent",
                "description": "Whether the agent's other keys are tried too, after the named ones; else only where no key is named.",
                "type": "boolean",
            },
            "host_keys": {
                "title": "Unknown host keys",
                "description": "What to do with a host whose key is not known yet; else accept-new.",
                "enum": ["accept-new", "strict"],
            },
            "known_hosts": paths("known_hosts files; new keys are written to the first."),
            "jobs": {
                "title": "Jobs",
                "description": "How jobs are kept alive on a host; else systemd.",
                "enum": ["systemd", "session"],
            },
            "spool": {
                "title": "Spool",
                "description": "The folder on the hosts where jobs live; else /var/lib/phalanx.",
                "type": "string",
                "pattern": "^/[A-Za-z0-9/._-]+$",
            },
            "connect_timeout": time("How long a TCP connection may take; else 10s."),
            "auth_timeout": time("How long key exchange and login may take; else 20s."),
            "keepalive": time("Silence after which a sign of life is asked for; else 15s."),
            "stall_timeout": time("How long a transfer may stand still; else 1m."),
            "reconnect_for": time("How long a lost connection is tried again; else 2m."),
        },
    })
}

fn port(description: &str) -> Value {
    json!({
        "title": "Port",
        "description": description,
        "type": "integer",
        "minimum": 1,
        "maximum": 65535,
    })
}

fn user(description: &str) -> Value {
    json!({ "title": "Login", "description": description, "type": "string", "minLength": 1 })
}

fn time(description: &str) -> Value {
    json!({
        "title": "Span of time",
        "description": description,
        "type": "string",
        "pattern": TIME,
        "examples": ["30s", "10m", "1h"],
    })
}

fn paths(description: &str) -> Value {
    json!({
        "title": "Files",
        "description": description,
        "anyOf": [
            { "type": "string", "minLength": 1 },
            { "type": "array", "items": { "type": "string", "minLength": 1 } },
        ],
    })
}

fn settings_schema(settings: Option<&Value>) -> Value {
    match settings {
        Some(Value::Object(schema)) => {
            let mut schema = schema.clone();
            // A resource of its own, so that what it refers to is looked for inside of it.
            schema
                .entry("$id")
                .or_insert_with(|| json!("urn:phalanx:settings"));
            Value::Object(schema)
        }
        _ => json!({
            "title": "Settings",
            "description": "The recipe's settings.",
            "type": "object",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster_yaml::{FILE_KEYS, HOST_KEYS, SSH_KEYS};
    use crate::source::SourceFile;

    const EXAMPLE: &str = include_str!("../../../examples/cluster.yaml");

    fn faults(schema: &Value, text: &str) -> Vec<String> {
        let (tree, problems) = crate::yaml::read(&SourceFile::new("x", text));
        assert!(problems.is_empty(), "{}", problems.to_plain_text());
        let validator = jsonschema::draft202012::new(schema).expect("a schema");
        validator
            .iter_errors(&tree.expect("a tree").to_json())
            .map(|fault| fault.to_string())
            .collect()
    }

    #[test]
    fn it_is_a_schema() {
        let schema = cluster_schema(&["a", "b"], None);
        assert!(jsonschema::draft202012::meta::is_valid(&schema));
    }

    #[test]
    fn it_knows_the_keys_that_the_reader_knows() {
        let schema = cluster_schema(&[], None);
        let keys = |pointer: &str| -> Vec<String> {
            let properties = schema.pointer(pointer).and_then(Value::as_object);
            let mut keys: Vec<String> = properties.expect("keys").keys().cloned().collect();
            keys.sort();
            keys
        };
        let sorted = |known: &[&str]| {
            let mut known: Vec<String> = known.iter().map(|key| (*key).to_owned()).collect();
            known.sort();
            known
        };
        assert_eq!(keys("/properties"), sorted(&FILE_KEYS));
        assert_eq!(keys("/properties/ssh/properties"), sorted(&SSH_KEYS));
        assert_eq!(
            keys("/properties/hosts/items/properties"),
            sorted(&HOST_KEYS)
        );
    }

    #[test]
    fn the_example_is_valid() {
        assert_eq!(
            faults(&cluster_schema(&[], None), EXAMPLE),
            Vec::<String>::new()
        );
    }

    #[test]
    fn what_is_wrong_is_found() {
        let settings = json!({
            "type": "object",
            "properties": { "port": { "$ref": "#/$defs/port" } },
            "additionalProperties": false,
            "$defs": { "port": { "type": "integer" } },
        });
        let schema = cluster_schema(&["leader"], Some(&settings));
        let good = "cluster: a\nhosts: [{role: leader, address: b}]\nsettings: {port: 1}\n";
        assert_eq!(faults(&schema, good), Vec::<String>::new());
        for (from, to) in [
            ("leader", "leeder"),
            ("cluster: a", "cluster: a b"),
            ("port: 1", "port: x"),
            ("port: 1", "prot: 1"),
            ("address", "addres"),
            ("hosts", "host"),
            ("cluster: a\n", "cluster: a\nssh: {keepalive: 5}\n"),
            ("cluster: a\n", "cluster: a\nssh: {key: a, keys: b}\n"),
        ] {
            assert_ne!(
                faults(&schema, &good.replacen(from, to, 1)),
                Vec::<String>::new(),
                "{to}"
            );
        }
    }
}
