//! Warnings on a job as a whole that come up while it is worked on.

use diesel::prelude::*;
use diesel::sql_types::{Integer, Jsonb, Uuid as UuidType};
use intake_types::{Header, Warning};
use serde_json::json;

use crate::Error;
use crate::prepared::prepared;

const WARN: &str = "\
    UPDATE jobs SET header = jsonb_set(header, '{warnings}', coalesce(header -> 'warnings', '[]') || $3) \
    WHERE db_id = $1 AND id = $2 AND NOT coalesce(header -> 'warnings', '[]') @> $4";

/// Adds a warning, unless the job has one of this code. The job must be locked.
pub(crate) fn warn(connection: &mut PgConnection, header: &Header, warning: &Warning) -> Result<(), Error> {
    prepared(WARN)
        .bind::<Integer, _>(header.db_id.0)
        .bind::<UuidType, _>(header.job_id.0)
        .bind::<Jsonb, _>(json!([warning]))
        .bind::<Jsonb, _>(json!([{"code": warning.code}]))
        .execute(connection)?;
    Ok(())
}
