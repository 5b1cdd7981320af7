//! A retry that was given up: redriven or retried anew, and never both.

use intake_tests::{DEMO_TOKEN, GatewayProcess, World};
use serde_json::{Value, json};

use super::{counted, give_up_slow, points};

fn retry(world: &World, gateway: &GatewayProcess, job: &str) -> String {
    let token = format!("Bearer {DEMO_TOKEN}");
    let path = format!("/api/v1.1/jobs/{job}/retry_failed");
    world.post_to(gateway.address, &path, &[("authorization", &token)], b"").job_id()
}

/// A job of which all records failed, the last one of the city `Slow`, and its retry, which was given up before that one. The
/// gate is closed.
fn dead_retry(world: &World, gateway: &GatewayProcess, records: &[Value]) -> (String, String) {
    world.database.execute("ALTER TABLE profiles ADD CONSTRAINT poison CHECK (fields ->> 'city' IS NULL)");
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    assert_eq!(world.completed(&job)["failed"], records.len());
    world.database.execute("ALTER TABLE profiles DROP CONSTRAINT poison");
    world.close_gate();
    let retried = retry(world, gateway, &job);
    give_up_slow(world, 1);
    assert_eq!(world.failed(&retried)["created"], records.len() - 1);
    (job, retried)
}

#[test]
fn what_was_redriven_is_not_retried_anew() {
    let world = World::start();
    // Gateways remember for a while what they have published.
    let [first, second] = [(); 2].map(|()| GatewayProcess::start(&world, &[]));
    let (job, retried) = dead_retry(&world, &first, &[counted("a", "Slow")]);
    world.open_gate();
    let new = world.redrive(&retried);
    assert_eq!(world.completed(&new)["created"], 1);
    assert_eq!(retry(&world, &second, &job), new);
    assert_eq!(points(&world), ["a 5"]);
}

#[test]
fn what_was_retried_anew_is_not_redriven() {
    let world = World::start();
    let [first, second] = [(); 2].map(|()| GatewayProcess::start(&world, &[]));
    let (job, retried) = dead_retry(&world, &first, &[counted("a", "Slow")]);
    world.open_gate();
    let again = retry(&world, &second, &job);
    assert_ne!(again, retried);
    assert_eq!(world.completed(&again)["created"], 1);
    let told = world.dead(&["redrive", &retried]);
    let text = format!("was sent again since, as job {again}");
    assert!(told.code == 1 && told.complaints.contains(&text), "{told:?}");
    assert_eq!(world.dead(&["drop", &retried]).code, 0);
    world.until_dead(0);
    assert_eq!(points(&world), ["a 5"]);
}

#[test]
fn what_a_retry_has_applied_is_not_retried_anew_whatever_its_redrives_come_to() {
    let world = World::builder().worker_arguments(&["--chunk-records", "1"]).start();
    let [first, second, third] = [(); 3].map(|()| GatewayProcess::start(&world, &[]));
    let (job, retried) = dead_retry(&world, &first, &[counted("a", "Riga"), counted("b", "Slow")]);
    assert_eq!(retry(&world, &second, &job), retried, "some of it was applied");
    let redriven = world.redrive(&retried);
    // Its cause is there still.
    give_up_slow(&world, 1);
    assert_eq!(world.failed(&redriven)["processed"], 0);
    assert_eq!(retry(&world, &second, &job), redriven, "some of it was applied by the one before");
    world.open_gate();
    let last = world.redrive(&redriven);
    assert_eq!(world.completed(&last)["created"], 1);
    assert_eq!(retry(&world, &third, &job), last);
    assert_eq!(points(&world), ["a 5", "b 5"]);
}

#[test]
fn what_failed_and_is_retried_comes_after_what_is_redriven_although_it_is_applied_first() {
    let world = super::world();
    world.database.execute("ALTER TABLE profiles ADD CONSTRAINT poison CHECK (fields ->> 'city' <> 'Oslo')");
    let records = [counted("a", "Oslo"), counted("b", "Slow"), counted("a", "Riga")];
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    give_up_slow(&world, 1);
    assert_eq!(world.failed(&job)["failed"], 1);
    world.database.execute("ALTER TABLE profiles DROP CONSTRAINT poison");
    world.open_gate();
    let gateway = GatewayProcess::start(&world, &[]);
    let retried = retry(&world, &gateway, &job);
    assert_eq!(world.completed(&retried)["created"], 1);
    let redriven = world.redrive(&job);
    let status = world.completed(&redriven);
    assert_eq!((&status["created"], &status["updated"]), (&json!(1), &json!(1)), "{status}");
    assert_eq!(world.profiles(json!({"email": "a@example.com"}))[0]["city"], "Oslo");
    assert_eq!(points(&world), ["a 10", "b 5"]);
}
