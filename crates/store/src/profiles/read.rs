//! Profiles read for people.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Integer, Jsonb, Timestamptz, Uuid as UuidType};
use intake_types::{DatabaseId, Key, Lookup, MatchValues, Profile, ProfileId};
use serde_json::Value;
use uuid::Uuid;

use super::find::MOST_HOLDERS;
use super::{find, lock};
use crate::columns::Uuids;
use crate::prepared::prepared;
use crate::{Error, Store};

/// A profile with the times that only the database knows.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredProfile {
    /// The profile.
    pub profile: Profile,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When anything of it last changed.
    pub updated_at: DateTime<Utc>,
}

// One index probe per id, in the order of the array; see `find`.
const PROFILES: &str = "\
    SELECT p.* FROM unnest($2) AS u (id) \
    CROSS JOIN LATERAL ( \
        SELECT id, fields, created_at, updated_at FROM profiles WHERE db_id = $1 AND id = u.id OFFSET 0 \
    ) AS p";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = UuidType)]
    id: Uuid,
    #[diesel(sql_type = Jsonb)]
    fields: Value,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    updated_at: DateTime<Utc>,
}

impl Store {
    /// The profiles that a question means, oldest first. Of a value that very many share, some.
    pub async fn profiles(&self, db_id: DatabaseId, lookup: Lookup) -> Result<Vec<StoredProfile>, Error> {
        self.run(move |connection| {
            // Three statements, one snapshot: a profile is never shown half changed.
            connection
                .build_transaction()
                .read_only()
                .repeatable_read()
                .run(|connection| read(connection, db_id, &lookup))
        })
        .await
    }
}

fn ids(connection: &mut PgConnection, db_id: DatabaseId, lookup: &Lookup) -> Result<BTreeSet<Uuid>, Error> {
    let holders = match &lookup.values {
        MatchValues::Id(id) => return Ok(BTreeSet::from([id.0])),
        MatchValues::AllOf(combination) => find::together(connection, db_id, combination, MOST_HOLDERS)?,
        MatchValues::FirstOf(lists) => {
            let keys: Vec<Key> = lists.iter().flatten().cloned().collect();
            find::holders(connection, db_id, &keys, &lookup.places, MOST_HOLDERS)?
        }
    };
    Ok(holders.iter().map(|holder| holder.profile_id.0).collect())
}

fn read(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    lookup: &Lookup,
) -> Result<Vec<StoredProfile>, Error> {
    let ids: Vec<Uuid> = ids(connection, db_id, lookup)?.into_iter().collect();
    let rows: Vec<Row> =
        prepared(PROFILES).bind::<Integer, _>(db_id.0).bind::<Uuids, _>(&ids).load(connection)?;
    let mut subscriptions = lock::subscriptions(connection, db_id, &ids)?;
    let stored = |row: Row| {
        let mut subscriptions = subscriptions.remove(&row.id).unwrap_or_default();
        subscriptions.sort_by(|left, right| {
            (left.resource_id, &left.channel, left.contact.address()).cmp(&(
                right.resource_id,
                &right.channel,
                right.contact.address(),
            ))
        });
        Ok(StoredProfile {
            profile: Profile {
                fields: lock::object(row.fields)?.into(),
                subscriptions,
                ..Profile::empty(ProfileId(row.id))
            },
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    };
    rows.into_iter().map(stored).collect()
}
