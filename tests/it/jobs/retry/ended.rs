//! Jobs that failed as a whole or were cancelled, and retries that were.

use intake_tests::{DEMO_TOKEN, WorkerProcess, World, until};
use serde_json::{Value, json};

use super::{assert_refused, failing, retry};

#[test]
fn what_ended_as_a_whole_is_sent_again_by_its_client() {
    let world = World::builder().workers(0).gateway_arguments(&["--stream-part-records", "1"]).start();
    let job = world.import(&json!({"db_id": 1, "data": [{"email": "a@example.com"}]})).job_id();
    assert_eq!(world.cancel(&job).status, 200);
    assert_refused(&retry(&world, &job), 409, "has not ended");
    world.start_worker();
    assert_eq!(world.ended(&job)["status"], "cancelled");
    let text = "ended as cancelled, and no record failed by itself; send again what was not applied";
    assert_refused(&retry(&world, &job), 409, text);
    // Parts of it were safe when its body turned out to be broken.
    let mut body = zstd::encode_all(b"{}\n{}\n".as_slice(), 1).unwrap();
    body.extend(b"no further frame");
    let token = format!("Bearer {DEMO_TOKEN}");
    let headers = [
        ("content-type", "application/x-ndjson"),
        ("content-encoding", "zstd"),
        ("authorization", token.as_str()),
    ];
    assert_eq!(world.post("/api/v1.1/profiles/import_batch?db_id=1", &headers, &body).status, 400);
    let failed = "SELECT id FROM jobs WHERE state = 'failed'";
    let failed = until("its job is told", || world.database.texts(failed).pop());
    assert_refused(&retry(&world, &failed), 409, "ended as failed, and no record failed by itself");
}

#[test]
fn a_retry_that_came_to_nothing_leaves_the_job_to_be_retried_again() {
    let world = World::builder().workers(0).gateway_arguments(&["--catalog-refresh", "0.1"]).start();
    let worker = WorkerProcess::start(&world, &[]);
    let job = failing(&world);
    worker.kill();
    world.database.execute("ALTER TABLE profiles DROP CONSTRAINT poison");
    let second = retry(&world, &job).job_id();
    assert_eq!(world.cancel(&second).status, 200);
    assert_eq!(retry(&world, &job).job_id(), second, "it has not ended yet");
    world.start_worker();
    let status = world.ended(&second);
    assert_eq!((&status["status"], &status["skipped"]), (&json!("cancelled"), &json!(3)), "{status}");
    assert_refused(&retry(&world, &second), 409, &format!("retry job {job} again"));
    let answer = retry(&world, &job);
    assert!(!answer.is_replayed());
    let third = answer.job_id();
    assert_ne!(third, second);
    assert_eq!(world.completed(&third)["created"], 3);
    assert_eq!(retry(&world, &job).job_id(), third);
    let points = "SELECT count(*) FROM profiles WHERE fields ->> 'loyalty_points' = '5'";
    assert_eq!(world.database.scalar(points), 6);
}

#[test]
fn a_retry_of_which_something_was_applied_stays_the_only_one() {
    let world = World::builder()
        .gateway_arguments(&["--catalog-refresh", "0.1"])
        .worker_arguments(&["--chunk-records", "1"])
        .start();
    world.database.execute("ALTER TABLE profiles ADD CONSTRAINT poison CHECK (fields ->> '_fname' <> 'Bad')");
    let record = |n: usize| {
        let points = json!({"action": "incr", "value": 5});
        let city = if n == 1 { "Slow" } else { "Riga" };
        json!({"email": format!("{n}@example.com"), "_fname": "Bad", "city": city, "loyalty_points": points})
    };
    let records: Vec<Value> = (0..3).map(record).collect();
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    assert_eq!(world.completed(&job)["failed"], 3);
    world.database.execute("ALTER TABLE profiles DROP CONSTRAINT poison");
    world.close_gate();
    let second = retry(&world, &job).job_id();
    world.until_held();
    std::thread::scope(|scope| {
        let cancelling = scope.spawn(|| world.cancel(&second));
        until("the wish is written", || {
            (world.database.scalar("SELECT count(*) FROM cancellations") == 1).then_some(())
        });
        world.open_gate();
        assert_eq!(cancelling.join().unwrap().status, 200);
    });
    let status = world.ended(&second);
    let counts = (&status["status"], &status["created"], &status["skipped"]);
    assert_eq!(counts, (&json!("cancelled"), &json!(2), &json!(1)), "{status}");
    let again = retry(&world, &job);
    assert_eq!((again.job_id(), again.is_replayed()), (second.clone(), true));
    assert_refused(&retry(&world, &second), 409, "send again what was not applied");
    let applied = "SELECT count(*) FROM profiles WHERE fields ->> 'loyalty_points' = '5'";
    assert_eq!(world.database.scalar(applied), 2);
}
