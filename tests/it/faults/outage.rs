//! The database is away.

use intake_tests::{World, until};
use serde_json::{Value, json};

#[test]
fn imports_are_accepted_and_applied_once_it_is_back() {
    // Without patience the first failure pauses the worker, so the jobs end only if it resumes by itself.
    let world = World::builder().with_database_relay().worker_arguments(&["--patience-seconds", "0"]).start();
    let records: Vec<Value> = (0..1500).map(|n| json!({"email": format!("{n}@example.com")})).collect();
    world.cut_database();
    let jobs: Vec<String> =
        (0..4).map(|_| world.import(&json!({"db_id": 1, "data": records})).job_id()).collect();
    let failed = r#"intake_worker_chunk_failures_total{reason="transient"}"#;
    until("the worker has met the outage", || {
        world.get("/metrics", None).text.contains(failed).then_some(())
    });
    world.restore_database();
    for job in &jobs {
        let status = world.completed(job);
        assert_eq!(status["processed"], 1500);
    }
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 1500);
}

#[test]
fn a_cut_in_the_middle_of_a_job_loses_and_repeats_nothing() {
    let world = World::builder().with_database_relay().worker_arguments(&["--chunk-records", "50"]).start();
    let records: Vec<Value> = (0..2000).map(|n| json!({"email": format!("{n}@example.com")})).collect();
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    until("the job is under way", || {
        (world.database.scalar("SELECT count(*) FROM job_chunks") > 2).then_some(())
    });
    world.cut_database();
    world.restore_database();
    let status = world.completed(&job);
    assert_eq!((&status["processed"], &status["created"]), (&json!(2000), &json!(2000)));
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 2000);
    assert_eq!(world.results(&job).len(), 2000);
}
