//! One record's JSON text to its members, within the bounds of the wire.

use serde::Deserialize;
use serde_json::Value;

use crate::wire::Limits;
use crate::wire::value::{self, Fault, Unfit};
use crate::{Code, Failure};

/// The members of a record in the order sent.
pub(super) fn members(text: &str) -> Result<Vec<(String, Value)>, Failure> {
    if !text.starts_with('{') {
        let text = format!("a record is an object, not {}", what_is(text));
        return Err(Failure { code: Code::NotAnObject, field: None, text });
    }
    value::members(text, Limits::RECORD_DEPTH).map_err(|Unfit { path, fault }| Failure {
        code: match fault {
            Fault::TooDeep(_) => Code::TooDeep,
            Fault::TooMany => Code::OutOfRange,
            Fault::Repeated | Fault::Reserved | Fault::Unreadable(_) => Code::InvalidType,
        },
        field: (!path.is_empty()).then_some(path),
        text: fault.to_string(),
    })
}

/// The `_ref` of a record that cannot be read: all that tells whoever sent it which one it was.
pub(super) fn reference_of_unreadable(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "_ref")]
        reference: String,
    }
    // Of an array the first item would be taken for the first member.
    let is_object = text.starts_with('{');
    is_object.then(|| serde_json::from_str::<Named>(text).ok()).flatten().map(|named| named.reference)
}

fn what_is(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b'n') => "null",
        Some(b't' | b'f') => "a boolean",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Code {
        members(text).unwrap_err().code
    }

    #[test]
    fn members_keep_their_order() {
        let names: Vec<String> =
            members(r#"{"b":1,"a":[2]}"#).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["b", "a"]);
    }

    #[test]
    fn what_is_no_record_is_refused() {
        assert_eq!(code("[1]"), Code::NotAnObject);
        assert_eq!(code("null"), Code::NotAnObject);
        assert_eq!(code(r#""text""#), Code::NotAnObject);
        assert_eq!(code(r#"{"a":"\ud800"}"#), Code::InvalidType);
        for (text, field) in [
            (r#"{"a":1,"b":2,"a":3}"#, "a"),
            (r#"{"a":{"b":[{"c":1,"c":1}]}}"#, "a.b[0].c"),
            (r#"{"a":{"$serde_json::private::Number":"1"}}"#, "a.$serde_json::private::Number"),
        ] {
            let failure = members(text).unwrap_err();
            assert_eq!((failure.code, failure.field.as_deref()), (Code::InvalidType, Some(field)));
        }
    }

    #[test]
    fn depth_counts_brackets_outside_texts() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(members(&nested(Limits::RECORD_DEPTH - 1)).is_ok());
        assert_eq!(code(&nested(Limits::RECORD_DEPTH)), Code::TooDeep);
        assert_eq!(code(&nested(1_000_000)), Code::TooDeep);
        assert!(members(&format!(r#"{{"a":"\"{}\\"}}"#, "[".repeat(100))).is_ok());
    }

    #[test]
    fn what_cannot_be_read_can_be_told_apart() {
        let deep = format!(r#"{{"a":{}{},"_ref":"x"}}"#, "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(reference_of_unreadable(&deep).as_deref(), Some("x"));
        assert_eq!(reference_of_unreadable(r#"{"_ref":"x","a":"\ud800"}"#).as_deref(), Some("x"));
        assert_eq!(reference_of_unreadable(r#"{"_ref":"x","_ref":"y"}"#), None);
        assert_eq!(reference_of_unreadable(r#"{"_ref":7}"#), None);
        assert_eq!(reference_of_unreadable(r#"["x"]"#), None);
    }
}
