//! Who carries which value.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Uuid as UuidType};
use intake_types::plan::Holder;
use intake_types::{DatabaseId, Key, ProfileId, Sources};
use uuid::Uuid;

use super::columns::{Ints, KeyColumns, SmallInts, Texts, at, source_numbers, sources_of};
use crate::Error;

/// Most profiles that are told of one value. More share a value only where nothing matches by it.
pub(crate) const MOST_HOLDERS: i64 = 16;

// Ordinals are given out again, so age is told by the id; the inner limit bounds what one value can cost.
// LATERAL with LIMIT makes one index probe per key. A plain join would do so only with statistics: on a table that was
// never analysed the planner takes every database for a few rows and scans it whole for each chunk.
pub(super) const HOLDERS: &str = "\
    SELECT u.position, i.profile_id, i.sources \
    FROM unnest($2, $3) WITH ORDINALITY AS u (kind, value, position) \
    CROSS JOIN LATERAL ( \
        SELECT profile_id, sources FROM ( \
            SELECT profile_id, sources FROM identities \
            WHERE db_id = $1 AND kind = u.kind AND value = u.value AND ($4 IS NULL OR sources && $4) \
            ORDER BY ordinal LIMIT 1000 \
        ) AS first ORDER BY profile_id LIMIT $5 \
    ) AS i \
    ORDER BY u.position, i.profile_id";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = UuidType)]
    profile_id: Uuid,
    #[diesel(sql_type = Array<Integer>)]
    sources: Vec<i32>,
}

/// The profiles that carry these values in one of these places (`None`: anywhere), at most [`MOST_HOLDERS`] per value,
/// the oldest first.
pub(crate) fn holders(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    keys: &[Key],
    places: Option<&Sources>,
) -> Result<Vec<Holder>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let columns = KeyColumns::of_keys(keys);
    let rows: Vec<Row> = sql_query(HOLDERS)
        .bind::<Integer, _>(db_id.0)
        .bind::<SmallInts, _>(columns.kinds)
        .bind::<Texts, _>(columns.values)
        .bind::<Nullable<Ints>, _>(places.map(source_numbers))
        .bind::<BigInt, _>(MOST_HOLDERS)
        .load(connection)?;
    let holder = |row: &Row| {
        at(keys, row.position).map(|key| Holder {
            key: key.clone(),
            profile_id: ProfileId(row.profile_id),
            sources: sources_of(&row.sources),
        })
    };
    Ok(rows.iter().filter_map(holder).collect())
}
