//! Text: kept exactly as sent. Numbers and booleans are taken as their text, as clients send them for text fields.

use serde_json::Value;

use super::Problem;
use crate::Code;

pub(super) fn check(value: &Value) -> Result<Value, Problem> {
    match value {
        Value::String(text) => storable(text).map(|()| value.clone()),
        Value::Number(number) => Ok(Value::String(number.to_string())),
        Value::Bool(truth) => Ok(Value::String(truth.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(Problem::unfit(Code::InvalidType, value, "a string"))
        }
    }
}

/// Refuses the one character that the database can store neither in `text` nor in `jsonb`.
/// <https://www.postgresql.org/docs/current/datatype-json.html>
pub(super) fn storable(text: &str) -> Result<(), Problem> {
    if text.contains('\0') {
        return Err(Problem::new(Code::InvalidType, "the character U+0000 cannot be stored: leave it out"));
    }
    Ok(())
}

/// The text of a string, without blanks around it, or the digits of a number; `None` for anything else.
pub(crate) fn scalar(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text.trim()),
        Value::Number(number) => Some(number.as_str()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_is_kept_as_sent() {
        for text in ["", " Иван ", "a\nb", "\u{1F600}"] {
            assert_eq!(check(&json!(text)), Ok(json!(text)));
        }
        assert_eq!(check(&json!(190_000)), Ok(json!("190000")));
        assert_eq!(check(&json!(true)), Ok(json!("true")));
    }

    #[test]
    fn zero_characters_and_other_types_are_refused() {
        let problem = check(&json!("a\0b")).unwrap_err();
        assert_eq!(problem.code, Code::InvalidType);
        assert!(problem.text.contains("U+0000"));
        assert_eq!(check(&json!(["a"])).unwrap_err().text, "an array will not do: a string is expected");
        assert_eq!(check(&json!({})).unwrap_err().code, Code::InvalidType);
    }
}
