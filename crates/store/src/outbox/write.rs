//! Events into the outbox. The transaction is that of the change, and holds the locks of what changes.

use diesel::prelude::*;
use intake_types::DatabaseId;
use intake_types::event::{Event, Page, pages};

use crate::Error;
use crate::schema::outbox;

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

// By COPY, as the pages are large, and an array of them would be put together here and taken apart there. Ids are drawn in the
// order of the rows.
fn insert(connection: &mut PgConnection, db_id: DatabaseId, pages: &[Page]) -> Result<(), Error> {
    if pages.is_empty() {
        return Ok(());
    }
    let values = pages.iter().map(|page| {
        (
            outbox::db_id.eq(db_id.0),
            outbox::strand.eq(page.strand.number()),
            outbox::topic.eq(page.topic.word()),
            outbox::events.eq(i32::try_from(page.events).unwrap_or(i32::MAX)),
            outbox::body.eq(page.json.as_str()),
        )
    });
    diesel::copy_from(outbox::table).from_insertable(values.collect::<Vec<_>>()).execute(connection)?;
    Ok(())
}
