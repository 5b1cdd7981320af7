//! The failed records of a job, to be made a job of their own.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Integer, Jsonb, Text, Uuid as UuidType};
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

const RECORDS: &str = "\
    SELECT r.record FROM job_failures f, unnest(f.indices, f.records) AS r (index, record) \
    WHERE f.db_id = $1 AND f.job_id = $2 ORDER BY f.first_index, r.index";

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

#[derive(QueryableByName)]
struct Record {
    #[diesel(sql_type = Text)]
    record: String,
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

    /// The failed records of a job, as they were sent, in input order: all of them, so see first how many are kept.
    pub async fn failed_records(&self, db_id: DatabaseId, job_id: JobId) -> Result<Vec<String>, Error> {
        self.run(move |connection| {
            let records: Vec<Record> = sql_query(RECORDS)
                .bind::<Integer, _>(db_id.0)
                .bind::<UuidType, _>(job_id.0)
                .load(connection)?;
            Ok(records.into_iter().map(|record| record.record).collect())
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
