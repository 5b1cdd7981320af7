//! The broker takes a message back that a worker has in hand: that worker leaves it to the next.

use intake_tests::{WorkerProcess, World, until};
use serde_json::{Value, json};

#[test]
fn a_worker_stops_after_the_chunk_in_hand() {
    let world = World::builder().workers(0).with_broker_relay().start();
    world.close_turnstile();
    let records: Vec<Value> = (0..3).map(|n| json!({"email": format!("{n}@example.com")})).collect();
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    let worker = WorkerProcess::start(&world, &["--chunk-records", "1", "--small-jobs", "1"]);
    world.until_at_turnstile(1);
    // It waits in the same hands.
    let next = world.import(&json!({"db_id": 1, "data": [{"email": "next@example.com"}]})).job_id();
    until("the worker has it", || (world.queued().work() == 0).then_some(()));
    world.cut_broker();
    until("the worker knows", || (!worker.is_ready()).then_some(()));
    until("the broker has both back", || (world.queued().work() == 2).then_some(()));
    world.let_through(1);
    until("the chunk in hand is committed", || {
        (world.database.scalar("SELECT count(*) FROM job_chunks") == 1).then_some(())
    });
    world.restore_broker();
    // Whoever begins the second chunk does so for the second delivery.
    world.until_at_turnstile(2);
    assert_eq!(world.database.scalar(&format!("SELECT attempts FROM jobs WHERE id = '{job}'")), 2);
    world.let_through(3);
    assert_eq!(world.completed(&next)["attempts"], 1, "what was not begun is left alone");
    let status = world.completed(&job);
    assert_eq!((&status["created"], &status["attempts"]), (&json!(3), &json!(2)), "{status}");
}
