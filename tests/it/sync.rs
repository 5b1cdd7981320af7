//! `Prefer: wait`: the results in the answer itself.

use intake_tests::{DEMO_TOKEN, World, until};
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

#[test]
fn the_end_of_a_job_is_told_to_all_who_listen() {
    let world = World::start();
    let mut first = world.listen();
    let mut second = world.listen();
    let job = world.import(&json!({"db_id": 1, "data": [{"email": "a@example.com"}]})).job_id();
    assert_eq!(first.next_job(), job);
    assert_eq!(world.status(&job)["status"], "completed", "told when it is committed");
    assert_eq!(second.next_job(), job);
}

#[test]
fn waiting_requests_do_not_ask_the_database_again_and_again() {
    const REQUESTS: i64 = 20;
    let world = World::builder().workers(0).start();
    let job = world.import(&json!({"db_id": 1, "data": [{"email": "a@example.com"}]})).job_id();
    let looks = || {
        world.database.scalar("SELECT seq_scan + idx_scan FROM pg_stat_user_tables WHERE relname = 'jobs'")
    };
    let before = looks();
    std::thread::scope(|scope| {
        for _ in 0..REQUESTS {
            scope.spawn(|| world.fetch(&format!("/api/v1.1/jobs/{job}?wait=4")));
        }
    });
    // At once, after 1 s, after 3 s, and at the end. What a session counts is told late.
    let seen = until("the looks are counted", || Some(looks() - before).filter(|seen| *seen >= REQUESTS));
    assert!(seen <= 4 * REQUESTS, "{seen} looks for {REQUESTS} waits");
    world.start_worker();
    let status = world.fetch(&format!("/api/v1.1/jobs/{job}?wait=60")).value();
    assert_eq!(status["status"], "completed");
}
