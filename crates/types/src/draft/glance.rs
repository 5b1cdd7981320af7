//! A glance at a record: whom it means and what it is known by, without reading the rest of it.

use serde_json::value::RawValue;

use super::Draft;
use super::matching::{Matching, Named};
use super::reader::{PHONES, Reader, reference};
use crate::catalog::{Catalog, Database};
use crate::plan::LogRow;
use crate::wire::value::value;
use crate::wire::{Limits, member};
use crate::{Action, Header, Imprint, Key, MatchRule, MatchValues, Outcome, PackedLog, ProfileId, Stamp};

/// What is known of a record at a glance.
#[derive(Debug, Clone, PartialEq)]
pub struct Glance {
    /// Position in the request, from 0.
    pub index: u32,
    /// The record's `_ref`.
    pub reference: Option<String>,
    /// What the record is known by.
    pub imprint: Imprint,
    /// All values that it is matched by; there is one at least.
    pub keys: Vec<Key>,
}

impl Glance {
    /// Glances at records, each with its position in the job: at those of which that tells whom they mean.
    pub fn of<'r>(
        header: &Header,
        catalog: &Catalog,
        database: &Database,
        records: impl IntoIterator<Item = (u32, &'r RawValue)>,
    ) -> Vec<Self> {
        let reader = Reader::new(header, catalog, database, None);
        let Some(names) = names(&header.rule).filter(|_| reader.imprinter.is_some()) else {
            return Vec::new();
        };
        records.into_iter().filter_map(|(index, record)| reader.glance(index, record.get(), &names)).collect()
    }
}

/// A record whose profile was last written by the same record, in a request that was accepted before.
#[derive(Debug, Clone, PartialEq)]
pub struct Repeat {
    /// The record.
    pub glance: Glance,
    /// The profile: the only one that carries any of the record's match values where they count.
    pub profile_id: ProfileId,
    /// What others wrote of the profile, once it is locked: [`PackedLog::rest`].
    pub rest: Option<String>,
}

impl Repeat {
    /// The record's fate.
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome {
            index: self.glance.index,
            action: Action::Unchanged,
            profile_id: Some(self.profile_id),
            failure: None,
            warnings: Vec::new(),
            reference: self.glance.reference.clone(),
        }
    }

    /// Who wrote what of the profile, once this request has said the same: what the other had written is its.
    pub(crate) fn confirmed(self, stamp: Stamp) -> LogRow {
        let log = PackedLog { base: stamp, rest: self.rest };
        LogRow { id: self.profile_id, log, imprint: Some(self.glance.imprint) }
    }
}

impl Reader<'_> {
    /// `None` where more is needed to tell whom the record means, or there is anything to say of what was looked at.
    fn glance(&self, index: u32, text: &str, names: &[&str]) -> Option<Glance> {
        let mut members = Vec::with_capacity(names.len());
        let mut draft = Draft::empty(index);
        for (name, sent) in member::named(text, names)? {
            let value = value(sent.get(), Limits::RECORD_DEPTH - 1).ok()?;
            if members.iter().any(|(before, _)| before == name) {
                return None;
            } else if name == "_ref" {
                draft.reference = reference(&value).ok()?;
            } else {
                members.push((name.to_owned(), value));
            }
        }
        let mut apart = Named::default();
        self.members(&mut draft, &mut apart, members).ok()?;
        let matching =
            Matching { header: self.header, database: self.database, draft: &draft, named: &apart };
        let MatchValues::FirstOf(lists) = matching.values().ok()? else { return None };
        if !draft.warnings.is_empty() {
            return None;
        }
        let (keys, imprint) = (lists.into_iter().flatten().collect(), self.imprinter.as_ref()?.imprint(text));
        Some(Glance { index, reference: draft.reference, imprint, keys })
    }
}

/// The members of a record that alone say whom it means, if it has them; and what it calls itself. `None` in modes that ask its
/// subscriptions first, or look for nothing that a profile holds.
pub(super) fn names(rule: &MatchRule) -> Option<Vec<&str>> {
    let mut names = match rule {
        MatchRule::Email | MatchRule::EmailProfile => vec!["email"],
        MatchRule::Phone => vec!["phone", PHONES],
        MatchRule::EmailPhone => vec!["email", "phone", PHONES],
        MatchRule::Custom { field } => vec![field.as_str()],
        MatchRule::ProfileId
        | MatchRule::PushSub
        | MatchRule::EmailSub
        | MatchRule::PhoneSub
        | MatchRule::EmailPhoneSub
        | MatchRule::CustomSub { .. } => return None,
    };
    names.push("_ref");
    Some(names)
}
