//! Requests that are not accepted: nothing of them is kept, and the answer says why.

use intake_tests::{Answer, DEMO_TOKEN, Format, World, in_both_formats};
use serde_json::{Value, json};

in_both_formats!(parameters_are_checked_one_by_one, unknown_parameters_warn);

const IMPORT: &str = "/api/v1.1/profiles/import_batch";

fn assert_refused(answer: &Answer, status: u16, about: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.value()["error"], status);
    let text = answer.value()["error_text"].as_str().unwrap().to_owned();
    assert!(text.contains(about), "{text:?} does not name {about:?}");
}

fn parameters_are_checked_one_by_one(world: &World) {
    let record = json!([{"email": "a@example.com"}]);
    let mut cases: Vec<(Value, u16, &str)> = vec![
        (json!({"data": record}), 400, "db_id"),
        (json!({"db_id": "one", "data": record}), 400, "db_id"),
        (json!({"db_id": 99, "data": record}), 403, "db_id"),
        (json!({"db_id": 1}), 400, "data"),
        (json!({"db_id": 1, "data": []}), 400, "data"),
        (json!({"db_id": 1, "matching": "name", "data": record}), 400, "matching"),
        (json!({"db_id": 1, "matching": "custom", "data": record}), 400, "field_name"),
        (json!({"db_id": 1, "matching": "custom", "field_name": "city", "data": record}), 400, "field_name"),
        (json!({"db_id": 1, "skip_triggers": "perhaps", "data": record}), 400, "skip_triggers"),
        (json!({"db_id": 1, "nulls": "keep", "data": record}), 400, "nulls"),
        (json!({"db_id": 1, "resource_id": 77, "data": record}), 400, "resource_id"),
        (json!({"db_id": 1, "validate_only": true, "data": record}), 400, "validate_only"),
        (json!({"db_id": 1, "external_id": "x".repeat(201), "data": record}), 400, "external_id"),
    ];
    if world.format() == Format::Json {
        // In XML `data` is an array always.
        cases.push((json!({"db_id": 1, "data": {"email": "a@example.com"}}), 400, "data"));
    }
    for (body, status, about) in cases {
        assert_refused(&world.import(&body), status, about);
    }
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 0);
    let typed_as_text = json!({"db_id": "1", "skip_triggers": "1", "data": record});
    world.completed(&world.import(&typed_as_text).job_id());
}

#[test]
fn a_token_is_needed_in_one_of_three_places() {
    let world = World::start();
    let json_type = ("content-type", "application/json");
    let body = json!({"db_id": 1, "data": [{"email": "a@example.com"}]}).to_string();
    assert_refused(&world.post(IMPORT, &[json_type], body.as_bytes()), 401, "token");
    assert_refused(
        &world.post(IMPORT, &[json_type, ("authorization", "Bearer nonsense")], body.as_bytes()),
        401,
        "token",
    );
    world.post(&format!("{IMPORT}?token={DEMO_TOKEN}"), &[json_type], body.as_bytes()).job_id();
    let with_token =
        json!({"token": DEMO_TOKEN, "db_id": 1, "data": [{"email": "a@example.com"}]}).to_string();
    world.post(&format!("{IMPORT}/"), &[json_type], with_token.as_bytes()).job_id();
    // The first one found decides, even where a later one would do.
    assert_refused(
        &world.post(IMPORT, &[json_type, ("authorization", "Bearer nonsense")], with_token.as_bytes()),
        401,
        "token",
    );
}

#[test]
fn bodies_that_cannot_be_read_say_where() {
    let world = World::start();
    let bearer = format!("Bearer {DEMO_TOKEN}");
    let post = |content_type: &str, body: &[u8]| {
        world.post(
            IMPORT,
            &[("content-type", content_type), ("authorization", &bearer), ("accept", "application/json")],
            body,
        )
    };
    assert_refused(&post("application/json", b"{\"db_id\": 1,\n \"data\": [}"), 400, "line 2");
    assert_refused(
        &post("application/json", b"{\"db_id\": 1, \"data\": [{\"a\": \"\xff\"}]}"),
        400,
        "line 1",
    );
    assert_refused(&post("application/xml", b"<xml><db_id>1</db_id><data></xml>"), 400, "line 1");
    assert_refused(&post("application/xml", b"<!DOCTYPE x><xml><db_id>1</db_id></xml>"), 400, "DOCTYPE");
    assert_refused(&post("text/plain", b"{}"), 415, "application/json");
    assert_refused(&post("application/json", b""), 400, "line 1");
}

#[test]
fn what_is_too_large_is_refused_with_the_limit() {
    let world =
        World::builder().gateway_arguments(&["--max-records", "10", "--max-body-bytes", "4096"]).start();
    let records = |count: usize| -> Vec<Value> {
        (0..count).map(|n| json!({"email": format!("{n}@example.com")})).collect()
    };
    let refused = world.import(&json!({"db_id": 1, "data": records(11)}));
    assert_refused(&refused, 413, "11");
    assert_refused(&refused, 413, "10");
    assert_refused(&world.import(&json!({"db_id": 1, "data": [{"_fname": "x".repeat(5000)}]})), 413, "4096");
    world.import(&json!({"db_id": 1, "data": records(10)})).job_id();
}

#[test]
fn other_paths_and_methods_answer_in_the_envelope() {
    let world = World::start();
    assert_refused(&world.get("/nowhere", None), 404, "/nowhere");
    assert_refused(&world.get(IMPORT, Some(DEMO_TOKEN)), 405, "POST");
    let xml = world.get("/nowhere?format=xml", None);
    assert!(xml.text.contains("<error>404</error>"), "{}", xml.text);
}

fn unknown_parameters_warn(world: &World) {
    let job = world
        .import(&json!({"db_id": 1, "skip_trigers": true, "data": [{"email": "a@example.com"}]}))
        .job_id();
    let status = world.completed(&job);
    assert_eq!(status["warnings"], 1, "{status}");
}
