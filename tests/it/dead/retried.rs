//! A retry that was given up: redriven or retried anew, and never both.

use intake_tests::{DEMO_TOKEN, GatewayProcess, World};
use serde_json::json;

use super::{counted, give_up_slow, points};

fn retry(world: &World, gateway: &GatewayProcess, job: &str) -> String {
    let token = format!("Bearer {DEMO_TOKEN}");
    let path = format!("/api/v1.1/jobs/{job}/retry_failed");
    world.post_to(gateway.address, &path, &[("authorization", &token)], b"").job_id()
}

/// A job of which a record failed, and its retry, which was given up before anything of it was applied.
fn dead_retry(world: &World, gateway: &GatewayProcess) -> (String, String) {
    world.database.execute("ALTER TABLE profiles ADD CONSTRAINT poison CHECK (fields ->> 'city' <> 'Slow')");
    let job = world.import(&json!({"db_id": 1, "data": [counted("a", "Slow")]})).job_id();
    assert_eq!(world.completed(&job)["failed"], 1);
    world.database.execute("ALTER TABLE profiles DROP CONSTRAINT poison");
    world.close_gate();
    let retried = retry(world, gateway, &job);
    give_up_slow(world, 1);
    assert_eq!(world.failed(&retried)["processed"], 0);
    world.open_gate();
    (job, retried)
}

#[test]
fn what_was_redriven_is_not_retried_anew() {
    let world = World::start();
    // Gateways remember for a while what they have published.
    let [first, second] = [(); 2].map(|()| GatewayProcess::start(&world, &[]));
    let (job, retried) = dead_retry(&world, &first);
    let new = world.redrive(&retried);
    assert_eq!(world.completed(&new)["created"], 1);
    assert_eq!(retry(&world, &second, &job), new);
    assert_eq!(points(&world), ["a 5"]);
}

#[test]
fn what_was_retried_anew_is_not_redriven() {
    let world = World::start();
    let [first, second] = [(); 2].map(|()| GatewayProcess::start(&world, &[]));
    let (job, retried) = dead_retry(&world, &first);
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
