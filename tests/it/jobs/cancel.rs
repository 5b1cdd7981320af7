//! Cancelling a job: queued, running, over. What was applied stays; the rest is skipped, and every record has its outcome.

use intake_tests::{DEMO_TOKEN, Events, OTHER_TOKEN, WorkerProcess, World, until};
use serde_json::{Value, json};

fn records(count: usize) -> Vec<Value> {
    (0..count).map(|n| json!({"email": format!("{n}@example.com"), "_ref": format!("row {n}")})).collect()
}

fn small_chunks() -> World {
    World::builder().worker_arguments(&["--chunk-records", "50"]).start()
}

fn assert_adds_up(status: &Value) {
    let count = |name: &str| status[name].as_u64().unwrap();
    let sum: u64 = ["created", "updated", "unchanged", "skipped", "failed"].into_iter().map(count).sum();
    assert_eq!((sum, count("processed")), (count("total"), count("total")), "{status}");
}

#[test]
fn a_job_that_waits_is_never_applied() {
    let world = World::builder().workers(0).start();
    let mut events = Events::bind(&world, "db.1.jobs", None);
    let job = world.import(&json!({"db_id": 1, "data": records(3)})).job_id();
    assert_eq!(world.status(&job).get("cancel_requested"), None);
    for _again in 0..2 {
        let answer = world.cancel(&job);
        let (status, told) = (answer.status, answer.value());
        assert_eq!(
            (status, &told["status"], &told["cancel_requested"]),
            (200, &json!("queued"), &json!(true))
        );
    }
    assert_eq!(world.status(&job)["cancel_requested"], true);
    world.start_worker();
    let status = world.ended(&job);
    assert_eq!((&status["status"], &status["skipped"]), (&json!("cancelled"), &json!(3)), "{status}");
    assert_eq!(status.get("cancel_requested"), None);
    assert_adds_up(&status);
    let results = world.results(&job);
    assert_eq!(results.len(), 3);
    for (index, result) in results.iter().enumerate() {
        assert_eq!((&result["index"], &result["_ref"]), (&json!(index), &json!(format!("row {index}"))));
        assert_eq!((&result["action"], &result["error"]), (&json!("skipped"), &json!(500)), "{result}");
        assert_eq!(result.get("profile_id"), None);
    }
    // Cancelled already is as good as cancelled now.
    let answer = world.cancel(&job);
    let (status, told) = (answer.status, answer.value());
    assert_eq!((status, &told["status"]), (200, &json!("cancelled")));
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 0);
    let told = &events.read(1)[0];
    assert_eq!(told["type"], "job.completed");
    assert_eq!(
        (&told["data"]["status"], &told["data"]["skipped"]),
        (&json!("cancelled"), &json!(3)),
        "{told}"
    );
}

#[test]
fn a_job_that_runs_stops_at_the_next_chunk() {
    let world = small_chunks();
    let job = world.import(&json!({"db_id": 1, "data": records(10_000)})).job_id();
    until("the job is under way", || {
        (world.database.scalar("SELECT count(*) FROM job_chunks") > 2).then_some(())
    });
    let answer = world.cancel(&job);
    let (status, told) = (answer.status, answer.value());
    assert_eq!((status, &told["status"]), (200, &json!("processing")), "{told}");
    assert_eq!(told["cancel_requested"], true);
    let seen = told["processed"].as_u64().unwrap();
    let status = world.ended(&job);
    assert_eq!(status["status"], "cancelled", "{status}");
    assert_adds_up(&status);
    // What was applied when the answer came, and nothing after it: the wish was written under the lock of the job.
    assert_eq!(status["created"].as_u64().unwrap(), seen, "{status}");
    let created = world.database.scalar("SELECT count(*) FROM profiles");
    assert_eq!(status["created"].as_i64().unwrap(), created);
    let results = world.results(&job);
    assert_eq!(results.len(), 10_000);
    let action = |from, to| results.get(from..to).unwrap().iter().map(|result| result["action"].clone());
    let applied = usize::try_from(created).unwrap();
    assert!(action(0, applied).all(|action| action == "created"));
    assert!(action(applied, 10_000).all(|action| action == "skipped"));
    assert_eq!(results[9_999]["_ref"], "row 9999");
}

#[test]
fn a_worker_that_is_killed_in_a_cancelled_job_leaves_it_to_another() {
    let world = World::builder().workers(0).start();
    let job = world.import(&json!({"db_id": 1, "data": records(5_000)})).job_id();
    let worker = WorkerProcess::start(&world, &["--chunk-records", "50"]);
    until("the job is under way", || {
        (world.database.scalar("SELECT count(*) FROM job_chunks") > 2).then_some(())
    });
    worker.kill();
    let status = world.cancel(&job).status;
    assert_eq!(status, 200);
    let created = world.database.scalar("SELECT count(*) FROM profiles");
    world.start_worker();
    let status = world.ended(&job);
    assert_eq!((&status["status"], &status["created"]), (&json!("cancelled"), &json!(created)), "{status}");
    assert_adds_up(&status);
    until("its message is answered", || (world.queued().work() == 0).then_some(()));
}

#[test]
fn a_job_that_is_over_cannot_be_cancelled() {
    let world = World::builder().delivery_limit(1).buries(1).start();
    let job = world.import(&json!({"db_id": 1, "data": records(1)})).job_id();
    world.completed(&job);
    for _again in 0..2 {
        let answer = world.cancel(&job);
        let (status, told) = (answer.status, answer.value());
        assert_eq!((status, &told["error"]), (409, &json!(409)), "{told}");
        assert!(told["error_text"].as_str().unwrap().contains("completed"), "{told}");
    }
    assert_eq!(world.completed(&job)["skipped"], 0);
    assert_eq!(world.database.scalar("SELECT count(*) FROM cancellations"), 0);
    world.database.execute("ALTER TABLE profiles RENAME TO elsewhere");
    let job = world.import(&json!({"db_id": 1, "data": records(1)})).job_id();
    assert_eq!(world.ended(&job)["status"], "failed");
    // It was given up: what is left of it is not to be applied by anybody any more.
    let answer = world.cancel(&job);
    let (status, told) = (answer.status, answer.value());
    assert_eq!(
        (status, &told["status"], &told["cancel_requested"]),
        (200, &json!("failed"), &json!(true)),
        "{told}"
    );
}

#[test]
fn a_job_that_is_not_the_accounts_own_is_unknown() {
    let world = World::builder().workers(0).start();
    let never = "019d0000-0000-7000-8000-000000000000";
    assert_eq!(world.cancel(never).status, 404);
    assert_eq!(world.cancel("nonsense").status, 404);
    let job = world.import(&json!({"db_id": 2, "data": records(1)})).job_id();
    let path = format!("/api/v1.1/jobs/{job}/cancel");
    let other = format!("Bearer {OTHER_TOKEN}");
    assert_eq!(world.post(&path, &[("authorization", &other)], b"").status, 404);
    assert_eq!(world.post(&path, &[], b"").status, 401);
    assert_eq!(world.get(&path, Some(DEMO_TOKEN)).status, 405);
    world.start_worker();
    world.completed(&job);
    assert_eq!(world.post(&path, &[("authorization", &other)], b"").status, 404);
    assert_eq!(world.database.scalar("SELECT count(*) FROM cancellations"), 0);
}

#[test]
fn the_token_may_stand_in_a_body_and_nothing_else_may() {
    let world = World::builder().workers(0).start();
    let job = world.import(&json!({"db_id": 1, "data": records(1)})).job_id();
    let path = format!("/api/v1.1/jobs/{job}/cancel");
    let post = |content_type: &str, body: String| {
        world.post(&path, &[("content-type", content_type)], body.as_bytes())
    };
    let answer = post("application/json", json!({"token": DEMO_TOKEN, "reason": "late"}).to_string());
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.text.contains("reason: not available here"), "{}", answer.text);
    let answer = post("application/json", json!({"token": DEMO_TOKEN, "format": "xml"}).to_string());
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.text.contains("<cancel_requested>true</cancel_requested>"), "{}", answer.text);
    let answer = post("application/xml", format!("<xml><token>{DEMO_TOKEN}</token></xml>"));
    assert_eq!((answer.status, answer.value()["cancel_requested"].clone()), (200, json!(true)));
}

/// Jobs that end at about the time when they are cancelled: the answer says which of the two it was, and is right.
#[test]
fn cancelled_or_finished_and_never_both() {
    let world = small_chunks();
    let mut fates = [0, 0];
    for round in 0..30 {
        let records: Vec<Value> =
            (0..120).map(|n| json!({"email": format!("r{round}p{n}@example.com")})).collect();
        let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
        let chunks = format!("SELECT count(*) FROM job_chunks WHERE job_id = '{job}'");
        until("the job is under way", || {
            (world.database.scalar(&chunks) >= [1, 2, 3][round % 3]).then_some(())
        });
        let answered = world.cancel(&job).status;
        let status = world.ended(&job);
        assert_adds_up(&status);
        match answered {
            200 => assert_eq!(status["status"], "cancelled", "{status}"),
            409 => assert_eq!(
                (&status["status"], &status["skipped"]),
                (&json!("completed"), &json!(0)),
                "{status}"
            ),
            other => panic!("{other}"),
        }
        fates[usize::from(answered == 409)] += 1;
    }
    assert!(fates.iter().sum::<i32>() == 30 && fates[1] > 0, "cancelled, finished: {fates:?}");
}
