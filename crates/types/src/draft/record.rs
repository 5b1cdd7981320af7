//! One record's JSON text to its members, within the bounds of the wire.

use serde_json::Value;

use crate::wire::Limits;
use crate::wire::json;
use crate::wire::value::{self, Fault, Unfit};
use crate::{Code, Failure};

/// The members of a record in the order sent.
pub(super) fn members(text: &str) -> Result<Vec<(String, Value)>, Failure> {
    if !text.starts_with('{') {
        let text = format!("a record is an object, not {}", json::kind(text));
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
}
