//! What the ledger tells: the status of a job, and the outcomes of its records. Only of the account's own jobs.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as UuidType};
use intake_types::catalog::Account;
use intake_types::{DatabaseId, JobId, LedgerEntry, Results, Status, Tally};
use serde_json::Value;

use super::chunk::{self, Packed};
use super::job::parse;
use crate::schema::job_chunks;
use crate::{Error, Store};

// One statement, so one moment: the state and the counts always belong together.
const STATUS: &str = "\
    SELECT j.db_id, j.matching, j.external_id, j.total, j.warnings, j.state, j.attempts, j.started_at, j.finished_at, \
        j.error, j.error_text, clock_timestamp() AS read_at, t.* \
    FROM jobs j \
    CROSS JOIN LATERAL ( \
        SELECT coalesce(sum(created), 0) AS created, coalesce(sum(updated), 0) AS updated, \
            coalesce(sum(unchanged), 0) AS unchanged, coalesce(sum(skipped), 0) AS skipped, \
            coalesce(sum(failed), 0) AS failed, coalesce(sum(c.warnings), 0) AS record_warnings \
        FROM job_chunks c WHERE c.db_id = j.db_id AND c.job_id = j.id \
    ) AS t \
    WHERE j.id = $1 AND j.account = $2";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    db_id: i32,
    #[diesel(sql_type = Text)]
    matching: String,
    #[diesel(sql_type = Nullable<Text>)]
    external_id: Option<String>,
    #[diesel(sql_type = Integer)]
    total: i32,
    #[diesel(sql_type = Jsonb)]
    warnings: Value,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = Timestamptz)]
    started_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    finished_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Integer>)]
    error: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    error_text: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    read_at: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    created: i64,
    #[diesel(sql_type = BigInt)]
    updated: i64,
    #[diesel(sql_type = BigInt)]
    unchanged: i64,
    #[diesel(sql_type = BigInt)]
    skipped: i64,
    #[diesel(sql_type = BigInt)]
    failed: i64,
    #[diesel(sql_type = BigInt)]
    record_warnings: i64,
}

impl Row {
    fn read(self, job_id: JobId) -> Result<Status, Error> {
        let tally = Tally {
            created: number(self.created)?,
            updated: number(self.updated)?,
            unchanged: number(self.unchanged)?,
            skipped: number(self.skipped)?,
            failed: number(self.failed)?,
            warnings: number(self.record_warnings)?,
        };
        let warnings =
            serde_json::from_value(self.warnings).map_err(|_unfit| Error::Unreadable("a job's warnings"))?;
        let error =
            self.error.map(u16::try_from).transpose().map_err(|_range| Error::Unreadable("a job's error"))?;
        let entry = LedgerEntry {
            db_id: DatabaseId(self.db_id),
            matching: self.matching,
            external_id: self.external_id,
            total: number(self.total.into())?,
            tally,
            warnings,
            attempts: number(self.attempts.into())?,
            started_at: self.started_at,
            finished_at: self.finished_at,
            expires_at: None,
            read_at: self.read_at,
            error: error.zip(self.error_text),
        };
        Ok(Status { job_id, state: parse(&self.state)?, ledger: Some(entry) })
    }
}

fn number(value: i64) -> Result<u32, Error> {
    u32::try_from(value).map_err(|_range| Error::Unreadable("a job's count"))
}

impl Store {
    /// Where a job of this account stands; `None` when the ledger has no such job (yet).
    pub async fn status(&self, account: &Account, job_id: JobId) -> Result<Option<Status>, Error> {
        let account = account.clone();
        self.run(move |connection| status(connection, &account.name, job_id)).await
    }

    /// What became of each record so far; `None` when the ledger has no such job of this account (yet).
    pub async fn results(&self, account: &Account, job_id: JobId) -> Result<Option<Results>, Error> {
        let account = account.clone();
        self.run(move |connection| {
            // One snapshot: a job that reads as completed shows every outcome.
            connection
                .build_transaction()
                .read_only()
                .repeatable_read()
                .run(|connection| results(connection, &account, job_id))
        })
        .await
    }
}

pub(crate) fn status(
    connection: &mut PgConnection,
    account: &str,
    job_id: JobId,
) -> Result<Option<Status>, Error> {
    let row: Option<Row> = sql_query(STATUS)
        .bind::<UuidType, _>(job_id.0)
        .bind::<Text, _>(account)
        .get_result(connection)
        .optional()?;
    row.map(|row| row.read(job_id)).transpose()
}

fn results(
    connection: &mut PgConnection,
    account: &Account,
    job_id: JobId,
) -> Result<Option<Results>, Error> {
    let Some(Status { state, ledger: Some(entry), .. }) = status(connection, &account.name, job_id)? else {
        return Ok(None);
    };
    let rows: Vec<Packed> = job_chunks::table
        .filter(job_chunks::db_id.eq(entry.db_id.0).and(job_chunks::job_id.eq(job_id.0)))
        .order(job_chunks::first_index)
        .select((job_chunks::first_index, job_chunks::actions, job_chunks::profile_ids, job_chunks::details))
        .load(connection)?;
    let mut outcomes = Vec::with_capacity(usize::try_from(entry.tally.processed()).unwrap_or_default());
    for row in rows {
        outcomes.extend(chunk::unpack(row)?);
    }
    Ok(Some(Results { state, total: entry.total, outcomes }))
}
