//! A plan's profiles and subscriptions into their tables.
//!
//! Everything that is written here is locked already: new rows through the claim of their match value, known ones through
//! the lock of their profile. JSON is serialised once, goes as text, and is parsed by PostgreSQL alone.

use std::borrow::Cow;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, Integer, Nullable};
use intake_types::plan::{ProfileRow, SubscriptionRow};
use intake_types::{DatabaseId, Plan, ProfileId};
use uuid::Uuid;

use super::columns::{Ints, SmallInts, Texts, Uuids, json_text, text_array_literal};
use super::identities;
use crate::Error;

const INSERT: &str = "\
    INSERT INTO profiles (db_id, id, fields) \
    SELECT $1, u.id, u.fields::jsonb FROM unnest($2, $3) AS u (id, fields) ORDER BY u.id";

// An upsert of rows that are there: it probes the index once per row, where an UPDATE .. FROM may scan the whole
// database as long as the table has no statistics.
const UPDATE: &str = "\
    INSERT INTO profiles (db_id, id, fields) \
    SELECT $1, u.id, u.fields::jsonb FROM unnest($2, $3) AS u (id, fields) ORDER BY u.id \
    ON CONFLICT (db_id, id) DO UPDATE SET fields = excluded.fields, updated_at = now()";

const TOUCH: &str = "\
    UPDATE profiles SET updated_at = now() WHERE db_id = $1 AND ctid = ANY (ARRAY( \
        SELECT p.ctid FROM unnest($2) AS u (id) \
        CROSS JOIN LATERAL (SELECT ctid FROM profiles WHERE db_id = $1 AND id = u.id OFFSET 0) AS p \
    ))";

const SUBSCRIBE: &str = "\
    INSERT INTO subscriptions \
        (db_id, profile_id, resource_id, channel, address, status, priority, custom_fields, cats) \
    SELECT $1, u.profile_id, u.resource_id, u.channel, u.address, u.status, u.priority, \
        u.custom_fields::jsonb, u.cats::text[] \
    FROM unnest($2, $3, $4, $5, $6, $7, $8, $9) \
        AS u (profile_id, resource_id, channel, address, status, priority, custom_fields, cats) \
    ORDER BY u.profile_id, u.resource_id, u.channel COLLATE \"C\", u.address COLLATE \"C\"";

const ON_CHANGE: &str = " \
    ON CONFLICT (db_id, profile_id, resource_id, channel, address) DO UPDATE SET \
        status = excluded.status, priority = excluded.priority, custom_fields = excluded.custom_fields, \
        cats = excluded.cats, updated_at = now()";

/// Writes everything that a plan changes.
pub(crate) fn plan(connection: &mut PgConnection, db_id: DatabaseId, plan: &Plan) -> Result<(), Error> {
    profiles(connection, INSERT, db_id, &plan.inserts)?;
    profiles(connection, UPDATE, db_id, &plan.updates)?;
    touch(connection, db_id, &plan.touched)?;
    let (new, changed): (Vec<_>, Vec<_>) = plan.subscriptions.iter().partition(|row| row.is_new);
    subscriptions(connection, SUBSCRIBE, db_id, &new)?;
    subscriptions(connection, &format!("{SUBSCRIBE}{ON_CHANGE}"), db_id, &changed)?;
    identities::write(connection, db_id, &plan.identities)
}

fn profiles(
    connection: &mut PgConnection,
    statement: &str,
    db_id: DatabaseId,
    rows: &[ProfileRow],
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    let fields: Vec<String> = rows.iter().map(|row| json_text(&row.fields)).collect::<Result<_, _>>()?;
    sql_query(statement)
        .bind::<Integer, _>(db_id.0)
        .bind::<Uuids, _>(ids)
        .bind::<Texts, _>(fields)
        .execute(connection)?;
    Ok(())
}

fn touch(connection: &mut PgConnection, db_id: DatabaseId, ids: &[ProfileId]) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    sql_query(TOUCH).bind::<Integer, _>(db_id.0).bind::<Uuids, _>(ids).execute(connection)?;
    Ok(())
}

#[derive(Default)]
struct Columns<'a> {
    profile_ids: Vec<Uuid>,
    resource_ids: Vec<i32>,
    channels: Vec<&'a str>,
    addresses: Vec<Cow<'a, str>>,
    statuses: Vec<i16>,
    priorities: Vec<Option<i32>>,
    custom_fields: Vec<String>,
    cats: Vec<String>,
}

fn subscriptions(
    connection: &mut PgConnection,
    statement: &str,
    db_id: DatabaseId,
    rows: &[&SubscriptionRow],
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut columns = Columns::default();
    for SubscriptionRow { profile_id, subscription, .. } in rows {
        columns.profile_ids.push(profile_id.0);
        columns.resource_ids.push(subscription.resource_id.0);
        columns.channels.push(subscription.channel.word());
        columns.addresses.push(subscription.contact.address());
        columns.statuses.push(subscription.status.number());
        columns.priorities.push(subscription.priority);
        columns.custom_fields.push(json_text(&subscription.custom_fields)?);
        columns.cats.push(text_array_literal(&subscription.cats));
    }
    sql_query(statement)
        .bind::<Integer, _>(db_id.0)
        .bind::<Uuids, _>(columns.profile_ids)
        .bind::<Ints, _>(columns.resource_ids)
        .bind::<Texts, _>(columns.channels)
        .bind::<Texts, _>(columns.addresses)
        .bind::<SmallInts, _>(columns.statuses)
        .bind::<Array<Nullable<Integer>>, _>(columns.priorities)
        .bind::<Texts, _>(columns.custom_fields)
        .bind::<Texts, _>(columns.cats)
        .execute(connection)?;
    Ok(())
}
