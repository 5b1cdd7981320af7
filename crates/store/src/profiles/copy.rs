//! New rows of a plan into their tables, by COPY: that takes PostgreSQL half as long as to insert them.
//!
//! They must be known to be new: one that is there is an error. While the server waits for the rows it applies no time limit,
//! see [`Store::end_lost_copies`](crate::Store::end_lost_copies).

use std::io::Write as _;

use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::serialize::{IsNull, Output, ToSql};
use diesel::sql_types::{Json, Jsonb};
use intake_types::DatabaseId;
use intake_types::plan::{IdentityRow, ProfileRow, SubscriptionRow};
use serde_json::{Map, Value};

use super::find::FIRST;
use crate::columns::source_numbers;
use crate::schema::{identities, profiles, subscriptions};

/// An object, written out where it is sent.
#[derive(Debug, Clone, Copy, AsExpression)]
#[diesel(sql_type = Jsonb)]
struct Object<'a>(&'a Map<String, Value>);

impl ToSql<Jsonb, Pg> for Object<'_> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> diesel::serialize::Result {
        // The version of the binary form: <https://www.postgresql.org/docs/15/datatype-json.html> has its text behind it.
        out.write_all(&[1])?;
        serde_json::to_writer(out, self.0)?;
        Ok(IsNull::No)
    }
}

/// JSON that is text already.
#[derive(Debug, Clone, Copy, AsExpression)]
#[diesel(sql_type = Json)]
struct Written<'a>(&'a str);

impl ToSql<Json, Pg> for Written<'_> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> diesel::serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

pub(super) fn profiles(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    rows: &[ProfileRow],
) -> QueryResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let values = rows.iter().map(|ProfileRow { id, fields, log, imprint }| {
        (
            profiles::db_id.eq(db_id.0),
            profiles::id.eq(id.0),
            profiles::fields.eq(Object(fields)),
            profiles::written_by.eq(log.base.0),
            profiles::written.eq(log.rest.as_deref().map(Written)),
            profiles::imprint.eq(imprint.map(|imprint| imprint.0)),
        )
    });
    diesel::copy_from(profiles::table).from_insertable(values.collect::<Vec<_>>()).execute(connection)?;
    Ok(())
}

pub(super) fn subscriptions(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    rows: &[&SubscriptionRow],
) -> QueryResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let values = rows.iter().map(|SubscriptionRow { profile_id, subscription, .. }| {
        let cats: Vec<&str> = subscription.cats.iter().map(String::as_str).collect();
        (
            subscriptions::db_id.eq(db_id.0),
            subscriptions::profile_id.eq(profile_id.0),
            subscriptions::resource_id.eq(subscription.resource_id.0),
            subscriptions::channel.eq(subscription.channel.word()),
            subscriptions::address.eq(subscription.contact.address()),
            subscriptions::status.eq(subscription.status.number()),
            subscriptions::priority.eq(subscription.priority),
            subscriptions::custom_fields.eq(Object(&subscription.custom_fields)),
            subscriptions::cats.eq(cats),
        )
    });
    diesel::copy_from(subscriptions::table)
        .from_insertable(values.collect::<Vec<_>>())
        .execute(connection)?;
    Ok(())
}

/// The rows of first holders.
pub(super) fn identities<'a>(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    rows: impl Iterator<Item = &'a IdentityRow>,
) -> QueryResult<()> {
    let values = rows.map(|IdentityRow { key, profile_id, sources }| {
        (
            identities::db_id.eq(db_id.0),
            identities::kind.eq(key.kind.number()),
            identities::value.eq(&*key.value),
            identities::ordinal.eq(FIRST),
            identities::profile_id.eq(profile_id.0),
            identities::sources.eq(source_numbers(sources)),
        )
    });
    diesel::copy_from(identities::table).from_insertable(values.collect::<Vec<_>>()).execute(connection)?;
    Ok(())
}
