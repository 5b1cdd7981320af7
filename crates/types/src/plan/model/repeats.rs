//! Records that come again must end as they do where they are read, and leave the same.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::tables::Tables;
use super::{Request, catalog, header, record, render, request};
use crate::order::Cell;
use crate::{Action, DatabaseId, Header, MatchRule, Nulls, Operation, Outcome, Profile, UnknownFields};

/// A job whose records are told at a glance.
fn job() -> impl Strategy<Value = Request> {
    let rule = prop_oneof![
        Just(MatchRule::Email),
        Just(MatchRule::EmailProfile),
        Just(MatchRule::Phone),
        Just(MatchRule::EmailPhone),
        Just(MatchRule::Custom { field: "number".to_owned() }),
        Just(MatchRule::Custom { field: "tags".to_owned() }),
    ];
    (request(), rule).prop_map(|(request, rule)| Request {
        rule,
        records: request.records.into_iter().take(5).collect(),
        ..request
    })
}

fn rendered(request: &Request) -> Vec<Box<RawValue>> {
    request.records.iter().map(|record| render::record(record, request.scalars)).collect()
}

/// How each cell came to its value, and how others came to have none.
type Written = (BTreeMap<String, String>, String);

/// However the log is kept.
fn written(profile: &Profile) -> Written {
    let log = &profile.log;
    let cells = Cell::with_values(&profile.fields, &profile.subscriptions);
    let of = |cell: Cell<'_>| (format!("{cell:?}"), format!("{:?}", log.entry(cell, true)));
    let entries: BTreeMap<_, _> = cells.map(of).collect();
    let mut others = log.clone();
    Cell::with_values(&profile.fields, &profile.subscriptions).for_each(|cell| others.forget(cell));
    (entries, format!("{:?}", others.listed()))
}

/// What is stored, whatever requests most of a profile is said to be of.
fn stored(tables: &Tables) -> Vec<(String, Written)> {
    let of = |profile: &Profile| {
        let Profile { id, fields, subscriptions, .. } = profile;
        (format!("{id} {fields:?} {subscriptions:?}"), written(profile))
    };
    tables.profiles.values().map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_chunk_with_repeats_ends_as_one_that_is_read(
        before in vec(request(), 0..3),
        job in job(),
        between in weighted(0.3, request()),
        fresh in vec(weighted(0.3, record::record()), 5),
        unique: bool,
    ) {
        let catalog = catalog(unique);
        let mut tables = Tables::default();
        for (number, request) in (1..).zip(before.iter().chain([&job]).chain(&between)) {
            let raw = rendered(request);
            let raw: Vec<&RawValue> = raw.iter().map(AsRef::as_ref).collect();
            tables.apply(&catalog, &request.header(number), 0, &raw);
        }
        let mut again = job;
        for (record, fresh) in again.records.iter_mut().zip(fresh) {
            *record = fresh.unwrap_or_else(|| record.clone());
        }
        let raw = rendered(&again);
        let raw: Vec<&RawValue> = raw.iter().map(AsRef::as_ref).collect();
        // An older request that comes late, too.
        for number in [10, 0] {
            let header = again.header(number);
            let mut glanced = tables.clone();
            if let Some((outcomes, _)) = glanced.apply_repeats(&catalog, &header, &raw) {
                let mut read = tables.clone();
                prop_assert_eq!(outcomes, read.apply(&catalog, &header, 0, &raw));
                prop_assert_eq!(stored(&glanced), stored(&read));
                prop_assert_eq!(glanced.identities, read.identities);
            }
        }
    }
}

fn person(email: &str, name: &str) -> Value {
    json!({
        "email": email, "_fname": name, "points": 7, "_ref": "r1",
        "subscriptions": [{"channel": "email", "resource_id": 28, "email": email, "status": "subscribed", "cats": ["a"]}],
    })
}

/// A job of these records applied: its fates, and how many of them are repeats; nothing where one of those has to be read.
fn applied(tables: &mut Tables, header: &Header, records: &[Value]) -> Option<(Vec<Outcome>, usize)> {
    let raw: Vec<Box<RawValue>> = records.iter().map(|record| to_raw_value(record).unwrap()).collect();
    let raw: Vec<&RawValue> = raw.iter().map(AsRef::as_ref).collect();
    tables.apply_repeats(
        &catalog(false),
        &Header { total: u32::try_from(raw.len()).unwrap(), ..header.clone() },
        &raw,
    )
}

fn repeats(tables: &mut Tables, header: &Header, records: &[Value]) -> usize {
    applied(tables, header, records).unwrap().1
}

#[test]
fn what_was_made_or_changed_or_met_by_a_record_is_told_when_it_comes_again() {
    let mut tables = Tables::default();
    let (ada, bob) = (person("p0@example.com", "Ada"), person("p1@example.com", "Bob"));
    let job = |number| header(MatchRule::Email, number, 2);
    assert_eq!(repeats(&mut tables, &job(1), &[ada.clone(), bob.clone()]), 0);
    let (outcomes, count) = applied(&mut tables, &job(2), &[ada.clone(), bob.clone()]).unwrap();
    assert_eq!(count, 2);
    for outcome in outcomes {
        assert_eq!((outcome.action, outcome.reference.as_deref()), (Action::Unchanged, Some("r1")));
        assert_eq!(outcome.warnings, []);
    }
    let eve = person("p1@example.com", "Eve");
    assert_eq!(repeats(&mut tables, &job(3), &[ada.clone(), eve.clone()]), 1, "Bob has another name now");
    let both = [bob.clone(), json!({"email": "p1@example.com", "_lname": "Stone"})];
    assert_eq!(repeats(&mut tables, &job(4), &both), 0);
    assert_eq!(
        repeats(&mut tables, &job(5), std::slice::from_ref(&bob)),
        0,
        "one of two of one request does not tell it"
    );
    assert_eq!(repeats(&mut tables, &job(6), &[ada, bob]), 2);
}

#[test]
fn what_is_not_the_same_is_read() {
    let ada = person("p0@example.com", "Ada");
    let email = || header(MatchRule::Email, 2, 1);
    let other = |header: Header| {
        let mut tables = Tables::default();
        repeats(
            &mut tables,
            &Header { job_id: super::naive::job_id(1), ..email() },
            std::slice::from_ref(&ada),
        );
        repeats(&mut tables, &header, std::slice::from_ref(&ada))
    };
    assert_eq!(other(email()), 1);
    let beside = json!({"email": "p0@example.com"}).as_object().cloned().unwrap();
    for header in [
        Header { operation: Operation::Update, ..email() },
        Header { rule: MatchRule::EmailProfile, ..email() },
        Header { resource_id: Some(crate::ResourceId(28)), ..email() },
        Header { unknown_fields: UnknownFields::Ignore, ..email() },
        Header { nulls: Nulls::Reject, ..email() },
        Header { skip_invalid_subscriptions: true, ..email() },
        Header { detect_geo: true, ..email() },
        Header { match_values: beside, ..email() },
        // Accepted before the one that made it.
        Header { job_id: super::naive::job_id(0), ..email() },
    ] {
        assert_eq!(other(header.clone()), 0, "{header:?}");
    }
}

#[test]
fn what_may_not_find_everything_as_it_is_is_read_again() {
    for (name, value) in [
        ("points", json!({"action": "incr", "value": 1})),
        ("tags", json!({"action": "add", "value": ["t1"]})),
        ("score", Value::Null),
    ] {
        let with = json!({"email": "p0@example.com", "_fname": "Ada", name: value});
        let mut tables = Tables::default();
        for job in 1..4 {
            let count = repeats(&mut tables, &header(MatchRule::Email, job, 1), std::slice::from_ref(&with));
            assert_eq!(count, 0, "{with}, the {job}. time");
        }
    }
    // The second hides what the first would do again, and might fail at.
    let twice = [json!({"action": "incr", "value": 1}), json!(5)].map(|hits| {
        json!({"channel": "email", "resource_id": 28, "email": "p0@example.com", "custom_fields": {"hits": hits}})
    });
    let with = json!({"email": "p0@example.com", "subscriptions": twice});
    let mut tables = Tables::default();
    for job in 1..4 {
        let count = repeats(&mut tables, &header(MatchRule::Email, job, 1), std::slice::from_ref(&with));
        assert_eq!(count, 0, "{with}, the {job}. time");
    }
    let unknown = json!({"email": "p0@example.com", "nothing": 1});
    let mut tables = Tables::default();
    for job in 1..4 {
        let lenient = Header { unknown_fields: UnknownFields::Ignore, ..header(MatchRule::Email, job, 1) };
        assert_eq!(
            repeats(&mut tables, &lenient, std::slice::from_ref(&unknown)),
            0,
            "its warning is told again"
        );
    }
}

#[test]
fn another_definition_makes_it_another_record() {
    let mut catalogs = [catalog(false), catalog(false)];
    let database = catalogs[1].databases.get_mut(&DatabaseId(1)).unwrap();
    database.default_region = Some("DE".to_owned());
    let raw = to_raw_value(&person("p0@example.com", "Ada")).unwrap();
    let mut tables = Tables::default();
    for (job, catalog, count) in [(1, 0, 0), (2, 1, 0), (3, 1, 1), (4, 0, 0)] {
        let header = header(MatchRule::Email, job, 1);
        assert_eq!(tables.apply_repeats(&catalogs[catalog], &header, &[&raw]).unwrap().1, count);
    }
}

#[test]
fn who_is_met_by_something_else_in_the_chunk_is_read() {
    let ada = person("p0@example.com", "Ada");
    let made = |records: &[Value]| {
        let mut tables = Tables::default();
        repeats(&mut tables, &header(MatchRule::Email, 1, 1), std::slice::from_ref(&ada));
        applied(&mut tables, &header(MatchRule::Email, 2, 2), records).map(|(_, count)| count)
    };
    assert_eq!(made(&[ada.clone(), ada.clone()]), Some(2), "twice the same");
    assert_eq!(made(&[ada.clone(), person("p1@example.com", "Bob")]), Some(1));
    assert_eq!(made(&[ada.clone(), person("p0@example.com", "Eve")]), None, "the same person");
    let mut shares = person("p1@example.com", "Bob");
    shares["subscriptions"][0]["email"] = json!("p0@example.com");
    assert_eq!(made(&[shares, ada.clone()]), None, "another who can be found by the same");
}

#[test]
fn of_a_chunk_that_is_cut_the_repeats_behind_the_cut_are_left_alone() {
    let mut tables = Tables::default();
    let phones = |phones: &[u8]| {
        let phones: Vec<String> = phones.iter().map(|phone| format!("+7900000000{phone}")).collect();
        json!({"phones": phones})
    };
    let job = |number| header(MatchRule::Phone, number, 2);
    assert_eq!(repeats(&mut tables, &job(1), &[phones(&[1, 3]), phones(&[5]), phones(&[6])]), 0);
    // The second takes the first number from its holder, and the third makes somebody for it.
    let records = [phones(&[5]), phones(&[2, 3]), phones(&[1]), phones(&[6])];
    let raw: Vec<Box<RawValue>> = records.iter().map(|record| to_raw_value(record).unwrap()).collect();
    let raw: Vec<&RawValue> = raw.iter().map(AsRef::as_ref).collect();
    let mut cut = tables.clone();
    let (outcomes, count) = cut.step_over_repeats(&catalog(false), &job(2), 0, &raw).unwrap();
    let fates: Vec<_> = outcomes.iter().map(|outcome| (outcome.index, outcome.action)).collect();
    assert_eq!((fates, count), (vec![(0, Action::Unchanged), (1, Action::Updated)], 2));
    let by_job = |number| move |profile: &&Profile| profile.log.base() == job(number).stamp();
    assert_eq!(cut.profiles.values().filter(by_job(2)).count(), 2, "not that of the last");

    let actions: Vec<Action> =
        applied(&mut tables, &job(2), &records).unwrap().0.iter().map(|outcome| outcome.action).collect();
    assert_eq!(actions, [Action::Unchanged, Action::Updated, Action::Created, Action::Unchanged]);
}
