//! The difference between the profiles before and after a chunk, as rows to write.

use std::collections::{BTreeMap, HashMap};

use super::{Change, Identities, IdentityRow, LogRow, Plan, ProfileRow, SubscriptionRow};
use crate::catalog::Database;
use crate::{Key, Outcome, PackedLog, Profile, ProfileId, Sources};

type Carried = BTreeMap<(Key, ProfileId), Sources>;

pub(super) fn plan(
    database: &Database,
    before: &HashMap<ProfileId, Profile>,
    after: BTreeMap<ProfileId, Profile>,
    claims: Carried,
    outcomes: Vec<Outcome>,
) -> Plan {
    let mut plan = Plan { outcomes, ..Plan::default() };
    let (mut old, mut new) = (claims, Carried::new());
    for (id, profile) in after {
        let known = before.get(&id);
        if let Some(known) = known {
            carry(&mut old, known, database);
        }
        carry(&mut new, &profile, database);
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
    plan.identities = identities(old, new);
    plan
}

fn carry(carried: &mut Carried, profile: &Profile, database: &Database) {
    carried
        .extend(profile.identities(database).into_iter().map(|(key, sources)| ((key, profile.id), sources)));
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

fn identities(mut old: Carried, new: Carried) -> Identities {
    let mut identities = Identities::default();
    for ((key, profile_id), sources) in new {
        let was = old.remove(&(key.clone(), profile_id));
        let row = IdentityRow { key, profile_id, sources };
        match was {
            None => identities.added.push(row),
            Some(was) if was != row.sources => identities.moved.push(row),
            Some(_) => {}
        }
    }
    identities.released = old.into_keys().collect();
    identities
}
