//! Repeats: records that say again what their profiles were last written by. Such a record finds everything as it is, so it is
//! not read, and of its profile nothing but who wrote it last; what is written is that a later request wants it so.

use diesel::PgConnection;
use intake_types::{Glance, Repeat};
use serde_json::value::RawValue;

use super::Chunk;
use crate::Error;
use crate::profiles::repeats;

/// Records of a chunk from which on it pays to ask.
const PAYS_FROM: usize = 200;

/// Of so many records one is asked for first: most imports have nearly only repeats, or nearly none.
const EVERY: usize = 20;

/// Finds the repeats of a chunk, unless they are less than half of it. None is certain before its profile is locked.
pub(super) fn likely(connection: &mut PgConnection, chunk: &Chunk<'_>) -> Result<Vec<Repeat>, Error> {
    let Chunk { import, catalog, database, ref range, .. } = *chunk;
    let records = chunk.records();
    if records.len() < PAYS_FROM {
        return Ok(Vec::new());
    }
    let mut find = |records: Vec<(usize, (u32, &RawValue))>| {
        let header = &import.header;
        let glances = Glance::of(header, catalog, database, records.into_iter().map(|(_, record)| record));
        let places = header.rule.places(header.resource_id);
        repeats::find(connection, database.id, &places, header.stamp(), glances)
    };
    let numbered = (range.start..).zip(records).enumerate();
    let (sample, rest): (Vec<_>, Vec<_>) = numbered.partition(|(place, _)| place.is_multiple_of(EVERY));
    let half = sample.len() / 2;
    let (mut repeats, mut others) = find(sample)?;
    if repeats.len() <= half {
        return Ok(Vec::new());
    }
    let (more, more_others) = find(rest)?;
    repeats.extend(more);
    others.extend(more_others);
    // Whom something else means as well has to be read.
    repeats.retain(|repeat| !others.contains(&repeat.profile_id));
    Ok(repeats)
}
