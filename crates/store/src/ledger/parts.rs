//! The parts of streams: kept as they came until their seal makes them a job, and gone once that job has ended.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Double, Integer, Jsonb, Text, Uuid as UuidType};
use intake_types::{DatabaseId, Header, JobId, JobState, PartV1};
use serde_json::Value;
use uuid::Uuid;

use super::{cancel, ending, job};
use crate::prepared::prepared;
use crate::{Error, Retention, Store};

// Whoever keeps a part and whoever ends its job may not know of each other's rows, so they meet at a lock: a part is kept
// before the job's parts are dropped, or its job is seen to have ended. Its number is random bits of the job's id.
const LOCK_TO_KEEP: &str = "SELECT pg_advisory_xact_lock_shared($1)";
const LOCK_TO_DROP: &str = "SELECT pg_advisory_xact_lock($1)";

// Whether a part is of no use to anybody.
const OVER: &str = "\
    SELECT EXISTS ( \
        SELECT FROM jobs WHERE db_id = $1 AND id = $2 AND state <> 'processing' AND error IS DISTINCT FROM $3 \
    ) OR EXISTS (SELECT FROM job_aliases WHERE id = $2) AS over";

const KEEP: &str = "\
    INSERT INTO job_parts (db_id, job_id, first_index, records, header, payload, open_until) \
    VALUES ($1, $2, $3, $4, $5, $6, \
        now() + make_interval(secs => least(greatest($7 - extract(epoch FROM now())::bigint, 0), $8))) \
    ON CONFLICT DO NOTHING";

const PART: &str = "\
    SELECT first_index, records, payload FROM job_parts \
    WHERE db_id = $1 AND job_id = $2 AND first_index <= $3 AND $3 < first_index + records";

const KEPT: &str = "\
    SELECT coalesce(sum(records), 0)::integer AS records FROM job_parts WHERE db_id = $1 AND job_id = $2";

const DROP: &str = "DELETE FROM job_parts WHERE db_id = $1 AND job_id = $2";

const DROP_OF_GIVEN_UP: &str = "\
    DELETE FROM job_parts WHERE db_id = $1 AND job_id = $2 \
        AND EXISTS (SELECT FROM jobs WHERE db_id = $1 AND id = $2 AND error = 500)";

// Of each stream that no job was made of, that may not be open any more, and to which nothing came for this long, what its
// last part says.
const UNSEALED: &str = "\
    SELECT DISTINCT ON (db_id, job_id) job_id, header FROM job_parts p \
    WHERE NOT EXISTS (SELECT FROM jobs j WHERE j.db_id = p.db_id AND j.id = p.job_id) \
        AND NOT EXISTS (SELECT FROM job_aliases a WHERE a.id = p.job_id) \
        AND NOT EXISTS ( \
            SELECT FROM job_parts later WHERE later.db_id = p.db_id AND later.job_id = p.job_id \
                AND (later.stored_at > clock_timestamp() - make_interval(secs => $1) \
                    OR later.open_until > clock_timestamp()) \
        ) \
    ORDER BY db_id, job_id, first_index DESC \
    LIMIT $2";

/// Longest that a stream may be open after one of its parts has come, in seconds, whatever the clock said that the part was
/// sent by: a day, the longest that a gateway can be set to receive one, and an hour for its end.
const LONGEST_OPEN: i64 = 25 * 3600;

// Tells parts that come late that they are of no use.
const REPEATED: &str = "\
    INSERT INTO job_aliases (id, account, same_as) \
    SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM jobs WHERE id = $1) ON CONFLICT (id) DO NOTHING";

// What was sent with the key may be sent again with it. The account is there for the index.
const FREE_KEY: &str = "DELETE FROM request_keys WHERE account = $1 AND job_id = $2";

/// What a stream is told whose seal did not come: nobody here knows whether it was accepted.
const NO_END: &str = "the stream's end did not reach a worker in time; nothing of it was applied; \
    its records are kept: send it again with its Idempotency-Key, or cancel it first, or ask the operator";

/// Why parts are kept although their job has ended: an operator may still see to it.
pub(super) const GIVEN_UP: u16 = 500;

/// Records of a stream that follow each other, packed as they came.
#[derive(Debug, Clone)]
pub struct Part {
    /// Of its job; its total counts the records of the stream up to the last one here.
    pub header: Header,
    /// The position of the first record in the stream.
    pub first_index: u32,
    /// Until when more of the stream may come, its end included: seconds of Unix time, by the sender's clock.
    pub open_until: u64,
    /// The packed message.
    pub payload: Vec<u8>,
}

impl Part {
    /// A part that was read, and the packed message that it was read from.
    pub fn of(part: PartV1<'_>, payload: Vec<u8>) -> Self {
        let PartV1 { header, first_index, open_until, .. } = part;
        Self { header, first_index, open_until, payload }
    }
}

/// A part as it is here.
#[derive(QueryableByName)]
pub(super) struct Kept {
    #[diesel(sql_type = Integer)]
    first_index: i32,
    #[diesel(sql_type = Integer)]
    records: i32,
    #[diesel(sql_type = Binary)]
    pub(super) payload: Vec<u8>,
}

impl Kept {
    /// The positions of its first record and after its last.
    pub(super) fn range(&self) -> Result<Range<u32>, Error> {
        let position =
            |index: i32| u32::try_from(index).map_err(|_range| Error::Unreadable("the position of a part"));
        Ok(position(self.first_index)?..position(self.first_index.saturating_add(self.records))?)
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = Integer)]
    records: i32,
}

#[derive(QueryableByName)]
struct Over {
    #[diesel(sql_type = Bool)]
    over: bool,
}

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = UuidType)]
    job_id: Uuid,
    #[diesel(sql_type = Jsonb)]
    header: Value,
}

impl Store {
    /// Keeps a part of a stream, once however often it comes. False: its job has ended otherwise than by being given up, and
    /// it is dropped.
    pub async fn keep_part(&self, part: Arc<Part>) -> Result<bool, Error> {
        self.run(move |connection| connection.transaction(|connection| keep(connection, &part))).await
    }

    /// The part, packed, that holds the record at this position of a stream.
    pub async fn part(&self, header: &Header, index: u32) -> Result<Vec<u8>, Error> {
        let (db_id, job_id) = (header.db_id, header.job_id);
        self.run(move |connection| {
            let found = find(connection, db_id, job_id, index)?;
            let missing = || Error::Unknown(format!("the part with record {index} of the stream is missing"));
            found.map(|found| found.payload).ok_or_else(missing)
        })
        .await
    }

    /// How many records of a stream are here.
    pub async fn kept_records(&self, header: &Header) -> Result<u32, Error> {
        let (db_id, job_id) = (header.db_id, header.job_id);
        self.run(move |connection| {
            let count: Count = prepared(KEPT)
                .bind::<Integer, _>(db_id.0)
                .bind::<UuidType, _>(job_id.0)
                .get_result(connection)?;
            u32::try_from(count.records).map_err(|_range| Error::Unreadable("a part's count"))
        })
        .await
    }

    /// Ends the job of a stream that will not come to its end, and drops its parts. A job that is known already stays as
    /// it is: its seal has come. Whether it was ended. Nobody is told: no client was given the job.
    pub async fn cut(&self, header: &Header, error: u16, text: String) -> Result<bool, Error> {
        let (header, keep) = (header.clone(), self.retention());
        self.run(move |connection| {
            connection.transaction(|connection| {
                let is_made = job::make(connection, &header)?;
                if is_made {
                    ending::finish(connection, &[&header], keep, JobState::Failed, Some((error, &text)))?;
                }
                Ok(is_made)
            })
        })
        .await
    }

    /// Drops the parts of a stream that was sent before, as another job: this one never becomes a job of its own. Nothing
    /// is done where it is one already.
    pub async fn drop_repeated(&self, header: &Header, same_as: JobId) -> Result<(), Error> {
        let header = header.clone();
        self.run(move |connection| {
            connection.transaction(|connection| {
                // Its seal may be taken just now, for another gateway found its key reserved.
                cancel::hold_name(connection, header.job_id.0)?;
                let is_made = prepared(REPEATED)
                    .bind::<UuidType, _>(header.job_id.0)
                    .bind::<Text, _>(&*header.account)
                    .bind::<UuidType, _>(same_as.0)
                    .execute(connection)?;
                if is_made > 0 { drop_of_ended(connection, &header, None) } else { Ok(()) }
            })
        })
        .await
    }

    /// Ends the jobs of streams to which nothing has come for `older_than`, not even a seal, and which are not open any more
    /// by what their parts say, at most `most` of them. Gives the jobs that it ended.
    ///
    /// A slow stream is left alone as long as its gateway may be receiving it. What a part says of that counts up to 25
    /// hours from when it came, so a clock that is wrong keeps no stream for ever.
    ///
    /// Their parts are kept as those of any job that was given up: the stream may have been accepted, and they are all
    /// that there is of it. A seal that comes after all finds its job failed: `older_than` must be longer than any message
    /// waits in the queue.
    pub async fn end_unsealed(&self, older_than: Duration, most: u32) -> Result<Vec<JobId>, Error> {
        let keep = self.retention();
        self.run(move |connection| {
            let seconds = older_than.as_secs_f64();
            let found: Vec<Stored> = prepared(UNSEALED)
                .bind::<Double, _>(seconds)
                .bind::<BigInt, _>(i64::from(most))
                .load(connection)?;
            let mut ended = Vec::new();
            for Stored { job_id, header } in found {
                match connection.transaction(|connection| end_without_seal(connection, header, keep)) {
                    Ok(is_ended) => ended.extend(is_ended.then_some(JobId(job_id))),
                    Err(error) if error.is_transient() => return Err(error),
                    // It must not keep the others from their end.
                    Err(error) => {
                        tracing::error!(job.id = %job_id, %error, "a stream without an end cannot be ended");
                    }
                }
            }
            Ok(ended)
        })
        .await
    }
}

/// The part that holds the record at this position of a stream.
pub(super) fn find(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    job_id: JobId,
    index: u32,
) -> Result<Option<Kept>, Error> {
    let found = prepared(PART)
        .bind::<Integer, _>(db_id.0)
        .bind::<UuidType, _>(job_id.0)
        .bind::<Integer, _>(position(index)?)
        .get_result(connection);
    Ok(found.optional()?)
}

fn end_without_seal(connection: &mut PgConnection, header: Value, keep: Retention) -> Result<bool, Error> {
    let header: Header =
        serde_json::from_value(header).map_err(|_unfit| Error::Unreadable("the header of a part"))?;
    let is_made = job::make(connection, &header)?;
    if is_made {
        ending::end(connection, &header, keep, JobState::Failed, Some((GIVEN_UP, NO_END)))?;
        prepared(FREE_KEY)
            .bind::<Text, _>(&*header.account)
            .bind::<UuidType, _>(header.job_id.0)
            .execute(connection)?;
    }
    Ok(is_made)
}

pub(super) fn keep(connection: &mut PgConnection, part: &Part) -> Result<bool, Error> {
    let Part { header, first_index, open_until, payload } = part;
    prepared(LOCK_TO_KEEP).bind::<BigInt, _>(lock(header)).execute(connection)?;
    let Over { over } = prepared(OVER)
        .bind::<Integer, _>(header.db_id.0)
        .bind::<UuidType, _>(header.job_id.0)
        .bind::<Integer, _>(i32::from(GIVEN_UP))
        .get_result(connection)?;
    if over {
        return Ok(false);
    }
    prepared(KEEP)
        .bind::<Integer, _>(header.db_id.0)
        .bind::<UuidType, _>(header.job_id.0)
        .bind::<Integer, _>(position(*first_index)?)
        .bind::<Integer, _>(position(header.total.saturating_sub(*first_index))?)
        .bind::<Jsonb, _>(job::stored(header)?)
        .bind::<Binary, _>(payload)
        .bind::<BigInt, _>(i64::try_from(*open_until).unwrap_or(i64::MAX))
        .bind::<BigInt, _>(LONGEST_OPEN)
        .execute(connection)?;
    Ok(true)
}

/// Drops the parts of a streamed job that has ended, unless it was given up.
pub(super) fn drop_of_ended(
    connection: &mut PgConnection,
    header: &Header,
    error: Option<u16>,
) -> Result<(), Error> {
    if header.streamed && error != Some(GIVEN_UP) { drop_all(connection, header) } else { Ok(()) }
}

/// Drops the parts of a job.
pub(super) fn drop_all(connection: &mut PgConnection, header: &Header) -> Result<(), Error> {
    drop_by(connection, header, DROP)
}

/// Drops the parts of a job if it was given up.
pub(super) fn drop_of_given_up(connection: &mut PgConnection, header: &Header) -> Result<(), Error> {
    drop_by(connection, header, DROP_OF_GIVEN_UP)
}

fn drop_by(connection: &mut PgConnection, header: &Header, statement: &str) -> Result<(), Error> {
    prepared(LOCK_TO_DROP).bind::<BigInt, _>(lock(header)).execute(connection)?;
    prepared(statement)
        .bind::<Integer, _>(header.db_id.0)
        .bind::<UuidType, _>(header.job_id.0)
        .execute(connection)?;
    Ok(())
}

fn lock(header: &Header) -> i64 {
    let (_, random) = header.job_id.0.as_u64_pair();
    random.cast_signed()
}

fn position(index: u32) -> Result<i32, Error> {
    i32::try_from(index).map_err(|_range| Error::Unstorable("a position out of range"))
}
