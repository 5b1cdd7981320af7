//! The model: one record at a time over a plain list of people, written from the contract and from nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::person::{Person, Slug, listed, plain, summed};
use super::reading::{self, Read};
use super::record::{Op, Reached, Rec};
use super::render::phone;
use crate::{Action, Header, JobId, JobKey, MatchRule, Operation, ProfileId};

pub(super) fn job_id(job: u64) -> JobId {
    let key = JobKey::new(b"a key for the model's jobs").unwrap();
    JobId::mint(1_700_000_000_000_000_000 + job * 1_000_000, job, "model", &key)
}

/// The id of the profile that a record makes, if it makes one.
pub(super) fn made_by(job: u64, index: u32) -> ProfileId {
    ProfileId::made_by(job_id(job), index)
}

/// A value that people are found by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Email(u8),
    Phone(u8),
    Push(u8, u8),
    Number(i64),
    Code(u8),
    Tag(u8),
    CcData(&'static str, String),
}

/// What became of a record: how it ended, whose it is, and what was warned of.
#[derive(Debug, PartialEq)]
pub(super) struct Fate {
    pub(super) ended: Result<(Action, ProfileId), Slug>,
    pub(super) warnings: BTreeSet<Slug>,
}

#[derive(Default)]
pub(super) struct Naive {
    /// Whether no two people may share an e-mail.
    pub(super) unique: bool,
    pub(super) people: BTreeMap<ProfileId, Person>,
}

/// The value that an operation sets.
fn set<T: Clone>(op: Option<&Op<T>>) -> Option<T> {
    match op {
        Some(Op::Set(value) | Op::SetByFunction(value)) => Some(value.clone()),
        _ => None,
    }
}

fn of(reached: Reached) -> Vec<Value> {
    match reached {
        Reached::Email(who) => vec![Value::Email(who)],
        Reached::Sms(who) => vec![Value::Phone(who)],
        Reached::Push(provider, token) => vec![Value::Push(provider, token)],
        Reached::Telegram(id) => vec![Value::CcData("id", id.to_string())],
        Reached::Whatsapp(who) => vec![Value::CcData("phone", phone(who))],
        Reached::Pager(login, zone) => {
            vec![Value::CcData("login", format!("l{login}")), Value::CcData("zone", zone.to_string())]
        }
    }
}

/// Whom a record means.
enum Meant {
    /// Values to try in order, of one or two sorts.
    First(Vec<Vec<Value>>),
    All(Vec<Value>),
    Id(ProfileId),
}

fn meant(header: &Header, rec: &Rec, read: &Read) -> Option<Meant> {
    let subs = || {
        let all = read.subs.iter().map(|(sub, ..)| sub);
        all.filter(|sub| header.resource_id.is_none_or(|id| id.0 == sub.resource))
            .flat_map(|sub| of(sub.reached))
    };
    let email: Vec<Value> = set(read.email.as_ref()).map(Value::Email).into_iter().collect();
    let phones: Vec<Value> = set(read.phones.as_ref()).into_iter().flatten().map(Value::Phone).collect();
    let sub_emails: Vec<Value> = subs().filter(|value| matches!(value, Value::Email(_))).collect();
    let sub_phones: Vec<Value> = subs().filter(|value| matches!(value, Value::Phone(_))).collect();
    let or = |first: Vec<Value>, second: Vec<Value>| if first.is_empty() { second } else { first };
    let lists = match &header.rule {
        MatchRule::Email => vec![or(email, sub_emails)],
        MatchRule::EmailProfile => vec![email],
        MatchRule::EmailSub => vec![or(sub_emails, email)],
        MatchRule::Phone => vec![or(phones, sub_phones)],
        MatchRule::PhoneSub => vec![or(sub_phones, phones)],
        MatchRule::EmailPhone => vec![email, phones],
        MatchRule::EmailPhoneSub => vec![or(sub_emails, email), or(sub_phones, phones)],
        MatchRule::PushSub => {
            let own = rec.token.map(|(provider, token)| Value::Push(provider, token)).into_iter().collect();
            vec![or(own, subs().filter(|value| matches!(value, Value::Push(..))).collect())]
        }
        MatchRule::CustomSub { field } => {
            vec![subs().filter(|value| matches!(value, Value::CcData(name, _) if name == field)).collect()]
        }
        MatchRule::Custom { field } if field == "number" => {
            vec![set(read.number.as_ref()).map(Value::Number).into_iter().collect()]
        }
        MatchRule::Custom { field } if field == "code" => {
            vec![set(read.code.as_ref()).map(Value::Code).into_iter().collect()]
        }
        MatchRule::Custom { .. } => {
            let tags: Vec<Value> = set(read.tags.as_ref()).into_iter().flatten().map(Value::Tag).collect();
            return (!tags.is_empty()).then_some(Meant::All(tags));
        }
        MatchRule::ProfileId => {
            return rec.profile_id.map(|(job, index)| Meant::Id(made_by(job.into(), index.into())));
        }
    };
    let lists: Vec<Vec<Value>> = lists.into_iter().filter(|list| !list.is_empty()).collect();
    (!lists.is_empty()).then_some(Meant::First(lists))
}

/// Whether a person carries a value in a place where the mode looks.
fn carries(header: &Header, person: &Person, value: &Value) -> bool {
    let in_profile = match value {
        Value::Email(who) => person.email == Some(*who),
        Value::Phone(who) => person.phones.as_ref().is_some_and(|phones| phones.contains(who)),
        Value::Number(number) => person.number == Some(*number),
        Value::Code(code) => person.code == Some(*code),
        Value::Tag(tag) => person.tags.as_ref().is_some_and(|tags| tags.contains(tag)),
        Value::Push(..) | Value::CcData(..) => false,
    };
    let in_subscription = |narrowed: Option<i32>| {
        let mut subs = person.subs.keys();
        subs.any(|(resource, reached)| {
            narrowed.is_none_or(|id| id == *resource) && of(*reached).contains(value)
        })
    };
    let resource = header.resource_id.map(|id| id.0);
    match header.rule {
        MatchRule::Email | MatchRule::Phone => in_profile || in_subscription(resource),
        MatchRule::EmailProfile | MatchRule::EmailPhone | MatchRule::Custom { .. } => in_profile,
        MatchRule::EmailSub
        | MatchRule::PhoneSub
        | MatchRule::PushSub
        | MatchRule::CustomSub { .. }
        | MatchRule::EmailPhoneSub => in_subscription(resource),
        MatchRule::ProfileId => false,
    }
}

impl Naive {
    pub(super) fn apply(&mut self, header: &Header, job: u64, index: u32, rec: &Rec) -> Fate {
        let (read, mut warnings) = reading::read(header, rec);
        let ended = read.and_then(|read| self.merge(header, made_by(job, index), rec, read, &mut warnings));
        Fate { ended, warnings: warnings.into_iter().collect() }
    }

    fn merge(
        &mut self,
        header: &Header,
        new: ProfileId,
        rec: &Rec,
        read: Read,
        warnings: &mut Vec<Slug>,
    ) -> Result<(Action, ProfileId), Slug> {
        let meant = meant(header, rec, &read).ok_or("missing_match_value")?;
        let target = self.target(header, &meant, warnings)?;
        match (target, header.operation, &header.rule) {
            (Some(_), Operation::Add, _) => return Err("profile_exists"),
            (None, Operation::Update, _) | (None, _, MatchRule::ProfileId) => {
                return Err("profile_not_found");
            }
            _ => {}
        }
        let others = || self.people.iter().filter(|(id, _)| Some(**id) != target).map(|(_, person)| person);
        let (code, email) = (set(read.code.as_ref()), set(read.email.as_ref()).filter(|_| self.unique));
        if others()
            .any(|other| (code.is_some() && other.code == code) || (email.is_some() && other.email == email))
        {
            return Err("not_unique");
        }
        let known = target.map(|id| self.people[&id].clone());
        let mut person = known.clone().unwrap_or_default();
        change(&mut person, rec, read, header.skip_invalid_subscriptions, warnings)?;
        let action = match &known {
            None => Action::Created,
            Some(known) if *known == person => Action::Unchanged,
            Some(_) => Action::Updated,
        };
        if action == Action::Created {
            let values = match meant {
                Meant::First(lists) => lists.concat(),
                Meant::All(values) => values,
                Meant::Id(_) => Vec::new(),
            };
            if !values.iter().any(|value| carries(header, &person, value)) {
                warnings.push("not_findable");
            }
        }
        let id = target.unwrap_or(new);
        self.people.insert(id, person);
        Ok((action, id))
    }

    fn carriers(&self, header: &Header, value: &Value) -> BTreeSet<ProfileId> {
        let all = self.people.iter().filter(|(_, person)| carries(header, person, value));
        all.map(|(id, _)| *id).collect()
    }

    fn target(
        &self,
        header: &Header,
        meant: &Meant,
        warnings: &mut Vec<Slug>,
    ) -> Result<Option<ProfileId>, Slug> {
        let found: BTreeSet<ProfileId> = match meant {
            Meant::Id(id) => self.people.contains_key(id).then_some(*id).into_iter().collect(),
            Meant::All(values) => {
                let all = self.people.iter();
                all.filter(|(_, person)| values.iter().all(|value| carries(header, person, value)))
                    .map(|(id, _)| *id)
                    .collect()
            }
            Meant::First(lists) => {
                let hits: Vec<BTreeSet<ProfileId>> = lists
                    .iter()
                    .filter_map(|list| {
                        list.iter().map(|value| self.carriers(header, value)).find(|hit| !hit.is_empty())
                    })
                    .collect();
                match hits.as_slice() {
                    [] => BTreeSet::new(),
                    [only] => only.clone(),
                    [first, second, ..] if first.is_disjoint(second) => return Err("conflicting_match"),
                    [first, second, ..] => first & second,
                }
            }
        };
        if found.len() > 1 {
            warnings.push("ambiguous_match");
        }
        Ok(found.first().copied())
    }
}

fn change(
    person: &mut Person,
    rec: &Rec,
    read: Read,
    skip: bool,
    warnings: &mut Vec<Slug>,
) -> Result<(), Slug> {
    if let Some(op) = read.email {
        plain(&mut person.email, op);
    }
    if let Some(op) = read.phones {
        listed(&mut person.phones, op);
    }
    if let Some(op) = read.number {
        summed(&mut person.number, op)?;
    }
    if let Some(op) = read.code {
        plain(&mut person.code, op);
    }
    if let Some(op) = read.points {
        summed(&mut person.points, op)?;
    }
    if let Some(op) = read.score {
        summed(&mut person.score, op)?;
    }
    if let Some(op) = read.tags {
        listed(&mut person.tags, op);
    }
    if let Some(op) = read.name {
        plain(&mut person.name, op);
    }
    if let Some(op) = &rec.object {
        person.put(op);
    }
    if let Some(op) = &rec.orders {
        person.order(op);
    }
    for (sub, fields) in read.subs {
        match person.subscribe(&sub, fields.source, fields.hits) {
            Ok(()) => {}
            Err(_) if skip => warnings.push("subscription_skipped"),
            Err(_) => return Err("invalid_subscription"),
        }
    }
    Ok(())
}
