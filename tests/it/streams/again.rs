//! Sent again: what failed, as a stream of its own; and a stream that a client sends twice.

use intake_tests::{DEMO_TOKEN, World};
use serde_json::{Value, json};

use super::{CSV, NDJSON, in_small_parts, lines, post};

/// What failed in a job, as a body that is ready to be posted.
fn failures(world: &World, job: &str) -> String {
    let path = format!("/api/v1.1/jobs/{job}/results?only=failed&payload=true&format=ndjson");
    let answer = world.get(&path, Some(DEMO_TOKEN));
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.text
}

/// Posts it; the job, and what is told of each record but for its place.
fn posted(world: &World, body: &str) -> (String, Vec<Value>) {
    let job = post(world, "", NDJSON, body.as_bytes()).job_id();
    world.completed(&job);
    let results = without_places(world.results(&job));
    (job, results)
}

fn without_places(results: Vec<Value>) -> Vec<Value> {
    let without = |mut result: Value| {
        result.as_object_mut().unwrap().remove("index");
        result
    };
    results.into_iter().map(without).collect()
}

fn failed_of(world: &World, job: &str) -> Vec<Value> {
    let failed = world.results(job).into_iter().filter(|result| result["error"] != 0);
    without_places(failed.collect())
}

#[test]
fn what_failed_of_an_import_is_posted_unchanged_and_then_mended() {
    let world = in_small_parts();
    let records = json!([
        {"email": "none", "_ref": "first"},
        {"email": "a@example.com"},
        {"email": "b@example.com", "phones": ["+79000000000", "12345"], "loyalty_points": 1.5, "_ref": "ю\n"},
        {"email": "c@example.com", "nickname": "Jo"},
        {"email": "d@example.com", "Custom_ID": "seven"},
    ]);
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    world.completed(&job);
    let failed = failed_of(&world, &job);
    assert_eq!(failed.len(), 4);
    let (again, results) = posted(&world, &failures(&world, &job));
    assert_eq!(results, failed);
    let mended = failures(&world, &again)
        .replace("\"email\":\"none\"", "\"email\":\"n@example.com\"")
        .replace("\"12345\"]", "\"+79000000001\"]")
        .replace(":1.5", ":1")
        .replace("\"nickname\":\"Jo\"", "\"_fname\":\"Jo\"")
        .replace("\"Custom_ID\":\"seven\"", "\"Custom_ID\":7");
    let (_, results) = posted(&world, &mended);
    assert!(results.iter().all(|result| result["action"] == "created"), "{results:?}");
    assert_eq!((&results[0]["_ref"], &results[1]["_ref"]), (&json!("first"), &json!("ю\n")));
    assert_eq!(world.profiles(json!({"email": "c@example.com"}))[0]["_fname"], "Jo");
}

#[test]
fn what_failed_of_rows_is_posted_as_lines() {
    let world = in_small_parts();
    let body = "email,Custom_ID\na@example.com,x\nb@example.com\nc@example.com,7\n";
    let job = post(&world, "", CSV, body.as_bytes()).job_id();
    world.completed(&job);
    let failed = failed_of(&world, &job);
    assert_eq!((&failed[0]["code"], &failed[1]["code"]), (&json!("invalid_type"), &json!("not_an_object")));
    let (again, results) = posted(&world, &failures(&world, &job));
    assert_eq!(results[0], failed[0]);
    assert_eq!(results[1]["error"], 400, "a row that nobody could read fails again: {}", results[1]);
    let lines = failures(&world, &again);
    let mut lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines[0]["Custom_ID"] = json!("8");
    lines[1]["email"] = json!("b@example.com");
    let (_, results) = posted(&world, &format!("{}\n{}\n", lines[0], lines[1]));
    assert!(results.iter().all(|result| result["action"] == "created"), "{results:?}");
    assert_eq!(world.profiles(json!({"email": "a@example.com"}))[0]["Custom_ID"], 8);
}

#[test]
fn equal_streams_are_one_request_for_a_while_where_the_operator_says_so() {
    let arguments = ["--stream-part-records", "3", "--same-body-window", "3600"];
    let world = World::builder().gateway_arguments(&arguments).start();
    let body = lines(0..7);
    let first = post(&world, "", NDJSON, body.as_bytes());
    assert!(!first.is_replayed());
    let job = first.job_id();
    // While it is under way, and when it has ended.
    for _ in 0..2 {
        let again = post(&world, "", NDJSON, body.as_bytes());
        assert_eq!((again.is_replayed(), again.job_id()), (true, job.clone()));
        world.completed(&job);
    }
    // Any difference makes it another one.
    for (parameters, body) in [("&external_id=b", lines(0..7)), ("", lines(0..8))] {
        let other = post(&world, parameters, NDJSON, body.as_bytes());
        assert!(!other.is_replayed());
        world.completed(&other.job_id());
    }
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs WHERE state = 'completed'"), 3);
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 8);
}
