//! The product's side of the comparison: chunks planned and written to tables that only keep what they are told.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::value::RawValue;

use crate::catalog::{Catalog, Database};
use crate::plan::{Candidates, Claim, Holder, Plan};
use crate::{
    Combination, DatabaseId, Drafts, Glance, Header, Imprint, Key, Outcome, PackedLog, Places, Profile,
    ProfileId, Repeat, Source, Sources,
};

/// What the two tables hold, and nothing cleverer.
#[derive(Default, Clone)]
pub(super) struct Tables {
    pub(super) profiles: BTreeMap<ProfileId, Profile>,
    /// Of the records that would find them as they are.
    pub(super) imprints: BTreeMap<ProfileId, Imprint>,
    pub(super) identities: BTreeMap<(Key, ProfileId), Sources>,
}

/// Where unique values of system fields are looked for.
pub(super) fn in_profiles() -> Places {
    Places::Among(Sources::from([Source::Profile]))
}

impl Tables {
    /// Those who carry one of the values in one of these places.
    pub(super) fn carriers(&self, keys: &[Key], places: &Places) -> Vec<Holder> {
        let counts = |key: &Key, sources: &Sources| key.kind.is_custom() || places.accept(sources);
        let rows = self.identities.iter();
        rows.filter(|((key, _), sources)| keys.contains(key) && counts(key, sources))
            .map(|((key, id), sources)| Holder {
                key: key.clone(),
                profile_id: *id,
                sources: sources.clone(),
            })
            .collect()
    }

    /// Those who carry all tags of a combination.
    pub(super) fn together(&self, combination: &Combination) -> Vec<Holder> {
        let keys: Vec<Key> = combination.tags.keys().cloned().collect();
        let row = |key: &Key, id: ProfileId| {
            let sources = self.identities.get(&(key.clone(), id))?.clone();
            Some(Holder { key: key.clone(), profile_id: id, sources })
        };
        let rows = |id: &ProfileId| keys.iter().map(|key| row(key, *id)).collect::<Option<Vec<Holder>>>();
        self.profiles.keys().filter_map(rows).flatten().collect()
    }

    fn holders(&self, drafts: &Drafts) -> Vec<Holder> {
        let mut holders = self.carriers(&drafts.keys(), drafts.places());
        holders.extend(self.carriers(&drafts.unique_keys(), &in_profiles()));
        holders.extend(drafts.combinations().into_iter().flat_map(|combination| self.together(combination)));
        holders
    }

    /// Applies records, a chunk that is cut in as many steps as it takes.
    pub(super) fn apply(
        &mut self,
        catalog: &Catalog,
        header: &Header,
        first: u32,
        records: &[&RawValue],
    ) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        while outcomes.len() < records.len() {
            let next = first + u32::try_from(outcomes.len()).unwrap();
            let more = self.step(catalog, header, next, &records[outcomes.len()..]);
            assert!(!more.is_empty(), "each step goes on");
            outcomes.extend(more);
        }
        outcomes
    }

    fn step(
        &mut self,
        catalog: &Catalog,
        header: &Header,
        first: u32,
        records: &[&RawValue],
    ) -> Vec<Outcome> {
        let database = &catalog.databases[&DatabaseId(1)];
        let drafts = Drafts::of(header, catalog, database, (first..).zip(records.iter().copied()), None);
        let candidates = self.candidates(database, std::slice::from_ref(&drafts));
        let mut plan = Plan::of(database, drafts, candidates);
        self.write(&plan);
        plan.shares.pop().unwrap().outcomes
    }

    /// Applies records, of which repeats are not read, if nothing else bears on them. Gives with the fates how many they were.
    pub(super) fn apply_repeats(
        &mut self,
        catalog: &Catalog,
        header: &Header,
        records: &[&RawValue],
    ) -> Option<(Vec<Outcome>, usize)> {
        let (mut outcomes, mut count, mut after) = (Vec::new(), 0, self.clone());
        while outcomes.len() < records.len() {
            let (more, repeats) = after.step_over_repeats(catalog, header, outcomes.len(), records)?;
            assert!(!more.is_empty(), "each step goes on");
            outcomes.extend(more);
            count += repeats;
        }
        *self = after;
        Some((outcomes, count))
    }

    pub(super) fn step_over_repeats(
        &mut self,
        catalog: &Catalog,
        header: &Header,
        next: usize,
        records: &[&RawValue],
    ) -> Option<(Vec<Outcome>, usize)> {
        let database = &catalog.databases[&DatabaseId(1)];
        let numbered = || (0..).zip(records.iter().copied()).skip(next);
        let places = header.rule.places(header.resource_id);
        let repeats = Glance::of(header, catalog, database, numbered()).into_iter().filter_map(|glance| {
            let holders = self.carriers(&glance.keys, &places);
            let ids: BTreeSet<ProfileId> = holders.into_iter().map(|holder| holder.profile_id).collect();
            let profile_id = ids.first().copied().filter(|_| ids.len() == 1)?;
            let is_same = self.imprints.get(&profile_id) == Some(&glance.imprint);
            let log = PackedLog::of(&self.profiles[&profile_id]).unwrap();
            (is_same && log.base < header.stamp()).then_some(Repeat { glance, profile_id, rest: log.rest })
        });
        let repeats: Vec<Repeat> = repeats.collect();
        let is_read = |index| !repeats.iter().any(|repeat| repeat.glance.index == index);
        let drafts =
            Drafts::of(header, catalog, database, numbered().filter(|(index, _)| is_read(*index)), None);
        let candidates = self.candidates(database, std::slice::from_ref(&drafts));
        let count = repeats.len();
        let mut plan = Plan::with_repeats(database, drafts, candidates, repeats)?;
        self.write(&plan);
        Some((plan.shares.pop()?.outcomes, count))
    }

    /// Applies jobs as a whole and together, if that can be done.
    pub(super) fn apply_together(
        &mut self,
        catalog: &Catalog,
        jobs: &[(Header, Vec<&RawValue>)],
    ) -> Option<Vec<Vec<Outcome>>> {
        let database = &catalog.databases[&DatabaseId(1)];
        let drafts = |(header, records): &(Header, Vec<&RawValue>)| {
            Drafts::of(header, catalog, database, (0..).zip(records.iter().copied()), None)
        };
        let jobs: Vec<Drafts> = jobs.iter().map(drafts).collect();
        let candidates = self.candidates(database, &jobs);
        let plan = Plan::together(database, jobs, candidates)?;
        self.write(&plan);
        Some(plan.shares.into_iter().map(|share| share.outcomes).collect())
    }

    /// Whom the jobs may mean, and what is claimed for them, the first that want a value first.
    fn candidates(&mut self, database: &Database, jobs: &[Drafts]) -> Candidates {
        let mut holders: Vec<Holder> = Vec::new();
        for holder in jobs.iter().flat_map(|drafts| self.holders(drafts)) {
            if !holders.contains(&holder) {
                holders.push(holder);
            }
        }
        let (mut claims, mut decided) = (Vec::new(), HashSet::new());
        for Claim { row, decides } in jobs.iter().flat_map(|drafts| drafts.unheld(database, &holders)) {
            if decides {
                decided.insert(row.key.clone());
            }
            // The first holder of a value has its row.
            if !self.identities.keys().any(|(key, _)| *key == row.key) {
                self.identities.insert((row.key.clone(), row.profile_id), row.sources.clone());
                claims.push(row);
            }
        }
        let mut ids: BTreeSet<ProfileId> = jobs.iter().flat_map(Drafts::ids).collect();
        ids.extend(holders.iter().map(|holder| holder.profile_id));
        let loaded = self.profiles.values().filter(|profile| ids.contains(&profile.id)).cloned().collect();
        Candidates::new(database, &holders, loaded, claims, decided).unwrap()
    }

    fn remember(&mut self, id: ProfileId, imprint: Option<Imprint>) {
        match imprint {
            Some(imprint) => self.imprints.insert(id, imprint),
            None => self.imprints.remove(&id),
        };
    }

    fn write(&mut self, plan: &Plan) {
        for row in &plan.inserts {
            let known = self.profiles.insert(row.id, Profile::empty(row.id));
            assert!(known.is_none(), "a new profile has a new id");
        }
        for row in plan.inserts.iter().chain(&plan.updates) {
            let profile = self.profiles.get_mut(&row.id).unwrap();
            profile.fields = row.fields.clone().into();
            profile.log = row.log.unpack().unwrap();
            self.remember(row.id, row.imprint);
        }
        for row in plan.touched.iter().chain(&plan.confirmed) {
            self.profiles.get_mut(&row.id).unwrap().log = row.log.unpack().unwrap();
            self.remember(row.id, row.imprint);
        }
        for row in &plan.subscriptions {
            let kept = &mut self.profiles.get_mut(&row.profile_id).unwrap().subscriptions;
            let known = kept.iter().position(|known| known.is_same(&row.subscription));
            assert_eq!(known.is_none(), row.is_new);
            match known {
                Some(position) => kept[position] = row.subscription.clone(),
                None => kept.push(row.subscription.clone()),
            }
        }
        for row in &plan.identities.added {
            let known = self.identities.insert((row.key.clone(), row.profile_id), row.sources.clone());
            assert!(known.is_none(), "added means new");
        }
        for row in &plan.identities.moved {
            let known = self.identities.insert((row.key.clone(), row.profile_id), row.sources.clone());
            assert!(known.is_some(), "moved means known");
        }
        for released in &plan.identities.released {
            assert!(self.identities.remove(released).is_some(), "released means known");
        }
    }
}
