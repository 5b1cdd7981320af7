//! The difference between the profiles before and after a chunk, as rows to write.

use std::collections::{BTreeMap, HashMap};

use super::{Change, Identities, IdentityRow, LogRow, Plan, ProfileRow, SubscriptionRow};
use crate::{Carried, Key, Outcome, PackedLog, Profile, ProfileId, Sources};

pub(super) fn plan(
    before: &HashMap<ProfileId, Profile>,
    after: BTreeMap<ProfileId, Profile>,
    identities: Identities,
    outcomes: Vec<Outcome>,
) -> Plan {
    let mut plan = Plan { identities, outcomes, ..Plan::default() };
    for (id, profile) in after {
        let known = before.get(&id);
        plan.changes.extend(Change::of_profile(known, &profile));
        let subscribed = plan.subscriptions.len();
        subscriptions(&mut plan, known, &profile);
        let touched = plan.subscriptions.len() > subscribed;
        let log = PackedLog::of(&profile).unwrap_or_default();
        match known {
            None => plan.inserts.push(ProfileRow { id, fields: profile.fields, log }),
            Some(known) if known.fields != profile.fields => {
                plan.updates.push(ProfileRow { id, fields: profile.fields, log });
            }
            Some(_) if touched => plan.touched.push(LogRow { id, log }),
            Some(_) => plan.confirmed.push(LogRow { id, log }),
        }
    }
    plan
}

fn subscriptions(plan: &mut Plan, known: Option<&Profile>, profile: &Profile) {
    for subscription in &profile.subscriptions {
        let old = known.and_then(|known| known.subscriptions.iter().find(|old| old.is_same(subscription)));
        if old != Some(subscription) {
            plan.changes.push(Change::of_subscription(profile.id, old, subscription));
            plan.subscriptions.push(SubscriptionRow {
                profile_id: profile.id,
                subscription: subscription.clone(),
                is_new: old.is_none(),
            });
        }
    }
}

/// The rows that differ: from those that were claimed, and those of profiles as they were, to those as they are.
pub(super) fn identities(
    claims: BTreeMap<(Key, ProfileId), Sources>,
    mut before: HashMap<ProfileId, Carried>,
    after: HashMap<ProfileId, Carried>,
) -> Identities {
    let (mut old, mut new) = (claims, BTreeMap::new());
    for (id, carried) in after {
        let was = before.remove(&id).unwrap_or_default();
        old.extend(was.into_iter().map(|(key, sources)| ((key, id), sources)));
        new.extend(carried.into_iter().map(|(key, sources)| ((key, id), sources)));
    }
    let mut identities = Identities::default();
    let mut old = old.into_iter().peekable();
    for (at, sources) in new {
        while let Some((gone, _)) = old.next_if(|(other, _)| *other < at) {
            identities.released.push(gone);
        }
        let was = old.next_if(|(other, _)| *other == at);
        let row = IdentityRow { key: at.0, profile_id: at.1, sources };
        match was {
            None => identities.added.push(row),
            Some((_, was)) if was != row.sources => identities.moved.push(row),
            Some(_) => {}
        }
    }
    identities.released.extend(old.map(|(gone, _)| gone));
    identities
}
