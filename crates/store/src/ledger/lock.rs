//! A job in the hands of one worker: locked, and where it stands.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Integer, Nullable, Text, Timestamptz, Uuid as UuidType};
use intake_types::{DatabaseId, Header, JobId};
use uuid::Uuid;

use super::Ending;
use super::job::standing;
use crate::Error;
use crate::prepared::prepared;

// One probe of the index for each, in the order of the array.
const LOCK: &str = "\
    SELECT j.* FROM unnest($2) AS u (id) \
    CROSS JOIN LATERAL ( \
        SELECT id, state, error, now() AS now FROM jobs WHERE db_id = $1 AND id = u.id FOR UPDATE \
    ) AS j";

const PROGRESS: &str = "\
    SELECT EXISTS (SELECT FROM cancellations WHERE job_id = u.id) AS is_wished, coalesce(( \
        SELECT first_index + records FROM job_chunks WHERE db_id = $1 AND job_id = u.id ORDER BY first_index DESC LIMIT 1 \
    ), 0) AS next_index \
    FROM unnest($2) WITH ORDINALITY AS u (id, position) ORDER BY u.position";

/// A job that is locked.
pub(crate) struct Locked {
    /// How it has ended before, if it has.
    pub(crate) ended: Option<Ending>,
    /// The time that rows written in the transaction get.
    pub(crate) now: DateTime<Utc>,
    /// Whether somebody wishes it stopped.
    pub(crate) cancel_requested: bool,
    /// Its first record that no chunk covers yet.
    pub(crate) next_index: u32,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = UuidType)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Integer>)]
    error: Option<i32>,
    #[diesel(sql_type = Timestamptz)]
    now: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Progress {
    #[diesel(sql_type = Bool)]
    is_wished: bool,
    #[diesel(sql_type = Integer)]
    next_index: i32,
}

/// Locks a registered job until the transaction ends: one worker at a time writes to it.
pub(crate) fn lock(connection: &mut PgConnection, header: &Header) -> Result<Locked, Error> {
    let locked = lock_all(connection, header.db_id, &[header.job_id])?;
    locked.into_iter().next().ok_or_else(|| unknown(header.job_id))
}

/// Locks registered jobs of one database, one after the other; gives them in that order.
pub(crate) fn lock_all(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    jobs: &[JobId],
) -> Result<Vec<Locked>, Error> {
    let ids: Vec<Uuid> = jobs.iter().map(|job| job.0).collect();
    let rows: Vec<Row> =
        prepared(LOCK).bind::<Integer, _>(db_id.0).bind::<Array<UuidType>, _>(&ids).load(connection)?;
    if let Some((_, job)) =
        (0..).zip(jobs).find(|(place, job)| rows.get(*place).is_none_or(|row| row.id != job.0))
    {
        return Err(unknown(*job));
    }
    // Only now that they are locked: that may have been waited for.
    let progress = progress(connection, db_id, jobs)?;
    let locked = rows.into_iter().zip(progress).map(|(row, (cancel_requested, next_index))| {
        let (state, error) = standing(&row.state, row.error)?;
        let ended = state.is_terminal().then_some(Ending { state, error, is_new: false });
        Ok(Locked { ended, now: row.now, cancel_requested, next_index })
    });
    locked.collect()
}

fn unknown(job_id: JobId) -> Error {
    Error::Unknown(format!("job {job_id} is not registered"))
}

/// The first record of a job that no chunk covers yet.
pub(super) fn next_index(connection: &mut PgConnection, header: &Header) -> Result<u32, Error> {
    let progress = progress(connection, header.db_id, &[header.job_id])?;
    Ok(progress.first().map_or(0, |(_, next_index)| *next_index))
}

/// Whether somebody wishes a job stopped, and its first record that no chunk covers yet; of each.
fn progress(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    jobs: &[JobId],
) -> Result<Vec<(bool, u32)>, Error> {
    let ids: Vec<Uuid> = jobs.iter().map(|job| job.0).collect();
    let rows: Vec<Progress> =
        prepared(PROGRESS).bind::<Integer, _>(db_id.0).bind::<Array<UuidType>, _>(ids).load(connection)?;
    let read = |row: Progress| {
        let next_index =
            u32::try_from(row.next_index).map_err(|_range| Error::Unreadable("a chunk's range"))?;
        Ok((row.is_wished, next_index))
    };
    rows.into_iter().map(read).collect()
}
