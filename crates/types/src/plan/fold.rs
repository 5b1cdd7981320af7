//! Records applied one after the other to the profiles in memory, so that a person named twice is folded in order.

use std::collections::{BTreeMap, HashMap};

use super::{Candidates, Plan, diff};
use crate::catalog::Database;
use crate::draft::failed;
use crate::{Action, Code, Draft, Drafts, Failure, Key, Outcome, Profile, ProfileId, Sources, Warning};

/// The profiles of a chunk while its records are applied.
pub(super) struct Fold<'a> {
    database: &'a Database,
    /// As the database has them.
    before: HashMap<ProfileId, Profile>,
    /// Those that records made or changed so far.
    after: BTreeMap<ProfileId, Profile>,
    /// Who carries which value by now.
    holders: HashMap<Key, BTreeMap<ProfileId, Sources>>,
    claims: BTreeMap<(Key, ProfileId), Sources>,
}

impl<'a> Fold<'a> {
    pub(super) fn new(database: &'a Database, candidates: Candidates) -> Self {
        let Candidates { profiles, holders, claims } = candidates;
        Self { database, before: profiles, after: BTreeMap::new(), holders, claims }
    }

    pub(super) fn run(mut self, drafts: Drafts) -> Plan {
        let mut outcomes = Vec::with_capacity(drafts.valid.len() + drafts.refused.len());
        for draft in &drafts.valid {
            let mut warnings = draft.warnings.clone();
            let target = self.target(&drafts, draft, &mut warnings);
            outcomes.push(match self.refuse(draft, target) {
                Some(failure) => failed(draft.index, draft.reference.clone(), warnings, failure),
                None => self.apply(&drafts, draft, target, warnings),
            });
        }
        outcomes.extend(drafts.refused);
        outcomes.sort_by_key(|outcome| outcome.index);
        diff::plan(self.database, &self.before, self.after, self.claims, outcomes)
    }

    /// The profile that a record means: the oldest that carries the first of its match values that anyone carries.
    fn target(&self, drafts: &Drafts, draft: &Draft, warnings: &mut Vec<Warning>) -> Option<ProfileId> {
        let matches = |key: &Key| -> Vec<ProfileId> {
            let holders = self.holders.get(key).into_iter().flatten();
            holders.filter(|(_, sources)| drafts.accepts(sources)).map(|(id, _)| *id).collect()
        };
        let found = draft.match_keys.iter().map(matches).find(|found| !found.is_empty())?;
        let (oldest, others) = found.split_first()?;
        if !others.is_empty() {
            let ids: Vec<String> = found.iter().map(ToString::to_string).collect();
            warnings.push(Warning {
                code: Code::AmbiguousMatch,
                text: format!("{} profiles match, the oldest was taken: {}", found.len(), ids.join(", ")),
                field: None,
            });
        }
        Some(*oldest)
    }

    /// A unique value that another profile carries.
    fn refuse(&self, draft: &Draft, target: Option<ProfileId>) -> Option<Failure> {
        draft.unique_keys.iter().find_map(|(key, field)| {
            let mut owners = self.holders.get(key).into_iter().flatten().map(|(id, _)| *id);
            let owner = owners.find(|owner| Some(*owner) != target)?;
            Some(Failure {
                code: Code::NotUnique,
                field: Some(field.clone()),
                text: format!("profile {owner} has this value, and the field is unique"),
            })
        })
    }

    fn apply(
        &mut self,
        drafts: &Drafts,
        draft: &Draft,
        target: Option<ProfileId>,
        warnings: Vec<Warning>,
    ) -> Outcome {
        let id = target.unwrap_or_else(|| ProfileId::made_by(drafts.job_id, draft.index));
        let known = target.and_then(|id| self.after.get(&id).or_else(|| self.before.get(&id)));
        let mut profile = known.cloned().unwrap_or_else(|| Profile::empty(id));
        draft.apply_to(&mut profile);
        let action = match known {
            None => Action::Created,
            Some(known) if *known == profile => Action::Unchanged,
            Some(_) => Action::Updated,
        };
        if action != Action::Unchanged {
            self.index(&profile, known.cloned().as_ref());
            self.after.insert(id, profile);
        }
        let reference = draft.reference.clone();
        Outcome { index: draft.index, action, profile_id: Some(id), failure: None, warnings, reference }
    }

    /// Brings the holders up to date with a profile that changed.
    fn index(&mut self, profile: &Profile, known: Option<&Profile>) {
        for key in known.map(|known| known.identities(self.database)).unwrap_or_default().keys() {
            if let Some(holders) = self.holders.get_mut(key) {
                holders.remove(&profile.id);
            }
        }
        for (key, sources) in profile.identities(self.database) {
            self.holders.entry(key).or_default().insert(profile.id, sources);
        }
    }
}
