//! The difference between the profiles before and after a chunk, as rows to write.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Change, Identities, IdentityRow, LogRow, Plan, ProfileRow, Share, SubscriptionRow};
use crate::{Carried, Imprint, Key, Outcome, PackedLog, Profile, ProfileId, Sources, Subscription};

pub(super) fn plan(
    before: &HashMap<ProfileId, Profile>,
    after: BTreeMap<ProfileId, Profile>,
    imprints: &HashMap<ProfileId, Imprint>,
    identities: Identities,
    outcomes: Vec<Vec<Outcome>>,
    met_by: impl Fn(ProfileId) -> usize,
) -> Plan {
    let shares = outcomes.into_iter().map(|outcomes| Share { outcomes, ..Share::default() });
    let mut plan = Plan { identities, shares: shares.collect(), ..Plan::default() };
    for (id, profile) in after {
        let known = before.get(&id);
        let log = PackedLog::of(&profile).unwrap_or_default();
        // The log may be packed as one of which most is of another request.
        let imprint = imprints.get(&id).copied().filter(|_| log.base == profile.log.base());
        if known.is_some_and(|known| known.holds_same(&profile)) {
            plan.confirmed.push(LogRow { id, log, imprint });
            continue;
        }
        let Some(Share { changes, .. }) = plan.shares.get_mut(met_by(id)) else { continue };
        changes.extend(Change::of_profile(known, &profile));
        subscriptions(&mut plan.subscriptions, changes, known, id, profile.subscriptions);
        if known.is_some_and(|known| known.fields == profile.fields) {
            plan.touched.push(LogRow { id, log, imprint });
            continue;
        }
        let rows = if known.is_none() { &mut plan.inserts } else { &mut plan.updates };
        rows.push(ProfileRow { id, fields: Arc::unwrap_or_clone(profile.fields), log, imprint });
    }
    plan
}

/// Applying records keeps subscriptions where they are, and adds new ones after them.
fn subscriptions(
    rows: &mut Vec<SubscriptionRow>,
    changes: &mut Vec<Change>,
    known: Option<&Profile>,
    profile_id: ProfileId,
    all: Vec<Arc<Subscription>>,
) {
    for (position, subscription) in all.into_iter().enumerate() {
        let old = known.and_then(|known| known.subscriptions.get(position));
        if old != Some(&subscription) {
            let is_new = old.is_none();
            changes.push(Change::of_subscription(profile_id, old.map(Arc::as_ref), &subscription));
            rows.push(SubscriptionRow { profile_id, subscription, is_new });
        }
    }
}

/// The rows that differ: from those that were claimed, and those of profiles as they were, to those as they are.
pub(super) fn identities(
    claims: BTreeMap<(Key, ProfileId), Sources>,
    mut before: HashMap<ProfileId, Carried>,
    after: HashMap<ProfileId, Carried>,
) -> Identities {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for (id, carried) in after {
        let was = before.remove(&id).unwrap_or_default();
        old.extend(was.into_iter().map(|(key, sources)| ((key, id), sources)));
        new.extend(carried.into_iter().map(|(key, sources)| ((key, id), sources)));
    }
    old.extend(claims);
    old.sort_by(|(one, _), (other, _)| one.cmp(other));
    old.dedup_by(|(again, _), (first, _)| again == first);
    new.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
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
