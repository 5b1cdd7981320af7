//! Changes of who carries which value. Every statement goes through its rows in key order.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};
use intake_types::plan::{Identities, IdentityRow};
use intake_types::{DatabaseId, Key, ProfileId};

use crate::Error;
use crate::columns::{Ints, KeyColumns, SmallInts, Texts, Uuids};
use crate::prepared::prepared;

/// How often others may take the ordinals that we were about to take.
const ROUNDS: usize = 5;

// The rows are found and locked in key order first; a delete by itself would go through them in the order of the heap.
// The database id beside the ctid keeps this right on a partitioned table, where ctids repeat.
const RELEASE: &str = "\
    DELETE FROM identities WHERE db_id = $1 AND ctid = ANY (ARRAY( \
        SELECT i.ctid FROM unnest($2, $3, $4) AS u (kind, value, profile_id) \
        CROSS JOIN LATERAL ( \
            SELECT ctid FROM identities \
            WHERE db_id = $1 AND kind = u.kind AND value = u.value AND profile_id = u.profile_id \
            FOR UPDATE \
        ) AS i \
    ))";

// An upsert of rows that are there: it probes the index once per row, whatever the planner knows of the table.
const MOVE: &str = "\
    INSERT INTO identities (db_id, kind, value, ordinal, profile_id, sources) \
    SELECT $1, u.kind, u.value, i.ordinal, u.profile_id, u.sources::int[] \
    FROM unnest($2, $3, $4, $5) WITH ORDINALITY AS u (kind, value, profile_id, sources, position) \
    CROSS JOIN LATERAL ( \
        SELECT ordinal FROM identities \
        WHERE db_id = $1 AND kind = u.kind AND value = u.value AND profile_id = u.profile_id \
        FOR UPDATE \
    ) AS i \
    ORDER BY u.position \
    ON CONFLICT (db_id, kind, value, ordinal) DO UPDATE SET sources = excluded.sources";

// Most values are new, so the first round tries ordinal 0 and asks nothing.
pub(super) const ADD_FIRST: &str = "\
    INSERT INTO identities (db_id, kind, value, ordinal, profile_id, sources) \
    SELECT $1, u.kind, u.value, 0, u.profile_id, u.sources::int[] \
    FROM unnest($2, $3, $4, $5) WITH ORDINALITY AS u (kind, value, profile_id, sources, position) \
    ORDER BY u.position \
    ON CONFLICT DO NOTHING";

// Then each takes the next free ordinal of its value, plus its place among the rows of the same value here.
const ADD_NEXT: &str = "\
    INSERT INTO identities (db_id, kind, value, ordinal, profile_id, sources) \
    SELECT $1, u.kind, u.value, coalesce(i.ordinal + 1, 0) + u.place, u.profile_id, u.sources::int[] \
    FROM unnest($2, $3, $4, $5, $6) WITH ORDINALITY AS u (kind, value, profile_id, sources, place, position) \
    LEFT JOIN LATERAL ( \
        SELECT ordinal FROM identities WHERE db_id = $1 AND kind = u.kind AND value = u.value \
        ORDER BY ordinal DESC LIMIT 1 \
    ) AS i ON true \
    ORDER BY u.position \
    ON CONFLICT DO NOTHING";

const PRESENT: &str = "\
    SELECT u.position FROM unnest($2, $3, $4) WITH ORDINALITY AS u (kind, value, profile_id, position) \
    CROSS JOIN LATERAL ( \
        SELECT 1 FROM identities \
        WHERE db_id = $1 AND kind = u.kind AND value = u.value AND profile_id = u.profile_id OFFSET 0 \
    ) AS i";

#[derive(QueryableByName)]
struct Present {
    #[diesel(sql_type = BigInt)]
    position: i64,
}

/// Writes all changes: what is released first makes room for what is added.
pub(crate) fn write(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    changes: &Identities,
) -> Result<(), Error> {
    release(connection, db_id, &changes.released)?;
    relocate(connection, db_id, &changes.moved)?;
    add(connection, db_id, &changes.added)
}

fn release(connection: &mut PgConnection, db_id: DatabaseId, rows: &[(Key, ProfileId)]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let columns = KeyColumns::of_keys(rows.iter().map(|(key, _)| key));
    let profile_ids: Vec<_> = rows.iter().map(|(_, profile_id)| profile_id.0).collect();
    prepared(RELEASE)
        .bind::<Integer, _>(db_id.0)
        .bind::<SmallInts, _>(columns.kinds)
        .bind::<Texts, _>(columns.values)
        .bind::<Uuids, _>(profile_ids)
        .execute(connection)?;
    Ok(())
}

fn relocate(connection: &mut PgConnection, db_id: DatabaseId, rows: &[IdentityRow]) -> Result<(), Error> {
    if !rows.is_empty() {
        insert(connection, MOVE, db_id, rows.iter())?;
    }
    Ok(())
}

fn add(connection: &mut PgConnection, db_id: DatabaseId, rows: &[IdentityRow]) -> Result<(), Error> {
    if rows.is_empty() || insert(connection, ADD_FIRST, db_id, rows.iter())? == rows.len() {
        return Ok(());
    }
    let mut open = absent(connection, db_id, rows.iter().collect())?;
    for _ in 0..ROUNDS {
        if open.is_empty() || insert_next(connection, db_id, &open)? == open.len() {
            return Ok(());
        }
        open = absent(connection, db_id, open)?;
    }
    Err(Error::Contention)
}

pub(super) fn insert<'a>(
    connection: &mut PgConnection,
    statement: &str,
    db_id: DatabaseId,
    rows: impl Iterator<Item = &'a IdentityRow>,
) -> QueryResult<usize> {
    let columns = KeyColumns::of_rows(rows);
    prepared(statement)
        .bind::<Integer, _>(db_id.0)
        .bind::<SmallInts, _>(columns.kinds)
        .bind::<Texts, _>(columns.values)
        .bind::<Uuids, _>(columns.profile_ids)
        .bind::<Texts, _>(columns.sources)
        .execute(connection)
}

fn insert_next(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    rows: &[&IdentityRow],
) -> Result<usize, Error> {
    let mut next: HashMap<&Key, i32> = HashMap::new();
    let mut places = Vec::with_capacity(rows.len());
    for row in rows {
        let place = next.entry(&row.key).or_default();
        places.push(*place);
        *place += 1;
    }
    let columns = KeyColumns::of_rows(rows.iter().copied());
    Ok(prepared(ADD_NEXT)
        .bind::<Integer, _>(db_id.0)
        .bind::<SmallInts, _>(columns.kinds)
        .bind::<Texts, _>(columns.values)
        .bind::<Uuids, _>(columns.profile_ids)
        .bind::<Texts, _>(columns.sources)
        .bind::<Ints, _>(places)
        .execute(connection)?)
}

/// The rows that are not in the table yet.
fn absent<'a>(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    rows: Vec<&'a IdentityRow>,
) -> Result<Vec<&'a IdentityRow>, Error> {
    let columns = KeyColumns::of_rows(rows.iter().copied());
    let present: Vec<Present> = prepared(PRESENT)
        .bind::<Integer, _>(db_id.0)
        .bind::<SmallInts, _>(columns.kinds)
        .bind::<Texts, _>(columns.values)
        .bind::<Uuids, _>(columns.profile_ids)
        .load(connection)?;
    let present: HashSet<i64> = present.iter().map(|row| row.position).collect();
    Ok((1..).zip(rows).filter(|(position, _)| !present.contains(position)).map(|(_, row)| row).collect())
}
