//! Records of an import that are applied together.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use intake_types::catalog::{Catalog, Database};
use intake_types::{Drafts, Repeat};
use serde_json::value::RawValue;

use crate::{Error, Import};

/// Some of the records of an import, and by what they are read.
pub(crate) struct Chunk<'a> {
    pub(super) import: &'a Import,
    pub(super) catalog: &'a Arc<Catalog>,
    pub(super) database: &'a Database,
    pub(super) range: Range<u32>,
    /// Those that are to be read while these are applied.
    pub(super) next: Option<Range<u32>>,
}

impl<'a> Chunk<'a> {
    pub(crate) fn new(
        import: &'a Import,
        catalog: &'a Arc<Catalog>,
        range: Range<u32>,
    ) -> Result<Self, Error> {
        let db_id = import.header.db_id;
        let database = catalog.databases.get(&db_id);
        let database =
            database.ok_or_else(|| Error::Unknown(format!("no database {db_id} in the catalogue")))?;
        Ok(Self { import, catalog, database, range, next: None })
    }

    /// The chunk that is to be read meanwhile.
    pub(super) fn next(&self) -> Option<Self> {
        let Self { import, catalog, database, ref next, .. } = *self;
        next.clone().map(|range| Self { import, catalog, database, range, next: None })
    }

    pub(super) fn records(&self) -> Vec<&'a RawValue> {
        self.import.slice(&self.range)
    }

    /// The records, read now or ahead; but for the repeats.
    pub(super) fn drafts(&self, repeats: &[Repeat]) -> Drafts {
        let ahead = if repeats.is_empty() { self.import.ahead.take(self) } else { None };
        ahead.unwrap_or_else(|| self.read(repeats))
    }

    /// Reads the records but for the repeats, and leaves alone what was read ahead.
    pub(super) fn read(&self, repeats: &[Repeat]) -> Drafts {
        let known: HashSet<u32> = repeats.iter().map(|repeat| repeat.glance.index).collect();
        let numbered = (self.range.start..).zip(self.records());
        let records = numbered.filter(|(index, _)| !known.contains(index));
        let Import { header, atlas, unreadable, .. } = self.import;
        let mut drafts = Drafts::of(header, self.catalog, self.database, records, atlas.as_deref());
        drafts.tell_unreadable(unreadable);
        drafts
    }
}
