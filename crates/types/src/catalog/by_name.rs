//! Fields in storage: a list, since each of them knows its name.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serializer};

use crate::Field;

pub(super) fn serialize<S: Serializer>(
    fields: &BTreeMap<String, Field>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(fields.values())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Field>, D::Error> {
    let fields = Vec::<Field>::deserialize(deserializer)?;
    Ok(fields.into_iter().map(|field| (field.name.clone(), field)).collect())
}
