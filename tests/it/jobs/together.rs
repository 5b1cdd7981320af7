//! Small jobs that wait are applied in one transaction, and nobody can tell but by the clock.

use std::collections::BTreeSet;

use intake_tests::{Events, WorkerProcess, World, until};
use serde_json::{Value, json};

/// How a worker tells the broker that it may forget a message: the size of the frame, and the number of the method.
const ACK: &[u8] = &[0, 0, 0, 13, 0, 60, 0, 80];

fn points(person: &str, city: &str) -> Value {
    let add = json!({"action": "incr", "value": 5});
    json!({"email": format!("{person}@example.com"), "city": city, "loyalty_points": add})
}

fn import(world: &World, record: &Value) -> String {
    world.import(&json!({"db_id": 1, "data": [record]})).job_id()
}

/// Jobs of new people, one each, that wait in the queue.
fn waiting(world: &World, count: usize) -> Vec<String> {
    (0..count).map(|n| import(world, &points(&format!("p{n}"), "Riga"))).collect()
}

/// How many transactions have applied something.
fn transactions(world: &World) -> i64 {
    world.database.scalar("SELECT count(DISTINCT applied_at) FROM job_chunks")
}

fn all_points(world: &World) -> BTreeSet<String> {
    world.database.texts("SELECT fields ->> 'loyalty_points' FROM profiles").into_iter().collect()
}

#[test]
fn each_of_them_ends_as_if_it_was_alone() {
    let world = World::builder().workers(0).start();
    let mut events = Events::bind(&world, "db.1.*", None);
    let plain = waiting(&world, 12);
    let again = [points("p0", "Oslo"), points("p0", "Bern")].map(|record| import(&world, &record));
    let wrong =
        world.import(&json!({"db_id": 1, "data": [{"email": "nonsense"}, points("q", "Riga")]})).job_id();
    let foretold =
        world.import(&json!({"db_id": 1, "validate_only": true, "data": [points("r", "Riga")]})).job_id();
    let phone = json!({"phones": ["+79000000001"], "city": "Riga"});
    let phone = world.import(&json!({"db_id": 1, "matching": "phone", "data": [phone]})).job_id();
    let stopped = import(&world, &points("s", "Riga"));
    world.cancel(&stopped);

    // One lane has all slots but one: so these have one, and are applied in the order of acceptance.
    let _worker = WorkerProcess::start(&world, &["--small-jobs", "2"]);
    for job in plain.iter().chain([&phone, &foretold]) {
        assert_eq!(world.completed(job)["created"], 1);
        assert_eq!(world.results(job).len(), 1);
    }
    for job in &again {
        assert_eq!(world.completed(job)["updated"], 1);
    }
    let partly = world.completed(&wrong);
    assert_eq!((&partly["created"], &partly["failed"]), (&json!(1), &json!(1)), "{partly}");
    assert_eq!(world.ended(&stopped)["status"], "cancelled");
    let person = world.profiles(json!({"matching": "email", "email": "p0@example.com"}));
    assert_eq!(
        (&person[0]["city"], &person[0]["loyalty_points"]),
        (&json!("Bern"), &json!(15)),
        "{person:?}"
    );
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 14);
    assert!(transactions(&world) < 12, "they are applied together");

    // One event of each change, of the job that made it, and one of each end.
    events.read(14 + 2 + 18);
    assert_eq!((events.of("profile.created").len(), events.of("job.completed").len()), (14, 18));
    let by_profile = events.jobs_by_profile();
    let jobs = by_profile.values().find(|jobs| jobs.len() == 3);
    assert_eq!(jobs, Some(&vec![plain[0].clone(), again[0].clone(), again[1].clone()]));
}

#[test]
fn a_worker_that_dies_while_it_applies_them_has_done_nothing() {
    let world = World::builder().workers(0).start();
    world.close_gate();
    let mut jobs = waiting(&world, 31);
    jobs.push(import(&world, &points("slow", "Slow")));
    let worker = WorkerProcess::start(&world, &[]);
    world.until_held();
    // The first of them may be over before the others are there.
    let at_work = "SELECT count(*) FROM jobs WHERE state = 'processing'";
    until("the others are held with it", || (world.database.scalar(at_work) > 1).then_some(()));
    worker.kill();
    world.end_held();
    let half_done =
        "SELECT count(*) FROM jobs j, job_chunks c WHERE j.id = c.job_id AND state = 'processing'";
    assert_eq!(world.database.scalar(half_done), 0);
    assert!(world.database.scalar(at_work) > 1, "nothing is done of those that were at work");
    world.open_gate();
    let _next = WorkerProcess::start(&world, &[]);
    for job in &jobs {
        assert_eq!(world.completed(job)["created"], 1);
    }
    assert_eq!(all_points(&world), BTreeSet::from(["5".to_owned()]), "nothing is added twice");
}

#[test]
fn what_is_committed_is_found_done_where_the_broker_was_not_told() {
    let world = World::builder().workers(0).with_broker_relay().start();
    world.lose_for_broker_from(ACK);
    let jobs = waiting(&world, 8);
    let worker = WorkerProcess::start(&world, &[]);
    let first = jobs.iter().map(|job| world.completed(job)).collect::<Vec<_>>();
    assert!(transactions(&world) < 8, "they are applied together");
    world.until_said();
    worker.kill();
    until("the broker has them back", || (world.queued().work() == 8).then_some(()));
    let _next = WorkerProcess::start(&world, &[]);
    until("all messages are taken", || (world.queued().work() == 0).then_some(()));
    for (job, first) in jobs.iter().zip(first) {
        assert_eq!(world.status(job)["finished_at"], first["finished_at"]);
    }
    assert_eq!(all_points(&world), BTreeSet::from(["5".to_owned()]), "nothing is added twice");
}

#[test]
fn one_that_cannot_go_on_holds_up_none_beside_it() {
    let world = World::builder().workers(0).start();
    import(&world, &points("locked", "Riga"));
    let worker = WorkerProcess::start(&world, &["--patience-seconds", "600"]);
    until("somebody is known", || {
        (world.database.scalar("SELECT count(*) FROM profiles") == 1).then_some(())
    });
    worker.terminate();
    assert_eq!(worker.exit_code(), Some(0));
    world.database.execute("ALTER TABLE profiles ADD CHECK (fields ->> 'city' <> 'Nowhere')");
    let held_up = world.while_locked("PERFORM FROM profiles FOR UPDATE", || {
        let before = waiting(&world, 4);
        let held_up = import(&world, &points("locked", "Oslo"));
        let refused = import(&world, &points("refused", "Nowhere"));
        let after = import(&world, &points("after", "Riga"));
        let _worker = WorkerProcess::start(&world, &["--patience-seconds", "600"]);
        for job in before.iter().chain([&after]) {
            assert_eq!(world.completed(job)["created"], 1);
        }
        assert_eq!(world.completed(&refused)["failed"], 1);
        assert_eq!(world.results(&refused)[0]["code"], "not_processed");
        assert_eq!(world.status(&held_up)["status"], "processing");
        held_up
    });
    let _worker = WorkerProcess::start(&world, &[]);
    assert_eq!(world.completed(&held_up)["updated"], 1);
}
