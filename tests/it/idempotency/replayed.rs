//! Sent again while all is well: by one gateway and by another, at once and when the job is long over.

use intake_tests::{GatewayProcess, OTHER_TOKEN, World, in_both_formats, until};
use serde_json::json;

use super::{assert_reused, points, points_of, send, send_as};

fn small_world() -> intake_tests::WorldBuilder {
    World::builder()
}

in_both_formats!(with small_world:
    the_same_again_is_the_same_job,
    another_body_under_a_key_is_refused_and_nothing_of_it_applied,
    a_key_belongs_to_its_account,
    a_client_that_waits_gets_the_results_of_the_first_time,
    at_once_from_many_threads_it_is_one_job,
);

fn the_same_again_is_the_same_job(world: &World) {
    let first = send(world, world.address(), "k", &points("a"), &[]);
    assert!(!first.is_replayed());
    let job = first.job_id();
    let again = send(world, world.address(), "k", &points("a"), &[]);
    assert!(again.is_replayed());
    assert_eq!((again.job_id(), &again.text), (job.clone(), &first.text));
    world.completed(&job);
    // Another gateway knows it from the ledger alone.
    let other = GatewayProcess::start(world, &[]);
    let elsewhere = send(world, other.address, "k", &points("a"), &[]);
    assert!(elsewhere.is_replayed());
    assert_eq!(elsewhere.job_id(), job);
    // Weeks later the ledger still knows.
    world.database.execute("UPDATE request_keys SET created_at = now() - interval '29 days'");
    let late = GatewayProcess::start(world, &[]);
    assert_eq!(send(world, late.address, "k", &points("a"), &[]).job_id(), job);
    assert_eq!(points_of(world, "a"), 5);
    // Under another key, and under none, it is another request.
    for key in ["other", "", ""] {
        let job = send(world, world.address(), key, &points("a"), &[]).job_id();
        world.completed(&job);
    }
    assert_eq!(points_of(world, "a"), 20);
}

fn another_body_under_a_key_is_refused_and_nothing_of_it_applied(world: &World) {
    let job = send(world, world.address(), "k", &points("a"), &[]).job_id();
    assert_reused(&send(world, world.address(), "k", &points("b"), &[]));
    world.completed(&job);
    let other = GatewayProcess::start(world, &[]);
    assert_reused(&send(world, other.address, "k", &points("b"), &[]));
    let add = "/api/v1.1/profiles/add_batch";
    let bearer = format!("Bearer {}", intake_tests::DEMO_TOKEN);
    let headers = [
        ("content-type", world.format().media_type()),
        ("authorization", bearer.as_str()),
        ("idempotency-key", "k"),
    ];
    let body = world.format().write(&points("a"));
    assert_reused(&world.post(add, &headers, body.as_bytes()));
    // A request that was refused has not used its key.
    let wrong = json!({"db_id": 1, "data": []});
    assert_eq!(send(world, world.address(), "fresh", &wrong, &[]).status, 400);
    let job = send(world, world.address(), "fresh", &points("a"), &[]).job_id();
    world.completed(&job);
    assert_eq!(points_of(world, "a"), 10);
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 1);
}

fn a_key_belongs_to_its_account(world: &World) {
    let body = json!({"db_id": 2, "data": [{"email": "a@example.com"}]});
    let demo = send(world, world.address(), "k", &body, &[]);
    let other = send_as(world, OTHER_TOKEN, world.address(), "k", &body, &[]);
    assert!(!demo.is_replayed() && !other.is_replayed());
    assert_ne!(demo.job_id(), other.job_id());
    world.completed(&demo.job_id());
    until("the other account's job ends", || {
        let path = format!("/api/v1.1/jobs/{}", other.job_id());
        (world.get(&path, Some(OTHER_TOKEN)).json()["status"] == "completed").then_some(())
    });
}

fn a_client_that_waits_gets_the_results_of_the_first_time(world: &World) {
    let wait = [("prefer", "wait=30")];
    let first = send(world, world.address(), "k", &points("a"), &wait);
    let again = send(world, world.address(), "k", &points("a"), &wait);
    assert_eq!((first.status, again.status), (200, 200), "{}", again.text);
    assert!(!first.is_replayed() && again.is_replayed());
    assert_eq!(first.text, again.text);
    assert_eq!(first.value()["result"][0]["action"], "created");
    assert_eq!(points_of(world, "a"), 5);
}

fn at_once_from_many_threads_it_is_one_job(world: &World) {
    let other = GatewayProcess::start(world, &[]);
    let mut jobs: Vec<String> = std::thread::scope(|scope| {
        let send = |number: usize| {
            let gateway = if number.is_multiple_of(2) { world.address() } else { other.address };
            scope.spawn(move || send(world, gateway, "k", &points("a"), &[]).job_id())
        };
        let threads: Vec<_> = (0..24).map(send).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    jobs.sort();
    jobs.dedup();
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    world.completed(&jobs[0]);
    until("all messages are taken", || (world.queued().work() == 0).then_some(()));
    assert_eq!(points_of(world, "a"), 5);
}
