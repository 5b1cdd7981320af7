//! A chunk of records applied: in one transaction planned, written, told of and entered in the ledger, or nothing of it.

mod ahead;
mod chunk;
mod dry_run;
mod entry;
mod repeats;
mod resolve;
#[cfg(test)]
mod tests;
mod together;

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use diesel::prelude::*;
use intake_types::catalog::Catalog;
use intake_types::plan::Share;
use intake_types::{JobState, Outcome, Plan, Repeat, Tally};

pub(crate) use self::ahead::Ahead;
pub(crate) use self::chunk::Chunk;
use self::entry::Entry;
use crate::ledger::Locked;
use crate::profiles::write;
use crate::{Ending, Error, Import, Retention, Store, ledger};

/// What came of one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// The first record of the job that has no outcome yet: where to go on.
    pub next_index: u32,
    /// What was done just now; all zero when the chunk was there already.
    pub tally: Tally,
    /// How the job has ended, if it has, now or before: nothing is left to do.
    pub ended: Option<Ending>,
    /// Whether the job is to be stopped: nothing of it is applied any more, see [`Store::skip`].
    pub cancelled: bool,
}

impl Store {
    /// Applies the records of `range`, exactly once whoever else tries to.
    ///
    /// The range must start where the job stands (see [`Store::register`]); any other is answered by where it does, and
    /// nothing is written. Of a dry run only outcomes are written, those that are not there yet: it begins at the first
    /// record whenever it is taken, since what it foretells of a record depends on those before.
    ///
    /// The records of `next`, if any, are read meanwhile, by a thread of their own: for whoever will have them applied after
    /// those of `range`, by the same catalogue, and has a core to spare.
    ///
    /// A transient error can be tried again as it is; for a data error try smaller ranges, down to the record that is to
    /// blame, and give that one an outcome by [`Store::record`].
    #[tracing::instrument(
        name = "apply",
        skip_all,
        fields(job.id = %import.header.job_id, chunk.first_index = range.start, chunk.records = range.len())
    )]
    pub async fn apply(
        &self,
        import: Arc<Import>,
        catalog: Arc<Catalog>,
        range: Range<u32>,
        next: Option<Range<u32>>,
    ) -> Result<Applied, Error> {
        let keep = self.retention();
        self.run(move |connection| {
            let started = Instant::now();
            let chunk = Chunk { next, ..Chunk::new(&import, &catalog, range)? };
            let applied = apply_chunk(connection, keep, &chunk)?;
            let duration_ms = started.elapsed().as_millis();
            tracing::debug!(duration_ms, next_index = applied.next_index, "chunk applied");
            Ok(applied)
        })
        .await
    }

    /// Enters outcomes of records that were not applied, such as one that the database refuses. They must follow each
    /// other without gaps, and start where the job stands, as in [`Store::apply`].
    pub async fn record(&self, import: Arc<Import>, outcomes: Vec<Outcome>) -> Result<Applied, Error> {
        let keep = self.retention();
        let first_index = outcomes.first().map_or(u32::MAX, |outcome| outcome.index);
        self.run(move |connection| {
            if import.header.validate_only {
                return dry_run::enter(connection, keep, &import, outcomes, None);
            }
            connection.transaction(|connection| {
                let share = Share { outcomes, ..Share::default() };
                enter(connection, keep, &import, first_index, |_connection| Ok(share))
            })
        })
        .await
    }

    /// Enters records of a job that is to be stopped as skipped; the last of them ends it as cancelled. The range must start
    /// where the job stands, as in [`Store::apply`].
    pub async fn skip(&self, import: Arc<Import>, range: Range<u32>) -> Result<Applied, Error> {
        let keep = self.retention();
        self.run(move |connection| {
            let outcomes: Vec<Outcome> =
                range.clone().map(|index| Outcome::skipped(index, import.text(index))).collect();
            connection.transaction(|connection| skip(connection, keep, &import, range.start, outcomes))
        })
        .await
    }
}

pub(crate) fn apply_chunk(
    connection: &mut PgConnection,
    keep: Retention,
    chunk: &Chunk<'_>,
) -> Result<Applied, Error> {
    let Chunk { import, database, .. } = *chunk;
    if import.header.validate_only {
        let drafts = chunk.drafts(&[]);
        return ahead::while_reading_next(chunk, || {
            dry_run::chunk(connection, keep, import, database, drafts)
        });
    }
    let repeats = repeats::likely(connection, chunk)?;
    if repeats.is_empty() {
        return apply_whole(connection, keep, chunk);
    }
    let count = repeats.len();
    match apply_but_for(connection, keep, chunk, repeats) {
        Err(Error::Contention) => {
            // One of them is none any more, or another record bears on it.
            tracing::debug!(chunk.repeats = count, "a chunk with repeats is read whole");
            apply_whole(connection, keep, chunk)
        }
        applied => {
            // Whatever was read ahead of it is of no use any more.
            drop(import.ahead.take(chunk));
            applied
        }
    }
}

fn apply_whole(connection: &mut PgConnection, keep: Retention, chunk: &Chunk<'_>) -> Result<Applied, Error> {
    ahead::while_reading_next(chunk, || apply_but_for(connection, keep, chunk, Vec::new()))
}

/// Applies a chunk of which these records are not read.
fn apply_but_for(
    connection: &mut PgConnection,
    keep: Retention,
    chunk: &Chunk<'_>,
    mut repeats: Vec<Repeat>,
) -> Result<Applied, Error> {
    let Chunk { import, database, .. } = *chunk;
    // Reading the records needs no transaction, so no lock is held meanwhile.
    let drafts = chunk.drafts(&repeats);
    connection.transaction(|connection| {
        enter(connection, keep, import, chunk.range.start, |connection| {
            let (jobs, before) = (std::slice::from_ref(&drafts), import.header.stamp());
            let others = &import.meets_others;
            let candidates = resolve::candidates(connection, database, jobs, others, &mut repeats, before)?;
            let plan = Plan::with_repeats(database, drafts, candidates, repeats);
            let mut plan = plan.ok_or(Error::Contention)?;
            write::plan(connection, database.id, &plan)?;
            Ok(plan.shares.pop().unwrap_or_default())
        })
    })
}

/// Locks the job, and if it stands at `first_index` and is not to be stopped has the work done and entered what came of it.
fn enter(
    connection: &mut PgConnection,
    keep: Retention,
    import: &Import,
    first_index: u32,
    work: impl FnOnce(&mut PgConnection) -> Result<Share, Error>,
) -> Result<Applied, Error> {
    let Locked { ended, now, cancel_requested, next_index } = ledger::lock(connection, &import.header)?;
    if ended.is_some() || cancel_requested || next_index != first_index {
        let cancelled = cancel_requested && ended.is_none();
        return Ok(Applied { next_index, tally: Tally::default(), ended, cancelled });
    }
    let share = work(connection)?;
    one(entry::enter(connection, keep, now, JobState::Completed, &[Entry { import, first_index, share }])?)
}

fn skip(
    connection: &mut PgConnection,
    keep: Retention,
    import: &Import,
    first_index: u32,
    outcomes: Vec<Outcome>,
) -> Result<Applied, Error> {
    let Locked { ended, now, next_index, .. } = ledger::lock(connection, &import.header)?;
    if ended.is_some() || next_index != first_index {
        return Ok(Applied { next_index, tally: Tally::default(), ended, cancelled: ended.is_none() });
    }
    let share = Share { outcomes, ..Share::default() };
    one(entry::enter(connection, keep, now, JobState::Cancelled, &[Entry { import, first_index, share }])?)
}

fn one(applied: Vec<Applied>) -> Result<Applied, Error> {
    let applied = applied.into_iter().next();
    applied.ok_or_else(|| Error::Unexpected("a chunk that was entered is not told of".to_owned()))
}
