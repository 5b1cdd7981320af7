//! Types that XML does not tell: those of answers are known by the names of their members.

use serde_json::Value;

const NUMBERS: [&str; 16] = [
    "attempts",
    "created",
    "db_id",
    "error",
    "eta_seconds",
    "failed",
    "index",
    "last_status",
    "processed",
    "rate_per_second",
    "resource_id",
    "skipped",
    "total",
    "unchanged",
    "updated",
    "warnings",
];
const FLAGS: [&str; 4] = ["cancel_requested", "matchable", "unique", "validate_only"];
/// Written as the vendor does: without a mark when there is one element.
const ARRAYS: [&str; 1] = ["result"];

/// An answer with the types that its JSON form has.
pub(crate) fn typed(answer: Value) -> Value {
    member("", answer)
}

fn member(name: &str, value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let value = members.into_iter().map(|(name, value)| {
                let value = member(&name, value);
                (name, value)
            });
            let value = value.collect();
            if ARRAYS.contains(&name) { Value::Array(vec![value]) } else { value }
        }
        Value::Array(items) => items.into_iter().map(typed).collect(),
        Value::String(text) if NUMBERS.contains(&name) || FLAGS.contains(&name) => {
            let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
            let fits = if FLAGS.contains(&name) { value.is_boolean() } else { value.is_number() };
            assert!(fits, "{name}: `{text}` has the wrong type");
            value
        }
        other => other,
    }
}

/// A value as XML tells it: all scalars are texts.
pub(crate) fn untyped(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::String(_) => value.clone(),
        Value::Bool(_) | Value::Number(_) => Value::String(value.to_string()),
        Value::Array(items) => items.iter().map(untyped).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), untyped(value))).collect()
        }
    }
}
