//! Events made up from the schema: whatever it allows, so that an event that is added is tried as well.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A line that was made up.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) name: String,
    pub(crate) line: Value,
    /// The fields without which it is none.
    pub(crate) needed: Vec<String>,
}

fn variants(schema: &Value) -> &[Value] {
    schema["$defs"]["Event"]["oneOf"].as_array().unwrap()
}

fn name(variant: &Value) -> Option<&str> {
    variant["properties"]["event"]["const"].as_str()
}

/// The events that the schema knows.
pub(crate) fn event_names(schema: &Value) -> BTreeSet<String> {
    let names = variants(schema).iter().filter_map(name);
    names.map(str::to_owned).collect()
}

/// What each known event has beside what all have.
pub(crate) fn fields(schema: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let of = |variant: &Value| {
        let mut fields = BTreeSet::new();
        let mut parts = vec![variant.clone()];
        while let Some(part) = parts.pop() {
            fields.extend(
                part["properties"]
                    .as_object()
                    .into_iter()
                    .flat_map(Map::keys)
                    .cloned(),
            );
            parts.extend(part["oneOf"].as_array().into_iter().flatten().cloned());
            parts.extend(part.get("$ref").map(|_| resolved(schema, &part).clone()));
        }
        fields.remove("event");
        fields
    };
    let known = variants(schema).iter();
    known
        .filter_map(|variant| Some((name(variant)?.to_owned(), of(variant))))
        .collect()
}

fn resolved<'a>(schema: &'a Value, part: &'a Value) -> &'a Value {
    match part["$ref"].as_str() {
        Some(pointer) => schema.pointer(pointer.trim_start_matches('#')).unwrap(),
        None => part,
    }
}

/// Lines of all events, known ones and some that are not.
pub(crate) fn events(schema: &Value) -> impl Strategy<Value = Made> + use<> {
    let envelope = &schema["$defs"]["Event"];
    let all: Vec<BoxedStrategy<Made>> = variants(schema)
        .iter()
        .map(|variant| {
            let mut parts = vec![fields_of(schema, envelope)];
            parts.extend(objects(schema, variant));
            merged(parts)
                .prop_map(|(line, needed)| Made {
                    name: line["event"].as_str().unwrap_or_default().to_owned(),
                    line: Value::Object(line),
                    needed: needed.into_iter().collect(),
                })
                .boxed()
        })
        .collect();
    prop::strategy::Union::new(all)
}

type Object = (Map<String, Value>, BTreeSet<String>);

/// What an object is put together from: its own fields, those it takes from elsewhere, one of several sets.
fn objects(schema: &Value, part: &Value) -> Vec<BoxedStrategy<Object>> {
    let mut parts = vec![fields_of(schema, part)];
    if part.get("$ref").is_some() {
        parts.extend(objects(schema, resolved(schema, part)));
    }
    if let Some(choices) = part["oneOf"].as_array() {
        let choices = choices.iter().map(|choice| merged(objects(schema, choice)));
        parts.push(prop::strategy::Union::new(choices.collect::<Vec<_>>()).boxed());
    }
    parts
}

fn merged(parts: Vec<BoxedStrategy<Object>>) -> BoxedStrategy<Object> {
    parts
        .prop_map(|objects| {
            let (mut line, mut needed) = Object::default();
            for (fields, required) in objects {
                line.extend(fields);
                needed.extend(required);
            }
            (line, needed)
        })
        .boxed()
}

fn fields_of(schema: &Value, part: &Value) -> BoxedStrategy<Object> {
    let needed: BTreeSet<String> = part["required"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|field| field.as_str().unwrap().to_owned())
        .collect();
    let fields: Vec<BoxedStrategy<Option<(String, Value)>>> = part["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(field, what)| {
            let field = field.clone();
            let value = value(schema, what).prop_map(move |value| (field.clone(), value));
            value.boxed()
        })
        .map(|field| (field, any::<bool>()))
        .map(|(field, there)| {
            let needed = needed.clone();
            (field, there)
                .prop_map(move |((field, value), there)| {
                    (there || needed.contains(&field)).then_some((field, value))
                })
                .boxed()
        })
        .collect();
    let required = needed.clone();
    fields
        .prop_map(move |fields| (fields.into_iter().flatten().collect(), required.clone()))
        .boxed()
}

/// Anything that a part of the schema allows.
fn value(schema: &Value, part: &Value) -> BoxedStrategy<Value> {
    if let Some(constant) = part.get("const") {
        return Just(constant.clone()).boxed();
    }
    if part.get("$ref").is_some() {
        return value(schema, resolved(schema, part));
    }
    for choices in ["oneOf", "anyOf"] {
        if let Some(choices) = part[choices].as_array() {
            let choices = choices.iter().map(|choice| value(schema, choice));
            return prop::strategy::Union::new(choices.collect::<Vec<_>>()).boxed();
        }
    }
    match &part["type"] {
        Value::Array(types) => {
            let choices = types.iter().map(|one| {
                let mut part = part.clone();
                part["type"] = one.clone();
                value(schema, &part)
            });
            prop::strategy::Union::new(choices.collect::<Vec<_>>()).boxed()
        }
        Value::String(one) => typed(schema, part, one),
        other => panic!("tests/from_schema cannot make up {other} of {part}"),
    }
}

fn typed(schema: &Value, part: &Value, one: &str) -> BoxedStrategy<Value> {
    match (one, part["format"].as_str()) {
        ("null", _) => Just(Value::Null).boxed(),
        ("boolean", _) => any::<bool>().prop_map(Value::from).boxed(),
        ("integer", format) => {
            let most = match format {
                Some("uint32") => u64::from(u32::MAX),
                Some("uint16") => u64::from(u16::MAX),
                _ => u64::MAX,
            };
            let least = part["minimum"].as_u64().unwrap_or(0);
            (least..=most).prop_map(Value::from).boxed()
        }
        ("string", Some("date-time")) => (0i64..4_102_444_800_000)
            .prop_map(|ms| json!(jiff::Timestamp::from_millisecond(ms).unwrap()))
            .boxed(),
        // An event that nobody knows.
        ("string", _) if part.get("not").is_some() => "x-[a-z]{1,8}".prop_map(Value::from).boxed(),
        ("string", _) if part["pattern"].is_string() => {
            let pattern = part["pattern"].as_str().unwrap();
            let inner = pattern.trim_start_matches('^').trim_end_matches('$');
            let text = prop::string::string_regex(inner).unwrap();
            text.prop_map(Value::from).boxed()
        }
        ("string", _) => any::<String>().prop_map(Value::from).boxed(),
        ("array", _) => prop::collection::vec(value(schema, &part["items"]), 0..3)
            .prop_map(Value::from)
            .boxed(),
        ("object", _) if part["additionalProperties"].is_object() => {
            let values = value(schema, &part["additionalProperties"]);
            prop::collection::btree_map(any::<String>(), values, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect()))
                .boxed()
        }
        ("object", _) => merged(objects(schema, part))
            .prop_map(|(line, _)| Value::Object(line))
            .boxed(),
        (other, _) => panic!("tests/from_schema cannot make up {other}"),
    }
}
