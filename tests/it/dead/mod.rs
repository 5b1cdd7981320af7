//! Messages that could not be applied, in the hands of an operator.

mod cancelled;
mod chosen;
mod redrive;
mod retried;
mod streams;

use intake_tests::World;
use serde_json::{Value, json};

/// A world in which a job can be given up in the middle: its worker applies one record at a time, and waits before those of
/// the city `Slow`.
fn world() -> World {
    let world = World::builder()
        .worker_arguments(&["--chunk-records", "1", "--sweep-interval", "1"])
        .gateway_arguments(&["--stream-part-records", "3"])
        .start();
    world.close_gate();
    world
}

/// A record whose person counts how often it was applied.
fn counted(name: &str, city: &str) -> Value {
    let points = json!({"action": "incr", "value": 5});
    json!({"email": format!("{name}@example.com"), "city": city, "loyalty_points": points})
}

/// Gives up the job under way, before its record of the city `Slow`; waits until its message is dead.
fn give_up_slow(world: &World, dead: u32) {
    world.until_held();
    world.give_up_held();
    world.until_dead(dead);
}

/// A job of three records of which one was applied when it was given up.
fn dead_job(world: &World) -> String {
    let records = [counted("a", "Riga"), counted("b", "Slow"), counted("c", "Riga")];
    let job = world.import(&json!({"db_id": 1, "external_id": "night", "data": records})).job_id();
    give_up_slow(world, 1);
    assert_eq!(world.failed(&job)["created"], 1);
    job
}

/// How often the people were counted, by name.
fn points(world: &World) -> Vec<String> {
    world.database.texts(
        "SELECT split_part(fields ->> 'email', '@', 1) || ' ' || (fields ->> 'loyalty_points') FROM profiles ORDER BY 1",
    )
}
