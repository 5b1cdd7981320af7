//! What became of each record: in every form, in pages, while the job runs, with the records that failed, until it expires.

mod failures;
mod forms;
mod large;
mod pages;

use intake_tests::{Answer, DEMO_TOKEN, Format, World};
use serde_json::{Value, json};

/// Gets a path as account "demo", in any format.
fn get_as(world: &World, media_type: &str, path: &str) -> Answer {
    let token = format!("Bearer {DEMO_TOKEN}");
    world.send("GET", path, &[("accept", media_type), ("authorization", &token)], b"")
}

/// Imports records into database 1; the path of their results, once there are all of them.
fn imported(world: &World, records: &[Value]) -> String {
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    world.completed(&job);
    format!("/api/v1.1/jobs/{job}/results")
}

/// Two that are created, one updated, one unchanged, two that fail.
fn mixed() -> Vec<Value> {
    vec![
        json!({"email": "a@example.com", "_ref": "first"}),
        json!({"email": "none"}),
        json!({"email": "a@example.com", "city": "Riga"}),
        json!({"email": "a@example.com"}),
        json!({"email": "b@example.com", "phones": ["12345"], "_ref": "fifth, \"last\""}),
        json!({"email": "c@example.com", "city": null}),
    ]
}

/// The indices of the entries of an answer.
fn indices(answer: &Value) -> Vec<u64> {
    let entries = answer["result"].as_array().unwrap();
    entries.iter().map(|entry| entry["index"].as_u64().unwrap()).collect()
}

/// A value of a record that came back beside its failure; in XML it has lost its type.
fn sent(world: &World, value: Value) -> Value {
    match world.format() {
        Format::Json => value,
        Format::Xml => world.inside_objects(value),
    }
}
