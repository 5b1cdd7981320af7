//! Somebody has locked what a job needs, for longer than a statement waits for a lock.

use intake_tests::{World, until};
use serde_json::{Value, json};

/// A worker's statement waits a second for a lock.
const ARGUMENTS: [&str; 2] = ["--database-lock-timeout", "1"];

#[test]
fn a_row_that_is_locked_for_long_fails_no_record_and_costs_no_delivery() {
    let world = World::builder().worker_arguments(&ARGUMENTS).start();
    let person = |city: &str| json!({"email": "a@example.com", "city": city});
    world.import_all(json!({}), &[person("Riga")]);
    let job = world.while_locked("PERFORM FROM profiles FOR UPDATE", || {
        let job = world.import(&json!({"db_id": 1, "data": [person("Oslo"), {"email": "b@example.com"}]}));
        let failed = r#"intake_worker_chunk_failures_total{reason="transient"}"#;
        until("the worker has waited in vain", || {
            world.get("/metrics", None).text.contains(failed).then_some(())
        });
        job.job_id()
    });
    let status = world.completed(&job);
    assert_eq!(
        (&status["updated"], &status["created"], &status["failed"], &status["attempts"]),
        (&json!(1), &json!(1), &json!(0), &json!(1)),
        "{status}"
    );
}

#[test]
fn a_table_that_is_locked_for_several_deliveries_fails_no_record() {
    let arguments = [ARGUMENTS.as_slice(), &["--patience-seconds", "0"]].concat();
    let world = World::builder().worker_arguments(&arguments).start();
    let records: Vec<Value> = (0..3).map(|n| json!({"email": format!("{n}@example.com")})).collect();
    let job = world.while_locked("LOCK TABLE profiles IN EXCLUSIVE MODE", || {
        let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
        let attempts = format!("SELECT coalesce((SELECT attempts FROM jobs WHERE id = '{job}'), 0)");
        until("it comes back", || (world.database.scalar(&attempts) > 1).then_some(()));
        job
    });
    let status = world.completed(&job);
    assert_eq!((&status["created"], &status["failed"]), (&json!(3), &json!(0)), "{status}");
    assert!(status["attempts"].as_i64().unwrap() > 1, "each delivery is counted: {status}");
}
