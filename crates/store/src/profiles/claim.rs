//! Claiming values that nobody carries, so that of many imports that would make the same person only one does.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Integer, Uuid as UuidType};
use intake_types::DatabaseId;
use intake_types::plan::IdentityRow;
use uuid::Uuid;

use super::columns::{KeyColumns, SmallInts, Texts, at};
use super::identities;
use crate::Error;

/// How often a value may vanish between our conflict and our lock before we give up.
const ROUNDS: usize = 5;

// The first holder's row stands for the value: whoever holds its lock decides what becomes of the value.
const LOCK: &str = "\
    SELECT u.position, i.profile_id \
    FROM unnest($2, $3) WITH ORDINALITY AS u (kind, value, position) \
    CROSS JOIN LATERAL ( \
        SELECT profile_id FROM identities \
        WHERE db_id = $1 AND kind = u.kind AND value = u.value AND ordinal = 0 \
        FOR UPDATE \
    ) AS i";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = UuidType)]
    profile_id: Uuid,
}

/// Makes this transaction the only one that can decide on these values, which must be sorted by key.
///
/// Gives back the rows that were inserted; of the others another profile is the first holder, and its row is locked.
/// Either way the values must be looked up again: only now can nobody get in between.
pub(crate) fn claim(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    rows: Vec<IdentityRow>,
) -> Result<Vec<IdentityRow>, Error> {
    let mut claimed = Vec::new();
    let mut open = rows;
    for _ in 0..ROUNDS {
        if open.is_empty() {
            return Ok(claimed);
        }
        // Waits for a rival that has inserted the same value and not committed yet. Sorted, so that two of these cannot
        // wait for each other.
        if identities::insert(connection, identities::ADD_FIRST, db_id, open.iter())? == open.len() {
            claimed.append(&mut open);
            return Ok(claimed);
        }
        let first = first_holders(connection, db_id, &open)?;
        let (known, vanished): (Vec<_>, Vec<_>) =
            open.into_iter().enumerate().partition(|(index, _)| first.contains_key(index));
        let ours = |(index, row): (usize, IdentityRow)| {
            (first.get(&index) == Some(&row.profile_id.0)).then_some(row)
        };
        claimed.extend(known.into_iter().filter_map(ours));
        open = vanished.into_iter().map(|(_, row)| row).collect();
    }
    if open.is_empty() { Ok(claimed) } else { Err(Error::Contention) }
}

/// The first holder of each value, by the position of its row, locked.
fn first_holders(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    rows: &[IdentityRow],
) -> Result<HashMap<usize, Uuid>, Error> {
    let columns = KeyColumns::of_rows(rows);
    let indices: Vec<usize> = (0..rows.len()).collect();
    let found: Vec<Row> = sql_query(LOCK)
        .bind::<Integer, _>(db_id.0)
        .bind::<SmallInts, _>(columns.kinds)
        .bind::<Texts, _>(columns.values)
        .load(connection)?;
    Ok(found
        .iter()
        .filter_map(|row| at(&indices, row.position).map(|index| (*index, row.profile_id)))
        .collect())
}
