//! Drafts: records read and checked against the catalogue, each on its own, before anyone knows whom they meet.
//!
//! `Message -> Drafts -> Plan`. A record that is wrong by itself ends here as a failed [`Outcome`].

mod matching;
mod reader;
mod record;
mod subscription;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use serde_json::value::RawValue;

use crate::catalog::{Catalog, Database};
use crate::plan::{Holder, IdentityRow};
use crate::{
    Action, Channel, Failure, Header, JobId, Key, Outcome, Profile, ProfileId, ResourceId, Sources,
    Subscription, SubscriptionStatus, Warning,
};

/// What a record does to one field.
#[derive(Debug, Clone, PartialEq)]
pub enum Assignment {
    /// Stores a value, in the form that the field's type stores.
    Set(Value),
    /// Removes it.
    Clear,
}

/// What a record says of one subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscriptionDraft {
    /// The resource subscribed to.
    pub resource_id: ResourceId,
    /// How the subscriber is reached.
    pub channel: Channel,
    /// The normalised address.
    pub address: String,
    /// The state, if it is to change.
    pub status: Option<SubscriptionStatus>,
    /// The priority, if it is to change.
    pub priority: Option<i32>,
    /// What it does to subscription fields.
    pub custom_fields: Vec<(String, Assignment)>,
    /// Categories to switch on.
    pub cats: BTreeSet<String>,
}

/// One valid record.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Position in the request, from 0.
    pub index: u32,
    /// The record's `_ref`.
    pub reference: Option<String>,
    /// What it does to fields, in the order sent.
    pub fields: Vec<(String, Assignment)>,
    /// What it says of subscriptions, in the order sent.
    pub subscriptions: Vec<SubscriptionDraft>,
    /// The values it may be matched by, in the order in which they are tried; never empty.
    pub match_keys: Vec<Key>,
    /// Values that no other profile may hold, with the field's name.
    pub unique_keys: Vec<(Key, String)>,
    /// What was noticed while reading it.
    pub warnings: Vec<Warning>,
}

impl Draft {
    /// Merges the record into a profile: absent fields stay, arrays replace, subscriptions upsert one by one.
    pub fn apply_to(&self, profile: &mut Profile) {
        assign(&mut profile.fields, &self.fields);
        for wanted in &self.subscriptions {
            wanted.apply_to(profile);
        }
    }
}

impl SubscriptionDraft {
    fn apply_to(&self, profile: &mut Profile) {
        let known = profile.subscriptions.iter_mut().find(|known| {
            known.resource_id == self.resource_id
                && known.channel == self.channel
                && known.address == self.address
        });
        if let Some(known) = known {
            known.status = self.status.unwrap_or(known.status);
            known.priority = self.priority.or(known.priority);
            known.cats.extend(self.cats.iter().cloned());
            assign(&mut known.custom_fields, &self.custom_fields);
            return;
        }
        let mut custom_fields = serde_json::Map::new();
        assign(&mut custom_fields, &self.custom_fields);
        profile.subscriptions.push(Subscription {
            resource_id: self.resource_id,
            channel: self.channel,
            address: self.address.clone(),
            status: self.status.unwrap_or(SubscriptionStatus::Subscribed),
            priority: self.priority,
            custom_fields,
            cats: self.cats.clone(),
        });
    }
}

fn assign(fields: &mut serde_json::Map<String, Value>, assignments: &[(String, Assignment)]) {
    for (name, assignment) in assignments {
        match assignment {
            Assignment::Set(value) => {
                fields.insert(name.clone(), value.clone());
            }
            Assignment::Clear => {
                fields.remove(name);
            }
        }
    }
}

/// The records of one chunk, each checked on its own.
#[derive(Debug, Clone)]
pub struct Drafts {
    pub(crate) job_id: JobId,
    pub(crate) places: Option<Sources>,
    pub(crate) valid: Vec<Draft>,
    pub(crate) refused: Vec<Outcome>,
}

impl Drafts {
    /// Reads and checks records; `first_index` is the position of the first of them in the request.
    pub fn of(
        header: &Header,
        catalog: &Catalog,
        database: &Database,
        first_index: u32,
        records: &[&RawValue],
    ) -> Self {
        let reader = reader::Reader { header, catalog, database };
        let mut drafts = Self {
            job_id: header.job_id,
            places: header.rule.places(header.resource_id),
            valid: Vec::new(),
            refused: Vec::new(),
        };
        for (index, record) in (first_index..).zip(records) {
            match reader.read(index, record.get()) {
                Ok(draft) => drafts.valid.push(draft),
                Err(refused) => drafts.refused.push(*refused),
            }
        }
        drafts
    }

    /// The places in which a match value counts; `None`: wherever a profile carries it.
    pub fn places(&self) -> Option<&Sources> {
        self.places.as_ref()
    }

    /// Whether a profile that carries a match value in these places is meant.
    pub(crate) fn accepts(&self, sources: &Sources) -> bool {
        self.places.as_ref().is_none_or(|places| !places.is_disjoint(sources))
    }

    /// Every value that must be looked up, sorted, each once.
    pub fn keys(&self) -> Vec<Key> {
        let keys: BTreeSet<&Key> = self
            .valid
            .iter()
            .flat_map(|draft| draft.match_keys.iter().chain(draft.unique_keys.iter().map(|(key, _)| key)))
            .collect();
        keys.into_iter().cloned().collect()
    }

    /// The keys that nobody in `holders` carries in a way that counts, each with the profile that would be made for
    /// it: to be claimed before the plan is made. Sorted by key.
    pub fn unheld(&self, database: &Database, holders: &[Holder]) -> Vec<IdentityRow> {
        let held: BTreeSet<&Key> = holders.iter().map(|holder| &holder.key).collect();
        let matched: BTreeSet<&Key> =
            holders.iter().filter(|holder| self.accepts(&holder.sources)).map(|holder| &holder.key).collect();
        let mut unheld: BTreeMap<Key, IdentityRow> = BTreeMap::new();
        for draft in &self.valid {
            let open = draft.match_keys.iter().filter(|key| !matched.contains(key));
            let free = draft.unique_keys.iter().map(|(key, _)| key).filter(|key| !held.contains(key));
            let wanted: BTreeSet<&Key> = open.chain(free).filter(|key| !unheld.contains_key(key)).collect();
            if wanted.is_empty() {
                continue;
            }
            let mut profile = Profile::empty(ProfileId::made_by(self.job_id, draft.index));
            draft.apply_to(&mut profile);
            let carried = profile.identities(database);
            for key in wanted {
                if let Some(sources) = carried.get(key) {
                    let row =
                        IdentityRow { key: key.clone(), profile_id: profile.id, sources: sources.clone() };
                    unheld.insert(key.clone(), row);
                }
            }
        }
        unheld.into_values().collect()
    }
}

pub(crate) fn failed(
    index: u32,
    reference: Option<String>,
    warnings: Vec<Warning>,
    failure: Failure,
) -> Outcome {
    Outcome { index, action: Action::Failed, profile_id: None, failure: Some(failure), warnings, reference }
}

/// The `_ref` of a record of which nothing else could be used.
pub(crate) fn reference(record: &str) -> Option<String> {
    let members = record::members(record).ok()?;
    let (_, value) = members.into_iter().find(|(name, _)| name == "_ref")?;
    reader::reference(&value).ok()
}
