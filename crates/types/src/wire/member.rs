//! Some members of an object whose others may be unfit: skipped over, they cost neither stack nor memory.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::value::value;

/// The scalar that the text of an object holds under `name`. `None` where it is there twice (neither counts), where it
/// cannot be read itself, and where it is an array or an object.
pub(crate) fn scalar(text: &str, name: &str) -> Option<Value> {
    let [(_, only)] = *named(text, &[name])?.as_slice() else { return None };
    value(only.get(), 0).ok()
}

/// Every member of an object that has one of these names, as it stands there. `None` where it is no object.
pub(crate) fn named<'t, 'n>(text: &'t str, names: &[&'n str]) -> Option<Vec<(&'n str, &'t RawValue)>> {
    serde_json::Deserializer::from_str(text).deserialize_map(Scan { names }).ok()
}

/// The text of an object without its members of this name, the rest as it is. `None` where it is no object.
pub(crate) fn without<'t>(text: &'t str, name: &str) -> Option<Cow<'t, str>> {
    let text = text.trim();
    let mut reader = serde_json::Deserializer::from_str(text);
    let found = reader.deserialize_map(Scan { names: &[name] }).ok().filter(|_| reader.end().is_ok())?;
    let mut rest = Cow::Borrowed(text);
    for (_, member) in found.into_iter().rev() {
        let start = member.get().as_ptr().addr().checked_sub(text.as_ptr().addr())?;
        let before = text.get(..start)?.trim_end().strip_suffix(':')?.trim_end().strip_suffix('"')?;
        // The name holds no quotation mark, however it is written.
        let before = before.get(..before.rfind('"')?)?.trim_end();
        let after = rest.get(start + member.get().len()..)?.trim_start();
        let (before, after) = match after.strip_prefix(',') {
            Some(after) => (before, after.trim_start()),
            None => (before.strip_suffix(',').unwrap_or(before), after),
        };
        rest = Cow::Owned(format!("{before}{after}"));
    }
    Some(rest)
}

/// Every member of one of these names.
struct Scan<'s, 'n> {
    names: &'s [&'n str],
}

impl<'de, 'n> Visitor<'de> for Scan<'_, 'n> {
    type Value = Vec<(&'n str, &'de RawValue)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while let Some(name) = members.next_key_seed(OneOf(self.names))? {
            if let Some(name) = name {
                found.push((name, members.next_value()?));
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Which of these a name is. Read as bytes, for a name may be no Unicode.
struct OneOf<'s, 'n>(&'s [&'n str]);

impl<'de, 'n> DeserializeSeed<'de> for OneOf<'_, 'n> {
    type Value = Option<&'n str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl<'n> Visitor<'_> for OneOf<'_, 'n> {
    type Value = Option<&'n str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Self::Value, E> {
        Ok(self.0.iter().copied().find(|one| one.as_bytes() == name))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::wire::Limits;

    #[test]
    fn what_is_wrong_elsewhere_does_not_matter() {
        let deep = format!(r#"{{"b":{}{},"a":"x"}}"#, "[".repeat(1_000_000), "]".repeat(1_000_000));
        let many = format!(r#"{{"b":[{}],"a":"x"}}"#, vec!["1"; Limits::VALUES + 1].join(","));
        for text in [
            deep.as_str(),
            many.as_str(),
            r#"{"b":1,"b":2,"a":"x"}"#,
            r#"{"b":"\ud800","\udc00":1,"\u0061":"\u0078"}"#,
            r#"{"$serde_json::private::Number":"1","b":{"a":"y"},"a":"x"}"#,
        ] {
            assert_eq!(scalar(text, "a"), Some(json!("x")), "{text:.80}");
        }
    }

    #[test]
    fn members_are_taken_out_and_the_rest_stays_as_it_is() {
        for (text, rest) in [
            (r#" {"b" : 1.50, "c":[1 ,2]} "#, r#"{"b" : 1.50, "c":[1 ,2]}"#),
            (r#"{"a":1}"#, "{}"),
            (r#"{ "a" : {"a":1} , "b" :1}"#, r#"{"b" :1}"#),
            (r#"{"b":1, "a":"}" }"#, r#"{"b":1}"#),
            (r#"{"b":1,"a":"\",","c":2}"#, r#"{"b":1,"c":2}"#),
            (r#"{"a":1,"a":2,"b":{"a":3},"\u0061":[{}]}"#, r#"{"b":{"a":3}}"#),
            (r#"{"\ud800":"\udc00","a":null,"b":1,"b":2}"#, r#"{"\ud800":"\udc00","b":1,"b":2}"#),
        ] {
            assert_eq!(without(text, "a").as_deref(), Some(rest), "{text}");
        }
        for text in ["", "[]", "1", "null", r#""{}""#, r#"{"a":1"#, r#"{"a":1}}"#, "{'a':1}"] {
            assert_eq!(without(text, "a"), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_left_is_what_was_beside(
            members in proptest::collection::vec((0..4_usize, 0..5_usize, 0..3_usize), 0..8),
        ) {
            let names = [r#""a""#, r#""b""#, r#""\u0061""#, r#""a\"""#];
            let values = ["1.50", r#""a,\"}""#, r#"{"a":[1,2]}"#, "null", r#"[{"a":1},"x"]"#];
            let blanks = ["", " ", "\n\t"];
            let text = |members: &[&(usize, usize, usize)]| {
                let member = |(name, value, blank): &(usize, usize, usize)| {
                    let blank = blanks[*blank];
                    format!("{blank}{}{blank}:{blank}{}{blank}", names[*name], values[*value])
                };
                let members: Vec<String> = members.iter().map(|one| member(one)).collect();
                format!("{{{}}}", members.join(","))
            };
            let all: Vec<_> = members.iter().collect();
            let others: Vec<_> = members.iter().filter(|(name, ..)| ![0, 2].contains(name)).collect();
            let bare = |text: &str| text.replace([' ', '\n', '\t'], "");
            let rest = without(&text(&all), "a").map(Cow::into_owned);
            prop_assert_eq!(rest.as_deref().map(bare), Some(bare(&text(&others))));
        }
    }

    #[test]
    fn only_one_scalar_counts() {
        assert_eq!(scalar(r#"{"a":1.50}"#, "a").unwrap().to_string(), "1.50");
        assert_eq!(scalar(r#"{"a":null}"#, "a"), Some(Value::Null));
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":[1]}"#, r#"{"a":{}}"#, r#"{"a":"\ud800"}"#, "{}", "[]", "1"]
        {
            assert_eq!(scalar(text, "a"), None, "{text}");
        }
    }
}
