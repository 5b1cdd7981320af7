//! What a client has cancelled is skipped by whoever redrives it, whenever that was.

use intake_tests::World;
use serde_json::{Value, json};

use super::{counted, dead_job, points, world};

/// Has the records of a redriven job skipped, and all of them told so.
fn assert_skipped(world: &World, job: &str, records: usize) {
    let status = world.ended(job);
    assert_eq!((&status["status"], &status["skipped"]), (&json!("cancelled"), &json!(records)), "{status}");
    let results = world.results(job);
    assert_eq!(results.len(), records);
    assert!(results.iter().all(|result| result["action"] == "skipped"), "{results:?}");
}

/// Asks for the redrive, which tells that nothing will be applied.
fn redrive_cancelled(world: &World, job: &str) -> String {
    let told = world.dead(&["redrive", job]);
    assert!(told.code == 0 && told.output.contains("its client has cancelled it"), "{told:?}");
    told.output.split([' ', ':']).nth(2).unwrap().to_owned()
}

fn is_cancelled(told: &Value) -> bool {
    told["cancel_requested"] == true
}

#[test]
fn before_it_was_given_up() {
    let world = World::builder().workers(0).start();
    let records = [counted("a", "Riga"), counted("b", "Riga")];
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    assert_eq!(world.cancel(&job).status, 200);
    world.end_and_reject_until_given_up(500);
    world.start_worker();
    world.until_dead(1);
    assert!(is_cancelled(&world.failed(&job)));
    let new = redrive_cancelled(&world, &job);
    assert_skipped(&world, &new, 2);
    assert_eq!(points(&world), [""; 0]);
}

#[test]
fn after_some_of_it_was_applied_and_the_rest_was_given_up() {
    let world = world();
    let job = dead_job(&world);
    world.open_gate();
    let answer = world.cancel(&job);
    assert!(answer.status == 200 && is_cancelled(&answer.value()), "{}", answer.text);
    let new = redrive_cancelled(&world, &job);
    assert_skipped(&world, &new, 2);
    assert_eq!(points(&world), ["a 5"], "what was applied stays");
}

#[test]
fn while_an_operator_is_at_it() {
    let world = world();
    let job = dead_job(&world);
    world.open_gate();
    // Interrupted: the new job is there, and no worker has it.
    assert_eq!(world.dead(&["redrive", &job, "--message-max-bytes", "1"]).code, 1);
    let answer = world.cancel(&job);
    let told = answer.value();
    assert_eq!((answer.status, &told["status"]), (200, &json!("queued")), "{told}");
    assert!(is_cancelled(&told) && told["job_id"] != json!(job), "{told}");
    let new = redrive_cancelled(&world, &job);
    assert_eq!(told["job_id"], json!(new), "the wish is that of the job that goes on");
    assert_skipped(&world, &new, 2);
    assert_eq!(points(&world), ["a 5"]);
}
