//! Where a request stands in the order of acceptance that was sent again before a worker had it: where it was first taken.

use intake_tests::{GatewayProcess, World, in_both_formats, until};
use serde_json::{Value, json};

use super::{assert_reused, send};

fn relayed_world() -> intake_tests::WorldBuilder {
    World::builder().workers(0).with_broker_relay().with_database_relay()
}

in_both_formats!(with relayed_world:
    what_was_accepted_before_it_was_sent_again_still_wins,
    what_was_accepted_before_it_was_taken_at_last_does_not,
    a_key_of_a_refused_request_is_free,
    what_was_taken_while_nobody_could_be_asked_is_not_published_again,
);

fn city(name: &str) -> Value {
    json!({"db_id": 1, "data": [{"email": "a@example.com", "city": name}]})
}

/// The city in the end, and that there is one person.
fn city_of(world: &World) -> Value {
    until("all messages are taken", || (world.queued().work() == 0).then_some(()));
    let found = world.profiles(json!({"matching": "email", "email": "a@example.com"}));
    assert_eq!(found.len(), 1, "{found:?}");
    found[0]["city"].clone()
}

fn what_was_accepted_before_it_was_sent_again_still_wins(world: &World) {
    let other = GatewayProcess::start(world, &[]);
    let job = send(world, world.address(), "k", &city("Riga"), &[]).job_id();
    let between = send(world, world.address(), "", &city("Tallinn"), &[]).job_id();
    let again = send(world, other.address, "k", &city("Riga"), &[]);
    assert!(!again.is_replayed(), "nobody can tell whether the broker has it: it is published again");
    assert_eq!(again.job_id(), job);
    // Its first message comes last.
    world.hold_first(|| {
        world.start_worker();
        world.completed(&between);
        world.completed(&job);
    });
    assert_eq!(city_of(world), "Tallinn");
}

fn what_was_accepted_before_it_was_taken_at_last_does_not(world: &World) {
    is_refused(world, &city("Riga"));
    let between = send(world, world.address(), "", &city("Tallinn"), &[]).job_id();
    let taken = send(world, world.address(), "k", &city("Riga"), &[]).job_id();
    world.start_worker();
    world.completed(&between);
    world.completed(&taken);
    assert_eq!(city_of(world), "Riga");
}

fn a_key_of_a_refused_request_is_free(world: &World) {
    is_refused(world, &city("Riga"));
    let other = send(world, world.address(), "k", &city("Tallinn"), &[]).job_id();
    assert_reused(&send(world, world.address(), "k", &city("Riga"), &[]));
    world.start_worker();
    world.completed(&other);
    assert_eq!(city_of(world), "Tallinn");
}

/// Sends a request with the key while there is no broker: it is certain that nobody has it.
fn is_refused(world: &World, body: &Value) {
    let is_ready = |status| (world.get("/health/ready", None).status == status).then_some(());
    world.cut_broker();
    until("the gateway sees it", || is_ready(503));
    let refused = send(world, world.address(), "k", body, &[]);
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.text.contains("nothing of it was accepted"), "{}", refused.text);
    world.restore_broker();
    until("the gateway is ready again", || is_ready(200));
}

fn what_was_taken_while_nobody_could_be_asked_is_not_published_again(world: &World) {
    let other = GatewayProcess::start(world, &[]);
    world.cut_database();
    let job = send(world, world.address(), "k", &city("Riga"), &[]).job_id();
    world.restore_database();
    let between = send(world, other.address, "", &city("Tallinn"), &[]).job_id();
    let takings = || world.database.scalar("SELECT coalesce(sum(takings), 0) FROM request_keys");
    until("the gateway asks the ledger again", || {
        let before = takings();
        let again = send(world, world.address(), "k", &city("Riga"), &[]);
        assert_eq!((again.is_replayed(), again.job_id()), (true, job.clone()));
        (takings() > before).then_some(())
    });
    assert_eq!(world.queued().work(), 2, "each is in the queue once");
    // From then on the other one knows too.
    let again = send(world, other.address, "k", &city("Riga"), &[]);
    assert_eq!((again.is_replayed(), again.job_id()), (false, job.clone()));
    world.hold_first(|| {
        world.start_worker();
        world.completed(&between);
        world.completed(&job);
    });
    assert_eq!(city_of(world), "Tallinn");
}
