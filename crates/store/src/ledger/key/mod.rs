//! Which job a request with a key was given: asked by the gateway before it publishes, decided by the worker that first
//! takes the job. Both hold the row of the key while they decide, so there is one job to a key, whoever comes first.

#[cfg(test)]
mod tests;

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Binary, Bool, Double, Nullable, Text, Uuid as UuidType};
use intake_types::{Fingerprint, Header, JobId, RequestKey, Stamp};
use uuid::Uuid;

use crate::ledger::cancel;
use crate::prepared::prepared;
use crate::{Error, Retention, Store};

/// How often a key may vanish (be purged) between two statements.
pub(super) const ATTEMPTS: usize = 3;

// One round trip for a key that is known and for one that is not. A row that is too old is as good as none. What a worker has,
// or is for something else, is only read; any other is one more time about to be published. Whether a worker has it is as of
// the start: where one has come since, the message that is published again is of a job that is known, which is no harm.
const RESERVE: &str = "\
    WITH found AS ( \
        SELECT job_id, fingerprint, stands_at, EXISTS (SELECT FROM jobs WHERE id = job_id) AS registered \
        FROM request_keys \
        WHERE account = $1 AND scope = $2 AND key = $3 AND created_at > now() - make_interval(secs => $6) \
    ), settled AS ( \
        SELECT * FROM found WHERE registered OR fingerprint <> $4 \
    ), taken AS ( \
        INSERT INTO request_keys AS k (account, scope, key, fingerprint, job_id, stands_at) \
        SELECT $1, $2, $3, $4, $5, $7 WHERE NOT EXISTS (SELECT FROM settled) \
        ON CONFLICT (account, scope, key) DO UPDATE \
        SET (fingerprint, job_id, stands_at, takings, created_at) = ( \
            SELECT excluded.fingerprint, excluded.job_id, excluded.stands_at, 1, now() \
            WHERE k.created_at <= now() - make_interval(secs => $6) \
            UNION ALL \
            SELECT k.fingerprint, k.job_id, k.stands_at, \
                k.takings + (k.fingerprint = excluded.fingerprint)::integer, k.created_at \
            WHERE k.created_at > now() - make_interval(secs => $6) \
        ) \
        RETURNING job_id, fingerprint, stands_at \
    ) \
    SELECT job_id, fingerprint, stands_at, false AS registered FROM taken UNION ALL SELECT * FROM settled";

const TAKE_BACK: &str = "\
    UPDATE request_keys SET takings = takings - 1 \
    WHERE account = $1 AND scope = $2 AND key = $3 AND job_id = $4";

const FREE: &str = "\
    DELETE FROM request_keys WHERE account = $1 AND scope = $2 AND key = $3 AND job_id = $4 AND takings = 0";

const FIND: &str = "\
    SELECT job_id, fingerprint, stands_at, EXISTS (SELECT FROM jobs WHERE id = job_id) AS registered \
    FROM request_keys \
    WHERE account = $1 AND scope = $2 AND key = $3 AND created_at > now() - make_interval(secs => $4)";

const INSERT: &str = "\
    INSERT INTO request_keys (account, scope, key, job_id, fingerprint, stands_at) VALUES ($1, $2, $3, $4, $5, $6) \
    ON CONFLICT (account, scope, key) DO NOTHING";

// The lock makes workers that bring two jobs of one key decide one after the other. Whether a job is registered is asked
// for by a later statement: this one, once it has waited, would still not see what others committed meanwhile.
const LOCK: &str = "\
    SELECT job_id, fingerprint, stands_at, false AS registered FROM request_keys \
    WHERE account = $1 AND scope = $2 AND key = $3 FOR UPDATE";

const TAKE_OVER: &str = "\
    UPDATE request_keys SET job_id = $4, fingerprint = $5, stands_at = $6, takings = 1, created_at = now() \
    WHERE account = $1 AND scope = $2 AND key = $3";

// A request that is sent again is answered with the job that goes on with it.
const HAND_ON: &str = "\
    UPDATE request_keys SET job_id = $5 WHERE account = $1 AND scope = $2 AND key = $3 AND job_id = $4";

const KNOWN: &str = "\
    SELECT EXISTS (SELECT FROM jobs WHERE id = $1) AS registered, \
        (SELECT same_as FROM job_aliases WHERE id = $1) AS same_as";

// What was wished of the one is wished of the other.
const ALIAS: &str = "\
    WITH wish AS ( \
        INSERT INTO cancellations (job_id, account) SELECT $3, account FROM cancellations WHERE job_id = $1 \
        ON CONFLICT (job_id) DO NOTHING \
    ) \
    INSERT INTO job_aliases (id, account, same_as) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING";

/// What the ledger knows of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved {
    /// The job that the key stands for.
    pub job_id: JobId,
    /// What was asked for with it.
    pub fingerprint: Fingerprint,
    /// Where it stands in the order of acceptance: where it stood when it was first taken.
    pub stands_at: Stamp,
    /// Whether a worker has the job, so that it is safe; else it may never have been published.
    pub registered: bool,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = UuidType)]
    job_id: Uuid,
    #[diesel(sql_type = Binary)]
    fingerprint: Vec<u8>,
    #[diesel(sql_type = UuidType)]
    stands_at: Uuid,
    #[diesel(sql_type = Bool)]
    registered: bool,
}

impl Row {
    fn read(self) -> Result<Reserved, Error> {
        let bytes = self.fingerprint.try_into();
        let bytes = bytes.map_err(|_length| Error::Unreadable("a fingerprint"))?;
        Ok(Reserved {
            job_id: JobId(self.job_id),
            fingerprint: Fingerprint(bytes),
            stands_at: Stamp(self.stands_at),
            registered: self.registered,
        })
    }
}

#[derive(QueryableByName)]
struct Known {
    #[diesel(sql_type = Bool)]
    registered: bool,
    #[diesel(sql_type = Nullable<UuidType>)]
    same_as: Option<Uuid>,
}

impl Store {
    /// Reserves a key for a job that is about to be published and stands so in the order of acceptance, unless it stands for
    /// another already. What it stands for now.
    ///
    /// A request for the same counts as taken until [`Store::refused`] is told that it was not.
    pub async fn reserve(
        &self,
        account: &str,
        key: &RequestKey,
        job_id: JobId,
        order: Stamp,
    ) -> Result<Reserved, Error> {
        let (account, key, keep) = (account.to_owned(), key.clone(), self.retention());
        self.run(move |connection| reserve(connection, keep, &account, &key, (job_id, order))).await
    }

    /// A request for which this key was reserved, and which got this job, was certainly not published. Whether the key is
    /// free now: nobody else has taken the request.
    pub async fn refused(&self, account: &str, key: &RequestKey, job_id: JobId) -> Result<bool, Error> {
        let (account, key) = (account.to_owned(), key.clone());
        self.run(move |connection| {
            connection.transaction(|connection| refused(connection, &account, &key, job_id))
        })
        .await
    }

    /// What a key stands for; `None`: it is free.
    pub async fn reserved(&self, account: &str, key: &RequestKey) -> Result<Option<Reserved>, Error> {
        let (account, key, keep) = (account.to_owned(), key.clone(), self.retention());
        self.run(move |connection| reserved(connection, keep, &account, &key)).await
    }
}

pub(super) fn reserved(
    connection: &mut PgConnection,
    keep: Retention,
    account: &str,
    key: &RequestKey,
) -> Result<Option<Reserved>, Error> {
    let found: Option<Row> = prepared(FIND)
        .bind::<Text, _>(account)
        .bind::<Text, _>(key.scope.word())
        .bind::<Text, _>(&key.key)
        .bind::<Double, _>(duration(keep, key).as_secs_f64())
        .get_result(connection)
        .optional()?;
    found.map(Row::read).transpose()
}

/// For how long a key stands for its job.
fn duration(keep: Retention, key: &RequestKey) -> Duration {
    key.seconds.map_or(keep.status, |seconds| Duration::from_secs(seconds.into()))
}

pub(super) fn reserve(
    connection: &mut PgConnection,
    keep: Retention,
    account: &str,
    key: &RequestKey,
    (job_id, order): (JobId, Stamp),
) -> Result<Reserved, Error> {
    let row: Row = prepared(RESERVE)
        .bind::<Text, _>(account)
        .bind::<Text, _>(key.scope.word())
        .bind::<Text, _>(&key.key)
        .bind::<Binary, _>(key.fingerprint.0.as_slice())
        .bind::<UuidType, _>(job_id.0)
        .bind::<Double, _>(duration(keep, key).as_secs_f64())
        .bind::<UuidType, _>(order.0)
        .get_result(connection)?;
    row.read()
}

/// Takes a taking back, see [`Store::refused`]. Needs a transaction: nobody is to see a key without takings.
pub(super) fn refused(
    connection: &mut PgConnection,
    account: &str,
    key: &RequestKey,
    job_id: JobId,
) -> Result<bool, Error> {
    let run = |connection: &mut PgConnection, statement: &str| {
        prepared(statement)
            .bind::<Text, _>(account)
            .bind::<Text, _>(key.scope.word())
            .bind::<Text, _>(&key.key)
            .bind::<UuidType, _>(job_id.0)
            .execute(connection)
    };
    run(connection, TAKE_BACK)?;
    Ok(run(connection, FREE)? > 0)
}

/// Gives a key from a job to the one that goes on with it; false: it does not stand for that job any more.
pub(super) fn hand_on(
    connection: &mut PgConnection,
    account: &str,
    key: &RequestKey,
    from: JobId,
    to: JobId,
) -> Result<bool, Error> {
    let moved = prepared(HAND_ON)
        .bind::<Text, _>(account)
        .bind::<Text, _>(key.scope.word())
        .bind::<Text, _>(&key.key)
        .bind::<UuidType, _>(from.0)
        .bind::<UuidType, _>(to.0)
        .execute(connection)?;
    Ok(moved > 0)
}

/// What becomes of a job that a worker brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// It is applied, and stands so in the order of acceptance.
    Own(Stamp),
    /// It was decided before that it is applied, and where it stands.
    Known,
    /// It is the same as another, which is registered: nothing of it is applied.
    SameAs(JobId),
    /// Its key stands for something else: it fails.
    Reused,
}

/// The job that this one was found to be the same as.
pub(super) fn same_as(connection: &mut PgConnection, job_id: JobId) -> Result<Option<JobId>, Error> {
    let known: Known = prepared(KNOWN).bind::<UuidType, _>(job_id.0).get_result(connection)?;
    Ok(known.same_as.map(JobId))
}

/// Decides, once for ever, what becomes of a job with a key. The transaction must be the one that registers it.
pub(super) fn settle(
    connection: &mut PgConnection,
    keep: Retention,
    header: &Header,
    key: &RequestKey,
) -> Result<Settled, Error> {
    let own = header.stamp();
    let known: Known = prepared(KNOWN).bind::<UuidType, _>(header.job_id.0).get_result(connection)?;
    match known {
        Known { same_as: Some(other), .. } => return Ok(Settled::SameAs(JobId(other))),
        // It was decided when it was registered; the key may be another's by now.
        Known { registered: true, .. } => return Ok(Settled::Known),
        Known { registered: false, same_as: None } => {}
    }
    for _ in 0..ATTEMPTS {
        let inserted = give(connection, INSERT, header, key, own)?;
        if inserted {
            return Ok(Settled::Own(own));
        }
        let row: Option<Row> = prepared(LOCK)
            .bind::<Text, _>(&*header.account)
            .bind::<Text, _>(key.scope.word())
            .bind::<Text, _>(&key.key)
            .get_result(connection)
            .optional()?;
        if let Some(row) = row {
            return against(connection, keep, header, key, row.read()?);
        }
    }
    Err(Error::Contention)
}

/// Decides between a job and the one that its key stands for. Their ids say when they were accepted, and that counts: one
/// may have waited in the queue for long.
fn against(
    connection: &mut PgConnection,
    keep: Retention,
    header: &Header,
    key: &RequestKey,
    held: Reserved,
) -> Result<Settled, Error> {
    let own = header.stamp();
    if held.job_id == header.job_id {
        return Ok(Settled::Own(own));
    }
    let later = header.job_id.accepted_at_micros().saturating_sub(held.job_id.accepted_at_micros());
    let valid = i64::try_from(duration(keep, key).as_micros()).unwrap_or(i64::MAX);
    if later >= valid {
        give(connection, TAKE_OVER, header, key, own)?;
        return Ok(Settled::Own(own));
    }
    if later <= -valid {
        return Ok(Settled::Own(own));
    }
    let other: Known = prepared(KNOWN).bind::<UuidType, _>(held.job_id.0).get_result(connection)?;
    let is_same = held.fingerprint == key.fingerprint;
    if !other.registered && (is_same || later < 0) {
        // It may have been reserved and never published; should it come after all, it is the same as this one, which stands
        // where the first of them was taken. And where it is for something else, the request that was accepted first has the
        // key.
        let first = if is_same { held.stands_at.min(own) } else { own };
        give(connection, TAKE_OVER, header, key, first)?;
        return Ok(Settled::Own(first));
    }
    if !is_same {
        return Ok(Settled::Reused);
    }
    cancel::hold_name(connection, header.job_id.0)?;
    prepared(ALIAS)
        .bind::<UuidType, _>(header.job_id.0)
        .bind::<Text, _>(&*header.account)
        .bind::<UuidType, _>(held.job_id.0)
        .execute(connection)?;
    Ok(Settled::SameAs(held.job_id))
}

/// Gives a key to a job, by one of the two statements; false: it stands for another.
fn give(
    connection: &mut PgConnection,
    statement: &str,
    header: &Header,
    key: &RequestKey,
    order: Stamp,
) -> Result<bool, Error> {
    let given = prepared(statement)
        .bind::<Text, _>(&*header.account)
        .bind::<Text, _>(key.scope.word())
        .bind::<Text, _>(&key.key)
        .bind::<UuidType, _>(header.job_id.0)
        .bind::<Binary, _>(key.fingerprint.0.as_slice())
        .bind::<UuidType, _>(order.0)
        .execute(connection)?;
    Ok(given > 0)
}
