//! The failed records of a job, to be made a job of their own.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Text, Uuid as UuidType};
use intake_types::catalog::Account;
use intake_types::{DatabaseId, Header, JobId};
use serde_json::Value;

use crate::{Error, Store};

const KEPT: &str = "\
    SELECT j.header, f.records, f.bytes FROM jobs j \
    CROSS JOIN LATERAL ( \
        SELECT coalesce(sum(cardinality(records)), 0)::bigint AS records, \
            coalesce(sum((SELECT sum(octet_length(record)) FROM unnest(records) AS record)), 0)::bigint AS bytes \
        FROM job_failures WHERE db_id = j.db_id AND job_id = j.id \
    ) AS f \
    WHERE j.id = $1 AND j.account = $2";

const NEXT: &str = "\
    SELECT first_index, records FROM job_failures \
    WHERE db_id = $1 AND job_id = $2 AND first_index > $3 ORDER BY first_index LIMIT 1";

/// What is kept of the failed records of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// How the job was applied.
    pub header: Header,
    /// How many of its failed records are kept.
    pub records: u64,
    /// Their JSON text, in bytes.
    pub bytes: u64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Jsonb)]
    header: Value,
    #[diesel(sql_type = BigInt)]
    records: i64,
    #[diesel(sql_type = BigInt)]
    bytes: i64,
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
    /// What is kept of the failed records of a job of this account; `None` when there is no such job.
    pub async fn kept_failures(&self, account: &Account, job_id: JobId) -> Result<Option<Kept>, Error> {
        let account = account.name.clone();
        self.run(move |connection| {
            let row: Option<Row> = sql_query(KEPT)
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
            let chunk = sql_query(NEXT)
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
        let count =
            |count: i64| u64::try_from(count).map_err(|_range| Error::Unreadable("a count of records"));
        let header = serde_json::from_value(self.header);
        Ok(Kept {
            header: header.map_err(|_unfit| Error::Unreadable("a job's header"))?,
            records: count(self.records)?,
            bytes: count(self.bytes)?,
        })
    }
}
