//! A database that answers and refuses in a way that may pass: for how long it is tried, and what is applied all the same.

use intake_tests::{World, until};
use serde_json::{Value, json};

const REFUSAL: &str = "RAISE 'canceling statement due to lock timeout' USING ERRCODE = 'lock_not_available'";

/// A world whose database counts the tries to insert profiles, and refuses where the condition holds on the new rows.
fn refusing(world: &World, condition: &str) {
    world.database.execute("CREATE SEQUENCE tries");
    world.database.execute(&format!(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ \
         BEGIN PERFORM nextval('tries'); IF (SELECT {condition} FROM new) THEN {REFUSAL}; END IF; RETURN NULL; END $$"
    ));
    world.database.execute(
        "CREATE TRIGGER refuse AFTER INSERT ON profiles REFERENCING NEW TABLE AS new \
         FOR EACH STATEMENT EXECUTE FUNCTION refuse()",
    );
}

fn import(world: &World, records: usize) -> String {
    let records: Vec<Value> = (0..records)
        .map(|n| json!({"email": format!("{n}@example.com"), "city": if n == 700 { "Nowhere" } else { "Riga" }}))
        .collect();
    world.import(&json!({"db_id": 1, "data": records})).job_id()
}

#[test]
fn a_delivery_has_one_patience_whatever_is_halved() {
    let world =
        World::builder().worker_arguments(&["--patience-seconds", "1"]).delivery_limit(1).buries(1).start();
    refusing(&world, "count(*) > 0");
    let status = world.ended(&import(&world, 1000));
    assert_eq!(
        (&status["status"], &status["error"], &status["attempts"]),
        (&json!("failed"), &json!(500), &json!(1)),
        "{status}"
    );
    // The pauses between two tries alone allow no more in a second; a second for each of eleven sizes has twice as many. A slow
    // machine does not come to all sizes.
    let tries = world.database.scalar("SELECT last_value FROM tries");
    assert!((2..=40).contains(&tries), "{tries}");
    until("its message is kept", || (world.queued().dead == 1).then_some(()));
}

#[test]
fn what_is_too_large_at_a_time_is_applied_in_pieces_without_any_patience() {
    let world = World::builder().worker_arguments(&["--patience-seconds", "0"]).start();
    refusing(&world, "count(*) > 100");
    let status = world.completed(&import(&world, 2500));
    assert_eq!((&status["created"], &status["attempts"]), (&json!(2500), &json!(1)), "{status}");
}

#[test]
fn a_record_that_is_refused_fails_none_before_it() {
    let world =
        World::builder().worker_arguments(&["--patience-seconds", "0"]).delivery_limit(1).buries(1).start();
    refusing(&world, "bool_or(fields ->> 'city' = 'Nowhere')");
    let status = world.ended(&import(&world, 1000));
    assert_eq!(
        (&status["status"], &status["created"], &status["attempts"]),
        (&json!("failed"), &json!(700), &json!(1)),
        "{status}"
    );
    until("its message is kept", || (world.queued().dead == 1).then_some(()));
}
