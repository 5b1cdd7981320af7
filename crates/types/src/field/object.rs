//! Objects and arrays of objects: stored as sent, once every text and every number in them is known to be storable.

use serde_json::{Map, Value};

use super::{Problem, number, text};
use crate::{Code, shortened};

pub(super) fn check(value: &Value) -> Result<Value, Problem> {
    match value {
        Value::Object(members) => check_members(members),
        _ => Err(Problem::unfit(Code::InvalidType, value, "an object")),
    }
}

pub(super) fn check_array(value: &Value) -> Result<Value, Problem> {
    match value {
        Value::Array(items) => check_items(items, check),
        _ => Err(Problem::unfit(Code::InvalidType, value, "an array of objects")),
    }
}

fn check_any(value: &Value) -> Result<Value, Problem> {
    match value {
        Value::Null | Value::Bool(_) => Ok(value.clone()),
        Value::Number(any) => number::check_any(any),
        Value::String(any) => text::storable(any).map(|()| value.clone()),
        Value::Array(items) => check_items(items, check_any),
        Value::Object(members) => check_members(members),
    }
}

fn check_items(items: &[Value], check: fn(&Value) -> Result<Value, Problem>) -> Result<Value, Problem> {
    items.iter().enumerate().map(|(at, item)| check(item).map_err(|p| p.below(&format!("[{at}]")))).collect()
}

fn check_members(members: &Map<String, Value>) -> Result<Value, Problem> {
    let mut checked = Map::new();
    for (key, member) in members {
        // Named by the object around it: a path with such a character could not be stored either.
        text::storable(key)?;
        let member = check_any(member).map_err(|p| p.below(&format!(".{}", shortened(key))))?;
        checked.insert(key.clone(), member);
    }
    Ok(Value::Object(checked))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_stored_as_sent() {
        let sent = json!({"a": {"b": [1, "x", null, true, {"c": ""}]}, "": 0.50});
        assert_eq!(check(&sent), Ok(sent.clone()));
        assert_eq!(check_array(&json!([sent, {}])), Ok(json!([sent, {}])));
        assert_eq!(check_array(&json!([])), Ok(json!([])));
    }

    #[test]
    fn numbers_inside_are_written_out_or_refused() {
        let sent: Value = serde_json::from_str(r#"{"a": [1e2, -0.0]}"#).unwrap();
        assert_eq!(check(&sent).unwrap().to_string(), r#"{"a":[100,0.0]}"#);
        let sent: Value = serde_json::from_str(r#"{"a": {"b": [0, 1e99999]}}"#).unwrap();
        let problem = check(&sent).unwrap_err();
        assert_eq!((problem.code, problem.path.as_str()), (Code::OutOfRange, ".a.b[1]"));
    }

    #[test]
    fn zero_characters_are_found_everywhere() {
        let problem = check(&json!({"a": ["x", {"b": "\0"}]})).unwrap_err();
        assert_eq!((problem.code, problem.path.as_str()), (Code::InvalidType, ".a[1].b"));
        let problem = check(&json!({"a": {"b\0": 1}})).unwrap_err();
        assert_eq!((problem.code, problem.path.as_str()), (Code::InvalidType, ".a"));
    }

    #[test]
    fn other_shapes_are_refused() {
        for value in [json!("{}"), json!(1), json!([])] {
            assert_eq!(check(&value).unwrap_err().code, Code::InvalidType);
        }
        assert!(check_array(&json!({})).is_err());
        assert_eq!(check_array(&json!([{}, 1])).unwrap_err().path, "[1]");
    }
}
