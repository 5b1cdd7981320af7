//! A record or a whole job that the database will not have, for a reason that no check foresaw; and one that no worker
//! survives.

use intake_tests::{WorkerProcess, World, until};
use serde_json::{Value, json};

#[test]
fn it_fails_alone_wherever_it_stands() {
    let world = World::start();
    world.database.execute("ALTER TABLE profiles ADD CHECK (fields ->> 'city' <> 'Nowhere')");
    let poisoned = [0, 1, 499, 998, 999, 1000, 1500];
    let city = |n: usize| if poisoned.contains(&n) { "Nowhere" } else { "Riga" };
    let record =
        |n: usize| json!({"_ref": format!("row {n}"), "email": format!("{n}@example.com"), "city": city(n)});
    let records: Vec<Value> = (0..1501).map(record).collect();
    let results = world.import_all(json!({}), &records);
    assert_eq!(results.len(), 1501);
    for (index, result) in results.iter().enumerate() {
        assert_eq!((&result["index"], &result["_ref"]), (&json!(index), &json!(format!("row {index}"))));
        if poisoned.contains(&index) {
            assert_eq!(
                (&result["error"], &result["code"]),
                (&json!(500), &json!("not_processed")),
                "{result}"
            );
        } else {
            assert_eq!(result["action"], "created", "{result}");
        }
    }
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 1494);
    // Nothing of them is kept, not even the claim on their e-mail.
    assert_eq!(world.database.scalar("SELECT count(*) FROM identities"), 1494);
}

#[test]
fn a_match_value_that_the_database_cannot_hold_fails_its_record() {
    let world = World::start();
    let value: Value = serde_json::from_str("1e200000").unwrap();
    let asked = json!({"matching": "custom", "field_name": "Custom_ID", "field_value": value});
    let results = world.import_all(asked, &[json!({"email": "a@example.com"})]);
    assert_eq!(
        (&results[0]["error"], &results[0]["code"]),
        (&json!(400), &json!("invalid_type")),
        "{results:?}"
    );
}

#[test]
fn a_job_that_cannot_be_applied_ends_as_failed_and_is_kept() {
    let world = World::builder().delivery_limit(1).buries(1).start();
    world.database.execute("ALTER TABLE profiles RENAME TO elsewhere");
    let job = world.import(&json!({"db_id": 1, "data": [{"email": "a@example.com"}]})).job_id();
    world.failed(&job);
    until("its message is kept", || (world.queued().dead == 1).then_some(()));
}

#[test]
fn a_message_that_kills_its_workers_ends_as_failed_and_holds_up_nobody() {
    const LIMIT: i32 = 2;
    let world = World::builder().workers(0).delivery_limit(LIMIT).buries(1).start();
    world.close_gate();
    let records = [
        json!({"email": "a@example.com", "city": "Riga"}),
        json!({"email": "b@example.com", "city": "Slow", "_ref": "b"}),
    ];
    let deadly = world.import(&json!({"db_id": 1, "data": records})).job_id();
    // It is delivered once, and comes back as often as the limit says.
    for delivery in 1..=LIMIT + 1 {
        let worker = WorkerProcess::start(&world, &["--chunk-records", "1"]);
        world.until_held();
        let status = world.status(&deadly);
        assert_eq!((&status["status"], &status["attempts"]), (&json!("processing"), &json!(delivery)));
        let other =
            world.import(&json!({"db_id": 1, "data": [{"email": format!("{delivery}@example.com")}]}));
        assert_eq!(world.completed(&other.job_id())["created"], 1);
        worker.kill();
        world.end_held();
    }
    let _worker = WorkerProcess::start(&world, &[]);
    let failed = world.failed(&deadly);
    assert_eq!(failed["attempts"], LIMIT + 1, "no worker has tried it again");
    assert_eq!((&failed["total"], &failed["created"]), (&json!(2), &json!(1)), "what was applied stays");
    until("its message is kept", || (world.queued().dead == 1).then_some(()));
    assert_eq!(world.buried_records(), records);
    assert_eq!((world.queued().work(), world.queued().undelivered), (0, 0));
    let next = world.import_all(json!({}), &[json!({"email": "b@example.com"})]);
    assert_eq!(next[0]["action"], "created");
}

#[test]
fn a_message_that_kills_its_workers_takes_no_other_along() {
    const LIMIT: i32 = 6;
    let world = World::builder().workers(0).delivery_limit(LIMIT).buries(1).start();
    world.close_gate();
    let import = |email: &str, city: &str| {
        world.import(&json!({"db_id": 1, "data": [{"email": email, "city": city}]})).job_id()
    };
    let deadly = import("a@example.com", "Slow");
    let others = [import("b@example.com", "Riga"), import("c@example.com", "Riga")];
    // It is always the first, and the next one is in the hands of the worker that dies, and not begun.
    for _delivery in 0..=LIMIT {
        let worker = WorkerProcess::start(&world, &["--small-jobs", "1"]);
        world.until_held();
        worker.kill();
        world.end_held();
    }
    let _worker = WorkerProcess::start(&world, &[]);
    // The first time it may have been taken together with the others, which is no attempt of its own.
    let attempts = world.failed(&deadly)["attempts"].clone();
    assert!([LIMIT, LIMIT + 1].iter().any(|count| attempts == *count), "{attempts}");
    for job in others {
        assert_eq!(world.completed(&job)["created"], 1);
    }
    until("its message is kept", || (world.queued().dead == 1).then_some(()));
}

#[test]
fn a_small_message_that_kills_its_workers_takes_no_bulk_along() {
    const LIMIT: i32 = 4;
    let world = World::builder().workers(0).delivery_limit(LIMIT).buries(1).start();
    world.close_gate();
    let deadly =
        world.import(&json!({"db_id": 1, "data": [{"email": "a@example.com", "city": "Slow"}]})).job_id();
    // At work whenever it is begun, so that it is never done by the time that its worker dies.
    let slow = |n: usize| json!({"email": format!("{n}@example.com"), "city": "Slow"});
    let bulk = world.import(&json!({"db_id": 1, "data": (0..1100).map(slow).collect::<Vec<_>>()})).job_id();
    for delivery in 0..=LIMIT {
        let worker = WorkerProcess::start(&world, &[]);
        // Beside each other at first, then one at a time.
        let at_work = if delivery < LIMIT / 2 { 2 } else { 1 };
        until("they are at work", || (world.held() >= at_work).then_some(()));
        worker.kill();
        world.end_held();
    }
    let _worker = WorkerProcess::start(&world, &[]);
    assert_eq!(world.failed(&deadly)["attempts"], LIMIT + 1);
    world.open_gate();
    assert_eq!(world.completed(&bulk)["created"], 1100);
    until("its message is kept", || (world.queued().dead == 1).then_some(()));
}

#[test]
fn what_a_dying_worker_had_only_fetched_is_not_given_up_with_the_culprit() {
    const LIMIT: i32 = 2;
    let world = World::builder().workers(0).delivery_limit(LIMIT).buries(1).start();
    world.close_gate();
    world.hold_registrations(true);
    let import = |number: u32, city: &str| {
        let record = json!({"email": format!("{number}@example.com"), "city": city});
        world.import(&json!({"db_id": 1, "data": [record]})).job_id()
    };
    // As many as a worker fetches of their lane.
    let (deadly, others) = (import(0, "Slow"), [1, 2, 3, 4, 5, 6, 7].map(|number| import(number, "Riga")));
    for delivery in 0..=LIMIT {
        let worker = WorkerProcess::start(&world, &[]);
        world.until_held();
        until("all are in the same hands", || (world.queued().work() == 0).then_some(()));
        worker.kill();
        world.end_held();
        until("the broker has all of them back", || {
            let queued = world.queued();
            let back = if delivery < LIMIT { queued.work() } else { queued.undelivered };
            (back == 8).then_some(())
        });
    }
    assert_eq!(
        world.database.scalar("SELECT count(*) FROM jobs"),
        0,
        "nobody has come as far as to begin one"
    );
    world.hold_registrations(false);
    for delivery in 0..=LIMIT {
        let worker = WorkerProcess::start(&world, &[]);
        world.until_held();
        if delivery == 0 {
            for job in &others {
                assert_eq!(world.completed(job)["created"], 1);
            }
        }
        worker.kill();
        world.end_held();
    }
    let _worker = WorkerProcess::start(&world, &[]);
    assert_eq!(world.failed(&deadly)["attempts"], LIMIT + 1, "the culprit is given up");
    until("its message is kept", || (world.queued().dead == 1).then_some(()));
}
