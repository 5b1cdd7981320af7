//! Repeats: records that say again what their profiles were last written by. Such a record finds everything as it is, so it is
//! not read, and of its profile nothing but who wrote it last; what is written is that a later request wants it so.

use std::ops::Range;

use diesel::PgConnection;
use intake_types::catalog::{Catalog, Database};
use intake_types::{Glance, Repeat};
use serde_json::value::RawValue;

use crate::profiles::repeats::{self, Found};
use crate::{Error, Import};

/// Records of a chunk from which on it pays to ask.
const PAYS_FROM: usize = 200;

/// Of so many records one is asked for first: most imports have nearly only repeats, or nearly none.
const EVERY: usize = 20;

/// What a look at a chunk tells. Nothing of it is certain before it is locked.
#[derive(Debug, Default)]
pub(super) struct Likely {
    /// Its repeats, unless they are less than half of it.
    pub(super) repeats: Vec<Repeat>,
    /// Whether nobody is meant by any of those records that were looked at.
    pub(super) is_new: bool,
}

/// Looks at some records of a chunk, and where it pays at all of them.
pub(super) fn likely(
    connection: &mut PgConnection,
    import: &Import,
    catalog: &Catalog,
    database: &Database,
    range: &Range<u32>,
) -> Result<Likely, Error> {
    let records = import.slice(range);
    if records.len() < PAYS_FROM {
        return Ok(Likely::default());
    }
    let mut find = |records: Vec<(usize, (u32, &RawValue))>| {
        let header = &import.header;
        let glances = Glance::of(header, catalog, database, records.into_iter().map(|(_, record)| record));
        let places = header.rule.places(header.resource_id);
        repeats::find(connection, database.id, &places, header.stamp(), glances)
    };
    let numbered = (range.start..).zip(records).enumerate();
    let (sample, rest): (Vec<_>, Vec<_>) = numbered.partition(|(place, _)| place.is_multiple_of(EVERY));
    let sampled = sample.len();
    let Found { mut repeats, mut others, unheld } = find(sample)?;
    if repeats.len() <= sampled / 2 {
        return Ok(Likely { repeats: Vec::new(), is_new: unheld == sampled });
    }
    let rest = find(rest)?;
    repeats.extend(rest.repeats);
    others.extend(rest.others);
    // Whom something else means as well has to be read.
    repeats.retain(|repeat| !others.contains(&repeat.profile_id));
    Ok(Likely { repeats, is_new: false })
}
