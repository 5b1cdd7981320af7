//! A job's row: made when a worker first takes the job, moved forward only.

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Double, Integer, Nullable, Text, Timestamptz, Uuid as UuidType};
use intake_types::{DatabaseId, Header, JobId, JobState, Stamp};
use serde_json::Value;
use uuid::Uuid;

use super::key::{self, Settled};
use super::{cancel, parts};
use crate::prepared::prepared;
use crate::schema::jobs;
use crate::{Error, Retention, Store, callbacks, outbox};

// The time is that of now, not of the transaction's start: a job may end in the transaction that began it.
const END: &str = "\
    UPDATE jobs j SET state = $3, error = $5, error_text = $6, finished_at = t.now, \
        expires_at = t.now + make_interval(secs => $4), tally = t.tally \
    FROM ( \
        SELECT clock_timestamp() AS now, ARRAY[coalesce(sum(created), 0), coalesce(sum(updated), 0), \
            coalesce(sum(unchanged), 0), coalesce(sum(skipped), 0), coalesce(sum(failed), 0), \
            coalesce(sum(warnings), 0)]::integer[] AS tally \
        FROM job_chunks WHERE db_id = $1 AND job_id = $2 \
    ) AS t \
    WHERE j.db_id = $1 AND j.id = $2 AND j.state = 'processing'";

/// Where a job stands when a worker takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registered {
    /// Where to begin: at the first record that has no outcome yet. A dry run begins at the first of all, for what it
    /// foretells of a record depends on those before.
    pub next_index: u32,
    /// Where the job stands; nothing is left to do for a terminal one.
    pub state: JobState,
    /// The job that this one turned out to be the same as, by the key of its request: that one is applied, and nothing is
    /// left to do here.
    pub same_as: Option<JobId>,
    /// Whether it has ended just now, because its key was used for something else.
    pub refused: bool,
    /// Why it failed, if it did.
    pub error: Option<u16>,
    /// Where it stands in the order of acceptance, as it was decided when it was registered first: a request that was sent again
    /// before it was known to be safe may say otherwise.
    pub stamp: Stamp,
}

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
    /// Makes the job known, or counts one more attempt at it. A job whose key was used for something else ends as failed.
    pub async fn register(&self, header: &Header) -> Result<Registered, Error> {
        let (header, keep) = (header.clone(), self.retention());
        self.run(move |connection| connection.transaction(|connection| register(connection, keep, &header)))
            .await
    }

    /// How often work on a job was begun that has not ended, as far as it is known; `None`: it has.
    pub async fn begun(&self, header: &Header) -> Result<Option<u32>, Error> {
        let (db_id, job_id) = (header.db_id, header.job_id);
        self.run(move |connection| begun(connection, db_id, job_id)).await
    }

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

type Row<'a> = (
    diesel::dsl::Eq<jobs::db_id, i32>,
    diesel::dsl::Eq<jobs::id, uuid::Uuid>,
    diesel::dsl::Eq<jobs::account, &'a str>,
    diesel::dsl::Eq<jobs::header, Value>,
    diesel::dsl::Eq<jobs::external_id, Option<&'a str>>,
    diesel::dsl::Eq<jobs::total, i32>,
    diesel::dsl::Eq<jobs::state, &'static str>,
    diesel::dsl::Eq<jobs::attempts, i32>,
);

/// A header as it is stored.
pub(super) fn stored(header: &Header) -> Result<Value, Error> {
    let mut stored = serde_json::to_value(header)
        .map_err(|_unserialisable| Error::Unstorable("a job's header has no JSON form"))?;
    make_storable(&mut stored);
    Ok(stored)
}

fn row(header: &Header) -> Result<Row<'_>, Error> {
    Ok((
        jobs::db_id.eq(header.db_id.0),
        jobs::id.eq(header.job_id.0),
        jobs::account.eq(&*header.account),
        jobs::header.eq(stored(header)?),
        jobs::external_id.eq(header.external_id.as_deref()),
        jobs::total.eq(i32::try_from(header.total).map_err(|_range| Error::Unstorable("too many records"))?),
        jobs::state.eq(JobState::Processing.word()),
        jobs::attempts.eq(1),
    ))
}

/// A header may repeat what the client sent, and jsonb holds neither U+0000 nor any number: one that no field may hold is
/// kept as its text.
fn make_storable(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = text.replace('\0', "\u{fffd}"),
        Value::Number(number) if !is_storable(number.as_str()) => *value = Value::from(number.to_string()),
        Value::Array(items) => items.iter_mut().for_each(make_storable),
        Value::Object(members) => members.values_mut().for_each(make_storable),
        _ => {}
    }
}

fn is_storable(number: &str) -> bool {
    const MOST: usize = 1000;
    let (digits, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    digits.len() <= MOST && exponent.parse().is_ok_and(|exponent: isize| exponent.unsigned_abs() <= MOST)
}

/// What a job is told whose key stands for another request, where the gateway could not ask.
const REUSED: &str = "Idempotency-Key: used before for another request; nothing of this one is applied";

pub(crate) fn register(
    connection: &mut PgConnection,
    keep: Retention,
    header: &Header,
) -> Result<Registered, Error> {
    let settled = match &header.request_key {
        Some(key) => {
            if header.streamed {
                // It may just be found to be sent again, see [`Store::drop_repeated`].
                cancel::hold_name(connection, header.job_id.0)?;
            }
            key::settle(connection, keep, header, key)?
        }
        None => Settled::Own(header.stamp()),
    };
    if let Settled::SameAs(other) = settled {
        parts::drop_of_ended(connection, header, None)?;
        let (state, error) = state_of_other(connection, other)?;
        return Ok(Registered {
            next_index: 0,
            state,
            same_as: Some(other),
            refused: false,
            error,
            stamp: header.stamp(),
        });
    }
    let standing = match settled {
        Settled::Own(order) if order != header.stamp() => &Header { order: Some(order), ..header.clone() },
        _ => header,
    };
    let upsert = diesel::insert_into(jobs::table)
        .values(row(standing)?)
        .on_conflict((jobs::db_id, jobs::id))
        .do_update()
        .set((
            jobs::attempts.eq(jobs::attempts + 1),
            jobs::started_at
                .eq(sql::<Timestamptz>("CASE WHEN jobs.attempts = 0 THEN now() ELSE jobs.started_at END")),
            jobs::taken_at.eq(sql::<Timestamptz>("now()")),
        ));
    // Named in full: its trait has the same method as that of plain queries.
    let attempt: Option<(i32, Option<Uuid>)> =
        diesel::query_dsl::methods::FilterDsl::filter(upsert, jobs::state.eq(JobState::Processing.word()))
            .returning((jobs::attempts, sql::<Nullable<UuidType>>(ORDER)))
            .get_result(connection)
            .optional()?;
    let refused = settled == Settled::Reused;
    if refused {
        end(connection, header, keep, JobState::Failed, Some((422, REUSED)))?;
    }
    let (order, is_first) = match attempt {
        Some((attempts, order)) => (order, attempts == 1),
        None => (order(connection, header)?, false),
    };
    let (state, error) = if attempt.is_some() && !refused {
        (JobState::Processing, None)
    } else {
        state(connection, header.job_id)?
    };
    let begins_anew = is_first || header.validate_only;
    let next_index = if begins_anew { 0 } else { progress(connection, header)?.1 };
    let stamp = order.map_or_else(|| Stamp::of(header.job_id), Stamp);
    Ok(Registered { next_index, state, same_as: None, refused, error, stamp })
}

fn begun(connection: &mut PgConnection, db_id: DatabaseId, job_id: JobId) -> Result<Option<u32>, Error> {
    let columns = jobs::table.find((db_id.0, job_id.0)).select((jobs::state, jobs::attempts));
    let Some((word, attempts)) = columns.first::<(String, i32)>(connection).optional()? else {
        return Ok(Some(0));
    };
    let attempts = u32::try_from(attempts).map_err(|_range| Error::Unreadable("a job's attempts"))?;
    Ok((!parse(&word)?.is_terminal()).then_some(attempts))
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
    lock(connection, header)?;
    let is_new = end(connection, header, keep, JobState::Failed, Some((error, text)))?;
    let (state, error) = state(connection, header.job_id)?;
    Ok(Ending { state, error, is_new })
}

/// Makes a job known that nobody knows of yet; whether that was so.
pub(super) fn make(connection: &mut PgConnection, header: &Header) -> Result<bool, Error> {
    let insert = diesel::insert_into(jobs::table).values(row(header)?).on_conflict_do_nothing();
    Ok(insert.execute(connection)? > 0)
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
    let is_new = finish(connection, header, keep, state, error)?;
    if is_new {
        callbacks::insert(connection, header)?;
        outbox::job_ended(connection, header)?;
    }
    Ok(is_new)
}

/// As [`end`], but has nobody told. Whether it had not ended.
pub(super) fn finish(
    connection: &mut PgConnection,
    header: &Header,
    keep: Retention,
    state: JobState,
    error: Option<(u16, &str)>,
) -> Result<bool, Error> {
    let text = error.map(|(_, text)| text.replace('\0', "\u{fffd}"));
    let ended = prepared(END)
        .bind::<Integer, _>(header.db_id.0)
        .bind::<UuidType, _>(header.job_id.0)
        .bind::<Text, _>(state.word())
        .bind::<Double, _>(keep.results.as_secs_f64())
        .bind::<Nullable<Integer>, _>(error.map(|(error, _)| i32::from(error)))
        .bind::<Nullable<Text>, _>(text)
        .execute(connection)?;
    if ended > 0 {
        parts::drop_of_ended(connection, header, error.map(|(error, _)| error))?;
    }
    Ok(ended > 0)
}

/// Where a job stands, and why it failed if it did.
fn state(connection: &mut PgConnection, job_id: JobId) -> Result<(JobState, Option<u16>), Error> {
    let found = find_state(connection, job_id)?;
    found.ok_or_else(|| Error::Unknown(format!("job {job_id} is not registered")))
}

/// The same of a job that another one is the same as: no worker may have it yet, or its time is over.
fn state_of_other(connection: &mut PgConnection, job_id: JobId) -> Result<(JobState, Option<u16>), Error> {
    Ok(find_state(connection, job_id)?.unwrap_or((JobState::Processing, None)))
}

fn find_state(
    connection: &mut PgConnection,
    job_id: JobId,
) -> Result<Option<(JobState, Option<u16>)>, Error> {
    let columns = jobs::table.filter(jobs::id.eq(job_id.0)).select((jobs::state, jobs::error));
    let found: Option<(String, Option<i32>)> = columns.first(connection).optional()?;
    found.map(|(word, error)| standing(&word, error)).transpose()
}

fn standing(state: &str, error: Option<i32>) -> Result<(JobState, Option<u16>), Error> {
    Ok((parse(state)?, error.and_then(|error| u16::try_from(error).ok())))
}

/// Where a registered job stands in the order of acceptance; none: by its id.
const ORDER: &str = "(jobs.header ->> 'order')::uuid";

fn order(connection: &mut PgConnection, header: &Header) -> Result<Option<Uuid>, Error> {
    let row = jobs::table.find((header.db_id.0, header.job_id.0));
    Ok(row.select(sql::<Nullable<UuidType>>(ORDER)).first(connection)?)
}

pub(super) fn parse(word: &str) -> Result<JobState, Error> {
    JobState::parse(word).ok_or(Error::Unreadable("a job's state"))
}

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

/// Locks a registered job until the transaction ends: one worker at a time writes to it.
pub(crate) fn lock(connection: &mut PgConnection, header: &Header) -> Result<Locked, Error> {
    let found: Option<(String, Option<i32>, DateTime<Utc>)> = jobs::table
        .find((header.db_id.0, header.job_id.0))
        .select((jobs::state, jobs::error, sql::<Timestamptz>("now()")))
        .for_update()
        .first(connection)
        .optional()?;
    let found = found.ok_or_else(|| Error::Unknown(format!("job {} is not registered", header.job_id)));
    let (word, error, now) = found?;
    let (state, error) = standing(&word, error)?;
    // Only now that the job is locked: the lock may have been waited for.
    let (cancel_requested, next_index) = progress(connection, header)?;
    let ended = state.is_terminal().then_some(Ending { state, error, is_new: false });
    Ok(Locked { ended, now, cancel_requested, next_index })
}

#[derive(QueryableByName)]
struct Progress {
    #[diesel(sql_type = Bool)]
    is_wished: bool,
    #[diesel(sql_type = Integer)]
    next_index: i32,
}

const PROGRESS: &str = "\
    SELECT EXISTS (SELECT FROM cancellations WHERE job_id = $2) AS is_wished, coalesce(( \
        SELECT first_index + records FROM job_chunks WHERE db_id = $1 AND job_id = $2 ORDER BY first_index DESC LIMIT 1 \
    ), 0) AS next_index";

/// Whether somebody wishes a job stopped, and its first record that no chunk covers yet.
fn progress(connection: &mut PgConnection, header: &Header) -> Result<(bool, u32), Error> {
    let Progress { is_wished, next_index } = prepared(PROGRESS)
        .bind::<Integer, _>(header.db_id.0)
        .bind::<UuidType, _>(header.job_id.0)
        .get_result(connection)?;
    let next_index = u32::try_from(next_index).map_err(|_range| Error::Unreadable("a chunk's range"))?;
    Ok((is_wished, next_index))
}
