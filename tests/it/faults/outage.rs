//! The database is away.

use std::time::{Duration, Instant};

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
fn an_outage_of_many_patiences_costs_two_deliveries_at_most() {
    const PATIENCE: Duration = Duration::from_secs(1);
    let world = World::builder()
        .with_database_relay()
        .delivery_limit(3)
        .worker_arguments(&["--patience-seconds", "1", "--consume-pause-hold", "100"])
        .start();
    world.cut_database();
    let start = Instant::now();
    let job = world.import(&json!({"db_id": 1, "data": [{"email": "a@example.com"}]})).job_id();
    // Tried for each of them anew, it would be given up by now.
    until("several patiences are over, and the worker has given it back", || {
        (start.elapsed() > PATIENCE * 6 && world.queued().work() == 1).then_some(())
    });
    // What is given back may come once more before the broker hears that nothing is wanted.
    let deliveries = world.translate(str::to_owned);
    assert!((1..=2).contains(&deliveries), "it was delivered {deliveries} times");
    world.restore_database();
    let status = world.completed(&job);
    assert_eq!((&status["created"], &status["attempts"]), (&json!(1), &json!(1)), "{status}");
}

#[test]
fn what_came_back_often_is_not_begun_meanwhile() {
    let world = World::builder()
        .workers(0)
        .with_database_relay()
        .worker_arguments(&["--patience-seconds", "0"])
        .start();
    let import =
        |n| world.import(&json!({"db_id": 1, "data": [{"email": format!("{n}@example.com")}]})).job_id();
    let jobs: Vec<String> = (0..4).map(import).collect();
    world.wear(4, 6, || ());
    world.cut_database();
    let start = Instant::now();
    world.start_worker();
    let failed = |times| format!("intake_worker_chunk_failures_total{{reason=\"transient\"}} {times}\n");
    until("the worker has met the outage", || {
        world.get("/metrics", None).text.contains(&failed(1)).then_some(())
    });
    let first = start.elapsed();
    until("others would have been tried in vain by now", || (start.elapsed() > first * 4).then_some(()));
    world.restore_database();
    for job in &jobs {
        assert_eq!(world.completed(job)["created"], 1);
    }
    let metrics = world.get("/metrics", None).text;
    assert!(metrics.contains(&failed(1)), "one was tried in vain: {metrics}");
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

/// Behind something that keeps it open, such as a proxy, a connection can be lost for ever: no limit of the server's is heard of.
#[test]
fn a_connection_that_is_lost_without_a_word_holds_a_job_for_as_long_as_a_call_may_take() {
    let limits = ["--database-call-timeout", "3", "--database-idle-timeout", "2"];
    let world = World::builder().with_database_relay().worker_arguments(&limits).start();
    world.close_gate();
    let points = json!({"action": "incr", "value": 1});
    let record = json!({"email": "a@example.com", "city": "Slow", "loyalty_points": points});
    let job = world.import(&json!({"db_id": 1, "data": [record]})).job_id();
    world.until_held();
    world.lose_database();
    world.open_gate();
    until("the database has answered, and nobody has heard it", || {
        let ended = "SELECT count(*) FROM pg_stat_activity \
            WHERE datname = current_database() AND state = 'idle in transaction'";
        (world.database.scalar(ended) == 1).then_some(())
    });
    world.restore_database();
    assert_eq!(world.completed(&job)["created"], 1);
    assert_eq!(world.profiles(json!({"email": "a@example.com"}))[0]["loyalty_points"], 1);
}

/// The same while rows are copied: there the server waits for ever.
#[test]
fn a_connection_that_is_lost_in_the_middle_of_a_copy_is_ended_by_whoever_looks() {
    let limits = ["--database-call-timeout", "3", "--database-idle-timeout", "2", "--sweep-interval", "1"];
    let world = World::builder().with_database_relay().worker_arguments(&limits).start();
    let copies = |wait: &str| {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY \"profiles\"%'";
        (world.database.scalar(&format!("{waiting} AND {wait}")) == 1).then_some(())
    };
    let record = json!({"email": "a@example.com", "loyalty_points": {"action": "incr", "value": 1}});
    let job = world.while_locked("LOCK TABLE profiles IN SHARE MODE", || {
        let job = world.import(&json!({"db_id": 1, "data": [record]})).job_id();
        until("the worker waits for the table", || copies("wait_event_type = 'Lock'"));
        world.lose_database();
        job
    });
    until("the database waits for the rows", || copies("wait_event = 'ClientRead'"));
    world.restore_database();
    assert_eq!(world.completed(&job)["created"], 1);
    assert_eq!(world.profiles(json!({"email": "a@example.com"}))[0]["loyalty_points"], 1);
}
