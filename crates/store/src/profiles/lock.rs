//! Profiles read to be changed: locked in the order of their ids, with their subscriptions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Integer, Jsonb, Nullable, SmallInt, Text, Uuid as UuidType};
use intake_types::{
    Channel, Contact, DatabaseId, PackedLog, Profile, ProfileId, Repeat, ResourceId, Stamp, Subscription,
    SubscriptionStatus,
};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::Error;
use crate::columns::Uuids;
use crate::prepared::prepared;

/// Whether a profile was last written by the record with this imprint, in a request that was accepted before this one.
pub(super) const IS_REPEATED: &str = "coalesce(imprint = u.imprint AND written_by < u.before, false)";

// One index probe per id, in the order of the array; see `find` for why not a join. Of those that are as they are known to be
// the fields are not needed.
fn lock() -> String {
    format!(
        "SELECT p.* FROM (SELECT *, $4 AS before FROM unnest($2, $3) AS u (id, imprint)) AS u \
         CROSS JOIN LATERAL ( \
             SELECT id, {IS_REPEATED} AS is_repeated, CASE WHEN {IS_REPEATED} THEN NULL ELSE fields END AS fields, \
                 written_by, written::text \
             FROM profiles WHERE db_id = $1 AND id = u.id FOR UPDATE \
         ) AS p"
    )
}

// The same without locks.
const READ: &str = "\
    SELECT p.* FROM unnest($2) AS u (id) \
    CROSS JOIN LATERAL ( \
        SELECT id, false AS is_repeated, fields, written_by, written::text \
        FROM profiles WHERE db_id = $1 AND id = u.id OFFSET 0 \
    ) AS p";

// OFFSET 0 keeps the planner from turning the probes into a join.
const SUBSCRIPTIONS: &str = "\
    SELECT s.* FROM unnest($2) AS u (id) \
    CROSS JOIN LATERAL ( \
        SELECT profile_id, resource_id, channel, address, status, priority, custom_fields, cats \
        FROM subscriptions WHERE db_id = $1 AND profile_id = u.id OFFSET 0 \
    ) AS s";

#[derive(QueryableByName)]
struct ProfileColumns {
    #[diesel(sql_type = UuidType)]
    id: Uuid,
    #[diesel(sql_type = Bool)]
    is_repeated: bool,
    /// None of one that is repeated.
    #[diesel(sql_type = Nullable<Jsonb>)]
    fields: Option<Value>,
    #[diesel(sql_type = UuidType)]
    written_by: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    written: Option<String>,
}

#[derive(QueryableByName)]
struct SubscriptionColumns {
    #[diesel(sql_type = UuidType)]
    profile_id: Uuid,
    #[diesel(sql_type = Integer)]
    resource_id: i32,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    address: String,
    #[diesel(sql_type = SmallInt)]
    status: i16,
    #[diesel(sql_type = Nullable<Integer>)]
    priority: Option<i32>,
    #[diesel(sql_type = Jsonb)]
    custom_fields: Value,
    #[diesel(sql_type = Array<Text>)]
    cats: Vec<String>,
}

impl SubscriptionColumns {
    fn read(self) -> Result<Subscription, Error> {
        let channel = Channel::of(&self.channel);
        let contact = Contact::of(&channel, &self.address);
        Ok(Subscription {
            resource_id: ResourceId(self.resource_id),
            channel,
            contact: contact.ok_or(Error::Unreadable("a subscription's address"))?,
            status: SubscriptionStatus::from_number(self.status)
                .ok_or(Error::Unreadable("a subscription's status"))?,
            priority: self.priority,
            custom_fields: object(self.custom_fields)?,
            cats: self.cats.into_iter().collect(),
        })
    }
}

/// The profiles of these ids that exist, locked until the transaction ends; and with them, in the one order, those of repeats,
/// each of which must still be one for a request with the stamp `before`.
pub(crate) fn profiles(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    ids: &BTreeSet<ProfileId>,
    repeats: &mut [Repeat],
    before: Stamp,
) -> Result<Vec<Profile>, Error> {
    let mut wanted: BTreeMap<Uuid, Option<Uuid>> = BTreeMap::new();
    for Repeat { glance, profile_id, .. } in &*repeats {
        let known = wanted.insert(profile_id.0, Some(glance.imprint.0)).flatten();
        if known.is_some_and(|known| known != glance.imprint.0) {
            // Not both can be: somebody has written it between two looks.
            return Err(Error::Contention);
        }
    }
    let repeated = wanted.len();
    // One that another record means as well is read.
    wanted.extend(ids.iter().map(|id| (id.0, None)));
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let (ids, imprints): (Vec<Uuid>, Vec<Option<Uuid>>) = wanted.into_iter().unzip();
    let rows: Vec<ProfileColumns> = prepared(lock())
        .bind::<Integer, _>(db_id.0)
        .bind::<Uuids, _>(&ids)
        .bind::<Array<Nullable<UuidType>>, _>(imprints)
        .bind::<UuidType, _>(before.0)
        .load(connection)?;
    let (same, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.is_repeated);
    if same.len() < repeated {
        return Err(Error::Contention);
    }
    let rests: HashMap<Uuid, Option<String>> = same.into_iter().map(|row| (row.id, row.written)).collect();
    for repeat in repeats {
        repeat.rest = rests.get(&repeat.profile_id.0).cloned().flatten();
    }
    whole(connection, db_id, others)
}

/// The profiles of these ids that exist, as they are at this moment: for a transaction that sees one moment.
pub(crate) fn unlocked(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    ids: &BTreeSet<ProfileId>,
) -> Result<Vec<Profile>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<ProfileColumns> =
        prepared(READ).bind::<Integer, _>(db_id.0).bind::<Uuids, _>(&ids).load(connection)?;
    whole(connection, db_id, rows)
}

/// Profiles with their subscriptions, which change only under the lock of their profile.
fn whole(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    rows: Vec<ProfileColumns>,
) -> Result<Vec<Profile>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut subscriptions = subscriptions(connection, db_id, &ids)?;
    let profile = |row: ProfileColumns| {
        let log = PackedLog { base: Stamp(row.written_by), rest: row.written };
        Ok(Profile {
            id: ProfileId(row.id),
            fields: Arc::new(object(row.fields.unwrap_or_default())?),
            subscriptions: subscriptions.remove(&row.id).unwrap_or_default(),
            log: log.unpack().ok_or(Error::Unreadable("who wrote what of a profile"))?,
        })
    };
    rows.into_iter().map(profile).collect()
}

/// All subscriptions of these profiles.
pub(super) fn subscriptions(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    ids: &[Uuid],
) -> Result<BTreeMap<Uuid, Vec<Arc<Subscription>>>, Error> {
    let rows: Vec<SubscriptionColumns> =
        prepared(SUBSCRIPTIONS).bind::<Integer, _>(db_id.0).bind::<Uuids, _>(ids).load(connection)?;
    let mut subscriptions: BTreeMap<Uuid, Vec<Arc<Subscription>>> = BTreeMap::new();
    for row in rows {
        subscriptions.entry(row.profile_id).or_default().push(Arc::new(row.read()?));
    }
    Ok(subscriptions)
}

pub(super) fn object(value: Value) -> Result<Map<String, Value>, Error> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(Error::Unreadable("a JSON object")),
    }
}
