//! Whether there is data that a change of the catalogue would leave without a definition.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Bool, Integer, SmallInt, Text};
use intake_types::Kind;
use intake_types::catalog::{Change, Orphan};

use crate::Error;

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    found: bool,
}

/// One text for each change that there is data against.
pub(super) fn refusals(connection: &mut PgConnection, changes: &[Change]) -> Result<Vec<String>, Error> {
    let mut refusals = Vec::new();
    for change in changes {
        for orphan in change.orphans() {
            if exists(connection, orphan)? {
                refusals.push(format!("{change}: there are {orphan}"));
            }
        }
    }
    Ok(refusals)
}

fn exists(connection: &mut PgConnection, orphan: &Orphan) -> Result<bool, Error> {
    let answer: QueryResult<Answer> = match orphan {
        Orphan::Database(id) => sql_query("SELECT EXISTS (SELECT FROM profiles WHERE db_id = $1) AS found")
            .bind::<Integer, _>(id.0)
            .get_result(connection),
        Orphan::Field { database, name, number } => sql_query(
            "SELECT EXISTS (SELECT FROM identities WHERE db_id = $1 AND kind = $3) \
                 OR EXISTS (SELECT FROM profiles WHERE db_id = $1 AND jsonb_exists(fields, $2)) AS found",
        )
        .bind::<Integer, _>(database.0)
        .bind::<Text, _>(name)
        .bind::<SmallInt, _>(Kind::custom(*number).number())
        .get_result(connection),
        Orphan::SharedValues { database, name } => shared(connection, database.0, name),
        Orphan::EnumValue { database, name, value } => {
            sql_query("SELECT EXISTS (SELECT FROM profiles WHERE db_id = $1 AND fields ->> $2 = $3) AS found")
                .bind::<Integer, _>(database.0)
                .bind::<Text, _>(name)
                .bind::<Text, _>(value)
                .get_result(connection)
        }
        Orphan::Attachment { resource, database } => sql_query(
            "SELECT EXISTS (SELECT FROM subscriptions WHERE resource_id = $1 AND db_id = $2) AS found",
        )
        .bind::<Integer, _>(resource.0)
        .bind::<Integer, _>(database.0)
        .get_result(connection),
        Orphan::Resource(resource) => subscription(connection, resource.0, "true", "", ""),
        Orphan::Channel { resource, channel } => {
            subscription(connection, resource.0, "channel = $2", channel, "")
        }
        Orphan::Category { resource, category } => {
            subscription(connection, resource.0, "$2 = ANY (cats)", category, "")
        }
        Orphan::SubscriptionField { resource, name } => {
            subscription(connection, resource.0, "jsonb_exists(custom_fields, $2)", name, "")
        }
        Orphan::SubscriptionEnumValue { resource, name, value } => {
            subscription(connection, resource.0, "custom_fields ->> $2 = $3", name, value)
        }
    };
    Ok(answer?.found)
}

/// Whether two profiles carry one value of a system field in their own fields.
fn shared(connection: &mut PgConnection, database: i32, name: &str) -> QueryResult<Answer> {
    let kind = if name == "email" { Kind::EMAIL } else { Kind::PHONE };
    sql_query(
        "SELECT EXISTS (SELECT FROM identities WHERE db_id = $1 AND kind = $2 AND 0 = ANY (sources) \
             GROUP BY value HAVING count(*) > 1) AS found",
    )
    .bind::<Integer, _>(database)
    .bind::<SmallInt, _>(kind.number())
    .get_result(connection)
}

/// Whether any subscription to a resource fulfils a condition on `$2` and `$3`.
fn subscription(
    connection: &mut PgConnection,
    resource: i32,
    condition: &str,
    second: &str,
    third: &str,
) -> QueryResult<Answer> {
    sql_query(format!(
        "SELECT EXISTS (SELECT FROM subscriptions WHERE resource_id = $1 AND {condition}) AS found"
    ))
    .bind::<Integer, _>(resource)
    .bind::<Text, _>(second)
    .bind::<Text, _>(third)
    .get_result(connection)
}
