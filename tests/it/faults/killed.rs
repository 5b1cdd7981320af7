//! A worker is killed between two steps that belong together: what it has done is found done, and what it has not is done.

use intake_tests::{Events, WorkerProcess, World, until};
use serde_json::{Value, json};

/// How a worker tells the broker that it may forget a message: the size of the frame, and the number of the method.
const ACK: &[u8] = &[0, 0, 0, 13, 0, 60, 0, 80];

fn points(person: &str, city: &str) -> Value {
    let add = json!({"action": "incr", "value": 5});
    json!({"email": format!("{person}@example.com"), "city": city, "loyalty_points": add})
}

#[test]
fn after_the_last_commit_and_before_the_broker_knows() {
    let world = World::builder().workers(0).with_broker_relay().start();
    world.lose_for_broker_from(ACK);
    let worker = WorkerProcess::start(&world, &["--chunk-records", "1"]);
    let records = [points("a", "Riga"), points("b", "Riga"), points("a", "Oslo")];
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    world.until_said();
    let done = world.completed(&job);
    worker.kill();
    until("the broker has it back", || (world.queued().work() == 1).then_some(()));

    let _next = WorkerProcess::start(&world, &[]);
    let next = world.import(&json!({"db_id": 1, "data": [points("c", "Riga")]})).job_id();
    world.completed(&next);
    until("all messages are taken", || (world.queued().work() == 0).then_some(()));
    let status = world.status(&job);
    assert_eq!((&status["created"], &status["updated"]), (&json!(2), &json!(1)), "{status}");
    assert_eq!((&status["finished_at"], &status["attempts"]), (&done["finished_at"], &done["attempts"]));
    let points = "SELECT fields ->> 'loyalty_points' FROM profiles ORDER BY 1";
    assert_eq!(world.database.texts(points), ["10", "5", "5"]);
    assert_eq!(world.database.scalar("SELECT sum(records)::bigint FROM job_chunks"), 4);
}

#[test]
fn after_its_events_are_confirmed_and_before_they_are_deleted() {
    let world = World::builder().workers(0).start();
    let mut events = Events::bind(&world, "db.1.*", None);
    world.close_gate_before("DELETE ON outbox");
    let worker = WorkerProcess::start(&world, &["--small-jobs", "1"]);
    let jobs = ["Riga", "Oslo", "Bern"].map(|city| {
        let job = world.import(&json!({"db_id": 1, "data": [points("a", city)]})).job_id();
        world.completed(&job);
        job
    });
    world.until_held();
    worker.kill();
    world.end_held();
    assert!(world.database.scalar("SELECT count(*) FROM outbox") >= 3, "nothing is deleted");
    world.open_gate();

    let _next = WorkerProcess::start(&world, &[]);
    events.read(6);
    assert!(events.repeats > 0, "what was confirmed comes again, under the same id");
    assert_eq!(events.of("job.completed").len(), 3);
    let by_profile: Vec<Vec<String>> = events.jobs_by_profile().into_values().collect();
    assert_eq!(by_profile, [jobs.to_vec()], "in the order of the changes");
}

#[test]
fn in_the_middle_of_a_step_of_the_sweep() {
    let world = World::builder().workers(0).start();
    let worker = WorkerProcess::start(&world, &[]);
    let import = || {
        let records = [json!({"email": "a@example.com"}), json!({"email": "nonsense"})];
        let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
        assert_eq!(world.completed(&job)["failed"], 1);
        job
    };
    let (old, running, new) = (import(), import(), import());
    worker.kill();
    let change =
        |job: &str, set: &str| world.database.execute(&format!("UPDATE jobs SET {set} WHERE id = '{job}'"));
    change(&old, "finished_at = now() - interval '60 days', expires_at = now() - interval '50 days'");
    change(&running, "state = 'processing', finished_at = NULL, tally = NULL, expires_at = NULL");
    let kept = |job: &str| {
        ["job_failures", "job_chunks"].map(|table| {
            world.database.scalar(&format!("SELECT count(*) FROM {table} WHERE job_id = '{job}'"))
        })
    };
    world.close_gate_before("DELETE ON job_chunks");
    let worker = WorkerProcess::start(&world, &["--sweep-interval", "1"]);
    // The failed records of the old job are deleted by now, and that is not committed.
    world.until_held();
    worker.kill();
    world.end_held();
    for job in [&old, &running, &new] {
        assert_eq!(kept(job), [1, 1], "{job}");
    }
    world.open_gate();

    let _next = WorkerProcess::start(&world, &["--sweep-interval", "1"]);
    let is_gone = format!("SELECT count(*) FROM jobs WHERE id = '{old}'");
    until("the old job is swept", || (world.database.scalar(&is_gone) == 0).then_some(()));
    assert_eq!(kept(&old), [0, 0], "nothing is left without its job");
    assert_eq!((kept(&running), kept(&new)), ([1, 1], [1, 1]));
    assert_eq!(world.status(&running)["status"], "processing");
    assert_eq!(world.results(&new).len(), 2);
}

#[test]
fn when_a_message_is_buried_and_the_queue_has_it_still() {
    let world = World::builder().workers(0).with_broker_relay().delivery_limit(1).buries(2).start();
    world.database.execute("ALTER TABLE profiles RENAME TO elsewhere");
    world.lose_for_broker_from(ACK);
    let worker = WorkerProcess::start(&world, &[]);
    let job = world.import(&json!({"db_id": 1, "data": [points("a", "Riga")]})).job_id();
    let failed = world.failed(&job);
    world.until_said();
    assert_eq!(world.queued().dead, 1, "the copy is there first");
    worker.kill();
    until("the broker has it back", || (world.queued().work() == 1).then_some(()));
    // It could be applied by now.
    world.database.execute("ALTER TABLE elsewhere RENAME TO profiles");

    let _next = WorkerProcess::start(&world, &[]);
    until("it is buried once more", || (world.queued().dead == 2).then_some(()));
    assert_eq!(world.queued().work(), 0);
    assert_eq!(world.status(&job), failed);
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 0);
}
