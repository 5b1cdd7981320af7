//! What became of a job's records, read a portion at a time, so that a job of any size is read in flat memory and without a
//! transaction that lasts.
//!
//! That is enough because chunks never change: those that cover the first so many records are what they are, whatever is
//! applied meanwhile. Only what has expired goes away, and each portion is read together with the date.

use std::ops::Range;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, SmallInt, Text, Uuid as UuidType};
use intake_types::{Action, DatabaseId, Entry, JobId};
use serde_json::Value;
use uuid::Uuid;

use super::chunk::{self, Packed};
use crate::prepared::prepared;
use crate::{Error, Store};

/// The chunks of job ($1, $2) that have what is asked for ($5) of the records from $3 to before $4.
macro_rules! chunks {
    () => {
        "c.db_id = $1 AND c.job_id = $2 AND c.first_index < $4 AND c.first_index >= coalesce(( \
            SELECT max(first_index) FROM job_chunks WHERE db_id = $1 AND job_id = $2 AND first_index <= $3), 0) \
        AND (($5)[1] AND c.created > 0 OR ($5)[2] AND c.updated > 0 OR ($5)[3] AND c.unchanged > 0 \
            OR ($5)[4] AND c.skipped > 0 OR ($5)[5] AND c.failed > 0)"
    };
}

// A portion ends with the chunk in which it becomes large: 2,000 records, or 256 KiB as stored (of a value that is stored
// apart only the reference is read to tell). One row without a chunk: there is no more; none: the job has expired.
const PORTION: &str = concat!(
    "SELECT p.first_index, c.actions, c.profile_ids, c.details, f.indices, f.records \
    FROM jobs j \
    LEFT JOIN LATERAL ( \
        SELECT n.first_index, sum(n.records) OVER before AS records, sum(n.bytes) OVER before AS bytes \
        FROM ( \
            SELECT c.first_index, c.records, \
                pg_column_size(c.details) + coalesce(pg_column_size(f.records), 0) AS bytes \
            FROM job_chunks c LEFT JOIN job_failures f ON $6 AND f.db_id = c.db_id AND f.job_id = c.job_id \
                AND f.first_index = c.first_index \
            WHERE ",
    chunks!(),
    " ORDER BY c.first_index LIMIT 100 \
        ) AS n \
        WINDOW before AS (ORDER BY n.first_index ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) \
    ) AS p ON coalesce(p.records, 0) < 2000 AND coalesce(p.bytes, 0) < 262144 \
    LEFT JOIN job_chunks c ON c.db_id = $1 AND c.job_id = $2 AND c.first_index = p.first_index \
    LEFT JOIN job_failures f ON $6 AND f.db_id = $1 AND f.job_id = $2 AND f.first_index = p.first_index \
    WHERE j.db_id = $1 AND j.id = $2 AND (j.expires_at IS NULL OR j.expires_at > clock_timestamp()) \
    ORDER BY p.first_index"
);

const PAGE_END: &str = concat!(
    "SELECT c.first_index + (r.place - 1)::integer AS index \
    FROM job_chunks c CROSS JOIN LATERAL unnest(c.actions) WITH ORDINALITY AS r (action, place) \
    WHERE ",
    chunks!(),
    " AND r.action = ANY($6) AND c.first_index + r.place - 1 >= $3 AND c.first_index + r.place - 1 < $4 \
    ORDER BY c.first_index, r.place OFFSET $7 LIMIT 1"
);

/// Which entries of a job are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The database that the job is for.
    pub db_id: DatabaseId,
    /// The job.
    pub job_id: JobId,
    /// Of which records; all of them must have been processed.
    pub range: Range<u32>,
    /// Of which fates.
    pub only: Vec<Action>,
    /// Whether records that failed are read, too.
    pub with_records: bool,
}

/// Some of the entries, in input order.
#[derive(Debug, PartialEq, Eq)]
pub struct Portion {
    /// The entries; maybe none, even where more follow.
    pub entries: Vec<Entry>,
    /// The record to go on from; none: that was all.
    pub next_index: Option<u32>,
}

impl Store {
    /// The first entries of an excerpt. `None` when the results of the job are no longer kept.
    pub async fn results(&self, excerpt: Excerpt) -> Result<Option<Portion>, Error> {
        self.run(move |connection| portion(connection, &excerpt)).await
    }

    /// The record that the first entry after so many others is about; none: there are no more.
    pub async fn results_end(&self, excerpt: Excerpt, most: u32) -> Result<Option<u32>, Error> {
        self.run(move |connection| page_end(connection, &excerpt, most)).await
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Nullable<Integer>)]
    first_index: Option<i32>,
    #[diesel(sql_type = Nullable<Array<SmallInt>>)]
    actions: Option<Vec<i16>>,
    #[diesel(sql_type = Nullable<Array<Nullable<UuidType>>>)]
    profile_ids: Option<Vec<Option<Uuid>>>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    details: Option<Value>,
    #[diesel(sql_type = Nullable<Array<Integer>>)]
    indices: Option<Vec<i32>>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    records: Option<Vec<String>>,
}

impl Row {
    /// The chunk, and the records that failed; `None` where there is no chunk.
    fn split(self) -> Option<(Packed, Vec<(i32, String)>)> {
        let Self { first_index, actions, profile_ids, details, indices, records } = self;
        let packed = Packed {
            first_index: first_index?,
            actions: actions?,
            profile_ids: profile_ids?,
            details: details?,
        };
        let records = indices.unwrap_or_default().into_iter().zip(records.unwrap_or_default()).collect();
        Some((packed, records))
    }
}

fn portion(connection: &mut PgConnection, excerpt: &Excerpt) -> Result<Option<Portion>, Error> {
    let rows: Vec<Row> = prepared(PORTION)
        .bind::<Integer, _>(excerpt.db_id.0)
        .bind::<UuidType, _>(excerpt.job_id.0)
        .bind::<Integer, _>(chunk::count(excerpt.range.start)?)
        .bind::<Integer, _>(chunk::count(excerpt.range.end)?)
        .bind::<Array<Bool>, _>(wanted(&excerpt.only))
        .bind::<Bool, _>(excerpt.with_records)
        .load(connection)?;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut portion = Portion { entries: Vec::new(), next_index: None };
    for (packed, records) in rows.into_iter().filter_map(Row::split) {
        let mut records = records.into_iter().peekable();
        for outcome in chunk::unpack(packed)? {
            portion.next_index = Some(outcome.index.saturating_add(1));
            let index = i32::try_from(outcome.index);
            let record = records.next_if(|(of, _)| Ok(*of) == index).map(|(_, record)| record);
            if excerpt.range.contains(&outcome.index) && excerpt.only.contains(&outcome.action) {
                portion.entries.push(Entry { outcome, record });
            }
        }
    }
    portion.next_index = portion.next_index.filter(|next| *next < excerpt.range.end);
    Ok(Some(portion))
}

fn page_end(connection: &mut PgConnection, excerpt: &Excerpt, most: u32) -> Result<Option<u32>, Error> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Integer)]
        index: i32,
    }
    let actions: Vec<i16> = excerpt.only.iter().copied().map(chunk::number).collect();
    let found: Option<Found> = prepared(PAGE_END)
        .bind::<Integer, _>(excerpt.db_id.0)
        .bind::<UuidType, _>(excerpt.job_id.0)
        .bind::<Integer, _>(chunk::count(excerpt.range.start)?)
        .bind::<Integer, _>(chunk::count(excerpt.range.end)?)
        .bind::<Array<Bool>, _>(wanted(&excerpt.only))
        .bind::<Array<SmallInt>, _>(actions)
        .bind::<BigInt, _>(i64::from(most))
        .get_result(connection)
        .optional()?;
    let index = found.map(|found| u32::try_from(found.index)).transpose();
    index.map_err(|_range| Error::Unreadable("a record's position"))
}

/// Whether each fate is asked for, in the order of the columns that count them.
fn wanted(only: &[Action]) -> Vec<bool> {
    Action::ALL.iter().map(|action| only.contains(action)).collect()
}
