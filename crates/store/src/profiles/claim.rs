//! Claiming values that nobody carries, so that of many imports that would make the same person only one does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{BigInt, Integer, Uuid as UuidType};
use intake_types::DatabaseId;
use intake_types::plan::{Claim, IdentityRow};
use uuid::Uuid;

use super::{copy, identities};
use crate::Error;
use crate::columns::{KeyColumns, SmallInts, Texts, index};
use crate::prepared::prepared;

/// Claims from which on it pays to try whether all of them are of new values.
const MANY: usize = 32;

/// How often a value may vanish between our conflict and our lock before we give up.
const ROUNDS: usize = 5;

// The first holder's row stands for the value: whoever holds its lock decides what becomes of the value.
const LOOK: &str = "\
    SELECT u.position, i.profile_id \
    FROM unnest($2, $3) WITH ORDINALITY AS u (kind, value, position) \
    CROSS JOIN LATERAL ( \
        SELECT profile_id FROM identities \
        WHERE db_id = $1 AND kind = u.kind AND value = u.value AND ordinal = 0";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = UuidType)]
    profile_id: Uuid,
}

/// Makes this transaction the only one that can decide on the values of claims that decide. All must be sorted by key.
///
/// Most imports have only new values or meet others all the time; `meets_others` tells which it was last, and learns it.
///
/// Gives back the rows that were inserted. Of the other values another profile is the first holder; its row is locked where
/// the claim decides, else left alone, so that creators who share such a value do not wait for each other. The values that
/// were decided on must be looked up again: only now can nobody get in between.
pub(crate) fn claim(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    claims: Vec<Claim>,
    meets_others: &AtomicBool,
) -> Result<Vec<IdentityRow>, Error> {
    let mut claimed = Vec::new();
    let mut open = claims;
    let is_many = open.len() >= MANY;
    if is_many && !meets_others.load(Ordering::Relaxed) {
        if all_new(connection, db_id, &open)? {
            return Ok(open.into_iter().map(|claim| claim.row).collect());
        }
        meets_others.store(true, Ordering::Relaxed);
    }
    for round in 0..ROUNDS {
        if open.is_empty() {
            return Ok(claimed);
        }
        // Waits for a rival that has inserted the same value and not committed yet. In the one order of keys, so that two of
        // these cannot wait for each other: that is why rows that decide nothing are among them.
        let rows = open.iter().map(|claim| &claim.row);
        if identities::insert(connection, identities::ADD_FIRST, db_id, rows)? == open.len() {
            claimed.extend(open.into_iter().map(|claim| claim.row));
            if is_many && round == 0 {
                meets_others.store(false, Ordering::Relaxed);
            }
            return Ok(claimed);
        }
        let (deciding, others): (Vec<Claim>, Vec<Claim>) = open.into_iter().partition(|claim| claim.decides);
        let (ours, vanished) = settle(connection, &format!("{LOOK} FOR UPDATE ) AS i"), db_id, deciding)?;
        claimed.extend(ours);
        let (ours, _vanished) = settle(connection, &format!("{LOOK} OFFSET 0 ) AS i"), db_id, others)?;
        claimed.extend(ours);
        open = vanished;
    }
    if open.is_empty() { Ok(claimed) } else { Err(Error::Contention) }
}

/// Copies all rows, or none where one of the values has a holder. That takes PostgreSQL half as long as to insert those that have
/// none.
fn all_new(connection: &mut PgConnection, db_id: DatabaseId, claims: &[Claim]) -> Result<bool, Error> {
    // Waits for rivals in the order of keys, as what may come after it does.
    let inserted = connection
        .transaction(|connection| copy::identities(connection, db_id, claims.iter().map(|claim| &claim.row)));
    match inserted {
        Ok(()) => Ok(true),
        Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The rows of which we are the first holder, and the claims of values that have none any more.
fn settle(
    connection: &mut PgConnection,
    statement: &str,
    db_id: DatabaseId,
    claims: Vec<Claim>,
) -> Result<(Vec<IdentityRow>, Vec<Claim>), Error> {
    let columns = KeyColumns::of_rows(claims.iter().map(|claim| &claim.row));
    let found: Vec<Row> = prepared(statement)
        .bind::<Integer, _>(db_id.0)
        .bind::<SmallInts, _>(columns.kinds)
        .bind::<Texts, _>(columns.values)
        .load(connection)?;
    let first: HashMap<usize, Uuid> =
        found.iter().filter_map(|row| Some((index(row.position)?, row.profile_id))).collect();
    let (mut ours, mut vanished) = (Vec::new(), Vec::new());
    for (place, claim) in claims.into_iter().enumerate() {
        match first.get(&place) {
            None => vanished.push(claim),
            Some(holder) if *holder == claim.row.profile_id.0 => ours.push(claim.row),
            Some(_) => {}
        }
    }
    Ok((ours, vanished))
}
