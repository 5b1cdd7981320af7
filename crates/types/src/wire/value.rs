//! JSON text to values: within bounds, and without changing what a client meant.
//!
//! `serde_json` by itself keeps the last of two members of one name, and takes an object whose first key is one of its
//! private ones (they carry numbers and raw text between its own parts) for a number or for other JSON. Both would
//! silently store something else than was sent, so both are refused here, at any depth, as is a text nested too deep or
//! of too many values: a value costs many times the bytes of its text.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::Limits;
use super::parameter::without_place;
use crate::envelope::shortened;

/// How the private keys of `serde_json` begin, which no client's key may.
const PRIVATE: &str = "$serde_json::private::";

/// Why a text is no value, and where: `path` is as in `address.lines[0]`, empty for the text as a whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) path: String,
    pub(crate) fault: Fault,
}

/// What is wrong with a text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
    #[error("more than {} values", Limits::VALUES)]
    TooMany,
    #[error("sent more than once; send it once")]
    Repeated,
    #[error("a name cannot begin with `{PRIVATE}`")]
    Reserved,
    #[error("not readable: {0}")]
    Unreadable(String),
}

/// Reads a value with at most `depth` levels of objects and arrays.
pub(crate) fn value(text: &str, depth: usize) -> Result<Value, Unfit> {
    read(text, depth, |mut reader, place| Item { place, level: 1 }.deserialize(&mut reader))
}

/// Reads an object, itself the first of at most `depth` levels, to its members in the order sent.
pub(crate) fn members(text: &str, depth: usize) -> Result<Vec<(String, Value)>, Unfit> {
    let members = read(text, depth, |mut reader, place| reader.deserialize_map(Members { place }))?;
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some(pair) => {
            let name = pair.first().copied().unwrap_or_default();
            Err(Unfit { path: shortened(name).into_owned(), fault: Fault::Repeated })
        }
        None => Ok(members),
    }
}

type Reader<'t> = serde_json::Deserializer<serde_json::de::StrRead<'t>>;

fn read<'t, T>(
    text: &'t str,
    depth: usize,
    read: impl FnOnce(Reader<'t>, &mut Place) -> Result<T, serde_json::Error>,
) -> Result<T, Unfit> {
    let mut place = Place { depth, left: Limits::VALUES, path: String::new(), fault: None };
    read(serde_json::Deserializer::from_str(text), &mut place).map_err(|error| {
        let unreadable = || Fault::Unreadable(without_place(&error.to_string()).to_owned());
        let path = place.path.strip_prefix('.').unwrap_or(&place.path).to_owned();
        Unfit { path, fault: place.fault.take().unwrap_or_else(unreadable) }
    })
}

/// What is left of the bounds and, once something is wrong, what and where.
struct Place {
    depth: usize,
    left: usize,
    path: String,
    fault: Option<Fault>,
}

impl Place {
    fn refuse<E: de::Error>(&mut self, fault: Fault) -> E {
        self.fault = Some(fault);
        E::custom("refused")
    }

    fn refuse_at<E: de::Error>(&mut self, name: &str, fault: Fault) -> E {
        self.below(&format!(".{}", shortened(name)));
        self.refuse(fault)
    }

    /// Takes note, on the way out, that what is wrong is below this segment.
    fn below(&mut self, segment: &str) {
        self.path.insert_str(0, segment);
    }

    fn count<E: de::Error>(&mut self) -> Result<(), E> {
        self.left = self.left.checked_sub(1).ok_or_else(|| self.refuse(Fault::TooMany))?;
        Ok(())
    }

    fn enter<E: de::Error>(&mut self, level: usize) -> Result<(), E> {
        if level > self.depth { Err(self.refuse(Fault::TooDeep(self.depth))) } else { Ok(()) }
    }

    /// The value of a member, whose name was read last.
    fn member<'de, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        members: &mut A,
        level: usize,
    ) -> Result<Value, A::Error> {
        if name.starts_with(PRIVATE) {
            return Err(self.refuse_at(name, Fault::Reserved));
        }
        let value = members.next_value_seed(Item { place: &mut *self, level });
        value.inspect_err(|_| self.below(&format!(".{}", shortened(name))))
    }
}

/// The members of the outermost object.
struct Members<'p> {
    place: &'p mut Place,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Vec<(String, Value)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(16);
        while let Some(name) = map.next_key::<String>()? {
            let value = self.place.member(&name, &mut map, 2)?;
            members.push((name, value));
        }
        Ok(members)
    }
}

/// A value; the objects and arrays that it may be are at `level`.
struct Item<'p> {
    place: &'p mut Place,
    level: usize,
}

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.place.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Item<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.place.enter(self.level)?;
        let mut array = Vec::new();
        loop {
            let item = Item { place: &mut *self.place, level: self.level + 1 };
            match items.next_element_seed(item) {
                Ok(Some(item)) => array.push(item),
                Ok(None) => return Ok(Value::Array(array)),
                Err(error) => {
                    self.place.below(&format!("[{}]", array.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut next = match members.next_key_seed(FirstKey)? {
            Some(First::OfNumber) => {
                let digits: String = members.next_value()?;
                return digits.parse::<Number>().map(Value::Number).map_err(de::Error::custom);
            }
            Some(First::Name(name)) => Some(name),
            None => None,
        };
        self.place.enter(self.level)?;
        let mut object = Map::new();
        while let Some(name) = next {
            let value = self.place.member(&name, &mut members, self.level + 1)?;
            if object.contains_key(&name) {
                return Err(self.place.refuse_at(&name, Fault::Repeated));
            }
            object.insert(name, value);
            next = members.next_key()?;
        }
        Ok(Value::Object(object))
    }
}

/// What the first key of a map says.
pub(super) enum First {
    /// The map is no object, but a number that is no 64-bit int: so `serde_json` hands it over under
    /// `arbitrary_precision`.
    OfNumber,
    /// The name of an object's first member.
    Name(String),
}

/// Tells the map that is a number from an object with the same key: asked for an optional key, an object answers that
/// there is one, to be read as whatever is wanted, and a number answers with its key. The tests below would show a
/// version of `serde_json` that does otherwise.
pub(super) struct FirstKey;

impl<'de> DeserializeSeed<'de> for FirstKey {
    type Value = First;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<First, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for FirstKey {
    type Value = First;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<First, D::Error> {
        de::Deserialize::deserialize(deserializer).map(First::Name)
    }

    fn visit_str<E>(self, _key: &str) -> Result<First, E> {
        Ok(First::OfNumber)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const KEYS: [&str; 4] = [
        "$serde_json::private::Number",
        "$serde_json::private::RawValue",
        r"\u0024serde_json::private::Number",
        r"$serde_json::\u0070rivate::RawValue",
    ];

    fn unfit(text: &str) -> (String, Fault) {
        let Unfit { path, fault } = value(text, 32).unwrap_err();
        (path, fault)
    }

    #[test]
    fn numbers_keep_their_digits() {
        for text in ["0", "-0", "1.50", "1e400", "123456789012345678901234567890", "-1.5E-7", "1E+2"] {
            // Written out again a number is as it was sent, but for the case and sign of its exponent.
            let sent: Value = serde_json::from_str(text).unwrap();
            assert_eq!(value(text, 0), Ok(sent.clone()), "{text}");
            assert_eq!(value(&format!("[{text}]"), 1), Ok(json!([sent])), "{text}");
        }
    }

    #[test]
    fn an_object_is_never_taken_for_something_else() {
        for key in KEYS {
            for content in [r#""12""#, r#""{}""#, "12", "{}", r#""no number""#, "[]"] {
                let (path, fault) = unfit(&format!(r#"{{"a":[1,{{"{key}":{content}}}]}}"#));
                assert!(path.starts_with("a[1].$serde_json::private::"), "{path}");
                assert_eq!(fault, Fault::Reserved, "{key} {content}");
                let text = format!(r#"{{"x":1,"{key}":{content}}}"#);
                assert_eq!(unfit(&text).1, Fault::Reserved, "{text}");
                assert_eq!(members(&text, 32).unwrap_err().fault, Fault::Reserved, "{text}");
            }
        }
        assert_eq!(value(r#"{"$":1,"a":"$serde_json::private::Number"}"#, 1).unwrap()["$"], json!(1));
    }

    #[test]
    fn a_name_that_is_there_twice_is_refused_at_any_depth() {
        assert_eq!(unfit(r#"{"a":1,"a":1}"#), ("a".to_owned(), Fault::Repeated));
        assert_eq!(unfit(r#"[{},{"b":[{"c":1,"\u0063":{}}]}]"#), ("[1].b[0].c".to_owned(), Fault::Repeated));
        let twice = members(r#"{"b":1,"a":1,"b":2}"#, 1).unwrap_err();
        assert_eq!((twice.path.as_str(), twice.fault), ("b", Fault::Repeated));
        assert!(members(r#"{"a":{"a":{"a":1}}}"#, 3).is_ok());
    }

    #[test]
    fn depth_and_count_are_bounded() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(value(&nested(32), 32).is_ok());
        assert_eq!(unfit(&nested(33)), ("[0]".repeat(32), Fault::TooDeep(32)));
        assert_eq!(unfit(&nested(1_000_000)).1, Fault::TooDeep(32));
        assert!(members(&format!(r#"{{"a":{}}}"#, nested(31)), 32).is_ok());
        assert!(members(&format!(r#"{{"a":{}}}"#, nested(32)), 32).is_err());
        let many = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        assert!(value(&many(Limits::VALUES - 1), 1).is_ok());
        assert_eq!(unfit(&many(Limits::VALUES)), (format!("[{}]", Limits::VALUES - 1), Fault::TooMany));
    }

    #[test]
    fn broken_text_is_told_with_its_place() {
        let (path, fault) = unfit(r#"{"a":{"b":["x","\ud800"]}}"#);
        assert_eq!(path, "a.b[1]");
        let told =
            "not readable: half of a surrogate pair, which is no character; send both halves or leave it out";
        assert_eq!(fault.to_string(), told);
        for half in [r"\udc00", r"\ud800\ud800", r"\ud800\n", r"\ud800\u0041"] {
            assert_eq!(
                unfit(&format!("[\"{half}\"]")),
                ("[0]".to_owned(), Fault::Unreadable(told.replace("not readable: ", "")))
            );
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|members| members.into_iter().collect::<Value>()),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_reads_back(sent in values()) {
            prop_assert_eq!(value(&sent.to_string(), 32), Ok(sent));
        }
    }
}
