//! What the client sent, read but not yet checked.
//!
//! Second stage of the flow. The typed look-ups here are the one place that says how loosely a parameter may be
//! written: a boolean or an int also as text (XML has no types), words with blanks around them, an explicit `null` for
//! "not sent".

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::wire::Format;
use crate::{DatabaseId, Refusal};

/// Every parameter that an import may carry, and `data`.
pub(crate) const KNOWN: [&str; 21] = [
    "token",
    "format",
    "db_id",
    "matching",
    "field_name",
    "field_value",
    "email",
    "phone",
    "profile_id",
    "provider",
    "subscription_id",
    "resource_id",
    "skip_invalid_subscriptions",
    "skip_triggers",
    "detect_geo",
    "unknown_fields",
    "nulls",
    "validate_only",
    "external_id",
    "callback_url",
    "data",
];

/// A request body, read: parameters as loose values, records still as the JSON text they came in (or, for XML, were
/// turned into). Untrusted: [`crate::Batch::check`] makes something of it.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// Every top-level member but `data`, in the order sent. From XML all scalars are strings.
    pub parameters: Vec<(String, Value)>,
    /// The records; `None` when there is no `data`. A `data` that is no array is a reading error of the wire.
    pub data: Option<Vec<Cow<'a, RawValue>>>,
}

impl Envelope<'_> {
    /// Unknown parameters that are told of where they are not the body's own, or there is no job; more are of no help.
    pub const MOST_TOLD: usize = 20;

    /// The first parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&Value> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The token in the body, if there is one.
    ///
    /// # Errors
    /// When it is no text. The value is not repeated: it may be a secret all the same.
    pub fn token(&self) -> Result<Option<&str>, Refusal> {
        match self.sent("token") {
            None => Ok(None),
            Some(Value::String(token)) => Ok(Some(token.trim())),
            Some(_) => Err(Refusal::parameter("token", "must be text")),
        }
    }

    /// The format that the body asks the response to be in.
    ///
    /// # Errors
    /// When it is neither of the two.
    pub fn format(&self) -> Result<Option<Format>, Refusal> {
        self.word("format", &[("json", Format::Json), ("xml", Format::Xml)])
    }

    /// The database that the request is for.
    ///
    /// # Errors
    /// When it is missing or no int.
    pub fn database_id(&self) -> Result<DatabaseId, Refusal> {
        match self.int("db_id")? {
            Some(id) => Ok(DatabaseId(id)),
            None => Err(Refusal::parameter("db_id", "required: the id of a database, an int")),
        }
    }

    /// A parameter that is there and not `null`.
    pub(crate) fn sent(&self, name: &str) -> Option<&Value> {
        self.parameter(name).filter(|value| !value.is_null())
    }

    /// A boolean; false when it is not sent.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        let Some(value) = self.sent(name) else { return Ok(false) };
        match scalar(value).as_deref() {
            Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            _ => Err(Refusal::parameter(name, format!("must be true or false, got {}", describe(value)))),
        }
    }

    /// A 32-bit int.
    pub(crate) fn int(&self, name: &str) -> Result<Option<i32>, Refusal> {
        let Some(value) = self.sent(name) else { return Ok(None) };
        let wrong = || {
            let problem =
                format!("must be an int from {} to {}, got {}", i32::MIN, i32::MAX, describe(value));
            Refusal::parameter(name, problem)
        };
        if value.is_boolean() {
            return Err(wrong());
        }
        scalar(value).and_then(|text| text.parse().ok()).map(Some).ok_or_else(wrong)
    }

    /// Text, exactly as sent.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.sent(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(value) => Err(Refusal::parameter(name, format!("must be text, got {}", describe(value)))),
        }
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Refusal> {
        let Some(value) = self.sent(name) else { return Ok(None) };
        let found = value.as_str().and_then(|sent| words.iter().find(|(word, _)| *word == sent.trim()));
        if let Some((_, meaning)) = found {
            return Ok(Some(*meaning));
        }
        let allowed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let problem = format!("{} is not allowed; allowed: {}", describe(value), allowed.join(", "));
        Err(Refusal::parameter(name, problem))
    }
}

/// A scalar as the text that XML would have; blanks around text do not count.
fn scalar(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::String(text) => Some(Cow::Borrowed(text.trim())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A value as a refusal repeats it: short.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => shortened(&number.to_string()).into_owned(),
        Value::String(text) => format!("`{}`", shortened(text)),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// At most the first 40 characters of what was sent, as refusals repeat it.
pub fn shortened(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn envelope(parameters: &Value) -> Envelope<'static> {
        let members = parameters.as_object().unwrap();
        let parameters = members.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Envelope { parameters, data: None }
    }

    #[test]
    fn booleans_and_ints_may_be_text() {
        let sent = envelope(
            &json!({"a": true, "b": "1", "c": 1, "d": " false ", "e": 0, "f": null, "db_id": " 7 "}),
        );
        let flags: Vec<bool> =
            ["a", "b", "c", "d", "e", "f", "g"].map(|name| sent.flag(name).unwrap()).into();
        assert_eq!(flags, [true, true, true, false, false, false, false]);
        assert_eq!(sent.database_id(), Ok(DatabaseId(7)));
        assert_eq!(envelope(&json!({"db_id": 7})).database_id(), Ok(DatabaseId(7)));
    }

    #[test]
    fn a_wrong_value_is_named_and_repeated_in_short() {
        let long = "x".repeat(100);
        let sent = envelope(
            &json!({"flag": "yes", "db_id": 1.5, "word": long, "token": 17, "big": 3_000_000_000_u64}),
        );
        let text = |refusal: Refusal| refusal.to_string();
        assert_eq!(text(sent.flag("flag").unwrap_err()), "flag: must be true or false, got `yes`");
        assert!(text(sent.database_id().unwrap_err()).ends_with("got 1.5"));
        assert!(text(sent.int("big").unwrap_err()).contains("to 2147483647, got 3000000000"));
        assert_eq!(
            text(sent.word("word", &[("json", 1), ("xml", 2)]).unwrap_err()),
            format!("word: `{}…` is not allowed; allowed: json, xml", "x".repeat(40))
        );
        assert_eq!(text(sent.token().unwrap_err()), "token: must be text");
        assert_eq!(text(sent.text("big").unwrap_err()), "big: must be text, got 3000000000");
    }

    #[test]
    fn a_missing_database_is_told() {
        let refusal = envelope(&json!({"db_id": null})).database_id().unwrap_err();
        assert_eq!(refusal.to_string(), "db_id: required: the id of a database, an int");
        assert!(envelope(&json!({"db_id": true})).database_id().is_err());
    }
}
