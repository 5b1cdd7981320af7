//! Every job that was accepted comes to an end, whatever died.

use intake_tests::{WorkerProcess, World, until};
use serde_json::{Value, json};

fn import(world: &World, records: usize) -> String {
    let records: Vec<Value> = (0..records).map(|n| json!({"email": format!("{n}@example.com")})).collect();
    world.import(&json!({"db_id": 1, "data": records})).job_id()
}

#[test]
fn a_message_that_comes_back_too_often_ends_its_job_and_is_kept() {
    let world = World::builder().workers(0).delivery_limit(2).buries(1).start();
    let job = import(&world, 1);
    // Nobody registers it, as where the payload kills whoever unpacks it. It is spared three times, for it may be innocent.
    for spared in 0..4 {
        world.reject_until_given_up();
        assert_eq!(world.status(&job)["status"], "queued");
        if spared < 3 {
            world.spare();
        }
    }
    world.start_worker();
    let status = world.ended(&job);
    assert_eq!((&status["status"], &status["error"]), (&json!("failed"), &json!(500)), "{status}");
    assert_eq!((&status["total"], &status["processed"]), (&json!(1), &json!(0)));
    until("its message is kept", || (world.queued().dead == 1).then_some(()));
    assert_eq!(world.queued().undelivered, 0);
}

#[test]
fn a_message_that_nobody_has_begun_is_not_given_up() {
    let world = World::builder().workers(0).delivery_limit(2).start();
    let job = import(&world, 1);
    world.reject_until_given_up();
    world.start_worker();
    let status = world.completed(&job);
    assert_eq!((&status["created"], &status["attempts"]), (&json!(1), &json!(1)), "{status}");
}

#[test]
fn a_message_that_comes_back_too_often_is_kept_only_where_something_is_left_of_its_job() {
    let world = World::builder().workers(0).delivery_limit(2).buries(1).start();
    let refused = import(&world, 1);
    world.end_and_reject_until_given_up(403);
    let given_up = import(&world, 1);
    world.end_and_reject_until_given_up(500);
    world.start_worker();
    assert_eq!(world.buried_job(), given_up, "the first of them is forgotten");
    assert_eq!(world.status(&refused)["error"], 403);
    until("all is seen to", || (world.queued().undelivered == 0).then_some(()));
}

#[test]
fn a_job_whose_message_is_gone_comes_to_an_end() {
    let world = World::builder().workers(0).start();
    let job = import(&world, 1);
    world.lose_message();
    let arguments = ["--stalled-timeout", "1", "--sweep-interval", "1"];
    let _worker = WorkerProcess::start(&world, &arguments);
    let status = world.ended(&job);
    assert_eq!((&status["status"], &status["error"]), (&json!("failed"), &json!(500)), "{status}");
    assert!(status["error_text"].as_str().unwrap().contains("standstill"), "{status}");
}

#[test]
fn all_jobs_that_stand_still_are_ended_at_the_first_look() {
    let world = World::builder().workers(0).start();
    import(&world, 1);
    world.lose_message();
    world.database.execute(
        "INSERT INTO jobs (db_id, id, account, header, total, state, attempts) \
         SELECT db_id, new, account, jsonb_set(header, '{job_id}', to_jsonb(new)), total, state, 1 \
         FROM jobs, (SELECT gen_random_uuid() AS new FROM generate_series(1, 44)) AS others",
    );
    // Each look ends with a sweep, which deletes what there is, be it nothing.
    world.database.execute("CREATE TABLE looks (open bigint)");
    world.database.execute(
        "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         INSERT INTO looks SELECT count(*) FROM jobs WHERE state = 'processing'; RETURN NULL; END $$",
    );
    world.database.execute(
        "CREATE TRIGGER look AFTER DELETE ON request_keys FOR EACH STATEMENT EXECUTE FUNCTION look()",
    );
    let _worker = WorkerProcess::start(&world, &["--stalled-timeout", "1", "--sweep-interval", "1"]);
    until("all are ended", || {
        (world.database.scalar("SELECT count(*) FROM looks WHERE open = 0") > 0).then_some(())
    });
    let open = world.database.texts("SELECT DISTINCT open FROM looks WHERE open > 0");
    assert!(open.iter().all(|open| open == "45"), "{open:?}");
}

#[test]
fn a_message_that_comes_after_its_job_was_given_up_is_kept() {
    let world = World::builder().workers(0).buries(1).start();
    let job = import(&world, 1);
    world.give_up();
    world.start_worker();
    until("its message is kept", || (world.queued().dead == 1).then_some(()));
    assert_eq!(world.status(&job)["status"], "failed");
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 0);
}

#[test]
fn a_job_that_is_given_up_in_the_hands_of_a_worker_is_kept() {
    let world = World::builder().worker_arguments(&["--chunk-records", "1"]).buries(1).start();
    world.close_gate();
    let records = [json!({"email": "a@example.com"}), json!({"email": "b@example.com", "city": "Slow"})];
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    world.until_held();
    world.give_up_held();
    until("its message is kept", || (world.queued().dead == 1).then_some(()));
    assert_eq!(world.buried_records(), records);
    let status = world.status(&job);
    assert_eq!((&status["status"], &status["error"]), (&json!("failed"), &json!(500)), "{status}");
    assert_eq!((&status["processed"], &status["attempts"]), (&json!(1), &json!(1)), "{status}");
}

#[test]
fn another_worker_finishes_what_one_that_never_comes_back_began() {
    let world = World::builder().workers(0).start();
    let job = import(&world, 10_000);
    let lost = WorkerProcess::start(&world, &["--chunk-records", "100"]);
    until("the job is under way", || {
        (world.database.scalar("SELECT count(*) FROM job_chunks") > 1).then_some(())
    });
    world.start_worker();
    lost.kill();
    let status = world.ended(&job);
    assert_eq!((&status["status"], &status["created"]), (&json!("completed"), &json!(10_000)), "{status}");
    assert!(status["attempts"].as_i64().unwrap() > 1, "{status}");
}
