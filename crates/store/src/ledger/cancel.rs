//! The wish that a job be stopped. It is written down first; then the lock of the job tells whether it came in time. Whoever
//! works on the job looks for it under the same lock, so either the job ends as cancelled or the client is told that it had
//! ended. Of a job that was given up the wish stays, and is wished of whatever goes on with it.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text, Uuid as UuidType};
use intake_types::catalog::Account;
use intake_types::{JobId, JobState, Status};
use uuid::Uuid;

use super::read::status;
use crate::prepared::prepared;
use crate::{Error, Store};

const HOLD_NAME: &str = "SELECT pg_advisory_xact_lock(hashtextextended('name ' || $1::text, 0))";

const WISH: &str =
    "INSERT INTO cancellations (job_id, account) VALUES ($1, $2) ON CONFLICT (job_id) DO NOTHING";

const FORGET: &str = "DELETE FROM cancellations WHERE job_id = $1";

const SAME_AS: &str = "SELECT coalesce((SELECT same_as FROM job_aliases WHERE id = $1), $1) AS id";

const LOCK: &str = "SELECT id FROM jobs WHERE id = $1 AND account = $2 FOR UPDATE";

const GOES_ON: &str = "SELECT EXISTS (SELECT FROM jobs WHERE id = $1) AS found";

const PASS_ON: &str = "\
    INSERT INTO cancellations (job_id, account) SELECT $2, account FROM cancellations WHERE job_id = $1 \
    ON CONFLICT (job_id) DO NOTHING";

const IS_WISHED: &str = "SELECT EXISTS (SELECT FROM cancellations WHERE job_id = $1) AS found";

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = UuidType)]
    id: Uuid,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Bool)]
    found: bool,
}

/// Where a job stands once somebody wishes it stopped.
enum Told {
    Here(Box<Option<Status>>),
    /// It was given up, and this one goes on with it.
    GoesOn(JobId),
}

impl Store {
    /// Has a job of this account stopped; the caller knows that it is one. Gives where it stands: one that has not ended now
    /// will end as cancelled, and of one that was given up nothing will be applied any more. Where another job goes on with
    /// it, that one is stopped and told of. `None`: no worker has it yet, and whoever takes it will find the wish.
    pub async fn cancel(&self, account: &Account, job_id: JobId) -> Result<Option<Status>, Error> {
        let account = account.name.clone();
        self.run(move |connection| cancel(connection, &account, job_id)).await
    }

    /// Whether somebody wishes a job stopped that no worker has yet.
    pub async fn is_cancel_requested(&self, job_id: JobId) -> Result<bool, Error> {
        self.run(move |connection| is_wished(connection, job_id)).await
    }
}

/// Until the transaction ends nobody else wishes this job stopped, or finds that it is the same as another: one of the two
/// sees what the other has done.
pub(super) fn hold_name(connection: &mut PgConnection, job_id: Uuid) -> Result<(), Error> {
    prepared(HOLD_NAME).bind::<UuidType, _>(job_id).execute(connection)?;
    Ok(())
}

pub(super) fn is_wished(connection: &mut PgConnection, job_id: JobId) -> Result<bool, Error> {
    is_found(connection, IS_WISHED, job_id)
}

/// Has what is wished of a job that was given up, and is locked, wished of the job that goes on with it.
pub(super) fn pass_on(connection: &mut PgConnection, old: JobId, new: JobId) -> Result<(), Error> {
    prepared(PASS_ON).bind::<UuidType, _>(old.0).bind::<UuidType, _>(new.0).execute(connection)?;
    Ok(())
}

fn is_found(connection: &mut PgConnection, statement: &str, job_id: JobId) -> Result<bool, Error> {
    let Found { found } = prepared(statement).bind::<UuidType, _>(job_id.0).get_result(connection)?;
    Ok(found)
}

fn cancel(connection: &mut PgConnection, account: &str, job_id: JobId) -> Result<Option<Status>, Error> {
    let mut told = cancel_one(connection, account, job_id.0)?;
    loop {
        match told {
            Told::Here(status) => return Ok(*status),
            Told::GoesOn(next) => told = cancel_one(connection, account, next.0)?,
        }
    }
}

fn cancel_one(connection: &mut PgConnection, account: &str, job_id: Uuid) -> Result<Told, Error> {
    // Committed by itself, before the job is locked: a chunk that begins after the lock was had sees it.
    let wish = |connection: &mut PgConnection, id: Uuid| {
        prepared(WISH).bind::<UuidType, _>(id).bind::<Text, _>(account).execute(connection)
    };
    let id = connection.transaction(|connection| -> Result<Uuid, Error> {
        hold_name(connection, job_id)?;
        wish(connection, job_id)?;
        // A job that turns out to be the same as another takes the wishes there are along.
        let Id { id } = prepared(SAME_AS).bind::<UuidType, _>(job_id).get_result(connection)?;
        if id != job_id {
            wish(connection, id)?;
        }
        Ok(id)
    })?;
    connection.transaction(|connection| {
        let _locked: Option<Id> = prepared(LOCK)
            .bind::<UuidType, _>(id)
            .bind::<Text, _>(account)
            .get_result(connection)
            .optional()?;
        let status = status(connection, account, JobId(id))?;
        let ended = |status: &Status| status.state.is_terminal() && status.state != JobState::Cancelled;
        if !status.as_ref().is_some_and(ended) {
            return Ok(Told::Here(Box::new(status)));
        }
        // Only now that it is locked: a redrive holds the lock too, and passes on the wish that it finds.
        let next = JobId(id).redriven();
        let is_given_up = status.as_ref().is_some_and(Status::is_given_up);
        let goes_on = is_given_up && is_found(connection, GOES_ON, next)?;
        if goes_on || !is_given_up {
            prepared(FORGET).bind::<UuidType, _>(id).execute(connection)?;
        }
        Ok(if goes_on { Told::GoesOn(next) } else { Told::Here(Box::new(status)) })
    })
}
