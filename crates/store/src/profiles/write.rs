//! A plan's profiles and subscriptions into their tables.
//!
//! Everything that is written here is locked already: new rows through the claim of their match value, known ones through
//! the lock of their profile. JSON is serialised once, goes as text, and is parsed by PostgreSQL alone.

use std::borrow::Cow;

use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Nullable, Text, Uuid as UuidType};
use intake_types::plan::{LogRow, ProfileRow, SubscriptionRow};
use intake_types::{DatabaseId, Imprint, PackedLog, Plan};
use uuid::Uuid;

use super::{copy, identities};
use crate::Error;
use crate::columns::{Ints, SmallInts, Texts, Uuids, json_text, text_array_literal};
use crate::prepared::prepared;

// An upsert of rows that are there: it probes the index once per row, where an UPDATE .. FROM may scan the whole
// database as long as the table has no statistics.
const UPDATE: &str = "\
    INSERT INTO profiles (db_id, id, written_by, written, imprint, fields) \
    SELECT $1, u.id, u.written_by, u.written::json, u.imprint, u.fields::jsonb \
    FROM unnest($2, $3, $4, $5, $6) AS u (id, written_by, written, imprint, fields) ORDER BY u.id \
    ON CONFLICT (db_id, id) DO UPDATE SET fields = excluded.fields, written_by = excluded.written_by, \
        written = excluded.written, imprint = excluded.imprint, updated_at = now()";

// The same of all but the fields, which are not looked at.
const CONFIRM: &str = "\
    INSERT INTO profiles (db_id, id, written_by, written, imprint, fields) \
    SELECT $1, u.id, u.written_by, u.written::json, u.imprint, '{}' \
    FROM unnest($2, $3, $4, $5) AS u (id, written_by, written, imprint) ORDER BY u.id \
    ON CONFLICT (db_id, id) DO UPDATE SET \
        written_by = excluded.written_by, written = excluded.written, imprint = excluded.imprint";

const TOUCH: &str = ", updated_at = now()";

const SUBSCRIBE: &str = "\
    INSERT INTO subscriptions \
        (db_id, profile_id, resource_id, channel, address, status, priority, custom_fields, cats) \
    SELECT $1, u.profile_id, u.resource_id, u.channel, u.address, u.status, u.priority, \
        u.custom_fields::jsonb, u.cats::text[] \
    FROM unnest($2, $3, $4, $5, $6, $7, $8, $9) \
        AS u (profile_id, resource_id, channel, address, status, priority, custom_fields, cats) \
    ORDER BY u.profile_id, u.resource_id, u.channel COLLATE \"C\", u.address COLLATE \"C\" \
    ON CONFLICT (db_id, profile_id, resource_id, channel, address) DO UPDATE SET \
        status = excluded.status, priority = excluded.priority, custom_fields = excluded.custom_fields, \
        cats = excluded.cats, updated_at = now()";

/// Writes everything that a plan changes.
pub(crate) fn plan(connection: &mut PgConnection, db_id: DatabaseId, plan: &Plan) -> Result<(), Error> {
    copy::profiles(connection, db_id, &plan.inserts)?;
    update(connection, db_id, &plan.updates)?;
    logs(connection, CONFIRM, db_id, &plan.confirmed)?;
    logs(connection, &format!("{CONFIRM}{TOUCH}"), db_id, &plan.touched)?;
    let (new, changed): (Vec<_>, Vec<_>) = plan.subscriptions.iter().partition(|row| row.is_new);
    copy::subscriptions(connection, db_id, &new)?;
    subscriptions(connection, db_id, &changed)?;
    identities::write(connection, db_id, &plan.identities)
}

fn update(connection: &mut PgConnection, db_id: DatabaseId, rows: &[ProfileRow]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    let (written_by, written, imprints) = log_columns(rows.iter().map(|row| (&row.log, row.imprint)));
    let fields: Vec<String> = rows.iter().map(|row| json_text(&row.fields)).collect::<Result<_, _>>()?;
    prepared(UPDATE)
        .bind::<Integer, _>(db_id.0)
        .bind::<Uuids, _>(ids)
        .bind::<Uuids, _>(written_by)
        .bind::<Array<Nullable<Text>>, _>(written)
        .bind::<Array<Nullable<UuidType>>, _>(imprints)
        .bind::<Texts, _>(fields)
        .execute(connection)?;
    Ok(())
}

fn logs(
    connection: &mut PgConnection,
    statement: &str,
    db_id: DatabaseId,
    rows: &[LogRow],
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    let (written_by, written, imprints) = log_columns(rows.iter().map(|row| (&row.log, row.imprint)));
    prepared(statement)
        .bind::<Integer, _>(db_id.0)
        .bind::<Uuids, _>(ids)
        .bind::<Uuids, _>(written_by)
        .bind::<Array<Nullable<Text>>, _>(written)
        .bind::<Array<Nullable<UuidType>>, _>(imprints)
        .execute(connection)?;
    Ok(())
}

/// Who wrote each row's profile, what others wrote of it, and by what the last record is known.
fn log_columns<'a>(
    rows: impl Iterator<Item = (&'a PackedLog, Option<Imprint>)>,
) -> (Vec<Uuid>, Vec<Option<&'a str>>, Vec<Option<Uuid>>) {
    rows.map(|(log, imprint)| (log.base.0, log.rest.as_deref(), imprint.map(|imprint| imprint.0))).collect()
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
    prepared(SUBSCRIBE)
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
