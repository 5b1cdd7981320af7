//! The plan against a naive model: batches in chunks through identities and claims must end as one record at a time
//! over a plain list of people does, in every matching mode, with every function, under every policy.
//!
//! [`record`] makes records as the model means them, [`render`] writes them as JSON for the product, [`reading`],
//! [`person`] and [`naive`] do to people what the contract says, and share nothing with the product but ids and headers.

mod foretold;
mod naive;
mod order;
mod person;
mod reading;
mod record;
mod render;
mod repeats;
mod tables;
mod together;
mod twins;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use self::naive::{Fate, Naive};
use self::record::{Beside, Rec};
use self::render::Scalars;
use self::tables::Tables;
use super::{Candidates, Holder};
use crate::catalog::{Catalog, Database, Declaration};
use crate::{
    Action, Code, DatabaseId, Drafts, Header, Key, MatchRule, Nulls, Operation, Outcome, Profile, ProfileId,
    ResourceId, Sources, Stamp, UnknownFields,
};

/// With `unique`, no two profiles may share an e-mail.
fn catalog(unique: bool) -> Catalog {
    let unique = if unique { &["email"][..] } else { &[] };
    let declaration: Declaration = serde_json::from_value(json!({
        "databases": [{"id": 1, "name": "Model", "unique": unique, "fields": [
            {"name": "number", "type": "int", "matchable": true},
            {"name": "code", "type": "string", "matchable": true, "unique": true},
            {"name": "tags", "type": "tags", "matchable": true},
            {"name": "points", "type": "int"},
            {"name": "score", "type": "float"},
            {"name": "object", "type": "object"},
            {"name": "orders", "type": "arr_object"},
        ]}],
        "resources": [
            {
                "id": 28, "name": "News", "databases": [1], "categories": ["a", "b"],
                "channels": ["email", "sms", "push", "telegram_bot", "whatsapp", "pager"],
                "fields": [{"name": "source", "type": "string"}, {"name": "hits", "type": "int"}],
            },
            {"id": 29, "name": "Alerts", "databases": [1], "channels": ["email", "sms"]},
        ],
        "accounts": [],
    }))
    .unwrap();
    Catalog::default().declare(&declaration).unwrap().0
}

fn header(rule: MatchRule, job: u64, total: usize) -> Header {
    Header {
        job_id: naive::job_id(job),
        account: "model".to_owned(),
        db_id: DatabaseId(1),
        operation: Operation::Import,
        rule,
        total: u32::try_from(total).unwrap(),
        resource_id: None,
        match_values: serde_json::Map::new(),
        unknown_fields: UnknownFields::Reject,
        nulls: Nulls::Clear,
        skip_invalid_subscriptions: false,
        skip_triggers: false,
        detect_geo: false,
        external_id: None,
        validate_only: false,
        callback_url: None,
        request_key: None,
        retry_of: None,
        begins_at: 0,
        streamed: false,
        order: None,
        warnings: Vec::new(),
    }
}

/// A request: how it is to be applied, its records, and the size of the chunks that it is applied in.
#[derive(Debug, Clone)]
struct Request {
    rule: MatchRule,
    operation: Operation,
    resource: Option<i32>,
    nulls: Nulls,
    unknown_fields: UnknownFields,
    skip: bool,
    records: Vec<Rec>,
    /// Match values beside the records, where there is one record.
    beside: Beside,
    chunk: usize,
    scalars: Scalars,
}

impl Request {
    fn header(&self, job: u64) -> Header {
        let beside =
            if self.records.len() == 1 { render::beside(&self.beside, &self.rule) } else { json!({}) };
        Header {
            match_values: beside.as_object().cloned().unwrap(),
            operation: self.operation,
            resource_id: self.resource.map(ResourceId),
            nulls: self.nulls,
            unknown_fields: self.unknown_fields,
            skip_invalid_subscriptions: self.skip,
            ..header(self.rule.clone(), job, self.records.len())
        }
    }
}

fn rule() -> impl Strategy<Value = MatchRule> {
    let custom = |field: &str| Just(MatchRule::Custom { field: field.to_owned() });
    let custom_sub = |field: &str| Just(MatchRule::CustomSub { field: field.to_owned() });
    prop_oneof![
        2 => Just(MatchRule::Email),
        1 => Just(MatchRule::EmailProfile),
        2 => Just(MatchRule::EmailSub),
        2 => Just(MatchRule::Phone),
        1 => Just(MatchRule::PhoneSub),
        1 => Just(MatchRule::ProfileId),
        2 => Just(MatchRule::PushSub),
        1 => custom("number"),
        1 => custom("code"),
        2 => custom("tags"),
        1 => custom_sub("id"),
        1 => custom_sub("phone"),
        1 => custom_sub("login"),
        3 => Just(MatchRule::EmailPhone),
        3 => Just(MatchRule::EmailPhoneSub),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let operation =
        prop_oneof![8 => Just(Operation::Import), 1 => Just(Operation::Add), 1 => Just(Operation::Update)];
    let nulls = prop_oneof![Just(Nulls::Ignore), Just(Nulls::Clear), Just(Nulls::Reject)];
    let unknown = prop_oneof![Just(UnknownFields::Reject), Just(UnknownFields::Ignore)];
    let resource = weighted(0.2, prop_oneof![Just(28), Just(29)]);
    let scalars = prop_oneof![Just(Scalars::Typed), Just(Scalars::Text)];
    let how = (rule(), operation, resource, nulls, unknown, any::<bool>(), 1..6_usize, scalars);
    let records = prop_oneof![3 => vec(record::record(), 1..10), 1 => vec(record::record(), 1)];
    (how, records, record::beside()).prop_map(
        |((rule, operation, resource, nulls, unknown_fields, skip, chunk, scalars), records, beside)| {
            Request {
                rule,
                operation,
                resource,
                nulls,
                unknown_fields,
                skip,
                records,
                beside,
                chunk,
                scalars,
            }
        },
    )
}

fn fate(outcome: &Outcome) -> Fate {
    let ended = match (&outcome.failure, outcome.profile_id) {
        (Some(failure), None) => Err(failure.code.slug()),
        (None, Some(id)) => Ok((outcome.action, id)),
        both => panic!("either or: {both:?}"),
    };
    Fate { ended, warnings: outcome.warnings.iter().map(|warning| warning.code.slug()).collect() }
}

fn subscriptions(profile: &Profile) -> BTreeSet<String> {
    let of = |sub: &std::sync::Arc<crate::Subscription>| {
        let contact = match &sub.contact {
            crate::Contact::Email(address) => json!({"email": address}),
            crate::Contact::Phone(number) => json!({"phone": number}),
            crate::Contact::Push { provider, subscription_id } => {
                json!({"provider": provider, "subscription_id": subscription_id})
            }
            crate::Contact::CcData(members) => json!(members),
        };
        let (channel, status) = (sub.channel.word(), sub.status.word());
        json!([sub.resource_id, channel, contact, status, sub.priority, sub.custom_fields, sub.cats])
            .to_string()
    };
    profile.subscriptions.iter().map(of).collect()
}

fn carried(database: &Database, tables: &Tables) -> BTreeMap<(Key, ProfileId), Sources> {
    let of = |profile: &Profile| {
        let id = profile.id;
        profile.identities(database).into_iter().map(move |(key, sources)| ((key, id), sources))
    };
    tables.profiles.values().flat_map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunks_end_as_one_record_at_a_time(requests in vec(request(), 1..5), unique: bool) {
        let catalog = catalog(unique);
        let (mut tables, mut naive) = (Tables::default(), Naive { unique, ..Naive::default() });
        for (job, request) in (0..).zip(&requests) {
            let header = request.header(job);
            let raw: Vec<Box<RawValue>> =
                request.records.iter().map(|rec| render::record(rec, request.scalars)).collect();
            let raw: Vec<&RawValue> = raw.iter().map(AsRef::as_ref).collect();
            let mut outcomes = Vec::new();
            for (position, chunk) in raw.chunks(request.chunk).enumerate() {
                let first = u32::try_from(position * request.chunk).unwrap();
                outcomes.extend(tables.apply(&catalog, &header, first, chunk));
            }
            prop_assert_eq!(outcomes.len(), raw.len());
            for (index, (rec, outcome)) in (0..).zip(request.records.iter().zip(&outcomes)) {
                prop_assert_eq!(outcome.index, index);
                let beside = (request.records.len() == 1).then_some(&request.beside);
                let naive = naive.apply(&header, (job, index), rec, beside);
                prop_assert_eq!(fate(outcome), naive, "{} {}: {:?}", header.rule.word(), raw[usize::try_from(index).unwrap()], outcome);
            }
            prop_assert!(tables.profiles.keys().eq(naive.people.keys()));
            for (profile, person) in tables.profiles.values().zip(naive.people.values()) {
                prop_assert_eq!(&*profile.fields, &person.fields());
                prop_assert_eq!(subscriptions(profile), person.subscriptions());
            }
            prop_assert_eq!(&tables.identities, &carried(&catalog.databases[&DatabaseId(1)], &tables));
        }
    }
}

#[test]
fn a_profile_that_changed_since_it_was_looked_up_sends_its_keys_back() {
    let catalog = catalog(false);
    let database = &catalog.databases[&DatabaseId(1)];
    let id = ProfileId(Uuid::from_u128(1));
    let key = Key::new(crate::Kind::EMAIL, "p0@example.com");
    let holder =
        Holder { key: key.clone(), profile_id: id, sources: Sources::from([crate::Source::Profile]) };
    let gone = Candidates::new(
        database,
        std::slice::from_ref(&holder),
        vec![Profile::empty(id)],
        Vec::new(),
        HashSet::new(),
    );
    assert_eq!(gone.unwrap_err(), std::slice::from_ref(&key));

    // It still carries the value, but where it may not count: whoever matches by it has to claim it first.
    let moved =
        json!({"subscriptions": [{"channel": "email", "resource_id": 28, "email": "p0@example.com"}]});
    let raw = to_raw_value(&moved).unwrap();
    let drafts = Drafts::of(&header(MatchRule::Email, 0, 1), &catalog, database, [(0, &*raw)], None);
    let mut profile = Profile::empty(id);
    drafts.valid[0].apply_to(&mut profile, Stamp::NEVER, false).unwrap();
    let moved = Candidates::new(database, &[holder], vec![profile], Vec::new(), HashSet::new());
    assert_eq!(moved.unwrap_err(), [key]);
}

#[test]
fn several_matches_take_the_oldest_and_say_so() {
    let catalog = catalog(false);
    let mut tables = Tables::default();
    let twins =
        [json!({"number": 1, "email": "p0@example.com"}), json!({"number": 2, "email": "p0@example.com"})];
    let both = header(MatchRule::Custom { field: "number".to_owned() }, 0, 2);
    let raw = twins.map(|record| to_raw_value(&record).unwrap());
    let made = tables.apply(&catalog, &both, 0, &[&raw[0], &raw[1]]);
    let meant = to_raw_value(&json!({"email": "p0@example.com", "_fname": "One"})).unwrap();
    let met = tables.apply(&catalog, &header(MatchRule::Email, 1, 1), 0, &[&meant]);
    assert_eq!((met[0].action, met[0].profile_id), (Action::Updated, made[0].profile_id));
    assert_eq!(met[0].warnings[0].code, Code::AmbiguousMatch);
}
