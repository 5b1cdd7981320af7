//! The records of one chunk as drafts, and what must be known of profiles before they can be planned.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::value::RawValue;

use super::{Draft, reader};
use crate::catalog::{Catalog, Database};
use crate::plan::{Claim, Holder, IdentityRow};
use crate::{
    Atlas, Carried, Code, Combination, Failure, Header, JobId, Key, MatchRule, MatchValues, Operation,
    Outcome, Places, Profile, ProfileId, Source, Sources, Stamp, Warning,
};

/// The records of one chunk, each checked on its own.
#[derive(Debug, Clone)]
pub struct Drafts {
    pub(crate) job_id: JobId,
    pub(crate) begins_at: u32,
    pub(crate) stamp: Stamp,
    pub(crate) validate_only: bool,
    pub(crate) operation: Operation,
    pub(crate) rule: MatchRule,
    pub(crate) places: Places,
    pub(crate) skip_invalid_subscriptions: bool,
    pub(crate) valid: Vec<Draft>,
    pub(crate) refused: Vec<Outcome>,
    /// What records make that may make a profile: it is asked what it would be found by before it is made.
    made: RefCell<HashMap<u32, Made>>,
}

/// The profile that a record makes.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) profile: Profile,
    /// What it can be found by.
    pub(crate) carried: Carried,
    /// Whether all of the record could be merged into it, and what was noticed.
    pub(crate) merged: Result<Vec<Warning>, Failure>,
}

impl Drafts {
    /// Reads and checks records, each with its position in the job. `atlas` knows where addresses are, for requests that ask
    /// it.
    pub fn of<'r>(
        header: &Header,
        catalog: &Catalog,
        database: &Database,
        records: impl IntoIterator<Item = (u32, &'r RawValue)>,
        atlas: Option<&dyn Atlas>,
    ) -> Self {
        let reader = reader::Reader::new(header, catalog, database, atlas);
        let mut drafts = Self {
            job_id: header.job_id,
            begins_at: header.begins_at,
            stamp: header.stamp(),
            validate_only: header.validate_only,
            operation: header.operation,
            rule: header.rule.clone(),
            places: header.rule.places(header.resource_id),
            skip_invalid_subscriptions: header.skip_invalid_subscriptions,
            valid: Vec::new(),
            refused: Vec::new(),
            made: RefCell::default(),
        };
        for (index, record) in records {
            match reader.read(index, record.get()) {
                Ok(draft) => drafts.valid.push(draft),
                Err(refused) => drafts.refused.push(*refused),
            }
        }
        drafts
    }

    /// The records that are right by themselves, in input order.
    pub fn valid(&self) -> &[Draft] {
        &self.valid
    }

    /// How many records there are, right or wrong.
    pub(crate) fn len(&self) -> usize {
        self.valid.len() + self.refused.len()
    }

    /// Says what was wrong with records of a stream that were no JSON, by position: what stands in their place, their
    /// text, was refused for being text.
    pub fn tell_unreadable(&mut self, problems: &BTreeMap<u32, String>) {
        for outcome in &mut self.refused {
            if let Some(text) = problems.get(&outcome.index).cloned() {
                outcome.failure = Some(Failure { code: Code::NotAnObject, field: None, text });
            }
        }
    }

    /// The places in which a match value counts.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Whether a record that means nobody makes a profile.
    pub(crate) fn may_create(&self) -> bool {
        self.operation != Operation::Update && self.rule != MatchRule::ProfileId
    }

    /// The id of the profile that a record makes, if it makes one. Of one request it is the younger the later the record is,
    /// also where another job had the records before.
    pub(crate) fn made_by(&self, index: u32) -> ProfileId {
        ProfileId::made_by(self.job_id, self.begins_at.saturating_add(index))
    }

    /// The record that would make a profile, where the profile will not be made: in a dry run, which
    /// always has all records of its request.
    pub(crate) fn would_make(&self, id: ProfileId) -> Option<u32> {
        id.maker(self.job_id).filter(|_| self.validate_only)
    }

    /// What a text calls a profile: its id, or where nobody will ever find it by that, the record that would make it.
    pub(crate) fn name(&self, id: ProfileId) -> String {
        self.would_make(id).map_or_else(|| id.to_string(), |index| format!("of record {index}"))
    }

    /// Every value that must be looked up by itself in the [`Self::places`], sorted, each once. Custom fields have no other
    /// place than the profile, so unique values of theirs are among them.
    pub fn keys(&self) -> Vec<Key> {
        let mut keys: BTreeSet<&Key> = BTreeSet::new();
        for draft in &self.valid {
            keys.extend(draft.all_unique_keys().filter(|key| key.kind.is_custom()));
            if let MatchValues::FirstOf(lists) = &draft.matching {
                keys.extend(lists.iter().flatten());
            }
        }
        keys.into_iter().cloned().collect()
    }

    /// Every unique value of system fields, which must be looked up in profiles, sorted, each once.
    pub fn unique_keys(&self) -> Vec<Key> {
        let all = self.valid.iter().flat_map(Draft::all_unique_keys);
        let keys: BTreeSet<&Key> = all.filter(|key| !key.kind.is_custom()).collect();
        keys.into_iter().cloned().collect()
    }

    /// Every combination whose common holders must be looked up, each once.
    pub fn combinations(&self) -> BTreeSet<&Combination> {
        let all = self.valid.iter().map(|draft| &draft.matching);
        all.filter_map(|matching| match matching {
            MatchValues::AllOf(together) => Some(together),
            MatchValues::FirstOf(_) | MatchValues::Id(_) => None,
        })
        .collect()
    }

    /// The profiles that are meant by their id.
    pub fn ids(&self) -> BTreeSet<ProfileId> {
        let of = |draft: &Draft| match draft.matching {
            MatchValues::Id(id) => Some(id),
            MatchValues::FirstOf(_) | MatchValues::AllOf(_) => None,
        };
        self.valid.iter().filter_map(of).collect()
    }

    /// The profile that a record makes, if it makes one.
    pub(crate) fn made(&self, database: &Database, draft: &Draft) -> Made {
        let made = self.made.borrow_mut().remove(&draft.index);
        made.unwrap_or_else(|| {
            let mut profile = draft.begin(self.made_by(draft.index), self.stamp);
            let merged = draft.apply_to(&mut profile, self.stamp, self.skip_invalid_subscriptions);
            Made { carried: profile.identities(database), profile, merged }
        })
    }

    /// The keys that nobody in `holders` carries in a way that counts, each with the profile that would be made for
    /// it: to be claimed before the plan is made. With them the other keys of profiles that would be made, so that all of a
    /// new profile's rows are inserted in the one order. Sorted by key.
    pub fn unheld(&self, database: &Database, holders: &[Holder]) -> Vec<Claim> {
        let held = Held::of(self, holders);
        let mut unheld: BTreeMap<Key, Claim> = BTreeMap::new();
        for draft in &self.valid {
            let free = draft.all_unique_keys().filter(|key| !held.in_profiles.contains(key));
            let mut wanted: Vec<&Key> = free.collect();
            wanted.extend(held.open(&draft.matching));
            wanted.sort_unstable();
            if wanted.iter().all(|key| unheld.get(*key).is_some_and(|claim| claim.decides)) {
                continue;
            }
            let made = self.made(database, draft);
            let carried = match &made.merged {
                Ok(_) => Cow::Borrowed(&made.carried),
                // It may be another profile that it can be merged into.
                Err(_) => Cow::Owned(
                    wanted.iter().map(|key| ((*key).clone(), Sources::from([Source::Profile]))).collect(),
                ),
            };
            let profile_id = made.profile.id;
            let creates = self.may_create() && held.nobody(&draft.matching);
            for (key, sources) in &*carried {
                let decides = wanted.binary_search(&key).is_ok();
                if !decides && !creates {
                    continue;
                }
                let claim = || Claim {
                    row: IdentityRow { key: key.clone(), profile_id, sources: sources.clone() },
                    decides,
                };
                let claimed = unheld.entry(key.clone()).or_insert_with(claim);
                if decides && !claimed.decides {
                    *claimed = claim();
                }
            }
            self.made.borrow_mut().insert(draft.index, made);
        }
        unheld.into_values().collect()
    }
}

impl Draft {
    fn all_unique_keys(&self) -> impl Iterator<Item = &Key> {
        self.unique_keys.iter().chain(&self.unique_if_new).map(|(key, _)| key)
    }
}

/// Which values somebody carries.
struct Held<'a> {
    in_profiles: HashSet<&'a Key>,
    /// Where it counts for matching.
    by: BTreeMap<&'a Key, BTreeSet<ProfileId>>,
}

impl<'a> Held<'a> {
    fn of(drafts: &Drafts, holders: &'a [Holder]) -> Self {
        let mut held = Self { in_profiles: HashSet::new(), by: BTreeMap::new() };
        for holder in holders {
            if holder.sources.contains(Source::Profile) {
                held.in_profiles.insert(&holder.key);
            }
            if drafts.places.accept(&holder.sources) {
                held.by.entry(&holder.key).or_default().insert(holder.profile_id);
            }
        }
        held
    }

    /// Whether nobody carries any of the values.
    fn nobody(&self, matching: &MatchValues) -> bool {
        !matching.keys().iter().any(|key| self.by.contains_key(*key))
    }

    /// The match values that are to be claimed: those that nobody carries; of a combination all, unless somebody carries
    /// them together.
    fn open<'d>(&self, matching: &'d MatchValues) -> Vec<&'d Key> {
        match matching {
            MatchValues::FirstOf(lists) => {
                lists.iter().flatten().filter(|key| !self.by.contains_key(key)).collect()
            }
            MatchValues::AllOf(Combination { tags, .. }) => {
                let mut carriers = tags.keys().map(|key| self.by.get(key).cloned().unwrap_or_default());
                let first = carriers.next().unwrap_or_default();
                let together = carriers.fold(first, |all, next| &all & &next);
                if together.is_empty() { tags.keys().collect() } else { Vec::new() }
            }
            MatchValues::Id(_) => Vec::new(),
        }
    }
}
