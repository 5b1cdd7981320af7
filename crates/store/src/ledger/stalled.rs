//! Jobs in which nothing moves any more: their message is gone, so nobody will ever end them but whoever looks here.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Jsonb, Uuid as UuidType};
use intake_types::{Header, JobId, JobState};
use serde_json::Value;
use uuid::Uuid;

use super::ending::end;
use crate::prepared::prepared;
use crate::{Error, Retention, Store};

// One that is being written to is locked, and so moves. One that was made by a redrive and that no worker has taken yet may
// wait in its lane for as long as any other; it is lost for certain only when it would not be known any more, had it ended.
const STALLED: &str = "\
    SELECT id, header FROM jobs j \
    WHERE state = 'processing' AND taken_at < now() - make_interval(secs => $1) \
    AND (attempts > 0 OR taken_at < now() - make_interval(secs => $3)) AND NOT EXISTS ( \
        SELECT 1 FROM job_chunks c WHERE c.db_id = j.db_id AND c.job_id = j.id \
        AND c.applied_at >= now() - make_interval(secs => $1) \
    ) \
    ORDER BY taken_at LIMIT $2 FOR UPDATE SKIP LOCKED";

/// What such a job is told.
const TEXT: &str =
    "the job came to a standstill and was given up; what was applied stays applied, ask the operator";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = UuidType)]
    id: Uuid,
    #[diesel(sql_type = Jsonb)]
    header: Value,
}

impl Store {
    /// Ends jobs in which nothing has moved for so long: no worker took them, no chunk was applied. At most `most` of them.
    pub async fn end_stalled(&self, quiet: Duration, most: u32) -> Result<Vec<JobId>, Error> {
        let keep = self.retention();
        self.run(move |connection| {
            connection.transaction(|connection| end_stalled(connection, keep, quiet, most))
        })
        .await
    }
}

fn end_stalled(
    connection: &mut PgConnection,
    keep: Retention,
    quiet: Duration,
    most: u32,
) -> Result<Vec<JobId>, Error> {
    let rows: Vec<Row> = prepared(STALLED)
        .bind::<Double, _>(quiet.as_secs_f64())
        .bind::<BigInt, _>(i64::from(most))
        .bind::<Double, _>(keep.status.as_secs_f64())
        .load(connection)?;
    let mut ended = Vec::with_capacity(rows.len());
    for Row { id, header } in rows {
        // Each in a savepoint: one that cannot be ended must not keep the others from it.
        match connection.transaction(|connection| give_up(connection, keep, header)) {
            Ok(job_id) => ended.push(job_id),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => tracing::error!(job.id = %id, %error, "a job that stands still cannot be ended"),
        }
    }
    Ok(ended)
}

fn give_up(connection: &mut PgConnection, keep: Retention, header: Value) -> Result<JobId, Error> {
    let header: Header =
        serde_json::from_value(header).map_err(|_unfit| Error::Unreadable("a job's header"))?;
    end(connection, &header, keep, JobState::Failed, Some((500, TEXT)))?;
    Ok(header.job_id)
}
