//! The texts that a stored value of a matchable field is found by: equal texts, and only those, are equal values.

use serde_json::Value;

use super::{Field, FieldType, date};
use crate::{Key, Kind};

impl Field {
    /// The keys that a profile is found by when it stores this value.
    pub(crate) fn identity_keys(&self, stored: &Value) -> Vec<Key> {
        let texts = |kind: Kind, texts: &mut dyn Iterator<Item = &str>| {
            texts.map(|text| Key::new(kind, text)).collect()
        };
        match &self.field_type {
            FieldType::Email => texts(Kind::EMAIL, &mut stored.as_str().into_iter()),
            FieldType::Phones => {
                texts(Kind::PHONE, &mut stored.as_array().into_iter().flatten().filter_map(Value::as_str))
            }
            _ => texts(Kind::custom(self.number), &mut self.key_texts(stored).iter().map(String::as_str)),
        }
    }

    /// The normalised texts by which a stored value is found: one per tag, one for any other value that can be matched
    /// by. A blank text identifies nobody and has none, and neither has an object.
    pub fn key_texts(&self, stored: &Value) -> Vec<String> {
        match &self.field_type {
            FieldType::Tags => {
                stored.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            other => key_text(other, stored).into_iter().collect(),
        }
    }
}

fn key_text(field_type: &FieldType, stored: &Value) -> Option<String> {
    match (field_type, stored) {
        (FieldType::Int, Value::Number(number)) => Some(number.to_string()),
        (FieldType::Float, Value::Number(number)) => Some(shortest(number.as_str()).to_owned()),
        (FieldType::Bool, Value::Bool(truth)) => Some(truth.to_string()),
        (FieldType::Date, Value::String(text)) => date::key_text(text),
        (FieldType::String | FieldType::Enum(_) | FieldType::Ip, Value::String(text)) => {
            (!text.trim().is_empty()).then(|| text.clone())
        }
        _ => None,
    }
}

/// A plain decimal without the trailing zeros of its fraction: 1, 1.0 and 1.00 are one value.
fn shortest(plain: &str) -> &str {
    if plain.contains('.') { plain.trim_end_matches('0').trim_end_matches('.') } else { plain }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(field_type: FieldType, sent: &Value) -> Vec<String> {
        let stored = field_type.check(sent, None).unwrap();
        let field = Field { name: "x".to_owned(), number: 1, field_type, matchable: true, unique: false };
        field.key_texts(&stored)
    }

    #[test]
    fn equal_values_have_equal_texts() {
        assert_eq!(texts(FieldType::Int, &json!("77")), texts(FieldType::Int, &json!(77)));
        for number in ["10", "10.0", "1e1", " 10.00 "] {
            assert_eq!(texts(FieldType::Float, &json!(number)), ["10"]);
        }
        assert_eq!(texts(FieldType::Float, &json!("-0.0")), ["0"]);
        assert_eq!(texts(FieldType::Date, &json!("2001-12-31T00:00+03:00")), ["2001-12-30T21:00:00Z"]);
        assert_eq!(texts(FieldType::Ip, &json!("2001:DB8::0")), ["2001:db8::"]);
        assert_eq!(texts(FieldType::Bool, &json!(1)), ["true"]);
        assert_eq!(texts(FieldType::Enum(vec!["a".to_owned(), "b".to_owned()]), &json!(2)), ["b"]);
        assert_eq!(texts(FieldType::Tags, &json!("b, a")), ["b", "a"]);
        assert_eq!(texts(FieldType::String, &json!(" A ")), [" A "]);
    }

    #[test]
    fn some_values_identify_nobody() {
        assert!(texts(FieldType::String, &json!("")).is_empty());
        assert!(texts(FieldType::String, &json!(" ")).is_empty());
        assert!(texts(FieldType::Tags, &json!("")).is_empty());
        assert!(texts(FieldType::Object, &json!({"a": 1})).is_empty());
        assert!(texts(FieldType::Sex, &json!(1)).is_empty());
    }
}
