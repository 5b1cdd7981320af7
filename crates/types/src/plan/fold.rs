//! Records applied one after the other to the profiles in memory, so that a person named twice is folded in order.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::candidates::Carriers;
use super::{Candidates, Forecast, Plan, diff, target};
use crate::catalog::Database;
use crate::draft::{Made, failed};
use crate::{
    Action, Carried, Code, Draft, Drafts, Failure, Imprint, Key, Outcome, Places, Profile, ProfileId, Repeat,
    Source, Sources, Warning,
};

/// The profiles of a chunk while its records are applied.
pub(super) struct People<'a> {
    database: &'a Database,
    /// As the database has them.
    before: HashMap<ProfileId, Profile>,
    /// Those that records made or changed so far.
    after: BTreeMap<ProfileId, Profile>,
    /// Of the records that would find those of the profiles as they are by now.
    imprints: HashMap<ProfileId, Imprint>,
    /// What they can be found by: as the database has them, and those that differ from it.
    carried: HashMap<ProfileId, Carried>,
    carried_after: HashMap<ProfileId, Carried>,
    /// Who carries which value by now.
    holders: HashMap<Key, Carriers>,
    claims: BTreeMap<(Key, ProfileId), Sources>,
    /// Values on which nobody else can decide meanwhile.
    decided: HashSet<Key>,
    /// Whether a record was applied.
    is_begun: bool,
}

impl<'a> People<'a> {
    pub(super) fn new(database: &'a Database, candidates: Candidates) -> Self {
        let Candidates { profiles, carried, holders, claims, decided } = candidates;
        Self {
            database,
            before: profiles,
            after: BTreeMap::new(),
            imprints: HashMap::new(),
            carried,
            carried_after: HashMap::new(),
            holders,
            claims,
            decided,
            is_begun: false,
        }
    }

    /// Applies all of them. Gives their fates; of a chunk that must be cut, those of its first records: never before the first
    /// of the plan, since nothing before that can have taken a value from its holder.
    pub(super) fn apply_all(&mut self, mut drafts: Drafts) -> Vec<Outcome> {
        let refused = std::mem::take(&mut drafts.refused);
        let first = drafts.valid.first().map(|draft| draft.index).filter(|_| !self.is_begun);
        self.is_begun |= first.is_some();
        let mut outcomes = Vec::with_capacity(drafts.valid.len() + refused.len());
        let mut end = u32::MAX;
        for draft in &drafts.valid {
            let mut warnings = draft.warnings.clone();
            let reference = draft.reference.clone();
            outcomes.push(match self.apply(&drafts, draft, &mut warnings, first == Some(draft.index)) {
                Ok(Some((action, id))) => Outcome {
                    index: draft.index,
                    action,
                    profile_id: Some(id).filter(|id| drafts.would_make(*id).is_none()),
                    failure: None,
                    warnings,
                    reference,
                },
                Err(failure) => failed(draft.index, reference, warnings, failure),
                Ok(None) => {
                    end = draft.index;
                    break;
                }
            });
        }
        outcomes.extend(refused.into_iter().filter(|outcome| outcome.index < end));
        outcomes.sort_by_key(|outcome| outcome.index);
        outcomes.into_iter().map(Outcome::told).collect()
    }

    /// Whether nothing that was applied bears on one of the repeats: it has neither met the profile, nor made or changed one
    /// that has the same value in one of these places.
    pub(super) fn leave(&self, repeats: &[Repeat], places: &Places) -> bool {
        let keys: HashSet<&Key> = repeats.iter().flat_map(|repeat| &repeat.glance.keys).collect();
        let is_met = |repeat: &Repeat| self.get(repeat.profile_id).is_some();
        let mut carried = self.carried_after.values().flatten().filter(|(_, sources)| places.accept(sources));
        !repeats.iter().any(is_met) && (keys.is_empty() || !carried.any(|(key, _)| keys.contains(key)))
    }

    /// What is to be written, now that the records of the jobs had these fates; `met_by` tells which of them met a profile.
    pub(super) fn plan(self, outcomes: Vec<Vec<Outcome>>, met_by: impl Fn(ProfileId) -> usize) -> Plan {
        let carried = diff::identities(self.claims, self.carried, self.carried_after);
        diff::plan(&self.before, self.after, &self.imprints, carried, outcomes, met_by)
    }

    /// What would be written.
    pub(super) fn forecast(mut self, outcomes: Vec<Outcome>) -> Forecast {
        // Within one job nothing depends on who wrote what.
        let before = &self.before;
        self.after.retain(|id, profile| before.get(id).is_none_or(|known| !known.holds_same(profile)));
        Forecast { outcomes, before: self.before, after: self.after }
    }

    /// A profile as it is by now.
    pub(super) fn get(&self, id: ProfileId) -> Option<&Profile> {
        self.after.get(&id).or_else(|| self.before.get(&id))
    }

    /// Who carries a value, the oldest first, and where.
    pub(super) fn carriers(&self, key: &Key) -> impl Iterator<Item = (ProfileId, &Sources)> {
        self.holders.get(key).into_iter().flat_map(Carriers::iter)
    }

    /// What a profile can be found by, by now.
    pub(super) fn identities(&self, id: ProfileId) -> Option<&Carried> {
        self.carried_after.get(&id).or_else(|| self.carried.get(&id))
    }

    /// What is done, and to whom; `None` where a profile would be made for a value that is not claimed, unless it `must`.
    fn apply(
        &mut self,
        drafts: &Drafts,
        draft: &Draft,
        warnings: &mut Vec<Warning>,
        must: bool,
    ) -> Result<Option<(Action, ProfileId)>, Failure> {
        let target = target::of(self, drafts, draft, warnings)?;
        if let Some(failure) = self.refuse(drafts, draft, target) {
            return Err(failure);
        }
        let Some(known) = target.and_then(|id| self.get(id)) else {
            return self.make(drafts, draft, warnings, must);
        };
        let id = known.id;
        let is_older = known.log.is_all_before(drafts.stamp);
        let mut profile = known.clone();
        warnings.extend(draft.apply_to(&mut profile, drafts.stamp, drafts.skip_invalid_subscriptions)?);
        if known.holds_same(&profile) {
            // That a later request wants it as it is must be known when an earlier one comes.
            if known.log != profile.log {
                self.remember(drafts, draft, &profile, is_older && warnings.is_empty());
                self.after.insert(id, profile);
            }
            return Ok(Some((Action::Unchanged, id)));
        }
        self.remember(drafts, draft, &profile, is_older && warnings.is_empty());
        let carried = profile.identities(self.database);
        self.put(profile, carried);
        Ok(Some((Action::Updated, id)))
    }

    /// Makes a profile, for what nobody carries.
    fn make(
        &mut self,
        drafts: &Drafts,
        draft: &Draft,
        warnings: &mut Vec<Warning>,
        must: bool,
    ) -> Result<Option<(Action, ProfileId)>, Failure> {
        let Made { profile, carried, merged } = drafts.made(self.database, draft);
        warnings.extend(merged?);
        if !must && !self.is_claimed(drafts, draft, &carried) {
            return Ok(None);
        }
        warnings.extend(not_findable(drafts, draft, &carried));
        let id = profile.id;
        self.remember(drafts, draft, &profile, warnings.is_empty());
        self.put(profile, carried);
        Ok(Some((Action::Created, id)))
    }

    /// Keeps the record's imprint for the profile that it has written, if the record would change nothing once more: it has plain
    /// values only, all of them are what most of the profile is (see [`Imprint`]), and `is_sole`: all that was written before is
    /// older, and there was nothing to warn of. Else forgets the one that was kept.
    fn remember(&mut self, drafts: &Drafts, draft: &Draft, profile: &Profile, is_sole: bool) {
        let is_kept = || is_sole && draft.is_plain() && profile.log.is_last_of(drafts.stamp);
        match draft.imprint.filter(|_| is_kept()) {
            Some(imprint) => self.imprints.insert(profile.id, imprint),
            None => self.imprints.remove(&profile.id),
        };
    }

    /// Whether nobody else can make a profile for the values that this new one would be found by.
    fn is_claimed(&self, drafts: &Drafts, draft: &Draft, carried: &Carried) -> bool {
        let counts = |key: &&&Key| carried.get(**key).is_some_and(|sources| drafts.places.accept(sources));
        draft.matching.keys().iter().filter(counts).all(|key| self.decided.contains(*key))
    }

    /// A unique value that another profile carries.
    fn refuse(&self, drafts: &Drafts, draft: &Draft, target: Option<ProfileId>) -> Option<Failure> {
        let stand_ins = draft.unique_if_new.iter().filter(|_| target.is_none());
        draft.unique_keys.iter().chain(stand_ins).find_map(|(key, field)| {
            let mut owners = self.carriers(key).filter(|(_, sources)| sources.contains(Source::Profile));
            let (owner, _) = owners.find(|(owner, _)| Some(*owner) != target)?;
            Some(Failure {
                code: Code::NotUnique,
                field: Some(field.clone()),
                text: format!("profile {} has this value, and the field is unique", drafts.name(owner)),
            })
        })
    }

    /// Brings everything up to date with a profile that is new or has changed.
    fn put(&mut self, profile: Profile, carried: Carried) {
        let id = profile.id;
        let was = self.carried_after.get(&id).or_else(|| self.carried.get(&id));
        for key in was.into_iter().flat_map(BTreeMap::keys) {
            if let Some(holders) = self.holders.get_mut(key) {
                holders.remove(id);
            }
        }
        for (key, sources) in &carried {
            self.holders.entry(key.clone()).or_default().insert(id, sources.clone());
        }
        self.carried_after.insert(id, carried);
        self.after.insert(id, profile);
    }
}

/// A new profile that the same record would not find again.
fn not_findable(drafts: &Drafts, draft: &Draft, carried: &Carried) -> Option<Warning> {
    let counts = |key: &&Key| carried.get(*key).is_some_and(|sources| drafts.places.accept(sources));
    if draft.matching.keys().iter().any(counts) {
        return None;
    }
    let text = format!(
        "a new profile, which matching `{}` will not find by this record's value: \
         the profile has it in no place where this matching looks",
        drafts.rule.word()
    );
    Some(Warning { code: Code::NotFindable, text, field: None })
}
