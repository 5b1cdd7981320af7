//! Events into the outbox. The transaction is that of the change, and holds the locks of what changes.

use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, SmallInt, Text};
use intake_types::DatabaseId;
use intake_types::event::{Event, Page, pages};

use crate::Error;
use crate::prepared::prepared;

// Ids are drawn in the order of the rows.
const INSERT: &str = "\
    INSERT INTO outbox (db_id, strand, topic, events, body) \
    SELECT $1, u.strand, u.topic, u.events, u.body \
    FROM unnest($2, $3, $4, $5) WITH ORDINALITY AS u (strand, topic, events, body, position) \
    ORDER BY u.position";

/// Has it told what a transaction changes, and then which jobs it ends. The profiles must be locked: ids drawn now are later
/// than those of whoever had the locks before, and earlier than those of whoever gets them next.
pub(crate) fn tell<'a>(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    changes: impl IntoIterator<Item = Event<'a>>,
    ends: impl IntoIterator<Item = Event<'a>>,
) -> Result<(), Error> {
    let mut all = pages(changes.into_iter());
    all.extend(pages(ends.into_iter()));
    insert(connection, db_id, &all)
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
