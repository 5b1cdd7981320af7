//! What the database has of people.

use std::collections::BTreeMap;

use intake_store::testing::TestDatabase;
use intake_types::ProfileId;
use serde_json::{Map, Value};

/// A profile as it is stored, and as it should be.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Person {
    pub(crate) fields: Map<String, Value>,
    /// What is held of subscriptions, by resource, channel and address.
    pub(crate) subscriptions: BTreeMap<String, Value>,
    /// What it can be found by: kind, value, sources.
    pub(crate) identities: Vec<String>,
}

impl Person {
    /// The number of the person that it is.
    pub(crate) fn member(&self) -> Option<u16> {
        self.fields.get("member")?.as_u64().and_then(|member| u16::try_from(member).ok())
    }

    /// All that it holds, each under its name.
    pub(crate) fn cells(&self) -> BTreeMap<String, Value> {
        let fields = self.fields.iter().map(|(name, value)| (name.clone(), value.clone()));
        let subscriptions = self.subscriptions.iter().flat_map(|(contact, held)| {
            let members = held.as_object().into_iter().flatten();
            members.map(move |(name, value)| (format!("{contact} {name}"), value.clone()))
        });
        let identities = ("identities".to_owned(), Value::from(self.identities.clone()));
        fields.chain(subscriptions).chain([identities]).collect()
    }
}

/// The profiles of an account's database.
pub(crate) fn read(database: &TestDatabase, account: usize) -> BTreeMap<ProfileId, Person> {
    let query = format!(
        "SELECT jsonb_build_object('id', p.id, 'fields', p.fields, \
         'subscriptions', (SELECT coalesce(jsonb_object_agg(concat_ws(' ', resource_id, channel, address), \
             custom_fields || jsonb_build_object('status', status, 'priority', priority, \
             'cats', (SELECT jsonb_agg(cat ORDER BY cat) FROM unnest(cats) AS c (cat)))), '{{}}') \
             FROM subscriptions s WHERE s.db_id = p.db_id AND s.profile_id = p.id), \
         'identities', (SELECT coalesce(jsonb_agg(concat_ws(' ', kind, value, sources) ORDER BY kind, value), '[]') \
             FROM identities i WHERE i.db_id = p.db_id AND i.profile_id = p.id)) \
         FROM profiles p WHERE p.db_id = {}",
        account + 1
    );
    let profiles = database.texts(&query).into_iter().map(|row| {
        let row: Value = serde_json::from_str(&row).expect("PostgreSQL writes JSON");
        let held = |name: &str| row[name].as_object().cloned().unwrap_or_default();
        let identities = row["identities"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let person = Person {
            fields: held("fields"),
            subscriptions: held("subscriptions").into_iter().collect(),
            identities: identities.map(str::to_owned).collect(),
        };
        (serde_json::from_value(row["id"].clone()).expect("it has an id"), person)
    });
    profiles.collect()
}
