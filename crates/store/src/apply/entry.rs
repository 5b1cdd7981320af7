//! What became of records, entered in the ledger and told, in the transaction that applies them.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use intake_types::event::Event;
use intake_types::plan::Share;
use intake_types::{Header, JobState, Tally};

use super::Applied;
use crate::ledger::chunk::Chunk;
use crate::{Ending, Error, Import, Retention, callbacks, ledger, outbox};

/// What became of the records of a job that are at hand.
pub(super) struct Entry<'a> {
    pub(super) import: &'a Import,
    pub(super) first_index: u32,
    pub(super) share: Share,
}

impl Entry<'_> {
    /// What is to be told of the changes.
    fn events(&self, now: DateTime<Utc>) -> impl Iterator<Item = Event<'_>> {
        let Self { import: Import { header, .. }, first_index, share } = self;
        let changes = if header.skip_triggers { &[][..] } else { &share.changes };
        Event::of_changes(header, *first_index, now, changes)
    }
}

/// Enters them, of jobs of one database, each locked; after its last record a job ends in the given state. `now` is the time
/// that rows get.
pub(super) fn enter(
    connection: &mut PgConnection,
    keep: Retention,
    now: DateTime<Utc>,
    last: JobState,
    entries: &[Entry<'_>],
) -> Result<Vec<Applied>, Error> {
    let Some(db_id) = entries.first().map(|entry| entry.import.header.db_id) else { return Ok(Vec::new()) };
    if entries.iter().any(|entry| entry.share.outcomes.is_empty()) {
        // To go on from where the job stands would never end.
        return Err(Error::Unexpected("a chunk without records".to_owned()));
    }
    let chunks: Vec<Chunk<'_>> = entries
        .iter()
        .map(|entry| (entry.import.header.job_id, entry.first_index, entry.share.outcomes.as_slice()))
        .collect();
    let tallies = ledger::chunk::insert(connection, db_id, &chunks)?;
    for Entry { import, first_index, share } in entries {
        ledger::failure::insert(connection, import, *first_index, &share.outcomes)?;
    }
    let next = |(entry, tally): (&Entry<'_>, Tally)| {
        let next_index = entry.first_index.saturating_add(tally.processed());
        Applied { next_index, tally, ended: None, cancelled: last == JobState::Cancelled }
    };
    let mut applied: Vec<Applied> = entries.iter().zip(tallies).map(next).collect();
    let mut whole: Vec<(&Header, &mut Applied)> =
        entries.iter().map(|entry| &entry.import.header).zip(&mut applied).collect();
    whole.retain(|(header, applied)| applied.next_index >= header.total);
    let headers: Vec<&Header> = whole.iter().map(|(header, _)| *header).collect();
    let ended = ledger::finish(connection, &headers, keep, last, None)?;
    for (header, applied) in whole {
        let is_new = ended.iter().any(|job| job.job_id() == header.job_id);
        if is_new {
            callbacks::insert(connection, header)?;
        }
        applied.ended = Some(Ending { state: last, error: None, is_new });
    }
    let ends = ended.iter().map(|job| job.event(db_id, last, None)).collect::<Result<Vec<_>, Error>>()?;
    outbox::tell(connection, db_id, entries.iter().flat_map(|entry| entry.events(now)), ends)?;
    Ok(applied)
}
