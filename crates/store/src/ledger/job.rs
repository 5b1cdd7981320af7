//! A job's row: made when a worker first takes the job, moved forward only.

use std::collections::HashSet;
use std::sync::Arc;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Nullable, Text, Timestamptz, Uuid as UuidType};
use intake_types::catalog::Catalog;
use intake_types::{DatabaseId, Header, JobId, JobState, Stamp};
use serde_json::Value;
use uuid::Uuid;

use super::ending::end;
use super::key::{self, Settled};
use super::lock::next_index;
use super::{cancel, parts};
use crate::prepared::prepared;
use crate::schema::jobs;
use crate::{Error, Retention, Store};

// In one order, so that two that bring the same jobs do not wait for each other. That they were begun counts when they are
// applied, or begun by themselves.
const REGISTER_NEW: &str = "\
    INSERT INTO jobs (db_id, id, account, header, external_id, total, state, attempts) \
    SELECT $1, u.id, u.account, u.header::jsonb, u.external_id, u.total, $7, 0 \
    FROM unnest($2, $3, $4, $5, $6) AS u (id, account, header, external_id, total) ORDER BY u.id \
    ON CONFLICT (db_id, id) DO NOTHING RETURNING id";

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

impl Store {
    /// Makes the job known, or counts one more attempt at it. A job whose key was used for something else ends as failed.
    pub async fn register(&self, header: &Header) -> Result<Registered, Error> {
        let (header, keep) = (header.clone(), self.retention());
        self.run(move |connection| connection.transaction(|connection| register(connection, keep, &header)))
            .await
    }

    /// Makes those of the jobs known, of one database and without keys, that nobody knows of: which these are, and the
    /// catalogue as of now. Nothing is done about the others, see [`Store::register`].
    pub async fn register_new(&self, headers: Vec<Header>) -> Result<(HashSet<JobId>, Arc<Catalog>), Error> {
        let last = Arc::clone(&self.catalog);
        self.run(move |connection| {
            let new = register_new(connection, &headers)?;
            Ok((new, last.current(connection)?))
        })
        .await
    }

    /// How often work on a job was begun that has not ended, as far as it is known; `None`: it has.
    pub async fn begun(&self, header: &Header) -> Result<Option<u32>, Error> {
        let (db_id, job_id) = (header.db_id, header.job_id);
        self.run(move |connection| begun(connection, db_id, job_id)).await
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
        jobs::total.eq(total(header)?),
        jobs::state.eq(JobState::Processing.word()),
        jobs::attempts.eq(1),
    ))
}

fn total(header: &Header) -> Result<i32, Error> {
    i32::try_from(header.total).map_err(|_range| Error::Unstorable("too many records"))
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
    let next_index = if begins_anew { 0 } else { next_index(connection, header)? };
    let stamp = order.map_or_else(|| Stamp::of(header.job_id), Stamp);
    Ok(Registered { next_index, state, same_as: None, refused, error, stamp })
}

fn register_new(connection: &mut PgConnection, headers: &[Header]) -> Result<HashSet<JobId>, Error> {
    #[derive(QueryableByName)]
    struct New {
        #[diesel(sql_type = UuidType)]
        id: Uuid,
    }
    let Some(db_id) = headers.first().map(|header| header.db_id) else { return Ok(HashSet::new()) };
    let stored = headers.iter().map(|header| Ok(stored(header)?.to_string()));
    let new: Vec<New> = prepared(REGISTER_NEW)
        .bind::<Integer, _>(db_id.0)
        .bind::<Array<UuidType>, _>(headers.iter().map(|header| header.job_id.0).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(headers.iter().map(|header| &*header.account).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(stored.collect::<Result<Vec<_>, Error>>()?)
        .bind::<Array<Nullable<Text>>, _>(
            headers.iter().map(|header| header.external_id.as_deref()).collect::<Vec<_>>(),
        )
        .bind::<Array<Integer>, _>(headers.iter().map(total).collect::<Result<Vec<_>, Error>>()?)
        .bind::<Text, _>(JobState::Processing.word())
        .load(connection)?;
    Ok(new.into_iter().map(|job| JobId(job.id)).collect())
}

fn begun(connection: &mut PgConnection, db_id: DatabaseId, job_id: JobId) -> Result<Option<u32>, Error> {
    let columns = jobs::table.find((db_id.0, job_id.0)).select((jobs::state, jobs::attempts));
    let Some((word, attempts)) = columns.first::<(String, i32)>(connection).optional()? else {
        return Ok(Some(0));
    };
    let attempts = u32::try_from(attempts).map_err(|_range| Error::Unreadable("a job's attempts"))?;
    Ok((!parse(&word)?.is_terminal()).then_some(attempts))
}

/// Makes a job known that nobody knows of yet; whether that was so.
pub(super) fn make(connection: &mut PgConnection, header: &Header) -> Result<bool, Error> {
    let insert = diesel::insert_into(jobs::table).values(row(header)?).on_conflict_do_nothing();
    Ok(insert.execute(connection)? > 0)
}

/// Where a job stands, and why it failed if it did.
pub(super) fn state(connection: &mut PgConnection, job_id: JobId) -> Result<(JobState, Option<u16>), Error> {
    let found = find_state(connection, job_id)?;
    found.ok_or_else(|| Error::Unknown(format!("job {job_id} is not registered")))
}

/// The same of a job that another one is the same as: no worker may have it yet, or its time is over.
pub(super) fn state_of_other(
    connection: &mut PgConnection,
    job_id: JobId,
) -> Result<(JobState, Option<u16>), Error> {
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

pub(super) fn standing(state: &str, error: Option<i32>) -> Result<(JobState, Option<u16>), Error> {
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
