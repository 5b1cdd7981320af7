//! The operator's option: equal bodies within a time are one request, without a key.

use intake_tests::{GatewayProcess, World, in_both_formats};
use serde_json::json;

use super::{points, points_of, send};

fn world_with_a_window() -> intake_tests::WorldBuilder {
    World::builder().gateway_arguments(&["--same-body-window", "3600"])
}

in_both_formats!(with world_with_a_window: equal_bodies_are_one_request_for_a_while);

fn equal_bodies_are_one_request_for_a_while(world: &World) {
    let first = send(world, world.address(), "", &points("a"), &[]);
    assert!(!first.is_replayed());
    let job = first.job_id();
    let again = send(world, world.address(), "", &points("a"), &[]);
    assert!(again.is_replayed());
    assert_eq!(again.job_id(), job);
    world.completed(&job);
    let other = GatewayProcess::start(world, &[]);
    assert_eq!(send(world, other.address, "", &points("a"), &[]).job_id(), job);
    assert_eq!(points_of(world, "a"), 5);

    // A key says that it is another request, and so does any difference.
    let mut named = points("a");
    named["external_id"] = json!("second");
    for (key, body) in [("k", &points("a")), ("", &named)] {
        let other = send(world, world.address(), key, body, &[]);
        assert!(!other.is_replayed());
        world.completed(&other.job_id());
    }
    assert_eq!(points_of(world, "a"), 15);

    // After the time it is a request of its own, also for a gateway that has just started.
    world.database.execute("UPDATE request_keys SET created_at = created_at - interval '61 minutes'");
    let late = GatewayProcess::start(world, &[]);
    let later = send(world, late.address, "", &points("a"), &[]);
    assert!(!later.is_replayed());
    assert_ne!(later.job_id(), job);
    world.completed(&later.job_id());
    assert_eq!(points_of(world, "a"), 20);
    assert_eq!(send(world, late.address, "", &points("a"), &[]).job_id(), later.job_id());
}
