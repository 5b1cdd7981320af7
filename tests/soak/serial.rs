//! What people should be: all that was applied, once more, one record after the other in the order of acceptance, by the
//! product's own code but for the rule of order itself.

use std::collections::{BTreeMap, BTreeSet};

use intake_types::catalog::{Catalog, Database};
use intake_types::{DatabaseId, Drafts, Header, JobId, Log, MatchRule, Profile, ProfileId, Stamp};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::book::Closed;
use crate::ledger::{Fate, Ledger};
use crate::people::Person;

/// Functions on a field that are remembered. What was set before more of them, and applied after them, is left out, so with
/// more of them it is not known what the field should hold.
const REMEMBERED: usize = 16;

/// What people are matched by here.
const MEMBER: &str = "member";
/// What most records set.
const USUAL: [&str; 5] = ["email", "phones", "city", "_fname", "note"];
/// What a subscription has beside its fields.
const STATE: [&str; 2] = ["status", "priority"];
const SUBSCRIPTIONS: &str = "subscriptions";

/// The field that nothing but functions changes which may be done in any order.
pub(crate) const VISITS: &str = "visits";

/// A person as it should be.
#[derive(Debug)]
pub(crate) struct Expected {
    profile: Profile,
    /// The profiles that its records were told to be in: one.
    pub(crate) told: BTreeSet<ProfileId>,
    decided: Decided,
}

/// What later records have decided on of a person.
#[derive(Debug, Default)]
struct Decided {
    set: BTreeSet<String>,
    /// Functions on something since it was set.
    functions: BTreeMap<String, usize>,
}

/// What a job did.
struct Step {
    header: Header,
    /// Profile, person, and what of the record no later one has decided on.
    applied: Vec<(ProfileId, u16, Box<RawValue>)>,
}

/// Applies all that was applied to an account's database. What cannot be is complained of.
pub(crate) fn apply(
    closed: &Closed,
    ledger: &Ledger,
    catalog: &Catalog,
    account: usize,
) -> (BTreeMap<u16, Expected>, Vec<String>) {
    let (mut people, mut complaints) = (BTreeMap::new(), Vec::new());
    let db_id = DatabaseId(i32::try_from(account + 1).unwrap_or_default());
    let Some(database) = catalog.databases.get(&db_id) else { return (people, complaints) };
    let mut steps = Vec::new();
    for (_, id) in in_order(ledger, db_id).into_iter().rev() {
        match step(closed, ledger, id, &mut people) {
            Some(step) => steps.push(step),
            None => complaints.push(format!("job {id} is of no request")),
        }
    }
    for Step { header, applied } in steps.into_iter().rev() {
        let (job, stamp) = (header.job_id, header.stamp());
        let texts: Vec<&RawValue> = applied.iter().map(|(_, _, text)| text.as_ref()).collect();
        let drafts = Drafts::of(&header, catalog, database, (0..).zip(texts), None);
        if drafts.valid().len() != applied.len() {
            complaints.push(format!("job {job} has applied records that are wrong"));
            continue;
        }
        for ((_, person, _), draft) in applied.iter().zip(drafts.valid()) {
            let Some(Expected { profile, .. }) = people.get_mut(person) else { continue };
            // Nothing is late here.
            profile.log = Log::default();
            if let Err(failure) = draft.apply_to(profile, stamp, false) {
                complaints.push(format!("job {job} has applied what cannot be: {failure:?}"));
            }
        }
    }
    (people, complaints)
}

/// The jobs that wrote to a database. Of one request, those that begin later have later records.
fn in_order(ledger: &Ledger, db_id: DatabaseId) -> BTreeSet<((Stamp, u32), JobId)> {
    let jobs = ledger.jobs.iter().filter(|(_, job)| job.header.db_id == db_id && !job.header.validate_only);
    jobs.map(|(id, job)| ((job.header.stamp(), job.header.begins_at), *id)).collect()
}

/// What a job did, once all that comes later is known. Its records mean people by what nobody changes.
fn step(closed: &Closed, ledger: &Ledger, id: JobId, people: &mut BTreeMap<u16, Expected>) -> Option<Step> {
    let job = ledger.jobs.get(&id)?;
    let request = &closed.entries.get(&job.header.external_id.as_ref()?.parse().ok()?)?.request;
    let fates: Vec<_> = job.fates().zip(ledger.records(id)).collect();
    let mut applied = Vec::new();
    for (fate, index) in fates.into_iter().rev() {
        let Fate::Applied(profile) = fate else { continue };
        let sent = request.records.get(index)?;
        let person = sent.person;
        let expected = people.entry(person).or_insert_with(|| Expected {
            profile: Profile::empty(*profile),
            told: BTreeSet::new(),
            decided: Decided::default(),
        });
        expected.told.insert(*profile);
        // Most records set nothing for good, and this is about very many.
        let is_all_set = USUAL.iter().all(|name| expected.decided.set.contains(*name));
        let mut record =
            if is_all_set { sent.changes(&request.mark(index)) } else { request.record(index)? };
        expected.decided.leave_open(&mut record);
        applied.push((*profile, person, to_raw_value(&record).ok()?));
    }
    applied.reverse();
    let rule = MatchRule::Custom { field: MEMBER.to_owned() };
    Some(Step { header: Header { rule, ..job.header.clone() }, applied })
}

impl Decided {
    /// Takes out of a record what a later one has decided on: what that set was not changed by this.
    fn leave_open(&mut self, record: &mut Value) {
        let subscription = record["subscriptions"].get_mut(0).and_then(Value::as_object_mut);
        let is_bare = subscription.is_some_and(|subscription| {
            let fields = subscription.get_mut("custom_fields").and_then(Value::as_object_mut);
            let has_fields = fields.is_some_and(|fields| {
                fields.retain(|name, value| self.is_open(name, value));
                !fields.is_empty()
            });
            subscription.retain(|name, _| !STATE.contains(&name.as_str()) || self.set.insert(name.clone()));
            !has_fields && !STATE.iter().any(|name| subscription.contains_key(*name))
        });
        let Some(record) = record.as_object_mut() else { return };
        if is_bare {
            record.remove(SUBSCRIPTIONS);
        }
        record.retain(|name, value| name == MEMBER || name == SUBSCRIPTIONS || self.is_open(name, value));
    }

    /// Whether no later record has set this; then this one may have.
    fn is_open(&mut self, name: &str, value: &Value) -> bool {
        if value["action"].as_str().is_none_or(|action| action == "unset") {
            return self.set.insert(name.to_owned());
        }
        let is_open = !self.set.contains(name);
        if is_open {
            *self.functions.entry(name.to_owned()).or_default() += 1;
        }
        is_open
    }
}

impl Expected {
    /// As it should be stored.
    pub(crate) fn person(&self, database: &Database) -> Person {
        let subscriptions = self.profile.subscriptions.iter().map(|held| {
            let mut members = held.custom_fields.clone();
            let cats = if held.cats.is_empty() { Value::Null } else { json!(held.cats) };
            members.insert("status".to_owned(), held.status.number().into());
            members.insert("priority".to_owned(), json!(held.priority));
            members.insert("cats".to_owned(), cats);
            let contact = format!("{} {} {}", held.resource_id, held.channel.word(), held.contact.address());
            (contact, Value::Object(members))
        });
        let identities = self.profile.identities(database).into_iter().map(|(key, sources)| {
            let sources: Vec<_> = sources.iter().map(|source| source.number().to_string()).collect();
            ((key.kind.number(), key.value.clone()), sources.join(","))
        });
        let identities: BTreeMap<_, _> = identities.collect();
        let identities =
            identities.into_iter().map(|((kind, value), sources)| format!("{kind} {value} {{{sources}}}"));
        Person {
            fields: self.profile.fields.as_ref().clone(),
            subscriptions: subscriptions.collect(),
            identities: identities.collect(),
        }
    }

    /// Whether it is known what something of it should be.
    pub(crate) fn is_sure(&self, cell: &str) -> bool {
        let name = cell.split(' ').next_back().unwrap_or_default();
        cell == VISITS || self.decided.functions.get(name).is_none_or(|count| *count <= REMEMBERED)
    }
}
