//! Records applied one after the other to the profiles in memory, so that a person named twice is folded in order.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Candidates, Forecast, Plan, diff, target};
use crate::catalog::Database;
use crate::draft::failed;
use crate::{
    Action, Code, Draft, Drafts, Failure, Key, Outcome, Profile, ProfileId, Source, Sources, Warning,
};

/// The profiles of a chunk while its records are applied.
pub(super) struct People<'a> {
    database: &'a Database,
    /// As the database has them.
    before: HashMap<ProfileId, Profile>,
    /// Those that records made or changed so far.
    after: BTreeMap<ProfileId, Profile>,
    /// Who carries which value by now.
    holders: HashMap<Key, BTreeMap<ProfileId, Sources>>,
    claims: BTreeMap<(Key, ProfileId), Sources>,
    /// Values on which nobody else can decide meanwhile.
    decided: HashSet<Key>,
}

impl<'a> People<'a> {
    pub(super) fn new(database: &'a Database, candidates: Candidates) -> Self {
        let Candidates { profiles, holders, claims, decided } = candidates;
        Self { database, before: profiles, after: BTreeMap::new(), holders, claims, decided }
    }

    /// Applies all of them. Gives their fates; of a chunk that must be cut, those of its first records.
    pub(super) fn apply_all(&mut self, mut drafts: Drafts) -> Vec<Outcome> {
        let refused = std::mem::take(&mut drafts.refused);
        let first = drafts.valid.first().map(|draft| draft.index);
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

    /// What is to be written, now that records had these fates.
    pub(super) fn plan(self, outcomes: Vec<Outcome>) -> Plan {
        diff::plan(self.database, &self.before, self.after, self.claims, outcomes)
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
        self.holders.get(key).into_iter().flatten().map(|(id, sources)| (*id, sources))
    }

    /// What a profile can be found by, by now.
    pub(super) fn identities(&self, id: ProfileId) -> BTreeMap<Key, Sources> {
        self.get(id).map(|profile| profile.identities(self.database)).unwrap_or_default()
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
        let id = target.unwrap_or_else(|| drafts.made_by(draft.index));
        let known = target.and_then(|id| self.get(id));
        let mut profile = known.cloned().unwrap_or_else(|| draft.begin(id, drafts.stamp));
        warnings.extend(draft.apply_to(&mut profile, drafts.stamp, drafts.skip_invalid_subscriptions)?);
        let action = match known {
            None => Action::Created,
            Some(known) if known.holds_same(&profile) => Action::Unchanged,
            Some(_) => Action::Updated,
        };
        if action == Action::Unchanged {
            // That a later request wants it as it is must be known when an earlier one comes.
            if known.is_some_and(|known| known.log != profile.log) {
                self.after.insert(id, profile);
            }
            return Ok(Some((action, id)));
        }
        let was = known.map(|known| known.identities(self.database)).unwrap_or_default();
        if action == Action::Created {
            if !must && !self.is_claimed(drafts, draft, &profile) {
                return Ok(None);
            }
            warnings.extend(self.not_findable(drafts, draft, &profile));
        }
        self.index(&profile, &was);
        self.after.insert(id, profile);
        Ok(Some((action, id)))
    }

    /// Whether nobody else can make a profile for the values that this new one would be found by.
    fn is_claimed(&self, drafts: &Drafts, draft: &Draft, profile: &Profile) -> bool {
        let carried = profile.identities(self.database);
        let counts = |key: &&&Key| carried.get(**key).is_some_and(|sources| drafts.places.accept(sources));
        draft.matching.keys().iter().filter(counts).all(|key| self.decided.contains(*key))
    }

    /// A unique value that another profile carries.
    fn refuse(&self, drafts: &Drafts, draft: &Draft, target: Option<ProfileId>) -> Option<Failure> {
        let stand_ins = draft.unique_if_new.iter().filter(|_| target.is_none());
        draft.unique_keys.iter().chain(stand_ins).find_map(|(key, field)| {
            let mut owners = self.carriers(key).filter(|(_, sources)| sources.contains(&Source::Profile));
            let (owner, _) = owners.find(|(owner, _)| Some(*owner) != target)?;
            Some(Failure {
                code: Code::NotUnique,
                field: Some(field.clone()),
                text: format!("profile {} has this value, and the field is unique", drafts.name(owner)),
            })
        })
    }

    /// A new profile that the same record would not find again.
    fn not_findable(&self, drafts: &Drafts, draft: &Draft, profile: &Profile) -> Option<Warning> {
        let carried = profile.identities(self.database);
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

    /// Brings the holders up to date with a profile that changed.
    fn index(&mut self, profile: &Profile, was: &BTreeMap<Key, Sources>) {
        for key in was.keys() {
            if let Some(holders) = self.holders.get_mut(key) {
                holders.remove(&profile.id);
            }
        }
        for (key, sources) in profile.identities(self.database) {
            self.holders.entry(key).or_default().insert(profile.id, sources);
        }
    }
}
