//! A profile as it is stored: its fields and its subscriptions.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::catalog::Database;
use crate::{Key, Kind, ProfileId, Source, Sources, Subscription};

/// One person of one database.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Its id; the smaller of two is the older.
    pub id: ProfileId,
    /// Values by field name, each in the form that its [`crate::FieldType`] stores.
    pub fields: Map<String, Value>,
    /// Its subscriptions, in no particular order; at most one per resource, channel and contact.
    pub subscriptions: Vec<Subscription>,
}

impl Profile {
    /// A profile with nothing in it yet.
    pub fn empty(id: ProfileId) -> Self {
        Self { id, fields: Map::new(), subscriptions: Vec::new() }
    }

    /// Every value that the profile can be found by, and where it carries it.
    pub fn identities(&self, database: &Database) -> BTreeMap<Key, Sources> {
        let mut identities: BTreeMap<Key, Sources> = BTreeMap::new();
        let mut add = |kind: Kind, value: &str, source: Source| {
            identities.entry(Key::new(kind, value)).or_default().insert(source);
        };
        if let Some(Value::String(email)) = self.fields.get("email") {
            add(Kind::EMAIL, email, Source::Profile);
        }
        if let Some(Value::Array(phones)) = self.fields.get("phones") {
            phones
                .iter()
                .filter_map(Value::as_str)
                .for_each(|phone| add(Kind::PHONE, phone, Source::Profile));
        }
        for field in database.matchable_fields() {
            if let Some(value) = self.fields.get(&field.name) {
                for text in field.key_texts(value) {
                    add(Kind::custom(field.number), &text, Source::Profile);
                }
            }
        }
        for subscription in &self.subscriptions {
            let source = Source::Resource(subscription.resource_id);
            for key in subscription.contact.keys() {
                identities.entry(key).or_default().insert(source);
            }
        }
        identities
    }
}
