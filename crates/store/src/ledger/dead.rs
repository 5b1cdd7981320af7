//! What the ledger knows of jobs whose messages are in the dead queue: for operators, whatever account they are of.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Integer, Nullable, Text, Timestamptz, Uuid as UuidType};
use intake_types::{Header, JobId, JobState};
use uuid::Uuid;

use super::{job, parts, redrive};
use crate::prepared::prepared;
use crate::{Error, Store};

const FIND: &str = "\
    SELECT j.state, j.error, j.error_text, j.finished_at, \
        j.finished_at + make_interval(secs => $3) AS kept_until, \
        coalesce((SELECT sum(n) FROM unnest(j.tally[1:5]) AS n), \
            (SELECT sum(c.records) FROM job_chunks c WHERE c.db_id = j.db_id AND c.job_id = j.id), 0)::bigint \
            AS processed, \
        (SELECT coalesce(sum(p.records), 0) FROM job_parts p WHERE p.db_id = j.db_id AND p.job_id = j.id) AS kept, \
        (SELECT n.id FROM jobs n WHERE n.db_id = j.db_id AND n.id = $4) AS redriven \
    FROM jobs j WHERE j.db_id = $1 AND j.id = $2";

/// What is known of a job whose message is dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadJob {
    /// Where it stands.
    pub state: JobState,
    /// Why it failed, if it did.
    pub error: Option<(u16, String)>,
    /// When it ended, if it did.
    pub finished_at: Option<DateTime<Utc>>,
    /// Until when that, and what is kept of its records here, is known.
    pub kept_until: Option<DateTime<Utc>>,
    /// Records that have a fate: the first ones.
    pub processed: u64,
    /// Records of its parts that are here.
    pub kept: u64,
    /// The job that was made of what was left of it.
    pub redriven: Option<JobId>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Integer>)]
    error: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    error_text: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    finished_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    kept_until: Option<DateTime<Utc>>,
    #[diesel(sql_type = BigInt)]
    processed: i64,
    #[diesel(sql_type = BigInt)]
    kept: i64,
    #[diesel(sql_type = Nullable<UuidType>)]
    redriven: Option<Uuid>,
}

impl Store {
    /// Where a job stands whose message is dead; `None` when it is not known, or no longer.
    pub async fn dead_job(&self, header: &Header) -> Result<Option<DeadJob>, Error> {
        let (db_id, job_id, keep) = (header.db_id, header.job_id, self.retention());
        self.run(move |connection| {
            let row: Option<Row> = prepared(FIND)
                .bind::<Integer, _>(db_id.0)
                .bind::<UuidType, _>(job_id.0)
                .bind::<Double, _>(keep.status.as_secs_f64())
                .bind::<UuidType, _>(job_id.redriven().0)
                .get_result(connection)
                .optional()?;
            row.map(Row::read).transpose()
        })
        .await
    }

    /// Drops what is kept of the records of a job that was given up, once nobody wants them any more. Nothing is done where
    /// a job that goes on with them has not ended, which is given then: the dead message may be all that brings it its seal.
    pub async fn drop_given_up(&self, header: &Header) -> Result<Option<JobId>, Error> {
        let header = header.clone();
        self.run(move |connection| {
            connection.transaction(|connection| {
                let open = redrive::open(connection, &header)?;
                if open.is_none() {
                    parts::drop_of_given_up(connection, &header)?;
                }
                Ok(open)
            })
        })
        .await
    }
}

impl Row {
    fn read(self) -> Result<DeadJob, Error> {
        let number = |count: i64| u64::try_from(count).map_err(|_range| Error::Unreadable("a job's counts"));
        let error = self.error.and_then(|error| u16::try_from(error).ok());
        Ok(DeadJob {
            state: job::parse(&self.state)?,
            error: error.zip(self.error_text),
            finished_at: self.finished_at,
            kept_until: self.kept_until,
            processed: number(self.processed)?,
            kept: number(self.kept)?,
            redriven: self.redriven.map(JobId),
        })
    }
}
