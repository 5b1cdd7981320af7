//! What was accepted later wins, field by field, whichever is applied first.

use intake_tests::{World, WorldBuilder, in_both_formats};
use serde_json::{Value, json};

fn without_worker() -> WorldBuilder {
    World::builder().workers(0)
}

in_both_formats!(with without_worker:
    what_was_accepted_later_wins_although_it_is_applied_first,
    what_says_the_same_again_counts_as_written,
    what_failed_and_is_retried_stands_where_it_stood,
);

/// Has the second of two jobs applied before the first; gives the first one's result.
fn applied_in_reverse(world: &World, first: &Value, second: &Value) -> Value {
    let job = |record: &Value| world.import(&json!({"db_id": 1, "data": [record]})).job_id();
    let first = job(first);
    let second = job(second);
    world.hold_first(|| {
        world.start_worker();
        world.completed(&second);
        assert_eq!(world.status(&first)["status"], "queued");
    });
    world.completed(&first);
    world.results(&first).remove(0)
}

fn joan(world: &World) -> Value {
    let mut found = world.profiles(json!({"matching": "email", "email": "joan@example.com"}));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn what_was_accepted_later_wins_although_it_is_applied_first(world: &World) {
    let first = json!({
        "email": "joan@example.com", "_fname": "Joan", "city": "Riga", "plan": "pro",
        "loyalty_points": 100, "interests": ["tea"],
        "subscriptions": [{
            "channel": "email", "resource_id": 28, "email": "joan@example.com", "status": "unsubscribed",
            "priority": 1, "custom_fields": {"source": "shop", "custom_field": "x"}, "cats": ["category_1"],
        }],
    });
    let second = json!({
        "email": "joan@example.com", "city": "Oslo", "plan": {"action": "unset"},
        "loyalty_points": {"action": "incr", "value": 5}, "interests": {"action": "add", "value": ["chess"]},
        "subscriptions": [{
            "channel": "email", "resource_id": 28, "email": "joan@example.com",
            "priority": 2, "custom_fields": {"source": "fair"}, "cats": ["category_2"],
        }],
    });
    let told = applied_in_reverse(world, &first, &second);
    assert_eq!(told["action"], "updated", "{told}");
    let warning = &told["warnings"][0];
    assert_eq!(warning["code"], "superseded");
    let left = ["city", "plan", "subscriptions[0].custom_fields.source", "subscriptions[0].priority"];
    for path in left {
        assert!(warning["text"].as_str().unwrap().contains(path), "{path}: {warning}");
    }
    let joan = joan(world);
    // What the later one set, or took away.
    assert_eq!((&joan["city"], joan.get("plan")), (&json!("Oslo"), None));
    // What it left alone, and what it added to.
    assert_eq!((&joan["_fname"], &joan["loyalty_points"]), (&json!("Joan"), &json!(105)));
    assert_eq!(joan["interests"], json!(["tea", "chess"]));
    let subscription = &joan["subscriptions"][0];
    assert_eq!((&subscription["priority"], &subscription["status"]), (&json!(2), &json!("unsubscribed")));
    assert_eq!(subscription["custom_fields"], json!({"source": "fair", "custom_field": "x"}));
    assert_eq!(subscription["cats"], json!(["category_1", "category_2"]));
}

fn what_says_the_same_again_counts_as_written(world: &World) {
    let moves = |city: &str| json!({"email": "joan@example.com", "city": city});
    // There already, so that the later job changes nothing.
    let before = world.import(&json!({"db_id": 1, "data": [moves("Oslo")]})).job_id();
    let older = world.import(&json!({"db_id": 1, "data": [moves("Riga")]})).job_id();
    let again = world.import(&json!({"db_id": 1, "data": [moves("Oslo")]})).job_id();
    world.hold_first(|| {
        // The one in hand is that of before; it is applied next, and the older one after the newest.
        world.hold_first(|| {
            world.start_worker();
            world.completed(&again);
        });
        world.completed(&older);
    });
    world.completed(&before);
    assert_eq!(joan(world)["city"], "Oslo");
}

fn what_failed_and_is_retried_stands_where_it_stood(world: &World) {
    world.start_worker();
    world
        .database
        .execute("ALTER TABLE profiles ADD CONSTRAINT poison CHECK (fields ->> '_lname' <> 'Poison')");
    let record = json!({"email": "joan@example.com", "city": "Riga", "_lname": "Poison"});
    let job = world.import(&json!({"db_id": 1, "data": [record]})).job_id();
    assert_eq!(world.completed(&job)["failed"], 1);
    world.database.execute("ALTER TABLE profiles DROP CONSTRAINT poison");
    let record = json!({"email": "joan@example.com", "city": "Oslo"});
    world.completed(&world.import(&json!({"db_id": 1, "data": [record]})).job_id());
    let retry = world.post_body(&format!("/api/v1.1/jobs/{job}/retry_failed"), &json!({})).job_id();
    assert_eq!(world.completed(&retry)["updated"], 1);
    assert_eq!(world.results(&retry)[0]["warnings"][0]["field"], "city");
    let joan = joan(world);
    assert_eq!((&joan["city"], &joan["_lname"]), (&json!("Oslo"), &json!("Poison")));
}
