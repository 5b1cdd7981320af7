//! A JSON body as XML.

use serde_json::{Map, Value};

use super::{ALWAYS_ARRAYS, name};

/// Writes a request; panics where XML cannot say what JSON says.
pub(crate) fn write(body: &Value) -> String {
    let Value::Object(parameters) = body else { panic!("a request is an object, not {body}") };
    format!("<xml>{}</xml>", members(parameters))
}

fn members(object: &Map<String, Value>) -> String {
    object.iter().map(|(key, value)| member(key, value)).collect()
}

fn member(key: &str, value: &Value) -> String {
    let is_always = ALWAYS_ARRAYS.contains(&key);
    let name = name::of_key(key);
    match value {
        Value::Array(items) => match items.as_slice() {
            [] => format!("<{name} array='true'/>"),
            [one] if is_always && !one.is_null() => item(key, &name, "", one),
            [one] => item(key, &name, " array='true'", one),
            _ => items.iter().map(|one| item(key, &name, "", one)).collect(),
        },
        _ if is_always && !value.is_null() => element(&name, " array='false'", value),
        _ => element(&name, "", value),
    }
}

/// One element of an array.
fn item(key: &str, name: &str, mark: &str, value: &Value) -> String {
    match value {
        Value::Array(_) => panic!("an array directly in an array has no form in XML: {value}"),
        Value::String(text) if text.is_empty() && !mark.is_empty() => {
            format!("<{name}{mark}><![CDATA[]]></{name}>")
        }
        // An element of `data` is a record, whatever it lacks.
        Value::Object(members) if members.is_empty() && key == "data" => format!("<{name}/>"),
        _ => element(name, mark, value),
    }
}

fn element(name: &str, mark: &str, value: &Value) -> String {
    let content = match value {
        Value::Null => return format!("<{name}{mark} nil='true'/>"),
        Value::Object(object) if object.is_empty() => return format!("<{name}{mark} object='true'/>"),
        Value::String(text) if text.is_empty() => return format!("<{name}{mark}/>"),
        Value::Object(object) => members(object),
        Value::String(text) => escaped(text),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) => unreachable!("arrays are members"),
    };
    format!("<{name}{mark}>{content}</{name}>")
}

fn escaped(text: &str) -> String {
    let is_sayable = |character: char| !character.is_control() || matches!(character, '\t' | '\n' | '\r');
    assert!(text.chars().all(is_sayable), "a control character has no form in XML: {text:?}");
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "&#13;")
}
