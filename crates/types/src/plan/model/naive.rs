//! The model: one record at a time over a plain list of people, written from the contract and from nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::person::{Person, Slug, listed, plain, summed};
use super::reading::{self, Read};
use super::record::{Beside, Op, Reached, Rec};
use super::render::{cc_data, phone};
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

/// What is beside the record, where the record has nothing of its own: whose it is, and what a new person gets of it.
struct StandIn<'a> {
    beside: Option<&'a Beside>,
    person: Person,
    warnings: &'a mut Vec<Slug>,
}

impl StandIn<'_> {
    /// For values of a field: told of where the record says something else.
    fn field(&mut self, own: Vec<Value>, of: impl Fn(&Beside) -> Option<Vec<Value>>) -> Vec<Value> {
        let Some(values) = self.beside.and_then(of) else { return own };
        if own.is_empty() {
            for value in &values {
                self.store(value);
            }
            return values;
        }
        if !values.iter().all(|value| own.contains(value)) {
            self.warnings.push("unknown_parameter");
        }
        own
    }

    fn store(&mut self, value: &Value) {
        match value {
            Value::Email(who) => self.person.email = Some(*who),
            Value::Phone(who) => self.person.phones = Some(vec![*who]),
            Value::Number(number) => self.person.number = Some(*number),
            Value::Code(code) => self.person.code = Some(*code),
            Value::Tag(tag) => {
                let tags = self.person.tags.get_or_insert_default();
                if !tags.contains(tag) {
                    tags.push(*tag);
                }
            }
            Value::Push(..) | Value::CcData(..) => {}
        }
    }

    /// For values that are stored nowhere.
    fn other(&self, own: Vec<Value>, of: impl Fn(&Beside) -> Option<Value>) -> Vec<Value> {
        if own.is_empty() { self.beside.and_then(of).into_iter().collect() } else { own }
    }
}

fn meant(header: &Header, rec: &Rec, read: &Read, stand_in: &mut StandIn<'_>) -> Option<Meant> {
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
    let beside_email = |beside: &Beside| beside.email.map(|who| vec![Value::Email(who)]);
    let beside_phone = |beside: &Beside| beside.phone.map(|who| vec![Value::Phone(who)]);
    let lists = match &header.rule {
        MatchRule::Email => vec![stand_in.field(or(email, sub_emails), beside_email)],
        MatchRule::EmailProfile => vec![stand_in.field(email, beside_email)],
        MatchRule::EmailSub => vec![stand_in.field(or(sub_emails, email), beside_email)],
        MatchRule::Phone => vec![stand_in.field(or(phones, sub_phones), beside_phone)],
        MatchRule::PhoneSub => vec![stand_in.field(or(sub_phones, phones), beside_phone)],
        MatchRule::EmailPhone => {
            vec![stand_in.field(email, beside_email), stand_in.field(phones, beside_phone)]
        }
        MatchRule::EmailPhoneSub => vec![
            stand_in.field(or(sub_emails, email), beside_email),
            stand_in.field(or(sub_phones, phones), beside_phone),
        ],
        MatchRule::PushSub => {
            let own = rec.token.map(|(provider, token)| Value::Push(provider, token)).into_iter().collect();
            let own = or(own, subs().filter(|value| matches!(value, Value::Push(..))).collect());
            vec![
                stand_in
                    .other(own, |beside| beside.token.map(|(provider, token)| Value::Push(provider, token))),
            ]
        }
        MatchRule::CustomSub { field } => {
            let own =
                subs().filter(|value| matches!(value, Value::CcData(name, _) if name == field)).collect();
            let name = ["id", "phone", "login"].into_iter().find(|name| name == field).unwrap();
            vec![
                stand_in.other(own, |beside| {
                    beside.member.map(|member| Value::CcData(name, cc_data(name, member)))
                }),
            ]
        }
        MatchRule::Custom { field } => {
            let values = custom(field, read, stand_in);
            return match field.as_str() {
                "tags" => (!values.is_empty()).then_some(Meant::All(values)),
                _ => (!values.is_empty()).then_some(Meant::First(vec![values])),
            };
        }
        MatchRule::ProfileId => {
            let id = rec.profile_id.or_else(|| stand_in.beside.and_then(|beside| beside.profile_id));
            return id.map(|(job, index)| Meant::Id(made_by(job.into(), index.into())));
        }
    };
    let lists: Vec<Vec<Value>> = lists.into_iter().filter(|list| !list.is_empty()).collect();
    (!lists.is_empty()).then_some(Meant::First(lists))
}

fn custom(field: &str, read: &Read, stand_in: &mut StandIn<'_>) -> Vec<Value> {
    match field {
        "number" => {
            let own = set(read.number.as_ref()).map(Value::Number).into_iter().collect();
            stand_in.field(own, |beside| beside.number.map(|number| vec![Value::Number(number)]))
        }
        "code" => {
            let own = set(read.code.as_ref()).map(Value::Code).into_iter().collect();
            stand_in.field(own, |beside| beside.code.map(|code| vec![Value::Code(code)]))
        }
        _ => {
            let own = set(read.tags.as_ref()).into_iter().flatten().map(Value::Tag).collect();
            stand_in.field(own, |beside| {
                beside.tags.as_ref().map(|tags| tags.iter().map(|tag| Value::Tag(*tag)).collect())
            })
        }
    }
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
    pub(super) fn apply(
        &mut self,
        header: &Header,
        (job, index): (u64, u32),
        rec: &Rec,
        beside: Option<&Beside>,
    ) -> Fate {
        let (read, mut warnings) = reading::read(header, rec);
        let ended = read.and_then(|read| {
            let mut stand_in = StandIn { beside, person: Person::default(), warnings: &mut warnings };
            let meant = meant(header, rec, &read, &mut stand_in).ok_or("missing_match_value")?;
            let new = (made_by(job, index), stand_in.person);
            self.merge(header, new, rec, read, meant, &mut warnings)
        });
        Fate { ended, warnings: warnings.into_iter().collect() }
    }

    fn merge(
        &mut self,
        header: &Header,
        (new, begun): (ProfileId, Person),
        rec: &Rec,
        read: Read,
        meant: Meant,
        warnings: &mut Vec<Slug>,
    ) -> Result<(Action, ProfileId), Slug> {
        let target = self.target(header, &meant, warnings)?;
        match (target, header.operation, &header.rule) {
            (Some(_), Operation::Add, _) => return Err("profile_exists"),
            (None, Operation::Update, _) | (None, _, MatchRule::ProfileId) => {
                return Err("profile_not_found");
            }
            _ => {}
        }
        let others = || self.people.iter().filter(|(id, _)| Some(**id) != target).map(|(_, person)| person);
        let begins = |value: Option<u8>| value.filter(|_| target.is_none());
        let codes = [set(read.code.as_ref()), begins(begun.code)];
        let emails =
            [set(read.email.as_ref()), begins(begun.email)].map(|email| email.filter(|_| self.unique));
        let is_taken =
            |taken: Option<u8>, wanted: [Option<u8>; 2]| taken.is_some() && wanted.contains(&taken);
        if others().any(|other| is_taken(other.code, codes) || is_taken(other.email, emails)) {
            return Err("not_unique");
        }
        let known = target.map(|id| self.people[&id].clone());
        let mut person = known.clone().unwrap_or(begun);
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
