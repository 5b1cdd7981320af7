//! Rows turned into one array per column, as `unnest` takes them: one bind per column, whatever the number of rows.

use std::collections::BTreeSet;
use std::fmt::{Display, Write as _};

use diesel::sql_types::{Array, Integer, SmallInt, Text, Uuid as UuidType};
use intake_types::{Key, Source, Sources};
use serde::Serialize;
use uuid::Uuid;

use crate::Error;

/// SQL types of the columns, short.
pub(crate) type Ints = Array<Integer>;
pub(crate) type SmallInts = Array<SmallInt>;
pub(crate) type Texts = Array<Text>;
pub(crate) type Uuids = Array<UuidType>;

/// The columns of identity rows.
#[derive(Default)]
pub(crate) struct KeyColumns<'a> {
    pub(crate) kinds: Vec<i16>,
    pub(crate) values: Vec<&'a str>,
    pub(crate) profile_ids: Vec<Uuid>,
    /// Ragged arrays do not unnest, so they go as text.
    pub(crate) sources: Vec<String>,
}

impl<'a> KeyColumns<'a> {
    pub(crate) fn of_keys(keys: impl IntoIterator<Item = &'a Key>) -> Self {
        let mut columns = Self::default();
        for key in keys {
            columns.kinds.push(key.kind.number());
            columns.values.push(&key.value);
        }
        columns
    }

    pub(crate) fn of_rows(rows: impl IntoIterator<Item = &'a intake_types::plan::IdentityRow>) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.kinds.push(row.key.kind.number());
            columns.values.push(&row.key.value);
            columns.profile_ids.push(row.profile_id.0);
            columns.sources.push(sources_literal(&row.sources));
        }
        columns
    }
}

fn sources_literal(sources: &Sources) -> String {
    array_literal(sources.iter().map(Source::number))
}

/// An array in PostgreSQL's own notation, of elements that need no quotes.
pub(crate) fn array_literal(elements: impl Iterator<Item = impl Display>) -> String {
    let mut literal = "{".to_owned();
    for (position, element) in elements.enumerate() {
        let comma = if position > 0 { "," } else { "" };
        let _never_fails = write!(literal, "{comma}{element}");
    }
    literal.push('}');
    literal
}

/// The numbers of sources, as the database stores them.
pub(crate) fn source_numbers(sources: &Sources) -> Vec<i32> {
    sources.iter().map(Source::number).collect()
}

/// Reads stored sources.
pub(crate) fn sources_of(numbers: &[i32]) -> Sources {
    let source = |number: &i32| match number {
        0 => Source::Profile,
        id => Source::Resource(intake_types::ResourceId(*id)),
    };
    numbers.iter().map(source).collect()
}

/// A text array in PostgreSQL's own notation, every element quoted.
pub(crate) fn text_array_literal(texts: &BTreeSet<String>) -> String {
    let quoted: Vec<String> =
        texts.iter().map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))).collect();
    format!("{{{}}}", quoted.join(","))
}

pub(crate) fn json_text(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|_unserialisable| Error::Unstorable("a value has no JSON form"))
}

/// A 1-based position that `WITH ORDINALITY` gave, as an index into what was sent.
pub(crate) fn index(position: i64) -> Option<usize> {
    usize::try_from(position).ok().and_then(|position| position.checked_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn array_elements_are_quoted() {
        let texts = ["a\"b", "c\\d", "", "NULL", "e,f"].map(str::to_owned).into();
        assert_eq!(text_array_literal(&texts), r#"{"","NULL","a\"b","c\\d","e,f"}"#);
    }
}
