//! One record's JSON text to its members, within the depth limit and without losing a repeated name.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;

use crate::wire::{Limits, nesting};
use crate::{Code, Failure};

/// The members of a record in the order sent.
pub(super) fn members(text: &str) -> Result<Vec<(String, Value)>, Failure> {
    if !text.starts_with('{') {
        return Err(whole(Code::NotAnObject, format!("a record is an object, not {}", what_is(text))));
    }
    within_depth(nesting(text))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let members: Vec<(String, Value)> = reader.deserialize_map(Members).map_err(|error| {
        whole(Code::InvalidType, format!("a text in the record is not valid Unicode: {error}"))
    })?;
    // Again, since `serde_json` unpacks text that is the value of one of its private keys.
    for (_, value) in members.iter().filter(|(_, value)| value.is_object() || value.is_array()) {
        within_depth(nesting(&value.to_string()) + 1)?;
    }
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if let Some(name) = names.windows(2).find_map(|pair| match pair {
        [left, right] if left == right => Some(*left),
        _ => None,
    }) {
        return Err(Failure {
            code: Code::InvalidType,
            field: Some(name.to_owned()),
            text: "sent more than once in one record; send it once".to_owned(),
        });
    }
    Ok(members)
}

fn whole(code: Code, text: String) -> Failure {
    Failure { code, field: None, text }
}

fn within_depth(levels: usize) -> Result<(), Failure> {
    if levels > Limits::RECORD_DEPTH {
        return Err(whole(Code::TooDeep, format!("nested deeper than {} levels", Limits::RECORD_DEPTH)));
    }
    Ok(())
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

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, Value)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(map.size_hint().unwrap_or(16));
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
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
        assert_eq!(members(r#"{"a":1,"b":2,"a":3}"#).unwrap_err().field.as_deref(), Some("a"));
    }

    #[test]
    fn depth_counts_brackets_outside_texts() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(members(&nested(Limits::RECORD_DEPTH - 1)).is_ok());
        assert_eq!(code(&nested(Limits::RECORD_DEPTH)), Code::TooDeep);
        assert_eq!(code(&nested(1_000_000)), Code::TooDeep);
        let hidden = nested(Limits::RECORD_DEPTH).replace('"', "\\\"");
        let hidden = format!(r#"{{"a":{{"$serde_json::private::RawValue":"{hidden}"}}}}"#);
        assert_eq!(code(&hidden), Code::TooDeep);
        assert!(members(&format!(r#"{{"a":"\"{}\\"}}"#, "[".repeat(100))).is_ok());
    }
}
