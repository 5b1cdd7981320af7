//! An installation is brought to another version while it works: gateways are newer than workers, and the schema is newer
//! than both.

use std::thread::Scope;

use intake_tests::{WorkerProcess, World, until};
use serde_json::{Value, json};

/// The tables that workers write.
const WRITTEN: [&str; 13] = [
    "profiles",
    "identities",
    "subscriptions",
    "jobs",
    "job_chunks",
    "job_failures",
    "job_parts",
    "outbox",
    "outbox_strands",
    "callbacks",
    "request_keys",
    "job_aliases",
    "cancellations",
];
/// Changes of the schema: a column for each of these tables, two indexes, and a table.
const CHANGES: usize = WRITTEN.len() + 3;
/// Chunks of the job that is under way meanwhile; while each is written a change may have to wait for it, some more than once.
const CHUNKS: usize = 3 * CHANGES;

fn points(person: &str) -> Value {
    let add = json!({"action": "incr", "value": 5});
    let subscription =
        json!({"resource_id": 28, "channel": "email", "email": format!("{person}@example.com")});
    json!({"email": format!("{person}@example.com"), "loyalty_points": add, "subscriptions": [subscription]})
}

#[test]
fn a_message_of_an_unknown_version_is_left_to_a_newer_worker() {
    let world = World::builder().workers(0).start();
    let job = world.import(&json!({"db_id": 1, "data": [points("a")]})).job_id();
    world.translate(|payload| payload.replacen("{\"v1\"", "{\"v9\"", 1));
    let _older = WorkerProcess::start(&world, &[]);
    until("the older worker has it", || (world.queued().work() == 0).then_some(()));
    // This takes part as the newer worker, and knows what to do.
    let came_back = world.translate(|payload| {
        assert!(payload.starts_with("{\"v9\""), "{payload}");
        payload.replacen("{\"v9\"", "{\"v1\"", 1)
    });
    assert!(came_back > 0, "each delivery is counted");
    let status = world.completed(&job);
    assert_eq!((&status["created"], &status["attempts"]), (&json!(1), &json!(1)), "{status}");
}

#[test]
fn a_message_of_a_version_that_no_worker_knows_ends_its_job_at_the_last_delivery() {
    let world = World::builder().workers(0).delivery_limit(2).buries(1).start();
    let job = world.import(&json!({"db_id": 1, "data": [points("a")]})).job_id();
    world.translate(|payload| payload.replacen("{\"v1\"", "{\"v9\"", 1));
    world.start_worker();
    let next = world.import_all(json!({}), &[points("b")]);
    assert_eq!(next[0]["action"], "created", "it holds up nobody");
    let status = world.failed(&job);
    assert_eq!(status["error_text"], "the job could not be read; it is kept, ask the operator");
    until("its message is kept", || (world.queued().dead == 1).then_some(()));
}

/// Changes the schema as a migration would that old and new workers can live with.
fn change<'scope, 'world: 'scope>(scope: &'scope Scope<'scope, 'world>, world: &'world World) {
    scope.spawn(|| {
        for table in WRITTEN {
            world
                .database
                .execute(&format!("ALTER TABLE {table} ADD COLUMN added text NOT NULL DEFAULT 'x'"));
        }
        world.database.execute("CREATE INDEX added_profiles ON profiles (db_id, added)");
        world.database.execute("CREATE INDEX CONCURRENTLY added_jobs ON jobs (account, added)");
        world.database.execute("CREATE TABLE changed ()");
    });
}

#[test]
fn the_schema_is_extended_under_a_job_that_goes_on() {
    let world = World::builder().workers(0).start();
    world.close_turnstile();
    let chunks = i64::try_from(CHUNKS).unwrap();
    let records: Vec<Value> = (0..CHUNKS).map(|person| points(&person.to_string())).collect();
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    let _worker = WorkerProcess::start(&world, &["--chunk-records", "1"]);
    world.until_at_turnstile(1);
    // Nothing is to be done, and nobody waits for anybody, the job in hand least of all.
    std::thread::scope(|scope| {
        let migrate = || world.migrate();
        let both = [scope.spawn(migrate), scope.spawn(migrate)];
        assert!(both.into_iter().all(|one| one.join().unwrap().is_empty()));
    });
    assert_eq!(world.status(&job)["status"], "processing");

    let is_done = "to_regclass('changed') IS NOT NULL";
    let waits = "EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
        AND query ~ '^(ALTER|CREATE)' AND wait_event_type = 'Lock')";
    std::thread::scope(|scope| {
        change(scope, &world);
        for chunk in 1..=chunks {
            world.until_at_turnstile(chunk);
            until("a change is done, or waits for the chunk in hand", || {
                (world.database.texts(&format!("SELECT {is_done} OR {waits}")) == ["true"]).then_some(())
            });
            if chunk == chunks {
                assert_eq!(world.database.texts(&format!("SELECT {is_done}")), ["true"], "it came too late");
            }
            world.let_through(1);
        }
    });
    let status = world.completed(&job);
    assert_eq!((&status["created"], &status["attempts"]), (&json!(CHUNKS), &json!(1)), "{status}");
    assert_eq!(world.results(&job).len(), records.len());
    let once = "SELECT count(*) FROM profiles WHERE fields ->> 'loyalty_points' = '5' AND added = 'x'";
    assert_eq!(world.database.scalar(once), chunks);
    assert_eq!(world.database.scalar("SELECT count(*) FROM subscriptions WHERE added = 'x'"), chunks);
    until("its events are sent", || {
        (world.database.scalar("SELECT count(*) FROM outbox") == 0).then_some(())
    });
}
