//! A job's row: made when a worker first takes the job, moved forward only.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Timestamptz};
use intake_types::{DatabaseId, Header, JobId, JobState};
use serde_json::Value;

use crate::schema::{job_chunks, jobs};
use crate::{Error, Store, outbox};

/// Where a job stands when a worker takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registered {
    /// The first record that has no outcome yet.
    pub next_index: u32,
    /// Where the job stands; nothing is left to do for a terminal one.
    pub state: JobState,
}

impl Store {
    /// Makes the job known, or counts one more attempt at it.
    pub async fn register(&self, header: &Header) -> Result<Registered, Error> {
        let header = header.clone();
        self.run(move |connection| connection.transaction(|connection| register(connection, &header))).await
    }

    /// Ends a job that cannot be applied as a whole, whether or not it was registered. A job that has ended already
    /// stays as it is. Gives the state that it is in now.
    pub async fn fail(&self, header: &Header, error: u16, text: String) -> Result<JobState, Error> {
        let header = header.clone();
        self.run(move |connection| {
            connection.transaction(|connection| fail(connection, &header, error, &text))
        })
        .await
    }
}

type Row<'a> = (
    diesel::dsl::Eq<jobs::db_id, i32>,
    diesel::dsl::Eq<jobs::id, uuid::Uuid>,
    diesel::dsl::Eq<jobs::account, &'a str>,
    diesel::dsl::Eq<jobs::matching, &'static str>,
    diesel::dsl::Eq<jobs::external_id, Option<&'a str>>,
    diesel::dsl::Eq<jobs::total, i32>,
    diesel::dsl::Eq<jobs::warnings, Value>,
    diesel::dsl::Eq<jobs::state, &'static str>,
    diesel::dsl::Eq<jobs::attempts, i32>,
);

fn row(header: &Header) -> Result<Row<'_>, Error> {
    let warnings = serde_json::to_value(&header.warnings)
        .map_err(|_unserialisable| Error::Unstorable("a warning has no JSON form"))?;
    Ok((
        jobs::db_id.eq(header.db_id.0),
        jobs::id.eq(header.job_id.0),
        jobs::account.eq(&*header.account),
        jobs::matching.eq(header.rule.word()),
        jobs::external_id.eq(header.external_id.as_deref()),
        jobs::total.eq(i32::try_from(header.total).map_err(|_range| Error::Unstorable("too many records"))?),
        jobs::warnings.eq(warnings),
        jobs::state.eq(JobState::Processing.word()),
        jobs::attempts.eq(1),
    ))
}

pub(crate) fn register(connection: &mut PgConnection, header: &Header) -> Result<Registered, Error> {
    let upsert = diesel::insert_into(jobs::table)
        .values(row(header)?)
        .on_conflict((jobs::db_id, jobs::id))
        .do_update()
        .set(jobs::attempts.eq(jobs::attempts + 1));
    // Named in full: its trait has the same method as that of plain queries.
    diesel::query_dsl::methods::FilterDsl::filter(upsert, jobs::state.eq(JobState::Processing.word()))
        .execute(connection)?;
    let state = state(connection, header.db_id, header.job_id)?;
    Ok(Registered { next_index: next_index(connection, header.db_id, header.job_id)?, state })
}

fn fail(connection: &mut PgConnection, header: &Header, error: u16, text: &str) -> Result<JobState, Error> {
    diesel::insert_into(jobs::table).values(row(header)?).on_conflict_do_nothing().execute(connection)?;
    let open = jobs::table
        .find((header.db_id.0, header.job_id.0))
        .filter(jobs::state.eq(JobState::Processing.word()));
    let end = (
        jobs::state.eq(JobState::Failed.word()),
        jobs::error.eq(i32::from(error)),
        jobs::error_text.eq(text.replace('\0', "\u{fffd}")),
        jobs::finished_at.eq(wall_clock()),
    );
    if diesel::update(open).set(end).execute(connection)? > 0 {
        outbox::job_ended(connection, header)?;
    }
    state(connection, header.db_id, header.job_id)
}

/// The time now; `now()` would be that of the transaction's start.
fn wall_clock() -> diesel::expression::SqlLiteral<Nullable<Timestamptz>> {
    sql("clock_timestamp()")
}

fn state(connection: &mut PgConnection, db_id: DatabaseId, job_id: JobId) -> Result<JobState, Error> {
    let word: String = jobs::table.find((db_id.0, job_id.0)).select(jobs::state).first(connection)?;
    parse(&word)
}

pub(super) fn parse(word: &str) -> Result<JobState, Error> {
    JobState::parse(word).ok_or(Error::Unreadable("a job's state"))
}

/// Locks a registered job until the transaction ends: one worker at a time writes to it. Also gives the time that rows
/// written in the transaction get.
pub(crate) fn lock(
    connection: &mut PgConnection,
    header: &Header,
) -> Result<(JobState, DateTime<Utc>), Error> {
    let found: Option<(String, DateTime<Utc>)> = jobs::table
        .find((header.db_id.0, header.job_id.0))
        .select((jobs::state, sql::<Timestamptz>("now()")))
        .for_update()
        .first(connection)
        .optional()?;
    let found = found.ok_or_else(|| Error::Unknown(format!("job {} is not registered", header.job_id)));
    let (word, now) = found?;
    Ok((parse(&word)?, now))
}

/// The first record of a job that no chunk covers yet.
pub(crate) fn next_index(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    job_id: JobId,
) -> Result<u32, Error> {
    let last: Option<(i32, i32)> = job_chunks::table
        .filter(job_chunks::db_id.eq(db_id.0).and(job_chunks::job_id.eq(job_id.0)))
        .order(job_chunks::first_index.desc())
        .select((job_chunks::first_index, job_chunks::records))
        .first(connection)
        .optional()?;
    let next = last.map_or(0, |(first, records)| first.saturating_add(records));
    u32::try_from(next).map_err(|_range| Error::Unreadable("a chunk's range"))
}

/// Ends a job of which every record has its outcome, and has that told. The job must be locked.
pub(crate) fn finish(connection: &mut PgConnection, header: &Header) -> Result<(), Error> {
    diesel::update(jobs::table.find((header.db_id.0, header.job_id.0)))
        .set((jobs::state.eq(JobState::Completed.word()), jobs::finished_at.eq(wall_clock())))
        .execute(connection)?;
    outbox::job_ended(connection, header)
}
