//! From the values in a chunk to the profiles that they mean, locked, and the values that new profiles may take.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::AtomicBool;

use diesel::PgConnection;
use intake_types::catalog::Database;
use intake_types::plan::{Claim, Holder, IdentityRow};
use intake_types::{Candidates, Combination, Drafts, Key, Places, ProfileId, Repeat, Source, Sources, Stamp};

use crate::Error;
use crate::profiles::find::MOST_HOLDERS;
use crate::profiles::{claim, find, lock};

/// How often profiles may change between look-up and lock before the chunk is given up for now.
const ROUNDS: usize = 5;

/// Looks up, claims and locks until what was found is what is locked. The jobs must match in the same places. With what they
/// mean the profiles of `repeats` are locked, which must be such for a request with the stamp `before`.
pub(super) fn candidates(
    connection: &mut PgConnection,
    database: &Database,
    jobs: &[Drafts],
    meets_others: &AtomicBool,
    repeats: &mut [Repeat],
    before: Stamp,
) -> Result<Candidates, Error> {
    let Some(first) = jobs.first() else { return Ok(Candidates::default()) };
    let mut search = Search {
        connection,
        database,
        jobs,
        places: first.places().clone(),
        meets_others,
        holders: Vec::new(),
        claims: Vec::new(),
        decided: HashSet::new(),
    };
    search.look_up(&search.keys())?;
    search.look_up_unique(&search.unique_keys())?;
    search.look_up_together()?;
    for _ in 0..ROUNDS {
        search.claim_unheld()?;
        let mut ids: BTreeSet<ProfileId> = jobs.iter().flat_map(Drafts::ids).collect();
        ids.extend(search.holders.iter().map(|holder| holder.profile_id));
        let profiles = lock::profiles(search.connection, database.id, &ids, repeats, before)?;
        let (claims, decided) = (search.claims.clone(), search.decided.clone());
        match Candidates::new(database, &search.holders, profiles, claims, decided) {
            Ok(candidates) => return Ok(candidates),
            Err(stale) => search.look_up_again(&stale)?,
        }
    }
    Err(Error::Contention)
}

struct Search<'a> {
    connection: &'a mut PgConnection,
    database: &'a Database,
    jobs: &'a [Drafts],
    /// Where a match value of theirs counts.
    places: Places,
    meets_others: &'a AtomicBool,
    holders: Vec<Holder>,
    /// Rows that this transaction has inserted.
    claims: Vec<IdentityRow>,
    /// Values of which nobody else can decide before this transaction ends.
    decided: HashSet<Key>,
}

impl<'a> Search<'a> {
    fn keys(&self) -> Vec<Key> {
        of_all(self.jobs, Drafts::keys)
    }

    fn unique_keys(&self) -> Vec<Key> {
        of_all(self.jobs, Drafts::unique_keys)
    }

    fn combinations(&self) -> BTreeSet<&'a Combination> {
        self.jobs.iter().flat_map(Drafts::combinations).collect()
    }

    /// What is to be claimed for any of the jobs, sorted by key; for the first of those that want the same.
    fn unheld(&self) -> Vec<Claim> {
        let mut all: BTreeMap<Key, Claim> = BTreeMap::new();
        for drafts in self.jobs {
            let unheld = drafts.unheld(self.database, &self.holders);
            if self.jobs.len() == 1 {
                return unheld;
            }
            for claim in unheld {
                if all.get(&claim.row.key).is_none_or(|known| claim.decides && !known.decides) {
                    all.insert(claim.row.key.clone(), claim);
                }
            }
        }
        all.into_values().collect()
    }

    /// Finds out who carries these values. Our own claims are no holders: their profiles do not exist yet.
    fn look_up(&mut self, keys: &[Key]) -> Result<(), Error> {
        let claimed: HashSet<ProfileId> = self.claims.iter().map(|row| row.profile_id).collect();
        let found = self.find(keys, &self.places.clone())?;
        self.holders.extend(found.into_iter().filter(|holder| !claimed.contains(&holder.profile_id)));
        Ok(())
    }

    /// Finds out whose profiles carry these values of system fields, wherever matching looks.
    fn look_up_unique(&mut self, keys: &[Key]) -> Result<(), Error> {
        if keys.is_empty() {
            return Ok(());
        }
        let places = Places::Among(Sources::from([Source::Profile]));
        let claimed: HashSet<ProfileId> = self.claims.iter().map(|row| row.profile_id).collect();
        let found = self.find(keys, &places)?;
        self.add(found.into_iter().filter(|holder| !claimed.contains(&holder.profile_id)));
        Ok(())
    }

    fn find(&mut self, keys: &[Key], places: &Places) -> Result<Vec<Holder>, Error> {
        find::holders(self.connection, self.database.id, keys, places, MOST_HOLDERS)
    }

    /// Adds those that are not known yet.
    fn add(&mut self, found: impl Iterator<Item = Holder>) {
        let mut known: HashSet<(Key, ProfileId)> =
            self.holders.iter().map(|holder| (holder.key.clone(), holder.profile_id)).collect();
        self.holders.extend(found.filter(|holder| known.insert((holder.key.clone(), holder.profile_id))));
    }

    /// Finds out who carries tags together. Such profiles cannot be found by one tag after the other: very many may
    /// carry each of them.
    fn look_up_together(&mut self) -> Result<(), Error> {
        let mut found = Vec::new();
        for combination in self.combinations() {
            found.append(&mut find::together(self.connection, self.database.id, combination, MOST_HOLDERS)?);
        }
        if !found.is_empty() {
            self.add(found.into_iter());
        }
        Ok(())
    }

    /// Finds out anew who carries these values, alone or with others.
    fn look_up_again(&mut self, keys: &[Key]) -> Result<(), Error> {
        let combinations = self.combinations();
        let mut again: HashSet<&Key> = keys.iter().collect();
        again.extend(combinations.iter().flat_map(|combination| combination.tags.keys()));
        self.holders.retain(|holder| !again.contains(&holder.key));
        let mut unique = self.unique_keys();
        if combinations.is_empty() && unique.is_empty() {
            return self.look_up(keys);
        }
        let mut alone = self.keys();
        alone.retain(|key| again.contains(key));
        unique.retain(|key| again.contains(key));
        self.look_up(&alone)?;
        self.look_up_unique(&unique)?;
        self.look_up_together()
    }

    fn claim_unheld(&mut self) -> Result<(), Error> {
        let mut unheld = self.unheld();
        let claimed: HashSet<&Key> = self.claims.iter().map(|row| &row.key).collect();
        unheld.retain(|claim| !claimed.contains(&claim.row.key));
        let decides = unheld.iter().filter(|claim| claim.decides).map(|claim| claim.row.key.clone());
        let keys: Vec<Key> = decides.collect();
        if keys.is_empty() {
            return Ok(());
        }
        let claims = claim::claim(self.connection, self.database.id, unheld, self.meets_others)?;
        self.decided.extend(keys.iter().cloned());
        // Somebody may have come in between the look-up and the claim; nobody can any more.
        let ours: HashSet<&Key> = claims.iter().map(|row| &row.key).collect();
        let (ours, others): (Vec<Key>, Vec<Key>) = keys.iter().cloned().partition(|key| ours.contains(key));
        self.claims.extend(claims);
        if !self.combinations().is_empty() || !self.unique_keys().is_empty() {
            // Those are looked for in other places as well.
            return self.look_up_again(&keys);
        }
        self.look_up_behind(&ours)?;
        if others.is_empty() { Ok(()) } else { self.look_up_again(&others) }
    }

    /// Finds out who else carries values of which we are the first holder now. Of those that are to be claimed no holder is
    /// known, so there is nothing to forget.
    fn look_up_behind(&mut self, keys: &[Key]) -> Result<(), Error> {
        let found = find::other_holders(self.connection, self.database.id, keys, &self.places, MOST_HOLDERS)?;
        self.holders.extend(found);
        Ok(())
    }
}

/// The keys of all jobs, sorted, each once.
fn of_all(jobs: &[Drafts], keys: impl Fn(&Drafts) -> Vec<Key>) -> Vec<Key> {
    if let [only] = jobs {
        return keys(only);
    }
    let all: BTreeSet<Key> = jobs.iter().flat_map(keys).collect();
    all.into_iter().collect()
}
