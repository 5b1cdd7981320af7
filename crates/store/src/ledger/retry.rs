//! The failed records of a job, to be made a job of their own.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Text, Uuid as UuidType};
use intake_types::catalog::Account;
use intake_types::{DatabaseId, Header, JobId, RequestKey};
use serde_json::Value;

use super::key::{Reserved, reserved};
use crate::prepared::prepared;
use crate::{Error, Store};

// Their text, which may be GiBs, is not looked at.
const KEPT: &str = "\
    SELECT j.header, ( \
        SELECT coalesce(sum(cardinality(f.indices)), 0)::bigint FROM job_failures f \
        WHERE f.db_id = j.db_id AND f.job_id = j.id \
    ) AS records \
    FROM jobs j WHERE j.id = $1 AND j.account = $2";

const NEXT: &str = "\
    SELECT first_index, records FROM job_failures \
    WHERE db_id = $1 AND job_id = $2 AND first_index > $3 ORDER BY first_index LIMIT 1";

// A retry that came to nothing stands in nobody's way. One of whose records only some have a fate keeps its key, and so does
// a redriven one that goes on after such: they must not be applied again.
const FREE: &str = "\
    DELETE FROM request_keys k USING jobs j \
    WHERE k.account = $1 AND k.scope = $2 AND k.key = $3 AND j.id = k.job_id \
        AND j.state IN ('failed', 'cancelled') \
        AND j.header ->> 'begins_at' IS NULL \
        AND j.tally[1] = 0 AND j.tally[2] = 0 AND j.tally[3] = 0 AND j.tally[5] = 0";

/// What is kept of the failed records of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// How the job was applied.
    pub header: Header,
    /// How many of its failed records are kept.
    pub records: u64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Jsonb)]
    header: Value,
    #[diesel(sql_type = BigInt)]
    records: i64,
}

/// Records that failed in one chunk.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct FailedChunk {
    /// The position of the chunk's first record, failed or not, in the job.
    #[diesel(sql_type = Integer)]
    pub first_index: i32,
    /// Their JSON text as it was sent, in input order.
    #[diesel(sql_type = Array<Text>)]
    pub records: Vec<String>,
}

impl Store {
    /// What the key of a retry stands for; `None`: it is free, or has been freed just now, because the retry ended without
    /// any of its records being applied or found wrong.
    pub async fn retried(&self, account: &Account, key: &RequestKey) -> Result<Option<Reserved>, Error> {
        let (account, key, keep) = (account.name.clone(), key.clone(), self.retention());
        self.run(move |connection| {
            prepared(FREE)
                .bind::<Text, _>(&account)
                .bind::<Text, _>(key.scope.word())
                .bind::<Text, _>(&key.key)
                .execute(connection)?;
            reserved(connection, keep, &account, &key)
        })
        .await
    }

    /// What is kept of the failed records of a job of this account; `None` when there is no such job.
    pub async fn kept_failures(&self, account: &Account, job_id: JobId) -> Result<Option<Kept>, Error> {
        let account = account.name.clone();
        self.run(move |connection| {
            let row: Option<Row> = prepared(KEPT)
                .bind::<UuidType, _>(job_id.0)
                .bind::<Text, _>(account)
                .get_result(connection)
                .optional()?;
            row.map(Row::read).transpose()
        })
        .await
    }

    /// The failed records of a job that are kept, chunk by chunk: those of the first one, or of the first after another.
    pub async fn failed_records(
        &self,
        db_id: DatabaseId,
        job_id: JobId,
        after: Option<i32>,
    ) -> Result<Option<FailedChunk>, Error> {
        self.run(move |connection| {
            let chunk = prepared(NEXT)
                .bind::<Integer, _>(db_id.0)
                .bind::<UuidType, _>(job_id.0)
                .bind::<Integer, _>(after.unwrap_or(-1))
                .get_result(connection)
                .optional()?;
            Ok(chunk)
        })
        .await
    }
}

impl Row {
    fn read(self) -> Result<Kept, Error> {
        let records = u64::try_from(self.records);
        let header = serde_json::from_value(self.header);
        Ok(Kept {
            header: header.map_err(|_unfit| Error::Unreadable("a job's header"))?,
            records: records.map_err(|_range| Error::Unreadable("a count of records"))?,
        })
    }
}
