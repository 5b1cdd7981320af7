//! A stream that is cancelled: while it waits, or while its records are applied. What was applied stays, the rest is
//! skipped, and its parts are gone.

use intake_tests::{World, until};
use serde_json::{Value, json};

use super::{NDJSON, nothing_is_left, nothing_waits, post};

/// The last status of a job that was cancelled, which adds up.
fn cancelled(world: &World, job: &str) -> Value {
    let status = world.ended(job);
    assert_eq!(status["status"], "cancelled", "{status}");
    let count = |name: &str| status[name].as_u64().unwrap();
    let sum: u64 = ["created", "updated", "unchanged", "skipped", "failed"].into_iter().map(count).sum();
    assert_eq!((sum, count("processed")), (count("total"), count("total")), "{status}");
    status
}

/// Checks the results of a job from this record on: nothing was done of it.
fn are_skipped(results: &[Value], first: usize) {
    for (index, result) in results.iter().enumerate().skip(first) {
        assert_eq!((&result["index"], &result["_ref"]), (&json!(index), &json!(format!("row {index}"))));
        assert_eq!((&result["action"], &result["error"]), (&json!("skipped"), &json!(500)), "{result}");
        assert_eq!(result.get("profile_id"), None);
    }
}

/// Lines with one new profile each; at this one of them the gate is.
fn lines(count: usize, gate: usize) -> String {
    let city = |row| if row == gate { "Slow" } else { "Riga" };
    let line =
        |row| json!({"email": format!("{row}@example.com"), "city": city(row), "_ref": format!("row {row}")});
    (0..count).map(|row| line(row).to_string() + "\n").collect()
}

#[test]
fn while_it_waits_nothing_of_it_is_applied() {
    let world = World::builder().workers(0).gateway_arguments(&["--stream-part-records", "3"]).start();
    let job = post(&world, "", NDJSON, lines(10, 10).as_bytes()).job_id();
    let told = world.cancel(&job).value();
    assert_eq!((&told["status"], &told["cancel_requested"]), (&json!("queued"), &json!(true)));
    world.start_worker();
    let status = cancelled(&world, &job);
    assert_eq!((&status["total"], &status["skipped"]), (&json!(10), &json!(10)), "{status}");
    let results = world.results(&job);
    assert_eq!(results.len(), 10);
    are_skipped(&results, 0);
    nothing_is_left(&world);
}

#[test]
fn while_it_is_applied_the_rest_is_skipped() {
    let world = World::builder()
        .gateway_arguments(&["--stream-part-records", "100"])
        .worker_arguments(&["--chunk-records", "40"])
        .start();
    world.close_gate();
    // Chunks end with the parts, so the one with the gate in it is 200 to 239: in the middle of the third part of ten.
    let job = post(&world, "", NDJSON, lines(1000, 205).as_bytes()).job_id();
    world.until_held();
    assert_eq!(world.status(&job)["processed"], 200);
    assert_eq!(world.database.scalar("SELECT sum(records)::bigint FROM job_parts"), 1000);
    let told = std::thread::scope(|scope| {
        // It is answered when the chunk in hand is done, and has seen the wish before.
        let cancelling = scope.spawn(|| world.cancel(&job).value());
        until("the wish is written", || {
            (world.database.scalar("SELECT count(*) FROM cancellations") == 1).then_some(())
        });
        world.open_gate();
        cancelling.join().unwrap()
    });
    assert!(["processing", "cancelled"].map(Value::from).contains(&told["status"]), "{told}");
    let status = cancelled(&world, &job);
    assert_eq!(
        (&status["total"], &status["created"], &status["skipped"]),
        (&json!(1000), &json!(240), &json!(760)),
        "{status}"
    );
    let results = world.results(&job);
    assert_eq!(results.len(), 1000);
    assert!(results[..240].iter().all(|result| result["action"] == "created"));
    are_skipped(&results, 240);
    nothing_waits(&world);
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 240);
}
