//! What is left of a job that was given up, made a job of its own. All of it in one transaction: whoever is told of the new
//! job finds it here with all of its records, and its seal is published only then, as often as it takes.

use std::ops::Range;

use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Nullable, Text, Uuid as UuidType};
use intake_types::{Header, JobId, JobState, Stamp};
use uuid::Uuid;

use super::key::{self, Reserved};
use super::{cancel, job, parts};
use crate::prepared::prepared;
use crate::{Error, Part, Retention, Store};

// The sums over its chunks outlive these, and what was applied is a prefix.
const LOCK: &str = "\
    SELECT state, error, total, tally, (header ->> 'order')::uuid AS order FROM jobs \
    WHERE db_id = $1 AND id = $2 FOR UPDATE";

// No worker has taken it yet.
const NOT_TAKEN: &str = "UPDATE jobs SET attempts = 0 WHERE db_id = $1 AND id = $2";

/// A job that was given up, as its message says it.
#[derive(Debug, Clone)]
pub struct GivenUp {
    /// How its records are applied.
    pub header: Header,
    /// Its records, packed as parts of a stream; none of a stream, whose parts are kept.
    pub parts: Vec<Part>,
    /// Apply all of its records although it is not known which of them were.
    pub from_start: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redriven {
    /// There is a job that has what is left, made just now or before: its seal is to be published.
    Made {
        /// What its seal says.
        header: Box<Header>,
        /// The first record of the job before it that it has.
        from: u32,
        /// Whether its client wishes it stopped: its records will be skipped.
        is_cancelled: bool,
    },
    /// There was one, and it has ended.
    Ended(JobId, JobState),
    /// The job has not ended: its message is to be taken to a worker as it is.
    Open,
    /// Nothing is left of it: it has ended so, or all of its records have their fate.
    Over(JobState),
    /// It is the same as another job, which is applied.
    SameAs(JobId),
    /// The request was sent again since, and has another job.
    SentAgain(JobId),
    /// The ledger does not know the job, or no longer.
    Unknown,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Integer>)]
    error: Option<i32>,
    #[diesel(sql_type = Integer)]
    total: i32,
    #[diesel(sql_type = Nullable<Array<Integer>>)]
    tally: Option<Vec<i32>>,
    #[diesel(sql_type = Nullable<UuidType>)]
    order: Option<Uuid>,
}

/// Where a job stands.
struct Standing {
    state: JobState,
    is_given_up: bool,
    /// Its records.
    total: u32,
    /// Records that have a fate.
    processed: u32,
    order: Option<Stamp>,
}

impl Store {
    /// Makes a job of what is left of one that was given up, once however often that is asked for. Where that job was given
    /// up in turn, what is left of that.
    ///
    /// `rest` packs what of a packed part is from a position on, as a part of a job of this header that begins there.
    pub async fn redrive<F>(&self, given_up: GivenUp, rest: F) -> Result<Redriven, Error>
    where
        F: Fn(&[u8], u32, &Header) -> Result<Vec<u8>, Error> + Send + 'static,
    {
        let keep = self.retention();
        self.run(move |connection| {
            connection.transaction(|connection| redrive(connection, keep, given_up, &rest))
        })
        .await
    }
}

fn redrive(
    connection: &mut PgConnection,
    keep: Retention,
    given_up: GivenUp,
    rest: &impl Fn(&[u8], u32, &Header) -> Result<Vec<u8>, Error>,
) -> Result<Redriven, Error> {
    let GivenUp { header: mut old, parts: mut sent, from_start } = given_up;
    if let Some(other) = key::same_as(connection, old.job_id)? {
        return Ok(Redriven::SameAs(other));
    }
    let (mut from, mut stamp) = (0, old.stamp());
    match standing(connection, &old)? {
        Some(Standing { state, .. }) if !state.is_terminal() => return Ok(Redriven::Open),
        Some(Standing { state, is_given_up: false, .. }) => return Ok(Redriven::Over(state)),
        Some(known) => (from, stamp) = known.continued(&old),
        None if from_start => {}
        None => match standing(connection, &old.redriven(stamp, 0))? {
            // It was made before the old one was forgotten.
            Some(_made) => {}
            None => return Ok(Redriven::Unknown),
        },
    }
    let mut new = old.redriven(stamp, from);
    while let Some(known) = standing(connection, &new)? {
        // As it was made, whatever is still known of the one before.
        (new.total, from) = (known.total, old.total.saturating_sub(known.total));
        new.begins_at = old.begins_at.saturating_add(from);
        if !known.state.is_terminal() {
            return told(connection, new, from);
        }
        if !known.is_given_up {
            return Ok(Redriven::Ended(new.job_id, known.state));
        }
        (from, stamp) = known.continued(&new);
        (old, sent) = (new, Vec::new());
        new = old.redriven(stamp, from);
    }
    if new.total == 0 {
        return Ok(Redriven::Over(JobState::Failed));
    }
    if let Some(other) = take_key(connection, keep, &old, &new)? {
        return Ok(Redriven::SentAgain(other));
    }
    if make(connection, &new)? {
        fill(connection, &old, sent, from, &new, rest)?;
        parts::drop_all(connection, &old)?;
        cancel::pass_on(connection, old.job_id, new.job_id)?;
    }
    told(connection, new, from)
}

fn told(connection: &mut PgConnection, header: Header, from: u32) -> Result<Redriven, Error> {
    let is_cancelled = cancel::is_wished(connection, header.job_id)?;
    Ok(Redriven::Made { header: Box::new(header), from, is_cancelled })
}

impl Standing {
    /// Where another job goes on, and where in the order of acceptance. A dry run begins at the first record of all: what it
    /// foretells of one depends on those before.
    fn continued(&self, header: &Header) -> (u32, Stamp) {
        let from = if header.validate_only { 0 } else { self.processed };
        (from, self.order.unwrap_or_else(|| Stamp::of(header.job_id)))
    }
}

/// Where a job stands, if it is known; it is locked then.
fn standing(connection: &mut PgConnection, header: &Header) -> Result<Option<Standing>, Error> {
    let row: Option<Row> = prepared(LOCK)
        .bind::<Integer, _>(header.db_id.0)
        .bind::<UuidType, _>(header.job_id.0)
        .get_result(connection)
        .optional()?;
    let Some(Row { state, error, total, tally, order }) = row else { return Ok(None) };
    let number = |count: i32| u32::try_from(count).map_err(|_range| Error::Unreadable("a job's counts"));
    // The last one counts warnings.
    let fates = tally.iter().flatten().take(5).fold(0_i32, |sum, count| sum.saturating_add(*count));
    Ok(Some(Standing {
        state: job::parse(&state)?,
        is_given_up: error == Some(i32::from(parts::GIVEN_UP)),
        total: number(total)?,
        processed: number(fates)?,
        order: order.map(Stamp),
    }))
}

/// The job that goes on with what was left of one, as long as it has not ended: its seal may not be sent yet.
pub(super) fn open(connection: &mut PgConnection, header: &Header) -> Result<Option<JobId>, Error> {
    // Its row is locked against whoever makes such a job just now.
    standing(connection, header)?;
    let mut new = header.redriven(header.stamp(), 0);
    while let Some(known) = standing(connection, &new)? {
        if !known.state.is_terminal() {
            return Ok(Some(new.job_id));
        }
        new = new.redriven(new.stamp(), 0);
    }
    Ok(None)
}

/// Has the request's key stand for the new job; gives the job that it stands for where the same was sent again since.
///
/// Whoever frees or claims the key meanwhile is waited for, and whoever does so later waits for the new job to be known: what
/// is decided here holds.
fn take_key(
    connection: &mut PgConnection,
    keep: Retention,
    old: &Header,
    new: &Header,
) -> Result<Option<JobId>, Error> {
    let Some(asked) = &new.request_key else { return Ok(None) };
    for _ in 0..key::ATTEMPTS {
        let held = if asked.seconds.is_none() {
            // It may have been freed when the job was given up.
            Some(key::reserve(connection, keep, &new.account, asked, (new.job_id, new.stamp()))?)
        } else {
            // One that stands for a while alone is not begun anew.
            key::reserved(connection, keep, &new.account, asked)?
        };
        match held {
            Some(Reserved { job_id, .. }) if job_id == old.job_id => {
                if key::hand_on(connection, &new.account, asked, old.job_id, new.job_id)? {
                    return Ok(None);
                }
            }
            Some(Reserved { job_id, fingerprint, registered, .. }) => {
                let is_other = fingerprint == asked.fingerprint && job_id != new.job_id;
                if is_other && !registered && asked.seconds.is_none() {
                    // It was counted as taken once more.
                    key::refused(connection, &new.account, asked, job_id)?;
                }
                return Ok(is_other.then_some(job_id));
            }
            None => return Ok(None),
        }
    }
    Err(Error::Contention)
}

/// Makes the job known; false: somebody else was first.
fn make(connection: &mut PgConnection, header: &Header) -> Result<bool, Error> {
    let is_made = job::make(connection, header)?;
    if is_made {
        prepared(NOT_TAKEN)
            .bind::<Integer, _>(header.db_id.0)
            .bind::<UuidType, _>(header.job_id.0)
            .execute(connection)?;
    }
    Ok(is_made)
}

/// Gives the new job the records of the old one from a position on.
fn fill(
    connection: &mut PgConnection,
    old: &Header,
    sent: Vec<Part>,
    from: u32,
    new: &Header,
    rest: &impl Fn(&[u8], u32, &Header) -> Result<Vec<u8>, Error>,
) -> Result<(), Error> {
    let mut sent = sent.into_iter().peekable();
    let is_whole = sent.peek().is_some();
    let mut next = from;
    while next < old.total {
        let (first_index, end, payload) = if is_whole {
            let part = sent.find(|part| part.first_index <= next && next < part.header.total);
            let part = part.ok_or(Error::Unreadable("the records of a job"))?;
            (part.first_index, part.header.total, part.payload)
        } else {
            kept(connection, old, next)?
        };
        let part = Part {
            header: Header { total: end - from, ..new.clone() },
            first_index: first_index.saturating_sub(from),
            // It has its job already.
            open_until: 0,
            payload: rest(&payload, from, new)?,
        };
        parts::keep(connection, &part)?;
        next = end;
    }
    Ok(())
}

/// The part of a stream that holds a record: the positions of its first one and after its last, and the packed part.
fn kept(connection: &mut PgConnection, header: &Header, index: u32) -> Result<(u32, u32, Vec<u8>), Error> {
    let found = parts::find(connection, header.db_id, header.job_id, index)?;
    let missing = || {
        let text = "is missing: its part is in the dead queue by itself, and goes first, or it is lost";
        Error::Unknown(format!("record {index} of the stream {text}"))
    };
    let part = found.ok_or_else(missing)?;
    let Range { start, end } = part.range()?;
    Ok((start, end, part.payload))
}
