//! `Idempotency-Key`: a request that is sent again is the same job, applied once. `incr` would tell if it were twice.

mod away;
mod bodies;
mod killed;
mod order;
mod replayed;

use std::net::SocketAddr;

use intake_tests::{Answer, DEMO_TOKEN, World};
use serde_json::{Value, json};

const IMPORT: &str = "/api/v1.1/profiles/import_batch";

/// A request that adds 5 points to one person.
fn points(person: &str) -> Value {
    json!({"db_id": 1, "data": [
        {"email": format!("{person}@example.com"), "loyalty_points": {"action": "incr", "value": 5}},
    ]})
}

/// Sends a request with a key, in the world's format; with further headers.
fn send(world: &World, gateway: SocketAddr, key: &str, body: &Value, more: &[(&str, &str)]) -> Answer {
    send_as(world, DEMO_TOKEN, gateway, key, body, more)
}

fn send_as(
    world: &World,
    token: &str,
    gateway: SocketAddr,
    key: &str,
    body: &Value,
    more: &[(&str, &str)],
) -> Answer {
    let answer = try_send_as(world, token, gateway, key, body, more);
    answer.unwrap()
}

fn try_send_as(
    world: &World,
    token: &str,
    gateway: SocketAddr,
    key: &str,
    body: &Value,
    more: &[(&str, &str)],
) -> Option<Answer> {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![
        ("content-type", world.format().media_type()),
        ("accept", world.format().media_type()),
        ("authorization", bearer.as_str()),
    ];
    // None is no key at all.
    headers.extend((!key.is_empty()).then_some(("idempotency-key", key)));
    headers.extend(more);
    world.try_post_to(gateway, IMPORT, &headers, world.format().write(body).as_bytes())
}

/// The points that a person has.
fn points_of(world: &World, person: &str) -> Value {
    let found = world.profiles(json!({"matching": "email", "email": format!("{person}@example.com")}));
    assert_eq!(found.len(), 1, "{found:?}");
    found[0]["loyalty_points"].clone()
}

fn assert_reused(answer: &Answer) {
    assert_eq!(answer.status, 422, "{}", answer.text);
    let told = answer.value();
    assert_eq!(told["error"], 422);
    assert!(told["error_text"].as_str().unwrap().starts_with("Idempotency-Key: used before"), "{told}");
}
