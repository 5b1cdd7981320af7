//! What is left of a job that was given up is applied, once, and stands where the job stood.

use intake_tests::{WorkerProcess, World, until};
use serde_json::{Value, json};

use super::{counted, dead_job, give_up_slow, points, world};

fn nothing_is_dead(world: &World) {
    let told = world.dead(&["list"]);
    assert_eq!((told.code, told.output.as_str()), (0, "no dead messages\n"), "{told:?}");
}

#[test]
fn it_is_listed_shown_and_redriven_and_overwrites_nothing_that_came_later() {
    let world = world();
    nothing_is_dead(&world);
    let job = dead_job(&world);
    // Accepted after it.
    let later = world.import(&json!({"db_id": 1, "data": [{"email": "c@example.com", "city": "Oslo"}]}));
    world.completed(&later.job_id());

    let dead = world.dead_messages();
    let [entry] = dead.as_slice() else { panic!("one message: {dead:?}") };
    assert_eq!(
        (&entry["message"], &entry["job_id"], &entry["kind"]),
        (&json!(job), &json!(job), &json!("import"))
    );
    assert_eq!(
        (&entry["records"], &entry["applied"], &entry["account"]),
        (&json!(3), &json!(1), &json!("demo"))
    );
    assert_eq!((&entry["status"], &entry["error"]), (&json!("failed"), &json!(500)));
    assert!(entry["reason"].as_str().unwrap().contains("given up"), "{entry}");
    for times in ["accepted_at", "failed_at", "kept_until"] {
        assert!(entry[times].is_string(), "{entry}");
    }
    let table = world.dead(&["list"]).output;
    assert!(table.lines().count() == 2 && table.contains(&job), "{table}");
    let shown = world.dead(&["show", &job]).output;
    assert!(
        shown.contains("given up") && !shown.contains("example.com") && !table.contains("example.com"),
        "{shown}"
    );
    let records = |which: &str| -> Vec<Value> {
        let told = world.dead(&["show", &job, which]).output;
        told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    assert_eq!(records("--records").len(), 3);
    assert_eq!(records("--records=left"), [counted("b", "Slow"), counted("c", "Riga")]);

    let new = world.redrive(&job);
    world.open_gate();
    let status = world.completed(&new);
    assert_eq!(
        (&status["total"], &status["retry_of"], &status["external_id"]),
        (&json!(2), &json!(job), &json!("night"))
    );
    assert_eq!((&status["created"], &status["updated"]), (&json!(1), &json!(1)));
    assert_eq!(points(&world), ["a 5", "b 5", "c 5"]);
    let c = world.profiles(json!({"email": "c@example.com"})).remove(0);
    assert_eq!(c["city"], "Oslo", "what was accepted later");
    assert_eq!(world.results(&new)[1]["warnings"][0]["code"], "superseded");
    assert_eq!(world.failed(&job)["processed"], 1, "the old one stays as it is");
    nothing_is_dead(&world);
    let again = world.dead(&["redrive", &job]);
    assert!(again.code == 1 && again.complaints.contains("is not in the dead queue"), "{again:?}");
}

#[test]
fn what_is_given_up_again_is_redriven_again() {
    let world = world();
    let job = dead_job(&world);
    let second = world.redrive(&job);
    give_up_slow(&world, 1);
    assert_eq!(world.failed(&second)["processed"], 0);
    assert_eq!(world.dead_messages()[0]["message"], json!(second));
    let third = world.redrive(&second);
    world.open_gate();
    let status = world.completed(&third);
    assert_eq!((&status["total"], &status["retry_of"]), (&json!(2), &json!(second)));
    assert_eq!(points(&world), ["a 5", "b 5", "c 5"]);
}

#[test]
fn asked_for_twice_at_once_it_is_one_job() {
    let world = world();
    let job = dead_job(&world);
    // The broker was not told when it was buried, so it is there twice.
    world.repeat_dead();
    world.until_dead(2);
    world.open_gate();
    until("both are redriven", || {
        std::thread::scope(|scope| {
            for _operator in 0..2 {
                scope.spawn(|| {
                    let told = world.dead(&["redrive", "--all"]);
                    assert_eq!(told.code, 0, "{told:?}");
                });
            }
        });
        (world.queued().dead == 0).then_some(())
    });
    let new: String = world.database.texts(&format!("SELECT id FROM jobs WHERE id <> '{job}'")).remove(0);
    assert_eq!(world.completed(&new)["total"], 2);
    until("no message is left", || (world.queued().work() == 0).then_some(()));
    assert_eq!(points(&world), ["a 5", "b 5", "c 5"]);
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 2);
}

#[test]
fn interrupted_before_anybody_was_told_it_is_the_same_job() {
    let world = world();
    let job = dead_job(&world);
    world.open_gate();
    // The new job is in the database by then, and its seal cannot be published.
    let told = world.dead(&["redrive", &job, "--message-max-bytes", "1"]);
    assert!(told.code == 1 && told.output.is_empty(), "{told:?}");
    world.until_dead(1);
    let made = world.dead_messages()[0]["redriven_as"].as_str().unwrap().to_owned();
    let status = world.status(&made);
    assert_eq!((&status["status"], &status["attempts"]), (&json!("queued"), &json!(0)));
    assert_eq!(world.redrive(&job), made);
    assert_eq!(world.completed(&made)["created"], 2);
    assert_eq!(points(&world), ["a 5", "b 5", "c 5"]);
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 2);
    assert_eq!(world.database.scalar("SELECT count(*) FROM job_parts"), 0);
}

/// What a record matches by a value that several people have depends on which of them is the oldest.
#[test]
fn of_two_who_share_a_phone_the_older_is_still_that_of_the_earlier_record() {
    let world = world();
    let shared = |name: &str, city: &str| json!({"email": format!("{name}@example.com"), "city": city, "phones": ["+79001112233"]});
    let records = [json!({"email": "a@example.com"}), shared("b", "Riga"), shared("c", "Slow")];
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    give_up_slow(&world, 1);
    world.open_gate();
    world.completed(&world.redrive(&job));
    world.import_all(json!({"matching": "phone"}), &[json!({"phone": "+79001112233", "_lname": "Older"})]);
    assert_eq!(world.profiles(json!({"email": "b@example.com"}))[0]["_lname"], "Older");
}

#[test]
fn redriven_twice_and_left_by_a_worker_that_is_killed_it_is_applied_once() {
    let world = World::builder().workers(0).start();
    world.close_gate();
    let arguments = ["--chunk-records", "1"];
    let worker = WorkerProcess::start(&world, &arguments);
    let job = dead_job(&world);
    // The broker was not told when it was buried, so it is there twice.
    world.repeat_dead();
    world.until_dead(2);
    // While a worker is held with the new job in hand nobody could say how that stands.
    worker.terminate();
    assert_eq!(worker.exit_code(), Some(0));
    let told = world.dead(&["redrive", &job]);
    let new = world.database.texts(&format!("SELECT id FROM jobs WHERE id <> '{job}'")).remove(0);
    assert!(told.code == 0 && told.output.contains(&new), "{told:?}");
    world.until_dead(0);
    let worker = WorkerProcess::start(&world, &arguments);
    world.until_held();
    worker.kill();
    world.end_held();
    world.open_gate();
    let _both = [(); 2].map(|()| WorkerProcess::start(&world, &arguments));
    assert_eq!(world.completed(&new)["created"], 2);
    until("no message is left", || (world.queued().work() == 0).then_some(()));
    assert_eq!(points(&world), ["a 5", "b 5", "c 5"]);
    assert_eq!(world.database.scalar("SELECT sum(records)::bigint FROM job_chunks"), 3);
}

/// Has operators make no more new jobs than there are passes.
fn one_by_one(world: &World) {
    world.database.execute("CREATE TABLE passes ()");
    world.database.execute(
        "CREATE FUNCTION wait_for_pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         WHILE (SELECT count(*) FROM passes) <= (SELECT count(*) FROM jobs WHERE header ? 'retry_of') LOOP \
         PERFORM pg_sleep(0.01); END LOOP; RETURN NEW; END $$",
    );
    world.database.execute(
        "CREATE TRIGGER wait_for_pass BEFORE INSERT ON jobs FOR EACH ROW \
         WHEN (current_setting('application_name') = 'intake') EXECUTE FUNCTION wait_for_pass()",
    );
}

#[test]
fn killed_again_and_again_it_makes_each_job_once() {
    const JOBS: u32 = 12;
    let world = World::builder().delivery_limit(1).start();
    world.database.execute("ALTER TABLE profiles RENAME TO elsewhere");
    let import =
        |number| world.import(&json!({"db_id": 1, "data": [counted(&format!("{number:02}"), "Riga")]}));
    let jobs: Vec<String> = (0..JOBS).map(|number| import(number).job_id()).collect();
    for job in &jobs {
        world.failed(job);
    }
    world.until_dead(JOBS);
    world.database.execute("ALTER TABLE elsewhere RENAME TO profiles");
    let made = || world.database.scalar("SELECT count(*) FROM jobs WHERE header ? 'retry_of'");
    one_by_one(&world);
    for number in 1..=i64::from(JOBS) {
        world.database.execute("INSERT INTO passes DEFAULT VALUES");
        // Before its seal, or between that and the end of the old message, as it happens; but before the next one is made.
        world.dead_until(&["redrive", "--all"], || made() == number);
    }
    // What was in the hands of the dead is in the queue again soon.
    until("all are redriven", || {
        let told = world.dead(&["redrive", "--all"]);
        assert_eq!(told.code, 0, "{told:?}");
        (told.output == "no dead messages\n" && made() == i64::from(JOBS)).then_some(())
    });
    let open = "SELECT count(*) FROM jobs WHERE state = 'processing'";
    until("all are applied", || {
        (world.database.scalar(open) == 0 && world.queued().work() == 0).then_some(())
    });
    assert_eq!(points(&world), (0..JOBS).map(|number| format!("{number:02} 5")).collect::<Vec<_>>());
    assert_eq!(made(), i64::from(JOBS));
}

#[test]
fn of_a_job_that_is_not_known_any_more_all_is_applied_when_that_is_asked_for() {
    let world = world();
    let job = dead_job(&world);
    world.open_gate();
    world.database.execute("DELETE FROM jobs");
    let told = world.dead(&["redrive", "--all"]);
    assert!(told.code == 1 && told.complaints.contains("--from-start"), "{told:?}");
    world.until_dead(1);
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 0);
    let told = world.dead(&["redrive", "--from-start", &job]);
    assert_eq!(told.code, 0, "{told:?}");
    let new = world.database.texts("SELECT id FROM jobs").remove(0);
    assert!(told.output.contains(&new), "{told:?}");
    assert_eq!(world.completed(&new)["total"], 3);
    assert_eq!(points(&world), ["a 10", "b 5", "c 5"], "what was applied before is applied once more");
}

#[test]
fn a_request_that_is_sent_again_is_answered_with_the_new_job() {
    let world = world();
    let body = json!({"db_id": 1, "data": [counted("b", "Slow")]}).to_string();
    let token = format!("Bearer {}", intake_tests::DEMO_TOKEN);
    let headers = [
        ("content-type", "application/json"),
        ("authorization", token.as_str()),
        ("idempotency-key", "night-42"),
    ];
    let send = |gateway| world.post_to(gateway, "/api/v1.1/profiles/import_batch", &headers, body.as_bytes());
    let job = send(world.address()).job_id();
    give_up_slow(&world, 1);
    world.open_gate();
    let new = world.redrive(&job);
    world.completed(&new);
    // A gateway that has not seen it before.
    let other = intake_tests::GatewayProcess::start(&world, &[]);
    assert_eq!(send(other.address).job_id(), new);
    assert_eq!(points(&world), ["b 5"]);
}
