//! The contract row by row, on the real services: one module for each part of a section.
//!
//! Rows are tables. What a row says is checked against what a client can see: answers, results, and profiles read back.

mod channels;
mod custom_matching;
mod fields;
mod functions;
mod match_values;
mod modes;
mod moves;
mod narrowing;
mod parameters;
mod people;
mod policies;
mod records;
mod subscription_functions;
mod subscriptions;
mod transport;
mod wrong_subscriptions;
mod wrong_values;
mod xml;

use std::fmt::Debug;

use intake_tests::{Answer, World, WorldBuilder};
use serde_json::{Value, json};

const IMPORT: &str = "/api/v1.1/profiles/import_batch";
const ADD: &str = "/api/v1.1/profiles/add_batch";
const UPDATE: &str = "/api/v1.1/profiles/update_batch";

/// A world with a region, custom channels and more fields to match by.
fn regional() -> WorldBuilder {
    World::builder().catalog(include_str!("../../fixtures/catalog.yaml"))
}

/// The number of a code, as section 9 has it.
fn number(code: &str) -> u16 {
    match code {
        "profile_not_found" => 404,
        "profile_exists" | "conflicting_match" | "not_unique" => 409,
        "not_processed" => 500,
        _ => 400,
    }
}

/// Asserts that a record failed with this code, at this path, and that the text tells all of this.
fn assert_failed(result: &Value, code: &str, field: Option<&str>, told: &[&str], row: &impl Debug) {
    let wanted = (&json!(number(code)), &json!(code), &json!(field));
    assert_eq!((&result["error"], &result["code"], &result["field"]), wanted, "{row:?}: {result}");
    let text = result["error_text"].as_str().unwrap_or_default();
    assert!(told.iter().all(|part| text.contains(part)), "{row:?}: {text:?} does not tell {told:?}");
    assert!(result.get("profile_id").is_none(), "{row:?}: {result}");
}

/// Asserts that a request was refused as a whole, and that the text tells all of this.
fn assert_refused(answer: &Answer, status: u16, told: &[&str], row: &impl Debug) {
    let body = answer.value();
    assert_eq!((answer.status, &body["error"]), (status, &json!(status)), "{row:?}: {}", answer.text);
    let text = body["error_text"].as_str().unwrap_or_default();
    assert!(told.iter().all(|part| text.contains(part)), "{row:?}: {text:?} does not tell {told:?}");
}

/// A record's warnings as (code, field) pairs.
fn warnings(result: &Value) -> Vec<(&str, &str)> {
    let list = result["warnings"].as_array().map_or(&[][..], Vec::as_slice);
    list.iter()
        .map(|one| (one["code"].as_str().unwrap(), one["field"].as_str().unwrap_or_default()))
        .collect()
}

/// The one profile of this `Custom_ID`.
fn by_id(world: &World, id: i64) -> Value {
    let question = json!({"matching": "custom", "field_name": "Custom_ID", "field_value": id.to_string()});
    let mut found = world.profiles(question);
    assert_eq!(found.len(), 1, "Custom_ID {id}: {found:?}");
    found.remove(0)
}

/// Parameters of matching by `Custom_ID`.
fn custom_id() -> Value {
    json!({"matching": "custom", "field_name": "Custom_ID"})
}

/// Imports records by their `Custom_ID`, all of which must be applied; the ids of their profiles.
fn made(world: &World, records: &[Value]) -> Vec<String> {
    let results = world.import_all(custom_id(), records);
    let ids = results.iter().zip(records).map(|(result, record)| {
        assert_eq!(result["error"], 0, "{record}: {result}");
        result["profile_id"].as_str().unwrap().to_owned()
    });
    ids.collect()
}

/// Asserts whom each record means, and writes nothing: a record of `add_batch` that means somebody fails and names whom,
/// one of `update_batch` that means nobody fails too.
fn assert_means(world: &World, parameters: &Value, rows: &[(Value, Option<&str>)]) {
    let (met, nobody): (Vec<_>, Vec<_>) = rows.iter().cloned().partition(|(_, whom)| whom.is_some());
    for (path, rows, code) in [(ADD, met, "profile_exists"), (UPDATE, nobody, "profile_not_found")] {
        if rows.is_empty() {
            continue;
        }
        let records: Vec<Value> = rows.iter().map(|(record, _)| record.clone()).collect();
        let results = world.batch_all(path, parameters.clone(), &records);
        for (result, (record, whom)) in results.iter().zip(&rows) {
            let told = whom.unwrap_or_else(|| parameters["matching"].as_str().unwrap_or("email"));
            assert_failed(result, code, None, &[told], &(parameters, record, whom));
        }
    }
}
