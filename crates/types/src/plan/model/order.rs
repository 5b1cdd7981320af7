//! Jobs applied in any order, chunk by chunk and side by side, must leave what they leave when applied one after the other
//! in the order of acceptance: as long as whom a record means does not depend on it.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::record::{self, Op, Rec};
use super::render;
use super::tables::Tables;
use super::{Request, catalog, header, request, subscriptions};
use crate::{Action, Header, MatchRule, Operation};

/// A record that means a person by a value which no record changes, and whose sums fit.
fn meaning(person: u8, record: Rec) -> Rec {
    let small = |op: Op<i64>| match op {
        Op::Set(value) => Op::Set(value % 7),
        Op::SetByFunction(value) => Op::SetByFunction(value % 7),
        Op::Add(value) => Op::Add(value % 7),
        other => other,
    };
    let subs = record.subs.into_iter().map(|sub| record::Sub { hits: sub.hits.map(small), ..sub });
    Rec {
        code: Some(Op::Set(person)),
        number: record.number.map(small),
        points: record.points.map(small),
        subs: subs.collect(),
        profile_id: None,
        ..record
    }
}

fn job() -> impl Strategy<Value = Request> {
    let records = vec((0..2_u8, record::record()), 1..5);
    (request(), records).prop_map(|(request, records)| Request {
        rule: MatchRule::Custom { field: "code".to_owned() },
        operation: Operation::Import,
        records: records.into_iter().map(|(person, record)| meaning(person, record)).collect(),
        beside: record::Beside::default(),
        chunk: request.chunk.min(3),
        ..request
    })
}

/// Jobs, and whose next chunk is applied when.
fn jobs() -> impl Strategy<Value = (Vec<Request>, Vec<usize>)> {
    vec(job(), 2..5).prop_flat_map(|jobs| {
        let turns = jobs
            .iter()
            .enumerate()
            .flat_map(|(number, job)| std::iter::repeat_n(number, job.records.len().div_ceil(job.chunk)));
        let turns: Vec<usize> = turns.collect();
        (Just(jobs), Just(turns).prop_shuffle())
    })
}

/// What people hold once chunks were applied in these turns.
fn applied(jobs: &[Request], turns: &[usize]) -> BTreeMap<String, (Map<String, Value>, Vec<String>)> {
    let catalog = catalog(false);
    let mut tables = Tables::default();
    let mut next = vec![0; jobs.len()];
    for &number in turns {
        let job = &jobs[number];
        let raw: Vec<Box<RawValue>> =
            job.records.iter().map(|record| render::record(record, job.scalars)).collect();
        let raw: Vec<&RawValue> = raw.iter().map(AsRef::as_ref).collect();
        let chunk = raw.chunks(job.chunk).nth(next[number]).unwrap();
        let first = u32::try_from(next[number] * job.chunk).unwrap();
        tables.apply(&catalog, &job.header(u64::try_from(number).unwrap()), first, chunk);
        next[number] += 1;
    }
    let held = tables.profiles.values().map(|profile| {
        (
            profile.fields["code"].to_string(),
            (profile.fields.as_ref().clone(), subscriptions(profile).into_iter().collect()),
        )
    });
    let people: BTreeMap<_, _> = held.collect();
    assert_eq!(people.len(), tables.profiles.len(), "one profile for each person");
    people
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_in_which_jobs_are_applied_makes_no_difference((jobs, turns) in jobs()) {
        let mut in_order = turns.clone();
        in_order.sort_unstable();
        prop_assert_eq!(applied(&jobs, &turns), applied(&jobs, &in_order));
    }
}

#[test]
fn a_match_value_beside_a_record_is_nobodys_word() {
    let catalog = catalog(false);
    let mut tables = Tables::default();
    let mut apply = |job, beside: Value, record: Value| {
        let match_values = beside.as_object().cloned().unwrap();
        let header = Header { match_values, ..header(MatchRule::Phone, job, 1) };
        let outcomes = tables.apply(&catalog, &header, 0, &[&to_raw_value(&record).unwrap()]);
        (outcomes[0].action, outcomes[0].warnings.len())
    };
    let later = apply(2, json!({"phone": "+79000000001"}), json!({"_fname": "Later"}));
    assert_eq!(later, (Action::Created, 0));
    // Had this one come first, the other would have found both numbers and left them as they are.
    let earlier =
        apply(1, json!({}), json!({"phones": ["+79000000001", "+79000000002"], "_fname": "Earlier"}));
    assert_eq!(earlier, (Action::Updated, 1), "its name is superseded, its numbers are not");
    let profile = tables.profiles.values().next().unwrap();
    assert_eq!(profile.fields["phones"], json!(["+79000000001", "+79000000002"]));
    assert_eq!(profile.fields["_fname"], json!("Later"));
}
