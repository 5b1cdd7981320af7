//! Sent while the database is away: imports are accepted all the same, and the worker finds out which are one.

use intake_tests::{GatewayProcess, World, in_both_formats, until};
use serde_json::json;

use super::{assert_reused, points, points_of, send};

/// What a gateway says beside the message that makes a request a job: a header, as AMQP has it.
const IMPORT_MESSAGE: &[u8] = b"x-intake-kindS\0\0\0\x06import";

fn world_without_workers() -> intake_tests::WorldBuilder {
    World::builder().workers(0).with_database_relay().with_broker_relay()
}

in_both_formats!(with world_without_workers:
    two_gateways_publish_and_one_job_is_applied,
    a_key_reserved_for_a_job_that_never_came_is_no_loss,
);

fn two_gateways_publish_and_one_job_is_applied(world: &World) {
    let (other, third) = (GatewayProcess::start(world, &[]), GatewayProcess::start(world, &[]));
    world.cut_database();
    let first = send(world, world.address(), "k", &points("a"), &[]).job_id();
    let second = send(world, other.address, "k", &points("a"), &[]);
    assert!(!second.is_replayed(), "it cannot know");
    let second = second.job_id();
    assert_ne!(first, second);
    // What a gateway has published itself it knows.
    let again = send(world, world.address(), "k", &points("a"), &[]);
    assert!(again.is_replayed());
    assert_eq!(again.job_id(), first);
    assert_reused(&send(world, other.address, "k", &points("b"), &[]));
    let different = send(world, third.address, "k", &points("b"), &[]).job_id();
    world.restore_database();
    world.start_worker();

    let status = world.completed(&first);
    let real = status["job_id"].clone();
    assert!(real == first.as_str() || real == second.as_str(), "{status}");
    let failed = world.ended(&different);
    assert_eq!((&failed["status"], &failed["error"]), (&json!("failed"), &json!(422)), "{failed}");
    assert!(failed["error_text"].as_str().unwrap().starts_with("Idempotency-Key: used before"), "{failed}");
    // A poll of either shows the one job, with its results.
    for job in [&first, &second] {
        let status = world.completed(job);
        assert_eq!((&status["job_id"], &status["created"]), (&real, &json!(1)));
        assert_eq!(world.results(job)[0]["action"], "created");
    }
    until("all messages are taken", || (world.queued().work() == 0).then_some(()));
    assert_eq!(points_of(world, "a"), 5);
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 1);
    // From now on the ledger decides.
    until("the gateway asks the ledger again", || {
        let again = send(world, world.address(), "k", &points("a"), &[]);
        (again.job_id() == real).then(|| assert!(again.is_replayed()))
    });
    until("the other one does", || {
        let again = send(world, other.address, "k", &points("b"), &[]);
        (again.status == 422).then(|| assert_reused(&again))
    });
}

fn a_key_reserved_for_a_job_that_never_came_is_no_loss(world: &World) {
    world.lose_for_broker_from(IMPORT_MESSAGE);
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| send(world, world.address(), "k", &points("a"), &[]));
        world.until_said();
        world.cut_broker();
        let unsure = sending.join().unwrap();
        assert_eq!(unsure.status, 503, "{}", unsure.text);
    });
    assert_eq!(world.database.scalar("SELECT count(*) FROM request_keys"), 1);
    world.restore_broker();
    until("the gateway is ready again", || (world.get("/health/ready", None).status == 200).then_some(()));
    world.cut_database();
    let job = send(world, world.address(), "k", &points("a"), &[]).job_id();
    world.restore_database();
    world.start_worker();
    assert_eq!(world.completed(&job)["job_id"], job.as_str());
    assert_eq!(points_of(world, "a"), 5);
    let other = GatewayProcess::start(world, &[]);
    let again = send(world, other.address, "k", &points("a"), &[]);
    assert!(again.is_replayed());
    assert_eq!(again.job_id(), job);
}
