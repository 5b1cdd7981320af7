//! What the ledger tells of jobs. Only of the account's own.

use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as UuidType};
use intake_types::catalog::Account;
use intake_types::{DatabaseId, Header, JobId, JobState, LedgerEntry, Status, Tally};
use serde_json::Value;
use uuid::Uuid;

use super::job::parse;
use crate::prepared::prepared;
use crate::{Error, Store, callbacks};

// One statement, so one moment: the state and the counts always belong together. A job that is the same as another is
// told as that other one.
pub(super) const STATUS: &str = "\
    SELECT j.id, j.db_id, j.header, j.total, j.state, j.attempts, j.started_at, j.taken_at, j.finished_at, \
        j.expires_at, j.error, j.error_text, clock_timestamp() AS read_at, t.tally, t.since_taken, \
        b.url, b.state AS callback, b.attempts AS tries, b.last_status, b.last_error, b.next_at, \
        (j.finished_at IS NULL OR j.error IS NOT DISTINCT FROM 500) \
            AND EXISTS (SELECT FROM cancellations w WHERE w.job_id = j.id) AS cancel_requested \
    FROM jobs j \
    CROSS JOIN LATERAL ( \
        SELECT coalesce(j.tally, ARRAY[coalesce(sum(created), 0), coalesce(sum(updated), 0), \
            coalesce(sum(unchanged), 0), coalesce(sum(skipped), 0), coalesce(sum(failed), 0), \
            coalesce(sum(warnings), 0)]::integer[]) AS tally, \
            coalesce(sum(c.records) FILTER (WHERE c.applied_at >= j.taken_at), 0) AS since_taken \
        FROM job_chunks c WHERE j.tally IS NULL AND c.db_id = j.db_id AND c.job_id = j.id \
    ) AS t \
    LEFT JOIN callbacks b ON b.db_id = j.db_id AND b.job_id = j.id \
    WHERE j.account = $1";

/// The job that job $2 is the same as, else itself.
const SAME: &str = "coalesce((SELECT same_as FROM job_aliases WHERE id = $2), $2)";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = UuidType)]
    id: Uuid,
    #[diesel(sql_type = Integer)]
    db_id: i32,
    #[diesel(sql_type = Jsonb)]
    header: Value,
    #[diesel(sql_type = Integer)]
    total: i32,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = Timestamptz)]
    started_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    taken_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    finished_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    expires_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Integer>)]
    error: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    error_text: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    read_at: DateTime<Utc>,
    #[diesel(sql_type = Array<Integer>)]
    tally: Vec<i32>,
    #[diesel(sql_type = BigInt)]
    since_taken: i64,
    #[diesel(embed)]
    callback: callbacks::Row,
    #[diesel(sql_type = Bool)]
    cancel_requested: bool,
}

impl Row {
    fn read(self) -> Result<Status, Error> {
        let state = parse(&self.state)?;
        if !state.is_terminal() && self.attempts == 0 {
            // It has a row before it has a worker: it goes on with another one, or was to be applied together with others.
            return Ok(Status {
                job_id: JobId(self.id),
                state: JobState::Queued,
                cancel_requested: self.cancel_requested,
                ledger: None,
            });
        }
        let tally = tally(&self.tally)?;
        let header: Header =
            serde_json::from_value(self.header).map_err(|_unfit| Error::Unreadable("a job's header"))?;
        let error =
            self.error.map(u16::try_from).transpose().map_err(|_range| Error::Unreadable("a job's error"))?;
        let entry = LedgerEntry {
            db_id: DatabaseId(self.db_id),
            matching: header.rule.word().to_owned(),
            external_id: header.external_id,
            retry_of: header.retry_of,
            total: number(self.total.into())?,
            tally,
            warnings: header.warnings,
            attempts: number(self.attempts.into())?,
            validate_only: header.validate_only,
            started_at: self.started_at,
            taken: (self.taken_at, number(self.since_taken)?),
            finished_at: self.finished_at,
            expires_at: self.expires_at,
            read_at: self.read_at,
            error: error.zip(self.error_text),
            callback: self.callback.read(header.callback_url)?,
        };
        Ok(Status {
            job_id: JobId(self.id),
            state,
            cancel_requested: self.cancel_requested,
            ledger: Some(entry),
        })
    }
}

/// Reads counts in the order of the columns of `job_chunks`.
pub(super) fn tally(counts: &[i32]) -> Result<Tally, Error> {
    let &[created, updated, unchanged, skipped, failed, warnings] = counts else {
        return Err(Error::Unreadable("a job's counts"));
    };
    Ok(Tally {
        created: number(created.into())?,
        updated: number(updated.into())?,
        unchanged: number(unchanged.into())?,
        skipped: number(skipped.into())?,
        failed: number(failed.into())?,
        warnings: number(warnings.into())?,
    })
}

pub(super) fn number(value: i64) -> Result<u32, Error> {
    u32::try_from(value).map_err(|_range| Error::Unreadable("a job's count"))
}

/// Which jobs of an account are listed: those of which all that is given here is true.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// They stand so; none: however they stand.
    pub states: Vec<JobState>,
    /// They are for this database.
    pub db_id: Option<DatabaseId>,
    /// They have this name of the client's.
    pub external_id: Option<String>,
    /// They were accepted before this one.
    pub before: Option<JobId>,
}

impl Store {
    /// Jobs of this account, the last accepted first, at most so many; none that no worker has taken yet.
    pub async fn jobs(&self, account: &Account, filter: JobFilter, most: u32) -> Result<Vec<Status>, Error> {
        let account = account.name.clone();
        self.run(move |connection| jobs(connection, account, filter, most)).await
    }

    /// Where a job of this account stands; `None` when the ledger has no such job (yet).
    pub async fn status(&self, account: &Account, job_id: JobId) -> Result<Option<Status>, Error> {
        let account = account.clone();
        self.run(move |connection| status(connection, &account.name, job_id)).await
    }
}

pub(crate) fn status(
    connection: &mut PgConnection,
    account: &str,
    job_id: JobId,
) -> Result<Option<Status>, Error> {
    let row: Option<Row> = prepared(format!("{STATUS} AND j.id = {SAME}"))
        .bind::<Text, _>(account)
        .bind::<UuidType, _>(job_id.0)
        .get_result(connection)
        .optional()?;
    row.map(Row::read).transpose()
}

fn jobs(
    connection: &mut PgConnection,
    account: String,
    filter: JobFilter,
    most: u32,
) -> Result<Vec<Status>, Error> {
    let mut query = sql_query(STATUS).into_boxed::<Pg>().bind::<Text, _>(account);
    query = query.sql(" AND (j.attempts > 0 OR j.finished_at IS NOT NULL)");
    let mut bound = 1;
    let mut next = || {
        bound += 1;
        bound
    };
    if let Some(before) = filter.before {
        query = query.sql(format!(" AND j.id < ${}", next())).bind::<UuidType, _>(before.0);
    }
    if let Some(db_id) = filter.db_id {
        query = query.sql(format!(" AND j.db_id = ${}", next())).bind::<Integer, _>(db_id.0);
    }
    if let Some(external_id) = filter.external_id {
        query = query.sql(format!(" AND j.external_id = ${}", next())).bind::<Text, _>(external_id);
    }
    if !filter.states.is_empty() {
        // Written out, so that the planner can tell whether the index of the few suffices.
        let words: Vec<String> = filter.states.iter().map(|state| format!("'{}'", state.word())).collect();
        query = query.sql(format!(" AND j.state IN ({})", words.join(", ")));
    }
    let query = query.sql(format!(" ORDER BY j.id DESC LIMIT {most}"));
    let rows: Vec<Row> = query.load(connection)?;
    rows.into_iter().map(Row::read).collect()
}
