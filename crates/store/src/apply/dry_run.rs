//! A chunk of a dry run: looked up and planned as a real one, over what the job's earlier chunks would have left. Nothing is
//! claimed, nothing but the job itself is locked, and nothing but the outcomes is written.

use std::sync::PoisonError;

use diesel::prelude::*;
use intake_types::catalog::Database;
use intake_types::plan::{Forecast, Holder, Overlay, Share};
use intake_types::{Candidates, Drafts, Key, Outcome, Places, Source, Sources, Tally, Warning};

use super::Applied;
use crate::ledger::Locked;
use crate::profiles::find::MOST_HOLDERS;
use crate::profiles::{find, lock};
use crate::{Error, Import, Retention, ledger};

pub(super) fn chunk(
    connection: &mut PgConnection,
    keep: Retention,
    import: &Import,
    database: &Database,
    drafts: Drafts,
) -> Result<Applied, Error> {
    // Whoever panicked while it planned has not changed it.
    let mut overlay = import.overlay.lock().unwrap_or_else(PoisonError::into_inner);
    // One moment for all look-ups: nothing that they find is stale, so nothing need be locked.
    let mut snapshot = connection.build_transaction().read_only().repeatable_read();
    let look_up = LookUp { database, drafts: &drafts, overlay: &overlay };
    let candidates = snapshot.run(|connection| look_up.candidates(connection))?;
    let forecast = Forecast::of(database, drafts, candidates);
    let layer = overlay.layer(database, &forecast);
    let entered = enter(connection, keep, import, forecast.outcomes, layer.warning().as_ref())?;
    // Only now: a chunk that is tried again is planned over the same as the first time.
    overlay.put(layer);
    Ok(entered)
}

/// Enters those of the outcomes that are not there yet: a dry run that is taken again foretells everything once more. With
/// them the job gets a warning, unless it has it or this is its end.
pub(super) fn enter(
    connection: &mut PgConnection,
    keep: Retention,
    import: &Import,
    outcomes: Vec<Outcome>,
    warning: Option<&Warning>,
) -> Result<Applied, Error> {
    let header = &import.header;
    connection.transaction(|connection| {
        let Locked { ended, cancel_requested, next_index, .. } = ledger::lock(connection, header)?;
        let end = outcomes.last().map_or(next_index, |last| last.index.saturating_add(1));
        let open: Vec<Outcome> = outcomes.into_iter().filter(|outcome| outcome.index >= next_index).collect();
        let entered = match open.first().map(|first| first.index) {
            Some(first) => {
                let share = Share { outcomes: open, ..Share::default() };
                super::enter(connection, keep, import, first, |_connection| Ok(share))?
            }
            // Whoever stops the job goes on where it stands.
            None if cancel_requested && ended.is_none() => {
                Applied { next_index, tally: Tally::default(), ended, cancelled: true }
            }
            None => Applied { next_index: end, tally: Tally::default(), ended, cancelled: false },
        };
        if let Some(warning) = warning.filter(|_| entered.ended.is_none() && !entered.cancelled) {
            ledger::warn(connection, header, warning)?;
        }
        Ok(entered)
    })
}

/// Finds out whom the records of a chunk may mean.
struct LookUp<'a> {
    database: &'a Database,
    drafts: &'a Drafts,
    overlay: &'a Overlay,
}

impl LookUp<'_> {
    fn candidates(&self, connection: &mut PgConnection) -> Result<Candidates, Error> {
        let Self { database, drafts, overlay } = self;
        let mut holders = self.holders(connection, &drafts.keys(), drafts.places())?;
        let in_profiles = Places::Among(Sources::from([Source::Profile]));
        holders.append(&mut self.holders(connection, &drafts.unique_keys(), &in_profiles)?);
        for combination in drafts.combinations() {
            let most = self.most(combination.tags.keys());
            let found = find::together(connection, database.id, combination, most)?;
            holders.append(&mut overlay.holders_together(database, &found, combination, MOST_HOLDERS));
        }
        let unknown = overlay.unknown(drafts, &holders);
        let read = lock::unlocked(connection, database.id, &unknown)?;
        overlay.candidates(database, drafts, &holders, read).map_err(|_stale| Error::Contention)
    }

    fn holders(
        &self,
        connection: &mut PgConnection,
        keys: &[Key],
        places: &Places,
    ) -> Result<Vec<Holder>, Error> {
        let most = self.most(keys);
        let found = find::holders(connection, self.database.id, keys, places, most)?;
        Ok(self.overlay.holders(self.database, found, keys, places, MOST_HOLDERS))
    }

    /// How many holders of each value must be found so that as many as a real run looks at are left.
    fn most<'k>(&self, keys: impl IntoIterator<Item = &'k Key>) -> u32 {
        let hidden = u32::try_from(self.overlay.hidden(keys)).unwrap_or(u32::MAX);
        MOST_HOLDERS.saturating_add(hidden)
    }
}
