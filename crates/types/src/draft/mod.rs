//! Drafts: records read and checked against the catalogue, each on its own, before anyone knows whom they meet.
//!
//! `Message -> Drafts -> Plan`. A record that is wrong by itself ends here as a failed [`Outcome`].

mod assignment;
mod contact;
mod drafts;
mod function;
mod glance;
mod locate;
mod matching;
mod merge;
mod path;
mod reader;
mod record;
mod stand_in;
mod subscription;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::wire::member;
use crate::{
    Action, Channel, Contact, Failure, Imprint, Key, MatchValues, Outcome, ResourceId, SubscriptionStatus,
    Warning,
};

pub(crate) use assignment::{Assignment, weight};
pub use drafts::Drafts;
pub(crate) use drafts::Made;
pub use glance::{Glance, Repeat};

/// What a record says of one subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscriptionDraft {
    /// Which one of those in the record it is, from 0.
    pub position: usize,
    /// The resource subscribed to.
    pub resource_id: ResourceId,
    /// How the subscriber is reached.
    pub channel: Channel,
    /// Where, on that channel.
    pub contact: Contact,
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
    /// What it is known by, if by that alone it can be told what becomes of it.
    pub imprint: Option<Imprint>,
    /// What it does to fields, in the order sent.
    pub fields: Vec<(String, Assignment)>,
    /// What it says of subscriptions, in the order sent.
    pub subscriptions: Vec<SubscriptionDraft>,
    /// What the request's own match values make of the fields of a profile that the record makes.
    pub stand_ins: Vec<(String, Value)>,
    /// Whom it means.
    pub matching: MatchValues,
    /// Values that no other profile may hold, with the field's name.
    pub unique_keys: Vec<(Key, String)>,
    /// The same of the stand-ins, should it make a profile.
    pub unique_if_new: Vec<(Key, String)>,
    /// What was noticed while reading it.
    pub warnings: Vec<Warning>,
}

impl Draft {
    /// Of a record of which nothing is known yet.
    fn empty(index: u32) -> Self {
        Self {
            index,
            reference: None,
            imprint: None,
            fields: Vec::new(),
            subscriptions: Vec::new(),
            stand_ins: Vec::new(),
            matching: MatchValues::FirstOf(Vec::new()),
            unique_keys: Vec::new(),
            unique_if_new: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Whether it sets values and does nothing else to them.
    pub(crate) fn is_plain(&self) -> bool {
        let in_subscriptions = self.subscriptions.iter().flat_map(|subscription| &subscription.custom_fields);
        self.fields
            .iter()
            .chain(in_subscriptions)
            .all(|(_, assignment)| matches!(assignment, Assignment::Set(_)))
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

/// The `_ref` of a record of which nothing else could be used, whatever is wrong with it.
pub(crate) fn reference(record: &str) -> Option<String> {
    reader::reference(&member::scalar(record, "_ref")?).ok().flatten()
}
