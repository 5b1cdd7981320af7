//! A profile as it is stored: its fields and its subscriptions.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::catalog::Database;
use crate::{Carried, Log, ProfileId, Source, Subscription};

/// One person of one database.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Its id; the smaller of two is the older.
    pub id: ProfileId,
    /// Values by field name, each in the form that its [`crate::FieldType`] stores. Shared with the profile as it was, until
    /// one of them changes.
    pub fields: Arc<Map<String, Value>>,
    /// Its subscriptions, in no particular order; at most one per resource, channel and contact. Each is shared like the fields.
    pub subscriptions: Vec<Arc<Subscription>>,
    /// Who wrote what of all that.
    pub log: Log,
}

impl Profile {
    /// A profile with nothing in it yet.
    pub fn empty(id: ProfileId) -> Self {
        Self { id, fields: Arc::default(), subscriptions: Vec::new(), log: Log::default() }
    }

    /// Whether both hold the same, whoever wrote it.
    pub fn holds_same(&self, other: &Self) -> bool {
        self.fields == other.fields && self.subscriptions == other.subscriptions
    }

    /// Every value that the profile can be found by, and where it carries it.
    pub fn identities(&self, database: &Database) -> Carried {
        let mut identities = Carried::new();
        let system = Database::CAN_BE_UNIQUE.iter().filter_map(|name| database.field(name));
        for field in system.chain(database.matchable_fields()) {
            for key in
                self.fields.get(&field.name).map(|value| field.identity_keys(value)).unwrap_or_default()
            {
                identities.entry(key).or_default().insert(Source::Profile);
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
