//! What the ledger tells: the status of a job, and the outcomes of its records. Only of the account's own jobs.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as UuidType};
use intake_types::catalog::Account;
use intake_types::{DatabaseId, Header, JobId, LedgerEntry, Results, Status, Tally};
use serde_json::Value;
use uuid::Uuid;

use super::chunk::{self, Packed};
use super::job::parse;
use crate::schema::job_chunks;
use crate::{Error, Store};

// One statement, so one moment: the state and the counts always belong together. A job that is the same as another is
// told as that other one.
const STATUS: &str = "\
    SELECT j.id, j.db_id, j.header, j.total, j.state, j.attempts, j.started_at, j.finished_at, j.expires_at, \
        j.error, j.error_text, clock_timestamp() AS read_at, t.tally \
    FROM jobs j \
    CROSS JOIN LATERAL ( \
        SELECT coalesce(j.tally, ARRAY[coalesce(sum(created), 0), coalesce(sum(updated), 0), \
            coalesce(sum(unchanged), 0), coalesce(sum(skipped), 0), coalesce(sum(failed), 0), \
            coalesce(sum(warnings), 0)]::integer[]) AS tally \
        FROM job_chunks c WHERE j.tally IS NULL AND c.db_id = j.db_id AND c.job_id = j.id \
    ) AS t \
    WHERE j.id = coalesce((SELECT same_as FROM job_aliases WHERE id = $1), $1) AND j.account = $2";

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
}

impl Row {
    fn read(self) -> Result<Status, Error> {
        let tally = tally(&self.tally)?;
        let header: Header =
            serde_json::from_value(self.header).map_err(|_unfit| Error::Unreadable("a job's header"))?;
        let error =
            self.error.map(u16::try_from).transpose().map_err(|_range| Error::Unreadable("a job's error"))?;
        let entry = LedgerEntry {
            db_id: DatabaseId(self.db_id),
            matching: header.rule.word().to_owned(),
            external_id: header.external_id,
            total: number(self.total.into())?,
            tally,
            warnings: header.warnings,
            attempts: number(self.attempts.into())?,
            started_at: self.started_at,
            finished_at: self.finished_at,
            expires_at: self.expires_at,
            read_at: self.read_at,
            error: error.zip(self.error_text),
        };
        Ok(Status { job_id: JobId(self.id), state: parse(&self.state)?, ledger: Some(entry) })
    }
}

/// Reads counts in the order of the columns of `job_chunks`.
fn tally(counts: &[i32]) -> Result<Tally, Error> {
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
    row.map(Row::read).transpose()
}

fn results(
    connection: &mut PgConnection,
    account: &Account,
    job_id: JobId,
) -> Result<Option<Results>, Error> {
    let Some(Status { job_id, state, ledger: Some(entry) }) = status(connection, &account.name, job_id)?
    else {
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
