//! The JSON Schema of a journal's line, for whoever reads journals with a program of their own.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use serde_json::{Value, json};

use crate::event::Event;
use crate::journal::{FORMAT, Header};

/// What the schema promises and what it leaves open.
const DESCRIPTION: &str = "One line of a run's journal.jsonl: the first line is a header, every further one an event. \
    This is the journal's format 1. Within a format fields and events are only added: an object may have more fields \
    than are named here, and a reader passes over an event whose name it does not know, which is valid here with seq, \
    at, ms and event. What is named here stays: a known event has its fields, and where values are listed there are no \
    others. A field that is not required may be missing. Anything else is another format, and the header says which.";

/// The schema (draft 2020-12) of one line: the header's, or an event's.
///
/// It is made from the very types that read and write the journal. Not required is a field that is left out
/// where there is nothing to tell, and one that lines of an earlier version of the program may lack.
pub fn journal_schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let header = generator.subschema_for::<Header>();
    let event = generator.subschema_for::<Event>();
    let mut schema = schemars::json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of a phalanx journal",
        "description": DESCRIPTION,
        "anyOf": [header, event],
        "$defs": generator.take_definitions(true),
    });
    if let Some(format) = schema.pointer_mut("/$defs/Header/properties/phalanx_journal") {
        format["const"] = json!(FORMAT);
    }
    if let Some(Value::Array(events)) = schema.pointer_mut("/$defs/Event/oneOf") {
        name_the_unknown(events);
    }
    InOneLine.transform(&mut schema);
    schema.to_value()
}

/// The last event stands for all that this version does not know: it has any name but those that it knows.
fn name_the_unknown(events: &mut [Value]) {
    let Some((unknown, known)) = events.split_last_mut() else {
        return;
    };
    let known: Vec<Value> = known
        .iter()
        .filter_map(|event| event.pointer("/properties/event/const").cloned())
        .collect();
    unknown["properties"]["event"] = json!({ "type": "string", "not": { "enum": known } });
}

/// Descriptions come from comments, which are broken where a line of source is full.
struct InOneLine;

impl Transform for InOneLine {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(Value::String(text)) = schema.get_mut("description") {
            *text = text.replace('\n', " ");
        }
        transform_subschemas(self, schema);
    }
}
