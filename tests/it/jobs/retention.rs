//! What is known of a job is kept for its time, and then taken away.

use intake_tests::{World, until};
use serde_json::{Value, json};

#[test]
fn results_go_before_the_status_does() {
    let world = World::builder().worker_arguments(&["--sweep-interval", "1"]).start();
    let job =
        world.import(&json!({"db_id": 1, "data": [{"email": "a@example.com"}, {"email": "no"}]})).job_id();
    let before = world.completed(&job);
    let count = |table: &str| world.database.scalar(&format!("SELECT count(*) FROM {table}"));
    let age = |hours: u32| {
        let back = ["finished_at", "expires_at"]
            .map(|column| format!("{column} = {column} - make_interval(hours => {hours})"));
        world.database.execute(&format!("UPDATE jobs SET {}", back.join(", ")));
    };
    assert_eq!((count("job_failures"), count("job_chunks")), (1, 1));
    age(25);
    until("the records that failed are gone", || (count("job_failures") == 0).then_some(()));
    assert_eq!(world.results(&job).len(), 2);
    age(7 * 24);
    until("the results are gone", || (count("job_chunks") == 0).then_some(()));
    let after = world.status(&job);
    for member in ["status", "total", "processed", "created", "failed", "accepted_at"] {
        assert_eq!(after[member], before[member], "{member}");
    }
    assert_ne!(after["expires_at"], Value::Null);
    age(30 * 24);
    until("the job is gone", || (count("jobs") == 0).then_some(()));
    assert_eq!(count("profiles"), 1);
}
