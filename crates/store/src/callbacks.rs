//! Callbacks: whom to tell that a job has ended. Written in the transaction that ends it, sent by the workers.
//!
//! A worker takes a callback by moving its next attempt forward: no transaction is open while somebody else's server is
//! waited for. A worker that dies meanwhile is missed when that time has come.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Double, Integer, Nullable, Text, Timestamptz, Uuid as UuidType};
use intake_types::callback::{CallbackState, CallbackStatus};
use intake_types::{DatabaseId, Header, JobId, Status};
use uuid::Uuid;

use crate::prepared::prepared;
use crate::{Error, Store, ledger};

const INSERT: &str = "INSERT INTO callbacks (db_id, job_id, account, url) VALUES ($1, $2, $3, $4)";

// The attempt counts from its beginning, so that one which kills its worker is not made for ever.
const TAKE: &str = "\
    UPDATE callbacks SET next_at = clock_timestamp() + make_interval(secs => $2), attempts = attempts + 1 \
    WHERE (db_id, job_id) = ( \
        SELECT db_id, job_id FROM callbacks \
        WHERE state = 'pending' AND next_at <= now() AND account <> ALL ($1) \
        ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED \
    ) \
    RETURNING db_id, job_id, account, url, attempts";

// An attempt that took longer than its time may have been made again by somebody else, who knows better by now: except
// that it was delivered.
const SETTLE: &str = "\
    UPDATE callbacks SET state = $4, last_status = $5, last_error = $6, tried_at = clock_timestamp(), \
        next_at = clock_timestamp() + make_interval(secs => $7) \
    WHERE db_id = $1 AND job_id = $2 AND state = 'pending' AND (attempts = $3 OR $4 = 'delivered')";

/// A callback to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// The database of the job.
    pub db_id: DatabaseId,
    /// The account whose job it is.
    pub account: String,
    /// Who is told.
    pub url: String,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// The job, which has ended.
    pub status: Status,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Pending: there will be another.
    pub state: CallbackState,
    /// The HTTP status of the answer, if there was any.
    pub status: Option<u16>,
    /// Why it did not do.
    pub error: Option<String>,
    /// The time until the next one.
    pub pause: Duration,
}

/// The columns that tell how it stands; none where nobody is to be told, or nothing was begun.
#[derive(QueryableByName)]
pub(crate) struct Row {
    #[diesel(sql_type = Nullable<Text>)]
    url: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    callback: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    tries: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    last_status: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    last_error: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    next_at: Option<DateTime<Utc>>,
}

impl Row {
    /// `wanted` is what the request asked for.
    pub(crate) fn read(self, wanted: Option<String>) -> Result<Option<CallbackStatus>, Error> {
        const UNREADABLE: Error = Error::Unreadable("a callback");
        let (Some(url), Some(word), Some(tries)) = (self.url, self.callback, self.tries) else {
            return Ok(wanted.map(CallbackStatus::waiting));
        };
        let state = CallbackState::parse(&word).ok_or(UNREADABLE)?;
        Ok(Some(CallbackStatus {
            url,
            state,
            attempts: u32::try_from(tries).map_err(|_range| UNREADABLE)?,
            last_status: self.last_status.map(u16::try_from).transpose().map_err(|_range| UNREADABLE)?,
            last_error: self.last_error,
            next_attempt_at: self.next_at.filter(|_| state == CallbackState::Pending),
        }))
    }
}

#[derive(QueryableByName)]
struct Taken {
    #[diesel(sql_type = Integer)]
    db_id: i32,
    #[diesel(sql_type = UuidType)]
    job_id: Uuid,
    #[diesel(sql_type = Text)]
    account: String,
    #[diesel(sql_type = Text)]
    url: String,
    #[diesel(sql_type = Integer)]
    attempts: i32,
}

impl Store {
    /// Takes the callback that has been due for longest, of any account but those that are `busy`; nobody else gets it
    /// before `lease` is over.
    pub async fn take_callback(&self, busy: Vec<String>, lease: Duration) -> Result<Option<Callback>, Error> {
        self.run(move |connection| connection.transaction(|connection| take(connection, busy, lease))).await
    }

    /// Enters what came of an attempt.
    pub async fn settle_callback(&self, callback: &Callback, attempt: Attempt) -> Result<(), Error> {
        let (db_id, job_id, count) = (callback.db_id, callback.status.job_id, callback.attempt);
        self.run(move |connection| settle(connection, db_id, job_id, count, &attempt)).await
    }
}

/// Has whoever the request named told that the job has ended, just now and in this transaction.
pub(crate) fn insert(connection: &mut PgConnection, header: &Header) -> Result<(), Error> {
    let Some(url) = &header.callback_url else { return Ok(()) };
    prepared(INSERT)
        .bind::<Integer, _>(header.db_id.0)
        .bind::<UuidType, _>(header.job_id.0)
        .bind::<Text, _>(&header.account)
        .bind::<Text, _>(url)
        .execute(connection)?;
    Ok(())
}

fn take(
    connection: &mut PgConnection,
    busy: Vec<String>,
    lease: Duration,
) -> Result<Option<Callback>, Error> {
    let taken: Option<Taken> = prepared(TAKE)
        .bind::<Array<Text>, _>(busy)
        .bind::<Double, _>(lease.as_secs_f64())
        .get_result(connection)
        .optional()?;
    let Some(taken) = taken else { return Ok(None) };
    let status = match ledger::status(connection, &taken.account, JobId(taken.job_id)) {
        // Left for as long as it is lent: others are due, too.
        Ok(None) | Err(Error::Unreadable(_)) => {
            tracing::error!(job.id = %taken.job_id, "the job of a callback cannot be read: it is tried again later");
            return Ok(None);
        }
        Ok(Some(status)) => status,
        Err(error) => return Err(error),
    };
    Ok(Some(Callback {
        db_id: DatabaseId(taken.db_id),
        url: taken.url,
        attempt: u32::try_from(taken.attempts).map_err(|_range| Error::Unreadable("a callback"))?,
        status,
        account: taken.account,
    }))
}

fn settle(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    job_id: JobId,
    count: u32,
    attempt: &Attempt,
) -> Result<(), Error> {
    let count = i32::try_from(count).map_err(|_range| Error::Unstorable("a count out of range"))?;
    prepared(SETTLE)
        .bind::<Integer, _>(db_id.0)
        .bind::<UuidType, _>(job_id.0)
        .bind::<Integer, _>(count)
        .bind::<Text, _>(attempt.state.word())
        .bind::<Nullable<Integer>, _>(attempt.status.map(i32::from))
        .bind::<Nullable<Text>, _>(attempt.error.as_deref())
        .bind::<Double, _>(attempt.pause.as_secs_f64())
        .execute(connection)?;
    Ok(())
}
