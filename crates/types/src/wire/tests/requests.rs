//! A request in JSON and its XML twin are one request, whatever is in it. The writer of the twin is the test's own: it
//! shares nothing with the one that writes responses, and writes some things in other ways.

use std::fmt::Write as _;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Map;

use super::*;
use crate::catalog::{Catalog, Declaration};
use crate::{Batch, DatabaseId, Header, JobId, JobKey, Operation};

/// How the twin is written where XML has several ways.
#[derive(Debug, Clone, Copy)]
struct Style {
    /// Text as CDATA where it can be.
    cdata: bool,
    /// Blanks and comments between elements.
    airy: bool,
    /// `"` around attributes.
    double: bool,
}

/// The element name of a key: all but plain letters and digits as `_xHHHH_`.
fn name(key: &str) -> String {
    if key.is_empty() {
        return "_x_".to_owned();
    }
    let mut name = String::new();
    for (position, character) in key.chars().enumerate() {
        let is_plain = match character {
            'A'..='Z' | 'a'..='z' => true,
            '_' => !key.contains("_x"),
            '0'..='9' | '-' => position > 0,
            _ => false,
        };
        if is_plain {
            name.push(character);
        } else {
            write!(name, "_x{:06x}_", u32::from(character)).unwrap();
        }
    }
    name
}

fn text(value: &str, style: Style) -> String {
    if style.cdata && !value.contains("]]>") && !value.contains('\r') && !value.is_empty() {
        return format!("<![CDATA[{value}]]>");
    }
    let escaped = |character| match character {
        '<' | '>' | '&' | '\r' | '"' | '\u{85}' => format!("&#x{:X};", u32::from(character)),
        _ => character.to_string(),
    };
    value.chars().map(escaped).collect()
}

/// A member of an object.
fn member(key: &str, value: &Value, style: Style) -> String {
    let is_array = ["data", "subscriptions", "cats", "phones"].contains(&key);
    let mark = |mark: &str| format!(" {mark}={0}true{0}", if style.double { '"' } else { '\'' });
    match value {
        Value::Array(items) => match items.as_slice() {
            [] => format!("<{0}{1}></{0}>", name(key), mark("array")),
            [only] => element(key, only, &mark("array"), style),
            items => items.iter().map(|item| element(key, item, "", style)).collect(),
        },
        Value::Null => element(key, value, "", style),
        _ if is_array => element(key, value, " array='false'", style),
        _ => element(key, value, "", style),
    }
}

fn element(key: &str, value: &Value, marks: &str, style: Style) -> String {
    let name = name(key);
    let air = if style.airy { "\n\t<!-- < -->" } else { "" };
    match value {
        Value::Null => format!("<{name}{marks} nil='true'/>"),
        Value::Object(members) if members.is_empty() => format!("<{name} object='true'{marks}/>"),
        Value::Object(members) => {
            let inner: String =
                members.iter().map(|(key, value)| air.to_owned() + &member(key, value, style)).collect();
            format!("<{name}{marks}>{inner}{air}</{name}>")
        }
        Value::String(value) if value.is_empty() => format!("<{name}{marks}><![CDATA[]]></{name}>"),
        Value::String(value) => format!("<{name}{marks}>{}</{name}>", text(value, style)),
        scalar => format!("<{name}{marks}>{scalar}</{name}>"),
    }
}

fn twin(request: &Map<String, Value>, style: Style) -> String {
    let members: String = request.iter().map(|(key, value)| member(key, value, style)).collect();
    format!("<?xml version='1.0'?><xml>{members}</xml>\n")
}

/// What XML says of a value: scalars are text.
fn untyped(value: &Value) -> Value {
    match value {
        Value::Bool(flag) => Value::from(flag.to_string()),
        Value::Number(number) => Value::from(number.to_string()),
        Value::Array(items) => items.iter().map(untyped).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), untyped(value))).collect()
        }
        Value::Null | Value::String(_) => value.clone(),
    }
}

fn scalars() -> impl Strategy<Value = Value> {
    let number = select(vec!["1.50", "1e400", "-0", "12345678901234567890123", "-1.5E-7"]);
    let number = number.prop_map(|digits| serde_json::from_str(digits).unwrap());
    let text = select(vec!["", " ", "77", "1e400", "true", "null", "a@example.com", "]]>", "&amp;", "<a/>"]);
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        number,
        text.prop_map(Value::from),
        "[ -~\t\n\ré\u{85}\u{2028}\u{1F600}]{0,8}".prop_map(Value::from),
    ]
}

fn keys() -> impl Strategy<Value = String> {
    let known = select(vec![
        "email",
        "phone",
        "phones",
        "_ref",
        "_fname",
        "_sex",
        "Custom_ID",
        "subscriptions",
        "channel",
        "resource_id",
        "cats",
        "custom_fields",
        "email_data",
        "data",
        "item",
        "xml",
        "array",
        "nil",
    ]);
    let odd = select(vec![
        "",
        " ",
        "first name",
        "2fa",
        "_x_",
        "_x0041_",
        "_",
        "__x",
        "a:b",
        "</xml>",
        "ключ",
        "-",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 2 => odd.prop_map(str::to_owned), 1 => "[ -~é]{0,6}"]
}

/// Whatever both formats can say: no array directly in an array.
fn values() -> impl Strategy<Value = Value> {
    scalars().prop_recursive(4, 32, 5, |inner| {
        let items = vec(inner.clone(), 0..4).prop_filter_map("an array in an array", |items| {
            items.iter().all(|item| !item.is_array()).then(|| Value::from(items))
        });
        prop_oneof![items, objects(inner)]
    })
}

fn objects(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    btree_map(keys(), value, 0..6).prop_map(|members| members.into_iter().collect::<Value>())
}

/// A request that can be accepted: each parameter in every way it may be written.
fn requests() -> impl Strategy<Value = Map<String, Value>> {
    let flag = || select(vec![json!(true), json!(false), json!("true"), json!("0"), json!(1), Value::Null]);
    let parameters = (
        select(vec![json!(1), json!("1"), json!(" 1 ")]),
        select(vec![Value::Null, json!("email"), json!(" email_profile "), json!("custom")]),
        (flag(), flag(), flag()),
        select(vec![Value::Null, json!("reject"), json!("ignore")]),
        select(vec![Value::Null, json!("clear"), json!("reject")]),
        select(vec![Value::Null, json!(28), json!("28")]),
        select(vec![Value::Null, json!(""), json!("nightly <1>"), json!("ночь")]),
        select(vec![Value::Null, json!(77), json!("77"), json!(["a", 7]), json!("")]),
    );
    let unknown = btree_map("u[a-z ]{0,4}", values(), 0..3);
    let records = prop_oneof![1 => vec(objects(values()), 1..2), 2 => vec(objects(values()), 2..5)];
    (parameters, unknown, records).prop_map(|(parameters, unknown, records)| {
        let (db_id, matching, (skip, triggers, geo), fields, nulls, resource, external, value) = parameters;
        let mut request: Map<String, Value> = unknown.into_iter().collect();
        let value = if records.len() == 1 { value } else { Value::Null };
        for (name, value) in [
            ("db_id", db_id),
            ("matching", matching),
            ("field_name", json!("Custom_ID")),
            ("field_value", value),
            ("skip_invalid_subscriptions", skip),
            ("skip_triggers", triggers),
            ("detect_geo", geo),
            ("unknown_fields", fields),
            ("nulls", nulls),
            ("resource_id", resource),
            ("external_id", external),
            ("data", Value::from(records)),
        ] {
            request.insert(name.to_owned(), value);
        }
        request
    })
}

fn catalog() -> Catalog {
    let declaration: Declaration = serde_json::from_value(json!({
        "databases": [{"id": 1, "name": "One", "fields": [{"name": "Custom_ID", "type": "int", "matchable": true}]}],
        "resources": [{"id": 28, "name": "News", "databases": [1], "channels": ["email"]}],
        "accounts": [{"name": "demo", "databases": [1]}],
    }))
    .unwrap();
    Catalog::default().declare(&declaration).unwrap().0
}

/// What a worker would be told of a request.
fn header(envelope: Envelope<'_>) -> Header {
    let catalog = catalog();
    let (account, database) = (&catalog.accounts["demo"], &catalog.databases[&DatabaseId(1)]);
    let batch = Batch::check(envelope, Operation::Import, &catalog, account, database).unwrap();
    let key = JobKey::new(b"a key for these tests").unwrap();
    let message = batch.into_message(JobId::mint(1_700_000_000_000_000_000, 1, "demo", &key), "demo");
    let mut header = message.header().clone();
    header.match_values.values_mut().for_each(|value| *value = untyped(value));
    header.warnings.sort_by(|one, other| one.text.cmp(&other.text));
    header
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_request_and_its_twin_are_one(
        request in requests(),
        (cdata, airy, double) in any::<(bool, bool, bool)>(),
        pretty in any::<bool>(),
    ) {
        let xml = twin(&request, Style { cdata, airy, double });
        let json = if pretty { serde_json::to_string_pretty(&request) } else { serde_json::to_string(&request) };
        let json = json.unwrap();
        let from_json = read(Format::Json, json.as_bytes(), &Limits::default()).unwrap();
        let from_xml = read(Format::Xml, xml.as_bytes(), &Limits::default());
        let from_xml = from_xml.unwrap_or_else(|refusal| panic!("{refusal}: {xml}"));
        prop_assert_eq!(value_of(&from_xml), untyped(&value_of(&from_json)), "{}\n{}", json, xml);
        prop_assert_eq!(header(from_xml), header(from_json), "{}\n{}", json, xml);
    }
}
