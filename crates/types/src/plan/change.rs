//! What a plan makes or changes, by name: the events are made of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Names;
use crate::{Profile, ProfileId, Subscription};

/// One row that is new or differs from what it was. Names alone: no value of a field is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Whose.
    pub profile_id: ProfileId,
    /// Which row.
    pub part: Part,
    /// Whether it was not there before.
    pub is_new: bool,
    /// What differs, sorted; of a new row: what it has.
    pub changed: Names,
}

/// A row of a profile.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Its own fields.
    Profile,
    /// One of its subscriptions.
    Subscription(Arc<Subscription>),
}

impl Change {
    /// The profile's own fields, if they differ.
    pub(super) fn of_profile(known: Option<&Profile>, profile: &Profile) -> Option<Self> {
        let none = Map::new();
        let mut changed = Names::default();
        add(&mut changed, "", known.map_or(&none, |known| &*known.fields), &profile.fields);
        let is_new = known.is_none();
        (is_new || !changed.is_empty()).then_some(Self {
            profile_id: profile.id,
            part: Part::Profile,
            is_new,
            changed,
        })
    }

    /// A subscription that is new or differs.
    pub(super) fn of_subscription(
        profile_id: ProfileId,
        known: Option<&Subscription>,
        subscription: &Arc<Subscription>,
    ) -> Self {
        let (none, no_cats) = (Map::new(), BTreeSet::new());
        let (custom_fields, cats) =
            known.map_or((&none, &no_cats), |known| (&known.custom_fields, &known.cats));
        let mut changed = Names::default();
        if *cats != subscription.cats {
            changed.push("", "cats");
        }
        add(&mut changed, "custom_fields.", custom_fields, &subscription.custom_fields);
        if known.and_then(|known| known.priority) != subscription.priority {
            changed.push("", "priority");
        }
        if known.map(|known| known.status) != Some(subscription.status) {
            changed.push("", "status");
        }
        let part = Part::Subscription(Arc::clone(subscription));
        Self { profile_id, part, is_new: known.is_none(), changed }
    }
}

/// Adds the names whose values differ, sorted, each with the prefix.
fn add(names: &mut Names, prefix: &str, old: &Map<String, Value>, new: &Map<String, Value>) {
    let mut old = old.iter().peekable();
    for (name, value) in new {
        while let Some((gone, _)) = old.next_if(|(other, _)| *other < name) {
            names.push(prefix, gone);
        }
        if old.next_if(|(other, _)| *other == name).is_none_or(|(_, was)| was != value) {
            names.push(prefix, name);
        }
    }
    old.for_each(|(gone, _)| names.push(prefix, gone));
}
