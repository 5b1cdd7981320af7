//! Bodies in and out: the seed's examples, twins in both formats, hostile ones, and every shape that is answered.

mod answers;
mod fields;
mod hostile;
mod profiles;
mod refusals;
mod requests;
mod results;
mod seed;
mod statuses;
mod twins;

use serde_json::{Value, json};

use super::*;

/// What was read, as one JSON value.
fn value_of(envelope: &Envelope<'_>) -> Value {
    let records = envelope.data.as_ref();
    let records: Option<Vec<Value>> = records
        .map(|records| records.iter().map(|record| serde_json::from_str(record.get()).unwrap()).collect());
    let parameters: serde_json::Map<String, Value> = envelope.parameters.iter().cloned().collect();
    json!({"parameters": parameters, "data": records})
}

fn read_xml(body: &str) -> Result<Value, Refusal> {
    read(Format::Xml, body.as_bytes(), &Limits::default()).map(|envelope| value_of(&envelope))
}

fn read_json(body: &str) -> Result<Value, Refusal> {
    read(Format::Json, body.as_bytes(), &Limits::default()).map(|envelope| value_of(&envelope))
}

/// The members of `<xml>` when there is no `data`.
fn members_of(inner: &str) -> Value {
    read_xml(&format!("<xml>{inner}</xml>")).unwrap()["parameters"].take()
}

/// The records of an XML body.
fn records_of(inner: &str) -> Value {
    read_xml(&format!("<xml>{inner}</xml>")).unwrap()["data"].take()
}
