//! A JSON body to an [`Envelope`]: parameters are read, records are only delimited.
//!
//! One pass. `serde_json` skips over a record without building it, iteratively, so its depth costs no stack; what is
//! in it is the matter of whoever reads the record. A parameter that is there twice is refused, since no answer to
//! "which one counts" would be safe. A byte order mark is skipped.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::parameter::{Parameters, sent_twice, without_place};
use super::position::{brief, number, unreadable};
use super::value::{First, FirstKey};
use super::{Format, Limits, Node};
use crate::{Envelope, Refusal};

pub(super) fn read<'a>(text: &'a str, limits: &Limits) -> Result<Envelope<'a>, Refusal> {
    if text.trim().is_empty() {
        return Err(unreadable(Format::Json, "", 0, "the body is empty"));
    }
    let mut refusal = None;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let body = Body { limits, refusal: &mut refusal };
    let envelope =
        deserializer.deserialize_map(body).and_then(|envelope| deserializer.end().map(|()| envelope));
    envelope.map_err(|error| refusal.unwrap_or_else(|| misread(&error, text)))
}

fn misread(error: &serde_json::Error, text: &str) -> Refusal {
    let problem = if error.is_data() {
        format!("an object is expected at the top level, got {}", kind(text.trim_start()))
    } else {
        without_place(&error.to_string()).to_owned()
    };
    Refusal::Unreadable {
        format: Format::Json.name(),
        problem: brief(problem),
        line: number(error.line()).max(1),
        column: number(error.column()).max(1),
    }
}

/// What the text of a JSON value holds.
pub(crate) fn kind(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'[') => "an array",
        Some(b'{') => "an object",
        Some(b'"') => "text",
        Some(b'n') => "null",
        Some(b't' | b'f') => "a boolean",
        _ => "a number",
    }
}

/// The top level. Refusals that are no syntax errors leave through `refusal`, past `serde_json`.
struct Body<'l> {
    limits: &'l Limits,
    refusal: &'l mut Option<Refusal>,
}

fn abandon<E: de::Error>(place: &mut Option<Refusal>, refusal: Refusal) -> E {
    *place = Some(refusal);
    E::custom("refused")
}

impl<'de> Visitor<'de> for Body<'_> {
    type Value = Envelope<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object at the top level")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut parameters = Parameters::default();
        let mut data = None;
        while let Some(name) = members.next_key::<String>()? {
            if name == "data" {
                if data.is_some() {
                    return Err(abandon(self.refusal, sent_twice("data")));
                }
                data = Some(
                    members.next_value_seed(Records { limits: self.limits, refusal: &mut *self.refusal })?,
                );
                continue;
            }
            parameters.check_name(&name).map_err(|refusal| abandon(self.refusal, refusal))?;
            let text: &RawValue = members.next_value()?;
            let added = parameters.add(name, text.get(), self.limits);
            added.map_err(|refusal| abandon(self.refusal, refusal))?;
        }
        Ok(Envelope { parameters: parameters.into_inner(), data })
    }
}

/// The value of `data`.
struct Records<'l> {
    limits: &'l Limits,
    refusal: &'l mut Option<Refusal>,
}

impl Records<'_> {
    fn no_array<E: de::Error>(self, kind: &str) -> E {
        let problem = format!("must be an array of records, got {kind}");
        abandon(self.refusal, Refusal::parameter("data", problem))
    }
}

impl<'de> DeserializeSeed<'de> for Records<'_> {
    type Value = Vec<Cow<'de, RawValue>>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Records<'_> {
    type Value = Vec<Cow<'de, RawValue>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut records = Vec::new();
        while records.len() < self.limits.records {
            match items.next_element::<&RawValue>()? {
                Some(record) => records.push(Cow::Borrowed(record)),
                None => return Ok(records),
            }
        }
        let mut sent = records.len();
        while items.next_element::<IgnoredAny>()?.is_some() {
            sent += 1;
        }
        if sent == records.len() {
            return Ok(records);
        }
        let (sent, limit) = (number(sent), number(self.limits.records));
        Err(abandon(self.refusal, Refusal::TooLarge { what: "records", sent, limit }))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let first = members.next_key_seed(FirstKey)?;
        Err(self.no_array(if matches!(first, Some(First::OfNumber)) { "a number" } else { "an object" }))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Err(self.no_array("a number"))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Err(self.no_array("a number"))
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
        Err(self.no_array("text"))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Err(self.no_array("a boolean"))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Err(self.no_array("null"))
    }
}

/// Writes a response body.
pub(super) fn write(node: &Node) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "writing to memory cannot fail, and all keys are text")]
    serde_json::to_vec(node).expect("a node is writable")
}
