//! `Prefer: wait`: the results in the answer itself.

use intake_tests::{Answer, DEMO_TOKEN, Format, World, WorldBuilder, in_both_formats, until};
use serde_json::{Value, json};

in_both_formats!(finished_in_time_answers_as_the_vendor_does);

const IMPORT: &str = "/api/v1.1/profiles/import_batch";

/// Posts an import in the world's format, with further headers.
fn post(world: &World, more: &[(&str, &str)], body: &Value) -> Answer {
    let bearer = format!("Bearer {DEMO_TOKEN}");
    let mut headers = vec![("content-type", world.format().media_type()), ("authorization", bearer.as_str())];
    headers.extend(more);
    world.post(IMPORT, &headers, world.format().write(body).as_bytes())
}

fn finished_in_time_answers_as_the_vendor_does(world: &World) {
    let prefer = [("prefer", "wait=30")];
    let body =
        json!({"db_id": 1, "data": [{"email": "a@example.com"}, {"email": "nonsense"}], "colour": "red"});
    let answer = post(world, &prefer, &body);
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("preference-applied"), Some("wait=30"));
    let answer = answer.value();
    assert_eq!((&answer["error"], &answer["error_text"]), (&json!(0), &json!("Successful operation")));
    assert!(answer["job_id"].is_string());
    assert_eq!(answer["result"][0]["error"], 0);
    assert!(answer["result"][0]["profile_id"].is_string());
    assert_eq!(answer["result"][1]["error"], 400);
    assert_eq!(answer["job_warnings"][0]["field"], "colour", "{answer}");
    let quiet = json!({"db_id": 1, "data": [{"email": "a@example.com"}]});
    let answer = post(world, &prefer, &quiet).value();
    assert_eq!(answer.get("job_warnings"), None, "{answer}");
}

/// Whose operator has it wait for clients that say nothing of it.
fn waiting(format: Format) -> WorldBuilder {
    World::builder().format(format).gateway_arguments(&["--default-wait", "30"])
}

#[test]
fn an_operator_can_have_all_requests_wait() {
    for format in [Format::Json, Format::Xml] {
        let world = waiting(format).start();
        let body = json!({"db_id": 1, "data": [{"email": "a@example.com"}, {"email": "nonsense"}]});
        let answer = post(&world, &[], &body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("preference-applied"), None, "nothing was preferred");
        let told = answer.value();
        assert_eq!((&told["error"], &told["result"][0]["action"]), (&json!(0), &json!("created")), "{told}");
        assert_eq!(told["result"][1]["code"], "invalid_email", "{told}");
        for declined in ["respond-async", "wait=0"] {
            let answer = post(&world, &[("prefer", declined)], &body);
            assert_eq!(answer.status, 202, "{declined}: {}", answer.text);
            world.completed(&answer.job_id());
        }
    }
}

#[test]
fn a_job_that_fails_as_a_whole_is_answered_with_its_error() {
    for format in [Format::Json, Format::Xml] {
        let world = waiting(format).delivery_limit(1).buries(1).start();
        world.database.execute("ALTER TABLE profiles RENAME TO elsewhere");
        let answer = post(&world, &[], &json!({"db_id": 1, "data": [{"email": "a@example.com"}]}));
        let told = answer.value();
        assert_eq!(
            (answer.status, &told["error"], &told["status"]),
            (500, &json!(500), &json!("failed")),
            "{told}"
        );
        assert!(told["job_id"].is_string() && told.get("result").is_none(), "{told}");
        until("its message is kept", || (world.queued().dead == 1).then_some(()));
    }
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

/// Ends the gateway's sessions with the database: what they have counted is told then, and before that who knows when.
fn end_sessions(world: &World) {
    let sessions = "pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' \
        AND pid <> pg_backend_pid()";
    let pids = world.database.texts(&format!("SELECT pid FROM {sessions}")).join(",");
    world.database.scalar(&format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid IN ({pids})"
    ));
    let left = format!("SELECT count(*) FROM pg_stat_activity WHERE pid IN ({pids})");
    until("the sessions are gone", || (world.database.scalar(&left) == 0).then_some(()));
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
    end_sessions(&world);
    // At once, after 1 s, after 3 s, and at the end.
    let seen = looks() - before;
    assert!((REQUESTS..=4 * REQUESTS).contains(&seen), "{seen} looks for {REQUESTS} waits");
    world.start_worker();
    let status = world.fetch(&format!("/api/v1.1/jobs/{job}?wait=60")).value();
    assert_eq!(status["status"], "completed");
}
