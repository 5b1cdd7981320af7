//! Which records say again what their profiles were last written by.

use std::collections::{BTreeSet, HashSet};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, SmallInt, Uuid as UuidType};
use intake_types::{DatabaseId, Glance, Kind, Places, ProfileId, Repeat, Stamp};
use uuid::Uuid;

use super::find::{COUNTS, among};
use super::lock::IS_REPEATED;
use crate::Error;
use crate::columns::{Ints, KeyColumns, SmallInts, Texts, Uuids, index};
use crate::prepared::prepared;

// One index probe for each key, and one for each profile; see `find`, of whose places $4 to $6 are the parameters. That a
// key has more than one holder is told by two.
fn statement() -> String {
    format!(
        "SELECT u.position, i.profile_id, p.is_repeated \
         FROM (SELECT *, $8 AS before FROM unnest($2, $3, $7) WITH ORDINALITY AS u (kind, value, imprint, position)) AS u \
         CROSS JOIN LATERAL ( \
             SELECT profile_id FROM identities \
             WHERE db_id = $1 AND kind = u.kind AND value = u.value AND {COUNTS} \
             ORDER BY ordinal LIMIT 2 \
         ) AS i \
         CROSS JOIN LATERAL ( \
             SELECT {IS_REPEATED} AS is_repeated FROM profiles WHERE db_id = $1 AND id = i.profile_id OFFSET 0 \
         ) AS p"
    )
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = UuidType)]
    profile_id: Uuid,
    #[diesel(sql_type = Bool)]
    is_repeated: bool,
}

/// Whom a record means.
#[derive(Clone, Default)]
struct Found {
    ids: BTreeSet<ProfileId>,
    /// Something else has written one of them.
    is_other: bool,
}

/// Of the records those all of whose keys mean one profile, which was last written by the same record in a request that was
/// accepted before the one with this stamp; and whom the others mean. Nothing is locked, so it may not be so any more.
pub(crate) fn find(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    places: &Places,
    before: Stamp,
    glances: Vec<Glance>,
) -> Result<(Vec<Repeat>, HashSet<ProfileId>), Error> {
    if glances.is_empty() {
        return Ok((Vec::new(), HashSet::new()));
    }
    let columns = KeyColumns::of_keys(glances.iter().flat_map(|glance| &glance.keys));
    let owners: Vec<usize> = glances
        .iter()
        .enumerate()
        .flat_map(|(owner, glance)| glance.keys.iter().map(move |_| owner))
        .collect();
    let imprints: Vec<Uuid> =
        owners.iter().filter_map(|owner| glances.get(*owner)).map(|glance| glance.imprint.0).collect();
    let rows: Vec<Row> = prepared(statement())
        .bind::<Integer, _>(db_id.0)
        .bind::<SmallInts, _>(columns.kinds)
        .bind::<Texts, _>(columns.values)
        .bind::<Nullable<Ints>, _>(among(places))
        .bind::<Bool, _>(*places == Places::Subscriptions)
        .bind::<SmallInt, _>(Kind::FIRST_CUSTOM.number())
        .bind::<Uuids, _>(imprints)
        .bind::<UuidType, _>(before.0)
        .load(connection)?;
    let mut found = vec![Found::default(); glances.len()];
    for row in rows {
        let owner = index(row.position).and_then(|position| owners.get(position));
        if let Some(found) = owner.and_then(|owner| found.get_mut(*owner)) {
            found.is_other |= !row.is_repeated;
            found.ids.insert(ProfileId(row.profile_id));
        }
    }
    let (mut repeats, mut others) = (Vec::new(), HashSet::new());
    for (glance, Found { ids, is_other }) in glances.into_iter().zip(found) {
        match ids.first() {
            Some(id) if ids.len() == 1 && !is_other => {
                repeats.push(Repeat { glance, profile_id: *id, rest: None });
            }
            _ => others.extend(ids),
        }
    }
    Ok((repeats, others))
}
