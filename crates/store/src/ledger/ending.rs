//! The end of jobs: their last state, the sums over their chunks, and who is told.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Double, Integer, Nullable, Text, Timestamptz, Uuid as UuidType};
use intake_types::event::{EndedJob, Event};
use intake_types::{DatabaseId, Header, JobId, JobState};
use uuid::Uuid;

use super::chunk::storable;
use super::job::{make, state, state_of_other};
use super::read::{number, tally};
use super::{key, lock, parts};
use crate::prepared::prepared;
use crate::{Error, Retention, Store, callbacks, outbox};

// The time is that of now, not of the transaction's start: a job may end in the transaction that began it. What is told
// is what the row says: whoever ends a job may know little of it.
const END: &str = "\
    UPDATE jobs j SET state = $3, error = $5, error_text = $6, finished_at = statement_timestamp(), \
        expires_at = statement_timestamp() + make_interval(secs => $4), tally = ( \
            SELECT ARRAY[coalesce(sum(created), 0), coalesce(sum(updated), 0), coalesce(sum(unchanged), 0), \
                coalesce(sum(skipped), 0), coalesce(sum(failed), 0), coalesce(sum(warnings), 0)]::integer[] \
            FROM job_chunks c WHERE c.db_id = $1 AND c.job_id = j.id \
        ), \
        attempts = CASE $3 WHEN 'completed' THEN greatest(attempts, 1) ELSE attempts END \
    WHERE j.db_id = $1 AND j.id = ANY ($2) AND j.state = 'processing' \
    RETURNING j.id, j.external_id, j.total, j.tally, j.finished_at, \
        coalesce(jsonb_array_length(j.header -> 'warnings'), 0) AS warnings, \
        coalesce((j.header -> 'validate_only')::boolean, false) AS validate_only";

/// How a job has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Where it stands: a state that is its last, unless it is the same as another job that is open.
    pub state: JobState,
    /// Why it failed, if it did, now or before.
    pub error: Option<u16>,
    /// Whether it has ended just now, by what was asked for.
    pub is_new: bool,
}

impl Ending {
    /// Whether it was given up, now or before: what was not applied of it is to be kept.
    pub fn is_given_up(&self) -> bool {
        self.error == Some(500)
    }
}

impl Store {
    /// Ends a job that cannot be applied as a whole, whether or not it was registered. A job that has ended already
    /// stays as it is, and so does one that is the same as another. Gives how it, or that other one, stands now.
    pub async fn fail(&self, header: &Header, error: u16, text: String) -> Result<Ending, Error> {
        let (header, keep) = (header.clone(), self.retention());
        self.run(move |connection| {
            connection.transaction(|connection| fail(connection, &header, keep, error, &text))
        })
        .await
    }
}

fn fail(
    connection: &mut PgConnection,
    header: &Header,
    keep: Retention,
    error: u16,
    text: &str,
) -> Result<Ending, Error> {
    if let Some(other) = key::same_as(connection, header.job_id)? {
        let (state, error) = state_of_other(connection, other)?;
        return Ok(Ending { state, error, is_new: false });
    }
    make(connection, header)?;
    // Somebody may be applying a chunk of it: the sums must be read after that, not before.
    lock::lock(connection, header)?;
    let is_new = end(connection, header, keep, JobState::Failed, Some((error, text)))?;
    let (state, error) = state(connection, header.job_id)?;
    Ok(Ending { state, error, is_new })
}

/// A job that has ended just now.
#[derive(QueryableByName)]
pub(crate) struct Ended {
    #[diesel(sql_type = UuidType)]
    id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    external_id: Option<String>,
    #[diesel(sql_type = Integer)]
    total: i32,
    #[diesel(sql_type = Array<Integer>)]
    tally: Vec<i32>,
    #[diesel(sql_type = Timestamptz)]
    finished_at: DateTime<Utc>,
    #[diesel(sql_type = Integer)]
    warnings: i32,
    #[diesel(sql_type = Bool)]
    validate_only: bool,
}

impl Ended {
    pub(crate) fn job_id(&self) -> JobId {
        JobId(self.id)
    }

    /// What is told of it.
    pub(crate) fn event<'a>(
        &'a self,
        db_id: DatabaseId,
        state: JobState,
        error: Option<(u16, &'a str)>,
    ) -> Result<Event<'a>, Error> {
        let job = EndedJob {
            job_id: self.job_id(),
            db_id,
            external_id: self.external_id.as_deref(),
            state,
            validate_only: self.validate_only,
            total: number(self.total.into())?,
            tally: tally(&self.tally)?,
            warnings: number(self.warnings.into())?,
            error,
        };
        Ok(Event::of_job(job, self.finished_at))
    }
}

/// Ends a job that has not ended, with the sums over its chunks, and has that told. The job must be locked, or not yet be
/// anybody's. Whether it had not ended.
pub(crate) fn end(
    connection: &mut PgConnection,
    header: &Header,
    keep: Retention,
    state: JobState,
    error: Option<(u16, &str)>,
) -> Result<bool, Error> {
    let ended = finish(connection, &[header], keep, state, error)?;
    if !ended.is_empty() {
        callbacks::insert(connection, header)?;
    }
    let text = error.map(|(_, text)| storable(text));
    let error = error.map(|(number, _)| number).zip(text.as_deref());
    let events = ended.iter().map(|job| job.event(header.db_id, state, error));
    outbox::tell(connection, header.db_id, [], events.collect::<Result<Vec<_>, Error>>()?)?;
    Ok(!ended.is_empty())
}

/// As [`end`] of jobs of one database, but has nobody told. Those that had not ended.
pub(crate) fn finish(
    connection: &mut PgConnection,
    jobs: &[&Header],
    keep: Retention,
    state: JobState,
    error: Option<(u16, &str)>,
) -> Result<Vec<Ended>, Error> {
    let Some(first) = jobs.first() else { return Ok(Vec::new()) };
    let ids: Vec<Uuid> = jobs.iter().map(|job| job.job_id.0).collect();
    let ended: Vec<Ended> = prepared(END)
        .bind::<Integer, _>(first.db_id.0)
        .bind::<Array<UuidType>, _>(ids)
        .bind::<Text, _>(state.word())
        .bind::<Double, _>(keep.results.as_secs_f64())
        .bind::<Nullable<Integer>, _>(error.map(|(error, _)| i32::from(error)))
        .bind::<Nullable<Text>, _>(error.map(|(_, text)| storable(text)))
        .load(connection)?;
    for job in jobs.iter().filter(|job| ended.iter().any(|ended| ended.id == job.job_id.0)) {
        parts::drop_of_ended(connection, job, error.map(|(error, _)| error))?;
    }
    Ok(ended)
}
