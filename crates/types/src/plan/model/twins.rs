//! A batch in JSON and its twin in XML make the same plan, and leave the same tables.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use super::render::{self, Scalars};
use super::tables::Tables;
use super::{Request, catalog, request};
use crate::wire::{Format, Limits, read};

/// Where nothing types what XML says: a number there is text in XML for good.
const UNTYPED: [&str; 2] = ["object", "orders"];

fn as_text(value: &mut Value) {
    match value {
        Value::Number(number) => *value = Value::from(number.to_string()),
        Value::Array(items) => items.iter_mut().for_each(as_text),
        Value::Object(members) => members.values_mut().for_each(as_text),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// The members of a record, in their order.
fn members(rec: &RawValue) -> Vec<(String, Value)> {
    let names = serde_json::from_str::<serde_json::Map<String, Value>>(rec.get()).unwrap();
    let mut members: Vec<(String, Value)> = names.into_iter().collect();
    members.sort_by_key(|(name, _)| rec.get().find(&format!("\"{name}\":")));
    for (name, value) in &mut members {
        if UNTYPED.contains(&name.as_str()) {
            as_text(value);
        }
    }
    members
}

fn element(xml: &mut String, name: &str, mark: &str, value: &Value) {
    match value {
        Value::Null => xml.extend(["<", name, " nil='true'/>"]),
        Value::Object(members) if members.is_empty() => xml.extend(["<", name, " object='true'/>"]),
        Value::Array(items) => match items.as_slice() {
            [] => xml.extend(["<", name, " array=\"true\"/>"]),
            [only] => element(xml, name, " array='true'", only),
            many => many.iter().for_each(|item| element(xml, name, "", item)),
        },
        _ => {
            xml.extend(["<", name, mark, ">"]);
            match value {
                Value::Object(members) => {
                    members.iter().for_each(|(name, value)| element(xml, name, "", value));
                }
                Value::String(text) => xml.push_str(text),
                other => xml.push_str(&other.to_string()),
            }
            xml.extend(["</", name, ">"]);
        }
    }
}

fn bodies(request: &Request) -> (String, String) {
    let (mut json, mut xml) = (Vec::new(), String::new());
    for rec in &request.records {
        let members = members(&render::record(rec, Scalars::Typed));
        let texts = members.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str())));
        json.push(format!("{{{}}}", texts.collect::<Vec<_>>().join(",")));
        xml.push_str("<data>");
        for (name, value) in &members {
            element(&mut xml, name, "", value);
        }
        xml.push_str("</data>");
    }
    (format!("{{\"data\":[{}]}}", json.join(",")), format!("<xml>{xml}</xml>"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_formats_make_the_same_plan(requests in vec(request(), 1..4)) {
        let catalog = catalog(true);
        let mut both = [Tables::default(), Tables::default()];
        for (job, request) in (0..).zip(&requests) {
            let header = request.header(job);
            let (json, xml) = bodies(request);
            let mut outcomes = Vec::new();
            for (tables, (format, body)) in both.iter_mut().zip([(Format::Json, &json), (Format::Xml, &xml)]) {
                let envelope = read(format, body.as_bytes(), &Limits::default()).unwrap();
                let data = envelope.data.unwrap();
                let records: Vec<&RawValue> = data.iter().map(AsRef::as_ref).collect();
                outcomes.push(tables.apply(&catalog, &header, 0, &records));
            }
            prop_assert_eq!(&outcomes[0], &outcomes[1], "{}\n{}", json, xml);
        }
        let [json, xml] = both;
        prop_assert_eq!(json.profiles, xml.profiles);
        prop_assert_eq!(json.identities, xml.identities);
    }
}
