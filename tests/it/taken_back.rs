//! The broker takes a message back that a worker has in hand: that worker leaves it to the next.

use intake_tests::{WorkerProcess, World, until};
use serde_json::{Value, json};

/// Has each statement that writes new profiles wait until it is let through.
fn close_gate(world: &World) {
    world.database.execute("CREATE SEQUENCE begun");
    world.database.execute("CREATE TABLE passes ()");
    world.database.execute(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE turn bigint := nextval('begun'); BEGIN \
         WHILE (SELECT count(*) FROM passes) < turn LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN NULL; END $$",
    );
    world
        .database
        .execute("CREATE TRIGGER wait BEFORE INSERT ON profiles FOR EACH STATEMENT EXECUTE FUNCTION wait()");
}

fn let_through(world: &World, statements: u32) {
    world.database.execute(&format!("INSERT INTO passes SELECT FROM generate_series(1, {statements})"));
}

fn until_begun(world: &World, chunk: i64) {
    let begun = "SELECT last_value FROM begun WHERE is_called";
    until("a chunk is begun", || {
        (world.database.scalar(&format!("SELECT coalesce(({begun}), 0)")) == chunk).then_some(())
    });
}

#[test]
fn a_worker_stops_after_the_chunk_in_hand() {
    let world = World::builder().workers(0).with_broker_relay().start();
    close_gate(&world);
    let records: Vec<Value> = (0..3).map(|n| json!({"email": format!("{n}@example.com")})).collect();
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    let worker = WorkerProcess::start(&world, &["--chunk-records", "1"]);
    until_begun(&world, 1);
    world.cut_broker();
    until("the worker knows", || (!worker.is_ready()).then_some(()));
    until("the broker has it back", || (world.queued().work == 1).then_some(()));
    let_through(&world, 1);
    until("the chunk in hand is committed", || {
        (world.database.scalar("SELECT count(*) FROM job_chunks") == 1).then_some(())
    });
    world.restore_broker();
    // Whoever begins the second chunk does so for the second delivery.
    until_begun(&world, 2);
    assert_eq!(world.database.scalar("SELECT attempts FROM jobs"), 2);
    let_through(&world, 2);
    let status = world.completed(&job);
    assert_eq!((&status["created"], &status["attempts"]), (&json!(3), &json!(2)), "{status}");
}
