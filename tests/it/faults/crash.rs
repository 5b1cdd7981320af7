//! A worker that is killed loses nothing and repeats nothing.

use intake_tests::{WorkerProcess, World, until};
use serde_json::{Value, json};

#[test]
fn killed_in_the_middle_of_ten_thousand_records() {
    let world = World::builder().workers(0).start();
    let records: Vec<Value> =
        (0..10_000).map(|n| json!({"email": format!("{n}@example.com"), "loyalty_points": n})).collect();
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    let mut seen = 0;
    for kill in 1..=3 {
        let worker = WorkerProcess::start(&world, &["--chunk-records", "500"]);
        until("the job is under way", || {
            (world.database.scalar("SELECT count(*) FROM job_chunks") > seen + 1).then_some(())
        });
        worker.kill();
        seen = world.database.scalar("SELECT count(*) FROM job_chunks");
        assert!(seen < 20, "kill {kill} came too late to prove anything");
    }
    let _worker = WorkerProcess::start(&world, &[]);
    let status = world.completed(&job);
    assert_eq!(
        (&status["processed"], &status["created"], &status["failed"]),
        (&json!(10_000), &json!(10_000), &json!(0))
    );
    assert!(status["attempts"].as_i64().unwrap() > 3);

    let results = world.results(&job);
    assert_eq!(results.len(), 10_000);
    assert!(
        results
            .iter()
            .enumerate()
            .all(|(index, result)| result["index"] == index && result["action"] == "created")
    );
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 10_000);
    assert_eq!(world.database.scalar("SELECT count(*) FROM identities"), 10_000);
    assert_eq!(world.database.scalar("SELECT sum(records)::bigint FROM job_chunks"), 10_000);
}
