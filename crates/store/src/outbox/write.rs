//! Events into the outbox. The transaction is that of the change, and holds the locks of what changes.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, SmallInt, Text};
use intake_types::event::{Event, Page, pages};
use intake_types::plan::Change;
use intake_types::{DatabaseId, Header};

use crate::prepared::prepared;
use crate::{Error, ledger};

// Ids are drawn in the order of the rows.
const INSERT: &str = "\
    INSERT INTO outbox (db_id, strand, topic, events, body) \
    SELECT $1, u.strand, u.topic, u.events, u.body \
    FROM unnest($2, $3, $4, $5) WITH ORDINALITY AS u (strand, topic, events, body, position) \
    ORDER BY u.position";

/// Has the changes of a chunk told. The profiles must be locked: ids drawn now are later than those of whoever had the
/// locks before, and earlier than those of whoever gets them next.
pub(crate) fn changes(
    connection: &mut PgConnection,
    header: &Header,
    first_index: u32,
    now: DateTime<Utc>,
    changes: &[Change],
) -> Result<(), Error> {
    insert(connection, header.db_id, &pages(Event::of_changes(header, first_index, now, changes)))
}

/// Has it told that a job has ended, just now and in this transaction.
pub(crate) fn job_ended(connection: &mut PgConnection, header: &Header) -> Result<(), Error> {
    let status = ledger::status(connection, &header.account, header.job_id)?;
    let entry = status.as_ref().and_then(|status| Some((status.state, status.ledger.as_ref()?)));
    let ended = entry.and_then(|(state, entry)| Some((state, entry, entry.finished_at?)));
    let (state, entry, finished_at) =
        ended.ok_or_else(|| Error::Unknown(format!("job {} has not ended", header.job_id)))?;
    let event = Event::of_job(header.job_id, state, entry, finished_at);
    insert(connection, header.db_id, &pages(std::iter::once(event)))
}

fn insert(connection: &mut PgConnection, db_id: DatabaseId, pages: &[Page]) -> Result<(), Error> {
    if pages.is_empty() {
        return Ok(());
    }
    let strands: Vec<i16> = pages.iter().map(|page| page.strand.number()).collect();
    let topics: Vec<&str> = pages.iter().map(|page| page.topic.word()).collect();
    let counts: Vec<i32> = pages.iter().map(|page| i32::try_from(page.events).unwrap_or(i32::MAX)).collect();
    let bodies: Vec<&str> = pages.iter().map(|page| page.json.as_str()).collect();
    prepared(INSERT)
        .bind::<Integer, _>(db_id.0)
        .bind::<Array<SmallInt>, _>(strands)
        .bind::<Array<Text>, _>(topics)
        .bind::<Array<Integer>, _>(counts)
        .bind::<Array<Text>, _>(bodies)
        .execute(connection)?;
    Ok(())
}
