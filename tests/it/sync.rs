//! `Prefer: wait`: the results in the answer itself.

use intake_tests::{DEMO_TOKEN, World};
use serde_json::json;

const IMPORT: &str = "/api/v1.1/profiles/import_batch";

#[test]
fn finished_in_time_answers_as_the_vendor_does() {
    let world = World::start();
    let bearer = format!("Bearer {DEMO_TOKEN}");
    let headers =
        [("content-type", "application/json"), ("authorization", bearer.as_str()), ("prefer", "wait=30")];
    let body =
        json!({"db_id": 1, "data": [{"email": "a@example.com"}, {"email": "nonsense"}], "colour": "red"})
            .to_string();
    let answer = world.post(IMPORT, &headers, body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("preference-applied"), Some("wait=30"));
    let answer = answer.json();
    assert_eq!((&answer["error"], &answer["error_text"]), (&json!(0), &json!("Successful operation")));
    assert!(answer["job_id"].is_string());
    assert_eq!(answer["result"][0]["error"], 0);
    assert!(answer["result"][0]["profile_id"].is_string());
    assert_eq!(answer["result"][1]["error"], 400);
    assert_eq!(answer["job_warnings"][0]["field"], "colour", "{answer}");
    let quiet = json!({"db_id": 1, "data": [{"email": "a@example.com"}]}).to_string();
    let answer = world.post(IMPORT, &headers, quiet.as_bytes()).json();
    assert_eq!(answer.get("job_warnings"), None, "{answer}");
}

#[test]
fn not_finished_in_time_is_a_202_and_the_job_goes_on() {
    let world = World::builder().workers(0).start();
    let bearer = format!("Bearer {DEMO_TOKEN}");
    let headers =
        [("content-type", "application/json"), ("authorization", bearer.as_str()), ("prefer", "wait=1")];
    let body = json!({"db_id": 1, "data": [{"email": "a@example.com"}]}).to_string();
    let job = world.post(IMPORT, &headers, body.as_bytes()).job_id();
    let status = world.status(&job);
    assert_eq!((&status["status"], &status["processed"]), (&json!("queued"), &json!(0)));
    world.start_worker();
    world.completed(&job);
}
