//! `retry_failed`: a new job of the records that failed, and only one, however often it is asked for.

mod bounds;
mod ended;
mod interrupted;

use intake_tests::{Answer, DEMO_TOKEN, GatewayProcess, OTHER_TOKEN, World, in_both_formats, until};
use serde_json::{Value, json};

fn small_world() -> intake_tests::WorldBuilder {
    World::builder()
        .gateway_arguments(&["--catalog-refresh", "0.1"])
        .worker_arguments(&["--chunk-records", "2"])
}

in_both_formats!(with small_world:
    what_failed_is_a_job_of_its_own_once,
    a_job_without_failures_or_an_end_has_nothing_to_retry,
);

fn retry(world: &World, job: &str) -> Answer {
    retry_at(world, world.address(), job, &[])
}

fn retry_at(world: &World, gateway: std::net::SocketAddr, job: &str, more: &[(&str, &str)]) -> Answer {
    let token = format!("Bearer {DEMO_TOKEN}");
    let mut headers = vec![("authorization", token.as_str()), ("accept", world.format().media_type())];
    headers.extend(more);
    world.post_to(gateway, &format!("/api/v1.1/jobs/{job}/retry_failed"), &headers, b"")
}

/// Six records of which three fail until the poison is taken out; `incr` tells whether one is applied twice.
fn failing(world: &World) -> String {
    world
        .database
        .execute("ALTER TABLE profiles ADD CONSTRAINT poison CHECK (fields ->> 'city' <> 'Nowhere')");
    let record = |n: usize| {
        let city = if n.is_multiple_of(2) { "Nowhere" } else { "Riga" };
        let points = json!({"action": "incr", "value": 5});
        json!({"_ref": format!("row {n}"), "email": format!("{n}@example.com"), "city": city, "loyalty_points": points})
    };
    let records: Vec<Value> = (0..6).map(record).collect();
    let body = json!({"db_id": 1, "external_id": "night", "skip_triggers": true, "data": records});
    let job = world.import(&body).job_id();
    let status = world.completed(&job);
    assert_eq!((&status["created"], &status["failed"]), (&json!(3), &json!(3)), "{status}");
    job
}

fn what_failed_is_a_job_of_its_own_once(world: &World) {
    let job = failing(world);
    world.database.execute("ALTER TABLE profiles DROP CONSTRAINT poison");
    let answer = retry(world, &job);
    assert!(!answer.is_replayed());
    assert_eq!(answer.header("retry-after"), Some("1"));
    let second = answer.job_id();
    assert_ne!(second, job);
    let status = world.completed(&second);
    assert_eq!((&status["total"], &status["created"]), (&json!(3), &json!(3)), "{status}");
    assert_eq!((&status["external_id"], &status["retry_of"]), (&json!("night"), &json!(job)), "{status}");
    let told: Vec<Value> = world.results(&second).iter().map(|result| result["_ref"].clone()).collect();
    assert_eq!(told, ["row 0", "row 2", "row 4"]);
    // Asked again, also of a gateway that has never heard of it, it is the same job.
    let other = GatewayProcess::start(world, &[]);
    for gateway in [world.address(), other.address] {
        let again = retry_at(world, gateway, &job, &[]);
        assert!(again.is_replayed());
        assert_eq!(again.job_id(), second);
    }
    let waited = retry_at(world, world.address(), &job, &[("prefer", "wait=30")]);
    assert_eq!((waited.status, waited.value()["result"][0]["action"].clone()), (200, json!("created")));
    until("all messages are taken", || (world.queued().work() == 0).then_some(()));
    for person in 0..6 {
        let found = world.profiles(json!({"matching": "email", "email": format!("{person}@example.com")}));
        assert_eq!(found[0]["loyalty_points"], 5, "{found:?}");
    }
    // The retry has no failures of its own.
    assert_refused(&retry(world, &second), 409, "no record of the job failed");
}

fn a_job_without_failures_or_an_end_has_nothing_to_retry(world: &World) {
    let job = failing(world);
    // Another account's, and none at all.
    let token = format!("Bearer {OTHER_TOKEN}");
    let path = |job: &str| format!("/api/v1.1/jobs/{job}/retry_failed");
    assert_eq!(world.post(&path(&job), &[("authorization", &token)], b"").status, 404);
    assert_refused(&retry(world, "019d0000-0000-7000-8000-000000000000"), 404, "no such job");
    // Kept no longer.
    world.database.execute("DELETE FROM job_failures");
    assert_refused(&retry(world, &job), 410, "or no longer");
    assert_eq!(world.database.scalar("SELECT count(*) FROM request_keys"), 0, "nothing was given out");
    // All went well.
    let good = world.import(&json!({"db_id": 1, "data": [{"email": "a@example.com"}]})).job_id();
    world.completed(&good);
    assert_refused(&retry(world, &good), 409, "no record of the job failed");
}

fn assert_refused(answer: &Answer, status: u16, text: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    let told = answer.value();
    assert_eq!(told["error"], status);
    assert!(told["error_text"].as_str().unwrap().contains(text), "{told}");
}

#[test]
fn a_job_that_has_not_ended_cannot_be_retried() {
    let world = World::builder().workers(0).start();
    let job = world.import(&json!({"db_id": 1, "data": [{"email": "nonsense"}]})).job_id();
    assert_refused(&retry(&world, &job), 409, "has not ended");
    world.start_worker();
    world.completed(&job);
    let second = retry(&world, &job).job_id();
    let status = world.completed(&second);
    assert_eq!((&status["failed"], &status["total"]), (&json!(1), &json!(1)));
    // What failed again can be retried again, as a job of the retry.
    let third = retry(&world, &second).job_id();
    assert_ne!(third, second);
    assert_eq!(world.completed(&third)["retry_of"], second.as_str());
}

#[test]
fn asked_for_by_many_at_once_it_is_one_job() {
    let world = small_world().start();
    let job = failing(&world);
    world.database.execute("ALTER TABLE profiles DROP CONSTRAINT poison");
    let other = GatewayProcess::start(&world, &[]);
    let mut jobs: Vec<String> = std::thread::scope(|scope| {
        let ask = |number: usize| {
            let gateway = if number.is_multiple_of(2) { world.address() } else { other.address };
            let (world, job) = (&world, &job);
            scope.spawn(move || retry_at(world, gateway, job, &[]).job_id())
        };
        let threads: Vec<_> = (0..12).map(ask).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    jobs.sort();
    jobs.dedup();
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    world.completed(&jobs[0]);
    until("all messages are taken", || (world.queued().work() == 0).then_some(()));
    assert_eq!(
        world.database.scalar("SELECT count(*) FROM profiles WHERE (fields ->> 'loyalty_points')::int <> 5"),
        0
    );
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 2, "those who were late have no job");
    assert_eq!(world.database.scalar("SELECT count(*) FROM job_parts"), 0, "nor do their records lie about");
    let repeated = world.database.scalar("SELECT count(*) FROM job_aliases");
    assert!(repeated <= 1, "each gateway sends the records once at most, not {repeated} times");
}

#[test]
fn more_than_a_request_may_hold_is_one_job_too() {
    let world = World::builder()
        .gateway_arguments(&["--catalog-refresh", "0.1", "--stream-part-records", "4000"])
        .start();
    let lines: Vec<String> = (0..10_500)
        .map(|n| json!({"_ref": n.to_string(), "email": format!("{n} is none")}).to_string())
        .collect();
    let token = format!("Bearer {DEMO_TOKEN}");
    let headers = [("authorization", token.as_str()), ("content-type", "application/x-ndjson")];
    let path = "/api/v1.1/profiles/import_batch?db_id=1&external_id=night";
    let job = world.post(path, &headers, lines.join("\n").as_bytes()).job_id();
    assert_eq!(world.completed(&job)["failed"], 10_500);
    let second = retry(&world, &job).job_id();
    let status = world.completed(&second);
    assert_eq!((&status["total"], &status["failed"]), (&json!(10_500), &json!(10_500)), "{status}");
    assert_eq!((&status["external_id"], &status["retry_of"]), (&json!("night"), &json!(job)), "{status}");
    for (index, result) in world.results(&second).iter().enumerate() {
        assert_eq!(result["_ref"], index.to_string());
        assert_eq!(result["code"], "invalid_email");
    }
    assert_eq!(retry(&world, &job).job_id(), second);
    assert_eq!(world.database.scalar("SELECT count(*) FROM job_parts"), 0);
}
