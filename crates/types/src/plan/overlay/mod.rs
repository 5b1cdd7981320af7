//! What a dry run has foretold so far, laid over the profiles that there are: so a person who comes again in a later chunk
//! of the job is met as the earlier one would have left them.
//!
//! `look-up -> Overlay -> Candidates -> Forecast -> Layer -> Overlay`. Nothing else of a dry run is kept, and it is bounded.

mod packed;
#[cfg(test)]
mod tests;

use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher as _;

use uuid::Uuid;

use self::packed::Packed;
use super::{Candidates, Forecast, Holder};
use crate::catalog::Database;
use crate::{Carried, Code, Combination, Drafts, Key, Places, Profile, ProfileId, Source, Sources, Warning};

/// What a profile costs beside its text, and what each value that it is found by does: room in maps, measured generously.
const PER_PROFILE: usize = 96;
const PER_KEY: usize = 48;

/// Profiles as the job would have made or changed them so far.
#[derive(Debug)]
pub struct Overlay {
    profiles: HashMap<ProfileId, Packed, RandomState>,
    /// Who would carry which value, the oldest first: by the value's hash. Those that share one by chance are told apart by
    /// their profiles.
    carriers: BTreeSet<(u64, ProfileId)>,
    /// How many of the profiles that are overlaid carry a value as they are.
    hidden: HashMap<u64, usize>,
    bytes: usize,
    most_bytes: usize,
}

/// What one chunk adds to an [`Overlay`].
#[derive(Debug)]
pub struct Layer {
    entries: Vec<Entry>,
    /// Whether there is no room for some of it: those profiles will be met as they are.
    is_partial: bool,
    /// The first record after it.
    end: u32,
}

impl Layer {
    /// What the client should know of the rest of the job.
    pub fn warning(&self) -> Option<Warning> {
        self.is_partial.then(|| Warning {
            code: Code::DryRunIncomplete,
            text: format!(
                "from record {} on what is foretold may overlook what earlier records of the job would do to the same \
                 profiles: the memory for that is used up",
                self.end
            ),
            field: None,
        })
    }
}

#[derive(Debug)]
struct Entry {
    id: ProfileId,
    /// What it replaces in the overlay: the hashes of its values.
    was: Vec<u64>,
    /// As it would be; `None` where there is no room.
    packed: Option<Packed>,
    carries: Vec<u64>,
    /// Of a profile that there is and that was not overlaid yet.
    hides: Vec<u64>,
}

impl Overlay {
    /// With nothing in it yet, and room for this many bytes.
    pub fn new(most_bytes: usize) -> Self {
        let empty = HashMap::default();
        Self { profiles: empty, carriers: BTreeSet::new(), hidden: HashMap::new(), bytes: 0, most_bytes }
    }

    /// How many more holders of each of these values must be looked up than are needed: so many of those that carry it may
    /// be overlaid.
    pub fn hidden<'a>(&self, keys: impl IntoIterator<Item = &'a Key>) -> usize {
        let of = |key| self.hidden.get(&self.hash(key)).copied();
        keys.into_iter().filter_map(of).max().unwrap_or_default()
    }

    /// From those who carry one of `keys` in these places as they are to those who would, at most `most` of each, the oldest
    /// first.
    pub fn holders(
        &self,
        database: &Database,
        found: Vec<Holder>,
        keys: &[Key],
        places: &Places,
        most: u32,
    ) -> Vec<Holder> {
        if self.profiles.is_empty() {
            return found;
        }
        let enough = usize::try_from(most).unwrap_or(usize::MAX);
        let mut by_key: HashMap<Key, Vec<Holder>> = HashMap::new();
        for holder in found.into_iter().filter(|holder| !self.profiles.contains_key(&holder.profile_id)) {
            by_key.entry(holder.key.clone()).or_default().push(holder);
        }
        let of = |key: &Key| {
            let mut all = by_key.remove(key).unwrap_or_default();
            all.extend(self.carriers(database, key, places).take(enough));
            all.sort_by_key(|holder| holder.profile_id);
            all.truncate(enough);
            all
        };
        keys.iter().flat_map(of).collect()
    }

    /// The same of those who carry all tags of a combination, each as a holder of each of them.
    pub fn holders_together(
        &self,
        database: &Database,
        found: &[Holder],
        combination: &Combination,
        most: u32,
    ) -> Vec<Holder> {
        let there = found.iter().map(|holder| holder.profile_id).filter(|id| !self.profiles.contains_key(id));
        let enough = usize::try_from(most).unwrap_or(usize::MAX);
        let carriers = self.carry_all(database, combination).take(enough);
        let ids: BTreeSet<ProfileId> = there.chain(carriers).collect();
        let of = |profile_id| {
            let sources = Sources::from([Source::Profile]);
            combination.tags.keys().map(move |key| Holder {
                key: key.clone(),
                profile_id,
                sources: sources.clone(),
            })
        };
        ids.into_iter().take(enough).flat_map(of).collect()
    }

    /// The profiles that must be read as they are: those that records mean by their ids and those of `holders`, but for the
    /// overlaid.
    pub fn unknown(&self, drafts: &Drafts, holders: &[Holder]) -> BTreeSet<ProfileId> {
        ids(drafts, holders).into_iter().filter(|id| !self.profiles.contains_key(id)).collect()
    }

    /// Puts together what was found, corrected by [`Self::holders`], and read. Nobody else can decide on a value while
    /// nothing is decided: what a real import would claim counts as claimed.
    ///
    /// # Errors
    /// As [`Candidates::new`]; never, when all was read in one snapshot.
    pub fn candidates(
        &self,
        database: &Database,
        drafts: &Drafts,
        holders: &[Holder],
        read: Vec<Profile>,
    ) -> Result<Candidates, Vec<Key>> {
        let claims = drafts.unheld(database, holders).into_iter();
        let decided = claims.filter(|claim| claim.decides).map(|claim| claim.row.key).collect();
        let mut profiles = read;
        profiles.extend(ids(drafts, holders).into_iter().filter_map(|id| self.get(id)));
        Candidates::new(database, holders, profiles, Vec::new(), decided)
    }

    /// What a forecast adds, as far as there is room.
    pub fn layer(&self, database: &Database, forecast: &Forecast) -> Layer {
        let end = forecast.outcomes.last().map_or(0, |last| last.index.saturating_add(1));
        let mut layer = Layer { entries: Vec::new(), is_partial: false, end };
        let mut bytes = self.bytes;
        for profile in forecast.after.values() {
            let mut entry = self.entry(database, forecast.before.get(&profile.id), profile);
            bytes = bytes.saturating_sub(self.cost(&entry)) + PER_KEY * entry.hides.len();
            let more = entry.packed.as_ref().map_or(0, |packed| cost(packed, &entry.carries));
            if bytes.saturating_add(more) > self.most_bytes {
                (entry.packed, entry.carries, layer.is_partial) = (None, Vec::new(), true);
            } else {
                bytes += more;
            }
            layer.entries.push(entry);
        }
        layer
    }

    /// Adds a layer that was made of this overlay.
    pub fn put(&mut self, layer: Layer) {
        for entry in layer.entries {
            self.bytes = self.bytes.saturating_sub(self.cost(&entry));
            self.profiles.remove(&entry.id);
            for hash in entry.was {
                self.carriers.remove(&(hash, entry.id));
            }
            self.bytes += PER_KEY * entry.hides.len();
            for hash in entry.hides {
                *self.hidden.entry(hash).or_default() += 1;
            }
            if let Some(packed) = entry.packed {
                self.bytes += cost(&packed, &entry.carries);
                self.carriers.extend(entry.carries.into_iter().map(|hash| (hash, entry.id)));
                self.profiles.insert(entry.id, packed);
            }
        }
    }

    fn entry(&self, database: &Database, known: Option<&Profile>, profile: &Profile) -> Entry {
        let id = profile.id;
        let (was, hides) = match (self.get(id), known) {
            (Some(overlaid), _) => (self.hashes(database, &overlaid), Vec::new()),
            (None, Some(known)) => (Vec::new(), self.hashes(database, known)),
            (None, None) => (Vec::new(), Vec::new()),
        };
        Entry { id, was, packed: Packed::of(profile), carries: self.hashes(database, profile), hides }
    }

    /// What an entry's profile takes by now.
    fn cost(&self, entry: &Entry) -> usize {
        self.profiles.get(&entry.id).map_or(0, |packed| cost(packed, &entry.was))
    }

    fn get(&self, id: ProfileId) -> Option<Profile> {
        self.profiles.get(&id)?.unpack(id)
    }

    fn hash(&self, key: &Key) -> u64 {
        self.profiles.hasher().hash_one(key)
    }

    fn hashes(&self, database: &Database, profile: &Profile) -> Vec<u64> {
        profile.identities(database).keys().map(|key| self.hash(key)).collect()
    }

    fn range(&self, hash: u64) -> impl Iterator<Item = ProfileId> {
        let ends = (hash, ProfileId(Uuid::nil()))..=(hash, ProfileId(Uuid::max()));
        self.carriers.range(ends).map(|(_, id)| *id)
    }

    fn identities(&self, database: &Database, id: ProfileId) -> Carried {
        self.get(id).map(|profile| profile.identities(database)).unwrap_or_default()
    }

    /// Those who would carry a value where it counts, the oldest first.
    fn carriers(&self, database: &Database, key: &Key, places: &Places) -> impl Iterator<Item = Holder> {
        self.range(self.hash(key)).filter_map(move |profile_id| {
            let sources = self.identities(database, profile_id).remove(key)?;
            let counts = key.kind.is_custom() || places.accept(&sources);
            counts.then(|| Holder { key: key.clone(), profile_id, sources })
        })
    }

    /// Those who would carry all of the tags, the oldest first.
    fn carry_all(&self, database: &Database, combination: &Combination) -> impl Iterator<Item = ProfileId> {
        let hashes: Vec<u64> = combination.tags.keys().map(|key| self.hash(key)).collect();
        let rarest = self.rarest(&hashes);
        let all = move |id: &ProfileId| {
            hashes.iter().all(|hash| self.carriers.contains(&(*hash, *id))) && {
                let carried = self.identities(database, *id);
                combination.tags.keys().all(|key| carried.contains_key(key))
            }
        };
        rarest.into_iter().flat_map(|hash| self.range(hash)).filter(all)
    }

    /// The value that the fewest carry: found without counting those that many do.
    fn rarest(&self, hashes: &[u64]) -> Option<u64> {
        let mut ranges: Vec<_> = hashes.iter().map(|hash| (*hash, self.range(*hash))).collect();
        while !ranges.is_empty() {
            for (hash, range) in &mut ranges {
                if range.next().is_none() {
                    return Some(*hash);
                }
            }
        }
        None
    }
}

/// The profiles that records may mean.
fn ids(drafts: &Drafts, holders: &[Holder]) -> BTreeSet<ProfileId> {
    let mut ids = drafts.ids();
    ids.extend(holders.iter().map(|holder| holder.profile_id));
    ids
}

fn cost(packed: &Packed, carries: &[u64]) -> usize {
    PER_PROFILE + packed.bytes() + PER_KEY * carries.len()
}
