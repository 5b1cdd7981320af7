//! Planning: valid records plus the profiles they may mean, to what is to be written. Pure.

mod candidates;
mod change;
mod diff;
mod fold;
#[cfg(test)]
mod model;
mod names;
mod overlay;
mod target;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::catalog::Database;
use crate::{Drafts, Imprint, Key, Outcome, PackedLog, Profile, ProfileId, Repeat, Sources, Subscription};

pub use candidates::{Candidates, Holder};
pub use change::{Change, Part};
pub use names::Names;
pub use overlay::{Layer, Overlay};

/// Everything that one chunk of records changes, and each record's fate. Apply all of it in one transaction, or nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// New profiles.
    pub inserts: Vec<ProfileRow>,
    /// Known profiles whose fields change: all their fields, as they are to be.
    pub updates: Vec<ProfileRow>,
    /// Known profiles of which only subscriptions change.
    pub touched: Vec<LogRow>,
    /// Known profiles of which nothing changes but who wrote it.
    pub confirmed: Vec<LogRow>,
    /// Subscriptions that are new or changed, whole.
    pub subscriptions: Vec<SubscriptionRow>,
    /// What profiles can be found by from now on.
    pub identities: Identities,
    /// What each job has of it, in the order of the jobs.
    pub shares: Vec<Share>,
}

/// What one job has of a plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Share {
    /// What is to be told of it: one for each row that it makes or changes, those of a profile one after the other, its own
    /// fields first.
    pub changes: Vec<Change>,
    /// One for each record, in input order; of a chunk that must be cut (see [`Plan::of`]), of its first records.
    pub outcomes: Vec<Outcome>,
}

/// The fields of one profile.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileRow {
    /// Whose.
    pub id: ProfileId,
    /// All of them.
    pub fields: Map<String, Value>,
    /// Who wrote what of the profile.
    pub log: PackedLog,
    /// Of the record that would find the profile as it is to be.
    pub imprint: Option<Imprint>,
}

/// Who wrote what of one profile.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRow {
    /// Whose.
    pub id: ProfileId,
    /// The log.
    pub log: PackedLog,
    /// As that of a [`ProfileRow`].
    pub imprint: Option<Imprint>,
}

/// One subscription of one profile.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscriptionRow {
    /// Whose.
    pub profile_id: ProfileId,
    /// As it is to be.
    pub subscription: Arc<Subscription>,
    /// Whether the profile did not have it before, so that it can be inserted without looking.
    pub is_new: bool,
}

/// Changes of identities. Each list is sorted by key, then profile: the one order in which rows are locked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identities {
    /// Values that a profile newly carries: new rows, at the next free ordinal of the key.
    pub added: Vec<IdentityRow>,
    /// Values that a profile carries in other places than before: rows that change their sources.
    pub moved: Vec<IdentityRow>,
    /// Values that a profile no longer carries (also claims that came to nothing): rows to delete.
    pub released: Vec<(Key, ProfileId)>,
}

/// One value that one profile can be found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityRow {
    /// The value.
    pub key: Key,
    /// Whose.
    pub profile_id: ProfileId,
    /// Where the profile carries it; never empty.
    pub sources: Sources,
}

/// A row of a profile that may be made, to be inserted before anything is planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The row.
    pub row: IdentityRow,
    /// Whether the plan depends on who carries the value, so that nobody else may decide on it meanwhile.
    pub decides: bool,
}

impl Plan {
    /// Decides what each record makes, changes or meets, in input order, and what is to be written for it.
    ///
    /// `candidates` must cover [`Drafts::keys`], [`Drafts::combinations`] and [`Drafts::ids`]: every key is held by a
    /// loaded profile, claimed, or known to be free. Where an earlier record takes a value away from its last holder and a
    /// later one would make a profile for it, the value is not claimed: the plan ends before that record, which is to be
    /// looked up anew. It never ends before the first.
    pub fn of(database: &Database, drafts: Drafts, candidates: Candidates) -> Self {
        let mut people = fold::People::new(database, candidates);
        let outcomes = people.apply_all(drafts);
        people.plan(vec![outcomes], |_all| 0)
    }

    /// The same with repeats among the records, whose profiles are locked, and not among the candidates. `None` where one of the
    /// others bears on one of them: it has to be read then.
    pub fn with_repeats(
        database: &Database,
        drafts: Drafts,
        candidates: Candidates,
        mut repeats: Vec<Repeat>,
    ) -> Option<Self> {
        let (records, stamp, places) = (drafts.len(), drafts.stamp, drafts.places.clone());
        let mut people = fold::People::new(database, candidates);
        let mut outcomes = people.apply_all(drafts);
        if outcomes.len() < records {
            // Those after the cut come with what is looked up anew.
            let last = outcomes.last().map_or(0, |last| last.index);
            repeats.retain(|repeat| repeat.glance.index < last);
        }
        if !people.leave(&repeats, &places) {
            return None;
        }
        outcomes.extend(repeats.iter().map(Repeat::outcome));
        outcomes.sort_by_key(|outcome| outcome.index);
        let mut plan = people.plan(vec![outcomes], |_all| 0);
        let mut confirmed = HashSet::new();
        // Repeats of one profile are the same record.
        repeats.retain(|repeat| confirmed.insert(repeat.profile_id));
        plan.confirmed.extend(repeats.into_iter().map(|repeat| repeat.confirmed(stamp)));
        Some(plan)
    }

    /// The same of several jobs, whole and one after the other. `None` where two of them meet the same profile, since what
    /// becomes of it is to be told of each, or where it would have to be cut.
    pub fn together(database: &Database, jobs: Vec<Drafts>, candidates: Candidates) -> Option<Self> {
        let mut people = fold::People::new(database, candidates);
        let mut met_by: HashMap<ProfileId, usize> = HashMap::new();
        let mut outcomes = Vec::with_capacity(jobs.len());
        for (job, drafts) in jobs.into_iter().enumerate() {
            let records = drafts.len();
            let fates = people.apply_all(drafts);
            let mut met = fates.iter().filter_map(|outcome| outcome.profile_id);
            if fates.len() < records || met.any(|id| *met_by.entry(id).or_insert(job) != job) {
                return None;
            }
            outcomes.push(fates);
        }
        Some(people.plan(outcomes, |id| met_by.get(&id).copied().unwrap_or_default()))
    }
}

/// What one chunk of a dry run would do, and each record's fate.
#[derive(Debug, Clone)]
pub struct Forecast {
    /// As those of a [`Plan`].
    pub outcomes: Vec<Outcome>,
    before: HashMap<ProfileId, Profile>,
    after: BTreeMap<ProfileId, Profile>,
}

impl Forecast {
    /// As [`Plan::of`], of `candidates` that [`Overlay::candidates`] has made.
    pub fn of(database: &Database, drafts: Drafts, candidates: Candidates) -> Self {
        let mut people = fold::People::new(database, candidates);
        let outcomes = people.apply_all(drafts);
        people.forecast(outcomes)
    }
}
