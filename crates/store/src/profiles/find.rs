//! Who carries which value.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, SmallInt, Text, Uuid as UuidType};
use intake_types::plan::Holder;
use intake_types::{Combination, DatabaseId, Key, Kind, Places, ProfileId, Source, Sources};
use uuid::Uuid;

use crate::Error;
use crate::columns::{Ints, KeyColumns, SmallInts, Texts, index, source_numbers, sources_of};
use crate::prepared::prepared;

/// Most profiles that are told of one value. More share a value only where nothing matches by it.
pub(crate) const MOST_HOLDERS: u32 = 16;

/// The ordinal of the first holder of a value.
pub(super) const FIRST: i32 = 0;

/// Where matching looks; a custom field's value stands nowhere but in the profile itself, so places do not bear on it.
pub(super) const COUNTS: &str =
    "(u.kind >= $6 OR (($4 IS NULL OR sources && $4) AND (NOT $5 OR sources <> '{0}')))";

// LATERAL with LIMIT makes one index probe per key. A plain join would do so only with statistics: on a table that was
// never analysed the planner takes every database for a few rows and scans it whole for each chunk.
// Nothing is sorted: for most keys, which few carry, that would take as long as the probe.
fn few() -> String {
    format!(
        "SELECT u.position, i.profile_id, i.sources \
         FROM unnest($2, $3) WITH ORDINALITY AS u (kind, value, position) \
         CROSS JOIN LATERAL ( \
             SELECT profile_id, sources FROM identities \
             WHERE db_id = $1 AND kind = u.kind AND value = u.value AND ordinal >= $8 AND {COUNTS} \
             ORDER BY ordinal LIMIT $7 \
         ) AS i"
    )
}

// Ordinals are given out again, so age is told by the id; the inner limit bounds what one value can cost.
fn oldest() -> String {
    format!(
        "SELECT u.position, i.profile_id, i.sources \
         FROM unnest($2, $3) WITH ORDINALITY AS u (kind, value, position) \
         CROSS JOIN LATERAL ( \
             SELECT profile_id, sources FROM ( \
                 SELECT profile_id, sources FROM identities \
                 WHERE db_id = $1 AND kind = u.kind AND value = u.value AND ordinal >= $8 AND {COUNTS} \
                 ORDER BY ordinal LIMIT 1000 \
             ) AS first ORDER BY profile_id LIMIT $7 \
         ) AS i"
    )
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = UuidType)]
    profile_id: Uuid,
    #[diesel(sql_type = Array<Integer>)]
    sources: Vec<i32>,
}

/// The profiles that carry these values in one of these places, at most `most` per value, the oldest first.
pub(crate) fn holders(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    keys: &[Key],
    places: &Places,
    most: u32,
) -> Result<Vec<Holder>, Error> {
    holders_from(connection, db_id, keys, places, most, FIRST)
}

/// The same without the first holder of each.
pub(crate) fn other_holders(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    keys: &[Key],
    places: &Places,
    most: u32,
) -> Result<Vec<Holder>, Error> {
    holders_from(connection, db_id, keys, places, most, FIRST + 1)
}

fn holders_from(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    keys: &[Key],
    places: &Places,
    most: u32,
    ordinal: i32,
) -> Result<Vec<Holder>, Error> {
    let keys: Vec<&Key> = keys.iter().collect();
    // One more than is asked for tells of which there are more.
    let mut found = carriers(connection, &few(), (db_id, ordinal), &keys, places, i64::from(most) + 1)?;
    let too_many = |carriers: &Vec<Holder>| u32::try_from(carriers.len()).is_ok_and(|count| count > most);
    let shared: Vec<usize> =
        (0..found.len()).filter(|index| found.get(*index).is_some_and(too_many)).collect();
    let many: Vec<&Key> = shared.iter().filter_map(|index| keys.get(*index).copied()).collect();
    let oldest = carriers(connection, &oldest(), (db_id, ordinal), &many, places, i64::from(most))?;
    for (index, oldest) in shared.into_iter().zip(oldest) {
        if let Some(carriers) = found.get_mut(index) {
            *carriers = oldest;
        }
    }
    for carriers in &mut found {
        carriers.sort_unstable_by_key(|holder| holder.profile_id);
    }
    Ok(found.into_iter().flatten().collect())
}

/// For each key those that a statement finds.
fn carriers(
    connection: &mut PgConnection,
    statement: &str,
    (db_id, ordinal): (DatabaseId, i32),
    keys: &[&Key],
    places: &Places,
    most: i64,
) -> Result<Vec<Vec<Holder>>, Error> {
    let mut carriers = vec![Vec::new(); keys.len()];
    if keys.is_empty() {
        return Ok(carriers);
    }
    let columns = KeyColumns::of_keys(keys.iter().copied());
    let rows: Vec<Row> = prepared(statement)
        .bind::<Integer, _>(db_id.0)
        .bind::<SmallInts, _>(columns.kinds)
        .bind::<Texts, _>(columns.values)
        .bind::<Nullable<Ints>, _>(among(places))
        .bind::<Bool, _>(*places == Places::Subscriptions)
        .bind::<SmallInt, _>(Kind::FIRST_CUSTOM.number())
        .bind::<BigInt, _>(most)
        .bind::<Integer, _>(ordinal)
        .load(connection)?;
    for row in rows {
        let index = index(row.position);
        if let Some((key, carriers)) =
            index.and_then(|index| Some((*keys.get(index)?, carriers.get_mut(index)?)))
        {
            let (profile_id, sources) = (ProfileId(row.profile_id), sources_of(&row.sources));
            carriers.push(Holder { key: key.clone(), profile_id, sources });
        }
    }
    Ok(carriers)
}

pub(super) fn among(places: &Places) -> Option<Vec<i32>> {
    match places {
        Places::Among(sources) => Some(source_numbers(sources)),
        Places::Anywhere | Places::Subscriptions => None,
    }
}

// Starts from the value that the fewest carry, as its highest ordinal tells (one that nobody carries has none, and ends
// the search), and asks of each of those whether it
// carries the others: so a value that a whole database shares costs nothing beside one that few do.
const TOGETHER: &str = "\
    SELECT i.profile_id FROM ( \
        SELECT u.value FROM unnest($3) AS u (value) \
        LEFT JOIN LATERAL ( \
            SELECT ordinal FROM identities WHERE db_id = $1 AND kind = $2 AND value = u.value \
            ORDER BY ordinal DESC LIMIT 1 \
        ) AS last ON true \
        ORDER BY last.ordinal NULLS FIRST LIMIT 1 \
    ) AS rarest \
    JOIN identities i ON i.db_id = $1 AND i.kind = $2 AND i.value = rarest.value \
    CROSS JOIN LATERAL ( \
        SELECT 1 FROM profiles WHERE db_id = $1 AND id = i.profile_id AND jsonb_exists_all(fields -> $4, $5) OFFSET 0 \
    ) AS p \
    ORDER BY i.profile_id LIMIT $6";

#[derive(QueryableByName)]
struct Common {
    #[diesel(sql_type = UuidType)]
    profile_id: Uuid,
}

/// The profiles that carry all tags of a combination, at most `most`, the oldest first: each as a holder of
/// each of the values.
pub(crate) fn together(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    combination: &Combination,
    most: u32,
) -> Result<Vec<Holder>, Error> {
    let Combination { field, tags } = combination;
    let Some(kind) = tags.keys().next().map(|key| key.kind) else { return Ok(Vec::new()) };
    let values: Vec<&str> = tags.keys().map(|key| &*key.value).collect();
    let texts: Vec<&str> = tags.values().map(String::as_str).collect();
    let rows: Vec<Common> = prepared(TOGETHER)
        .bind::<Integer, _>(db_id.0)
        .bind::<SmallInt, _>(kind.number())
        .bind::<Texts, _>(values)
        .bind::<Text, _>(field)
        .bind::<Texts, _>(texts)
        .bind::<BigInt, _>(i64::from(most))
        .load(connection)?;
    let holder = |(row, key): (&Common, &Key)| Holder {
        key: key.clone(),
        profile_id: ProfileId(row.profile_id),
        sources: Sources::from([Source::Profile]),
    };
    let pairs = rows.iter().flat_map(|row| tags.keys().map(move |key| (row, key)));
    Ok(pairs.map(holder).collect())
}
