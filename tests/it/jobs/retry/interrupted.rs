//! A retry that is interrupted before its seal: nothing of it is applied, and it can be asked for again.

use intake_tests::{GatewayProcess, WorkerProcess, World, until};
use serde_json::{Value, json};

use super::{assert_refused, failing, retry};

/// What a gateway says beside the message that makes a retry a job: a header, as AMQP has it.
const SEAL: &[u8] = b"x-intake-kindS\0\0\0\x04seal";

fn world() -> World {
    World::builder()
        .workers(0)
        .with_broker_relay()
        .gateway_arguments(&["--catalog-refresh", "0.1", "--stream-part-records", "1"])
        .start()
}

/// A job of which three records failed that can be applied by now.
fn failed(world: &World) -> String {
    let worker = WorkerProcess::start(world, &[]);
    let job = failing(world);
    worker.kill();
    world.database.execute("ALTER TABLE profiles DROP CONSTRAINT poison");
    job
}

/// Asks again once the gateway is ready; the retry's last status, by when each record is applied once.
fn retried(world: &World, job: &str) -> Value {
    until("the gateway is ready", || (world.get("/health/ready", None).status == 200).then_some(()));
    let second = retry(world, job).job_id();
    world.start_worker();
    let status = world.completed(&second);
    assert_eq!((&status["total"], &status["created"]), (&json!(3), &json!(3)), "{status}");
    until("all messages are taken", || (world.queued().work() == 0).then_some(()));
    let points = "SELECT count(*) FROM profiles WHERE fields ->> 'loyalty_points' = '5'";
    assert_eq!(world.database.scalar(points), 6);
    status
}

#[test]
fn by_the_death_of_its_gateway() {
    let world = world();
    let job = failed(&world);
    let mut gateway = GatewayProcess::start(&world, &[]);
    let address = gateway.address;
    world.lose_for_broker_from(SEAL);
    std::thread::scope(|scope| {
        let path = format!("/api/v1.1/jobs/{job}/retry_failed");
        let token = format!("Bearer {}", intake_tests::DEMO_TOKEN);
        let world = &world;
        let asking =
            scope.spawn(move || world.try_post_to(address, &path, &[("authorization", token.as_str())], b""));
        world.until_said();
        gateway.kill();
        let unanswered = asking.join().unwrap();
        assert!(unanswered.is_none(), "it was killed too late: {unanswered:?}");
    });
    assert_eq!(world.queued().work(), 3, "all parts, and no seal");
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 3, "nothing of it is applied");
    assert_eq!(retried(&world, &job)["retry_of"], job.as_str());
    assert_eq!(world.database.scalar("SELECT count(*) FROM job_parts"), 0);
}

#[test]
fn by_a_broker_that_goes_away() {
    let world = world();
    let job = failed(&world);
    world.cut_broker();
    until("the gateway has met the outage", || {
        (world.get("/health/ready", None).status == 503).then_some(())
    });
    let refused = retry(&world, &job);
    assert_refused(&refused, 503, "nothing of it was accepted");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    world.restore_broker();
    let status = retried(&world, &job);
    let texts = "SELECT error_text FROM jobs WHERE state = 'failed'";
    let text = until("the first try is told", || world.database.texts(texts).pop());
    assert!(text.starts_with("the retry was cut: the message broker did not take"), "{text}");
    assert_eq!(retry(&world, &job).job_id(), status["job_id"].as_str().unwrap());
}
