//! The profiles that the records of a chunk may mean, as the database knows them at one moment.

use std::collections::{BTreeMap, HashMap, HashSet};

use smallvec::SmallVec;

use crate::catalog::Database;
use crate::{Carried, Key, Profile, ProfileId, Sources};

/// One profile that carries one value, as the identities table says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The value.
    pub key: Key,
    /// Who carries it.
    pub profile_id: ProfileId,
    /// Where, as the table says.
    pub sources: Sources,
}

/// Those who carry one value, the oldest first, and where. Nearly always there is one.
#[derive(Debug, Clone, Default)]
pub(super) struct Carriers(SmallVec<[(ProfileId, Sources); 1]>);

impl Carriers {
    /// Adds one, or says anew where it carries the value.
    pub(super) fn insert(&mut self, id: ProfileId, sources: Sources) {
        self.remove(id);
        let place = self.0.partition_point(|(other, _)| *other < id);
        self.0.insert(place, (id, sources));
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, id: ProfileId) {
        if let Ok(place) = self.0.binary_search_by_key(&id, |(id, _)| *id) {
            self.0.remove(place);
        }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ProfileId, &Sources)> {
        self.0.iter().map(|(id, sources)| (*id, sources))
    }
}

/// Who carries which value, and the profiles themselves, locked.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    pub(super) profiles: HashMap<ProfileId, Profile>,
    /// What each of them can be found by.
    pub(super) carried: HashMap<ProfileId, Carried>,
    pub(super) holders: HashMap<Key, Carriers>,
    pub(super) claims: BTreeMap<(Key, ProfileId), Sources>,
    pub(super) decided: HashSet<Key>,
}

impl Candidates {
    /// Puts together what was found and locked.
    ///
    /// `profiles` are the locked profiles with all their subscriptions; `claims` the identity rows that this
    /// transaction has just inserted for profiles that do not exist yet; `decided` the values on which nobody else can
    /// decide meanwhile.
    ///
    /// # Errors
    /// Gives back the keys that a holder no longer carries in the places it was found to: it changed between look-up
    /// and lock, so these keys must be looked up (and claimed, if it does not count any more) again.
    pub fn new(
        database: &Database,
        holders: &[Holder],
        profiles: Vec<Profile>,
        claims: Vec<super::IdentityRow>,
        decided: HashSet<Key>,
    ) -> Result<Self, Vec<Key>> {
        let carried: HashMap<ProfileId, Carried> =
            profiles.iter().map(|profile| (profile.id, profile.identities(database))).collect();
        let mut known: HashMap<Key, Carriers> = HashMap::new();
        let mut stale = Vec::new();
        for Holder { key, profile_id, sources: found } in holders {
            match carried.get(profile_id).and_then(|identities| identities.get(key)) {
                Some(sources) if sources == found => {
                    known.entry(key.clone()).or_default().insert(*profile_id, sources.clone());
                }
                _ => stale.push(key.clone()),
            }
        }
        if !stale.is_empty() {
            return Err(stale);
        }
        Ok(Self {
            profiles: profiles.into_iter().map(|profile| (profile.id, profile)).collect(),
            carried,
            holders: known,
            claims: claims.into_iter().map(|row| ((row.key, row.profile_id), row.sources)).collect(),
            decided,
        })
    }
}
